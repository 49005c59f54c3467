"""The digest: what a district's administrators are told each week of the grassroots classes that are left (M17)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain.district import WEEKDAYS, District
from shared.domain.school_calendar import moment_of, next_allowed


@dataclass(frozen=True, slots=True)
class RemainingClasses:
    """How many grassroots classes one teacher still has to clean up, and the teacher's school."""

    school_id: str | None
    classes: int


@dataclass(frozen=True, slots=True)
class SchoolRemainder:
    """What is left in one school; ``school_id`` is None for those of no school."""

    school_id: str | None
    classes: int
    teachers: int


def by_school(left: Iterable[RemainingClasses]) -> list[SchoolRemainder]:
    """What is left in each school, the most first. Numbers alone: nobody's name is in a digest."""
    classes: Counter[str | None] = Counter()
    teachers: Counter[str | None] = Counter()
    for one in left:
        classes[one.school_id] += one.classes
        teachers[one.school_id] += 1
    schools = [SchoolRemainder(school, number, teachers[school]) for school, number in classes.items() if number]
    return sorted(schools, key=lambda one: (-one.classes, one.school_id or ""))


def next_digest_at(district: District, now: datetime) -> datetime:
    """The district's next weekday for it, from tomorrow on, in school hours; where that is no school day the next one is."""
    wanted = WEEKDAYS.index(district.digest.weekday) if district.digest else 0
    today = now.astimezone(district.zone).date()
    day = today + timedelta(days=(wanted - today.weekday() - 1) % 7 + 1)
    return next_allowed(district, moment_of(district, day))
