"""The pages over a world in memory: a visitor's browser is httpx, whose network is the function's own handler."""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qs, urlencode, urlparse

import httpx
import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import BotoCoreError, ClientError

from functions.pages import handler
from functions.pages.bootstrap import Site, assemble
from functions.pages.dependencies import Services
from functions.pages.handler import HttpApi
from functions.pages.http import PageRenderer
from functions.pages.linking import link as link_page
from functions.pages.routes import routes as routes_of
from local.doubles.classlink import ClassLink as ClassLinkDouble
from local.doubles.clever import Clever as CleverDouble
from local.doubles.google import Google as GoogleDouble
from local.doubles.hub import HubDouble
from local.doubles.microsoft import Microsoft as MicrosoftDouble
from local.web_client import WebClient
from shared.domain.district import District
from shared.domain.errors import LoginRefused
from shared.hubs.classlink import ClassLink
from shared.hubs.clever import Clever
from shared.hubs.cognito import PasswordLogin
from shared.hubs.google import Google
from shared.hubs.hub import Binding, Hub, Identity, Provider
from shared.hubs.microsoft import Microsoft
from shared.hubs.oidc import OidcProvider
from shared.runtime.settings import Brand
from shared.runtime.tokens import TokenKeys
from shared.stores.audit import AuditStore
from shared.stores.bulk_orders import BulkOrderStore
from shared.stores.class_day import ClassDayStore
from shared.stores.class_exports import ClassExportQueue
from shared.stores.counts import CountStore
from shared.stores.digests import RemainingClassesStore
from shared.stores.fetches import FetchRequests, FetchStore
from shared.stores.hub_returns import HubReturnStore
from shared.stores.import_files import ImportFiles
from shared.stores.import_progress import ProgressStore
from shared.stores.import_state import ImportStateStore
from shared.stores.imports import ImportHistory
from shared.stores.mail_codes import MailCodeStore
from shared.stores.notices import NoticeStore
from shared.stores.overview import OverviewStore
from shared.stores.own_code_queue import OwnCodeQueue
from shared.stores.own_logins import OwnLoginStore
from shared.stores.people_classes import PeoplesClassesStore
from shared.stores.people_search import PeopleSearch
from shared.stores.rate_limits import RateLimiter
from shared.stores.request_context import RequestContextStore
from shared.stores.roster_forms import RosterForms
from shared.stores.seals import SheetStore
from shared.stores.send_state import SendStateStore
from shared.stores.sessions import SessionStore
from shared.stores.strangers import StrangerStore
from shared.stores.stuck_people import StuckStore
from shared.stores.trail import TrailStore
from shared.stores.vouching import VouchStore
from shared.stores.waiting import WaitingStore
from shared.stores.ways_in import WayInStore
from tests.builders import account, enrolled, key, roster, user
from tests.fakes.aws import PRESIGNED, MemoryCognito
from tests.fakes.dynamodb import Effect, Gate, ungated
from tests.harness import CLEVER, GOOGLE, TOKEN_KEY, WEB, World

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient


@dataclass
class MemoryProvider:
    """An issuer that says of each person what the test decided; a code is good once, with its nonce and verifier.

    As Google does for a school's accounts, it names the address' domain as ``hd`` where the test names none.
    """

    provider: Provider
    issuer: str
    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    codes: dict[str, tuple[str, str, dict[str, Any]]] = field(default_factory=dict)
    gate: Gate = ungated
    client_id: str = "us"
    takes_codes_again: bool = False
    """Whether it forgets its duty (RFC 6749 4.1.2), so that only the product's own care counts."""

    @property
    def restarts(self) -> bool:
        return self.provider == "clever"

    def authorize(self, binding: Binding, district: District | None = None, *, from_portal: bool = False) -> str:
        query = {"state": binding.state, "nonce": binding.nonce, "verifier": binding.verifier}
        return f"{self.issuer}/authorize?{urlencode(query)}"

    def look_up(self, identity: Identity) -> Identity:
        return identity

    def refusal(self, answer: Mapping[str, str]) -> LoginRefused:
        return LoginRefused("not_proved", "The login could not be confirmed. Start it again.")

    def prove(self, code: str, binding: Binding) -> Identity:
        redeemed: list[dict[str, Any]] = []

        def effect() -> dict[str, Any]:
            expected_nonce, expected_verifier, claims = self.codes.get(code, ("", "", {}))
            if not self.takes_codes_again:
                self.codes.pop(code, None)
            if (binding.nonce, binding.verifier) == (expected_nonce, expected_verifier):
                redeemed.append(claims)
            return {}

        try:
            self.gate("oidc", "Token", {}, effect)
        except (BotoCoreError, ClientError):
            redeemed.clear()
        if not redeemed:
            raise LoginRefused("not_proved", "The login could not be confirmed. Start it again.")
        (claims,) = redeemed
        return Identity(
            self.issuer,
            claims["sub"],
            claims.get("email"),
            self.provider == "google" and claims.get("email_verified") is True,
            claims.get("district"),
            claims.get("hd", (claims.get("email") or "").rpartition("@")[2] or None),
            given_name=claims.get("given_name", ""),
            family_name=claims.get("family_name", ""),
        )


EVERY_DOUBLE: tuple[tuple[type[HubDouble], type[OidcProvider | Clever], str], ...] = (
    (CleverDouble, Clever, CLEVER),
    (GoogleDouble, Google, GOOGLE),
    (ClassLinkDouble, ClassLink, "https://launchpad.classlink.com"),
    (MicrosoftDouble, Microsoft, "https://login.microsoftonline.com"),
)
"""Each double, what the product has for that hub, and where the true one lives."""


def _wait_for_nothing(_seconds: float) -> None:
    """Tests do not wait."""


class Website:
    """The pages on fakes, and visitors of them."""

    def __init__(self, world: World, *, gate: Gate = ungated) -> None:
        self.world = world
        self.token_keys = TokenKeys(TOKEN_KEY)
        self.cognito = MemoryCognito(gate=gate)
        self.google = MemoryProvider("google", GOOGLE, gate=gate)
        self.clever = MemoryProvider("clever", CLEVER, gate=gate)
        self.hubs: dict[Provider, Hub] = {"google": self.google, "clever": self.clever}
        self._doubles: list[HubDouble] = []
        self._api = HttpApi(self._site())
        self.responses: list[tuple[str, httpx.Response]] = []
        self.source_ip = "192.0.2.1"

    @property
    def site(self) -> Site:
        return self._api.site

    @site.setter
    def site(self, site: Site) -> None:
        self._api = HttpApi(site)

    def _site(self) -> Site:
        world = self.world
        secrets = iter(f"secret-{n:08d}" for n in range(10**8))
        services = Services(
            districts=world.districts, users=world.users, district_classes=world.classes, work=world.work,
            skills=world.skills,
            peoples_classes=PeoplesClassesStore(world.table),
            accounts=world.accounts, identifiers=world.identifiers,
            links=world.links, nudges=world.nudges, mail_codes=MailCodeStore(world.table),
            waiting=WaitingStore(world.table),
            activations=world.activations,
            notices=NoticeStore(world.table),
            request_contexts=RequestContextStore(world.table, world.clock),
            progress=ProgressStore(world.table), reports=world.reports,
            stuck=StuckStore(world.table), counts=CountStore(world.table), resend_activation=world.resend_activation(),
            correct_address=world.correct_address(),
            imports=ImportHistory(world.table), overview=OverviewStore(world.table),
            decisions=world.decide_import(), ways_in=WayInStore(world.table),
            roster_forms=RosterForms(world.s3, "rosters"), fetches=FetchStore(world.table),
            fetch_requests=FetchRequests(world.s3, "rosters"), trail=TrailStore(world.table), sheets=SheetStore(world.table),
            bulk_orders=BulkOrderStore(world.table),
            strangers=StrangerStore(world.table, RateLimiter(world.table, world.clock)),
            vouches=VouchStore(world.table), class_days=ClassDayStore(world.table),
            own_logins=OwnLoginStore(world.table),
            own_code_queue=OwnCodeQueue(world.code_requests, "notices"),
            audit=AuditStore(world.table),
            people_search=PeopleSearch(ImportStateStore(world.table), ImportFiles(world.s3, "snapshots")),
            exports=world.exports, export_queue=ClassExportQueue(world.export_requests, "exports"),
            export_files=world.export_files, remaining=RemainingClassesStore(world.table),
            sessions=SessionStore(world.table, world.clock), rate_limiter=RateLimiter(world.table, world.clock),
            hub_returns=HubReturnStore(world.table, world.clock), send_state=SendStateStore(world.table),
            passwords=PasswordLogin(cast("CognitoIdentityProviderClient", self.cognito), "pool", "client"),
            hubs=self.hubs,
            brand=Brand(web_url=WEB), clock=world.clock, new_id=world.new_id, new_secret=lambda: next(secrets),
            new_digits=lambda count: "123456"[:count],
            token_keys=lambda: self.token_keys,
        )  # fmt: skip
        renderer = PageRenderer(
            brand_name="Khan Academy",
            brand_colour="#1865f2",
            support_url="https://support.example",
            form_targets=(GOOGLE,),
        )

        return assemble(services, renderer)

    def use_double[Kind: HubDouble](self, kind: type[Kind], hub: type[OidcProvider | Clever], address: str) -> Kind:
        """Log in through the double of a hub, as it lives at this address, and by the product's own code for that hub."""
        double = kind(clock=self.world.clock, address=address)
        callback = f"{WEB}/callback/{hub.provider}"
        double.register("us", "a-secret", callback, home=f"{WEB}/login")
        ours = hub(double.issuer, "us", lambda: "a-secret", callback, self.world.clock, double.session())
        if isinstance(ours, Clever):
            ours._api_url, ours._wait = address, _wait_for_nothing
        self.hubs[hub.provider] = ours
        self._doubles.append(double)
        return double

    def use_every_double(self) -> dict[str, HubDouble]:
        """The double of each hub, by the hub's name."""
        return {double.name: self.use_double(double, hub, address) for double, hub, address in EVERY_DOUBLE}

    def visitor(self, **signs_in_as: Any) -> WebClient:
        """Somebody with a browser; at an issuer's page they sign in with these claims."""

        def network(request: httpx.Request) -> httpx.Response:
            answer = self._issuer(request, signs_in_as) or self._file(request) or self.send(request)
            self.responses.append((f"{request.method} {request.url.path}", answer))
            return answer

        return WebClient(WEB, httpx.MockTransport(network))

    def again(self, answered: str) -> httpx.Response:
        """A browser sends the last request of this name once more, as it was, cookies and all."""
        return self.send(next(r.request for name, r in reversed(self.responses) if name == answered))

    def _issuer(self, request: httpx.Request, claims: dict[str, Any]) -> httpx.Response | None:
        for name, provider in (("google", self.google), ("clever", self.clever)):
            if str(request.url).startswith(f"{provider.issuer}/authorize"):
                query = {k: v[0] for k, v in parse_qs(urlparse(str(request.url)).query).items()}
                code = f"code-{len(self.responses)}"
                provider.codes[code] = (query["nonce"], query["verifier"], claims)
                back = urlencode({"code": code, "state": query["state"]})
                return httpx.Response(302, headers={"Location": f"{WEB}/callback/{name}?{back}"})
        for double in self._doubles:
            if str(request.url).startswith(double.url):
                return httpx.WSGITransport(app=double.app).handle_request(request)
        return None

    def _file(self, request: httpx.Request) -> httpx.Response | None:
        """What lies at a presigned address."""
        if not str(request.url).startswith(PRESIGNED):
            return None
        _, bucket, key = request.url.path.split("/", 2)
        return httpx.Response(200, content=self.world.s3.objects[bucket, key])

    def send(self, request: httpx.Request) -> httpx.Response:
        event = {
            "version": "2.0", "routeKey": "$default", "rawPath": request.url.path,
            "rawQueryString": request.url.query.decode(),
            "queryStringParameters": dict(request.url.params) or None,
            "headers": {k.lower(): v for k, v in request.headers.items() if k.lower() != "cookie"},
            "cookies": request.headers.get("cookie", "").split("; ") if request.headers.get("cookie") else [],
            "requestContext": {"http": {"method": request.method, "path": request.url.path, "sourceIp": self.source_ip},
                               "stage": "$default", "requestId": "r"},
            "body": base64.b64encode(request.content).decode(), "isBase64Encoded": True,
        }  # fmt: skip
        context = SimpleNamespace(
            function_name="pages", memory_limit_in_mb=128, invoked_function_arn="arn", aws_request_id="request"
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(handler, "api", lambda: self._api)
            answer = handler.lambda_handler(event, cast(LambdaContext, context))
        assert len(json.dumps(answer)) <= _LARGEST_RESPONSE, "Lambda returns no more (Lambda developer guide, quotas)"
        body = answer.get("body") or ""
        content = base64.b64decode(body) if answer.get("isBase64Encoded") else body.encode()
        headers = [(k, str(v)) for k, v in answer["headers"].items()]
        headers += [("Set-Cookie", cookie) for cookie in answer.get("cookies", [])]
        return httpx.Response(answer["statusCode"], headers=headers, content=content)


_LARGEST_RESPONSE = 6 * 1024 * 1024
PASSWORD = "correct horse"


CLEVER_DISTRICT = "clever-district-1"


def website_like(prepared: Website) -> Website:
    """Another one that begins where this one stands: quicker than to make it again."""
    world = World()
    world.begin_like(prepared.world)
    world.ses.sent = list(prepared.world.ses.sent)
    made = Website(world)
    made.cognito.users = dict(prepared.cognito.users)
    return made


def lakeside(*, gate: Gate = ungated) -> Website:
    """Lakeside with a teacher who was mailed, a matched and two unmatched students, and the teacher's own account."""
    world = World(gate=gate)
    world.register(clever_district_id=CLEVER_DISTRICT, nudges={"first_after_days": 14})
    own_class = {
        "class_id": "own", "name": "Period 3", "created_at": "2025-08-20T14:00:00Z", "student_account_ids": ["kid"],
        "goals": [{"goal_id": "g", "title": "Equations", "skill_ids": ["a", "b"]}],
        "assignments": [{"assignment_id": "q", "title": "Quiz", "content_id": "quiz", "scores": {"kid": 70}}],
    }  # fmt: skip
    world.feed(
        account("ada", "ada@mail.example", google_sub="google-ada", classes=[own_class]),
        {**account("kid", "", role="student"), "email": None,
         "mastery": {"a": {"points": 100, "updated_at": "2026-05-01T00:00:00Z"}}},
        account("zoe", "s9@lakeside.example", role="student"),
    )  # fmt: skip
    world.upload(
        roster(
            user("t1", "teacher", given="Ada"),
            user("t2", "teacher"),
            user("s1", ids="{Clever:cid-1}", given="Kid"),
            user("s2", ids="{Clever:cid-2}"),
            user("s9", given="Zoe"),
            user("a1", "administrator"),
            enrollments=enrolled("t1", "teacher") + enrolled("s1") + enrolled("s9"),
        )
    )
    world.send_mail()
    made = Website(world, gate=gate)
    made.cognito.users = {"ada": (PASSWORD, "ada"), "kid": (PASSWORD, "kid"), "zoe": (PASSWORD, "zoe")}
    return made


def many_have_logged_in(web: Website, logins: int = 500) -> None:
    """A large district's day is under way: few of its further logins are counted (``HubReturnStore.began``)."""
    for number in range(logins):
        for provider in web.site.services.hubs:
            web.site.services.hub_returns.began("lakeside", provider, str(number))


def log_in(visitor: WebClient, username: str = "ada", password: str = PASSWORD) -> WebClient:
    return visitor.press("Log in", username_or_email=username, password=password)


def operator(web: Website, name: str = "ops") -> WebClient:
    """An operator of the platform, after password and second factor."""
    web.cognito.users.setdefault(name, (PASSWORD, ""))
    web.cognito.operators.add(name)
    web.cognito.challenges.setdefault(name, [("SOFTWARE_TOKEN_MFA", "123456")])
    return log_in(web.visitor().open("/login"), name).press("Log in", code="123456")


def activated(web: Website, who: str = "t1") -> WebClient:
    """Somebody at the page behind the mail's button."""
    return web.visitor().open(web.world.address_in_mail_to(f"{who}@lakeside.example"))


def linked_teacher(web: Website) -> WebClient:
    return log_in(activated(web).press("Log into my existing account")).press("Link my accounts")


def state(web: Website) -> dict[tuple[str, str], Any]:
    return {k: dict(v) for k, v in web.world.table.items.items() if not k[0].startswith("LIMIT#")}


def in_a_made_account(web: Website, sub: str = "cid-1") -> WebClient:
    """A student who had no account, or did not think of it, at the first district login."""
    page = web.visitor(sub=sub, district=CLEVER_DISTRICT).open("/sso/lakeside").press("Continue with Clever")
    return page.press("I don't have an account yet")


def earns(web: Website, account_id: str, **points: int) -> None:
    mastery = {skill: {"points": n, "updated_at": "2026-09-01T00:00:00Z"} for skill, n in points.items()}
    web.world.feed({"account_id": account_id, "role": "student", "username": account_id, "mastery": mastery})


def account_of(web: Website, sourced_id: str) -> str:
    link = web.world.links.of_user(key(sourced_id))
    assert link is not None
    return link.account_id


def shown_of(web: Website, sourced_id: str) -> str:
    """What the form of ``/link`` says of the roster user whom it shows."""
    user = web.world.users.get(key(sourced_id))
    assert user is not None
    return link_page.shown_of(user)


def routes() -> list[tuple[str, str]]:
    """(method, address) of every page."""
    return sorted((route.method, route.address) for route in routes_of(Website(World()).site))


def post(page: WebClient, path: str, **fields: Any) -> httpx.Response:
    return page.http.post(WEB + path, data=fields)


_HEADERS = {
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "interest-cohort=()",
}


def assert_all_security_headers(response: httpx.Response, name: str) -> None:
    """Every header that docs/security.md names, the flags of every cookie, and a page without scripts."""
    assert {header: response.headers.get(header) for header in _HEADERS} == _HEADERS, name
    assert response.headers["Content-Type"], name
    if response.headers["Cache-Control"] != "no-store":
        assert "/help" in name, f"{name} may not be kept"
        assert response.headers["Cache-Control"] == "public, max-age=3600", name
        assert "Set-Cookie" not in response.headers, name
    _assert_content_policy(response, name)
    for cookie in response.headers.get_list("set-cookie"):
        _assert_cookie(cookie, name)
    if response.headers["Content-Type"].startswith("text/html"):
        assert not re.search(r"<script|\sstyle=|\son\w+=|javascript:", response.text), name


def _assert_content_policy(response: httpx.Response, name: str) -> None:
    header = response.headers["Content-Security-Policy"]
    policy = dict(part.strip().partition(" ")[::2] for part in header.split(";"))
    style = policy.pop("style-src")
    if policy["form-action"] == f"'self' {GOOGLE} https:":
        assert 'type="password"' not in response.text, f"{name}: a password goes to this service alone"
        policy["form-action"] = f"'self' {GOOGLE}"
    if policy["form-action"] == f"'self' {GOOGLE} {PRESIGNED}":
        assert 'type="file"' in response.text, f"{name}: the bucket is named where a file goes to it"
        policy["form-action"] = f"'self' {GOOGLE}"
    assert re.fullmatch(r"'nonce-[\w-]{22,}'", style), name
    assert policy == {
        "default-src": "'none'",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
        "img-src": "'self' data:",
        "form-action": f"'self' {GOOGLE}",
    }, name
    for nonce in re.findall(r'nonce="([^"]*)"', response.text):
        assert f"'nonce-{nonce}'" == style, name


def _assert_cookie(cookie: str, name: str) -> None:
    flags = {flag.strip() for flag in cookie.split(";")[1:]}
    assert cookie.startswith("__Host-"), name
    assert flags >= {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"}, (name, cookie)
    assert "Domain" not in cookie, (name, cookie)


class Counting:
    """The gate: counts the calls by service and operation, Cognito's too."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()

    def __call__(self, service: str, operation: str, _request: dict[str, Any], effect: Effect) -> dict[str, Any]:
        self.calls[f"{service} {operation}"] += 1
        return effect()
