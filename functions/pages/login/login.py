"""Logging in with a password, and the session that every login ends with (M10)."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import timedelta

from functions.pages import limits
from functions.pages.dependencies import Services
from functions.pages.http import LOGIN_COOKIE, SESSION_COOKIE, Reply, Request, page, see_other
from functions.pages.login.known_browser import KnownBrowsers
from functions.pages.request_context import RequestContext, RequestContexts
from shared.domain.clock import to_iso
from shared.domain.email_address import normalise
from shared.domain.errors import LoginRefused
from shared.hubs.cognito import Challenge, refused
from shared.stores.sessions import Session

_WAITS_FOR = timedelta(minutes=10)
"""So long an outside login waits to be confirmed by another one in the same browser."""


class LoginPages:
    """Every login ends with a session under a fresh id; what an earlier one of this browser proved goes along."""

    def __init__(self, services: Services, contexts: RequestContexts) -> None:
        self._services = services
        self._contexts = contexts
        self._link_accounts = services.link_accounts()
        self.known_browsers = KnownBrowsers(services)

    def show(self, request: Request, *, problem: str | None = None, username: str = "", status: int = 200) -> Reply:
        candidates = self._link_accounts.candidates(self._contexts.of(request).proven) if problem else []
        return page(
            "login/login",
            status=status,
            problem=problem,
            username=username,
            candidates=candidates,
            audience=self._contexts.activation_cookie(request),
        )

    def with_password(self, request: Request) -> Reply:
        """The same reply for an unknown name and a wrong password, after the same calls (ASVS 6.3.8)."""
        name, password = request.form.get("username", "").strip(), request.form.get("password", "")
        username = self.username_of(name)
        self.known_browsers.count_try(request, username, limits.LOGIN)
        self._services.rate_limiter.hit(limits.LOGIN_FROM, request.place)
        try:
            if not name or not password:
                raise refused()
            outcome = self._services.passwords.log_in(username, password)
        except LoginRefused as error:
            return self.show(request, problem=error.code, username=name, status=401)
        if isinstance(outcome, Challenge):
            return self.to_challenge(outcome)
        return self.known_browsers.remember(request, self.enter(request, outcome), username)

    def to_challenge(self, challenge: Challenge, *, is_reset: bool = False) -> Reply:
        """On to the page that asks. Cognito's session goes along in the cookie; ``is_reset`` says that a password is new."""
        sealed = self._services.sealed("challenge").seal({"challenge": asdict(challenge), "is_reset": is_reset})
        return see_other("/login/code", **{LOGIN_COOKIE: sealed})

    def username_of(self, name: str) -> str:
        """An address stands for the username of the one account that holds it; a proven claim counts more."""
        address = normalise(name)
        return (self._services.identifiers.username_of_address(address) if address else None) or name

    def enter(self, request: Request, account_id: str, federated_identity: str | None = None) -> Reply:
        """Begin a session of an account. ``federated_identity`` is the outside login that entered it.

        What an earlier login of this browser proved goes along, to be linked with it.
        """
        context = self.context_before(request)
        earlier = context.session or context.unconfirmed
        proved = earlier if earlier and earlier.user and (context.unconfirmed or earlier.account_id is None) else None
        session = replace(proved or Session(), account_id=account_id, federated_identity=federated_identity)
        self.confirm(context, session)
        address = "/link" if proved or self._contexts.activation_cookie(request) else "/home"
        return self._contexts.begin_session(session, address, instead_of=earlier)

    def context_before(self, request: Request) -> RequestContext:
        """Who was here before this login; no read for a browser without a session."""
        return self._contexts.of(request) if self._contexts.session_id(request) else RequestContext()

    def confirm(self, context: RequestContext, session: Session) -> None:
        """An outside login that has to be confirmed is, once this browser gets into the same account without it."""
        unconfirmed = context.unconfirmed
        account_id = session.account_id
        if unconfirmed is None or unconfirmed.federated_identity is None or session.federated_identity is not None:
            return
        # Later it may be one that somebody else left waiting on a shared computer.
        is_fresh = unconfirmed.begun_at >= to_iso(self._services.clock() - _WAITS_FOR)
        if account_id and account_id == unconfirmed.account_id and is_fresh:
            self._services.sessions.trust(account_id, unconfirmed.federated_identity)

    def leave(self, request: Request) -> Reply:
        if session_id := self._contexts.session_id(request):
            self._services.sessions.end(session_id)
        return see_other("/login", **{SESSION_COOKIE: None})
