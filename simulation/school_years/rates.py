"""How much moves in a district's year, and which years are simulated; fixed before the rule that they try was written.

A range is drawn from once for each district. Shares are of the people (or sections) that there are; where the facts on
roster formats name a rate, it is that one.
"""

from __future__ import annotations

from dataclasses import dataclass

type Range = tuple[float, float]

SEED = 20260826
SMALLEST, LARGEST = 300, 200_000
"""People of the districts; their sizes are spread evenly over the orders of magnitude between."""
DISTRICTS = 120
YEARS_OF_EACH = 3
"""The first year of each begins without any history."""
DISASTERS_A_YEAR = 60
"""Bad uploads that are tried on nights of each year, each on its own: none of them is applied."""
DISASTER_SIZE: Range = (0.01, 1.0)
"""Share of the people that a bad upload is aimed at; spread evenly over the orders of magnitude, so that most are small."""


@dataclass(frozen=True, slots=True)
class Rates:
    """What is ordinary in a year."""

    # Students who come and go.
    leave_in_a_year: Range = (0.075, 0.10)
    """As many come: 15 to 20 % move in or out."""
    leave_in_august: float = 0.45
    leave_at_semester: float = 0.15
    """Shares of those who leave; the others do so on the nights of the year between."""
    no_shows: Range = (0.01, 0.04)
    """Students dropped in one night."""
    no_shows_after_days: Range = (8, 13)
    """School days since the first one."""
    children_of_a_family: tuple[float, ...] = (0.65, 0.25, 0.08, 0.02)
    """Who moves, moves with siblings: shares of families with one, two … children in the district."""
    graduates_leave_in_june: float = 0.25
    """Share of districts that drop their graduates in a night of June; the others with the new year's roster."""

    # Classes of those who stay.
    change_classes_in_opening: Range = (0.20, 0.40)
    """Students who change a class in the first ten school days."""
    change_classes_later: float = 0.20
    """The same in the rest of the year."""
    drop_only: float = 0.15
    """Of those who change: share who get no other class instead."""
    sections_in_a_month: float = 0.01
    """Sections that are split, merged or renamed, a third each."""
    semester_schedule_shrinks: float = 0.03
    """Students who have a class fewer in the second semester."""
    without_term_dates: float = 0.3
    """Share of districts whose classes do not say when they end."""

    # Staff.
    staff_leave_in_summer: Range = (0.08, 0.16)
    staff_leave_in_one_night: float = 0.6
    """Share of those, who go in the night after the last contract day."""
    staff_leave_later: float = 0.03
    """In the rest of the year."""

    # Names and addresses.
    names_change: float = 0.01
    addresses_are_corrected: float = 0.01
    """People in a year, each."""
    tidyings_for_each_school: float = 0.05
    """Nights in a year in which somebody corrects names of a school in bulk."""
    tidied: Range = (0.005, 0.08)
    """Share of the school's people that such a night touches."""

    # Schools, and what comes once in years.
    years_between_mergers: Range = (3, 6)
    """All people of one school get another school id in one night."""
    mergers_in_summer: float = 0.7
    years_between_new_systems: float = 10
    years_between_mail_domains: float = 10

    # Nights.
    registrars_nights: tuple[tuple[float, float], ...] = ((0.70, 0.5), (0.25, 1.6), (0.05, 5.0))
    """(share of nights, how many times the mean is entered then): offices work in batches."""
    uploads_weekly: float = 0.1
    """Share of districts that upload on Mondays alone."""
    missed_nights: float = 0.02
    """Share of nights on which no upload comes; the next one brings what came together."""


RATES = Rates()
