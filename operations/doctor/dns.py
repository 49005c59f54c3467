"""Public DNS, as a receiver of mail sees it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import dns.exception
import dns.resolver

type Lookup = Callable[[str, str], list[str]]
"""(name, type) → the records as text, without quotes and final dots; none where there is no such name.

Raises DnsUnreachable.
"""

_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class DnsUnreachable(Exception):
    """No name server answered."""

    name: str


def lookup(name: str, kind: str) -> list[str]:
    """Ask the resolver of this machine. Raises DnsUnreachable."""
    try:
        answer = dns.resolver.resolve(name, kind, lifetime=_SECONDS)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except dns.exception.DNSException as error:
        raise DnsUnreachable(name) from error
    return [_text(record.to_text()) for record in answer]


def _text(record: str) -> str:
    """A long TXT record comes in several quoted parts, which are one text."""
    return record.replace('" "', "").strip('"').rstrip(".")
