"""Whoever comes when AWS has too much to do sees a page that says when to try again, never a bare refusal."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from functions.pages import limits
from functions.pages.bootstrap import SETTINGS_KEPT
from shared.domain.errors import BUSY_SECONDS, Throttled
from shared.hubs.cognito import PasswordLogin
from shared.stores.rate_limits import RateLimiter
from shared.stores.request_context import RequestContextStore
from tests.builders import key
from tests.fakes.dynamodb import Effect, error
from tests.harness import World
from tests.pages_harness import Counting, activated, lakeside, log_in


class Full:
    """A gate that refuses calls of one operation as too many, once it is told to."""

    def __init__(self, operation: str, code: str) -> None:
        self.refuses = False
        self._operation, self._code = operation, code

    def __call__(self, _service: str, operation: str, _request: dict[str, Any], effect: Effect) -> dict[str, Any]:
        if self.refuses and operation == self._operation:
            raise error(self._code, operation)
        return effect()


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ("AdminInitiateAuth", "TooManyRequestsException"),
        ("UpdateItem", "ThrottlingException"),
        ("PutItem", "ProvisionedThroughputExceededException"),
    ],
)
def test_a_login_at_a_full_service_is_told_when_to_come_back(operation: str, code: str) -> None:
    # Given
    full = Full(operation, code)
    web = lakeside(gate=full)
    page = web.visitor().open("/login")
    # When
    full.refuses = True
    log_in(page)
    # Then
    assert page.status == 429
    assert page.response is not None
    assert page.response.headers["Retry-After"] == str(BUSY_SECONDS)
    assert "Many people are here right now" in page.text
    assert f"Wait {BUSY_SECONDS // 60} minutes, then try again." in page.text
    # And later it works
    full.refuses = False
    assert log_in(page.open("/login")).path == "/home"


class FullTransactions(Full):
    """A gate that cancels transactions for what is not their own fault."""

    def __init__(self, reason: str) -> None:
        super().__init__("TransactWriteItems", "TransactionCanceledException")
        self._reason = reason

    def __call__(self, _service: str, operation: str, _request: dict[str, Any], effect: Effect) -> dict[str, Any]:
        if self.refuses and operation == self._operation:
            raise error(self._code, operation, CancellationReasons=[{"Code": "None"}, {"Code": self._reason}])
        return effect()


@pytest.mark.parametrize("reason", ["ThrottlingError", "ProvisionedThroughputExceeded", "TransactionConflict"])
def test_a_link_that_is_too_much_for_the_table_is_made_later(reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own code says that a transaction was cancelled, and no more."""
    # Given
    monkeypatch.setattr("shared.stores.table.sleep", lambda _seconds: None)
    full = FullTransactions(reason)
    web = lakeside(gate=full)
    page = log_in(activated(web).press("Log into my existing account"))
    # When
    full.refuses = True
    page.press("Link my accounts")
    # Then
    assert page.status == 429
    assert "Many people are here right now" in page.text
    # And later it is made
    full.refuses = False
    assert page.open("/link").press("Link my accounts").path == "/home"


def test_who_forgot_a_password_is_told_of_a_full_service_too() -> None:
    full = Full("ForgotPassword", "TooManyRequestsException")
    web = lakeside(gate=full)
    page = web.visitor().open("/login/forgot")
    full.refuses = True
    page.press("Send me a code", username_or_email="ada")
    assert page.status == 429
    assert "Many people are here right now" in page.text


def test_a_defect_is_no_crowd() -> None:
    full = Full("UpdateItem", "ValidationException")
    web = lakeside(gate=full)
    page = web.visitor().open("/login")
    full.refuses = True
    assert log_in(page).status == 500


def test_too_many_tries_at_one_account_are_told_as_such() -> None:
    def refuses(**_request: object) -> None:
        raise error("TooManyFailedAttemptsException", "AdminInitiateAuth")

    with pytest.raises(Throttled) as refused:
        PasswordLogin(SimpleNamespace(admin_initiate_auth=refuses), "pool", "client").log_in("a", "b")  # type: ignore[arg-type]
    assert refused.value.code == "too_many_tries"


def test_all_logins_of_a_district_count_in_sixteen_counters() -> None:
    """One takes a thousand writes a second."""
    world = World()
    limiter = RateLimiter(world.table, world.clock)
    for n in range(400):
        limiter.hit(limits.DISTRICT_LOGIN, "lakeside", by=f"s{n}")
    counters = [item["hits"] for (pk, _), item in world.table.items.items() if pk.startswith("LIMIT#")]
    assert (len(counters), sum(counters)) == (16, 400)
    assert max(counters) < 3 * min(counters)


def test_a_limit_with_parts_is_full_when_a_part_is() -> None:
    world = World()
    limiter = RateLimiter(world.table, world.clock)
    limit = limits.Limit("district_login", 32, timedelta(minutes=15), parts=16)
    for _ in range(2):
        limiter.hit(limit, "lakeside", by="s1")
    with pytest.raises(Throttled):
        limiter.hit(limit, "lakeside", by="s1")


def test_a_district_of_a_million_may_log_in_within_half_an_hour() -> None:
    """Half a million in a quarter of an hour, and half as many again in the middle."""
    assert limits.DISTRICT_LOGIN.within == timedelta(minutes=15)
    assert limits.DISTRICT_LOGIN.most >= 1.5 * 500_000


def test_settings_that_change_are_seen_after_five_seconds() -> None:
    # Given a worker that has read a district's settings
    counting = Counting()
    world = World(gate=counting)
    world.register(name="Lakeside")
    contexts = RequestContextStore(world.table, world.clock, keeps_settings=SETTINGS_KEPT)

    def name() -> str:
        return contexts.read(people=[key("s1")]).districts["lakeside"].name

    assert name() == "Lakeside"
    # When they change
    world.register(name="Lakeside Unified")
    # Then it goes by what it read for five seconds, and no longer
    assert name() == "Lakeside"
    world.pass_time(seconds=SETTINGS_KEPT.total_seconds())
    assert name() == "Lakeside Unified"


def test_a_district_that_is_not_there_yet_is_looked_for_each_time() -> None:
    world = World()
    contexts = RequestContextStore(world.table, world.clock, keeps_settings=SETTINGS_KEPT)
    assert not contexts.read(people=[key("s1")]).districts
    world.register()
    assert "lakeside" in contexts.read(people=[key("s1")]).districts
