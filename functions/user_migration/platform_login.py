"""The platform's own login, asked over HTTPS (docs/platform-logins.md has the interface)."""

from __future__ import annotations

import json
from collections.abc import Callable

import requests
from urllib3.exceptions import HTTPError

from shared.domain.errors import LoginRefused
from shared.hubs.connection import connection

_TIMEOUT = (1, 2)
"""Seconds to connect, and between two bytes. Cognito waits for 5 in all, then asks again."""
_LARGEST_RESPONSE = 10_000


class HttpPlatformLogin:
    """One address, asked with a secret that only the platform and this function know."""

    def __init__(self, url: str, secret: Callable[[], str]) -> None:
        self._url = url
        self._secret = secret
        self._http: requests.Session | None = None

    def account_of(self, username: str, password: str) -> str | None:
        return self._ask({"reason": "login", "username": username, "password": password})

    def account_named(self, username: str) -> str | None:
        return self._ask({"reason": "forgotten_password", "username": username})

    def _ask(self, question: dict[str, str]) -> str | None:
        """A response that is none of the platform's (a redirect, another shape, too long) names nobody.

        It is asked once more where a connection that was kept open has ended meanwhile.
        """
        headers = {"Authorization": f"Bearer {self._secret()}", "Accept-Encoding": "identity"}
        try:
            try:
                return self._once(question, headers)
            except requests.Timeout:
                raise _unreachable() from None
            except requests.ConnectionError:
                return self._once(question, headers)
        except (HTTPError, OSError):
            raise _unreachable() from None

    def _once(self, question: dict[str, str], headers: dict[str, str]) -> str | None:
        self._http = self._http or connection()
        with self._http.post(
            self._url, json=question, headers=headers, timeout=_TIMEOUT, allow_redirects=False, stream=True
        ) as response:
            if response.status_code >= 500:
                raise _unreachable()
            body = response.raw.read(
                _LARGEST_RESPONSE + 1
            )  # Whatever the status: a connection that is read out is kept.
            return _account_id(body) if response.status_code == 200 else None


def _account_id(body: bytes) -> str | None:
    try:
        values = json.loads(body) if len(body) <= _LARGEST_RESPONSE else None
    except ValueError:
        return None
    account_id = values.get("account_id") if isinstance(values, dict) else None
    return account_id if isinstance(account_id, str) else None


def _unreachable() -> LoginRefused:
    return LoginRefused("platform_unreachable", "The platform's login did not answer.")
