"""The key of tokens can be rotated: what is out goes on working, and a mail of a key that is gone offers another one."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import pairwise
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import httpx
import pytest

from shared.domain.errors import InvalidSettings
from shared.runtime.secrets import Secrets
from shared.runtime.tokens import TokenKeys
from tests.harness import OFFICIAL, TOKEN_KEY, text
from tests.pages_harness import Website, activated, lakeside, linked_teacher, log_in, state
from tests.template import RESOURCES

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

NEW, OLD = b"a new key", TOKEN_KEY


@pytest.fixture
def web() -> Website:
    return lakeside()


@pytest.mark.parametrize(
    ("secret", "keys"),
    [
        ("just-a-key", TokenKeys(b"just-a-key")),
        ('"a key in quotes"', TokenKeys(b'"a key in quotes"')),
        ("12345678", TokenKeys(b"12345678")),
        (json.dumps({"current": "a"}), TokenKeys(b"a")),
        (json.dumps({"current": "a", "previous": ""}), TokenKeys(b"a")),
        (json.dumps({"current": "a", "previous": None}), TokenKeys(b"a")),
        (json.dumps({"current": "a", "previous": "b"}), TokenKeys(b"a", (b"b",))),
        (json.dumps({"current": "a", "previous": ["b", "c"]}), TokenKeys(b"a", (b"b", b"c"))),
    ],
)
def test_the_secret_is_a_key_or_the_current_and_the_previous_one(secret: str, keys: TokenKeys) -> None:
    client = SimpleNamespace(get_secret_value=lambda SecretId: {"SecretString": secret})
    secrets = Secrets(cast("SecretsManagerClient", client), lambda: datetime(2026, 9, 1, tzinfo=UTC))
    assert secrets.token_keys("arn") == keys


@pytest.mark.parametrize("secret", ["{}", '{"current": ""}', '{"current": 7}', '{"previous": "b"}'])
def test_a_secret_without_a_key_to_sign_with_signs_nothing(secret: str) -> None:
    with pytest.raises(InvalidSettings):
        TokenKeys.of_secret(secret)


def test_mails_cookies_and_sessions_of_the_previous_key_go_on(web: Website) -> None:
    waiting, logged_in = activated(web), log_in(web.visitor().open("/login"))
    web.token_keys = TokenKeys(NEW, (OLD,))
    assert logged_in.open("/home").path == "/home"
    assert log_in(waiting.press("Log into my existing account")).press("Link my accounts").path == "/home"
    assert activated(web, "t2").status == 200


def test_the_ways_out_of_mails_and_the_notice_of_a_link_go_on(web: Website) -> None:
    linked_teacher(web)
    web.world.notify_of_links()
    mail = next(mail for mail in web.world.ses.sent if mail["To"] == OFFICIAL and "/notice/" in text(mail))
    notice = next(word for word in text(mail).split() if "/notice/" in word)
    web.token_keys = TokenKeys(NEW, (OLD,))
    assert web.visitor().open(notice).status == 200
    web.token_keys = TokenKeys(NEW)
    assert web.visitor().open(notice).status == 410


def test_a_key_that_is_only_previous_signs_nothing(web: Website) -> None:
    web.token_keys = TokenKeys(NEW, (OLD,))
    page = log_in(web.visitor().open("/login"))
    web.token_keys = TokenKeys(OLD)
    assert page.open("/home").path == "/login"


def test_each_step_of_a_rotation_is_understood_one_step_earlier_and_later(web: Website) -> None:
    """The runbook: first every worker takes the new key, then it signs. A worker keeps a secret for five minutes."""
    steps = [TokenKeys(OLD), TokenKeys(OLD, (NEW,)), TokenKeys(NEW, (OLD,))]
    for before, after in pairwise(steps):
        for signs, reads in ((before, after), (after, before)):
            web.token_keys = signs
            page = log_in(web.visitor().open("/login"))
            web.token_keys = reads
            assert page.open("/home").path == "/home"


def test_a_mailed_link_of_an_unknown_key_offers_another_mail(web: Website) -> None:
    address = web.world.address_in_mail_to("t1@lakeside.example")
    web.token_keys = TokenKeys(NEW)
    before, sent = state(web), len(web.world.ses.sent)
    page = web.visitor().open(address)
    assert (page.path, page.status) == ("/activate", 410)
    assert "We sent you a newer email" in page.text
    assert state(web) == before, "opening it changes nothing"
    page.press("Send me a new link", school_email="somebody@else.example")
    assert state(web) == before
    web.visitor().open(address).press("Send me a new link", school_email="t1@lakeside.example")
    web.world.send_mail()
    assert len(web.world.ses.sent) == sent + 1


def test_a_used_link_of_an_unknown_key_brings_nobody_another_mail(web: Website) -> None:
    address = web.world.address_in_mail_to("t1@lakeside.example")
    linked_teacher(web)
    web.token_keys = TokenKeys(NEW)
    sent = len(web.world.ses.sent)
    web.visitor().open(address).press("Send me a new link", school_email="t1@lakeside.example")
    web.world.send_mail()
    assert len(web.world.ses.sent) == sent


def test_a_link_that_names_no_activation_is_still_unknown(web: Website) -> None:
    made_up = f"https://link.example/activate/{'0' * 32}.{'A' * 43}"
    assert web.send(httpx.Request("GET", made_up)).status_code == 404


STATEFUL = ("AWS::SecretsManager::Secret", "AWS::Cognito::UserPool", "AWS::DynamoDB::Table")


@pytest.mark.parametrize("name", [name for name, made in RESOURCES.items() if made["Type"] in STATEFUL])
def test_secrets_accounts_and_the_table_outlive_their_stack(name: str) -> None:
    """``RetainExceptOnCreate``: a first deployment that fails leaves nothing behind that stops the second one."""
    made = RESOURCES[name]
    assert (made["DeletionPolicy"], made["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")


def test_a_deployment_draws_no_new_key() -> None:
    """CloudFormation draws one whenever this property changes, and every mailed link would be dead."""
    made = RESOURCES["TokenSecret"]["Properties"]["GenerateSecretString"]
    assert made == {"PasswordLength": 64, "ExcludePunctuation": True}
