"""What the way from the mail to the link costs in calls to AWS: at most 14 in all, each step for itself."""

from __future__ import annotations

from collections import Counter

import httpx

from tests.pages_harness import Counting, lakeside, log_in

MOST = {
    "GET /activate/": 2,
    "GET /activate": 1,
    "POST /activate/existing": 0,
    "GET /login": 0,
    "POST /login": 5,
    "GET /link": 3,
    "POST /link": 3,
}
"""No step may come to cost more than it does. Of the link one is what its receipt reads."""


def steps(username: str = "ada") -> dict[str, Counter[str]]:
    """The calls of each request of a teacher who presses what there is to press."""
    gate = Counting()
    web = lakeside(gate=gate)
    found: dict[str, Counter[str]] = {}
    answer = web.send

    def counted(request: httpx.Request) -> httpx.Response:
        gate.calls.clear()
        reply = answer(request)
        path = (
            "/activate/" if request.method == "GET" and request.url.path.startswith("/activate/") else request.url.path
        )
        found[f"{request.method} {path}"] = Counter(gate.calls)
        return reply

    web.send = counted
    page = web.visitor().open(web.world.address_in_mail_to("t1@lakeside.example"))
    log_in(page.press("Log into my existing account"), username).press("Link my accounts")
    assert page.path == "/home"
    return found


def test_from_the_mail_to_the_link_it_is_14_calls() -> None:
    found = {step: sum(calls.values()) for step, calls in steps().items() if step in MOST}

    assert found == MOST
    assert sum(found.values()) == 14


def test_a_login_with_an_address_looks_up_its_username() -> None:
    with_username, with_address = steps()["POST /login"], steps("ada@mail.example")["POST /login"]

    assert with_address.total() == with_username.total() + 1
    assert with_address - with_username == Counter({"dynamodb Query": 1})


def test_a_step_writes_only_what_it_must() -> None:
    """Opening the mail's address writes nothing; the login its counters, that it was opened, and a session; the link is one
    transaction."""
    reads = {"dynamodb GetItem", "dynamodb BatchGetItem", "dynamodb Query", "cognito-idp AdminInitiateAuth"}
    writes = {step: sorted((calls - Counter(dict.fromkeys(reads, 99))).elements()) for step, calls in steps().items()}

    assert writes["POST /login"] == ["dynamodb PutItem", *["dynamodb UpdateItem"] * 3]
    assert writes["POST /link"] == ["dynamodb TransactWriteItems"]
    assert not any(writes[step] for step in MOST if step not in ("POST /login", "POST /link"))
