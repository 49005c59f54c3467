"""Simulated school years: the nights of districts of every size, and bad uploads among them (B15)."""
