"""Nights that ask for what changed, and what is made of the answers (docs/decisions/0111-a-night-may-ask-for-what-changed.md).

A source is believed as far as it shows: each row has to say when it changed, with a time zone, and none may be older than what was
asked for. Else everything is fetched, in the same night. Once a week everything is fetched right behind the changes, and what it
still finds is counted: a source that leaves rows out is not asked by date again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from shared.domain.clock import from_iso, to_iso

_MARGIN = timedelta(minutes=10)
"""So much earlier than the last fetch began is asked for: rows may be dated before they can be read."""
_ROUNDED = timedelta(seconds=1)
_KINDS = ("users", "classes", "enrollments")
_TOLD = ("created", "changed", "removed")


class NotByDate(Exception):
    """The source does not keep to what it is asked for: everything has to be fetched."""


def asked_since(since: str) -> str:
    """The moment to ask for, where the last fetch began at ``since``."""
    return to_iso(from_iso(since) - _MARGIN)


def check_dates(dates: Iterable[str], since: str) -> None:
    """Whether rows are what was asked for. Raises NotByDate."""
    first = from_iso(since) - _ROUNDED
    if any((moment := moment_of(date)) is None or moment < first for date in dates):
        raise NotByDate


def moment_of(date: str) -> datetime | None:
    """When a row changed; None for what names no moment, as a date without a time zone.

    >>> moment_of("2026-09-01T02:00:00") is None
    True
    """
    try:
        moment = datetime.fromisoformat(date.strip())
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def drift_of(report: Mapping[str, Any], late: int) -> int:
    """How much the report of a whole roster, right behind the changes, has that they did not tell. ``late`` rows changed since."""
    found = sum(int(report[kind][what]) for kind in _KINDS for what in _TOLD)
    return max(0, found - late)
