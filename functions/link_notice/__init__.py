"""Mails both sides when a link is made or undone (B2)."""
