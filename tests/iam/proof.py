"""The proof, both ways: every use is allowed by a grant, and every grant has a use.

``recorded.json`` has, for each grant, a request that needs it and the test in which a function made that request.
``make permissions`` records it anew; a run of all tests says when it is out of date (tests/iam/session.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from tests.iam.deployed import arn, stack
from tests.iam.grants import Grant, grants, grants_of
from tests.iam.guard import Use
from tests.iam.needs import needs_of_platform
from tests.iam.policy import Request, Statement, allows

RECORDED = Path(__file__).parent / "recorded.json"

_TABLE = arn("dynamodb", "table/Table")
_KINDS = "numbers have kinds, and the code is the same for each of them (decision 29)"
UNUSED = {
    Grant(role, f"dynamodb:{action}", _TABLE, pattern): _KINDS
    for role, actions, patterns in (
        ("LinkNoticeFunctionRole", ("GetItem", "BatchGetItem"), ("STAFF#*",)),
        ("MailFeedbackFunctionRole", ("GetItem", "UpdateItem"), ("STAFF#*", "STUDENT#*", "TEACHER#*")),
        ("ReceiptCheckFunctionRole", ("BatchGetItem",), ("STAFF#*", "STUDENT#*", "TEACHER#*")),
    )
    for action in actions
    for pattern in patterns
} | {
    Grant("ImportStateMachineRole", "lambda:InvokeFunction", arn("lambda", "function:ImportStepFunction")): (
        "executions that an earlier version began call no version"
    )
}
"""What no test can make a function use, and why it is allowed all the same."""

type Roles = Mapping[str, tuple[Statement, ...]]


def recorded() -> list[Use]:
    """What the tests make functions use."""
    return [
        Use(one["test"], one["role"], Request(one["action"], one["resource"], _context(one["context"])))
        for one in json.loads(RECORDED.read_text())
    ]


def _context(body: Mapping[str, list[str]]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple((key, tuple(values)) for key, values in body.items())


def record(used: Mapping[Grant, Use], *, is_all: bool) -> None:
    """Keep one use for each grant: of what is recorded already, only what still holds, and nothing where ``is_all``."""
    kept = {} if is_all else used_grants(use for use in recorded() if not missing([use], stack().roles))
    kept |= {grant: use for grant, use in used.items() if grant not in kept and use.test}
    bodies = [
        {
            "role": use.role,
            "action": use.request.action,
            "resource": use.request.resource,
            "context": dict(use.request.context),
            "test": use.test,
        }
        for use in sorted(set(kept.values()), key=lambda use: (use.role, use.request, use.test))
    ]
    RECORDED.write_text("[\n" + ",\n".join(json.dumps(body) for body in bodies) + "\n]\n")


@cache
def platform_uses() -> tuple[Use, ...]:
    """What AWS does in each role's name; the test is empty and says for what."""
    return tuple(Use(f"({why})", role, request) for role, request, why in needs_of_platform(stack()))


def used_grants(uses: Iterable[Use]) -> dict[Grant, Use]:
    """The grants that the uses need, each with the first of them."""
    roles, found = stack().roles, dict[Grant, Use]()
    for use in sorted(uses):
        for grant in grants_of(use.role, roles.get(use.role, ()), use.request):
            found.setdefault(grant, use)
    return found


def missing(uses: Iterable[Use], roles: Roles) -> list[Use]:
    """The uses that no statement allows."""
    return sorted(use for use in uses if not allows(roles.get(use.role, ()), use.request))


def unexplained(used: Iterable[Grant]) -> list[Grant]:
    """What a role is granted, is none of these, and has no reason."""
    return [grant for grant in unused(used) if grant not in UNUSED]


def unused(used: Iterable[Grant]) -> list[Grant]:
    """What a role is granted, and is none of these."""
    known = set(used)
    granted = (grant for role, statements in stack().roles.items() for grant in grants(role, statements))
    return sorted(grant for grant in granted if grant not in known)
