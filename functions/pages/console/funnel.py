"""The funnel as the overview draws it: how many people are at each place, over time and by school (B7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from functions.pages.console.access import Access
from functions.pages.console.at_place import ANY
from functions.pages.dependencies import Services
from shared.domain.funnel import Counts, Place, school_tag
from shared.domain.roster import Role

if TYPE_CHECKING:
    from shared.stores.counts import Counted

SCHOOLS_SHOWN = 25
WIDTH, HEIGHT = 600, 100
"""Of a drawing, in its own units."""
_DAYS_SHOWN = 120
ROLES = (Role.TEACHER, Role.STUDENT)
PLACES: Mapping[Role, tuple[Place, ...]] = {
    Role.TEACHER: tuple(Place),
    Role.STUDENT: (Place.ROSTERED, Place.MATCHED, Place.LINKED),
}
"""The places that somebody of this role can be at: students are never mailed, and have no classes to clean up."""


@dataclass(frozen=True, slots=True)
class Part:
    """A place, how many are at it, where they are listed, and its part of the bar."""

    place: Place
    number: int
    address: str
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Area:
    """A place's part of the drawing over time: the corners of an area."""

    place: Place
    points: str


@dataclass(frozen=True, slots=True)
class RoleShown:
    """How far those of a role are, and were."""

    role: Role
    total: int
    parts: tuple[Part, ...]
    areas: tuple[Area, ...]

    @property
    def by_place(self) -> dict[Place, Part]:
        return {part.place: part for part in self.parts}


@dataclass(frozen=True, slots=True)
class SchoolShown:
    """A school: of each role how many there are, how many of them are linked, and where each of these are listed."""

    name: str
    numbers: Mapping[Role, tuple[int, int]]
    addresses: Mapping[Role, str]


@dataclass(frozen=True, slots=True)
class DayShown:
    """How many of each role were on the roster at the end of a day, and how many of them linked."""

    day: date
    numbers: Mapping[Role, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class FunnelShown:
    as_of: str
    roles: tuple[RoleShown, ...]
    schools: tuple[SchoolShown, ...]
    next_schools: int
    """From which school on the next page of them begins; 0 where there are no more."""
    days: tuple[DayShown, ...]
    """The newest first; none for who sees single schools."""


def funnel_of(services: Services, access: Access, begins: str, first_school: int = 0) -> FunnelShown | None:
    """What who is here may see of the funnel: two reads. None where nothing was counted yet. ``begins`` says where lists of
    people begin (``people_search.FilePlace``)."""
    counted = services.counts.of_district(access.district_id, access.district.zone)
    if not (counted.is_whole and counted.as_of):
        return None
    names = services.districts.schools(access.district_id)
    tags = None if access.schools is None else frozenset(map(school_tag, access.schools))
    days = _days(counted.days) if access.is_whole else {}
    lists = Lists(access.district_id, begins)
    roles = tuple(_role(lists, counted.counts, role, tags, days) for role in ROLES)
    schools = _schools(access, lists, counted, names)
    shown = schools[first_school : first_school + SCHOOLS_SHOWN]
    more = first_school + SCHOOLS_SHOWN if len(schools) > first_school + SCHOOLS_SHOWN else 0
    told = tuple(DayShown(day, _numbers(days[day])) for day in sorted(days, reverse=True)[:14])
    return FunnelShown(counted.as_of, roles, tuple(shown), more, told)


@dataclass(frozen=True, slots=True)
class Lists:
    """Where people are listed."""

    district_id: str
    begins: str

    def address(self, place: Place | None, role: Role, school_id: str = "") -> str:
        """Of those at a place; without one, of all of the role."""
        asked = {"place": place.value if place else ANY, "role": role.value, "school": school_id, "from": self.begins}
        return (
            f"/console/{self.district_id}/people?{urlencode({name: value for name, value in asked.items() if value})}"
        )


def _role(
    lists: Lists, counts: Counts, role: Role, tags: frozenset[str] | None, days: Mapping[date, Counts]
) -> RoleShown:
    at = counts.places(role, tags)
    total = sum(at.values())
    parts: list[Part] = []
    x = 0.0
    for place in PLACES[role]:
        width = WIDTH * at[place] / total if total else 0.0
        parts.append(Part(place, at[place], lists.address(place, role), round(x, 1), round(width, 1)))
        x += width
    return RoleShown(role, total, tuple(parts), _areas(role, days))


def _days(days: Mapping[date, Counts]) -> dict[date, Counts]:
    """The last days on which something changed, and the newest."""
    if not days:
        return {}
    begins = max(days) - timedelta(days=_DAYS_SHOWN)
    return {day: counts for day, counts in days.items() if day >= begins}


def _areas(role: Role, days: Mapping[date, Counts]) -> tuple[Area, ...]:
    """Of each place an area, one upon the other, the furthest place at the bottom; nothing for a single day."""
    ordered = sorted(days)
    most = max((sum(days[day].places(role).values()) for day in ordered), default=0)
    if len(ordered) < 2 or not most:
        return ()
    span = (ordered[-1] - ordered[0]).days
    xs = [round(WIDTH * (day - ordered[0]).days / span, 1) for day in ordered]
    at = [days[day].places(role) for day in ordered]
    below = [0.0] * len(ordered)
    areas: list[Area] = []
    for place in reversed(PLACES[role]):
        above = [low + HEIGHT * each[place] / most for low, each in zip(below, at, strict=True)]
        areas.append(Area(place, _corners(xs, above, below)))
        below = above
    return tuple(areas)


def _corners(xs: Sequence[float], above: Sequence[float], below: Sequence[float]) -> str:
    """An area between two lines, as SVG has it: from the top down. A number stays until the day of the next one."""
    there = [f"{x},{round(HEIGHT - y, 1)}" for x, y in _steps(xs, above)]
    back = [f"{x},{round(HEIGHT - y, 1)}" for x, y in reversed(_steps(xs, below))]
    return " ".join((*there, *back))


def _steps(xs: Sequence[float], ys: Sequence[float]) -> list[tuple[float, float]]:
    points: list[tuple[float, float]] = []
    for n, (x, y) in enumerate(zip(xs, ys, strict=True)):
        if n:
            points.append((x, ys[n - 1]))
        points.append((x, y))
    return points


def _numbers(counts: Counts, tags: frozenset[str] | None = None) -> dict[Role, tuple[int, int]]:
    """Of each role how many there are, and how many are linked."""
    found: dict[Role, tuple[int, int]] = {}
    for role in ROLES:
        at = counts.places(role, tags)
        found[role] = sum(at.values()), at[Place.LINKED] + at[Place.CLEANED_UP]
    return found


def _schools(access: Access, lists: Lists, counted: Counted, names: Mapping[str, str]) -> list[SchoolShown]:
    """The schools with anybody in them, by name; those without a name by their id, and what has no school last."""
    by_tag = counted.counts.by_school()
    known = {school_tag(school_id): (school_id, name or school_id) for school_id, name in names.items()}
    found: list[tuple[str, SchoolShown]] = []
    for tag, counts in by_tag.items():
        school_id, name = known.get(tag, ("", ""))
        numbers = _numbers(counts)
        if (access.schools is not None and school_id not in access.schools) or not any(
            all_ for all_, _ in numbers.values()
        ):
            continue
        addresses = {role: lists.address(None, role, school_id) for role in ROLES if school_id}
        found.append((name or "\U0010ffff", SchoolShown(name, numbers, addresses)))
    return [shown for _, shown in sorted(found, key=lambda each: each[0].casefold())]
