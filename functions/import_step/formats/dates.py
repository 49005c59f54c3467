"""Reads the dates of a roster as people and systems write them, and never guesses which number is the month.

``settle`` looks at a whole column once; ``read_date`` then reads each of its values in the order that was settled.

A date is written year first (2017-05-06, 2017/4/1, 20170506), with slashes or dashes and the year last (3/4/2026), or with
dots and the year last, which is always day first (10.11.1988). A time of day may follow, and is left out: the date is the one
that is written, whatever the offset. Of two-digit years 00–69 are 2000–2069 and 70–99 are 1970–1999; with dashes they are
no date, because 12-03-04 may begin with its year. Years before 1900 are no date either: they are what systems write for
nothing (0001-01-01), or a slip.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from enum import StrEnum

_YEAR_FIRST = re.compile(r"([0-9]{4})([-/.])([0-9]{1,2})\2([0-9]{1,2})")
_YEAR_LAST = re.compile(r"([0-9]{1,2})([-/.])([0-9]{1,2})\2([0-9]{4}|(?<!-)[0-9]{2})")
_EIGHT_DIGITS = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})")
_TIME_OF_DAY = re.compile(
    r"""
    (?: (?:T|[ ]+) (?:[01]?[0-9]|2[0-3]) : [0-5][0-9] (?: : [0-5][0-9] (?:[.,][0-9]{1,9})? )? (?:[ ]?[AP]M)?
    |   T (?:[01][0-9]|2[0-3]) [0-5][0-9] (?:[0-5][0-9])? )
    (?: [ ]? (?: Z | [+-][0-9]{2} (?: :?[0-9]{2} )? ) )?
    """,
    re.VERBOSE | re.IGNORECASE,
)
_EARLIEST_YEAR = 1900
_FIRST_OF_THE_1900S = 70


class DateOrder(StrEnum):
    """How a column's values that can be read in two ways, like 3/4/2026, are to be read."""

    MONTH_FIRST = "month_first"
    """A value can only be month first, like 3/14/2026, and none only day first."""
    DAY_FIRST = "day_first"
    """A value can only be day first, like 14/3/2026, and none only month first."""
    UNSETTLED = "unsettled"
    """There are such values, and the others say nothing or contradict each other: such values are not read."""
    EITHER = "either"
    """There is no such value: each date of the column can be read in one way only."""


def settle(values: Iterable[str]) -> DateOrder:
    """The order of a column, from one pass over its values; blanks and what is no date say nothing.

    Columns that one hand writes, like a term's start and end, can be settled together: the start may always be 7/1 where
    the end is 6/30.
    """
    month_first = day_first = ambiguous = False
    for value in values:
        by_month, by_day = _readings(value)
        if by_month == by_day:
            continue
        if by_day is None:
            month_first = True
        elif by_month is None:
            day_first = True
        else:
            ambiguous = True
    if month_first != day_first:
        return DateOrder.MONTH_FIRST if month_first else DateOrder.DAY_FIRST
    return DateOrder.UNSETTLED if ambiguous else DateOrder.EITHER


def read_date(text: str, order: DateOrder) -> date | None:
    """The date that the text says, in the order of its column.

    None for a blank, for what is no date (2026-02-30 neither), and for what can be read in two ways while the order does not
    say which; ``is_ambiguous`` tells that last one from the others. Text that can be read in one way only is read in that
    way, whatever the order.
    """
    by_month, by_day = _readings(text)
    if by_month == by_day or by_day is None:
        return by_month
    if by_month is None:
        return by_day
    match order:
        case DateOrder.MONTH_FIRST:
            return by_month
        case DateOrder.DAY_FIRST:
            return by_day
        case DateOrder.UNSETTLED | DateOrder.EITHER:
            return None


def is_ambiguous(text: str) -> bool:
    """Whether the text by itself is two different dates, month first and day first: 3/4/2026 is, 3/3/2026 is not."""
    by_month, by_day = _readings(text)
    return by_month is not None and by_day is not None and by_month != by_day


def _readings(text: str) -> tuple[date | None, date | None]:
    """The text read month first, and read day first: the same date where the order does not matter, None for no date."""
    text = text.strip()
    if found := _YEAR_FIRST.match(text):
        year, _, month, day = found.groups()
        both = _date(year, month, day)
        readings = both, both
    elif found := _YEAR_LAST.match(text):
        first, mark, second, year = found.groups()
        by_day = _date(year, second, first)
        readings = (by_day if mark == "." else _date(year, first, second)), by_day
    elif found := _EIGHT_DIGITS.match(text):
        both = _date(*found.groups())
        readings = both, both
    else:
        return None, None
    rest = text[found.end() :]
    return readings if not rest or _TIME_OF_DAY.fullmatch(rest) else (None, None)


def _date(year: str, month: str, day: str) -> date | None:
    """None for a day that is in no calendar, or in a year that no roster means."""
    number = int(year)
    if len(year) == 2:
        number += 1900 if number >= _FIRST_OF_THE_1900S else 2000
    if number < _EARLIEST_YEAR:
        return None
    try:
        return date(number, int(month), int(day))
    except ValueError:
        return None
