"""The digest: the weekly mail that counts the grassroots classes that are left, by school (M17)."""

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
    """What is left in one school; ``school_id`` is None for teachers without a school."""

    school_id: str | None
    classes: int
    teachers: int


def by_school(left: Iterable[RemainingClasses]) -> list[SchoolRemainder]:
    """Return what is left in each school, the most first. No digest has anybody's name."""
    classes: Counter[str | None] = Counter()
    teachers: Counter[str | None] = Counter()
    for remaining in left:
        classes[remaining.school_id] += remaining.classes
        teachers[remaining.school_id] += 1
    schools = [SchoolRemainder(school, number, teachers[school]) for school, number in classes.items() if number]
    return sorted(schools, key=lambda school: (-school.classes, school.school_id or ""))


def next_digest_at(district: District, now: datetime) -> datetime:
    """The next of the district's weekdays for it, from tomorrow on, in school hours; the next school day if it is none."""
    wanted = WEEKDAYS.index(district.digest.weekday) if district.digest else 0
    today = now.astimezone(district.zone).date()
    day = today + timedelta(days=(wanted - today.weekday() - 1) % 7 + 1)
    return next_allowed(district, moment_of(district, day))
