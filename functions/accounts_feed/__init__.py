"""The platform's existing accounts, and the matches that follow when accounts come later (M6, M7)."""
