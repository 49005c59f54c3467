"""Logins that live with the platform: Cognito asks, we ask a real HTTP service, and the accounts feed has the last word."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from functions.user_migration import handler
from functions.user_migration.platform_login import HttpPlatformLogin
from shared.domain.account import Account
from shared.domain.errors import InvalidSettings, LoginRefused
from shared.runtime.observability import logger
from shared.runtime.settings import UserMigrationSettings
from shared.stores.account_batches import AccountBatches, AccountChange
from tests.fakes.aws import MemoryCognito
from tests.fakes.dynamodb import error
from tests.pages_harness import PASSWORD, activated, lakeside, log_in

EVENTS = Path(__file__).parents[2] / "events"
CONTEXT = SimpleNamespace(function_name="f", memory_limit_in_mb=128, invoked_function_arn="arn", aws_request_id="r")


class PlatformLogin(ThreadingHTTPServer):
    """The platform's own login, on this machine. ``answers`` stand in for what it would say, by username."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Asked)
        self.secret = "told by hand"
        self.logins = {"ada": (PASSWORD, "ada"), "kid": (PASSWORD, "kid"), "mallory": (PASSWORD, "ada")}
        self.answers: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.asked: list[tuple[str, dict[str, Any]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/login"

    def answer(self, question: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        name = question["username"]
        if name in self.answers:
            return self.answers[name]
        password, account_id = self.logins.get(name, (None, ""))
        if account_id and (question["reason"] == "forgotten_password" or question["password"] == password):
            return 200, {}, json.dumps({"account_id": account_id}).encode()
        return 401, {}, b""


class _Asked(BaseHTTPRequestHandler):
    server: PlatformLogin

    def do_POST(self) -> None:
        question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, question))
        is_ours = self.headers["Authorization"] == f"Bearer {self.server.secret}"
        status, headers, body = self.server.answer(question) if is_ours else (403, {}, b"")
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def platform() -> Iterator[PlatformLogin]:
    with PlatformLogin() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def deployed(platform: PlatformLogin, monkeypatch: pytest.MonkeyPatch) -> Iterator[PlatformLogin]:
    """The function with its environment: the secret is the platform's, the feed knows two accounts."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        boto3.resource("dynamodb").create_table(
            TableName="migration",
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in ("PK", "SK")],
        )
        secret = boto3.client("secretsmanager").create_secret(Name="platform", SecretString=platform.secret)
        for name, value in {
            "TABLE_NAME": "migration",
            "GOOGLE_ISSUER": "https://accounts.google.com",
            "PLATFORM_LOGIN_URL": platform.url,
            "PLATFORM_LOGIN_SECRET_ARN": secret["ARN"],
        }.items():
            monkeypatch.setenv(name, value)
        for cached in (handler.migrate_user, handler.aws.client, handler.aws.table, handler.aws.session):
            cached.cache_clear()
        people = (
            Account("ada", "teacher", "Ada", "Ada", "ada@mail.example", email_verified=True),
            Account("kid", "student", "Kid", "kid", "kid@mail.example", email_verified=False),
        )
        AccountBatches(handler.aws.table("migration"), "https://accounts.google.com").write(
            [AccountChange(account) for account in people]
        )
        yield platform
        for cached in (handler.migrate_user, handler.aws.client, handler.aws.table, handler.aws.session):
            cached.cache_clear()


def login(name: str = "ada", password: str = PASSWORD) -> dict[str, Any]:
    event = json.loads((EVENTS / "cognito-login.json").read_text())
    event["userName"], event["request"]["password"] = name, password
    return handler.lambda_handler(event, CONTEXT)


def forgotten_password(name: str = "ada") -> dict[str, Any]:
    event = json.loads((EVENTS / "cognito-forgotten-password.json").read_text())
    event["userName"] = name
    return handler.lambda_handler(event, CONTEXT)


def refused(name: str = "ada", password: str = PASSWORD) -> str:
    with pytest.raises(LoginRefused) as raised:
        login(name, password)
    assert raised.value.__cause__ is None
    return str(raised.value)


@pytest.mark.usefixtures("deployed")
def test_who_the_platform_knows_comes_in_as_the_account_that_the_feed_knows() -> None:
    answer = login("ada")["response"]
    assert answer["userAttributes"] == {
        "custom:account_id": "ada", "email": "ada@mail.example", "email_verified": "true",
    }  # fmt: skip
    assert (answer["finalUserStatus"], answer["messageAction"]) == ("CONFIRMED", "SUPPRESS")


@pytest.mark.usefixtures("deployed")
def test_an_address_that_nobody_verified_comes_along_with_nobody() -> None:
    assert login("kid")["response"]["userAttributes"] == {"custom:account_id": "kid"}


def test_who_forgot_a_password_is_known_by_the_verified_address_alone(deployed: PlatformLogin) -> None:
    answer = forgotten_password("ada")["response"]
    assert answer["userAttributes"]["email_verified"] == "true"
    assert answer["messageAction"] == "SUPPRESS"
    assert answer["finalUserStatus"] is None, "nobody has proved to be anybody yet"
    assert deployed.asked == [("/login", {"reason": "forgotten_password", "username": "ada"})]
    with pytest.raises(LoginRefused):
        forgotten_password("kid")


def test_every_refusal_is_the_same_to_whoever_asks(deployed: PlatformLogin) -> None:
    deployed.logins["ghost"] = (PASSWORD, "an account that no feed has told of")
    deployed.logins["long"] = (PASSWORD, "x" * 2_100)
    reasons = {
        "a wrong password": refused("ada", "wrong"),
        "an unknown name": refused("nobody"),
        "an account of another name": refused("mallory"),
        "an account that is in no feed": refused("ghost"),
        "an id that is none": refused("long"),
    }
    assert set(reasons.values()) == {"login_refused: The username or the password is not right."}


@pytest.mark.parametrize(
    "answer",
    [
        (302, {"Location": "/elsewhere"}, b""),
        (307, {"Location": "/elsewhere"}, b'{"account_id": "ada"}'),
        (200, {}, b"not JSON"),
        (200, {}, b'["ada"]'),
        (200, {}, b'{"account_id": ["ada"]}'),
        (200, {}, b'{"account_id": "ada", "padding": "' + b"x" * 20_000 + b'"}'),
        (204, {}, b""),
        (404, {}, b'{"account_id": "ada"}'),
        (500, {}, b'{"account_id": "ada"}'),
        (200, {"Content-Length": "500"}, b'{"account_id": "a'),
    ],
    ids=str,
)
def test_an_answer_that_is_none_lets_nobody_in(
    deployed: PlatformLogin, answer: tuple[int, dict[str, str], bytes]
) -> None:
    deployed.answers["ada"] = answer
    refused("ada")
    assert [path for path, _ in deployed.asked] == ["/login"], "a redirect is not followed, and nothing is asked twice"


def test_an_absent_platform_refuses_as_a_wrong_password_does_and_is_counted(
    deployed: PlatformLogin, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed.answers["ada"] = (503, {}, b"")
    assert refused("ada") == refused("ada", "wrong")
    assert "PlatformLoginUnreachable" in capsys.readouterr().out


def test_a_platform_is_asked_with_the_secret_or_answers_nobody(deployed: PlatformLogin) -> None:
    deployed.secret = "another one"
    refused("ada")


def test_nothing_that_was_typed_is_logged(
    deployed: PlatformLogin, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    heard = io.StringIO()
    for one in logger.handlers:
        monkeypatch.setattr(one, "stream", heard)
    deployed.logins["canary-name"] = ("canary-password", "ada")
    login("ada")
    for name, password in (
        ("canary-name", "canary-password"),
        ("canary-name", "canary-wrong"),
        ("ada", "canary-wrong"),
    ):
        refused(name, password)
    with pytest.raises(LoginRefused):
        forgotten_password("canary-name")
    logged = heard.getvalue() + "".join(capsys.readouterr())
    assert "account migrated" in logged
    assert "refused" in logged
    assert "canary" not in logged
    assert deployed.secret not in logged


@pytest.mark.parametrize(
    ("url", "is_taken"),
    [
        ("https://login.platform.example/accounts", True),
        ("http://127.0.0.1:8080/", True),
        ("http://localhost/", True),
        ("http://login.platform.example/", False),
        ("http://127.0.0.1.evil.example/", False),
        ("http://127.0.0.1:80@evil.example/", False),
        ("https://user:password@platform.example/", False),
        ("ftp://platform.example/", False),
        ("https://", False),
    ],
)
def test_passwords_travel_encrypted_or_not_at_all(url: str, is_taken: bool) -> None:
    environment = {
        "TABLE_NAME": "t", "GOOGLE_ISSUER": "i", "PLATFORM_LOGIN_SECRET_ARN": "s", "PLATFORM_LOGIN_URL": url,
    }  # fmt: skip
    if is_taken:
        assert UserMigrationSettings.from_environment(environment).platform_login_url == url
    else:
        with pytest.raises(InvalidSettings):
            UserMigrationSettings.from_environment(environment)


def test_a_platform_that_nobody_answers_for_is_unreachable() -> None:
    with PlatformLogin() as gone:
        url = gone.url
    with pytest.raises(LoginRefused) as raised:
        HttpPlatformLogin(url, lambda: "secret").account_of("ada", PASSWORD)
    assert raised.value.code == "platform_unreachable"


class MigratingCognito(MemoryCognito):
    """Asks the trigger about whom it does not know, as Cognito does."""

    def admin_initiate_auth(self, *, AuthParameters: dict[str, str], **more: Any) -> dict[str, Any]:
        name, password = AuthParameters["USERNAME"], AuthParameters["PASSWORD"]
        if name not in self.users:
            try:
                answer = login(name, password)["response"]
            except LoginRefused:
                raise error("UserLambdaValidationException", "AdminInitiateAuth") from None
            self.users[name] = (password, answer["userAttributes"]["custom:account_id"])
        return super().admin_initiate_auth(AuthParameters=AuthParameters, **more)


def test_a_teacher_logs_in_with_the_platforms_password_which_is_asked_once(deployed: PlatformLogin) -> None:
    web = lakeside()
    web.site.services.passwords._cognito = MigratingCognito()
    page = log_in(activated(web).press("Log into my existing account"), password="wrong")
    assert page.status == 401
    log_in(page)
    assert page.path == "/link"
    log_in(page.open("/login"))
    assert [question["password"] for _, question in deployed.asked] == ["wrong", PASSWORD]


@pytest.mark.parametrize("code", ["UnexpectedLambdaException", "InvalidLambdaResponseException"])
def test_a_trigger_that_breaks_is_a_login_that_is_refused(code: str) -> None:
    class Broken(MemoryCognito):
        def admin_initiate_auth(self, **_: Any) -> dict[str, Any]:
            raise error(code, "AdminInitiateAuth")

    web = lakeside()
    web.site.services.passwords._cognito = Broken()
    assert log_in(web.visitor().open("/login")).status == 401
