"""An issuer's answer is bound to the browser that asked, and counts once (ASVS 5 10.1.2, 10.2.1)."""

from __future__ import annotations

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
