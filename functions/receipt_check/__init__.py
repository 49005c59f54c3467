"""Compares what was there before some links with what is there now, others each hour (M13–M16)."""
