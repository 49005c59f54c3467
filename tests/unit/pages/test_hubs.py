"""Each hub of ours against the double of the true one: what a login proves, and what it does not."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from local.doubles.classlink import ClassLink as ClassLinkDouble
from local.doubles.microsoft import Microsoft as MicrosoftDouble
from shared.domain.errors import LoginRefused
from shared.domain.roster import NumberKind
from shared.hubs.classlink import ClassLink
from shared.hubs.clever import Clever
from shared.hubs.hub import Number
from shared.hubs.microsoft import Microsoft
from tests.hub_trial import BACK, BINDING, CLIENT, HUBS, SECRET, Attempt, Trial, came_back


@pytest.fixture(params=HUBS)
def any_hub(request: pytest.FixtureRequest) -> Attempt:
    return Attempt(request.param)


@pytest.fixture
def google() -> Attempt:
    return Attempt("google")


@pytest.fixture
def classlink() -> Attempt:
    return Attempt("classlink")


@pytest.fixture
def microsoft() -> Attempt:
    return Attempt("microsoft")


# Every hub


def test_a_code_that_comes_twice_proves_nothing(any_hub: Attempt) -> None:
    code = any_hub.code()
    assert any_hub.hub.prove(code, BINDING).subject
    with pytest.raises(LoginRefused) as refused:
        any_hub.hub.prove(code, BINDING)
    assert refused.value.code in ("login_too_late", "not_proved"), "ClassLink does not say what is wrong with a code"


@pytest.mark.parametrize("minutes", [-5, 5])
def test_a_hub_whose_clock_is_five_minutes_off_lets_people_in(any_hub: Attempt, minutes: int) -> None:
    any_hub.double.skew = timedelta(minutes=minutes)
    assert any_hub.login().subject


@pytest.mark.parametrize("name", ["clever", "google", "microsoft"])
def test_a_token_from_the_further_future_proves_nothing(name: str) -> None:
    attempt = Attempt(name)
    attempt.double.skew = timedelta(minutes=6)
    assert attempt.why_refused() == "not_proved"


def test_a_hub_that_changed_its_key_lets_people_in_by_the_new_one(any_hub: Attempt) -> None:
    any_hub.login()
    any_hub.double.rotate_keys()
    any_hub.trial.pass_time(minutes=2)
    assert any_hub.login().subject


@pytest.mark.parametrize(("is_down", "delay"), [(True, 0), (False, 30)], ids=["down", "slow"])
def test_a_hub_in_trouble_is_said_to_be_and_then_lets_people_in(
    any_hub: Attempt, *, is_down: bool, delay: float
) -> None:
    code = any_hub.code()
    any_hub.double.is_down, any_hub.double.delay = is_down, delay
    with pytest.raises(LoginRefused) as refused:
        any_hub.hub.prove(code, BINDING)
    is_busy = is_down and isinstance(any_hub.hub, Clever)
    assert refused.value.code == ("hub_busy" if is_busy else "issuer_unreachable")
    any_hub.double.is_down, any_hub.double.delay = False, 0
    assert any_hub.login().subject


@pytest.mark.parametrize(("is_down", "delay", "times"), [(True, 0, 2), (False, 30, 1)], ids=["down", "slow"])
def test_a_hub_in_trouble_is_asked_again_and_a_slow_one_once(
    any_hub: Attempt, *, is_down: bool, delay: float, times: int
) -> None:
    """What was not answered in time may have used the code up."""
    code = any_hub.code()
    any_hub.double.is_down, any_hub.double.delay = is_down, delay
    before = len(any_hub.double.asked)
    with pytest.raises(LoginRefused):
        any_hub.hub.prove(code, BINDING)
    if is_down and isinstance(any_hub.hub, Clever):
        times = 3
    assert len(any_hub.double.asked) == before + times


def test_a_client_secret_that_is_wrong_proves_nothing(any_hub: Attempt) -> None:
    any_hub.double.register(CLIENT, "another secret", BACK)
    assert any_hub.why_refused() == "not_proved"


# Google


def test_google_proves_subject_address_and_hosted_domain(google: Attempt) -> None:
    identity = google.login({"email": "Ada@Lakeside.example"})
    assert identity.subject == "google-ada@lakeside.example"
    assert (identity.email_verified, identity.hosted_domain) == (True, "lakeside.example")


@pytest.mark.parametrize(("box", "expected"), [
    ("No hosted domain", (True, None)), ("Email not verified", (False, "lakeside.example")),
    ("email_verified as text", (False, "lakeside.example")), ("Issuer without https", (True, "lakeside.example")),
])  # fmt: skip
def test_google_proves_no_more_than_it_says(google: Attempt, box: str, expected: tuple[bool, str | None]) -> None:
    identity = google.login(None, box)
    assert identity.issuer == "https://accounts.google.com"
    assert (identity.email_verified, identity.hosted_domain) == expected


def test_a_browser_that_google_knows_is_asked_again_whose_login_it_is(google: Attempt) -> None:
    browser = google.trial.browser()
    browser.open(google.hub.authorize(BINDING)).press("Sign in", email="first@lakeside.example")
    second = browser.open(google.hub.authorize(BINDING)).press("Sign in", email="second@lakeside.example")
    assert google.hub.prove(came_back(second)["code"], BINDING).email == "second@lakeside.example"


# ClassLink


def test_classlink_proves_user_id_and_tenant_whatever_their_type(classlink: Attempt) -> None:
    first, second = classlink.login(), classlink.login()
    assert first == second
    assert (first.subject, first.tenant, first.issuer) == ("7", "21", "https://launchpad.classlink.com")
    assert (first.email, first.email_verified) == (None, False)


def test_classlink_is_sent_what_it_is_known_to_carry(classlink: Attempt) -> None:
    query = parse_qs(urlsplit(classlink.hub.authorize(BINDING)).query)
    assert query == {
        "response_type": ["code"], "client_id": [CLIENT], "redirect_uri": [BACK], "state": ["s"], "scope": ["profile"],
    }  # fmt: skip


def test_a_host_without_discovery_is_said_to_be_in_trouble() -> None:
    """ClassLink's host for logins answers a page in place of it."""
    trial = Trial(ClassLinkDouble, "https://login.classlink.com")
    hub = ClassLink(trial.hub.issuer, CLIENT, lambda: SECRET, BACK, lambda: trial.now, trial.http)
    with pytest.raises(LoginRefused) as refused:
        hub.authorize(BINDING)
    assert refused.value.code == "issuer_unreachable"


@pytest.mark.parametrize("box", ["Profile is a text", "Profile is a status", "Access token expired"])
def test_what_comes_in_place_of_a_classlink_profile_proves_nothing(classlink: Attempt, box: str) -> None:
    assert classlink.why_refused(None, box) == "not_proved"


@pytest.mark.parametrize(("role", "is_student"), [
    ("student", True), ("Teacher", False), ("Administrator", None), ("Tenant Administrator", None), ("", None),
])  # fmt: skip
def test_a_role_at_classlink_is_read_in_any_case(classlink: Attempt, role: str, *, is_student: bool | None) -> None:
    """The double writes it in three ways, one after another. Who administers may teach, so it says nothing."""
    person = {**classlink.somebody, "role": role}
    assert {classlink.login(person).is_student for _ in range(3)} == {is_student}


def test_a_parent_at_classlink_is_the_parent_and_no_child(classlink: Attempt) -> None:
    parent = {**classlink.somebody, "classlink_user_id": "99", "role": "Parent", "number_in_the_district": ""}
    assert classlink.login(parent).subject == "99"


# Microsoft


def test_microsoft_proves_tenant_and_object_id(microsoft: Attempt) -> None:
    identity = microsoft.login()
    assert identity.issuer == "https://login.microsoftonline.com/tid-1/v2.0"
    assert (identity.subject, identity.tenant) == ("oid-1", "tid-1")
    assert (identity.email, identity.email_verified) == ("ada@lakeside.example", False)


def test_microsoft_answers_by_an_address_and_not_by_a_form(microsoft: Attempt) -> None:
    """A form of another site is posted without the cookie of the login, which is Lax."""
    query = parse_qs(urlsplit(microsoft.hub.authorize(BINDING)).query)
    assert "response_mode" not in query
    assert query["scope"] == ["openid email profile"]


def test_microsofts_email_claim_is_not_read(microsoft: Attempt) -> None:
    person = {**microsoft.somebody, "email": "eve@evil.example", "address_in_the_email_claim": "ada@lakeside.example"}
    assert microsoft.login(person).email == "eve@evil.example"


@pytest.mark.parametrize("box", ["Guest of this tenant", "Guest of this tenant, named by their own address"])
def test_a_guest_at_microsoft_has_no_address_of_the_tenant(microsoft: Attempt, box: str) -> None:
    assert microsoft.login(None, box).email is None


def test_a_private_account_at_microsoft_proves_nothing(microsoft: Attempt) -> None:
    person = {**microsoft.somebody, "tenant": "9188040d-6c67-4c5b-b112-36a304b66dad"}
    assert microsoft.why_refused(person) == "not_proved"


@pytest.mark.parametrize(
    ("description", "code"),
    [
        ("AADSTS65004: the user declined.", "login_cancelled"),
        ("AADSTS90094: admin.", "hub_not_shared"),
        ("", "login_cancelled"),
    ],
)
def test_microsoft_says_access_denied_of_a_missing_consent_too(microsoft: Attempt, description: str, code: str) -> None:
    assert microsoft.hub.refusal({"error": "access_denied", "error_description": description}).code == code


@pytest.mark.parametrize(
    ("error", "code"), [("server_error", "issuer_unreachable"), ("invalid_scope", "hub_refused"), ("", "hub_refused")]
)
def test_what_comes_in_place_of_a_code_has_words(any_hub: Attempt, error: str, code: str) -> None:
    if error == "server_error" and isinstance(any_hub.hub, Clever):
        code = "hub_refused"
    assert any_hub.hub.refusal({"error": error}).code == code
    assert any_hub.hub.refusal({}).code == "not_proved"


def test_one_person_under_two_tenants_is_two_at_microsoft(microsoft: Attempt) -> None:
    one, other = microsoft.login(), microsoft.login({**microsoft.somebody, "tenant": "tid-2"})
    assert one.subject == other.subject
    assert one.issuer != other.issuer


GRAPH, CLASSIC = "Graph may be read by the application", "Graph has no education data of this person"


@pytest.mark.parametrize("ticked", [(GRAPH,), (GRAPH, CLASSIC)], ids=["education", "attributes"])
@pytest.mark.parametrize(("role", "kind"), [("Student", NumberKind.STUDENT), ("Teacher", NumberKind.TEACHER)])
def test_graph_says_the_number_of_school_data_sync(
    microsoft: Attempt, role: str, kind: NumberKind, ticked: tuple[str, ...]
) -> None:
    person = {**microsoft.somebody, "number_in_school_data_sync": "s9", "role_in_school_data_sync": role}
    identity = microsoft.hub.look_up(microsoft.login(person, *ticked))
    assert identity.numbers == (Number("s9", kind),)


def test_without_consent_graph_says_nothing_and_is_asked_for_no_login_more(microsoft: Attempt) -> None:
    identity = microsoft.login({**microsoft.somebody, "number_in_school_data_sync": "s9"})
    assert microsoft.hub.look_up(identity) == identity
    scope = parse_qs(urlsplit(microsoft.hub.authorize(BINDING)).query)["scope"]
    assert scope == ["openid email profile"], "a scope that nobody consented to stops every login"


def test_a_guest_has_no_number_at_graph(microsoft: Attempt) -> None:
    person = {**microsoft.somebody, "number_in_school_data_sync": "s9"}
    identity = microsoft.login(person, "Guest of this tenant", GRAPH)
    assert microsoft.hub.look_up(identity) == identity


def test_graph_in_trouble_is_told_and_not_taken_for_nobody(microsoft: Attempt) -> None:
    identity = microsoft.login(None, GRAPH)
    microsoft.double.is_down = True
    with pytest.raises(LoginRefused) as refused:
        microsoft.hub.look_up(identity)
    assert refused.value.code == "issuer_unreachable"


def test_a_tenants_token_is_kept_for_some_minutes(microsoft: Attempt) -> None:
    identity = microsoft.login({**microsoft.somebody, "number_in_school_data_sync": "s9"}, GRAPH)
    microsoft.hub.look_up(identity)
    before = len(microsoft.double.asked)
    microsoft.hub.look_up(identity)
    assert len(microsoft.double.asked) == before + 1
    microsoft.trial.pass_time(minutes=6)
    microsoft.hub.look_up(identity)
    assert len(microsoft.double.asked) == before + 3


def test_the_issuer_of_a_microsoft_token_is_its_own_tenants() -> None:
    class Liar(MicrosoftDouble):
        def issuer_of(self, tenant: str) -> str:
            return super().issuer_of("tid-2" if tenant == "tid-1" else tenant)

    attempt = Attempt("microsoft")
    attempt.trial = Trial(Liar, "https://login.microsoftonline.com")
    attempt.double = attempt.trial.hub
    attempt.hub = Microsoft(
        attempt.double.issuer, CLIENT, lambda: SECRET, BACK, lambda: attempt.trial.now, attempt.trial.http
    )
    assert attempt.why_refused() == "not_proved"
