"""Time, ids and randomness: the types in which they are passed in, and the real ones."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

type Clock = Callable[[], datetime]
"""Returns the present moment, always in UTC."""

type NewId = Callable[[], str]
"""Returns a new id: unguessable, unique, without meaning."""


def utc_now() -> datetime:
    """The real clock."""
    return datetime.now(UTC)


def new_id() -> str:
    """A random id of 32 hexadecimal digits (122 random bits)."""
    return uuid.uuid4().hex


def new_secret() -> str:
    """A secret of 256 random bits, safe in an address and in a cookie."""
    return secrets.token_urlsafe(32)


def new_digits(count: int) -> str:
    """So many random digits: a code that somebody types."""
    return f"{secrets.randbelow(10**count):0{count}d}"


def to_iso(moment: datetime) -> str:
    """UTC with milliseconds and a ``Z``; such texts sort by time.

    >>> to_iso(datetime(2026, 9, 1, 7, 30, tzinfo=UTC))
    '2026-09-01T07:30:00.000Z'
    """
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_iso(text: str) -> datetime:
    """Return the moment of an ISO 8601 text; without a zone it is UTC."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
