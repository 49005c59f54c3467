"""Doubles of the hubs, each a real HTTP server at whose sign-in page anybody can be signed in as (B9)."""
