"""`make cost`: what it counts is what the code does, what it says of months and limits, and the plots that documents show."""

from __future__ import annotations

import json
import re
from datetime import date

import pytest

from benchmarks.cost.__main__ import IMAGES, SIZES, TARGETS, in_the_way, result, table, target
from benchmarks.cost.counting import Counted, counted, imported
from benchmarks.cost.limits import limits
from benchmarks.cost.model import LOGINS, MONTHS, PRICES, cognito, cost_of_each, month
from benchmarks.cost.plots import plots
from shared.domain.forecast import COST

MILLION = 1_000_000


@pytest.fixture(scope="module")
def counts() -> Counted:
    return counted()


@pytest.mark.parametrize(("people", "shards"), [(600, 2), (450, 8)])
def test_the_model_foretells_what_an_import_of_another_size_uses(counts: Counted, people: int, shards: int) -> None:
    really, _, _ = imported(people, shards)

    beside = counts.first_import.of(shards)
    for name in ("write units", "read units", "dynamodb Query", "s3 PutObject", "s3 GetObject", "invoke import_step"):
        foretold = people * counts.row.used.get(name, 0) + beside[name]
        assert foretold == pytest.approx(really[name], rel=0.1), name


def test_a_persons_first_import_and_a_persons_mail_cost_what_is_budgeted(counts: Counted) -> None:
    """An item for a person, their classes' share, a part of a pack of addresses, and for each sixteenth an activation."""
    assert counts.row.used["write units"] <= 1.5
    assert sum(number for name, number in counts.row.used.items() if name.startswith("dynamodb ")) < 1.3
    assert "dynamodb DeleteItem" not in counts.row.used
    assert counts.changed_row.used == {"write units": 1.0}
    assert counts.unchanged_night.used["write units"] == 3
    assert counts.mail.used["mails"] == counts.reminder.used["mails"] == counts.nudge.used["mails"] == 1
    assert counts.mail.used["write units"] <= 8
    assert counts.login.used["write units"] <= 3


@pytest.mark.parametrize("wanted", TARGETS, ids=[name for name, *_ in TARGETS])
def test_a_month_of_a_million_people_stays_below_its_target(
    counts: Counted, wanted: tuple[str, str, str, float]
) -> None:
    found = target(counts, *wanted)
    assert found["holds"], found


def test_the_line_that_stands_in_the_way_is_named_with_where_it_begins_to(counts: Counted) -> None:
    found = in_the_way(counts)
    assert (found["line"], found["tier"]) == ("Cognito", "LITE")
    assert 0.2 < found["up_to_share"] < 1
    assert found["total_of_everybody"] > TARGETS[0][3]


def test_a_forecast_goes_by_what_each_costs(counts: Counted) -> None:
    """Within a third: it is told in dollars and cents."""
    really = cost_of_each(counts)
    assert really.keys() == COST.keys()
    assert {name: COST[name] / each for name, each in really.items()} == pytest.approx(
        dict.fromkeys(really, 1.0), rel=0.33
    )


def test_the_tiers_of_cognito_are_counted_one_above_the_other() -> None:
    assert cognito(10_000, "LITE") == 0
    assert cognito(100_000, "LITE") == pytest.approx(90_000 * 0.0055)
    assert cognito(2_000_000, "LITE") == pytest.approx(90_000 * 0.0055 + 900_000 * 0.0046 + 1_000_000 * 0.00325)
    assert cognito(20_000, "ESSENTIALS") == pytest.approx(150)


def test_more_people_never_cost_less_and_each_line_has_a_price(counts: Counted) -> None:
    for kind in MONTHS:
        for logins in LOGINS:
            months = [month(counts, size, kind, logins) for size in SIZES]
            assert [m.total for m in months] == sorted(m.total for m in months)
            assert all(set(m.dollars) == {*PRICES["unit"], "Cognito"} == {*m.amounts, "Cognito"} for m in months)
    assert date.fromisoformat(PRICES["as_of"]) > date(2026, 1, 1)
    assert PRICES["source"]


def test_the_next_limit_is_told_with_how_many_people_reach_it(counts: Counted) -> None:
    small, large = ({limit.name: limit for limit in limits(counts, people)} for people in (1_000, MILLION))
    for name, limit in large.items():
        assert small[name].share <= limit.share
        if limit.grows:
            assert limit.reached_at == pytest.approx(MILLION / limit.share)
    assert large["API: requests a second of the stage"].share < 1
    assert large["DynamoDB: the partition with most writes"].share < 1


def test_what_is_written_says_it_all(counts: Counted) -> None:
    found = json.loads(json.dumps(result(counts, MILLION)))
    assert found["people"] == MILLION
    assert {(m["month"], m["logins"]) for m in found["months"]} == {(k, w) for k in MONTHS for w in LOGINS}
    assert {size["people"] for size in found["sizes"]} == {1_000, 100_000, MILLION, 10_000_000}
    assert {"a person of a first import", "a night without a change", "a link by mail and password"} <= set(
        found["per"]
    )
    assert any("Cognito" in line for line in table(counts, MILLION))


_NUMBER = re.compile(r"-?\d+\.\d")


def test_the_plots_in_the_documents_are_as_make_cost_draws_them(counts: Counted) -> None:
    """Within three pixels: `make cost PLOTS=1` draws them anew."""
    for name, drawing in plots(counts, SIZES).items():
        kept = (IMAGES / name).read_text()
        assert _NUMBER.sub("", kept) == _NUMBER.sub("", drawing), name
        off = [abs(float(a) - float(b)) for a, b in zip(_NUMBER.findall(kept), _NUMBER.findall(drawing), strict=True)]
        assert max(off) <= 3, name
