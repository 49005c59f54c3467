"""Browsers in which somebody has logged in to an account before: strangers cannot use up their tries.

See docs/decisions/0027-strangers-lock-nobody-out.md.
"""

from __future__ import annotations

from functions.pages.dependencies import Services
from functions.pages.http import KNOWN_COOKIE, Reply, Request
from functions.pages.limits import AccountLimit
from shared.domain.errors import Throttled
from shared.stores.rate_limits import account_name

_KNOWN_DAYS = 180
_MOST = 20
"""Accounts that one browser remembers: a computer of a classroom has many."""
_BETWEEN = "~"


class KnownBrowsers:
    """A cookie of marks, each for one account. A mark names nobody: who reads it has to know the username to try it."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def count_try(self, request: Request, username: str, limit: AccountLimit) -> None:
        """Count a try at an account. A browser that it knows has tries of its own once the others are used up.

        Raises Throttled.
        """
        try:
            self._services.rate_limiter.hit_account(limit.at_place, limit.anywhere, username, request.place)
        except Throttled:
            mark = self._mark(request, username)
            if mark is None:
                raise
            self._services.rate_limiter.hit(limit.known_browser, f"{account_name(username)} {mark}")

    def remember(self, request: Request, reply: Reply, username: str) -> Reply:
        """The reply to somebody who got in, by whose cookie this browser is known from now on."""
        others = [mark for mark in self._marks(request) if not self._is_of(mark, username)]
        fresh = self._services.sealed(_purpose(username)).seal({})
        reply.cookies[KNOWN_COOKIE] = _BETWEEN.join([fresh, *others][:_MOST])
        return reply

    def _mark(self, request: Request, username: str) -> str | None:
        return next((mark for mark in self._marks(request) if self._is_of(mark, username)), None)

    def _is_of(self, mark: str, username: str) -> bool:
        return self._services.sealed(_purpose(username)).open(mark, _KNOWN_DAYS * 86_400) is not None

    @staticmethod
    def _marks(request: Request) -> list[str]:
        return [mark for mark in request.cookies.get(KNOWN_COOKIE, "").split(_BETWEEN) if mark][:_MOST]


def _purpose(username: str) -> str:
    return f"known {account_name(username)}"
