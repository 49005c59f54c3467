"""Loads the accounts of the platform, and matches people who waited for them (M6, M7)."""
