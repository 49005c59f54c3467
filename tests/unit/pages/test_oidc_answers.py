"""An issuer's answer is bound to the browser that asked, and counts once (ASVS 5 10.1.2, 10.2.1)."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlparse

import httpx
import pytest

from tests.harness import WEB
from tests.pages_harness import CLEVER_DISTRICT, Website, lakeside


@pytest.fixture
def web() -> Website:
    return lakeside()


def begun_at_clever(web: Website) -> tuple[httpx.Response, str]:
    """Somebody went to the issuer and came as far as its answer, which they have not opened yet."""
    begun = web.send(httpx.Request("POST", f"{WEB}/sso/lakeside/clever"))
    web.responses.append(("POST /sso/lakeside/clever", begun))
    claims = {"sub": "cid-1", "district": CLEVER_DISTRICT}
    answer = web._issuer(httpx.Request("GET", begun.headers["Location"]), claims)
    assert answer is not None
    return begun, answer.headers["Location"]


def opened_with(web: Website, address: str, begun: httpx.Response) -> httpx.Response:
    cookie = begun.headers["Set-Cookie"].partition(";")[0]
    return web.send(httpx.Request("GET", address, headers={"Cookie": cookie}))


def hints_of_a_login_through(web: Website, provider: str, **settings: Any) -> dict[str, list[str]]:
    """The parameters beyond OpenID Connect's own with which a district's login goes to an issuer."""
    web.world.register(clever_district_id=CLEVER_DISTRICT, **settings)
    address = web.send(httpx.Request("POST", f"{WEB}/sso/lakeside/{provider}")).headers["Location"]
    own = {"state", "nonce", "verifier"}
    return {name: values for name, values in parse_qs(urlparse(address).query).items() if name not in own}


def test_google_is_asked_for_accounts_of_the_districts_only_domain(web: Website) -> None:
    assert hints_of_a_login_through(web, "google") == {"hd": ["lakeside.example"]}


def test_google_is_asked_for_any_account_where_a_district_has_several_domains(web: Website) -> None:
    assert hints_of_a_login_through(web, "google", email_domains=["lakeside.example", "lake.example"]) == {}


def test_clever_is_asked_for_the_district_and_told_no_domain(web: Website) -> None:
    assert hints_of_a_login_through(web, "clever") == {"district_id": [CLEVER_DISTRICT]}


def test_an_attackers_login_is_refused_in_a_victims_browser_unasked(web: Website) -> None:
    """The victim is in the middle of a login, too: the state is another."""
    attacker, address = begun_at_clever(web)
    victim, _ = begun_at_clever(web)
    codes = dict(web.clever.codes)
    assert opened_with(web, address, victim).status_code == 403
    assert web.clever.codes == codes
    assert opened_with(web, address, attacker).status_code == 303


def test_an_answer_counts_once_even_where_the_issuer_takes_its_code_twice(web: Website) -> None:
    begun, address = begun_at_clever(web)
    codes = dict(web.clever.codes)
    assert opened_with(web, address, begun).headers["Location"] == "/welcome"
    web.clever.codes = codes
    assert opened_with(web, address, begun).status_code == 403
