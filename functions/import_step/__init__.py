"""The steps of an import: split, people, classes, gate, apply, match, finish (M1–M8)."""
