"""What a student's first login asks of AWS, counted from the running code, with the units of items that a whole district shares."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.cost.counting import Meter
from benchmarks.cost.model import ASSUMPTIONS
from functions.pages.bootstrap import SETTINGS_KEPT, assemble
from shared.stores.request_context import RequestContextStore
from tests.builders import key
from tests.fakes.dynamodb import Effect
from tests.pages_harness import Website, in_a_made_account, lakeside, log_in, many_have_logged_in

WAYS = {"rule": 0.3, "password": 0.2, "choice": 0.5}
"""How many of those who come are linked by a rule, prove an old account by its password, or press their way to another one."""


@dataclass(frozen=True)
class Login:
    """A login, on the mean of the ways: pages and calls, units, and the units of what all logins of a district share."""

    pages: float
    page_seconds: float
    """How long a page takes a function, on the mean."""
    write_units: float
    read_units: float
    passwords: float
    tokens: float
    """Codes that are redeemed at a hub."""
    settings_read_units: float
    """Of the one item with the district's settings."""
    counter_write_units: float
    """Of the busiest counter of the district's logins."""


class _Shared(Meter):
    """Counts the read units of a district's settings, too, and the writes of its counters."""

    def __call__(self, service: str, operation: str, request: dict[str, Any], effect: Effect) -> dict[str, Any]:
        self.calls["settings read units"] += _units_of_settings(operation, request)  # type: ignore[assignment]  # halves
        if operation == "UpdateItem" and str(request["Key"]["PK"]).startswith("LIMIT#district_login"):
            self.calls["counter"] += 1
        return super().__call__(service, operation, request, effect)


def _units_of_settings(operation: str, request: Mapping[str, Any]) -> float:
    """Settings are less than 4 KB: half a unit, or one where the read sees all that was written."""
    if operation == "GetItem":
        asked = [(request["Key"], request.get("ConsistentRead"))]
    elif operation == "BatchGetItem":
        asked = [(key, of.get("ConsistentRead")) for of in request["RequestItems"].values() for key in of["Keys"]]
    else:
        return 0.0
    return sum(1.0 if consistent else 0.5 for key, consistent in asked if key["SK"] == "SETTINGS")


def counted() -> Login:
    """Count a first login by each way. The same code counts the same."""
    with redirect_stdout(io.StringIO()):
        ways = {"rule": _by(_by_rule), "password": _by(_by_password), "choice": _by(in_a_made_account)}
    used = Counter[str]()
    for way, share in WAYS.items():
        for name, number in ways[way].items():
            used[name] += number * share  # type: ignore[assignment]  # a mean
    calls = ASSUMPTIONS["call_ms"]
    waited = sum(n * calls[name.split()[0]] for name, n in used.items() if " " in name and name.split()[0] in calls)
    return Login(
        pages=used["pages"],
        page_seconds=(waited / used["pages"] + ASSUMPTIONS["cpu_ms"]["pages"]) / 1000,
        write_units=used["write units"],
        read_units=used["read units"],
        passwords=used["cognito-idp AdminInitiateAuth"],
        tokens=used["oidc Token"],
        settings_read_units=used["settings read units"],
        counter_write_units=used["counter"],
    )


def _by(way: Callable[[Website], object]) -> Counter[str]:
    meter = _Shared()
    web = lakeside(gate=meter)
    meter.table = web.world.table
    _as_on_aws(web)
    before, asked = meter.so_far(), len(web.responses)
    way(web)
    used = meter.so_far()
    used.subtract(before)
    ours = [answer for _, answer in web.responses[asked:] if "strict-transport-security" in answer.headers]
    used["pages"] = len(ours)
    return used


def _as_on_aws(web: Website) -> None:
    """Let the site keep a district's settings as the function does, and have read them for others a moment ago; many of the
    district have logged in today."""
    many_have_logged_in(web)
    kept = RequestContextStore(web.world.table, web.world.clock, keeps_settings=SETTINGS_KEPT)
    kept.read(people=[key("s1")])
    web.site = assemble(replace(web.site.services, request_contexts=kept), web.site.renderer)


def _by_rule(web: Website) -> None:
    claims = {"sub": "google-s9", "email": "s9@lakeside.example", "email_verified": True}
    web.visitor(**claims).open("/sso/lakeside").press("Continue with Google")


def _by_password(web: Website) -> None:
    claims = {"sub": "google-s2", "email": "s2@lakeside.example", "email_verified": True}
    page = web.visitor(**claims).open("/sso/lakeside").press("Continue with Google")
    log_in(page.press("Log into my existing account"), "kid").press("Link my accounts")
