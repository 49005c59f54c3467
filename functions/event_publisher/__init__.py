"""Publishes events from the outbox: at least once, with an id by which consumers tell repeats."""
