"""Names and addresses that their owner recognises and nobody else learns."""

from __future__ import annotations


def mask_name(name: str) -> str:
    """A name of which only the ends are shown. Where it is an email address, its domain is shown, too.

    >>> mask_name("ada.lovelace"), mask_name("ada.lovelace@school.example")
    ('a…e', 'a…e@school.example')
    >>> mask_name('"ada@home"@school.example')
    '"…"@school.example'
    """
    local, at_sign, domain = name.rpartition("@") if "@" in name else (name, "", "")
    return f"{local[:1]}…{local[-1:] if len(local) > 2 else ''}{at_sign}{domain}"


def mask_email(address: str | None) -> str | None:
    """An address of which only the domain, and the ends of what stands before it, are shown; None for none."""
    return mask_name(address) if address else None
