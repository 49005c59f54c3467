"""The one hook behind every double: refuses what the role of the function under test does not allow, and notes what it used.

Which function is under test is read off the stack: the innermost frame of ``functions.{folder}``. Calls of a test's own code,
and those of operations (which run in a person's name), have no role and pass.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from tests.account import ACCOUNT
from tests.iam.deployed import stack
from tests.iam.grants import Grant, grants_of
from tests.iam.needs import needs_of_call, tells_missing_from_forbidden
from tests.iam.policy import Request, Statement, allows

ACCESS_DENIED = {"s3": "AccessDenied", "sqs": "AccessDenied"}
"""What a service calls a refusal; the others call it AccessDeniedException."""
_MOST_REMEMBERED = 50_000


@dataclass(frozen=True, slots=True, order=True)
class Use:
    """A request that a function made; of those that a grant allowed one is kept, with the first test that made it."""

    test: str
    role: str
    request: Request

    def __str__(self) -> str:
        return f"{self.role}: {self.request}"


class Guard:
    """Holds each call against the role of the function that makes it."""

    def __init__(self) -> None:
        self.test = ""
        """The test that runs; empty where its inputs are random: tomorrow it may use less."""
        self.denied: list[Use] = []
        self.used: dict[Grant, Use] = {}
        """What was used of the roles so far, in this process."""
        self._acting: str | None = None
        self._taken_away: dict[str, str] = {}
        self._decided: dict[tuple[str, Request], bool] = {}
        self._free: dict[tuple[str, str, str], bool] = {}
        self._about: dict[tuple[str, str, str], tuple[Statement, ...]] = {}

    def run_in(self, test: str) -> None:
        """From now on this test runs."""
        if test and not self.test:
            self._forget()
        self.test = test

    def check(self, service: str, operation: str, request: Mapping[str, Any]) -> None:
        """Raise AccessDenied, as AWS words it, where the role of the function under test does not allow this call."""
        role = self._acting or _role_on_the_stack()
        if role is None:
            return
        for need in needs_of_call(service, operation, request):
            if not self._is_allowed(role, need):
                self.denied.append(Use(self.test, role, need))
                raise access_denied(service, operation, role, need)

    def tells_missing(self, bucket: str) -> bool:
        """Whether S3 tells this function that a key is not there; else it only says that access is denied."""
        role = self._acting or _role_on_the_stack()
        return role is None or self._is_allowed(role, tells_missing_from_forbidden(bucket))

    @contextmanager
    def acting(self, role: str) -> Iterator[None]:
        """All calls are made in this role's name, whatever the stack says."""
        before, self._acting = self._acting, role
        try:
            yield
        finally:
            self._acting = before

    @contextmanager
    def without(self, role: str, action: str) -> Iterator[list[Use]]:
        """As if the role's statements did not name this action; the refusals are in the list and fail no test."""
        self._taken_away[role] = action
        self._forget()
        before, self.denied = self.denied, []
        try:
            yield self.denied
        finally:
            self.denied = before
            del self._taken_away[role]
            self._forget()

    def _forget(self) -> None:
        self._decided.clear()
        self._free.clear()
        self._about.clear()

    def _is_allowed(self, role: str, need: Request) -> bool:
        # Most roles may do most things with the whole table: then the keys need no look.
        known = self._free.get((role, need.action, need.resource))
        if known is None:
            known = self._decided.get((role, need))
        return self._decide(role, need) if known is None else known

    def _decide(self, role: str, need: Request) -> bool:
        statements = self._statements_about(role, need)
        answer = allows(statements, need)
        for grant in grants_of(role, statements, need) if answer else ():
            if grant not in self.used or (self.test and not self.used[grant].test):
                self.used[grant] = Use(self.test, role, need)
        if len(self._decided) > _MOST_REMEMBERED:
            self._decided.clear()
        if any(statement.conditions for statement in statements):
            self._decided[role, need] = answer
        else:
            self._free[role, need.action, need.resource] = answer
        return answer

    def _statements_about(self, role: str, need: Request) -> tuple[Statement, ...]:
        asked = role, need.action, need.resource
        if asked not in self._about:
            named = (s for s in self._statements(role) if s.is_about(need.action, need.resource))
            self._about[asked] = tuple(named)
        return self._about[asked]

    def _statements(self, role: str) -> tuple[Statement, ...]:
        statements = stack().roles[role]
        action = self._taken_away.get(role)
        return statements if action is None else without_action(statements, action)


def without_action(statements: tuple[Statement, ...], action: str) -> tuple[Statement, ...]:
    """The statements as if none named this action."""
    kept = (
        Statement(s.effect, tuple(a for a in s.actions if a != action), s.resources, s.conditions) for s in statements
    )
    return tuple(statement for statement in kept if statement.actions)


def access_denied(service: str, operation: str, role: str, need: Request) -> ClientError:
    """The refusal as AWS words it."""
    function = role.removesuffix("Role")
    who = f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{function}"
    message = (
        f"User: {who} is not authorized to perform: {need.action} on resource: {need.resource} "
        f"because no identity-based policy allows the {need.action} action"
    )
    code = ACCESS_DENIED.get(service, "AccessDeniedException")
    status = 403 if service == "s3" else 400
    response: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, operation)


def missing_or_forbidden() -> ClientError:
    """What S3 says of a key that is not there to whoever may not list the bucket (API reference, "GetObject")."""
    response: Any = {
        "Error": {"Code": "AccessDenied", "Message": "Access Denied"},
        "ResponseMetadata": {"HTTPStatusCode": 403},
    }
    return ClientError(response, "GetObject")


def _role_on_the_stack() -> str | None:
    folder = _folder(sys._getframe(2))
    if folder is None and threading.current_thread() is not threading.main_thread():
        # A thread of a function's, which the function waits for.
        folder = _folder(sys._current_frames().get(threading.main_thread().ident or 0))
    return None if folder is None else stack().role_of_folder[folder]


def _folder(frame: Any) -> str | None:
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if name.startswith("functions."):
            return str(name.split(".")[1])
        frame = frame.f_back
    return None


GUARD = Guard()
"""That of this process; every double asks it."""
