"""Sends one activation email per teacher, exactly once (M8, B5)."""
