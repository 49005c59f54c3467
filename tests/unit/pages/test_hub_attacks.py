"""Somebody hostile tries to land in another person's row or account through each hub, as its double behaves (M6, M19–M21)."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable, Mapping
from functools import cache, partial
from itertools import permutations
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from local.doubles.hub import Grant, HubDouble
from shared.domain.errors import LoginRefused
from shared.stores.keys import TRIED
from tests.harness import WEB, World
from tests.hub_trial import BINDING, HUBS, Attempt
from tests.pages_harness import CLEVER_DISTRICT, Website, account_of, key, lakeside, state

NAMES = {"clever": "Clever", "google": "Google", "classlink": "ClassLink", "microsoft": "Microsoft"}
VICTIM = {
    "clever": {"clever_id": "c9", "sis_id": "s9", "district": CLEVER_DISTRICT, "email": "s9@lakeside.example"},
    "google": {"email": "s9@lakeside.example"},
    "classlink": {"user_id": "9", "sourced_id": "s9", "tenant": "21", "email": "s9@lakeside.example"},
    "microsoft": {"email": "s9@lakeside.example", "object_id": "o9", "tenant": "tid-1"},
}
"""Zoe, who has an account of her own."""
ATTACKER = {
    "clever": {"clever_id": "c1", "sis_id": "s1", "district": CLEVER_DISTRICT},
    "google": {"email": "s1@lakeside.example"},
    "classlink": {"user_id": "1", "sourced_id": "s1", "tenant": "21"},
    "microsoft": {"email": "s1@lakeside.example", "object_id": "o1", "tenant": "tid-1"},
}
"""A classmate of hers."""
ELSEWHERE = {
    "clever": {"district": "clever-hillside"},
    "google": {"hosted_domain": "hillside.example"},
    "classlink": {"tenant": "22"},
    "microsoft": {"tenant": "tid-2"},
}
"""What the hub says of somebody of another district that uses this service too."""
NOBODYS = {
    "clever": {"district": "clever-nobody"},
    "google": {"hosted_domain": "evil.example"},
    "classlink": {"tenant": "2|1"},
    "microsoft": {"tenant": "9188040d-6c67-4c5b-b112-36a304b66dad"},
}
"""What it says of a tenant, or an organisation, that anybody can have."""


@cache
def _two_districts() -> World:
    world = lakeside().world
    for district_id, *tenants in (
        ("lakeside", CLEVER_DISTRICT, "21", "tid-1"),
        ("hillside", "clever-hillside", "22", "tid-2"),
    ):
        clever, classlink, microsoft = tenants
        world.register(
            district_id, email_domains=[f"{district_id}.example"], identity_providers=[*NAMES],
            clever_district_id=clever, classlink_tenant_id=classlink, microsoft_tenant_id=microsoft,
        )  # fmt: skip
    return world


class Crime:
    """Lakeside and Hillside with all four hubs, and the browsers of a victim and of an attacker."""

    def __init__(self, hub: str) -> None:
        self.name = hub
        world = World()
        world.begin_like(_two_districts())
        self.web = Website(world)
        self.doubles = self.web.use_every_double()
        self.hub: HubDouble = self.doubles[hub]
        self.before = state(self.web)

    def begun(self, hub: str = "") -> httpx.Response:
        """The answer of our page to somebody who presses the button: on to the hub, with a cookie."""
        return self.web.send(httpx.Request("POST", f"{WEB}/sso/lakeside/{hub or self.name}"))

    def answer(self, begun: httpx.Response, person: Mapping[str, str], hub: str = "") -> str:
        """The address with which the hub sends the browser back when somebody signs in, not opened yet."""
        browser = self.doubles[hub or self.name].app.test_client(use_cookies=False)
        return browser.post(begun.headers["Location"], data=dict(person)).headers["Location"]

    def open(self, address: str, begun: httpx.Response) -> httpx.Response:
        """The address in the browser that began this login."""
        cookies = "; ".join(cookie.partition(";")[0] for cookie in begun.headers.get_list("set-cookie"))
        return self.web.send(httpx.Request("GET", address, headers={"Cookie": cookies}))

    def logs_in(self, **person: str) -> httpx.Response:
        begun = self.begun()
        return self.open(self.answer(begun, person), begun)

    def redeemed(self, hub: str = "") -> int:
        """How many times the product has asked the hub for a token, whether the hub knew the code or not."""
        asked = self.doubles[hub or self.name].asked
        return sum(line.startswith("POST") and "token" in line for line in asked)

    def came_to_nothing(self, answer: httpx.Response) -> bool:
        """A page of refusal, nobody's session, and nothing written but that the answer was used, and who tried."""
        now = {pair: held for pair, held in state(self.web).items() if not pair[1].startswith(("OIDC_STATE", TRIED))}
        return answer.status_code == 403 and "session" not in str(answer.headers) and now == self.before


@pytest.fixture(params=NAMES)
def crime(request: pytest.FixtureRequest) -> Crime:
    return Crime(request.param)


# Whose login it is


def test_an_attackers_answer_logs_nobody_in_who_began_another_login(crime: Crime) -> None:
    """Login CSRF: the victim would work in the attacker's account, and show what they have there."""
    attackers, victims = crime.begun(), crime.begun()
    answer = crime.answer(attackers, ATTACKER[crime.name])
    assert crime.came_to_nothing(crime.open(answer, victims))
    assert crime.redeemed() == 0
    assert crime.open(answer, attackers).status_code == 303


def test_an_attackers_tile_logs_nobody_in(crime: Crime) -> None:
    """A code that comes without a state is never used; at most it sends the browser to the hub, to log in itself."""
    code = crime.answer(crime.begun(), ATTACKER[crime.name]).partition("code=")[2].partition("&")[0]
    planted = crime.web.send(httpx.Request("GET", f"{WEB}/callback/{crime.name}?code={code}"))
    assert crime.redeemed() == 0
    if crime.name in ("clever", "classlink"):
        assert planted.status_code == 303
        assert planted.headers["Location"].startswith(crime.hub.url)
    else:
        assert crime.came_to_nothing(planted)


def test_a_code_of_another_application_logs_nobody_in(crime: Crime) -> None:
    """The victim logged in to an application of the attacker's at the same hub; its code comes to ours."""
    crime.hub.register("evil", "its-own", "https://evil.example/callback")
    begun = crime.begun()
    to_evil = httpx.URL(begun.headers["Location"]).copy_merge_params(
        {"client_id": "evil", "redirect_uri": "https://evil.example/callback"}
    )
    browser = crime.hub.app.test_client(use_cookies=False)
    stolen = httpx.URL(browser.post(str(to_evil), data=VICTIM[crime.name]).headers["Location"]).params["code"]
    mine = crime.begun()
    states = httpx.URL(mine.headers["Location"]).params["state"]
    answer = crime.open(f"{WEB}/callback/{crime.name}?code={stolen}&state={states}", mine)
    assert crime.came_to_nothing(answer)
    assert crime.redeemed() == 1


@pytest.mark.parametrize("name", ["google", "microsoft", "clever"])
def test_a_stolen_code_is_of_no_use_in_the_thiefs_browser(name: str) -> None:
    """Nonce and verifier are of the victim's browser; Clever's where OpenID Connect is switched on. ClassLink has neither."""
    crime = Crime(name)
    if name == "clever":
        crime.hub.on.add("oidc")
    victims, mine = crime.begun(), crime.begun()
    stolen = httpx.URL(crime.answer(victims, VICTIM[name])).params["code"]
    states = httpx.URL(mine.headers["Location"]).params["state"]
    assert crime.came_to_nothing(crime.open(f"{WEB}/callback/{name}?code={stolen}&state={states}", mine))


def test_an_answer_counts_once_and_a_step_back_shows_no_second_person(crime: Crime) -> None:
    begun = crime.begun()
    answer = crime.answer(begun, VICTIM[crime.name])
    assert crime.open(answer, begun).status_code == 303
    assert crime.open(answer, begun).status_code == 403, "without the session that it made"


@pytest.mark.parametrize(("began", "ended"), [*permutations(NAMES, 2)])
def test_an_answer_of_one_hub_is_none_of_another(began: str, ended: str) -> None:
    """Mix-up (RFC 9207): a code of one hub would be shown to the other."""
    crime = Crime(began)
    begun = crime.begun()
    answer = crime.answer(begun, VICTIM[began])
    mixed = answer.replace(f"/callback/{began}", f"/callback/{ended}")
    assert mixed != answer
    assert crime.came_to_nothing(crime.open(mixed, begun))
    assert crime.redeemed(began) == crime.redeemed(ended) == 0


# Whose district it is


@pytest.mark.parametrize("tenants", [ELSEWHERE, NOBODYS], ids=["another's", "nobody's"])
def test_the_same_number_and_address_elsewhere_are_nobody_here(
    crime: Crime, tenants: dict[str, dict[str, str]]
) -> None:
    """SIS ids overlap between districts, and whoever runs a tenant names its people as they like (M21)."""
    answer = crime.logs_in(**{**VICTIM[crime.name], **tenants[crime.name]})
    assert crime.came_to_nothing(answer)


def test_an_address_of_a_domain_elsewhere_is_nobody_here(crime: Crime) -> None:
    """Google by its hosted domain of this district; the others by a tenant of this district and no number."""
    person = {**VICTIM[crime.name], "email": "s9@hillside.example", "hosted_domain": "lakeside.example"}
    person |= dict.fromkeys(("sis_id", "sourced_id"), "")
    assert crime.came_to_nothing(crime.logs_in(**person))


# Whose row it is


@pytest.mark.parametrize("box", ["", "says_verified"])
def test_an_address_that_no_hub_verified_opens_no_account_by_itself(box: str) -> None:
    """Clever's flag verifies nothing: an account of that address outside of the district's domains stays shut."""
    crime = Crime("clever")
    crime.hub.on |= {box, "oidc"} - {""}
    answer = crime.logs_in(**ATTACKER["clever"], email="ada@mail.example")
    assert answer.headers["Location"] == "/welcome"
    assert crime.web.world.links.of_user(key("s1")) is None


@pytest.mark.parametrize("hub", ["clever", "classlink"])
@pytest.mark.parametrize("row", ["t1", "a1"])
def test_a_students_role_with_a_number_of_staff_is_refused(hub: str, row: str) -> None:
    """A number of another kind: the district's records and the hub disagree about who this is (M20)."""
    crime = Crime(hub)
    number = {"clever": "sis_id", "classlink": "sourced_id"}[hub]
    person = {**ATTACKER[hub], number: row, "role": "student", "email": ""}
    assert crime.came_to_nothing(crime.logs_in(**person))


@pytest.mark.parametrize("hub", ["clever", "classlink"])
def test_a_number_under_another_name_is_refused(hub: str) -> None:
    crime = Crime(hub)
    person = {**VICTIM[hub], "first_name": "Eve", "last_name": "Mallory", "role": "student", "email": ""}
    assert crime.came_to_nothing(crime.logs_in(**person))


@pytest.mark.parametrize("box", ["guest", "guest_by_mail"])
def test_a_guest_of_the_tenant_is_nobody_of_the_district(box: str) -> None:
    """Whoever is invited into a tenant brings an address of their own, whatever it says."""
    crime = Crime("microsoft")
    crime.hub.on.add(box)
    assert crime.came_to_nothing(crime.logs_in(**VICTIM["microsoft"]))


@pytest.mark.parametrize("box", ["unverified", "verified_as_text", "no_hosted_domain"])
def test_a_google_account_that_proves_less_is_nobody_of_the_district(box: str) -> None:
    crime = Crime("google")
    crime.hub.on.add(box)
    assert crime.came_to_nothing(crime.logs_in(**VICTIM["google"]))


@pytest.mark.parametrize("hub", ["clever", "classlink", "microsoft", "google"])
def test_a_victims_account_stays_shut_to_who_gets_their_number_or_address(hub: str) -> None:
    """M19: the row leads to the page that asks; the account that the victim linked is not entered."""
    crime = Crime(hub)
    assert crime.logs_in(**VICTIM[hub]).headers["Location"].startswith("/home")
    ids = {"clever_id": "other", "user_id": "666", "object_id": "other", "subject": "other"}
    stranger = {**VICTIM[hub], **ids}
    answer = crime.logs_in(**stranger)
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/welcome"
    assert account_of(crime.web, "s9") == "zoe"


# What is signed


def _part(content: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


class Forger:
    """Makes id tokens in place of the hub, with the claims that the hub would have signed."""

    def __init__(self, double: HubDouble) -> None:
        self._double = double
        self._true = double.signed
        self.kid = double._key().kid

    def claims(self, grant: Grant, claims: Mapping[str, object]) -> dict[str, Any]:
        part = self._true(grant, claims).split(".")[1]
        found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=="))
        return found

    def unsigned(self, grant: Grant, claims: Mapping[str, object]) -> str:
        return f"{_part({'alg': 'none', 'kid': self.kid})}.{_part(self.claims(grant, claims))}."

    def with_the_public_key_as_a_secret(self, grant: Grant, claims: Mapping[str, object]) -> str:
        part = f"{_part({'alg': 'HS256', 'kid': self.kid})}.{_part(self.claims(grant, claims))}"
        mac = hmac.digest(self._double._key().as_pem(private=False), part.encode(), "sha256")
        return f"{part}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"

    def with_a_key_of_its_own(self, grant: Grant, claims: Mapping[str, object]) -> str:
        return jwt.encode({"alg": "RS256", "kid": self.kid}, self.claims(grant, claims), _OWN)

    def with_a_key_that_it_brings_along(self, grant: Grant, claims: Mapping[str, object]) -> str:
        header = {"alg": "RS256", "jwk": _OWN.as_dict(private=False), "jku": "https://evil.example/keys"}
        return f"{_part(header)}.{jwt.encode(header, self.claims(grant, claims), _OWN).partition('.')[2]}"

    def with_claims_exchanged(self, grant: Grant, claims: Mapping[str, object]) -> str:
        head, body, signature = self._true(grant, claims).split(".")
        found = {**json.loads(base64.urlsafe_b64decode(body + "==")), "sub": "victim", "oid": "victim"}
        return f"{head}.{_part(found)}.{signature}"


_OWN = RSAKey.generate_key(2048, {"kid": "evil"})
type Forgery = Callable[[Forger, Grant, Mapping[str, object]], str]
FORGERIES: list[Forgery] = [
    Forger.unsigned,
    Forger.with_the_public_key_as_a_secret,
    Forger.with_a_key_of_its_own,
    Forger.with_a_key_that_it_brings_along,
    Forger.with_claims_exchanged,
]
SIGNING = [name for name in HUBS if name != "classlink"]
"""ClassLink's token is not looked at: the product asks ClassLink itself."""


@pytest.mark.parametrize("name", SIGNING)
@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda forgery: forgery.__name__)
def test_a_forged_token_proves_nobody(monkeypatch: pytest.MonkeyPatch, name: str, forgery: Forgery) -> None:
    attempt = Attempt(name)
    monkeypatch.setattr(attempt.double, "signed", partial(forgery, Forger(attempt.double)))
    assert attempt.why_refused() == "not_proved"


WRONG: dict[str, dict[str, Any]] = {
    "for another application": {"aud": "us-too"},
    "for several, and none of them named": {"aud": ["us", "us-too"], "azp": None},
    "for another party": {"azp": "us-too"},
    "of another issuer": {"iss": "https://evil.example"},
    "of no issuer": {"iss": None},
    "over": {"exp": 1},
    "without an end": {"exp": None},
    "of another login": {"nonce": "another"},
    "of no login": {"nonce": None},
    "of nobody": {"sub": None},
}


@pytest.mark.parametrize("name", SIGNING)
@pytest.mark.parametrize("wrong", WRONG)
def test_a_token_that_is_not_for_this_login_proves_nobody(
    monkeypatch: pytest.MonkeyPatch, name: str, wrong: str
) -> None:
    attempt = Attempt(name)
    forger = Forger(attempt.double)

    def signed(grant: Grant, claims: Mapping[str, object]) -> str:
        changed = {**forger.claims(grant, claims), **WRONG[wrong]}
        kept = {name: value for name, value in changed.items() if value is not None}
        return jwt.encode({"alg": "RS256", "kid": attempt.double._key().kid}, kept, attempt.double._key())

    monkeypatch.setattr(attempt.double, "signed", signed)
    assert attempt.why_refused() == "not_proved"


def test_a_token_of_another_hub_proves_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each hub has keys of its own, and says who it is."""
    google, microsoft = Attempt("google"), Attempt("microsoft")
    code = google.code()
    theirs = microsoft.double.signed(microsoft.double._state.codes[microsoft.code()], {"iss": google.double.url})
    monkeypatch.setattr(google.double, "signed", lambda *_: theirs)
    with pytest.raises(LoginRefused, match="not_proved"):
        google.hub.prove(code, BINDING)


@pytest.mark.parametrize("number", [True, 7.5, ["9"], {"id": "9"}, None, "", " ", "9\n", "9" * 401])
@pytest.mark.parametrize("name", ["user_id", "tenant"])
def test_an_id_of_classlink_that_is_none_proves_nobody(name: str, number: object) -> None:
    attempt = Attempt("classlink")
    code = attempt.code()
    attempt.double._state.codes[code].person[name] = number
    with pytest.raises(LoginRefused, match="not_proved"):
        attempt.hub.prove(code, BINDING)
