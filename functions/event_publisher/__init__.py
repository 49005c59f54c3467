"""The outbox's way out: facts that the platform must act on, at least once, with an id to tell repeats."""
