"""What arrives in the roster bucket: districts, rosters, previews and decisions (M1, M3)."""
