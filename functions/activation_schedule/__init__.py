"""Queues activations and reminders that are due."""
