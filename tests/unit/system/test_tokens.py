"""Mails and cookies that are out must go on working: the bytes of a token are a contract.

The texts here were made by an earlier version of this service, with these facts and this key.
"""

from __future__ import annotations

from dataclasses import replace
from unittest import mock

import pytest
from itsdangerous import TimestampSigner

from shared.domain.activation import Activation
from shared.domain.link import Link, LinkState
from shared.domain.link_notice import Notice, Side
from shared.domain.roster import RosterUserKey
from shared.runtime.tokens import (
    Purpose,
    Salt,
    SealedCookie,
    TokenKeys,
    activation_id_of,
    activation_token,
    is_activation_token,
    is_notice_token,
    notice_id_of,
    notice_token,
    stop_token,
    stopped_activation_id,
    successor_session_id,
    unsubscribe_token,
    unsubscribed_account,
)

KEY = b"a key of tests, thirty-two bytes"
KEYS = TokenKeys(KEY)
TEACHER = RosterUserKey("lakeside", "t-Ünø 1")
ADDRESS, OWN_ADDRESS = "ada.lovelace@lakeside.example", "ada@home.example"
ACTIVATION = Activation("9f8e7d6c5b4a39281706f5e4d3c2b1a0", TEACHER, ADDRESS, token_version=3)
LINK = Link(TEACHER, LinkState.LINKED, "account-1", version=2, linked_at="2026-09-01T15:00:00.000Z")
EVENT = "1d2c3b4a596877869504a3b2c1d0e9f8"

ACTIVATION_TOKEN = "9f8e7d6c5b4a39281706f5e4d3c2b1a0.H6rKYs_BMRbuW_lpmA9vuR55691Lb5VNJ8b6LjBAOgQ"
NOTICE_TOKENS = {
    Side.OFFICIAL: (ADDRESS, f"{EVENT}-official.5jMo6_21z-gmrYDD2JNQsGbhKqInD6FJQe9hQ2KBVDI"),
    Side.OWN: (OWN_ADDRESS, f"{EVENT}-own.0mwJ-gwK7fqH200-OdNK42idcIlFbAFL7h8uPzNW8Sg"),
}
UNSUBSCRIBE_TOKEN = "WyJsYWtlc2lkZSIsImFjY291bnQtMSJd.qSYqPJjNn0UrjZrYRH6Wv28ylVTaDiiJqpRtWLDy0LQ"
STOP_TOKEN = "IjlmOGU3ZDZjNWI0YTM5MjgxNzA2ZjVlNGQzYzJiMWEwIg.jm5rv5JwK_CMNgnP9HYQNgoURcWrjjEwJ4gG9Oo_DO4"
COMPRESSED_STOP_TOKEN = ".eJxTMjA0MjYxNTO3sExMSk5JTUPnKwEAkmIJCQ.40f4hBLkF_8puiJLKPWfxIU949GFQpbaoWOwHE17nfU"
SUCCESSOR = "mzliP_yRZCluSUPpD5rZ67JmrMlfz6UnWQKu7bDq7Zc"
SEALED_AT = 1_788_000_000
COOKIE = {"id": "session-1"}
COOKIES = {
    "session": "eyJpZCI6InNlc3Npb24tMSJ9.apK3AA._Bb4QTfYdBRX0BcMIMeqVcljQlaUmhwDantBkj6fTWU",
    "activation": "eyJpZCI6InNlc3Npb24tMSJ9.apK3AA.wa4aQe2ZiYSq6pIUzdNmMztxpFvkUhJoTO1f19p3B5U",
    "notice": "eyJpZCI6InNlc3Npb24tMSJ9.apK3AA.F7Hp102LG1vfcA6XBUgFnZ4jC0RXsOEgrTC-YSOCa7Y",
    "login": "eyJpZCI6InNlc3Npb24tMSJ9.apK3AA.2p7p4I3MJbqP_dKk83YuyBKj5rBbt1h__wm4hkB4s9Q",
    "challenge": "eyJpZCI6InNlc3Npb24tMSJ9.apK3AA.2TTANYp5_h7VerGleM-O8XS0ypViQVsPk6hRZt7RNgU",
    "forgotten": "eyJpZCI6InNlc3Npb24tMSJ9.apK3AA.EfQ5PN3bjuvdgbRTQdWnl9YENN4U7CczUkhR502XL_8",
}


def test_the_token_of_an_activation_mail_stays_as_it_is() -> None:
    assert activation_token(ACTIVATION, KEY) == ACTIVATION_TOKEN
    assert activation_id_of(ACTIVATION_TOKEN) == ACTIVATION.activation_id
    assert is_activation_token(ACTIVATION_TOKEN, ACTIVATION, KEYS)
    assert not is_activation_token(ACTIVATION_TOKEN, replace(ACTIVATION, token_version=4), KEYS)


@pytest.mark.parametrize("side", Side)
def test_the_token_of_a_notice_stays_as_it_is(side: Side) -> None:
    address, token = NOTICE_TOKENS[side]
    notice = Notice(EVENT, side, TEACHER, "account-1")
    assert notice_token(notice, LINK, address, KEY) == token
    assert notice_id_of(token) == (EVENT, side)
    assert is_notice_token(token, notice, LINK, address, KEYS)
    assert not is_notice_token(token, notice, replace(LINK, version=3), address, KEYS)


def test_the_token_that_ends_nudges_stays_as_it_is() -> None:
    assert unsubscribe_token("lakeside", "account-1", KEY) == UNSUBSCRIBE_TOKEN
    assert unsubscribed_account(UNSUBSCRIBE_TOKEN, KEYS) == ("lakeside", "account-1")


def test_the_token_that_ends_reminders_stays_as_it_is() -> None:
    assert stop_token(ACTIVATION.activation_id, KEY) == STOP_TOKEN
    assert stopped_activation_id(STOP_TOKEN, KEYS) == ACTIVATION.activation_id
    assert stopped_activation_id(COMPRESSED_STOP_TOKEN, KEYS) == "0123456789abcdef" * 2


def test_the_session_after_a_link_keeps_its_id() -> None:
    assert successor_session_id("session-1", KEY) == SUCCESSOR


@pytest.mark.parametrize("name", COOKIES)
def test_a_cookie_stays_as_it_is(name: str) -> None:
    cookie = SealedCookie(KEYS, name)
    with mock.patch.object(TimestampSigner, "get_timestamp", return_value=SEALED_AT):
        assert cookie.seal(COOKIE) == COOKIES[name]
    with mock.patch.object(TimestampSigner, "get_timestamp", return_value=SEALED_AT + 600):
        assert cookie.open(COOKIES[name], 600) == COOKIE
        assert cookie.open(COOKIES[name], 599) is None
        assert [other for other in COOKIES if cookie.open(COOKIES[other], 600)] == [name]


def test_a_token_of_one_kind_opens_nothing_of_another() -> None:
    tokens = [
        ACTIVATION_TOKEN,
        UNSUBSCRIBE_TOKEN,
        STOP_TOKEN,
        *COOKIES.values(),
        *(t for _, t in NOTICE_TOKENS.values()),
    ]
    assert [token for token in tokens if unsubscribed_account(token, KEYS)] == [UNSUBSCRIBE_TOKEN]
    assert [token for token in tokens if stopped_activation_id(token, KEYS)] == [STOP_TOKEN]
    assert [token for token in tokens if activation_id_of(token)] == [ACTIVATION_TOKEN]
    assert len({*Purpose, *Salt}) == len(Purpose) + len(Salt)
