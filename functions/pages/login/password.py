"""Beside the password: a code of the second factor, a new password for one that others chose, or for one that was forgotten."""

from __future__ import annotations

from functions.pages import limits
from functions.pages.dependencies import Services
from functions.pages.http import LOGIN_COOKIE, Reply, Request, page, see_other
from functions.pages.login.login import LoginPages
from functions.pages.request_context import RequestContexts
from shared.domain.errors import LoginRefused
from shared.hubs.cognito import Challenge, Entered

_CHALLENGE_SECONDS = 900
_FORGOTTEN_SECONDS = 3600
_LONGEST_NAME = 254


class PasswordPages:
    """What Cognito asks for beside the password, and a new password for one that was forgotten."""

    def __init__(self, services: Services, contexts: RequestContexts, login: LoginPages) -> None:
        self._services = services
        self._contexts = contexts
        self._login = login

    # What Cognito asks for beside the password

    def show_challenge(self, request: Request) -> Reply:
        asked = self._challenge(request)
        return self._ask(request, asked[0]) if asked else see_other("/login")

    def answer_challenge(self, request: Request) -> Reply:
        asked = self._challenge(request)
        if asked is None:
            return see_other("/login")
        challenge, is_reset = asked
        self._login.known_browsers.count_try(request, challenge.username, limits.LOGIN_CODE)
        try:
            outcome = self._services.passwords.answer_challenge(challenge, request.form.get("answer", "").strip())
        except LoginRefused:
            return self._ask(request, challenge, status=401)
        return self._enter(request, outcome, challenge.username, is_reset=is_reset)

    def _challenge(self, request: Request) -> tuple[Challenge, bool] | None:
        sealed = self._services.sealed("challenge").open(request.cookies.get(LOGIN_COOKIE), _CHALLENGE_SECONDS)
        return (Challenge(**sealed["challenge"]), sealed["is_reset"]) if sealed else None

    def _ask(self, request: Request, challenge: Challenge, *, status: int = 200) -> Reply:
        return self._page(request, "login/login_code", status, wants_a_new_password=challenge.wants_a_new_password)

    def _enter(self, request: Request, outcome: Entered | Challenge, username: str, *, is_reset: bool) -> Reply:
        """Who set a new password ends every earlier session: it may be another's (ASVS 7.4.3)."""
        if isinstance(outcome, Challenge):
            return self._login.to_challenge(outcome, is_reset=is_reset)
        if is_reset and outcome.account_id:
            self._services.sessions.end_all(outcome.account_id)
        reply = self._login.known_browsers.remember(request, self._login.admit(request, outcome), username)
        reply.cookies[LOGIN_COOKIE] = None
        return reply

    # A forgotten password

    def show_forgotten(self, request: Request) -> Reply:
        if self._services.password_help_url:
            return see_other(self._services.password_help_url)
        return self._page(request, "login/forgotten_password")

    def send_code(self, request: Request) -> Reply:
        """The same reply for an unknown name (ASVS 6.3.8): what was typed goes along, not whom it stands for."""
        if self._services.password_help_url:
            return see_other(self._services.password_help_url)
        name = request.form.get("username", "").strip()[:_LONGEST_NAME]
        username = self._login.username_of(name)
        self._login.known_browsers.count_try(request, username, limits.FORGOTTEN)
        self._services.rate_limiter.hit(limits.FORGOTTEN_FROM, request.place)
        self._services.passwords.send_code(username)
        return see_other("/login/reset", **{LOGIN_COOKIE: self._services.sealed("forgotten").seal({"name": name})})

    def show_reset(self, request: Request) -> Reply:
        return self._page(request, "login/new_password") if self._forgotten(request) else see_other("/login/forgot")

    def reset(self, request: Request) -> Reply:
        name = self._forgotten(request)
        if name is None:
            return see_other("/login/forgot")
        username, password = self._login.username_of(name), request.form.get("new_password", "")
        self._login.known_browsers.count_try(request, username, limits.NEW_PASSWORD)
        try:
            self._services.passwords.set_password(username, request.form.get("code", "").strip(), password)
            outcome = self._services.passwords.log_in(username, password)
        except LoginRefused:
            return self._page(request, "login/new_password", 401)
        return self._enter(request, outcome, username, is_reset=True)

    def _forgotten(self, request: Request) -> str | None:
        sealed = self._services.sealed("forgotten").open(request.cookies.get(LOGIN_COOKIE), _FORGOTTEN_SECONDS)
        return sealed["name"] if sealed else None

    def _page(self, request: Request, template: str, status: int = 200, **values: bool) -> Reply:
        """In the language, and with the support, of the district whose mail led this browser here."""
        audience = self._contexts.activation_cookie(request)
        return page(template, status=status, audience=audience, problem=status == 401, **values)
