"""Our hub of Clever against the double of the true one: what a login proves, and what Clever's quirks make of it.

Quirks have the numbers of docs/hubs.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from local.doubles.clever import Clever as CleverDouble
from local.doubles.clever import legacy_id
from shared.domain.district import District
from shared.domain.errors import LoginRefused
from shared.hubs.clever import Clever, _seconds_to_reset
from shared.hubs.hub import Binding, Identity, Number
from tests.harness import World
from tests.hub_trial import BACK, CLIENT, SECRET, Trial, came_back

BINDING = Binding("s", "n", "v" * 43)
DISTRICT = "5f2a000000000000000000d1"
ADA = {
    "clever_id": "5f2a000000000000000000aa", "email": "ada@lakeside.example", "sis_id": "1001", "district": DISTRICT,
    "first_name": "Ada", "last_name": "Lane", "role": "teacher",
}  # fmt: skip


@dataclass
class Clevers:
    """Clever as it is, and our hub of it, which waits for nothing."""

    trial: Trial = field(default_factory=lambda: Trial(CleverDouble, "https://clever.example"))
    waited: list[float] = field(default_factory=list)
    hub: Clever = field(init=False)

    def __post_init__(self) -> None:
        trial = self.trial
        self.hub = Clever(
            trial.hub.issuer, CLIENT, lambda: SECRET, BACK, lambda: trial.now, trial.http, wait=self.waited.append
        )

    @property
    def double(self) -> CleverDouble:
        assert isinstance(self.trial.hub, CleverDouble)
        return self.trial.hub

    def code(self, person: Mapping[str, str], *ticked: str) -> str:
        page = self.trial.browser().open(self.hub.authorize(BINDING))
        return came_back(page.press("Sign in", *ticked, **person))["code"]

    def identity(self, person: Mapping[str, str], *ticked: str, binding: Binding = BINDING) -> Identity:
        return self.hub.prove(self.code(person, *ticked), binding)

    def refusal(self, person: Mapping[str, str], *ticked: str, binding: Binding = BINDING) -> str:
        code = self.code(person, *ticked)
        return self.refused(code, binding)

    def refused(self, code: str, binding: Binding = BINDING) -> str:
        with pytest.raises(LoginRefused) as refused:
            self.hub.prove(code, binding)
        return refused.value.code


@pytest.fixture
def clever() -> Clevers:
    return Clevers()


OIDC = "OpenID Connect is switched on for the app"


def district(**settings: Any) -> District:
    world = World()
    world.register(**settings)
    return world.districts.get("lakeside")


def asked(clever: Clevers, **options: Any) -> dict[str, str]:
    address, _, query = clever.hub.authorize(BINDING, **options).partition("?")
    assert address == "https://clever.example/oauth/authorize"
    return {name: values[0] for name, values in parse_qs(query).items()}


def test_clever_is_asked_for_the_district_and_whether_this_is_you(clever: Clevers) -> None:
    found = asked(clever, district=district(clever_district_id=DISTRICT))
    assert found.pop("code_challenge")
    assert found == {
        "response_type": "code", "client_id": CLIENT, "redirect_uri": BACK, "state": "s", "nonce": "n",
        "code_challenge_method": "S256", "district_id": DISTRICT, "confirmed": "false", "return_unshared": "true",
    }  # fmt: skip


def test_a_district_without_an_id_at_clever_is_told_so(clever: Clevers) -> None:
    with pytest.raises(LoginRefused, match="clever_not_set_up"):
        clever.hub.authorize(BINDING, district())


def test_nobody_is_asked_again_who_comes_from_clevers_portal(clever: Clevers) -> None:
    assert "confirmed" not in asked(clever, from_portal=True)


@pytest.mark.parametrize("ticked", [(), (OIDC,)])
def test_a_login_proves_the_id_of_version_3_and_the_district(clever: Clevers, ticked: tuple[str, ...]) -> None:
    """Quirks 4, 5, 7, 12, 14: with an id token and without."""
    identity = clever.identity(ADA, *ticked)
    assert identity == Identity(
        clever.hub.issuer, ADA["clever_id"], ADA["email"], False, DISTRICT,
        aliases=(legacy_id(ADA["clever_id"]),), given_name="Ada", family_name="Lane", is_student=False,
    )  # fmt: skip


def test_an_address_is_never_verified_whatever_clever_says(clever: Clevers) -> None:
    """Quirk 1, and the switch that says the opposite."""
    assert not clever.identity(ADA, OIDC).email_verified
    assert not clever.identity(ADA, OIDC, "Addresses are said to be verified").email_verified


@pytest.mark.parametrize(("said", "found"), [("", None), ("no at sign", "no at sign")])
def test_an_address_may_be_missing_or_none(clever: Clevers, said: str, found: str | None) -> None:
    """Quirk 2."""
    assert clever.identity({**ADA, "email": said}).email == found


def test_numbers_are_seen_by_the_districts_token_alone(clever: Clevers) -> None:
    """Quirk 6."""
    identity = clever.identity(ADA)
    assert identity.numbers == ()
    assert clever.hub.look_up(identity).numbers == (Number("1001", "teacher"),)


def test_without_a_districts_token_a_login_stays_as_it_is(clever: Clevers) -> None:
    identity = clever.identity(ADA, "The district has given the app no token")
    assert clever.hub.look_up(identity) == identity


def test_a_districts_token_that_was_replaced_is_asked_for_once_more(clever: Clevers) -> None:
    identity = clever.identity(ADA)
    clever.hub.look_up(identity)
    clever.double.change_district_token(DISTRICT)
    assert clever.hub.look_up(identity).numbers == (Number("1001", "teacher"),)


def test_a_districts_token_is_kept_for_many_logins(clever: Clevers) -> None:
    identity = clever.identity(ADA)
    clever.hub.look_up(identity)
    clever.hub.look_up(identity)
    assert clever.double.asked.count("GET /oauth/tokens") == 1


def test_a_person_of_another_district_is_not_seen_by_its_token(clever: Clevers) -> None:
    elsewhere = clever.identity({**ADA, "district": "elsewhere"})
    clever.identity({**ADA, "clever_id": "other"})
    from_here = Identity(elsewhere.issuer, elsewhere.subject, None, False, DISTRICT)
    assert clever.hub.look_up(from_here) == from_here


@pytest.mark.parametrize("role", ["staff", "district_admin"])
def test_staff_without_a_school_are_staff(clever: Clevers, role: str) -> None:
    """Quirk 8."""
    assert clever.identity({**ADA, "role": role}).is_student is False


def test_a_code_that_comes_twice_is_too_late(clever: Clevers) -> None:
    """Quirk 10."""
    code = clever.code(ADA)
    clever.hub.prove(code, BINDING)
    assert clever.refused(code) == "login_too_late"


def test_a_code_is_good_for_a_minute(clever: Clevers) -> None:
    """Quirk 11."""
    code = clever.code(ADA)
    clever.trial.pass_time(seconds=61)
    assert clever.refused(code) == "login_too_late"


def test_an_id_token_of_another_nonce_proves_nothing(clever: Clevers) -> None:
    """Quirk 13: we always send one, so that it is always there."""
    assert clever.refusal(ADA, OIDC, binding=Binding("s", "another", "v" * 43)) == "not_proved"


def test_a_library_login_proves_no_district(clever: Clevers) -> None:
    """Quirk 15: whether it names one or not, since texts of Clever's differ."""
    assert clever.refusal(ADA, "Clever Library account") == "hub_library"
    assert clever.refusal(ADA, "Clever Library account that names a district") == "hub_library"


def test_the_district_wins_over_the_library(clever: Clevers) -> None:
    """Quirk 16."""
    boxes = ("Clever Library account", "Clever Library account of a connected district")
    assert clever.identity(ADA, *boxes).tenant == DISTRICT


def test_somebody_with_two_roles_has_a_number_of_each(clever: Clevers) -> None:
    """Quirk 19."""
    identity = clever.identity(ADA, "Teacher and staff at once")
    assert clever.hub.look_up(identity).numbers == (Number("1001", "teacher"), Number("1001", "staff"))


def test_a_contact_of_a_student_is_nobody_of_the_roster(clever: Clevers) -> None:
    """Quirk 20: the whole name is in the family name."""
    contact = {**ADA, "role": "contact", "first_name": "", "last_name": "Ada Lane"}
    assert clever.refusal(contact) == "not_on_roster"


def test_a_page_instead_of_an_object_proves_nothing(clever: Clevers) -> None:
    """Quirk 21."""
    code = clever.code(ADA)
    clever.trial.pass_time(seconds=30)
    clever.double.token_life = clever.double.code_life * 0
    assert clever.refused(code) == "not_proved"


def test_too_many_requests_are_told_as_such(clever: Clevers) -> None:
    """Quirk 22."""
    assert clever.refusal(ADA, "Too many requests") == "hub_busy"
    clever.double.on.add("too_many")
    with pytest.raises(LoginRefused, match="hub_busy"):
        clever.hub.look_up(Identity(clever.hub.issuer, "x", None, False, DISTRICT))


def test_a_window_that_is_soon_over_is_waited_for(clever: Clevers) -> None:
    """Quirk 22: X-RateLimit-Reset says when."""
    code = clever.code(ADA)
    clever.double.on.add("too_many")
    clever.double.window_left = timedelta(seconds=2)

    def wait(seconds: float) -> None:
        clever.waited.append(seconds)
        clever.trial.pass_time(seconds=seconds)
        clever.double.on.clear()

    clever.hub._wait = wait
    assert clever.hub.prove(code, BINDING).subject == ADA["clever_id"]
    assert clever.waited == [2.0]


def test_a_token_that_asked_too_much_asks_nothing_until_its_window_ends(clever: Clevers) -> None:
    """The district's token is everybody's: a class that waits must not keep it waiting."""
    identity = clever.identity(ADA)
    assert clever.hub.look_up(identity).numbers
    clever.double.on.add("too_many")
    for _ in range(3):
        with pytest.raises(LoginRefused, match="hub_busy"):
            clever.hub.look_up(identity)
    asked = [each for each in clever.double.asked if each.startswith("GET /v3.1/users/")]
    assert len(asked) == 2
    clever.double.on.clear()
    assert clever.identity(ADA).subject == ADA["clever_id"], "logins have tokens of their own"
    clever.trial.pass_time(seconds=31)
    assert clever.hub.look_up(identity).numbers


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [({"Retry-After": "7"}, 7), ({"X-RateLimit-Reset": "1000012"}, 12), ({"X-RateLimit-Reset": "9000000"}, 60),
     ({"X-RateLimit-Reset": "5"}, 0), ({"Retry-After": "soon"}, 60), ({"Retry-After": "nan"}, 60), ({}, 60)],
)  # fmt: skip
def test_the_end_of_a_window_is_never_more_than_a_minute_away(headers: dict[str, str], seconds: float) -> None:
    assert _seconds_to_reset(headers, now=1_000_000) == seconds


def test_a_fault_of_clevers_own_is_tried_again(clever: Clevers) -> None:
    code = clever.code(ADA)
    clever.double.is_down = True
    assert clever.refused(code) == "hub_busy"
    assert clever.waited == [0.3, 1.0]
    clever.double.is_down = False
    assert clever.hub.prove(code, BINDING).subject == ADA["clever_id"]


def test_a_clever_that_is_slow_or_gone_is_told_as_such(clever: Clevers) -> None:
    code = clever.code(ADA)
    clever.double.delay = 30
    assert clever.refused(code) == "issuer_unreachable"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"error": "unauthorized-user"}, "hub_not_shared"),
        ({"error": "access_denied"}, "login_cancelled"),
        ({"error": "server_error"}, "hub_refused"),
        ({}, "not_proved"),
    ],
)
def test_what_clever_sends_instead_of_a_code_has_words(clever: Clevers, answer: dict[str, str], code: str) -> None:
    """Quirks 23 and 63."""
    assert clever.hub.refusal(answer).code == code


def test_an_app_that_is_not_shared_comes_back_with_an_error(clever: Clevers) -> None:
    """Quirk 23."""
    page = clever.trial.browser().open(clever.hub.authorize(BINDING))
    back = came_back(page.press("Sign in", "The district has not shared the app with this person", **ADA))
    assert back == {"error": "unauthorized-user", "state": "s"}


def test_the_portal_sends_a_code_without_a_state_and_knows_the_person(clever: Clevers) -> None:
    """Quirk 9. What is started again goes through without a page; what our own page starts does not (25)."""
    browser = clever.trial.browser()
    browser.open(f"{clever.double.url}/clever/portal").press("Sign in", **ADA)
    assert came_back(browser).keys() == {"code"}
    browser.open(clever.hub.authorize(BINDING, from_portal=True))
    assert clever.hub.prove(came_back(browser)["code"], BINDING).subject == ADA["clever_id"]
    assert browser.open(clever.hub.authorize(BINDING)).status == 200


def test_the_page_is_filled_with_the_district_that_it_was_started_for(clever: Clevers) -> None:
    page = clever.trial.browser().open(clever.hub.authorize(BINDING, district(clever_district_id=DISTRICT)))
    back = came_back(page.press("Sign in", clever_id="7"))
    assert clever.hub.prove(back["code"], BINDING).tenant == DISTRICT


def test_a_wrong_secret_proves_nobody(clever: Clevers) -> None:
    clever.hub._client_secret = lambda: "wrong"
    assert clever.refusal(ADA) == "not_proved"


@pytest.mark.parametrize("clever_id", ["", " ", "x" * 401, "a\nb"])
def test_an_id_that_is_none_proves_nobody(clever: Clevers, clever_id: str) -> None:
    code = clever.code(ADA)
    grant = clever.double._state.codes[code]
    grant.person["clever_id"] = clever_id  # type: ignore[index]
    assert clever.refused(code) == "not_proved"


def test_the_true_clever_has_its_interface_on_a_host_of_its_own() -> None:
    hub = Clever("https://clever.com", CLIENT, lambda: SECRET, BACK, lambda: Trial(CleverDouble).now)
    assert hub._api_url == "https://api.clever.com"
    assert urlsplit(hub.authorize(BINDING)).netloc == "clever.com"


@pytest.mark.parametrize("district_id", ["", "x" * 401, "a\nb", ["d"], {"id": "d"}, True])
def test_a_district_that_is_no_id_names_none(clever: Clevers, district_id: object) -> None:
    code = clever.code(ADA)
    grant = clever.double._state.codes[code]
    grant.person["district"] = district_id  # type: ignore[index]
    assert clever.refused(code) == "hub_library"
