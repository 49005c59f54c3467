"""Every answer of every route carries the whole set of security headers, whatever its status (ASVS 3.3, 3.4)."""

from __future__ import annotations

import re
from collections.abc import Callable
from inspect import signature
from unittest import mock

import httpx
import pytest

from functions.pages.handler import HttpApi
from functions.pages.http import NoSuchClass, Reply, Request, Response
from functions.pages.routes import routes as routes_of
from shared.domain.errors import LoginRefused, RefusedTransition, Throttled
from tests.harness import WEB
from tests.pages_harness import (
    Website,
    activated,
    assert_all_security_headers,
    lakeside,
    linked_teacher,
    log_in,
    routes,
)

NATURAL = {
    ("GET", "/"): 303,
    ("GET", "/activate"): 200,
    ("GET", "/activate/<token>"): 404,
    ("GET", "/callback/<provider>"): 403,
    ("GET", "/classes/<reference>"): 303,
    ("GET", "/classes/<reference>/settings"): 303,
    ("GET", "/classes/<reference>/students"): 303,
    ("GET", "/classes/<reference>/students/board"): 303,
    ("GET", "/cleaning"): 303,
    ("GET", "/console"): 303,
    ("POST", "/console"): 303,
    ("GET", "/console/<district_id>"): 303,
    ("GET", "/console/<district_id>/logins"): 303,
    ("GET", "/console/<district_id>/imports"): 303,
    ("GET", "/console/<district_id>/imports/upload"): 303,
    ("GET", "/console/<district_id>/imports/checks/<name>"): 303,
    ("GET", "/console/<district_id>/imports/<import_id>"): 303,
    ("POST", "/console/<district_id>/imports/<import_id>/<action>"): 303,
    ("GET", "/console/<district_id>/imports/<import_id>/files/<name>"): 303,
    ("POST", "/console/<district_id>/people/<action>"): 303,
    ("GET", "/console/<district_id>/bulk/<order_id>"): 303,
    ("POST", "/console/<district_id>/bulk/<order_id>/<what>"): 303,
    ("GET", "/console/<district_id>/source"): 303,
    ("POST", "/console/<district_id>/source/fetch"): 303,
    ("GET", "/console/<district_id>/forecast"): 303,
    ("GET", "/console/<district_id>/people"): 303,
    ("POST", "/console/<district_id>/people"): 303,
    ("GET", "/console/<district_id>/people/<kind>/<sourced_id>"): 303,
    ("POST", "/console/<district_id>/people/<kind>/<sourced_id>/<action>"): 303,
    ("GET", "/console/<district_id>/settings"): 303,
    ("GET", "/console/<district_id>/first-mails"): 303,
    ("POST", "/console/<district_id>/first-mails/<action>"): 303,
    ("GET", "/console/<district_id>/trail.csv"): 303,
    ("GET", "/downloads/<export_id>"): 303,
    ("GET", "/healthz"): 200,
    ("GET", "/help"): 200,
    ("GET", "/help/<code>"): 404,
    ("GET", "/help/logins"): 200,
    ("GET", "/home"): 303,
    ("GET", "/link"): 303,
    ("GET", "/link/undo"): 303,
    ("GET", "/receipt/<district_id>"): 303,
    ("GET", "/login"): 200,
    ("GET", "/login/code"): 303,
    ("GET", "/login/confirm"): 303,
    ("GET", "/login/email"): 200,
    ("GET", "/login/email/code"): 303,
    ("GET", "/login/forgot"): 200,
    ("GET", "/login/reset"): 303,
    ("GET", "/notice"): 200,
    ("GET", "/notice/<token>"): 404,
    ("GET", "/real"): 200,
    ("GET", "/sso"): 200,
    ("GET", "/sso/<district_id>"): 200,
    ("GET", "/unsubscribe/<token>"): 404,
    ("GET", "/ways-in"): 303,
    ("GET", "/ways-in/code"): 303,
    ("GET", "/welcome"): 303,
    ("POST", "/account/join"): 303,
    ("POST", "/account/new"): 303,
    ("POST", "/account/older"): 303,
    ("POST", "/activate/again"): 303,
    ("POST", "/activate/existing"): 303,
    ("POST", "/activate/new"): 303,
    ("POST", "/classes/<reference>/again"): 303,
    ("POST", "/classes/<reference>/assignments"): 303,
    ("POST", "/classes/<reference>/delete"): 303,
    ("POST", "/classes/<reference>/download"): 303,
    ("POST", "/classes/<reference>/goals"): 303,
    ("POST", "/classes/<reference>/restore"): 303,
    ("POST", "/classes/<reference>/students/<action>"): 303,
    ("POST", "/cleaning/delete"): 303,
    ("POST", "/cleaning/download"): 303,
    ("POST", "/cleaning/keep"): 303,
    ("POST", "/cleaning/later"): 303,
    ("POST", "/cleaning/restore"): 303,
    ("POST", "/console/<district_id>/invite-again"): 303,
    ("POST", "/link"): 303,
    ("POST", "/link/not-me"): 200,
    ("POST", "/link/undo"): 303,
    ("POST", "/login"): 401,
    ("POST", "/login/code"): 303,
    ("POST", "/login/confirm"): 303,
    ("POST", "/login/email"): 401,
    ("POST", "/login/email/code"): 303,
    ("POST", "/login/forgot"): 303,
    ("POST", "/login/another"): 303,
    ("POST", "/login/google"): 303,
    ("POST", "/login/reset"): 303,
    ("POST", "/logout"): 303,
    ("POST", "/notice/undo"): 303,
    ("POST", "/sso"): 404,
    ("POST", "/sso/<district_id>/<provider>"): 303,
    ("POST", "/unsubscribe/<token>"): 404,
    ("POST", "/ways-in/code"): 303,
    ("POST", "/ways-in/email"): 303,
    ("POST", "/ways-in/google"): 303,
    ("POST", "/ways-in/remove"): 303,
}
"""Every route, and what it answers to somebody who brings nothing: whoever adds a route names it here."""


def _fails(_request: Request) -> Reply:
    raise RuntimeError("a defect")


def _raises(error: Exception) -> Callable[[Request], Reply]:
    def do(_request: Request) -> Reply:
        raise error

    return do


PROVOKED: dict[int, Callable[[Request], Reply]] = {
    200: lambda _: Reply(template="linking/not_me"),
    303: lambda _: Reply(303, location="/home"),
    403: _raises(LoginRefused("not_proved", "")),
    404: _raises(NoSuchClass("no_such_class", "")),
    409: _raises(RefusedTransition("changed", "")),
    410: lambda _: Reply(410, "activation/activation_gone", {"problem": "expired"}),
    429: _raises(Throttled("too_many_tries", "", retry_after=9)),
    500: _fails,
}
"""What a page may answer or raise, by the status that comes of it."""


def ask(web: Website, method: str, path: str, **headers: str) -> httpx.Response:
    known = {"district_id": "lakeside", "provider": "google"}
    address = WEB + re.sub(r"<(\w+)>", lambda found: known.get(found[1], "something"), path)
    data = {"username": "nobody", "password": "wrong"} if method == "POST" else None
    return web.send(httpx.Request(method, address, data=data, headers=headers))


@pytest.fixture(scope="module")
def site() -> Website:
    return lakeside()


def test_every_route_of_the_resolver_is_in_the_table_and_nothing_else() -> None:
    assert sorted(NATURAL) == routes()


def test_every_page_takes_the_request_and_the_parts_of_its_address(site: Website) -> None:
    for route in routes_of(site.site):
        request, *parts = [p for p in signature(route.page).parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
        assert request.name.lstrip("_") == "request", route
        assert [part.name for part in parts] == re.findall(r"<(\w+)>", route.address), route


@pytest.mark.parametrize(("method", "path"), sorted(NATURAL))
def test_a_stranger_is_answered_with_the_whole_set(site: Website, method: str, path: str) -> None:
    answer = ask(site, method, path, **{"Sec-Fetch-Site": "same-origin"})
    assert answer.status_code == NATURAL[method, path]
    assert_all_security_headers(answer, f"{method} {path}")


@pytest.mark.parametrize("status", sorted(PROVOKED))
def test_every_route_carries_the_whole_set_at_every_status(site: Website, status: int) -> None:
    answer_with, provoked = HttpApi.answer, PROVOKED[status]

    def answer_provoked(self: HttpApi, request: Request, _page: object) -> Response:
        return answer_with(self, request, provoked)

    with mock.patch.object(HttpApi, "answer", answer_provoked):
        for method, path in NATURAL:
            for asked in (method, "HEAD") if method == "GET" else (method,):
                answer = ask(site, asked, path)
                assert answer.status_code == status, (asked, path)
                assert_all_security_headers(answer, f"{asked} {path} {status}")
                assert (answer.headers.get("Retry-After") == "9") is (status == 429)
                assert asked != "HEAD" or answer.content == b""


@pytest.mark.parametrize(
    "path", sorted({path for method, path in NATURAL if method == "POST"} - {"/unsubscribe/<token>"})
)
def test_a_form_of_another_site_is_refused_by_every_page_that_takes_one(site: Website, path: str) -> None:
    """But for the way out of mails, whose button stands in a mail program (RFC 8058)."""
    for headers in (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
    ):
        answer = ask(site, "POST", path, **headers)
        assert answer.status_code == 403, headers
        assert_all_security_headers(answer, path)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_what_is_not_there_carries_the_whole_set_too(site: Website, method: str) -> None:
    for path in ("/nothing-here", "/healthz/", "/.env", "/activate/a/b"):
        answer = ask(site, method, path)
        assert answer.status_code == 404
        assert_all_security_headers(answer, f"{method} {path}")


def test_a_form_that_is_none_is_answered_with_the_whole_set(site: Website) -> None:
    """Too many fields once ended in an answer of the platform's own, without a header."""
    for body in (b"a=1&" * 60, b"\xff" * 50, b"%ff=%fe&&&==", b"x" * 100_000):
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = site.send(httpx.Request("POST", f"{WEB}/login", content=body, headers=headers))
        assert answer.status_code == 401
        assert_all_security_headers(answer, "POST /login")


def test_all_that_people_meet_on_their_way_carries_the_whole_set() -> None:
    """With cookies: a mail, a login that fails, one that does not, a link, a class, an undo, a link that is used."""
    web = lakeside()
    linked_teacher(web).open("/classes/own").open("/home").press("Undo the link with Lakeside Schools").press(
        "Undo the link"
    )
    activated(web)
    log_in(activated(web, "t2").press("Log into my existing account"), password="wrong")
    log_in(web.visitor().open("/login")).open("/classes/own/settings")
    web.visitor(sub="cid-2", district="clever-district-1").open("/sso/lakeside").press("Continue with Clever")
    seen = {answer.status_code for _, answer in web.responses}
    assert seen >= {200, 303, 401, 410}
    for name, answer in web.responses:
        if "/authorize" not in name:
            assert_all_security_headers(answer, name)
