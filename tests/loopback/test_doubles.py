"""The doubles of the hubs do what docs/hubs.md says the true ones do, over real HTTP too."""

from __future__ import annotations

import base64
import hashlib
from datetime import timedelta

import httpx
import pytest
import requests

from local.doubles.classlink import ClassLink
from local.doubles.clever import Clever
from local.doubles.google import Google
from local.doubles.hub import HubDouble
from local.doubles.microsoft import Microsoft
from local.web_client import WebClient
from tests.hub_trial import HOME, Trial, came_back, header_of, unsigned

KINDS: list[type[HubDouble]] = [Clever, Google, ClassLink, Microsoft]
SOMEBODY = {
    Clever: {"clever_id": "5f2a000000000000000000aa", "district": "d-1"},
    Google: {"email": "ada@lakeside.example"},
    ClassLink: {"classlink_user_id": "7", "tenant": "21", "number_in_the_district": "t1"},
    Microsoft: {"email": "ada@lakeside.example", "tenant": "tid-1"},
}


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def any_hub(request: pytest.FixtureRequest) -> Trial:
    """Each signs: Clever's has OpenID Connect switched on."""
    trial = Trial(request.param)
    if request.param is Clever:
        trial.hub.on.add("oidc")
    return trial


@pytest.fixture
def google() -> Trial:
    return Trial(Google)


@pytest.fixture
def classlink() -> Trial:
    return Trial(ClassLink)


@pytest.fixture
def microsoft() -> Trial:
    return Trial(Microsoft)


# Every hub


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_an_application_is_known_with_its_secret_once_an_engineer_registers_it(kind: type[HubDouble]) -> None:
    hub = kind(address="https://hub.example")
    client = hub.app.test_client()
    application = {"client_id": "ours", "client_secret": "a-secret", "redirect_uri": "https://link.example/callback"}

    refused = client.post(f"/{kind.name}/applications", data={"client_id": "ours"})
    assert (refused.status_code, hub.clients()) == (400, ())

    assert client.post(f"/{kind.name}/applications", data=application).status_code == 200
    (known,) = hub.clients()
    assert (known.client_id, known.secret) == ("ours", "a-secret")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_double_answers_over_http_from_a_free_port_of_localhost(kind: type[HubDouble]) -> None:
    hub = kind()
    hub.start()
    try:
        assert hub.url.startswith("http://localhost:")
        assert f'href="/{kind.name}/portal"' in requests.get(hub.url, timeout=10).text
        found = requests.get(f"{hub.issuer}/.well-known/openid-configuration", timeout=10).json()
        assert requests.get(found["jwks_uri"], timeout=10).json()["keys"]
    finally:
        hub.stop()


def test_a_state_comes_back_and_a_code_is_good_once(any_hub: Trial) -> None:
    answer = any_hub.signs_in(SOMEBODY[type(any_hub.hub)])
    assert answer.keys() == {"code", "state"}
    assert any_hub.redeem(answer["code"]).status_code == 200
    assert any_hub.redeem(answer["code"]).status_code == 400


def test_a_code_dies_of_age(any_hub: Trial) -> None:
    answer = any_hub.signs_in(SOMEBODY[type(any_hub.hub)])
    any_hub.now += any_hub.hub.code_life
    any_hub.pass_time(seconds=1)
    assert any_hub.redeem(answer["code"]).status_code == 400


def test_a_wrong_secret_and_an_unknown_client_are_refused(any_hub: Trial) -> None:
    code = any_hub.signs_in(SOMEBODY[type(any_hub.hub)])["code"]
    assert any_hub.redeem(code, client_secret="wrong").status_code == 401
    assert any_hub.redeem(code, client_id="nobody").status_code == 401
    assert any_hub.redeem(code, client_id="us-too").status_code == 400, "another application's code"


@pytest.mark.parametrize("asked", [{"redirect_uri": "https://evil.example/"}, {"client_id": "nobody"}])
def test_nothing_is_sent_to_an_address_that_is_not_registered(any_hub: Trial, asked: dict[str, str]) -> None:
    browser = any_hub.asks(any_hub.browser(), **asked)
    assert browser.status == 400
    assert "Location" not in (browser.response or httpx.Response(0)).headers


def test_who_cancels_comes_back_with_access_denied_and_the_state(any_hub: Trial) -> None:
    answer = came_back(any_hub.asks(any_hub.browser()).press("Cancel"))
    assert (answer["error"], answer["state"]) == ("access_denied", "s")


def test_a_rotated_key_signs_and_is_the_only_one_published(any_hub: Trial) -> None:
    before = any_hub.http.get(any_hub.discovery()["jwks_uri"]).json()
    any_hub.hub.rotate_keys()
    answer = any_hub.signs_in(SOMEBODY[type(any_hub.hub)])
    tomorrows, key = any_hub.http.get(any_hub.discovery()["jwks_uri"]).json()["keys"]
    assert tomorrows in before["keys"]
    assert key not in before["keys"]
    assert header_of(any_hub.redeem(answer["code"]).json()["id_token"])["kid"] == key["kid"]


def test_a_hub_whose_clock_is_ahead_writes_times_of_the_future(any_hub: Trial) -> None:
    any_hub.hub.skew = timedelta(minutes=5)
    claims = any_hub.claims(SOMEBODY[type(any_hub.hub)])
    assert claims["iat"] == claims["nbf"] == int(any_hub.now.timestamp()) + 300


def test_a_hub_that_is_down_or_slow_answers_nobody(any_hub: Trial) -> None:
    any_hub.hub.is_down = True
    assert any_hub.http.get(any_hub.hub.url, timeout=5).status_code == 503
    any_hub.hub.is_down, any_hub.hub.delay = False, 30
    with pytest.raises(requests.Timeout):
        any_hub.http.get(any_hub.hub.url, timeout=5)


@pytest.mark.parametrize("kind", [Google, Microsoft], ids=lambda kind: kind.name)
def test_a_code_with_a_challenge_needs_its_verifier(kind: type[HubDouble]) -> None:
    trial = Trial(kind)
    verifier = "v" * 43
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    asked = {"code_challenge": challenge, "code_challenge_method": "S256"}
    code = trial.signs_in(SOMEBODY[kind], **asked)["code"]
    assert trial.redeem(code, code_verifier="w" * 43).status_code == 400
    code = trial.signs_in(SOMEBODY[kind], **asked)["code"]
    assert trial.redeem(code, code_verifier=verifier).status_code == 200


@pytest.mark.parametrize("kind", [Clever, ClassLink], ids=lambda kind: kind.name)
def test_a_verifier_is_not_looked_at(kind: type[HubDouble]) -> None:
    """Whoever relies on it there relies on nothing (14, 40)."""
    trial = Trial(kind)
    code = trial.signs_in(SOMEBODY[kind], code_challenge="c" * 43, code_challenge_method="S256")["code"]
    assert trial.redeem(code, code_verifier="w" * 43).status_code == 200


@pytest.mark.parametrize("kind", [Google, Microsoft], ids=lambda kind: kind.name)
def test_whom_a_hub_knows_on_a_device_is_asked_nothing_unless_told_to(kind: type[HubDouble]) -> None:
    trial = Trial(kind)
    browser = trial.browser()
    came_back(trial.asks(browser).press("Sign in", **SOMEBODY[kind]))
    assert came_back(trial.asks(browser)).keys() == {"code", "state"}
    assert trial.asks(browser, prompt="select_account").status == 200


# Google


def test_google_says_of_a_person_what_the_form_says(google: Trial) -> None:
    claims = google.claims({"email": "Ada@Lakeside.example"})
    assert (claims["iss"], claims["sub"], claims["nonce"]) == (google.hub.url, "google-ada@lakeside.example", "n")
    assert (claims["email_verified"], claims["hd"], claims["azp"]) == (True, "lakeside.example", "us")


@pytest.mark.parametrize(
    ("box", "claim", "value"),
    [
        ("Email not verified", "email_verified", False),
        ("email_verified as text", "email_verified", "true"),
        ("No hosted domain", "hd", None),
        ("Issuer without https", "iss", "hub.example"),
    ],
)
def test_google_says_what_a_box_asks_for(google: Trial, box: str, claim: str, value: object) -> None:
    assert google.claims({"email": "ada@lakeside.example"}, box).get(claim) == value


def test_a_google_address_can_change_hands_and_a_person_their_address(google: Trial) -> None:
    one = google.claims({"email": "old@lakeside.example", "google_id": "g-1"})
    renamed = google.claims({"email": "new@lakeside.example", "google_id": "g-1", "hosted_domain": "lake.example"})
    heir = google.claims({"email": "old@lakeside.example", "google_id": "g-2"})
    assert (one["sub"], renamed["sub"], heir["sub"]) == ("g-1", "g-1", "g-2")
    assert renamed["hd"] == "lake.example"


@pytest.mark.parametrize("box", ["Under 18, and the app is not allowed for them", "Blocked by the administrator"])
def test_google_keeps_whom_an_administrator_has_not_allowed(google: Trial, box: str) -> None:
    browser = google.asks(google.browser()).press("Sign in", box, email="kid@lakeside.example")
    assert browser.status == 400
    assert "Access blocked" in browser.text


def test_google_silently_takes_the_account_of_the_browser_unless_asked(google: Trial) -> None:
    browser = google.browser()
    came_back(google.asks(browser).press("Sign in", email="first@lakeside.example"))
    silent = came_back(google.asks(browser))
    assert unsigned(google.redeem(silent["code"]).json()["id_token"])["email"] == "first@lakeside.example"
    assert google.asks(browser, prompt="select_account").status == 200


@pytest.mark.parametrize("kind", [Google, Microsoft], ids=lambda kind: kind.name)
def test_a_portal_without_logins_leads_to_our_own_page(kind: type[HubDouble]) -> None:
    browser = Trial(kind).browser().open(f"/{kind.name}/portal").press("Sign in", **SOMEBODY[kind])
    assert browser.response is not None
    assert browser.response.headers["Location"] == HOME


# ClassLink


def profile_of(classlink: Trial, *ticked: str, **fields: str) -> requests.Response:
    code = classlink.signs_in({**SOMEBODY[ClassLink], **fields}, *ticked, scope="profile")["code"]
    token = classlink.redeem(code).json()["access_token"]
    return classlink.http.get(f"{classlink.hub.url}/v2/my/info", headers={"Authorization": f"Bearer {token}"})


def test_classlink_starts_a_login_from_its_tile_without_a_state(classlink: Trial) -> None:
    browser = classlink.browser().open("/classlink/portal").press("Sign in", **SOMEBODY[ClassLink])
    assert came_back(browser).keys() == {"code"}


def test_classlinks_ids_are_numbers_one_day_and_texts_the_next(classlink: Trial) -> None:
    first, second = (profile_of(classlink, role="Student").json() for _ in range(2))
    assert (first["UserId"], first["TenantId"]) == (7, 21)
    assert (second["UserId"], second["TenantId"]) == ("7", "21")
    assert first["Role"] != second["Role"]
    assert first["Role"].lower() == second["Role"].lower()


@pytest.mark.parametrize("number", ["", "a/b", "a|b", "a b", "a%2Fb"])
def test_a_sourced_id_comes_as_the_district_has_it(classlink: Trial, number: str) -> None:
    profile = profile_of(classlink, number_in_the_district=number).json()
    assert (profile["SourcedId"], profile["Email"]) == (number, "")


@pytest.mark.parametrize(
    ("box", "status", "body"),
    [
        ("Profile is a text", 200, "Invalid token"),
        ("Profile is a status", 200, {"status": 403, "message": "Forbidden"}),
        ("Access token expired", 401, {"message": "Unauthorized"}),
    ],
)
def test_what_classlink_answers_in_place_of_a_profile(classlink: Trial, box: str, status: int, body: object) -> None:
    answer = profile_of(classlink, box)
    assert (answer.status_code, answer.json()) == (status, body)


def test_classlinks_token_needs_no_more_than_its_own_library_sends(classlink: Trial) -> None:
    code = classlink.signs_in(SOMEBODY[ClassLink], scope="oneroster,profile")["code"]
    answer = classlink.redeem(code, grant_type="", redirect_uri="", code_verifier="")
    assert answer.status_code == 200
    assert "id_token" not in answer.json()


def test_classlinks_id_token_has_no_nonce(classlink: Trial) -> None:
    assert "nonce" not in classlink.claims(SOMEBODY[ClassLink])


def test_classlinks_discovery_names_another_profile_and_its_login_host_none(classlink: Trial) -> None:
    assert classlink.discovery()["userinfo_endpoint"].endswith("/v2/my/profileinfo")
    login = Trial(ClassLink, "https://login.hub.example")
    answer = login.http.get(f"{login.hub.url}/.well-known/openid-configuration")
    assert answer.headers["Content-Type"].startswith("text/html")


# Microsoft


def test_microsofts_discovery_of_many_tenants_has_a_template(microsoft: Trial) -> None:
    assert microsoft.discovery()["issuer"] == "https://hub.example/{tenantid}/v2.0"
    of_one = microsoft.http.get("https://hub.example/tid-1/v2.0/.well-known/openid-configuration").json()
    assert of_one["issuer"] == "https://hub.example/tid-1/v2.0"


def test_microsoft_says_of_a_member_no_address_that_is_verified(microsoft: Trial) -> None:
    claims = microsoft.claims({"email": "ada@lakeside.example", "object_id": "oid-1", "tenant": "tid-1"})
    assert claims["iss"] == "https://hub.example/tid-1/v2.0"
    assert (claims["tid"], claims["oid"], claims["nonce"]) == ("tid-1", "oid-1", "n")
    assert claims["preferred_username"] == "ada@lakeside.example"
    assert not {"email", "email_verified", "groups", "hd"} & claims.keys()


def test_microsofts_email_claim_can_name_anybodys_address(microsoft: Trial) -> None:
    claims = microsoft.claims(
        {"email": "eve@evil.example", "tenant": "tid-1", "address_in_the_email_claim": "ada@lakeside.example"}
    )
    assert (claims["email"], claims["preferred_username"]) == ("ada@lakeside.example", "eve@evil.example")


def test_microsofts_guest_has_a_name_of_the_tenant(microsoft: Trial) -> None:
    claims = microsoft.claims({"email": "bob@other.example", "tenant": "lakeside-tid"}, "Guest of this tenant")
    assert claims["preferred_username"] == "bob_other.example#EXT#@lakeside.onmicrosoft.com"
    assert claims["idp"]


def test_microsofts_object_id_needs_the_profile_scope(microsoft: Trial) -> None:
    claims = microsoft.claims(SOMEBODY[Microsoft], scope="openid email")
    assert not {"oid", "preferred_username"} & claims.keys()


def test_microsofts_subject_is_another_for_each_application(microsoft: Trial) -> None:
    ours = microsoft.claims(SOMEBODY[Microsoft])
    other = microsoft.claims(SOMEBODY[Microsoft], client_id="us-too")
    assert ours["oid"] == other["oid"]
    assert ours["sub"] != other["sub"]


def test_microsoft_takes_a_code_only_where_its_login_was(microsoft: Trial) -> None:
    code = microsoft.signs_in(SOMEBODY[Microsoft])["code"]
    answer = microsoft.redeem(code, "https://hub.example/common/oauth2/v2.0/token")
    assert answer.json()["error"] == "invalid_grant"


def test_microsoft_asks_for_a_nonce_and_keeps_another_tenants_people(microsoft: Trial) -> None:
    assert microsoft.asks(microsoft.browser(), nonce="").status == 400
    at_another = microsoft.asks(microsoft.browser(), "https://hub.example/tid-2/oauth2/v2.0/authorize")
    assert "AADSTS50020" in at_another.press("Sign in", **SOMEBODY[Microsoft]).text


@pytest.mark.parametrize(
    ("box", "error"),
    [
        ("Administrator has not consented", "consent_required"),
        ("Application misconfigured", "unauthorized_client"),
    ],
)
def test_microsoft_comes_back_with_an_error_in_place_of_a_code(microsoft: Trial, box: str, error: str) -> None:
    assert microsoft.signs_in(SOMEBODY[Microsoft], box)["error"] == error


@pytest.mark.parametrize(
    ("box", "code"),
    [("Microsoft's own page asks for the administrator's consent", "90094"), ("Not assigned to the application", "50105")],
)  # fmt: skip
def test_microsoft_keeps_whom_the_tenant_has_not_let_in(microsoft: Trial, box: str, code: str) -> None:
    browser = microsoft.asks(microsoft.browser()).press("Sign in", box, **SOMEBODY[Microsoft])
    assert browser.status == 400
    assert f"AADSTS{code}" in browser.text


def test_microsofts_form_post_is_a_post_of_another_site(microsoft: Trial) -> None:
    page: WebClient = microsoft.asks(microsoft.browser(), response_mode="form_post")
    page.press("Sign in", **SOMEBODY[Microsoft])
    form = page.page.css_first("form")
    assert form is not None
    assert form.attributes["method"] == "post"
    assert {node.attributes["name"] for node in page.page.css("input")} == {"code", "state"}


def test_an_administrator_consents_for_the_whole_tenant(microsoft: Trial) -> None:
    address = "/tid-1/adminconsent?client_id=us&redirect_uri=https://ours.example/callback"
    assert came_back(microsoft.browser().open(address)) == {"admin_consent": "True", "tenant": "tid-1"}
