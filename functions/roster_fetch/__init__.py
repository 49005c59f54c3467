"""Fetches districts' rosters from their sources, at night and when told (B10)."""
