"""Tells administrators each week how many classes from before are left, by school (M17)."""
