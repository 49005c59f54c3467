"""The Import state machine within what Step Functions and a new account's Lambda allow."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pytest

from functions.import_step.plan import Import, go_on
from functions.import_step.shards import MOST_SHARDS
from shared.domain.report import Upload
from tests.state_machine import IMPORT, STATE_LIMIT, DataLimitExceeded
from tests.tree import ROOT

DEFINITION = json.loads((ROOT / "statemachine" / "import.asl.json").read_text())


def tasks(states: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, state in states.items():
        if state["Type"] == "Task":
            yield name, state
        elif "ItemProcessor" in state:
            yield from tasks(state["ItemProcessor"]["States"])


TASKS = dict(tasks(DEFINITION["States"]))


@pytest.mark.parametrize("name", sorted(TASKS))
def test_a_call_that_an_accounts_few_lambdas_refuse_is_made_again_for_long(name: str) -> None:
    """A new account runs some ten at once, and a map asks for forty: they must not come back together, nor give up soon."""
    first, rest = TASKS[name]["Retry"]
    assert first["ErrorEquals"] == ["Lambda.TooManyRequestsException"]
    assert first["JitterStrategy"] == "FULL"
    waits = [min(first["MaxDelaySeconds"], 2 * first["BackoffRate"] ** n) for n in range(first["MaxAttempts"])]
    assert sum(waits) / 2 > 900, "on average longer than the longest call"
    assert rest["ErrorEquals"] == ["States.ALL"]


def test_a_state_over_256_kilobytes_ends_an_execution() -> None:
    """Service quotas of Step Functions; no Catch for all errors catches it."""
    position = IMPORT.start({"import": {"import_id": "i"}})
    with pytest.raises(DataLimitExceeded, match="after Open"):
        IMPORT.after(position, {"next": "split", "shards": ["x" * STATE_LIMIT]})


def test_the_states_of_the_largest_import_fit() -> None:
    """As many shards as there can be, with what each step returns of each; the maps' results stay in the state."""
    upload = Upload("rosters/lakeside/" + "r" * 900 + ".zip", "e" * 32, "2026-09-01T15:00:00.000Z", "F" * 16, "v" * 100)
    event = asdict(Import("20260901T150000000Z-12345678", "lakeside", upload))
    position = IMPORT.start({"import": event})
    seen = []
    while IMPORT.has_calls(position):
        calls = IMPORT.calls(position)
        seen.append((position.state, len(calls)))
        done = {"shard": MOST_SHARDS, "writes": 10**6, "next": "", "status": "completed"}
        answers = {
            "Open": go_on("split", MOST_SHARDS),
            "Admit": go_on("people", MOST_SHARDS),
            "Gate": go_on("apply", MOST_SHARDS),
        }
        result = [done] * len(calls) if IMPORT.kind(position) == "Map" else answers.get(position.state, done)
        position = IMPORT.after(position, result)
    assert dict(seen)["Match"] == dict(seen)["Split"] == MOST_SHARDS
    assert len(json.dumps(position.data)) < STATE_LIMIT
