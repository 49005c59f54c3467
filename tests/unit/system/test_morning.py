"""A million first logins in half an hour: what the page says of it is what the code asks for (docs/morning.md)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.morning.__main__ import IMAGE, PEOPLE, mornings, table
from benchmarks.morning.login import Login, counted
from benchmarks.morning.plot import plot
from benchmarks.morning.simulation import NEW, ORDINARY, PREPARED, Morning, arrivals, limits, simulate

_NUMBER = re.compile(r"-?\d+\.\d")


@pytest.fixture(scope="module")
def login() -> Login:
    return counted()


@pytest.fixture(scope="module")
def found(login: Login) -> dict[str, Morning]:
    return mornings(login, PEOPLE)


def test_a_first_login_asks_for_no_more_than_is_said(login: Login) -> None:
    assert login.pages <= 6
    assert login.write_units <= 24
    assert login.read_units <= 48
    assert login.settings_read_units <= 2.2


def test_everybody_comes_within_half_an_hour() -> None:
    coming = arrivals(PEOPLE)
    assert sum(coming(second) for second in range(3_600)) == pytest.approx(PEOPLE)


def test_with_what_is_asked_for_nobody_waits(found: dict[str, Morning]) -> None:
    prepared = found[PREPARED.name]
    assert not prepared.first
    assert prepared.all_in <= 30 * 60


def test_what_breaks_first_is_what_the_page_says(found: dict[str, Morning]) -> None:
    assert found[NEW.name].breaks_first == "Lambda: pages at once"
    assert found[ORDINARY.name].breaks_first == "DynamoDB: writes of the table"


def test_with_the_usual_quotas_nobody_meets_a_bare_refusal(found: dict[str, Morning]) -> None:
    ordinary = found[ORDINARY.name]
    assert not [name for name in ordinary.refusals if name.startswith(("API", "Lambda"))]
    assert ordinary.all_in <= 60 * 60


def test_a_refused_page_holds_its_worker_for_a_moment_alone(login: Login, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the pauses of the SDK, three quarters of a minute, those who wait would use up all workers."""
    monkeypatch.setattr("benchmarks.morning.simulation.HELD_SECONDS", 45.0)
    patient = simulate(login, ORDINARY, PEOPLE)
    assert "Lambda: pages at once" in patient.refusals


ROWS = {
    "pages at once (Lambda)": "Lambda: pages at once",
    "requests a second of the stage": "API: requests a second of the stage",
    "write units a second of the table": "DynamoDB: writes of the table",
    "read units a second of the table": "DynamoDB: reads of the table",
    "read units a second of the district's settings, one item": "DynamoDB: reads of a district's settings",
    "write units a second of a counter of logins": "DynamoDB: writes of a counter of logins",
    "passwords a second (Cognito)": "Cognito: passwords",
}
"""A row of the page's table, and the limit."""


def test_the_page_has_the_figures_that_are_simulated(login: Login, found: dict[str, Morning]) -> None:
    rows = dict(re.findall(r"^\| ([^|*]+?) \| ([^\n]+) \|$", Path("docs/morning.md").read_text(), re.M))
    for row, name in ROWS.items():
        asked, *offered = (float(cell.replace(",", "")) for cell in rows[row].split(" | "))
        for setup, most in zip((NEW, ORDINARY, PREPARED), offered, strict=True):
            (limit,) = (each for each in limits(login, setup) if each.name == name)
            assert most == limit.most, (row, setup.name)
            assert asked == pytest.approx(found[setup.name].peak[name] * most, rel=0.02), row


def test_whoever_is_refused_gets_in_later(found: dict[str, Morning]) -> None:
    for setup in (ORDINARY, PREPARED):
        assert sum(found[setup.name].logins) == pytest.approx(PEOPLE, rel=1e-3)


def test_the_table_and_the_plot_are_as_they_are_made(login: Login, found: dict[str, Morning]) -> None:
    """Within three pixels: `make morning PLOTS=1` draws it anew."""
    assert "".join(table(login, found)).count("all but one in a thousand") == 3
    drawing, kept = plot(found, PEOPLE), Path(IMAGE).read_text()
    assert _NUMBER.sub("", kept) == _NUMBER.sub("", drawing)
    off = [abs(float(a) - float(b)) for a, b in zip(_NUMBER.findall(kept), _NUMBER.findall(drawing), strict=True)]
    assert max(off) <= 3
