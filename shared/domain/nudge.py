"""The nudge: when a linked teacher is reminded of grassroots classes to clean up (M17, B4)."""

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
    """When the next nudge is due after ``sent`` of them; None after the last one."""
    spaces = district.nudges.repeat_after_days
    if sent > len(spaces):
        return None
    return next_allowed(district, now + timedelta(days=spaces[sent - 1])) if sent else first_nudge_at(district, now)


def look_again_at(district: District, now: datetime) -> datetime:
    """When a teacher without an obsolete class is looked at again; links and rosters may have changed by then."""
    return next_allowed(district, now + timedelta(days=_LOOK_AGAIN_DAYS))


def left_to_clean_up(classes: Iterable[GrassrootsClass]) -> list[GrassrootsClass]:
    """The classes that their teacher has neither deleted nor decided to keep: a nudge may name them."""
    return [each for each in classes if each.deleted_at is None and each.kept_at is None]
