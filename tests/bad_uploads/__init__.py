"""Uploads that nobody meant to send: good rosters, broken on purpose, and what a data manager is to be told of each."""
