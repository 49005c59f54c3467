"""Tells a district's contacts of an import that waits for a person (M3)."""
