"""Beside the password: second factors, passwords that others chose, and forgotten ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import httpx
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from functions.pages.bootstrap import assemble
from functions.pages.http import LOGIN_COOKIE
from local.web_client import WebClient
from shared.domain.errors import LoginRefused
from shared.hubs.cognito import Challenge, Entered, PasswordLogin
from tests.harness import WEB
from tests.pages_harness import PASSWORD, Website, activated, lakeside, linked_teacher, log_in

NEW = "a new password"


@pytest.fixture
def web() -> Website:
    return lakeside()


def forgot(web: Website, name: str = "ada") -> WebClient:
    page = web.visitor().open("/login")
    page.open(page.links()["Forgot your password?"])
    return page.press("Send me a code", username_or_email=name)


def set_password(page: WebClient, code: str, password: str = NEW) -> WebClient:
    return page.press("Set the new password", code=code, new_password=password)


# What Cognito asks for beside the password.


@pytest.mark.parametrize("challenge", ["SOFTWARE_TOKEN_MFA", "SMS_MFA", "EMAIL_OTP"])
def test_a_second_factor_is_passed_through_and_the_link_goes_on(web: Website, challenge: str) -> None:
    web.cognito.challenges["ada"] = [(challenge, "123456")]
    page = log_in(activated(web).press("Log into my existing account"))
    assert page.path == "/login/code"
    assert page.press("Log in", code="000000").status == 401
    assert page.open("/home").path == "/login", "half a login opens nothing"
    page.open("/login/code").press("Log in", code=" 123456 ")
    assert page.path == "/link"


def test_one_question_may_follow_another(web: Website) -> None:
    web.cognito.challenges["ada"] = [("NEW_PASSWORD_REQUIRED", NEW), ("SOFTWARE_TOKEN_MFA", "123456")]
    page = log_in(web.visitor().open("/login"))
    assert "Choose a password of your own" in page.text
    page.press("Log in", new_password=NEW)
    assert "Enter the code from your app" in page.text
    assert page.press("Log in", code="123456").path == "/home"


def test_a_question_that_no_page_can_pass_on_refuses_the_login(web: Website) -> None:
    web.cognito.challenges["ada"] = [("MFA_SETUP", "")]
    assert log_in(web.visitor().open("/login")).status == 401


def test_tries_of_a_code_count_per_account_and_a_new_login_resets_none(web: Website) -> None:
    web.cognito.challenges["ada"] = [("SOFTWARE_TOKEN_MFA", "123456")]
    statuses = []
    for _ in range(3):
        page = log_in(web.visitor().open("/login"))
        for _ in range(2):
            statuses.append(page.press("Log in", code="000000").status)
            page.open("/login/code")
    assert statuses == [401] * 5 + [429]
    assert page.press("Log in", code="123456").status == 429, "nor does the right one get through any more"


def test_a_question_is_answered_by_the_browser_that_was_asked(web: Website) -> None:
    web.cognito.challenges["ada"] = [("SOFTWARE_TOKEN_MFA", "123456")]
    page = log_in(web.visitor().open("/login"))
    stranger = web.visitor().open("/login/code")
    assert stranger.path == "/login"
    forged = page.http.cookies[LOGIN_COOKIE][:-3] + "AAA"
    stranger.http.cookies.set(LOGIN_COOKIE, forged, domain="link.example")
    assert stranger.open("/login/code").path == "/login"


# A forgotten password.


def test_who_forgot_a_password_chooses_a_new_one_with_a_code_and_is_in(web: Website) -> None:
    page = forgot(web)
    assert page.path == "/login/reset"
    set_password(page, web.cognito.codes["ada"])
    assert page.path == "/home"
    assert log_in(web.visitor().open("/login"), password=NEW).path == "/home"
    assert log_in(web.visitor().open("/login"), password=PASSWORD).status == 401


def test_an_address_stands_for_the_username_and_the_browser_learns_neither(web: Website) -> None:
    page = forgot(web, "ADA@mail.example")
    assert "ada" in web.cognito.codes
    sealed = web.site.services.sealed("forgotten").open(page.http.cookies[LOGIN_COOKIE], 60)
    assert sealed == {"name": "ADA@mail.example"}
    assert set_password(page, web.cognito.codes["ada"]).path == "/home"


def test_the_way_on_goes_back_to_the_link_that_brought_somebody(web: Website) -> None:
    page = activated(web).press("Log into my existing account").open("/login/forgot")
    page.press("Send me a code", username_or_email="ada")
    assert set_password(page, web.cognito.codes["ada"]).path == "/link"


def test_an_unknown_name_is_answered_like_a_known_one_after_the_same_calls(web: Website) -> None:
    answers = []
    for name in ("ada", "nobody"):
        calls = len(web.cognito.calls)
        page = forgot(web, name)
        wrong = page.press("Set the new password", code="999999", new_password=NEW)
        texts = [" ".join(answer.text.split()) for _, answer in web.responses if answer.url.path == "/login/reset"]
        answers.append((page.path, wrong.status, web.cognito.calls[calls:], [_without_nonce(t) for t in texts]))
        web.responses.clear()
    assert answers[0] == answers[1]


def _without_nonce(html: str) -> str:
    head, _, rest = html.partition('nonce="')
    return head + rest.partition('"')[2]


def test_whoever_was_in_before_the_new_password_is_out_after_it(web: Website) -> None:
    before = linked_teacher(web)
    web.world.pass_time(minutes=1)
    page = set_password(forgot(web), web.cognito.codes["ada"])
    assert before.open("/home").path == "/login"
    assert page.open("/home").path == "/home"


def test_a_new_password_does_not_get_round_the_second_factor(web: Website) -> None:
    web.cognito.challenges["ada"] = [("SOFTWARE_TOKEN_MFA", "123456")]
    before = log_in(web.visitor().open("/login")).press("Log in", code="123456")
    web.world.pass_time(minutes=1)
    page = set_password(forgot(web), web.cognito.codes["ada"])
    assert page.path == "/login/code"
    assert page.press("Log in", code="123456").path == "/home"
    assert before.open("/home").path == "/login"


def test_a_code_counts_once_and_a_short_password_does_not(web: Website) -> None:
    page = forgot(web)
    code = web.cognito.codes["ada"]
    assert set_password(page, code, "short").status == 401
    assert set_password(page.open("/login/reset"), code).path == "/home"
    again = forgot(web, "ada")
    assert set_password(again, code).status == 401


def test_codes_and_tries_are_limited_whatever_the_case_of_the_name(web: Website) -> None:
    for name in ("ada", "ADA", "Ada", "aDa", "adA"):
        assert forgot(web, name).status == 200
    assert forgot(web, "ada").status == 429
    page = web.visitor()
    web.world.pass_time(hours=1)
    page = forgot(web)
    for _ in range(5):
        assert set_password(page.open("/login/reset"), "999999").status == 401
    assert set_password(page.open("/login/reset"), web.cognito.codes["ada"]).status == 429


def test_a_platform_that_helps_by_itself_is_where_the_way_on_leads(web: Website) -> None:
    site = web.site
    services = replace(site.services, password_help_url="https://help.platform.example/password")
    web.site = assemble(services, site.renderer)
    for method in ("GET", "POST"):
        answer = web.send(
            httpx.Request(method, f"{WEB}/login/forgot", data={"username": "ada"} if method == "POST" else None)
        )
        assert (answer.status_code, answer.headers["Location"]) == (303, "https://help.platform.example/password")
    assert web.cognito.codes == {}


# The same, as Cognito does it.


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, str, PasswordLogin]]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    with mock_aws():
        cognito = boto3.client("cognito-idp", region_name="us-east-1")
        schema = [{"Name": "account_id", "AttributeDataType": "String", "Mutable": False}]
        pool_id = cognito.create_user_pool(PoolName="accounts", Schema=schema)["UserPool"]["Id"]
        client_id = cognito.create_user_pool_client(
            UserPoolId=pool_id, ClientName="pages", ExplicitAuthFlows=["ALLOW_ADMIN_USER_PASSWORD_AUTH"],
            ReadAttributes=["custom:account_id"],
        )["UserPoolClient"]["ClientId"]  # fmt: skip
        attributes = [{"Name": "custom:account_id", "Value": "acc-1"}, {"Name": "email", "Value": "ada@mail.example"},
                      {"Name": "email_verified", "Value": "true"}]  # fmt: skip
        cognito.admin_create_user(
            UserPoolId=pool_id, Username="ada", TemporaryPassword="Chosen by 0thers", UserAttributes=attributes
        )
        yield cognito, pool_id, PasswordLogin(cognito, pool_id, client_id)


def test_cognito_asks_for_a_new_password_where_others_chose_it(pool: tuple[Any, str, PasswordLogin]) -> None:
    _, _, passwords = pool
    asked = passwords.log_in("ada", "Chosen by 0thers")
    assert isinstance(asked, Challenge)
    assert asked.wants_a_new_password
    assert passwords.answer_challenge(asked, "Chosen by Ada 1!") == Entered("acc-1")
    assert passwords.log_in("ada", "Chosen by Ada 1!") == Entered("acc-1")


def test_cognito_sets_a_new_password_with_the_code_that_it_sent(pool: tuple[Any, str, PasswordLogin]) -> None:
    cognito, pool_id, passwords = pool
    cognito.admin_set_user_password(UserPoolId=pool_id, Username="ada", Password="Forgotten 1!", Permanent=True)
    sent: list[str] = []
    cognito.meta.events.register(
        "after-call.cognito-identity-provider.ForgotPassword",
        lambda http_response, **_: sent.append(
            http_response.headers.get("x-moto-forgot-password-confirmation-code", "")
        ),
    )
    passwords.send_code("ada")
    with pytest.raises(LoginRefused):
        passwords.set_password("ada", "moto-confirmation-code:0", "Chosen by Ada 1!")
    passwords.set_password("ada", sent[0], "Chosen by Ada 1!")
    assert passwords.log_in("ada", "Chosen by Ada 1!") == Entered("acc-1")


@pytest.mark.parametrize("name", ["nobody", "", "x" * 2_000])
def test_whom_cognito_does_not_know_is_told_nothing(pool: tuple[Any, str, PasswordLogin], name: str) -> None:
    _, _, passwords = pool
    passwords.send_code(name)
    with pytest.raises(LoginRefused):
        passwords.log_in(name, "Chosen by Ada 1!")


def test_what_is_no_refusal_is_a_defect_and_told_as_one() -> None:
    class Broken:
        def admin_initiate_auth(self, **_: Any) -> dict[str, Any]:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": ""}}, "AdminInitiateAuth")

    with pytest.raises(ClientError):
        PasswordLogin(Broken(), "pool", "client").log_in("ada", PASSWORD)
