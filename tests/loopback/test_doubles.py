"""The double of Google says of a person what Google would, and what its boxes ask for; the product reads it as it is."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs, urlparse

import pytest
import requests

from local.doubles import IdentityProvider
from shared.domain.clock import utc_now
from shared.hubs.google import Google
from shared.hubs.hub import Binding, Identity

BACK = "http://localhost:9/callback/google"
BINDING = Binding("s", "n", "v" * 43)


@pytest.fixture(scope="module")
def google() -> Iterator[IdentityProvider]:
    double = IdentityProvider("google")
    double.start()
    yield double
    double.stop()


def signed_in(google: IdentityProvider, **form: str) -> Identity:
    provider = Google(google.issuer, "client", lambda: "secret", BACK, utc_now)
    with requests.Session() as browser:
        address = provider.authorize(BINDING)
        answer = browser.post(address, data=form, allow_redirects=False, timeout=10)
    code = parse_qs(urlparse(answer.headers["Location"]).query)["code"][0]
    return provider.prove(code, BINDING)


def test_the_hosted_domain_is_that_of_the_address(google: IdentityProvider) -> None:
    identity = signed_in(google, email="Ada@Lakeside.example")
    assert identity.subject == "google-ada@lakeside.example"
    assert (identity.email_verified, identity.hosted_domain) == (True, "lakeside.example")


def test_a_private_account_has_no_hosted_domain(google: IdentityProvider) -> None:
    identity = signed_in(google, email="ada@lakeside.example", no_hosted_domain="on")
    assert (identity.email_verified, identity.hosted_domain) == (True, None)


def test_an_address_that_is_not_verified_is_said_to_be_none(google: IdentityProvider) -> None:
    assert not signed_in(google, email="ada@lakeside.example", unverified="on").email_verified


def test_the_page_has_the_boxes(google: IdentityProvider) -> None:
    provider = Google(google.issuer, "client", lambda: "secret", BACK, utc_now)
    page = requests.get(provider.authorize(BINDING), timeout=10).text
    assert ">Email not verified</label>" in page
    assert ">No hosted domain</label>" in page
