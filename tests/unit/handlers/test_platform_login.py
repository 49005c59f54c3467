"""What the platform's own login says, and what is none of its responses (docs/platform-logins.md)."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
import requests

from functions.user_migration.platform_login import HttpPlatformLogin
from shared.domain.errors import LoginRefused


class Response:
    def __init__(self, body: bytes, status: int = 200) -> None:
        self.status_code = status
        self.raw = io.BytesIO(body)

    def __enter__(self) -> Response:
        return self

    def __exit__(self, *_error: object) -> None:
        self.raw.close()


class Platform:
    """Stands for the platform's server: gives one response, and keeps what it was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[dict[str, Any]] = []
        self.response: Response | None = None
        monkeypatch.setattr(requests.Session, "post", self._post)

    def _post(self, url: str, **asked: Any) -> Response:
        self.asked.append({"url": url, **asked})
        if self.response is None:
            raise requests.ConnectTimeout
        return self.response


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch) -> Platform:
    return Platform(monkeypatch)


LOGIN = HttpPlatformLogin("https://platform.example/login", lambda: "key")


def test_a_known_login_names_its_account_within_the_time_that_cognito_waits(platform: Platform) -> None:
    platform.response = Response(json.dumps({"account_id": "ada"}).encode())
    assert LOGIN.account_of("ada", "correct horse") == "ada"
    (asked,) = platform.asked
    assert asked["json"] == {"reason": "login", "username": "ada", "password": "correct horse"}
    assert asked["headers"]["Authorization"] == "Bearer key"
    assert asked["timeout"] == (1, 2), "Cognito waits for five seconds"
    assert asked["allow_redirects"] is False


@pytest.mark.parametrize("body", [b"[]", b'"ada"', b"{}", b'{"account_id": 7}', b"no json", b" " * 10_001 + b"{}"])
def test_what_is_none_of_its_responses_names_nobody(platform: Platform, body: bytes) -> None:
    platform.response = Response(body)
    assert LOGIN.account_named("ada") is None


def test_a_redirect_names_nobody(platform: Platform) -> None:
    platform.response = Response(b'{"account_id": "ada"}', 302)
    assert LOGIN.account_named("ada") is None


@pytest.mark.parametrize("response", [None, Response(b"", 503)], ids=["no answer", "an error"])
def test_a_platform_that_cannot_be_reached_is_said_to_be(platform: Platform, response: Response | None) -> None:
    platform.response = response
    with pytest.raises(LoginRefused) as refused:
        LOGIN.account_named("ada")
    assert refused.value.code == "platform_unreachable"
