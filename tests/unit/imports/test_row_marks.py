"""Whom each line of a file is about is kept from night to night, so that a person's rows are found without reading the others."""

from __future__ import annotations

from functions.import_step.row_marks import RowMarks, mark_of


def marks_of_users(first: int, *rows: tuple[str, str]) -> RowMarks:
    """Of lines that follow each other: id and grade."""
    marks = RowMarks(first, tells_more=True)
    lines = range(first, first + len(rows))
    marks.of_rows(lines, [mark_of(key) for key, _ in rows])
    marks.of_addresses(lines, [line * 10 for line in lines])
    marks.of_grades(lines, [grade for _, grade in rows])
    return marks


def test_marks_are_what_was_written() -> None:
    marks = marks_of_users(7, ("s1", "09"), ("s2", ""), ("s3", "10"))
    read = RowMarks.unpacked(marks.packed())
    assert read.between(7, 10).tolist() == [mark_of("s1"), mark_of("s2"), mark_of("s3")]
    assert read.passed([8]) == marks.passed([8])
    assert read.passed([8]) == {"09": 1, "10": 1}
    assert read.count({70, 80, 100}) == {70: 1, 80: 1}
    assert read.sharing({80, 90}) == {mark_of("s2"), mark_of("s3")}


def test_lines_of_which_no_row_was_taken_have_no_mark() -> None:
    marks = RowMarks(1)
    marks.of_rows([3, 5], [33, 55])
    assert marks.between(1, 8).tolist() == [0, 0, 33, 0, 55, 0, 0]


def test_rows_that_follow_each_other_are_one_persons() -> None:
    marks = RowMarks(2)
    marks.of_runs(range(2, 7), [11, 22], [0, 3], [3, 5])
    assert marks.between(2, 7).tolist() == [11, 11, 11, 22, 22]


def test_a_night_puts_the_marks_of_lines_that_stay_and_that_came_together() -> None:
    yesterday, came = marks_of_users(1, ("s1", "09"), ("s2", "10"), ("s3", "11")), marks_of_users(2, ("s9", "12"))
    today = RowMarks.together(1, [(yesterday, 1, 2), (came, 2, 3), (yesterday, 3, 4)], tells_more=True)
    assert today.between(1, 4).tolist() == [mark_of("s1"), mark_of("s9"), mark_of("s3")]
    assert today.passed([]) == {"09": 1, "12": 1, "11": 1}
    assert today.addresses.tolist() == [10, 20, 30]


def test_more_grades_than_can_be_noted_are_said() -> None:
    assert not marks_of_users(1, *((f"s{n}", f"grade {n}") for n in range(300))).fits
