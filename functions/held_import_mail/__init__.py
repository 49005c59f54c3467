"""Mails a district's contacts when an import is held (M3)."""
