"""Moments as people of a district read them."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from shared.domain.clock import from_iso
from shared.runtime.i18n import long_date


class Moments:
    """In the district's own time."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone

    def __call__(self, at: str | None, language: str) -> str:
        """The day, and the time of day; empty for no moment."""
        if not at:
            return ""
        local = from_iso(at).astimezone(self._zone)
        return f"{long_date(language, local.date())}, {local:%H:%M}"
