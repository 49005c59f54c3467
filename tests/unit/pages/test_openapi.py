"""docs/openapi.yaml says what the pages answer: all of it, and nothing that they do not (schemathesis)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import APIOperation, Case
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.core import NOT_SET
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from functions.pages.bootstrap import assemble
from functions.pages.http import LOGIN_COOKIE
from functions.pages.linking.link import form_of, shown_of
from local.web_client import WebClient
from shared.domain.clock import to_iso
from shared.domain.roster import Role, RosterUser
from shared.runtime.tokens import activation_token, stop_token, unsubscribe_token
from shared.stores.bulk_orders import BulkAction, BulkOrder
from shared.stores.class_exports import ClassExport, ExportedClass
from tests.builders import key, roster, user
from tests.depth import depth
from tests.fakes.dynamodb import Effect, error
from tests.harness import TOKEN_KEY, WEB, World, text
from tests.pages_harness import (
    CLEVER_DISTRICT,
    PASSWORD,
    Website,
    activated,
    assert_all_security_headers,
    lakeside,
    linked_teacher,
    log_in,
    operator,
    routes,
)
from tests.template import RESOURCES

RANDOM = depth(0, 10)
"""Requests that schemathesis makes up, for each route and visitor."""
LONG = "x" * 2_100
"""Longer than a key of DynamoDB may be."""
TOKENS = ("token-of-the-mail", "token-of-nudges", "token-of-reminders", "token-of-notices")
"""What stands in an address where Lakeside's real tokens go."""
IMPORT_ID = "20260901T150003000Z-3c9ecc8d"
"""That of Lakeside's first roster."""
KNOWN = {
    "path.code": ["missing_value", "shared_address", LONG],
    "path.district_id": ["lakeside", LONG],
    "path.provider": ["google", "clever", "#"],
    "path.export_id": ["of-ada", LONG],
    "path.reference": ["own", "c1", LONG],
    "path.token": [*TOKENS, LONG],
    "path.import_id": [IMPORT_ID, LONG],
    "path.kind": ["person"],
    "path.sourced_id": ["t1", LONG],
    "path.action": ["mail", "go", "undo", "roll-back", "reject", "code", "nothing"],
    "path.order_id": ["order", "nothing", LONG],
    "path.what": ["do", "undo", "nothing"],
    "path.name": ["report.json", "nothing"],
    "body.query": ["t1", "Ada", LONG],
    "body.reason": ["as meant", ""],
    "body.district": ["lakeside", "nowhere"],
    "query.district": ["lakeside"],
    "query.lang": ["en", "es"],
    "query.code": ["ada", "stranger", "", "CDFG-2345"],
    "query.state": ["state"],
    "query.admin_consent": ["", "True"],
    "body.account_id": ["ada", "kid"],
    "body.sourced_id": ["t1", "t2", "s1", LONG],
    "body.person": [
        shown_of(RosterUser("lakeside", number, Role.STUDENT, given, "Person", f"{number}@lakeside.example"))
        for number, given in (("t1", "Ada"), ("s1", "Kid"))
    ],
    "body.whose": [
        form_of(RosterUser("lakeside", number, Role.STUDENT, given, "Person", f"{number}@lakeside.example"))
        for number, given in (("s1", "Kid"), ("a1", "Kim"))
    ],
    "body.district_id": ["lakeside"],
    "body.username": ["ada", LONG],
    "body.password": [PASSWORD, LONG],
    "body.email": ["t2@lakeside.example", "somebody@elsewhere.example", "none"],
    "body.answer": ["123456", LONG],
    "body.code": ["000000", LONG],
    "body.new_password": ["a new password"],
    "body.class-own": ["on"],
    "body.title": ["Fractions"],
    "body.skills": ["a, b"],
}
"""Values that mean something in Lakeside; most cases use them, so that more is met than what is not there."""

CONFIG = SchemathesisConfig.from_dict(
    {
        "dictionaries": {name: {"values": values} for name, values in KNOWN.items()},
        "parameters": {name: {"dictionary": name, "probability": 0.7} for name in KNOWN},
        "generation": {"with-security-parameters": False, "allow-x00": True},
    }
)
API = schemathesis.openapi.from_path(Path(__file__).parents[3] / "docs/openapi.yaml", config=CONFIG)
OPERATIONS = {operation.ok().label: operation.ok() for operation in API.get_all_operations()}

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


class AtLimit:
    """The gate of a world in which, from some moment on, every limit is reached."""

    def __init__(self) -> None:
        self.is_on = False

    def __call__(self, service: str, operation: str, request: dict[str, Any], effect: Effect) -> dict[str, Any]:
        is_counter = service == "dynamodb" and str(request.get("Key", {}).get("PK", "")).startswith("LIMIT#")
        if not (self.is_on and is_counter):
            return effect()
        if "ConditionExpression" in request:  # a limit that counts only below itself
            raise error("ConditionalCheckFailedException", operation)
        return {"Attributes": {"hits": 10**6}}


class Visitor:
    """Somebody in the middle of Lakeside's pages; every question finds the world as it was at that moment."""

    def __init__(
        self, web: Website, page: WebClient | None = None, *, headers: Mapping[str, str] | None = None
    ) -> None:
        kept = page.http.cookies.jar if page else ()
        self._web = web
        self._headers = {"Cookie": "; ".join(f"{cookie.name}={cookie.value}" for cookie in kept), **(headers or {})}
        self.http = httpx.Client(transport=httpx.MockTransport(web.send))
        self._users = dict(web.cognito.users)
        self._moment = World()
        self._moment.begin_like(web.world)
        activation = web.world.activations.of_user(key("t1"))
        assert activation is not None
        self._tokens = (
            activation_token(activation, TOKEN_KEY),
            unsubscribe_token("lakeside", "ada", TOKEN_KEY),
            stop_token(activation.activation_id, TOKEN_KEY),
            token_of_notice(web),
        )

    def ask(self, case: Case) -> httpx.Response:
        self._web.world.begin_like(self._moment)
        self._web.google.codes = {who: ("nonce", "verifier", {"sub": f"google-{who}"}) for who in ("ada", "stranger")}
        self._web.cognito.users = dict(self._users)
        self._web.cognito.codes = {"ada": "000000"}
        self.http.cookies.clear()
        asked = case.as_transport_kwargs(base_url=WEB, headers=self._headers)
        asked.pop("cookies")
        for name, token in zip(TOKENS, self._tokens, strict=True):
            asked["url"] = asked["url"].replace(name, token)
        answer = self.http.request(**asked)
        answer.elapsed = timedelta()  # No network, no time; but schemathesis asks for it.
        return answer


def token_of_notice(web: Website) -> str:
    """The token in the newest notice of a link; one that names none where nobody was told of any."""
    addresses = [word for mail in web.world.ses.sent for word in text(mail).split() if "/notice/" in word]
    return addresses[-1].rpartition("/")[2] if addresses else f"{'0' * 32}-own.{'A' * 43}"


def nobody() -> Visitor:
    return Visitor(lakeside())


def on_another_site() -> Visitor:
    return Visitor(lakeside(), headers={"Sec-Fetch-Site": "cross-site"})


def back_from_google() -> Visitor:
    web = lakeside()
    begun = {"provider": "google", "state": "state", "nonce": "nonce", "verifier": "verifier", "purpose": "account"}
    return Visitor(web, headers={"Cookie": f"{LOGIN_COOKIE}={web.site.services.sealed('login').seal(begun)}"})


def at_a_second_factor(*, at_limit: bool = False) -> Visitor:
    gate = AtLimit()
    web = lakeside(gate=gate)
    web.cognito.challenges["ada"] = [("SOFTWARE_TOKEN_MFA", "123456")]
    page = log_in(web.visitor().open("/login"))
    gate.is_on = at_limit
    return Visitor(web, page)


def with_a_new_password_on_its_way(*, at_limit: bool = False) -> Visitor:
    gate = AtLimit()
    web = lakeside(gate=gate)
    page = web.visitor().open("/login/forgot").press("Send me a code", username_or_email="ada")
    gate.is_on = at_limit
    return Visitor(web, page)


def with_a_login_code_on_its_way(*, at_limit: bool = False) -> Visitor:
    gate = AtLimit()
    web = lakeside(gate=gate)
    page = web.visitor().open("/login/email").press("Send the code", email="kid@home.example")
    gate.is_on = at_limit
    return Visitor(web, page)


def with_an_own_address_on_its_way(*, at_limit: bool = False) -> Visitor:
    gate = AtLimit()
    web = lakeside(gate=gate)
    web.world.register(clever_district_id=CLEVER_DISTRICT, students_may_add_logins=True)
    page = through_the_district(web).press("I don't have an account yet").open("/ways-in")
    page.press("Send the code", email="kid@home.example")
    gate.is_on = at_limit
    return Visitor(web, page)


def where_the_platform_helps() -> Visitor:
    web = lakeside()
    services = replace(web.site.services, password_help_url="https://help.platform.example/")
    web.site = assemble(services, web.site.renderer)
    return Visitor(web)


def invited() -> Visitor:
    web = lakeside()
    return Visitor(web, activated(web))


def invited_and_logged_in() -> Visitor:
    web = lakeside()
    return Visitor(web, log_in(activated(web).press("Log into my existing account")))


def linked() -> Visitor:
    web = lakeside()
    return Visitor(web, linked_teacher(web))


def linked_long_ago() -> Visitor:
    web = lakeside()
    page = linked_teacher(web)
    web.world.pass_time(days=31)
    return Visitor(web, log_in(page.open("/login")))


def linked_and_tidied_up() -> Visitor:
    web = lakeside()
    return Visitor(web, linked_teacher(web).open("/classes/own/settings").press("Delete class"))


def with_a_file_to_fetch() -> Visitor:
    web = lakeside()
    page = linked_teacher(web)
    export = ClassExport("ada", "of-ada", (ExportedClass("own"),), "en", to_iso(web.world.now))
    web.world.exports.ask(export, web.world.now)
    web.world.export_classes().make("ada", "of-ada")
    return Visitor(web, page)


def linked_and_at_every_limit() -> Visitor:
    gate = AtLimit()
    web = lakeside(gate=gate)
    page = linked_teacher(web)
    gate.is_on = True
    return Visitor(web, page)


def told_of_a_link(*, undone: bool = False, at_limit: bool = False) -> Visitor:
    gate = AtLimit()
    web = lakeside(gate=gate)
    linked_teacher(web)
    web.world.notify_of_links()
    page = web.visitor().open(f"{WEB}/notice/{token_of_notice(web)}")
    if undone:
        web.world.links.undo(key("t1"), event_id=web.world.new_id(), now=web.world.now)
    gate.is_on = at_limit
    return Visitor(web, page)


def with_a_used_link() -> Visitor:
    web = lakeside()
    page = activated(web)
    linked_teacher(web)
    return Visitor(web, page)


def with_an_expired_link() -> Visitor:
    web = lakeside()
    web.world.pass_time(days=31)
    return Visitor(web, activated(web, "t2"))


def with_a_replaced_link() -> Visitor:
    web = lakeside()
    page = activated(web)
    web.world.resend_activation().resend(key("t1"))
    return Visitor(web, page)


def through_the_district(web: Website, who: str = "cid-1") -> WebClient:
    return web.visitor(sub=who, district=CLEVER_DISTRICT).open("/sso/lakeside").press("Continue with Clever")


def at_a_first_district_login() -> Visitor:
    web = lakeside()
    return Visitor(web, through_the_district(web))


def asked_about_a_google_that_waits() -> Visitor:
    web = lakeside()
    linked_teacher(web)
    page = web.visitor(sub="google-ada", email="ada@mail.example", email_verified=True).open("/login")
    return Visitor(web, log_in(page.press("Continue with Google").press("Log in with my password")))


def off_the_roster_since_the_login() -> Visitor:
    web = lakeside()
    page = through_the_district(web)
    web.world.upload(roster(user("t1", "teacher"), user("s2"), user("s9"), user("a1", "administrator")), name="next")
    return Visitor(web, page)


def on_two_devices(*, undone: bool) -> Visitor:
    """The first device, after the second one linked, and perhaps undid it."""
    web = lakeside()
    first, second = through_the_district(web), through_the_district(web)
    log_in(second.press("Log into my existing account"), "kid").press("Link my accounts")
    if undone:
        web.world.pass_time(minutes=1)
        second.open("/home").press("Undo the link with Lakeside Schools").press("Undo the link")
    return Visitor(web, log_in(first.press("Log into my existing account"), "ada"))


def administrator() -> Visitor:
    web = lakeside()
    claims = {"sub": "a1", "email": "a1@lakeside.example", "email_verified": True}
    web.world.pass_time(days=31)
    order = BulkOrder("lakeside", "order", BulkAction.MAIL, "a1", ("t1",))
    web.site.services.bulk_orders.put(order, web.world.now)
    return Visitor(web, web.visitor(**claims).open("/sso/lakeside").press("Continue with Google"))


def operator_of_the_platform() -> Visitor:
    web = lakeside()
    return Visitor(web, operator(web))


def at_every_limit() -> Visitor:
    gate = AtLimit()
    web = lakeside(gate=gate)
    web.world.pass_time(days=31)
    page = activated(web, "t2")
    claims = {"sub": "a1", "email": "a1@lakeside.example", "email_verified": True}
    page.http.cookies.update(web.visitor(**claims).open("/sso/lakeside").press("Continue with Google").http.cookies)
    gate.is_on = True
    return Visitor(web, page)


@pytest.fixture(scope="module")
def visitors() -> list[Visitor]:
    return [
        nobody(),
        on_another_site(),
        back_from_google(),
        at_a_second_factor(),
        at_a_second_factor(at_limit=True),
        with_a_new_password_on_its_way(),
        with_a_new_password_on_its_way(at_limit=True),
        with_a_login_code_on_its_way(),
        with_a_login_code_on_its_way(at_limit=True),
        with_an_own_address_on_its_way(),
        with_an_own_address_on_its_way(at_limit=True),
        where_the_platform_helps(),
        invited(),
        invited_and_logged_in(),
        linked(),
        linked_and_tidied_up(),
        with_a_file_to_fetch(),
        linked_and_at_every_limit(),
        linked_long_ago(),
        told_of_a_link(),
        told_of_a_link(undone=True),
        told_of_a_link(at_limit=True),
        with_a_used_link(),
        with_an_expired_link(),
        with_a_replaced_link(),
        at_a_first_district_login(),
        asked_about_a_google_that_waits(),
        off_the_roster_since_the_login(),
        on_two_devices(undone=False),
        on_two_devices(undone=True),
        administrator(),
        operator_of_the_platform(),
        at_every_limit(),
    ]


def strangely(operation: APIOperation, check: Callable[[Case], None]) -> None:
    """What schemathesis makes up, the same in every run."""

    @settings(derandomize=True, database=None, deadline=None, max_examples=RANDOM, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(operation.as_strategy())
    def ask(case: Case) -> None:
        check(case)

    ask()


def test_the_description_is_valid() -> None:
    API.validate()


def test_the_handler_has_the_routes_that_are_described() -> None:
    described = sorted((operation.method.upper(), operation.path) for operation in OPERATIONS.values())
    assert described == sorted((method, re.sub(r"<(\w+)>", r"{\1}", path)) for method, path in routes())


def test_the_template_leaves_every_route_to_the_handler() -> None:
    every = [
        resource["Properties"] for resource in RESOURCES.values() if resource["Type"] == "AWS::ApiGatewayV2::Route"
    ]
    assert [route["RouteKey"] for route in every] == ["$default"]


def known(operation: APIOperation, *, most_changed: int) -> Iterator[Case]:
    """Requests that are made of values that are known (`combined`), optional parts left out."""
    raw = operation.definition.raw
    forms = raw.get("requestBody", {}).get("content", {})
    fields = [f"body.{name}" for form in forms.values() for name in form["schema"]["properties"]]
    asked = {parameter.name for parameter in operation.query}
    wanted = [*fields, *re.findall(r"[{](\w+)[}]", operation.path)]
    wanted += [f"query.{name}" for name in ("code", "state", "admin_consent") if name in asked]
    names = [name if "." in name else f"path.{name}" for name in wanted]
    names = [name for name in names if name in KNOWN]
    for values in combined([KNOWN[name] for name in names], most_changed=most_changed):
        chosen: dict[str, dict[str, str]] = {"path": {}, "query": {}, "body": {}}
        for name, value in zip(names, values, strict=True):
            where, _, field = name.partition(".")
            chosen[where][field] = value
        yield operation.Case(
            path_parameters=chosen["path"],
            query=chosen["query"],
            body=chosen["body"] if forms else NOT_SET,
            media_type=next(iter(forms), None),
        )


def combined(known_values: list[list[str]], *, most_changed: int) -> Iterator[tuple[str, ...]]:
    """The first values of each, and all combinations in which at most so many are others."""
    for values in product(*known_values):
        if sum(value != of[0] for value, of in zip(values, known_values, strict=True)) <= most_changed:
            yield values


@pytest.mark.deep
@pytest.mark.parametrize("label", sorted(OPERATIONS))
def test_what_is_answered_is_described_and_what_is_described_is_answered(label: str, visitors: list[Visitor]) -> None:
    operation = OPERATIONS[label]
    described = set(operation.definition.raw["responses"])
    seen: set[str] = set()

    def check(case: Case, visitor: Visitor) -> None:
        answer = visitor.ask(case)
        case.validate_response(answer, checks=CHECKS)
        assert_all_security_headers(answer, label)
        seen.add(str(answer.status_code))

    # In `make test` values are combined only where a response was not met without.
    for most_changed in (99,) if RANDOM else (1, 2, 99):
        if seen != described:
            for visitor, case in product(visitors, list(known(operation, most_changed=most_changed))):
                check(case, visitor)
    if RANDOM:
        for visitor in visitors:
            strangely(operation, partial(check, visitor=visitor))
    assert seen == described
