"""Logging in with a password, and the session that every login ends with (M10)."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import timedelta

from functions.pages import limits
from functions.pages.class_day import ClassDayNotes
from functions.pages.dependencies import Services
from functions.pages.http import (
    ACTIVATION_COOKIE,
    ANOTHER_COOKIE,
    LOGIN_COOKIE,
    SESSION_COOKIE,
    WANTED_COOKIE,
    Reply,
    Request,
    page,
    see_other,
)
from functions.pages.login.known_browser import KnownBrowsers
from functions.pages.request_context import RequestContext, RequestContexts
from shared.domain.clock import to_iso
from shared.domain.email_address import normalise
from shared.domain.errors import LoginRefused, Throttled
from shared.hubs.cognito import Challenge, Entered, refused
from shared.stores.sessions import Session, WaitingLogin

CONFIRM_ADDRESS = "/login/confirm"
"""The question whether an outside login that waits in this browser may open the account from now on."""
_WAITS_FOR = timedelta(minutes=10)
"""So long an outside login waits to be asked about after another one in the same browser."""


class LoginPages:
    """Every login ends with a session under a fresh id; what an earlier one of this browser proved goes along."""

    def __init__(self, services: Services, contexts: RequestContexts) -> None:
        self._services = services
        self._contexts = contexts
        self._link_accounts = services.link_accounts()
        self.known_browsers = KnownBrowsers(services)
        self._class_day = ClassDayNotes(services)

    def show(self, request: Request, *, problem: str | None = None, username: str = "", status: int = 200) -> Reply:
        context = self._contexts.of(request) if problem else self.context_before(request)
        proven = context.proven
        if problem:
            self._class_day.trouble(proven, problem)
        candidates = self._link_accounts.candidates(proven) if problem else []
        return page(
            "login/login",
            status=status,
            problem=problem,
            username=username,
            candidates=candidates,
            another=problem == "no_account_with_google" or request.query.get("another") == "1",
            came_as=_came_as(context),
            audience=self._contexts.activation_cookie(request),
        )

    def with_password(self, request: Request) -> Reply:
        """The same reply for an unknown name and a wrong password, after the same calls (ASVS 6.3.8)."""
        name, password = request.form.get("username", "").strip(), request.form.get("password", "")
        username = self.username_of(name)
        self._count_try(request, username)
        try:
            if not name or not password:
                raise refused()
            outcome = self._services.passwords.log_in(username, password)
        except LoginRefused as error:
            return self.show(request, problem=error.code, username=name, status=401)
        if isinstance(outcome, Challenge):
            return self.to_challenge(outcome)
        return self.known_browsers.remember(request, self.admit(request, outcome), username)

    def _count_try(self, request: Request, username: str) -> None:
        try:
            self.known_browsers.count_try(request, username, limits.LOGIN)
            self._services.rate_limiter.hit(limits.LOGIN_FROM, request.place)
        except Throttled as error:
            self._class_day.trouble(self.context_before(request).proven, error.code)
            raise

    def to_challenge(self, challenge: Challenge, *, is_reset: bool = False) -> Reply:
        """On to the page that asks. Cognito's session goes along in the cookie; ``is_reset`` says that a password is new."""
        sealed = self._services.sealed("challenge").seal({"challenge": asdict(challenge), "is_reset": is_reset})
        return see_other("/login/code", **{LOGIN_COOKIE: sealed})

    def username_of(self, name: str) -> str:
        """An address stands for the username of the one account that holds it; a proven claim counts more."""
        address = normalise(name)
        return (self._services.identifiers.username_of_address(address) if address else None) or name

    def admit(self, request: Request, entered: Entered) -> Reply:
        """Begin the session of whoever a password let in."""
        if entered.operator:
            return self._admit_operator(request, entered.operator, entered.account_id)
        return self.enter(request, entered.account_id or "")

    def _admit_operator(self, request: Request, operator: str, account_id: str | None) -> Reply:
        """An operator's session enters no account, and what the browser proved before ends with it. An account that an operator
        has on the platform is one that nothing leads to from now on."""
        if account_id:
            self._services.accounts.keep_apart(account_id)
            self._services.sessions.end_all(account_id)
        earlier = self.context_before(request)
        wanted = self._contexts.wanted(request)
        address = wanted if wanted and wanted.startswith("/console") else "/console"
        reply = self._contexts.begin_session(
            Session(operator=operator), address, instead_of=earlier.session or earlier.unconfirmed
        )
        reply.cookies |= {LOGIN_COOKIE: None, ACTIVATION_COOKIE: None, WANTED_COOKIE: None}
        return reply

    def enter(
        self, request: Request, account_id: str, federated_identity: str | None = None, name: str | None = None
    ) -> Reply:
        """Begin a session of an account. ``federated_identity`` is the outside login that entered it, ``name`` its address,
        masked.

        What an earlier login of this browser proved goes along, to be linked with it.
        """
        context = self.context_before(request)
        earlier = context.session or context.unconfirmed
        proved = earlier if earlier and earlier.user and (context.unconfirmed or earlier.account_id is None) else None
        session = replace(
            proved or Session(), account_id=account_id, federated_identity=federated_identity, federated_name=name
        )
        session = replace(session, waiting=self.waiting_for(context, session))
        address = CONFIRM_ADDRESS if session.waiting else self._next_address(request, session)
        self._contexts.note_opened(request)
        reply = self._contexts.begin_session(session, address, instead_of=earlier)
        # A login that was begun at a hub and not ended is not the one to try again.
        reply.cookies[LOGIN_COOKIE] = None
        return reply

    def _next_address(self, request: Request, session: Session) -> str:
        """Where a login leads: to the link where this browser came for one."""
        return "/link" if session.user or self._contexts.activation_cookie(request) else "/home"

    def context_before(self, request: Request) -> RequestContext:
        """Who was here before this login; no read for a browser without a session."""
        return self._contexts.of(request) if self._contexts.session_id(request) else RequestContext()

    def waiting_for(self, context: RequestContext, session: Session) -> WaitingLogin | None:
        """The outside login that waits in this browser for somebody who gets into the same account without it.

        What came through a district is not asked about here: ``/link`` names it, with both sides.
        """
        waits = context.unconfirmed
        if waits is None or waits.user or not (waits.federated_identity and waits.federated_name):
            return None
        is_same_account = session.account_id is not None and session.account_id == waits.account_id
        # Later it may be one that somebody else left on a shared computer.
        is_fresh = waits.begun_at >= to_iso(self._services.clock() - _WAITS_FOR)
        if session.federated_identity or not is_same_account or not is_fresh:
            return None
        return WaitingLogin(waits.federated_identity, waits.federated_name)

    def ask_about_waiting(self, request: Request) -> Reply:
        """The question by name: on a shared computer the login that waits may be a stranger's."""
        session = self._contexts.of(request).session
        if session is None:
            return see_other("/login")
        if session.waiting is None:
            return see_other("/home")
        return page(
            "login/waiting_login", audience=self._contexts.activation_cookie(request), name=session.waiting.name
        )

    def answer_about_waiting(self, request: Request) -> Reply:
        """Yes: the login opens the account from now on. Anything else: it goes on waiting for nobody."""
        session = self._contexts.of(request).session
        if session is None or session.account_id is None:
            return see_other("/login")
        if session.waiting is None:
            return see_other("/home")
        if request.form.get("answer") == "yes":
            self._services.sessions.trust(session.account_id, session.waiting.identity)
        answered = replace(session, waiting=None)
        return self._contexts.begin_session(answered, self._next_address(request, answered), instead_of=session)

    def another(self, request: Request) -> Reply:
        """`Try another account`: the login ends. What a district login proved stays while it is not linked yet."""
        context = self._contexts.of(request)
        session = context.session
        if session and session.user and context.has_something_to_link:
            proof = replace(session, account_id=None, federated_identity=None, federated_name=None, waiting=None)
            return self._contexts.begin_session(proof, "/login?another=1", instead_of=session)
        if session_id := self._contexts.session_id(request):
            self._services.sessions.end(session_id)
        return see_other("/login?another=1", **{SESSION_COOKIE: None})

    def leave(self, request: Request) -> Reply:
        if session_id := self._contexts.session_id(request):
            if self._contexts.is_at_the_question(request):
                self._class_day.gone(self._contexts.of(request).proven)
            self._services.sessions.end(session_id)
        return see_other("/login", **{SESSION_COOKIE: None, WANTED_COOKIE: None, ANOTHER_COOKIE: "1"})


def _came_as(context: RequestContext) -> str:
    """Whom a district login of this browser proved, who has no account yet: the next login is for theirs.

    On a shared device that may be somebody who left.
    """
    session, proven = context.session, context.proven
    if session is None or session.user is None or session.account_id or proven is None:
        return ""
    return proven.user.display_name
