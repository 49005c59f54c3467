"""Tells of pauses, and starts what waited for the end of one (M1)."""
