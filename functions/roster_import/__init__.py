"""Receives uploads in the roster bucket: settings, rosters, previews and decisions (M1, M3)."""
