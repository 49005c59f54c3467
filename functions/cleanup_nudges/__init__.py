"""Nudges linked teachers who have grassroots classes to clean up (M17, B4)."""
