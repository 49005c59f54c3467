"""One activation mail per teacher, exactly once (M8, B5)."""
