"""How long a field may be, and what a longer one means: a field to shorten, or a quote that nobody closed."""

from __future__ import annotations

import csv
from typing import Any

import pytest

from tests.builders import roster, user
from tests.harness import World

LONGEST = 131_072
HALF = "x" * 100_000


def report_of(given_name: str) -> dict[str, Any]:
    """The report of a roster in which one teacher has this given name, as it stands in the file."""
    world = World()
    world.register()
    return world.upload(roster(user("t1", "teacher"), user("t2", "teacher", given=given_name)))


def test_a_field_of_the_longest_kind_is_read() -> None:
    assert csv.field_size_limit() == LONGEST
    report = report_of("x" * LONGEST)
    assert (report["status"], report["users"]["read"], report["rejects"]) == ("completed", 2, [])


@pytest.mark.parametrize("name", ["x" * (LONGEST + 1), f'"{"x" * (LONGEST + 1)}"'], ids=["plain", "in quotes"])
def test_a_longer_field_rejects_its_row_alone(name: str) -> None:
    report = report_of(name)
    assert report["status"] == "completed"
    assert [(reject["code"], reject["line"]) for reject in report["rejects"]] == [("field_too_long", 3)]
    assert str(LONGEST) in report["rejects"][0]["message"]


@pytest.mark.parametrize("lines", [2, 3])
def test_a_long_field_over_several_lines_is_a_quote_that_nobody_closed(lines: int) -> None:
    report = report_of('"' + "\n".join([HALF] * lines) + '"')
    assert (report["status"], report["reason"]["code"]) == ("rejected", "unclosed_quote")
