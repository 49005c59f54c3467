"""The safety check: an import that would do more harm than the district's ordinary nights waits for a person (M3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from shared.domain.district import District
from shared.domain.harm import Fate
from shared.domain.ordinary_nights import History, Measure, Night, Unusual, unusual
from shared.domain.report import Counts, Kind

_SMALLEST_FOR_PERCENT = 20
_FEWEST_REUSED = 3
"""So many numbers that name somebody else wait for a person; fewer people begin anew (M19)."""
_ROLLOVER_PERCENT, _ROLLOVER_COUNT, _ROLLOVER_PERCENT_OF_SCHOOL = 10, 50, 50
_WORDS = {Kind.USERS: "people", Kind.CLASSES: "classes", Kind.ENROLLMENTS: "enrollments"}


@dataclass(frozen=True, slots=True)
class Rollover:
    """A school year begins with this import: which one stood, and which one comes; empty where a date of the district's
    says so and the roster names none."""

    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Outlook:
    """What an import would do. ``ended`` are removals because a term is over: they are no mistake."""

    counts: Mapping[Kind, Counts]
    standing: Mapping[str, int]
    schools: Mapping[str, Mapping[Kind, Fate]] = field(default_factory=dict)
    """By school and kind."""
    ended: Mapping[Kind, int] = field(default_factory=dict)
    reused: int = 0
    """How many ids name another person than before."""
    reused_ids: tuple[str, ...] = ()
    """Some of them."""
    rollover: Rollover | None = None
    header_only: Mapping[Kind, str] = field(default_factory=dict)
    """By kind: the file that has a header and no rows."""
    night: Night | None = None
    """The import as one of its district's nights; None where nothing stood."""
    history: History = field(default_factory=History)

    def removed(self, kind: Kind) -> int:
        return max(0, self.counts[kind].removed - self.ended.get(kind, 0))


def held_because(outlook: Outlook, district: District) -> dict[str, str] | None:
    """The reason, in numbers, why this import waits for a person; None when it may go on.

    A first import never waits: there is nothing to lose. What is unusual for the district holds, and so do the thresholds
    that it sets; a percentage counts from 20 up, and so does the suspicion that a file without rows was cut off.
    """
    if outlook.reused >= _FEWEST_REUSED:
        more = " …" if outlook.reused > len(outlook.reused_ids) else ""
        return {
            "code": "id_reused",
            "message": (
                f"{outlook.reused} ids name another person than before, with another name and address: "
                f"{', '.join(outlook.reused_ids)}{more}. Nothing was written. Approve this if these are the same people, or "
                "give the new people ids of their own and upload again."
            ),
        }
    for kind, file in outlook.header_only.items():
        if (stood := outlook.standing.get(kind, 0)) >= _SMALLEST_FOR_PERCENT:
            return {
                "code": "header_only",
                "message": (
                    f"{file} has a header and no rows, while {stood} {_WORDS[Kind(kind)]} stand. Nothing was written. Export it "
                    "again and upload; approve this only if all of them are to be removed."
                ),
            }
    limits = _Limits.of(district, begins_year=outlook.rollover is not None)
    reason = next(_beyond_thresholds(outlook, limits), None) or _unusual(outlook, district)
    if reason and outlook.rollover:
        return _of_a_rollover(outlook, outlook.rollover, reason)
    return reason


@dataclass(frozen=True, slots=True)
class _Limits:
    """Fixed thresholds; None for none."""

    percent: float | None
    count: int | None
    percent_of_school: float | None

    @classmethod
    def of(cls, district: District, *, begins_year: bool) -> _Limits:
        """What the district sets; about a new school year a person is asked in any case where much of the old one goes."""
        own = cls(
            district.removal_threshold_percent,
            district.removal_threshold_count,
            district.school_removal_threshold_percent,
        )
        if not begins_year:
            return own
        return cls(
            _ROLLOVER_PERCENT if own.percent is None else own.percent,
            _ROLLOVER_COUNT if own.count is None else own.count,
            _ROLLOVER_PERCENT_OF_SCHOOL if own.percent_of_school is None else own.percent_of_school,
        )


def _beyond_thresholds(outlook: Outlook, limits: _Limits) -> Iterator[dict[str, str]]:
    count_limit, percent_limit = limits.count, limits.percent
    for kind, words in _WORDS.items():
        stood = outlook.standing.get(kind, 0)
        verbs = [("remove", outlook.removed(kind))]
        if kind is Kind.USERS:
            verbs.append(("change", outlook.counts[kind].changed))
        for verb, number in verbs:
            if not stood:
                continue
            if kind is Kind.USERS and count_limit is not None and number > count_limit:
                yield _reason(verb, number, stood, words, f"the district's limit is {count_limit}")
            if percent_limit is not None and stood >= _SMALLEST_FOR_PERCENT and 100 * number / stood > percent_limit:
                yield _reason(verb, number, stood, words, f"the district's limit is {percent_limit:g} %")
    if limits.percent_of_school is not None:
        yield from _beyond_school_threshold(outlook, limits.percent_of_school)


def _beyond_school_threshold(outlook: Outlook, limit: float) -> Iterator[dict[str, str]]:
    for school_id, fates in sorted(outlook.schools.items()):
        for kind, words in _WORDS.items():
            fate = fates.get(kind, Fate())
            if fate.stood >= _SMALLEST_FOR_PERCENT and 100 * fate.removed / fate.stood > limit:
                of_school = f"{words} of the school {school_id}"
                yield _reason("remove", fate.removed, fate.stood, of_school, f"the limit for a school is {limit:g} %")


_HARM: Final[Mapping[Measure, str]] = {
    Measure.STUDENTS: "remove {} students",
    Measure.STAFF: "remove {} teachers and administrators",
    Measure.ALTERED: "change the address, role or whole name of {} people",
    Measure.RENAMED: "change one of the names of {} people",
    Measure.THINNED: "take classes from {} people",
    Measure.CLASSES: "remove {} classes that are not over",
    Measure.REPLACED: "replace {} classes that are not over",
    Measure.HURT: "remove, change or take classes from {} people",
}


def _unusual(outlook: Outlook, district: District) -> dict[str, str] | None:
    found = unusual(outlook.night, outlook.history, district) if outlook.night else None
    if found is None or outlook.night is None:
        return None
    if found.graduates:
        return _of_graduates(found)
    if found.grade:
        would = f"leave out the grade {found.grade}: remove {found.number} of its {found.stood} students"
        return _waits("too_many_removed", would)
    of_school = f" of the school {found.school}" if found.school else ""
    where = "its size" if found.school else "this district now"
    return _waits(
        "too_many_changed" if _mostly_changes(found, outlook.night) else "too_many_removed",
        f"{_HARM[found.measure].format(f'{found.number} of {found.stood}')}{of_school}; up to {found.limit} are usual for "
        f"{where}",
    )


def _of_graduates(found: Unusual) -> dict[str, str]:
    """The graduates leave before the new year's roster comes: that is part of the change of school years."""
    return {
        "code": "rollover",
        "message": (
            f"This upload removes {found.number} of {found.stood} students of the grade {found.grade}, the highest one, as at "
            "the end of a school year. Nothing was written. Approve it if they have graduated, reject it if not, or upload a "
            "corrected roster."
        ),
    }


def _mostly_changes(found: Unusual, night: Night) -> bool:
    changed = sum(night.numbers.get(measure, 0) for measure in (Measure.ALTERED, Measure.RENAMED))
    return found.measure in (Measure.ALTERED, Measure.RENAMED) or (
        found.measure is Measure.HURT and 2 * changed > night.numbers.get(Measure.HURT, 0)
    )


def _reason(verb: str, number: int, stood: int, words: str, limit: str) -> dict[str, str]:
    code = f"too_many_{verb}d" if verb.endswith("e") else f"too_many_{verb}ed"
    return _waits(code, f"{verb} {number} of {stood} {words}; {limit}")


def _waits(code: str, would: str) -> dict[str, str]:
    return {
        "code": code,
        "message": (
            f"This upload would {would}. Nothing was written. "
            "Approve it if this is meant, reject it if not, or upload a corrected roster."
        ),
    }


def _of_a_rollover(outlook: Outlook, rollover: Rollover, reason: dict[str, str]) -> dict[str, str]:
    year = f"the school year {rollover.after}" if rollover.after else "a new school year"
    parts = [
        f"{outlook.counts[kind].removed} of {outlook.standing.get(kind, 0)} {words} leave and "
        f"{outlook.counts[kind].created} are new"
        for kind, words in _WORDS.items()
    ]
    first = reason["message"].partition(". ")[0]
    return {
        "code": "rollover",
        "message": (
            f"This upload begins {year}: {'; '.join(parts)}. {first}. Nothing was written. Approve it if these numbers fit "
            "the new year, reject it if not, or upload a corrected roster."
        ),
    }


class Standing(Protocol):
    """What was last applied, as far as a school year goes."""

    @property
    def school_year(self) -> str: ...
    @property
    def on(self) -> str:
        """The district's day on which it was read, YYYY-MM-DD."""


def rollover_of(before: Standing | None, school_year: str, district: District, on: str) -> Rollover | None:
    """Whether a school year begins: the roster names a later one than what stands, or, where no roster names any, the
    district's date has passed since.

    ``before`` is the standing snapshot; ``on`` is today, YYYY-MM-DD.
    """
    if before is None:
        return None
    if before.school_year and school_year > before.school_year:
        return Rollover(before.school_year, school_year)
    starts = district.school_year_starts
    names_years = before.school_year or school_year
    if starts and not names_years and before.on and before.on < starts.isoformat() <= on:
        return Rollover(before.school_year, school_year)
    return None
