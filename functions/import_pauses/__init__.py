"""Tells of pauses, starts what waited for the end of one (M1), and tells of sources whose rosters do not come (B10)."""
