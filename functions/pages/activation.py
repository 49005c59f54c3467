"""The mail's address, and the page that it leads to (M9). Opening them changes nothing, however often (B6)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta

from functions.pages.services import Services
from functions.pages.web import ACTIVATION_COOKIE, Reply, Request, page, see_other
from shared.activation import Activation, ActivationState
from shared.activation_token import activation_id_of, token_is_valid
from shared.clock import to_iso
from shared.district import District
from shared.email_address import normalise
from shared.errors import RefusedTransition
from shared.roster import RosterUser, RosterUserKey

_COOKIE_SECONDS = 3600
_SHOWN_WITHOUT_THE_TOKEN = ("expired", "suspended")
_DEAD = (ActivationState.EXPIRED, ActivationState.WITHDRAWN)


@dataclass(frozen=True, slots=True)
class Invitation:
    """A proof of an official address, brought by this browser: whose it is, and of what district."""

    activation: Activation
    user: RosterUser
    district: District
    token: str
    opened_at: str | None = None


class ActivationPages:
    """From the token in an address to the page without it."""

    def __init__(self, services: Services) -> None:
        self._s = services

    def arrive(self, request: Request, token: str) -> Reply:
        """Take the token out of the address before anything else is loaded. Reads only; counts only for the limit."""
        self._s.limits.hit(
            "activation", activation_id_of(token) or request.source_ip, most=300, within=timedelta(hours=1)
        )
        activation_id = activation_id_of(token)
        user = self._s.invitations.user_of(activation_id) if activation_id else None
        if user is None:
            return self._sorry("unknown")
        cookie = {"token": token, "district_id": user.district_id, "sourced_id": user.sourced_id}
        invitation, problem = self._open(cookie)
        if invitation is None and problem not in _SHOWN_WITHOUT_THE_TOKEN:
            return self._sorry(problem)
        sealed = self._s.sealed("activation").seal(cookie)
        return see_other("/activate", **{ACTIVATION_COOKIE: sealed})

    def show(self, request: Request) -> Reply:
        """The page that names person, school and district; without the cookie it says how to go on."""
        cookie = self._cookie(request)
        if cookie is None:
            return page("activation_gone", problem="no_cookie")
        invitation, problem = self._open(cookie)
        if invitation is None:
            return self._sorry(problem)
        schools = self._s.districts.school_names(invitation.district.district_id, invitation.user.school_ids)
        return page(
            "activation",
            locale=invitation.district.locale,
            name=invitation.user.display_name,
            district=invitation.district.name,
            schools=sorted(schools.values()),
            support_url=invitation.district.support_url,
        )

    def go_on(self, request: Request, *, has_account: bool) -> Reply:
        """A button was pressed: remember when, in the cookie alone, and go on to the login."""
        cookie = self._cookie(request)
        if cookie is None:
            return see_other("/activate")
        invitation, problem = self._open(cookie)
        if invitation is None:
            return self._sorry(problem)
        cookie.setdefault("opened_at", to_iso(self._s.clock()))
        address = "/login" if has_account else f"/sso/{invitation.district.district_id}"
        return see_other(address, **{ACTIVATION_COOKIE: self._s.sealed("activation").seal(cookie)})

    def ask_again(self, request: Request) -> Reply:
        """Another mail instead of a link that has expired, to the official address and nowhere else.

        Whoever asks types that address: a scanner that presses buttons cannot, and the answer is the same for everybody.
        """
        cookie = self._cookie(request)
        if cookie is None:
            return see_other("/activate")
        invitation, problem = self._open(cookie)
        if invitation is not None:
            return see_other("/activate")
        if problem != "expired":
            return self._sorry(problem)
        activation_id = activation_id_of(cookie["token"]) or ""
        self._s.limits.hit("another_mail", activation_id, most=5, within=timedelta(days=1))
        activation = self._s.activations.by_id(activation_id)
        user = self._s.users.get(activation.user) if activation else None
        typed = normalise(request.form.get("email", ""))
        if user and typed and typed == user.official_email:
            with suppress(RefusedTransition):
                self._s.inviting_again.invite(user.key)
        return page("activation_gone", problem="asked")

    def invitation(self, request: Request) -> Invitation | None:
        """The proof that this browser carries, if it still stands."""
        cookie = self._cookie(request)
        if cookie is None:
            return None
        invitation, _ = self._open(cookie)
        return replace(invitation, opened_at=cookie.get("opened_at")) if invitation else None

    def _cookie(self, request: Request) -> dict[str, str] | None:
        cookie = self._s.sealed("activation").open(request.cookies.get(ACTIVATION_COOKIE), _COOKIE_SECONDS)
        return cookie if cookie and "sourced_id" in cookie else None

    def _open(self, cookie: dict[str, str]) -> tuple[Invitation | None, str]:
        """The invitation of a token, or why there is none: ``unknown``, ``used``, ``expired``, ``suspended``.

        The cookie says whose it is, so that one read is enough; the token is compared with what that read finds.

        A teacher who is off the roster finds the link working again on return (M8).
        """
        token, key = cookie["token"], RosterUserKey(cookie["district_id"], cookie["sourced_id"])
        activation, user, district = self._s.invitations.read(key)
        if activation is None or not token_is_valid(token, activation, self._s.token_key()):
            return None, "unknown"
        if activation.used_at:
            return None, "used"
        if activation.state in _DEAD or (activation.expires_at and activation.expires_at <= to_iso(self._s.clock())):
            return None, "expired"
        if user is None or not user.active:
            return None, "suspended"
        if user.official_email != activation.official_email:
            return None, "expired"
        return Invitation(activation, user, district or self._s.districts.get(key.district_id), token), ""

    @staticmethod
    def _sorry(problem: str) -> Reply:
        return page("activation_gone", status=404 if problem == "unknown" else 410, problem=problem)
