"""What a signed login proves: made by a key that the issuer has now, for us, by an account of the district's own domain."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from urllib.parse import parse_qs

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from shared.domain.district_file import settings_of
from shared.domain.errors import LoginRefused
from shared.hubs.classlink import ClassLink
from shared.hubs.google import Google
from shared.hubs.hub import Binding, Identity
from shared.hubs.microsoft import Microsoft
from shared.hubs.oidc import OidcProvider
from tests.pages_harness import Website, lakeside

ISSUER = "https://issuer.example"
BINDING = Binding("s", "n", "v")


class Issuer:
    """An issuer over a session of ``requests``: counts how often its keys are fetched."""

    def __init__(self, hub: type[OidcProvider] = Google) -> None:
        self.now = datetime(2026, 9, 1, 12, tzinfo=UTC)
        self.keys = [self.new_key("first")]
        self.token = ""
        self.fetched = 0
        self.provider = hub(
            ISSUER, "us", lambda: "secret", "https://w/callback", lambda: self.now, cast(requests.Session, self)
        )

    @staticmethod
    def new_key(key_id: str) -> RSAKey:
        return RSAKey.generate_key(2048, {"kid": key_id})

    def get(self, url: str, **_options: object) -> requests.Response:
        if url == f"{ISSUER}/jwks":
            self.fetched += 1
            return _response(KeySet(list(self.keys)).as_dict(private=False))
        return _response(
            {
                "issuer": ISSUER,
                "authorization_endpoint": f"{ISSUER}/authorize",
                "token_endpoint": f"{ISSUER}/token",
                "jwks_uri": f"{ISSUER}/jwks",
            }
        )

    def post(self, _url: str, **_options: object) -> requests.Response:
        return _response({"id_token": self.token})

    def login(self, key: RSAKey | None = None, **claims: object) -> Identity:
        """Somebody logs in; ``key`` signs, else the issuer's newest."""
        key = key or self.keys[-1]
        made = {"iss": ISSUER, "aud": "us", "sub": "7", "nonce": "n", "exp": int(self.now.timestamp()) + 300}
        self.token = jwt.encode({"alg": "RS256", "kid": key.kid}, {**made, **claims}, key)
        return self.provider.prove("c", BINDING)

    def pass_time(self, **time: float) -> None:
        self.now += timedelta(**time)


def _response(body: Any) -> requests.Response:
    response = requests.Response()
    response.status_code, response._content = 200, json.dumps(body).encode()
    return response


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


def asked_by(hub: type[OidcProvider], **settings: Any) -> dict[str, list[str]]:
    """The parameters with which a district's login goes to a hub."""
    district = settings_of(
        {
            "district_id": "lakeside",
            "name": "Lakeside",
            "email_domains": ["lakeside.example"],
            "time_zone": "America/Chicago",
            **settings,
        }
    )
    url = Issuer(hub).provider.authorize(BINDING, district)
    address, _, query = url.partition("?")
    assert address == f"{ISSUER}/authorize"
    return {name: values for name, values in parse_qs(query).items() if name != "code_challenge"}


def test_the_issuer_is_asked_with_what_ties_its_answer_to_this_login() -> None:
    assert asked_by(OidcProvider) == {
        "response_type": ["code"],
        "client_id": ["us"],
        "redirect_uri": ["https://w/callback"],
        "scope": ["openid email profile"],
        "state": ["s"],
        "nonce": ["n"],
        "code_challenge_method": ["S256"],
    }


def test_google_is_asked_for_accounts_of_the_districts_only_domain() -> None:
    assert asked_by(Google)["hd"] == ["lakeside.example"]
    assert "hd" not in asked_by(Google, email_domains=["lakeside.example", "lake.example"])


def test_a_new_key_of_the_issuer_is_known_by_one_more_fetch(issuer: Issuer) -> None:
    issuer.login()
    issuer.pass_time(minutes=2)
    issuer.keys.append(issuer.new_key("second"))
    assert issuer.login().subject == "7"
    issuer.login()
    assert issuer.fetched == 2


def test_unknown_key_ids_have_the_keys_fetched_at_most_once_a_minute(issuer: Issuer) -> None:
    issuer.login()
    stranger = issuer.new_key("nobody's")
    for _ in range(90):
        issuer.pass_time(seconds=2)
        with pytest.raises(LoginRefused):
            issuer.login(stranger)
    assert issuer.fetched <= 4, "three minutes, one fetch each, and the first"


def test_a_revoked_key_is_refused_within_ten_minutes(issuer: Issuer) -> None:
    revoked = issuer.keys[0]
    issuer.login()
    issuer.keys = [issuer.new_key("second")]
    issuer.pass_time(minutes=10)
    with pytest.raises(LoginRefused):
        issuer.login(revoked)
    assert issuer.login().subject == "7"


def test_keys_are_fetched_once_for_many_logins(issuer: Issuer) -> None:
    for _ in range(20):
        issuer.login()
    assert issuer.fetched == 1


@pytest.mark.parametrize("azp", ["somebody else", "", None, ["us"], 7])
def test_a_token_that_was_made_for_another_party_proves_nothing(issuer: Issuer, azp: object) -> None:
    with pytest.raises(LoginRefused):
        issuer.login(azp=azp)


def test_several_audiences_need_the_party_that_the_token_was_made_for(issuer: Issuer) -> None:
    with pytest.raises(LoginRefused):
        issuer.login(aud=["us", "them"])
    assert issuer.login(aud=["us", "them"], azp="us").subject == "7"
    assert issuer.login(azp="us").subject == "7"


def test_the_hosted_domain_is_the_tokens_own(issuer: Issuer) -> None:
    assert issuer.login().hosted_domain is None
    assert issuer.login(hd="Lakeside.example").hosted_domain == "lakeside.example"
    assert issuer.login(hd=["lakeside.example"]).hosted_domain is None


@pytest.fixture
def web() -> Website:
    return lakeside()


@pytest.mark.parametrize("hosted_domain", [None, "", "elsewhere.example", "lakeside.example.evil.example"])
def test_a_google_account_without_the_districts_domain_is_no_school_account(
    web: Website, hosted_domain: str | None
) -> None:
    """A private account may carry a school's address: whoever had that address once can have made it."""
    claims = {"sub": "g", "email": "t1@lakeside.example", "email_verified": True, "hd": hosted_domain}
    page = web.visitor(**claims).open("/sso/lakeside").press("Continue with Google")
    assert page.status == 403
    assert "That's not your school account" in page.text


def test_a_google_account_of_the_districts_domain_is_a_school_account(web: Website) -> None:
    claims = {"sub": "g", "email": "t1@lakeside.example", "email_verified": True, "hd": "lakeside.example"}
    assert web.visitor(**claims).open("/sso/lakeside").press("Continue with Google").path == "/welcome"


@pytest.mark.parametrize("subject", ["", " ", "x" * 401, "a\x00b", None, True, ["7"], {"a": 1}])
def test_a_subject_that_is_none_is_refused(subject: object) -> None:
    with pytest.raises(LoginRefused, match="could not be confirmed"):
        Issuer().login(sub=subject)


def test_a_hosted_domain_in_other_letters_is_not_that_domain() -> None:
    """The Kelvin sign has a small form that is the letter k."""
    assert Issuer().login(hd="la\u212aeside.example").hosted_domain is None
    assert Issuer().login(hd="Lakeside.Example").hosted_domain == "lakeside.example"


@pytest.mark.parametrize("kind", [Google, ClassLink, Microsoft])
@pytest.mark.parametrize("body", [b"", b"<h1>Too Many Requests</h1>", b'{"error": "slow_down"}'])
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_hub_that_is_asked_too_much_is_busy_however_it_says_so(
    kind: type[OidcProvider], body: bytes, method: str
) -> None:
    issuer = Issuer(kind)
    answer = requests.Response()
    answer.status_code, answer._content = 429, body
    setattr(issuer, method, lambda _url, **_options: answer)
    with pytest.raises(LoginRefused) as refused:
        issuer.login()
    assert refused.value.code == "hub_busy"
