"""Which old classes are obsolete (B3): on districts whose truth is known, and at the edges."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from benchmarks.cleanup import by_shared_students, strong_pairs
from shared.domain.account import GrassrootsClass
from shared.domain.pairing import Pairing, Verdict, pair
from shared.domain.roster import DistrictClass

TODAY = date(2026, 10, 1)


def old(name: str, *students: str, used: str | None = "2026-05-28T16:00:00Z") -> GrassrootsClass:
    return GrassrootsClass(f"old-{name}", "ada", name, last_activity_at=used, student_account_ids=students)


def district(
    title: str, *students: str, course: str | None = None, ends_on: str | None = "2026-12-20"
) -> DistrictClass:
    return DistrictClass("lakeside", title, title, course_title=course, ends_on=ends_on, student_ids=students)


def people(number: int, start: int = 0) -> list[str]:
    return [f"p{n}" for n in range(start, start + number)]


def linked(*accounts: str) -> dict[str, str]:
    """Every account is linked to a roster user whose id tells which."""
    return {account: f"s-{account}" for account in accounts}


def of(accounts: list[str]) -> list[str]:
    return [f"s-{account}" for account in accounts]


def only(pairings: list[Pairing]) -> Pairing:
    (one,) = pairings
    return one


def test_a_class_is_obsolete_when_most_linked_students_are_in_a_district_class() -> None:
    students = people(28)
    algebra = district("Algebra 1 – 3", *of(students[:26]), "s-new")

    found = only(pair([old("Period 3", *students)], [algebra], linked(*students), TODAY))

    assert (found.verdict, found.moved, found.size) == (Verdict.OBSOLETE, 26, 28)
    assert [(one.into.title, one.students) for one in found.into] == [("Algebra 1 – 3", 26)]


@pytest.mark.parametrize(
    ("shared", "verdict"),
    [
        (0, Verdict.LEFT_ALONE), (2, Verdict.LEFT_ALONE), (3, Verdict.ASK), (5, Verdict.ASK), (6, Verdict.OBSOLETE),
        (10, Verdict.OBSOLETE),
    ],
)  # fmt: skip
def test_the_part_of_the_students_who_moved_decides(shared: int, verdict: Verdict) -> None:
    students = people(10)
    found = only(
        pair([old("Algebra", *students)], [district("Algebra", *of(students[:shared]))], linked(*students), TODAY)
    )
    assert found.verdict is verdict


def test_students_who_have_not_linked_count_for_nothing_either_way() -> None:
    students = people(30)
    found = only(
        pair([old("Period 1", *students)], [district("Geometry", *of(students))], linked(*students[:6]), TODAY)
    )
    assert (found.verdict, found.moved, found.linked) == (Verdict.OBSOLETE, 6, 6)


def test_a_split_class_names_each_part_and_a_merged_one_the_same_class_twice() -> None:
    students = people(30)
    parts = [district("A", *of(students[:14])), district("B", *of(students[14:28])), district("C", *of(students[28:]))]
    split = only(pair([old("Period 2", *students)], parts, linked(*students), TODAY))
    assert split.verdict is Verdict.OBSOLETE
    assert [one.into.title for one in split.into] == ["A", "B"], "two who went elsewhere name no class"
    assert split.moved == 28

    whole = [district("All", *of(students))]
    merged = pair([old("P1", *students[:15]), old("P2", *students[15:])], whole, linked(*students), TODAY)
    assert [(one.verdict, one.into[0].into.title) for one in merged] == [(Verdict.OBSOLETE, "All")] * 2


def test_a_club_whose_students_are_in_many_classes_is_asked_about() -> None:
    students = people(15)
    many = [district(f"A{n}", *of(students[n::5])) for n in range(5)]
    found = only(pair([old("Math club", *students)], many, linked(*students), TODAY))
    assert found.verdict is Verdict.ASK


@pytest.mark.parametrize(
    ("name", "used", "verdict"),
    [
        ("Period 3 Algebra", "2026-05-28T16:00:00Z", Verdict.ASK),
        ("ALGEBRA (honors)", None, Verdict.ASK),
        ("Period 3", "2026-05-28T16:00:00Z", Verdict.ASK),
        ("Period 3 Algebra", "2025-05-28T16:00:00Z", Verdict.LEFT_ALONE),
        ("Chess Club", "2026-05-28T16:00:00Z", Verdict.LEFT_ALONE),
        ("Period 3", "2024-05-28T16:00:00Z", Verdict.LEFT_ALONE),
    ],
)
def test_where_too_few_are_linked_name_and_term_say_whether_to_ask(
    name: str, used: str | None, verdict: Verdict
) -> None:
    algebra = district("Section 1-2", course="Algebra 1")
    found = only(pair([old(name, *people(28), used=used)], [algebra], linked(*people(4)), TODAY))
    assert found.verdict is verdict


def test_a_district_class_that_is_over_still_tells_where_the_students_went() -> None:
    students = people(8)
    over = district("Algebra", *of(students), ends_on="2026-01-30")
    assert only(pair([old("P1", *students)], [over], linked(*students), TODAY)).verdict is Verdict.OBSOLETE
    assert only(pair([old("Algebra", *students)], [over], {}, date(2027, 6, 1))).verdict is Verdict.ASK


def test_nobody_and_nothing_pairs_with_nothing() -> None:
    assert pair([], [district("A", "s-p1")], {}, TODAY) == []
    assert only(pair([old("Chess")], [], {}, TODAY)).verdict is Verdict.LEFT_ALONE


def test_strong_pairs_of_a_known_district_are_right_and_nearly_complete() -> None:
    found = strong_pairs(teachers=300)
    assert found.right > 800
    assert found.precision >= 0.99
    assert found.recall >= 0.95


def test_the_more_students_moved_the_more_classes_are_obsolete() -> None:
    told = by_shared_students(classes=100)
    obsolete = [counts[Verdict.OBSOLETE] for counts in told.values()]
    assert obsolete == sorted(obsolete)
    assert told[0] == told[10] == {Verdict.LEFT_ALONE: 100}
    assert told[20][Verdict.OBSOLETE] == told[30][Verdict.OBSOLETE] == 0
    assert told[90] == told[100] == {Verdict.OBSOLETE: 100}


class Counted(tuple[str, ...]):
    """Students of a class; who goes over them is counted."""

    steps = 0

    def __iter__(self) -> Iterator[str]:
        for one in super().__iter__():
            Counted.steps += 1
            yield one


@pytest.mark.parametrize("classes", [10, 100, 1_000])
def test_each_enrolment_is_looked_at_once(classes: int) -> None:
    Counted.steps = 0
    olds = [old(f"P{n}", *people(25, 25 * n)) for n in range(classes)]
    counted_old = [
        GrassrootsClass(o.class_id, "ada", o.name, student_account_ids=Counted(o.student_account_ids)) for o in olds
    ]
    news = [
        DistrictClass("lakeside", f"n{n}", f"n{n}", student_ids=Counted(of(people(25, 25 * n)))) for n in range(classes)
    ]

    found = pair(counted_old, news, linked(*people(25 * classes)), TODAY)

    assert Counted.steps == 2 * 25 * classes
    assert all(len(one.into) == 1 for one in found)
