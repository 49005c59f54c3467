"""What the way from the mail to the link costs in calls to AWS, each step for itself (issue 6; the aim is 12 in all)."""

from __future__ import annotations

from collections import Counter
from typing import Any

import httpx

from tests.faults.dynamodb import Effect
from tests.unit.test_linking import lakeside, log_in

MOST = {
    "GET /activate/": 3,
    "GET /activate": 2,
    "POST /activate/existing": 1,
    "GET /login": 1,
    "POST /login": 10,
    "GET /link": 9,
    "POST /link": 7,
}
"""No step may come to cost more than it does."""


class Counting:
    """The gate: counts the calls by service and operation, Cognito's too."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()

    def __call__(self, service: str, operation: str, _request: dict[str, Any], effect: Effect) -> dict[str, Any]:
        self.calls[f"{service} {operation}"] += 1
        return effect()


def steps() -> dict[str, Counter[str]]:
    """The calls of each request of a teacher who presses what there is to press."""
    gate = Counting()
    web = lakeside(gate=gate)
    found: dict[str, Counter[str]] = {}
    answer = web._page

    def counted(request: httpx.Request) -> httpx.Response:
        gate.calls.clear()
        reply = answer(request)
        path = (
            "/activate/" if request.method == "GET" and request.url.path.startswith("/activate/") else request.url.path
        )
        found[f"{request.method} {path}"] = Counter(gate.calls)
        return reply

    web._page = counted
    page = web.visitor().open(web.world.address_in_mail_to("t1@lakeside.example"))
    log_in(page.press("Log into my existing account")).press("Link my accounts")
    assert page.path == "/home"
    return found


def test_no_step_costs_more_calls_than_it_is_known_for() -> None:
    found = steps()
    assert {step: sum(calls.values()) for step, calls in found.items() if step in MOST} == MOST


def test_a_step_writes_only_what_it_must() -> None:
    """Before the login only the counters of the limits; at the login a session; at the link one transaction."""
    reads = {"dynamodb GetItem", "dynamodb BatchGetItem", "dynamodb Query"}
    writes = {step: sorted(set(calls) - reads) for step, calls in steps().items() if step in MOST}
    assert writes.pop("POST /login") == [
        "cognito-idp AdminGetUser",
        "cognito-idp AdminInitiateAuth",
        "dynamodb PutItem",
        "dynamodb UpdateItem",
    ]
    assert writes.pop("POST /link") == ["dynamodb DeleteItem", "dynamodb PutItem", "dynamodb TransactWriteItems"]
    assert writes.pop("GET /activate/") == ["dynamodb UpdateItem"]
    assert not any(writes.values())
