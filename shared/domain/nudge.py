"""The nudge: when a linked teacher may be reminded of classes that are still about (M17, B4)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from shared.domain.account import GrassrootsClass
from shared.domain.district import District
from shared.domain.school_calendar import next_allowed

_LOOK_AGAIN_DAYS = 14


def first_nudge_at(district: District, linked_at: datetime) -> datetime:
    """When the first nudge is due: after the district's grace time, within its hours."""
    return next_allowed(district, linked_at + timedelta(days=district.nudges.first_after_days))


def nudge_after(district: District, sent: int, now: datetime) -> datetime | None:
    """When the next nudge is due after ``sent`` of them; None when there were enough."""
    spaces = district.nudges.repeat_after_days
    if sent > len(spaces):
        return None
    return next_allowed(district, now + timedelta(days=spaces[sent - 1])) if sent else first_nudge_at(district, now)


def look_again_at(district: District, now: datetime) -> datetime:
    """When a teacher is looked at again who has no class that a nudge could name: links and rosters change until then."""
    return next_allowed(district, now + timedelta(days=_LOOK_AGAIN_DAYS))


def still_about(classes: Iterable[GrassrootsClass]) -> list[GrassrootsClass]:
    """The grassroots classes that a nudge may be about: those that their teacher has neither deleted nor said to keep."""
    return [one for one in classes if one.deleted_at is None and one.kept_at is None]
