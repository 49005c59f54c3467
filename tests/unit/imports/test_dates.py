"""How the dates of one column are read: in the order that the column settles, and never by a guess."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.import_step.formats.dates import DateOrder, is_ambiguous, read_date, settle

type Form = Callable[[date], str]

READ_IN_ANY_ORDER: list[Form] = [
    lambda d: d.isoformat(),
    lambda d: f"{d.year}-{d.month}-{d.day}",
    lambda d: f"{d.year}/{d.month}/{d.day}",
    lambda d: f"{d.year}.{d.month:02}.{d.day:02}",
    lambda d: f"{d.year}{d.month:02}{d.day:02}",
    lambda d: f"{d.day:02}.{d.month:02}.{d.year}",
    lambda d: f"{d.day}.{d.month}.{d.year}",
]
MONTH_FIRST: list[Form] = [
    lambda d: f"{d.month}/{d.day}/{d.year}",
    lambda d: f"{d.month:02}/{d.day:02}/{d.year}",
    lambda d: f"{d.month}-{d.day}-{d.year}",
]
DAY_FIRST: list[Form] = [
    lambda d: f"{d.day}/{d.month}/{d.year}",
    lambda d: f"{d.day:02}/{d.month:02}/{d.year}",
    lambda d: f"{d.day}-{d.month}-{d.year}",
]
TIMES = [
    "",
    "T00:00:00Z",
    "T00:00:00.0000000Z",
    "T23:30:00.123+09:00",
    "T08:01:05-0500",
    "T08:01+01",
    "T080105Z",
    " 08:01:05",
    " 8:01",
    " 12:00:00 AM",
    "t08:01:05,5z",
    " 1:05pm",
    "  08:01:05.000 +00:00",
]


def with_day_up_to_12(year: int, month: int, day: int) -> date:
    """A day that could be a month, and is another than ``month``; ``day`` is from 1 to 11."""
    return date(year, month, day if day < month else day + 1)


def with_day_after_12(year: int, month: int, day: int) -> date:
    """``day`` is from 0 and counts on from the 13th, around the length of the month."""
    return date(year, month, 13 + day % (monthrange(year, month)[1] - 12))


dates = st.dates(min_value=date(1900, 1, 1))
years, months = st.integers(1900, 9999), st.integers(1, 12)
two_ways = st.builds(with_day_up_to_12, years, months, st.integers(1, 11))
one_way = st.builds(with_day_after_12, years, months, st.integers(0, 18))
times = st.sampled_from(TIMES)
orders = st.sampled_from(DateOrder)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2017-05-06", date(2017, 5, 6)),
        ("2019-08-02T00:00:00.0000000Z", date(2019, 8, 2)),
        ("2017-05-06 08:01:05", date(2017, 5, 6)),
        ("2017/4/1", date(2017, 4, 1)),
        ("10.11.1988", date(1988, 11, 10)),
        ("1.2.05", date(2005, 2, 1)),
        ("20170506", date(2017, 5, 6)),
        ("20170506T080105Z", date(2017, 5, 6)),
        ("\t 2017-05-06\u00a0 ", date(2017, 5, 6)),
        ("6/30/2018", date(2018, 6, 30)),
        ("30/6/2018", date(2018, 6, 30)),
        ("6-30-2018", date(2018, 6, 30)),
        ("3/3/2026", date(2026, 3, 3)),
        ("8/15/2015 12:00:00 AM", date(2015, 8, 15)),
        ("02/29/2004", date(2004, 2, 29)),
        ("9999-12-31", date(9999, 12, 31)),
    ],
)
@pytest.mark.parametrize("order", DateOrder)
def test_what_can_be_read_in_one_way_is_read_whatever_the_order(text: str, day: date, order: DateOrder) -> None:
    assert read_date(text, order) == day
    assert not is_ambiguous(text)


@pytest.mark.parametrize("text", ["2019-08-02T23:59:59-08:00", "2019-08-02T00:00:00+12:00"])
def test_an_offset_does_not_move_the_date(text: str) -> None:
    assert read_date(text, DateOrder.EITHER) == date(2019, 8, 2)


@pytest.mark.parametrize(
    ("year", "meant"), [("00", 2000), ("16", 2016), ("69", 2069), ("70", 1970), ("98", 1998), ("99", 1999)]
)
def test_two_digit_years_are_from_1970_to_2069(year: str, meant: int) -> None:
    assert read_date(f"4/13/{year}", DateOrder.EITHER) == date(meant, 4, 13)
    assert read_date(f"13.4.{year}", DateOrder.EITHER) == date(meant, 4, 13)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "n/a",
        "2026",
        "360008000000",
        "43000",
        "0/0/0000",
        "2026-02-30",
        "2/30/2026",
        "31/4/2026",
        "29.2.2026",
        "20260230",
        "13/14/2026",
        "2026/13/1",
        "2026-00-01",
        "05062017",
        "2017-05/06",
        "3/4-2026",
        "3/4/202",
        "003/4/2026",
        "3 / 4 / 2026",
        "12-03-04",
        "2017-05-06T25:00:00",
        "2017-05-06 24:00:00",
        "2017-05-06 08:61",
        "2017-05-06 or so",
        "2017-05-06 08:01 or so",
        "2017-05-062",
        "20170506080105",
        "2017-05-06 and 2017-05-07",
        "2017-05-06\n2017-05-07",
        "٢٠١٧-٠٥-٠٦",
        "May 6, 2017",
    ],
)
@pytest.mark.parametrize("order", DateOrder)
def test_what_is_no_date_is_read_as_none_and_is_not_called_ambiguous(text: str, order: DateOrder) -> None:
    assert read_date(text, order) is None
    assert not is_ambiguous(text)
    assert settle([text]) is DateOrder.EITHER


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00", "1/1/0001", "8/1/0015", "12/30/1899", "1601-01-01"])
def test_years_before_1900_are_no_date(text: str) -> None:
    assert read_date(text, DateOrder.MONTH_FIRST) is None
    assert not is_ambiguous(text)


@pytest.mark.parametrize(
    "text", ["3/4/2026", "03/04/2026", "3-4-2026", "3/4/26", " 3/4/2026 8:01 AM", "3/4/2026T00:00:00Z"]
)
def test_what_can_be_read_in_two_ways_is_read_only_in_a_settled_order(text: str) -> None:
    assert is_ambiguous(text)
    assert read_date(text, DateOrder.MONTH_FIRST) == date(2026, 3, 4)
    assert read_date(text, DateOrder.DAY_FIRST) == date(2026, 4, 3)
    assert read_date(text, DateOrder.UNSETTLED) is None
    assert read_date(text, DateOrder.EITHER) is None


@pytest.mark.parametrize(
    ("column", "order"),
    [
        ([], DateOrder.EITHER),
        (["", "n/a"], DateOrder.EITHER),
        (["2017-05-06", "10.11.1988", "2017/4/1", "20170506"], DateOrder.EITHER),
        (["3/3/2026", "4/4/2026"], DateOrder.EITHER),
        (["3/14/2026", "14/3/2026"], DateOrder.EITHER),
        (["3/4/2026", "3/14/2026"], DateOrder.MONTH_FIRST),
        (["3/14/2026"], DateOrder.MONTH_FIRST),
        (["3/4/2026", "4/13/98"], DateOrder.MONTH_FIRST),
        (["3/4/2026", "14/3/2026"], DateOrder.DAY_FIRST),
        (["14-3-2026", "3/4/2026 08:01"], DateOrder.DAY_FIRST),
        (["3/4/2026"], DateOrder.UNSETTLED),
        (["8/1/15", "8/1/15", "8/1/15"], DateOrder.UNSETTLED),
        (["3/4/2026", "3/14/2026", "14/3/2026"], DateOrder.UNSETTLED),
        (["3/4/2026", "2026-03-14", "14.3.2026"], DateOrder.UNSETTLED),
        (["3/4/2026", "2/30/2026"], DateOrder.UNSETTLED),
    ],
)
def test_a_column_is_settled_by_the_values_that_can_be_read_in_one_way_only(
    column: list[str], order: DateOrder
) -> None:
    assert settle(iter(column)) is order
    assert settle(reversed(column)) is order


def test_an_end_date_settles_the_start_date_when_both_are_given_as_one_column() -> None:
    starts, ends = ["7/1/2017"], ["6/30/2018"]
    assert settle(starts) is DateOrder.UNSETTLED
    assert settle([*starts, *ends]) is DateOrder.MONTH_FIRST


def test_a_report_can_count_what_is_ambiguous_apart_from_what_is_no_date() -> None:
    column = ["3/4/2026", "5/6/2026", "", "soon", "2026-02-30", "14/3/2026", "3/14/2026"]
    order = settle(column)
    unread = [text for text in column if text and read_date(text, order) is None]
    assert [text for text in unread if is_ambiguous(text)] == ["3/4/2026", "5/6/2026"]
    assert [text for text in unread if not is_ambiguous(text)] == ["soon", "2026-02-30"]


@given(day=dates, form=st.sampled_from(READ_IN_ANY_ORDER), time=times, order=orders)
def test_any_date_in_any_unambiguous_form_is_read_back(day: date, form: Form, time: str, order: DateOrder) -> None:
    text = form(day) + time
    assert read_date(text, order) == day
    assert not is_ambiguous(text)


@given(day=st.dates(date(1970, 1, 1), date(2069, 12, 31)))
def test_any_date_with_a_two_digit_year_is_read_back(day: date) -> None:
    year = f"{day.year % 100:02}"
    assert read_date(f"{day.month}/{day.day}/{year}", DateOrder.MONTH_FIRST) == day
    assert read_date(f"{day.day}/{day.month}/{year}", DateOrder.DAY_FIRST) == day
    assert read_date(f"{day.day}.{day.month}.{year}", DateOrder.UNSETTLED) == day


@pytest.mark.parametrize(("forms", "order"), [(MONTH_FIRST, DateOrder.MONTH_FIRST), (DAY_FIRST, DateOrder.DAY_FIRST)])
@given(data=st.data())
def test_a_column_in_one_order_with_a_day_after_the_12th_is_read_back_whole(
    forms: list[Form], order: DateOrder, data: st.DataObject
) -> None:
    days = data.draw(st.lists(dates))
    written = st.sampled_from([*forms, *READ_IN_ANY_ORDER])
    column = [data.draw(written)(day) + data.draw(times) for day in days]
    settling = data.draw(one_way)
    at = data.draw(st.integers(0, len(days)))
    days.insert(at, settling)
    column.insert(at, data.draw(st.sampled_from(forms))(settling))
    assert settle(column) is order
    assert [read_date(text, order) for text in column] == days


@given(
    days=st.lists(two_ways, min_size=1),
    others=st.lists(dates),
    forms=st.sampled_from([MONTH_FIRST, DAY_FIRST]),
    data=st.data(),
)
def test_a_column_in_which_nothing_settles_is_never_guessed(
    days: list[date], others: list[date], forms: list[Form], data: st.DataObject
) -> None:
    ambiguous = [data.draw(st.sampled_from(forms))(day) + data.draw(times) for day in days]
    others_written = [data.draw(st.sampled_from(READ_IN_ANY_ORDER))(day) for day in others]
    order = settle([*ambiguous, *others_written])
    assert order is DateOrder.UNSETTLED
    assert all(read_date(text, order) is None and is_ambiguous(text) for text in ambiguous)
    assert [read_date(text, order) for text in others_written] == others


@given(days=st.lists(two_ways, min_size=1), month_first=one_way, day_first=one_way, data=st.data())
def test_a_column_that_contradicts_itself_is_never_guessed(
    days: list[date], month_first: date, day_first: date, data: st.DataObject
) -> None:
    ambiguous = [data.draw(st.sampled_from(MONTH_FIRST))(day) for day in days]
    contradiction = [MONTH_FIRST[0](month_first), DAY_FIRST[0](day_first)]
    column = data.draw(st.permutations([*ambiguous, *contradiction]))
    order = settle(column)
    assert order is DateOrder.UNSETTLED
    assert all(read_date(text, order) is None for text in ambiguous)
    assert [read_date(text, order) for text in contradiction] == [month_first, day_first]


@given(text=st.text() | st.text("0123456789-/.: TZ+", max_size=30), order=orders)
def test_no_text_makes_reading_fail(text: str, order: DateOrder) -> None:
    read = read_date(text, order)
    assert settle([text]) in DateOrder
    assert not is_ambiguous(text) or (read is None) == (order in (DateOrder.UNSETTLED, DateOrder.EITHER))
