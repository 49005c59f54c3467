"""Tells both sides that a link was made or undone (B2)."""
