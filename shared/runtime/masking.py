"""Names and addresses that their owner recognises and nobody else learns."""

from __future__ import annotations


def masked(address: str | None) -> str | None:
    """An address of which only the domain, and the ends of what stands before it, are shown."""
    if not address:
        return None
    local, _, domain = address.partition("@")
    return f"{veiled(local)}@{domain}"


def veiled(name: str) -> str:
    """A name of which only its ends are shown."""
    local, at, domain = name.partition("@")
    return f"{local[:1]}…{local[-1:] if len(local) > 2 else ''}{at}{domain}"
