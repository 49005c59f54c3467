"""The first morning: a million students log in for the first time within half an hour (docs/morning.md)."""
