"""What a code of a report means, for whoever reads the report (M2)."""
