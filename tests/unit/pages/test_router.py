"""Which page an address leads to."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

from functions.pages.http import Reply, Request
from functions.pages.routes import Route, Router


def nothing(_request: Request, **_parts: str) -> Reply:
    return Reply()


ROUTES = tuple(
    Route(method, address, nothing)
    for method, address in (
        ("GET", "/activate/<token>"),
        ("POST", "/activate/<token>"),
        ("GET", "/activate/again"),
        ("GET", "/sso/<district_id>/<provider>"),
        ("GET", "/"),
    )
)


@pytest.mark.parametrize(
    "path",
    ["/", "", "//", "/activate", "/activate/", "/activate/again", "/activate/again/", "/activate/a.b-c_~", "/activate/a b%2F+",
     "/activate/é", "/activate/a/b", "/sso/l/google", "/sso/l", "/sso/l/g/x", "/activate/a?b", "/activate/a#b",
     '/activate/"', "/activate/<x>", "/activate/\\", "/activate/[a]{b}|^"],
)  # fmt: skip
def test_an_address_leads_where_powertools_own_resolver_leads(path: str) -> None:
    resolver, found = APIGatewayHttpResolver(), list[tuple[str, dict[str, str]]]()
    for route in ROUTES:
        if route.method == "GET":
            resolver.get(route.address)(lambda address=route.address, **parts: found.append((address, parts)))
    about = {"http": {"method": "GET"}, "stage": "$default"}
    resolver.resolve({"version": "2.0", "rawPath": path, "requestContext": about}, SimpleNamespace())  # type: ignore[arg-type]
    ours = Router(ROUTES).find("GET", path)
    assert ([(ours.route.address, dict(ours.parts))] if ours else []) == found


def test_another_method_is_another_page_or_none() -> None:
    router = Router(ROUTES)
    for method, is_found in (("GET", True), ("POST", True), ("PUT", False)):
        found = router.find(method, "/activate/t")
        assert (found.route.method == method if found else False) is is_found
    assert router.find("POST", "/") is None


def test_an_address_ends_where_its_text_does() -> None:
    assert Router(ROUTES).find("GET", "/activate/a\n") is None
