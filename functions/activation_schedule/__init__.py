"""Activations that waited for their day go into the queue."""
