"""The address in an activation mail, and the page that it leads to (M9). Opening them writes nothing (B6)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from functions.pages import limits
from functions.pages.dependencies import Services
from functions.pages.http import ACTIVATION_COOKIE, Reply, Request, page, see_other
from functions.pages.request_context import RequestContext, RequestContexts, sorry
from shared.domain.clock import to_iso
from shared.domain.email_address import normalise
from shared.domain.errors import RefusedTransition
from shared.domain.roster import RosterUser
from shared.runtime.tokens import activation_id_of

_SHOWN_ON_THE_PAGE = ("replaced", "expired", "suspended")
_ANOTHER_MAIL_HELPS = ("replaced", "expired")
_ASKED = "Asked for at the page of a link that works no more, with the official address"


class ActivationPages:
    """From the token in an address to the page without it."""

    def __init__(self, services: Services, contexts: RequestContexts) -> None:
        self._services = services
        self._contexts = contexts

    def arrive(self, request: Request, token: str) -> Reply:
        """Take the token out of the address before anything else is loaded.

        What proves nothing is counted, for the limit; the true address never is, so that nobody can lock out its owner.
        """
        activation_id = activation_id_of(token)
        user = self._services.request_contexts.user_of(activation_id) if activation_id else None
        context = self._contexts.at_activation(token, user) if user else RequestContext(problem="unknown")
        if context.problem in ("unknown", "replaced"):
            counted = (activation_id if user else None) or request.place
            self._services.rate_limiter.hit(limits.ACTIVATION, counted)
        cookie = context.activation_cookie
        if cookie and context.invitation:
            cookie = self._contexts.with_surroundings(cookie, context.invitation)
        elif cookie is None or context.problem not in _SHOWN_ON_THE_PAGE:
            return _gone(context, "unknown")
        return see_other("/activate", **{ACTIVATION_COOKIE: self._contexts.sealed_activation(cookie)})

    def show(self, request: Request) -> Reply:
        """The page that names person, school and district; without the cookie it says how to go on."""
        context = self._contexts.of(request)
        if context.activation_cookie is None:
            return page("activation/activation_gone", problem="no_cookie")
        if context.invitation is None:
            return _gone(context)
        district, user = context.invitation.district, context.invitation.user
        return page(
            "activation/activation",
            audience=district,
            name=user.display_name,
            district=district.name,
            schools=self._contexts.schools(context, user),
        )

    def existing_account(self, request: Request) -> Reply:
        return self.go_on(request, has_account=True)

    def new_account(self, request: Request) -> Reply:
        return self.go_on(request, has_account=False)

    def go_on(self, request: Request, *, has_account: bool) -> Reply:
        """A button was pressed: remember when, in the cookie alone, and go on to the login."""
        cookie = self._contexts.activation_cookie(request)
        if cookie is None:
            return see_other("/activate")
        pressed = replace(cookie, opened_at=cookie.opened_at or to_iso(self._services.clock()), is_new=not has_account)
        address = "/login" if has_account else f"/sso/{cookie.user.district_id}"
        return see_other(address, **{ACTIVATION_COOKIE: self._contexts.sealed_activation(pressed)})

    def send_again(self, request: Request) -> Reply:
        """Another mail instead of a link that works no more, to the official address and nowhere else.

        Whoever asks types that address: a scanner that presses buttons cannot, and the reply is the same for everybody.
        """
        context = self._contexts.of(request)
        if context.activation_cookie is None or context.invitation is not None:
            return see_other("/activate")
        if context.problem not in _ANOTHER_MAIL_HELPS:
            return _gone(context)
        activation_id = activation_id_of(context.activation_cookie.token) or ""
        self._services.rate_limiter.hit(limits.ANOTHER_MAIL_FROM, f"{activation_id} {request.place}")
        self._services.rate_limiter.hit(limits.ANOTHER_MAIL, activation_id)
        user = self._services.users.get(context.activation_cookie.user)
        typed = normalise(request.form.get("email", ""))
        if user and typed and typed == self._mailed_at(user):
            person = user.key.person_id
            entry = self._services.trail.entry(
                user.district_id, to_iso(self._services.clock()), self._services.new_id(),
                action="mail", by=person, reason=_ASKED, person=person,
            )  # fmt: skip
            with suppress(RefusedTransition):
                self._services.resend_activation.resend(user.key, entry)
        return page("activation/activation_gone", problem="asked")

    def _mailed_at(self, user: RosterUser) -> str | None:
        """The address on the roster, or the one by which the district corrected it."""
        present = self._services.activations.of_user(user.key)
        is_corrected = present is not None and present.is_corrected_for(user.official_email)
        return present.official_email if present and is_corrected else user.official_email


def _gone(context: RequestContext, unknown: str = "replaced") -> Reply:
    """The page for a mail's address that proves nothing; ``unknown`` says what one is that is not known."""
    problem = unknown if context.problem == "unknown" else context.problem
    if problem == "used" and context.link and not context.link.is_linked:
        problem = "undone"
    return sorry(problem, context.district)
