"""District logins with ClassLink, Microsoft and Google as they really are, from the button to the account (M12, M21, B9)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from local.doubles.classlink import ClassLink as ClassLinkDouble
from local.doubles.clever import Clever as CleverDouble
from local.doubles.google import Google as GoogleDouble
from local.doubles.hub import HubDouble
from local.doubles.microsoft import Microsoft as MicrosoftDouble
from local.web_client import WebClient
from shared.hubs.classlink import ClassLink
from shared.hubs.clever import Clever
from shared.hubs.google import Google
from shared.hubs.hub import IN_TROUBLE
from shared.hubs.microsoft import Microsoft
from tests.builders import roster, user
from tests.harness import CLEVER, GOOGLE
from tests.pages_harness import CLEVER_DISTRICT, Website, account_of, key, lakeside, log_in

ALL = ["clever", "google", "classlink", "microsoft"]
NAMES = {"clever": "Clever", "classlink": "ClassLink", "microsoft": "Microsoft", "google": "Google"}


@pytest.fixture
def web() -> Website:
    made = lakeside()
    made.world.register(
        clever_district_id=CLEVER_DISTRICT,
        classlink_tenant_id="21",
        microsoft_tenant_id="tid-1",
        identity_providers=ALL,
    )
    return made


@pytest.fixture
def classlink(web: Website) -> ClassLinkDouble:
    return web.use_double(ClassLinkDouble, ClassLink, "https://launchpad.classlink.com")


@pytest.fixture
def microsoft(web: Website) -> MicrosoftDouble:
    return web.use_double(MicrosoftDouble, Microsoft, "https://login.microsoftonline.com")


@pytest.fixture
def clever(web: Website) -> CleverDouble:
    double = web.use_double(CleverDouble, Clever, CLEVER)
    double.on.add("oidc")
    return double


@pytest.fixture
def google(web: Website) -> GoogleDouble:
    return web.use_double(GoogleDouble, Google, GOOGLE)


def at(web: Website, double: HubDouble, *ticked: str, browser: WebClient | None = None, **person: str) -> WebClient:
    """Somebody goes from the district's page to the hub and signs in there as this person."""
    page = (browser or web.visitor()).open("/sso/lakeside").press(f"Continue with {NAMES[double.name]}")
    return page.press("Sign in", *ticked, **person)


def at_classlink(web: Website, double: HubDouble, number: str, user_id: str = "7", tenant: str = "21") -> WebClient:
    return at(web, double, classlink_user_id=user_id, number_in_the_district=number, tenant=tenant)


def at_microsoft(
    web: Website, double: HubDouble, email: str, object_id: str = "oid-1", tenant: str = "tid-1"
) -> WebClient:
    return at(web, double, email=email, object_id=object_id, tenant=tenant)


def code_of(page: WebClient) -> str:
    """The code for support that a page of refusal shows."""
    assert page.status == 403
    shown = page.page.css_first("code")
    return shown.text() if shown else ""


@pytest.mark.usefixtures("classlink", "microsoft")
def test_the_page_has_the_buttons_that_the_district_uses(web: Website) -> None:
    web.use_every_double()

    def buttons() -> set[str]:
        return {node.text() for node in web.visitor().open("/sso/lakeside").page.css("main button")}

    assert buttons() == {f"Continue with {name}" for name in ("Clever", "Google", "ClassLink", "Microsoft")}
    web.world.register(identity_providers=["microsoft"], microsoft_tenant_id="tid-1")
    assert buttons() == {"Continue with Microsoft"}


def test_a_hub_may_send_a_browser_on_and_a_password_goes_nowhere(web: Website) -> None:
    """A browser holds ``form-action`` at each redirect: ClassLink's login is on another host than its authorize."""

    def targets(address: str) -> list[str]:
        answer = web.visitor().open(address).response
        assert answer is not None
        policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["Content-Security-Policy"].split(";"))
        return policy["form-action"].split()

    assert "https:" in targets("/sso/lakeside")
    assert "https:" in targets("/callback/google?error=access_denied"), "which offers another try"
    assert "https:" not in targets("/login")


@pytest.mark.parametrize("name", ["classlink", "microsoft"])
@pytest.mark.usefixtures("classlink", "microsoft")
def test_a_district_without_a_tenant_is_told_so(web: Website, name: str) -> None:
    web.use_every_double()
    web.world.register(identity_providers=ALL)
    page = web.visitor().open("/sso/lakeside").press(f"Continue with {NAMES[name]}")
    assert page.status == 403
    assert "Your district does not use this login" in page.text


# ClassLink


def test_a_matched_student_at_classlink_lands_in_their_own_account(web: Website, classlink: ClassLinkDouble) -> None:
    page = at_classlink(web, classlink, "s9")
    assert page.path == "/home"
    assert account_of(web, "s9") == "zoe"


def test_a_student_without_a_match_has_the_choice_at_classlink(web: Website, classlink: ClassLinkDouble) -> None:
    page = at_classlink(web, classlink, "s1")
    assert page.path == "/welcome"
    linked = log_in(page.press("Log into my existing account"), "kid").press("Link my accounts")
    assert linked.path == "/home"
    assert account_of(web, "s1") == "kid"


def test_a_new_sourced_id_at_classlink_leads_to_the_same_person(web: Website, classlink: ClassLinkDouble) -> None:
    at_classlink(web, classlink, "s9")
    for number in ("s9-new", "", "s1"):
        assert at_classlink(web, classlink, number).path == "/home", number
    assert web.world.links.of_user(key("s1")) is None


def test_a_sourced_id_that_is_given_to_a_stranger_opens_nothing(web: Website, classlink: ClassLinkDouble) -> None:
    """The row has the number; whose account it is, the person of the link confirms (M19)."""
    at_classlink(web, classlink, "s9")
    assert at_classlink(web, classlink, "s9", user_id="8").path == "/welcome"


def test_the_same_sourced_id_in_another_tenant_is_refused(web: Website, classlink: ClassLinkDouble) -> None:
    assert code_of(at_classlink(web, classlink, "s9", tenant="22")) == "other_district"
    assert code_of(at_classlink(web, classlink, "s9", tenant="2|1")) == "other_district"


@pytest.mark.parametrize("number", ["", "nobody", "a/b", "s9|x", "s9 x", "s9%2F", "t1/../s9"])
def test_a_number_that_the_roster_has_not_is_not_on_the_roster(
    web: Website, classlink: ClassLinkDouble, number: str
) -> None:
    assert code_of(at_classlink(web, classlink, number)) == "not_on_roster"


@pytest.mark.parametrize("number", ["a/b", "s9|x", "s9 x", "s9%2F", "t1/../s9"])
def test_an_odd_number_that_the_roster_has_leads_to_its_person(
    web: Website, classlink: ClassLinkDouble, number: str
) -> None:
    web.world.upload(roster(user("s9", given="Zoe"), user(number, given="Odd")), name="odd")
    page = at_classlink(web, classlink, number)
    assert (page.path, "Odd Person" in page.text) == ("/welcome", True)


def test_a_mailbox_of_a_class_leads_to_nobody_and_a_number_to_its_pupil(
    web: Website, classlink: ClassLinkDouble
) -> None:
    """Each pupil of the class comes with the same address, which one row alone may have."""
    web.world.upload(
        roster(user("s1", given="Kid", email="class@lakeside.example"), user("s2", given="Ben")), name="box"
    )
    pupil = {"email": "class@lakeside.example", "tenant": "21", "role": "Student"}
    ben = {"classlink_user_id": "2", "first_name": "Ben", "last_name": "Person"}
    assert code_of(at(web, classlink, **pupil, **ben)) == "not_on_roster"
    page = at(web, classlink, **pupil, **ben, number_in_the_district="s2")
    assert (page.path, "Ben Person" in page.text) == ("/welcome", True)


def test_a_parent_at_classlink_is_not_on_the_roster(web: Website, classlink: ClassLinkDouble) -> None:
    page = at(web, classlink, classlink_user_id="99", tenant="21", role="Parent", first_name="Pat", last_name="Person")
    assert code_of(page) == "not_on_roster"


def test_a_teachers_number_with_a_students_role_is_refused(web: Website, classlink: ClassLinkDouble) -> None:
    page = at(web, classlink, classlink_user_id="7", number_in_the_district="t1", tenant="21", role="Student")
    assert code_of(page) == "number_of_another"


def test_another_name_at_classlink_is_not_the_rows_person(web: Website, classlink: ClassLinkDouble) -> None:
    person = {"classlink_user_id": "7", "number_in_the_district": "s9", "tenant": "21"}
    assert code_of(at(web, classlink, **person, first_name="Omar", last_name="Haddad")) == "number_of_another"
    assert at(web, classlink, **person, first_name="Zoe", last_name="Person").path == "/home"


def test_a_launchpad_tile_of_a_session_goes_through(web: Website, classlink: ClassLinkDouble) -> None:
    page = web.visitor().open(f"{classlink.url}/classlink/portal")
    page.press(
        "Sign in", "Stays signed in on this device", classlink_user_id="7", number_in_the_district="s9", tenant="21"
    )
    assert page.path == "/home"
    assert account_of(web, "s9") == "zoe"


def test_a_launchpad_tile_starts_a_login_of_ours(web: Website, classlink: ClassLinkDouble) -> None:
    """The tile's code is bound to nothing of ours; it is left, and the hub is asked again."""
    page = web.visitor().open(f"{classlink.url}/classlink/portal")
    page.press("Sign in", classlink_user_id="7", number_in_the_district="s9", tenant="21")
    assert page.path == "/oauth2/v2/auth"
    page.press("Sign in", classlink_user_id="7", number_in_the_district="s9", tenant="21")
    assert page.path == "/home"


@pytest.mark.parametrize("box", ["Profile is a text", "Profile is a status", "Access token expired"])
def test_no_profile_at_classlink_lets_nobody_in(web: Website, classlink: ClassLinkDouble, box: str) -> None:
    page = at(web, classlink, box, classlink_user_id="7", number_in_the_district="s9", tenant="21")
    assert code_of(page) == "not_proved"


# Microsoft


def test_a_matched_student_at_microsoft_lands_in_their_own_account(web: Website, microsoft: MicrosoftDouble) -> None:
    assert at_microsoft(web, microsoft, "S9@lakeside.example").path == "/home"
    assert account_of(web, "s9") == "zoe"


def test_a_changed_name_at_microsoft_leads_to_the_same_person(web: Website, microsoft: MicrosoftDouble) -> None:
    at_microsoft(web, microsoft, "s9@lakeside.example")
    assert at_microsoft(web, microsoft, "s1@lakeside.example").path == "/home"
    assert web.world.links.of_user(key("s1")) is None


def test_a_name_that_is_given_to_another_opens_nothing_of_before(web: Website, microsoft: MicrosoftDouble) -> None:
    at_microsoft(web, microsoft, "s9@lakeside.example")
    assert at_microsoft(web, microsoft, "s9@lakeside.example", object_id="oid-2").path == "/welcome"


def test_another_tenant_at_microsoft_is_refused(web: Website, microsoft: MicrosoftDouble) -> None:
    assert code_of(at_microsoft(web, microsoft, "s9@lakeside.example", tenant="tid-2")) == "other_district"


def test_an_address_of_another_domain_at_microsoft_is_refused(web: Website, microsoft: MicrosoftDouble) -> None:
    assert code_of(at_microsoft(web, microsoft, "s9@elsewhere.example")) == "other_domain"


def test_the_email_claim_of_microsoft_leads_to_nobody(web: Website, microsoft: MicrosoftDouble) -> None:
    page = at(web, microsoft, email="eve@lakeside.example", object_id="oid-9", tenant="tid-1",
              address_in_the_email_claim="s9@lakeside.example")  # fmt: skip
    assert code_of(page) == "not_on_roster"


def test_a_guest_of_the_tenant_is_not_on_the_roster(web: Website, microsoft: MicrosoftDouble) -> None:
    page = at(web, microsoft, "Guest of this tenant", email="s9@lakeside.example", tenant="tid-1")
    assert code_of(page) == "not_on_roster"


def test_a_private_microsoft_account_is_refused(web: Website, microsoft: MicrosoftDouble) -> None:
    personal = "9188040d-6c67-4c5b-b112-36a304b66dad"
    assert code_of(at_microsoft(web, microsoft, "s9@lakeside.example", tenant=personal)) == "not_proved"


@pytest.mark.parametrize("box", ["Administrator has not consented", "Application misconfigured"])
def test_a_missing_consent_at_microsoft_is_told_in_words(web: Website, microsoft: MicrosoftDouble, box: str) -> None:
    page = at(web, microsoft, box, email="s9@lakeside.example", tenant="tid-1")
    assert code_of(page) == "hub_not_shared"
    assert "Your school has not opened this for you yet" in page.text


@pytest.mark.parametrize(
    "box", ["Microsoft's own page asks for the administrator's consent", "Not assigned to the application"]
)
def test_whom_microsoft_keeps_changes_nothing_here(web: Website, microsoft: MicrosoftDouble, box: str) -> None:
    assert at(web, microsoft, box, email="s9@lakeside.example", tenant="tid-1").status == 400
    assert at_microsoft(web, microsoft, "s9@lakeside.example").path == "/home"


GRAPH = "Graph may be read by the application"


@pytest.mark.parametrize(("ticked", "code"), [((GRAPH,), ""), ((), "not_on_roster")], ids=["allowed", "not allowed"])
def test_a_number_of_school_data_sync_leads_to_the_row(
    web: Website, microsoft: MicrosoftDouble, ticked: tuple[str, ...], code: str
) -> None:
    """The address at Microsoft is in no roster; the number is, where the tenant's administrator lets Graph be read."""
    page = at(web, microsoft, *ticked, email="zp@lakeside.example", object_id="oid-7", tenant="tid-1",
              number_in_school_data_sync="s9")  # fmt: skip
    if code:
        assert code_of(page) == code
    else:
        assert (page.path, account_of(web, "s9")) == ("/home", "zoe")


# Google


def test_a_second_pupil_on_a_device_is_asked_whose_google_account_it_is(web: Website, google: GoogleDouble) -> None:
    device = web.visitor()
    at(web, google, browser=device, email="s9@lakeside.example")
    assert device.path == "/home"
    device.open("/sso/lakeside").press("Continue with Google")
    assert device.path == "/o/oauth2/v2/auth", "Google asks who it is"
    device.press("Sign in", email="s1@lakeside.example")
    assert device.path == "/welcome"
    assert web.world.links.of_user(key("s1")) is None


def test_whom_google_keeps_changes_nothing_here(web: Website, google: GoogleDouble) -> None:
    page = at(web, google, "Under 18, and the app is not allowed for them", email="s9@lakeside.example")
    assert page.status == 400
    assert web.world.links.of_user(key("s9")).is_linked is False  # type: ignore[union-attr]
    assert at(web, google, email="s9@lakeside.example").path == "/home"


def test_a_google_address_that_changed_hands_is_asked(web: Website, google: GoogleDouble) -> None:
    at(web, google, email="s9@lakeside.example", google_id="g-1")
    assert at(web, google, email="s9@lakeside.example", google_id="g-1").path == "/home"
    assert at(web, google, email="s9@lakeside.example", google_id="g-2").path != "/home"


@pytest.mark.parametrize("address", ["zoe.new@lakeside.example", "s1@lakeside.example"])
def test_a_google_person_keeps_the_account_under_another_address(
    web: Website, google: GoogleDouble, address: str
) -> None:
    at(web, google, email="s9@lakeside.example", google_id="g-1")
    assert at(web, google, email=address, google_id="g-1").path == "/home"
    assert web.world.links.of_user(key("s1")) is None


@pytest.mark.parametrize(("hosted_domain", "path"), [("lake.example", "/home"), ("other.example", "/callback/google")])
def test_a_google_account_of_another_domain_of_the_district_lets_in(
    web: Website, google: GoogleDouble, hosted_domain: str, path: str
) -> None:
    web.world.register(email_domains=["lakeside.example", "lake.example"])
    assert at(web, google, email="s9@lakeside.example", hosted_domain=hosted_domain).path == path


# Every hub

PEOPLE = {
    "clever": {"clever_id": "c9", "number_in_the_district": "s9"},
    "classlink": {"classlink_user_id": "7", "number_in_the_district": "s9", "tenant": "21"},
    "microsoft": {"email": "s9@lakeside.example", "tenant": "tid-1"},
    "google": {"email": "s9@lakeside.example"},
}


@pytest.fixture(params=PEOPLE)
def any_hub(request: pytest.FixtureRequest) -> HubDouble:
    double: HubDouble = request.getfixturevalue(request.param)
    return double


def test_who_cancels_is_told_so_and_can_log_in(web: Website, any_hub: HubDouble) -> None:
    page = web.visitor().open("/sso/lakeside").press(f"Continue with {NAMES[any_hub.name]}").press("Cancel")
    assert page.status == 403
    assert "You ended the login" in page.text
    assert at(web, any_hub, browser=page, **PEOPLE[any_hub.name]).path == "/home"


def test_a_code_that_comes_twice_lets_in_once(web: Website, any_hub: HubDouble) -> None:
    at(web, any_hub, **PEOPLE[any_hub.name])
    again = web.again(f"GET /callback/{any_hub.name}")
    assert again.status_code == 403


def test_without_the_cookie_of_the_start_nobody_gets_in(web: Website, any_hub: HubDouble) -> None:
    page = web.visitor().open("/sso/lakeside").press(f"Continue with {NAMES[any_hub.name]}")
    page.http.cookies.clear()
    assert page.press("Sign in", **PEOPLE[any_hub.name]).status == 403


@pytest.mark.parametrize(("is_down", "delay"), [(True, 0), (False, 30)], ids=["down", "slow"])
def test_a_hub_in_trouble_is_told_in_words_counted_and_locks_nobody_out(
    web: Website, any_hub: HubDouble, capsys: pytest.CaptureFixture[str], *, is_down: bool, delay: float
) -> None:
    """A class of thirty comes back from the hub, which answers us no more; nobody's tries are used up by it."""
    for _ in range(30):
        page = web.visitor().open("/sso/lakeside").press(f"Continue with {NAMES[any_hub.name]}")
        page.http.follow_redirects = False
        page.press("Sign in", **PEOPLE[any_hub.name])
        assert page.response is not None
        any_hub.is_down, any_hub.delay = is_down, delay
        page.open(page.response.headers["Location"])
        any_hub.is_down, any_hub.delay = False, 0
        assert code_of(page) in IN_TROUBLE
        assert ("The login service does not answer" in page.text) or ("busy" in page.text)
    assert capsys.readouterr().out.count('"HubInTrouble": 1') == 30
    assert at(web, any_hub, **PEOPLE[any_hub.name]).path == "/home"


@pytest.mark.parametrize("name", ["google", "classlink", "microsoft"])
def test_a_hub_that_does_not_answer_at_the_start_is_told_in_words(
    web: Website, request: pytest.FixtureRequest, name: str
) -> None:
    hub: HubDouble = request.getfixturevalue(name)
    hub.is_down = True
    page = web.visitor().open("/sso/lakeside").press(f"Continue with {NAMES[name]}")
    assert code_of(page) == "issuer_unreachable"
    hub.is_down = False
    assert at(web, hub, browser=page, **PEOPLE[name]).path == "/home"


@pytest.mark.parametrize("minutes", [-5, 5])
def test_a_hub_whose_key_and_clock_have_changed_lets_its_people_in(
    web: Website, any_hub: HubDouble, minutes: int
) -> None:
    at(web, any_hub, **PEOPLE[any_hub.name])
    any_hub.rotate_keys()
    any_hub.skew = timedelta(minutes=minutes)
    web.world.pass_time(minutes=2)
    assert at(web, any_hub, **PEOPLE[any_hub.name]).path == "/home"
    assert account_of(web, "s9") == "zoe"
