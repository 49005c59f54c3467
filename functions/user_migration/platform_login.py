"""The platform's own login, asked over HTTPS (docs/platform-logins.md has the interface)."""

from __future__ import annotations

import json
from collections.abc import Callable

import requests
from urllib3.exceptions import HTTPError

from shared.domain.errors import LoginRefused

_TIMEOUT = (1, 2)
"""Seconds to connect, and between two bytes. Cognito waits for 5 in all, then asks again."""
_LARGEST_RESPONSE = 10_000


class HttpPlatformLogin:
    """One address, asked with a secret that only the platform and this function know."""

    def __init__(self, url: str, secret: Callable[[], str]) -> None:
        self._url = url
        self._secret = secret

    def account_of(self, username: str, password: str) -> str | None:
        return self._ask({"reason": "login", "username": username, "password": password})

    def account_named(self, username: str) -> str | None:
        return self._ask({"reason": "forgotten_password", "username": username})

    def _ask(self, question: dict[str, str]) -> str | None:
        """A response that is none of the platform's (a redirect, another shape, too long) names nobody."""
        headers = {"Authorization": f"Bearer {self._secret()}", "Accept-Encoding": "identity"}
        try:
            with requests.Session() as http:
                http.trust_env = False  # No proxy, and no other credentials than ours.
                with http.post(
                    self._url, json=question, headers=headers, timeout=_TIMEOUT, allow_redirects=False, stream=True
                ) as response:
                    if response.status_code >= 500:
                        raise _unreachable()
                    body = response.raw.read(_LARGEST_RESPONSE + 1) if response.status_code == 200 else b""
        except (HTTPError, OSError):
            raise _unreachable() from None
        return _account_id(body)


def _account_id(body: bytes) -> str | None:
    try:
        values = json.loads(body) if len(body) <= _LARGEST_RESPONSE else None
    except ValueError:
        return None
    account_id = values.get("account_id") if isinstance(values, dict) else None
    return account_id if isinstance(account_id, str) else None


def _unreachable() -> LoginRefused:
    return LoginRefused("platform_unreachable", "The platform's login did not answer.")
