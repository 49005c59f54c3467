"""Let the rule look at every night and at bad uploads of simulated school years, and count what it holds."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from random import Random

from shared.domain import district as settings
from shared.domain.harm import Harm
from shared.domain.ordinary_nights import Classes, History, OfGrade, OfSchool, Unusual, unusual
from shared.domain.ordinary_nights import Night as Import
from simulation.school_years import rates
from simulation.school_years.disasters import Disaster, disaster
from simulation.school_years.district import District, Night, Tally
from simulation.school_years.nights import nights_of

MOST_FALSE_HOLDS, LEAST_OF_SMALL = 0.2, 0.95
"""A district and year; share of the small bad uploads that are held."""
BANDS = ((300, 1_000), (1_000, 5_000), (5_000, 20_000), (20_000, 200_001))


@dataclass(slots=True)
class Found:
    """What came of the years of districts of one size."""

    years: int = 0
    nights: int = 0
    graduations: int = 0
    """Nights in which the highest grade leaves, told as such."""
    held: Counter[str] = field(default_factory=Counter)
    """By what the night was: ``rollover``, ``ids_changed``; "" for an ordinary one, held in vain."""
    by_rule: Counter[str] = field(default_factory=Counter)
    """Nights held in vain, by what was unusual."""
    tried: Counter[str] = field(default_factory=Counter)
    caught: Counter[str] = field(default_factory=Counter)
    """Bad uploads by size."""
    caught_by_rule: Counter[str] = field(default_factory=Counter)
    missed: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Bad uploads that were not held, by size and kind."""

    def add(self, other: Found) -> None:
        self.years += other.years
        self.nights += other.nights
        self.graduations += other.graduations
        for mine, others in (
            (self.held, other.held),
            (self.by_rule, other.by_rule),
            (self.tried, other.tried),
            (self.caught, other.caught),
            (self.caught_by_rule, other.caught_by_rule),
        ):
            mine.update(others)
        self.missed.update(other.missed)

    @property
    def false_holds(self) -> float:
        """A district and year."""
        return self.held[""] / max(1, self.years)

    def share(self, size: str) -> float:
        """The share of bad uploads of a size that were held."""
        return self.caught[size] / self.tried[size] if self.tried[size] else 1.0

    def missed_of(self, size: str) -> dict[str, int]:
        """Bad uploads of this size that were not held, by kind."""
        return {kind: number for (of_size, kind), number in self.missed.items() if of_size == size}

    @property
    def holds(self) -> bool:
        """Whether the bars are met."""
        return (
            self.false_holds <= MOST_FALSE_HOLDS
            and self.caught["large"] == self.tried["large"]
            and self.share("small") >= LEAST_OF_SMALL
        )


def sizes(number: int) -> list[int]:
    """People of so many districts."""
    step = math.log(rates.LARGEST / rates.SMALLEST) / max(1, number - 1)
    return [round(rates.SMALLEST * math.exp(step * place)) for place in range(number)]


def carry_out(
    districts: int, years: int, *, seed: int, own_rates: rates.Rates = rates.RATES, disasters: int
) -> Iterator[tuple[int, Found]]:
    """Simulate the years of districts of all sizes; what was found for each, with its size."""
    for place, people in enumerate(sizes(districts)):
        yield people, _District(people, seed * 1_000_003 + place, own_rates).live(years, disasters)


class _District:
    """Lives through school years."""

    def __init__(self, people: int, seed: int, own_rates: rates.Rates) -> None:
        self._district = District.drawn(people, Random(seed), own_rates)
        self._rng = Random(seed + 1)
        self._settings = settings.District(
            district_id="simulated", name="Simulated", email_domains=(), time_zone="America/Chicago"
        )
        self._history = History()
        self._since: date | None = None
        self._grades = self._district.of_grades
        """How many students of each grade the last upload had."""
        self._found = Found()

    def live(self, years: int, disasters: int) -> Found:
        for year in range(2026, 2026 + years):
            self._found.years += 1
            for night in nights_of(self._district, year):
                # A year has about 210 such nights.
                while self._rng.random() < disasters / (disasters + 210):
                    self._try(night)
                self._import(night)
        return self._found

    def _import(self, night: Night) -> None:
        found, import_ = self._found, self._as_import(night.day, night.tallies)
        found.nights += 1
        if reason := unusual(import_, self._history, self._settings):
            found.held[night.to_be_asked] += 1
            found.graduations += reason.graduates
            if not night.to_be_asked:
                found.by_rule[_rule(reason)] += 1
        self._history = History.from_text(self._history.to_text())
        if not night.begins_year and not (reason and reason.graduates):
            self._history.note(import_, self._settings)
        self._since = night.day
        self._grades = self._district.of_grades

    def _try(self, night: Night) -> None:
        low, high = rates.DISASTER_SIZE
        bad = disaster(self._district, low * (high / low) ** self._rng.random(), self._rng)
        self._judge(bad, night)

    def _judge(self, bad: Disaster, night: Night) -> None:
        size = bad.size(self._district)
        self._found.tried[size] += 1
        together = {place: Tally() for place in {*night.tallies, *bad.tallies}} if not night.to_be_asked else {}
        for tallies in (night.tallies, bad.tallies) if together else ():
            for place, tally in tallies.items():
                together[place].add(tally)
        import_ = self._as_import(night.day, together or bad.tallies, bad)
        if reason := unusual(import_, self._history, self._settings):
            self._found.caught[size] += 1
            self._found.caught_by_rule[_rule(reason)] += 1
        else:
            self._found.missed[size, bad.kind] += 1

    def _as_import(
        self,
        day: date,
        tallies: Mapping[int, Tally],
        bad: Disaster | None = None,
    ) -> Import:
        """An import of these changes; the district has made those already that are not the ``bad`` upload's."""
        district, sums = self._district, Tally()
        not_applied = bad.tallies if bad else {}
        schools: dict[str, OfSchool] = {}
        for place, tally in tallies.items():
            school = district.schools[place]
            there_still = not_applied.get(place, Tally())
            stood = school.people - tally.students_came + tally.students_left - there_still.students_left
            schools[school.name] = OfSchool(stood, min(stood, tally.hurt), tally.renamed)
            sums.add(tally)
        there_still = sum(tally.students_left for tally in not_applied.values())
        pupils = district.pupils - sums.students_came + sums.students_left - there_still
        harm = Harm(
            pupils + district.staff,
            district.staff,
            sums.students_left,
            sums.staff_left,
            sums.altered,
            sums.renamed,
            sums.thinned,
            sums.swapped,
            sums.students_came,
        )
        gone = sums.sections_gone + sums.sections_replaced
        classes = Classes(district.sections, gone, sums.sections_replaced)
        return Import.of(harm, classes, schools, day=day, since=self._since, grades=self._of_grades(bad, tallies))

    def _of_grades(self, bad: Disaster | None, tallies: Mapping[int, Tally]) -> dict[str, OfGrade]:
        """What becomes of each grade; where the bad upload comes alone, the night's own changes stand before it."""
        district = self._district
        now = district.of_grades
        before = now if bad and tallies is bad.tallies else self._grades
        lost = bad.lost_of_grades(district) if bad else [0] * len(now)
        return {f"{grade:02}": OfGrade(stood, now[grade] - lost[grade]) for grade, stood in enumerate(before) if stood}


def _rule(reason: Unusual) -> str:
    return f"{reason.measure.value} of a school" if reason.school else reason.measure.value
