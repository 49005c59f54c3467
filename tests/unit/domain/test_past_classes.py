"""When an id names another class than before, and which classes are of a past year: the rules alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from shared.domain.district import District
from shared.domain.matching import Person
from shared.domain.past_class import (
    ClassInTerm,
    PastPlace,
    PastPlaces,
    is_another_class,
    is_of_later_term,
    name_of_next,
    places_that_fit,
    year_began,
)

ALGEBRA = ClassInTerm(
    title="Algebra - 3",
    course_id="k1",
    course_title="Algebra",
    terms=frozenset({"f26"}),
    term_title="Fall",
    school_year="2027",
    ends_on="2026-12-19",
    teachers=frozenset({"t1"}),
)
NEXT_YEAR = replace(ALGEBRA, terms=frozenset({"f27"}), school_year="2028", ends_on="2027-12-18")
SPRING = replace(ALGEBRA, terms=frozenset({"s27"}), term_title="Spring", ends_on="2027-06-05")
MOVED_BY_WEEKS = replace(ALGEBRA, ends_on="2027-01-16")
OTHER_TEACHER: dict[str, Any] = {"teachers": frozenset({"t2"})}
OTHER_COURSE: dict[str, Any] = {"course_id": "k2", "course_title": "Biology"}
IN_OCTOBER = "2026-10-09"
BOTH = OTHER_TEACHER | OTHER_COURSE


def undated(one: ClassInTerm) -> ClassInTerm:
    """As it is told by a roster without school years and dates."""
    return replace(one, school_year="", ends_on="")


def without_term(one: ClassInTerm) -> ClassInTerm:
    return replace(undated(one), terms=frozenset(), term_title="")


@pytest.mark.parametrize(
    ("now", "same", "teacher", "course", "both"),
    [
        pytest.param(ALGEBRA, False, False, False, False, id="same term"),
        pytest.param(NEXT_YEAR, False, True, True, True, id="next year"),
        pytest.param(SPRING, False, True, True, True, id="next term"),
        pytest.param(MOVED_BY_WEEKS, False, False, False, False, id="the end moves by weeks"),
        pytest.param(replace(ALGEBRA, ends_on="2026-11-20"), False, False, False, False, id="the end moves forward"),
        pytest.param(replace(NEXT_YEAR, school_year=""), False, True, True, True, id="no year, a later end"),
        pytest.param(replace(ALGEBRA, ends_on="2027-12-18", school_year=""), False, True, True, True, id="Fall again"),
        pytest.param(replace(ALGEBRA, terms=frozenset({"f26", "s27"}), ends_on="2027-06-05"), False, False, False, False,
                     id="goes on for another term"),
        pytest.param(replace(ALGEBRA, terms=frozenset({"f26", "y"}), ends_on="2027-07-20"), False, False, False, False,
                     id="goes on for the whole year"),
        pytest.param(replace(ALGEBRA, ends_on=""), False, False, False, False, id="same term and year, no end"),
        pytest.param(undated(ALGEBRA), False, False, False, True, id="same term without dates"),
        pytest.param(undated(SPRING), False, True, True, True, id="another term without dates"),
        pytest.param(without_term(ALGEBRA), False, False, False, True, id="no term"),
        pytest.param(replace(ALGEBRA, school_year="2026"), False, False, False, False, id="an earlier year"),
    ],
)  # fmt: skip
def test_a_later_term_with_another_course_or_teacher_is_another_class(
    now: ClassInTerm, same: bool, teacher: bool, course: bool, both: bool
) -> None:
    found = [
        is_another_class(ALGEBRA, replace(now, **change), today=IN_OCTOBER)
        for change in ({}, OTHER_TEACHER, OTHER_COURSE, BOTH)
    ]
    assert found == [same, teacher, course, both]


@pytest.mark.parametrize(
    ("change", "is_another"),
    [
        pytest.param({"course_id": "k1-2028"}, False, id="a course under another id"),
        pytest.param({"course_title": "ALGEBRA"}, False, id="in other letters"),
        pytest.param({"course_title": "", "course_id": "k1"}, False, id="a course without a title"),
        pytest.param({"course_title": "", "course_id": ""}, False, id="no course told"),
        pytest.param({"title": "Algebra - 4"}, False, id="another title of the class"),
        pytest.param({"teachers": frozenset({"t1", "t2"})}, False, id="a second teacher"),
        pytest.param({"teachers": frozenset()}, False, id="no teacher yet"),
    ],
)
def test_what_is_not_told_or_told_otherwise_makes_no_other_class(change: dict[str, Any], is_another: bool) -> None:
    assert is_another_class(ALGEBRA, replace(NEXT_YEAR, **change), today=IN_OCTOBER) is is_another


@pytest.mark.parametrize(
    ("today", "change", "is_another"),
    [
        ("2026-12-18", OTHER_TEACHER, False),
        ("2026-12-19", OTHER_TEACHER, True),
        ("2027-02-01", OTHER_COURSE, True),
        ("2027-02-01", {}, False),
        ("2027-02-01", OTHER_TEACHER | {"ends_on": "2026-11-01"}, False),
    ],
)
def test_who_comes_to_teach_once_the_term_is_over_teaches_another_class(
    today: str, change: dict[str, Any], is_another: bool
) -> None:
    assert is_another_class(ALGEBRA, replace(ALGEBRA, **change), today=today) is is_another


def test_where_no_course_is_told_the_titles_of_the_classes_count() -> None:
    last, now = (replace(one, course_id="", course_title="") for one in (ALGEBRA, NEXT_YEAR))
    assert is_another_class(last, replace(now, title="Biology - 3"), today=IN_OCTOBER)
    assert not is_another_class(last, now, today=IN_OCTOBER)


def test_nothing_says_whether_a_term_is_later_where_none_is_told() -> None:
    assert is_of_later_term(without_term(ALGEBRA), NEXT_YEAR) is None
    assert is_of_later_term(ALGEBRA, without_term(NEXT_YEAR)) is None


def test_a_class_has_the_same_name_whenever_the_same_upload_comes_again() -> None:
    after = replace(NEXT_YEAR, **OTHER_TEACHER)
    assert name_of_next("", ALGEBRA, after) == name_of_next("", ALGEBRA, after)
    assert name_of_next("", ALGEBRA, after) != name_of_next("", ALGEBRA, replace(NEXT_YEAR, **OTHER_COURSE))
    assert name_of_next("x", ALGEBRA, after) != name_of_next("", ALGEBRA, after)


@pytest.mark.parametrize(
    ("starts", "today", "began"),
    [
        (None, date(2026, 11, 26), date(2026, 7, 1)),
        (None, date(2027, 6, 30), date(2026, 7, 1)),
        (None, date(2027, 7, 1), date(2027, 7, 1)),
        (date(2025, 8, 29), date(2026, 8, 27), date(2025, 8, 28)),
        (date(2027, 2, 1), date(2026, 11, 26), date(2026, 2, 1)),
    ],
)
def test_a_school_year_begins_on_the_districts_day_or_in_july(starts: date | None, today: date, began: date) -> None:
    district = District(
        district_id="lakeside",
        name="Lakeside",
        email_domains=(),
        time_zone="America/Chicago",
        school_year_starts=starts,
    )
    assert year_began(district, today) == began


ADA, BEN = Person("Ada", "Lee", "ada@lakeside.example"), Person("Ben", "Ode", "ben@lakeside.example")
PLACE = PastPlace("c1", "import-1", True, "t1", "2028-07-01")
TODAY = date(2027, 7, 1)


@pytest.mark.parametrize(
    ("now", "sees"),
    [
        (ADA, True),
        (Person("Ada", "King", "ada.king@lakeside.example"), True),
        (Person("Ben", "Ode", "ada@lakeside.example"), True),
        (BEN, False),
    ],
)
def test_a_new_holder_of_the_number_looks_back_at_nothing(now: Person, sees: bool) -> None:
    assert bool(PastPlaces(ADA, (PLACE,)).of(now, TODAY)) is sees


def test_a_past_class_can_be_looked_at_until_its_last_day() -> None:
    places = PastPlaces(ADA, (PLACE,))
    assert places.of(ADA, date(2028, 7, 1)) == (PLACE,)
    assert places.of(ADA, date(2028, 7, 2)) == ()


def test_places_are_added_once_and_none_of_an_earlier_holder_stays() -> None:
    more = replace(PLACE, class_id="c2")
    assert set(PastPlaces(ADA, (PLACE,)).with_places(ADA, [PLACE, more], TODAY).places) == {PLACE, more}
    assert PastPlaces(ADA, (PLACE,)).with_places(BEN, [more], TODAY) == PastPlaces(BEN, (more,))
    assert PastPlaces(ADA, (PLACE, more)).without("import-1").places == ()


def test_of_very_many_places_the_newest_are_kept() -> None:
    places = [replace(PLACE, class_id="c" * 990, until=f"2028-07-{1 + n % 28:02d}") for n in range(600)]
    kept = places_that_fit(places)
    assert 200 < len(kept) < 300
    assert min(place.until for place in kept) > "2028-07-14"
