"""Nudges linked teachers whose grassroots classes are still about (M17, B4)."""
