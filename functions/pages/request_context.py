"""Who is here: what a browser's cookies claim, checked against what stands, in one read."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from functions.pages.dependencies import Services
from functions.pages.http import ACTIVATION_COOKIE, SESSION_COOKIE, Reply, Request, page
from shared.domain.account import Account
from shared.domain.activation import Activation, ActivationState
from shared.domain.clock import to_iso
from shared.domain.district import District
from shared.domain.errors import LoginRefused
from shared.domain.link import Link, Proof
from shared.domain.roster import RosterUser, RosterUserKey
from shared.runtime.tokens import is_activation_token, successor_session_id
from shared.stores.request_context import NearbyNames, Person, StoredContext
from shared.stores.sessions import SESSION_HOURS, Session
from shared.use_cases.link_accounts import Proven

_ACTIVATION_SECONDS = 3600
_FEW = 12
"""So many ids of classes fit into a cookie."""
_DEAD = (ActivationState.EXPIRED, ActivationState.WITHDRAWN)


@dataclass(frozen=True, slots=True)
class Brought:
    """What the cookie of a mail's address says; it proves nothing until it was compared with what stands.

    The schools and classes (if they are few) are those of the person when the address was opened, so that one read finds
    their names, too.
    """

    token: str
    user: RosterUserKey
    opened_at: str | None = None
    school_ids: tuple[str, ...] = ()
    class_ids: tuple[str, ...] = ()
    locale: str | None = None
    support_url: str | None = None


@dataclass(frozen=True, slots=True)
class Invitation:
    """A proof of an official address, brought by this browser: whose it is, and of what district."""

    activation: Activation
    user: RosterUser
    district: District
    opened_at: str | None = None


@dataclass(frozen=True, slots=True)
class RequestContext:
    """Who is here. ``problem`` says why the mail's address proves nothing: ``no_cookie``, ``unknown``, ``used``,
    ``expired``, ``suspended``."""

    session: Session | None = None
    account: Account | None = None
    unconfirmed: Session | None = None
    """A session whose outside login has to be confirmed: it opens nothing, so ``session`` is None then."""
    brought: Brought | None = None
    invitation: Invitation | None = None
    problem: str = "no_cookie"
    proven: Proven | None = None
    link: Link | None = None
    """The link of the roster user whom this browser came for, proved or not."""
    district: District | None = None
    """The district that this browser came for, for its language and its support."""
    seen: StoredContext = field(default_factory=StoredContext)

    @property
    def is_linked(self) -> bool:
        """Whether what this browser came for is linked to the account that is logged in."""
        link, session = self.link, self.session
        return bool(link and session and link.is_linked and link.account_id == session.account_id)

    @property
    def has_something_to_link(self) -> bool:
        """A person who is not linked yet, or only to an account that was made at a district login, while this is another."""
        proven, session = self.proven, self.session
        if proven is None or proven.link is None or not proven.is_linked:
            return proven is not None
        return bool(session and session.account_id and proven.link.may_be_joined_into(session.account_id))

    @property
    def is_in_made_account(self) -> bool:
        """Whether this is the account that was made at this person's district login."""
        proven, session = self.proven, self.session
        return bool(proven and session and session.account_id and proven.made_account_id == session.account_id)


class RequestContexts:
    """Opens and writes the cookies of sessions and of mails' addresses."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def of(self, request: Request) -> RequestContext:
        """One read; none for a browser that brings nothing."""
        told, brought = self._told(request), self.brought(request)
        people = [RosterUserKey(*told["user"])] if told.get("user") else []
        around = None
        if brought:
            people.append(brought.user)
            around = NearbyNames(brought.user.district_id, brought.school_ids, brought.class_ids)
        if not told and not brought:
            return RequestContext()
        return self._visit(
            self._services.request_contexts.read(
                session_id=told.get("id"), account_id=told.get("account"), people=people, around=around
            ),
            brought,
        )

    def invited(self, token: str, user: RosterUserKey) -> RequestContext:
        """Somebody who has just opened the address of a mail."""
        return self._visit(self._services.request_contexts.read(people=[user]), Brought(token, user))

    def brought(self, request: Request) -> Brought | None:
        """What the cookie of a mail's address says, unread and unchecked."""
        said = self._services.sealed("activation").open(request.cookies.get(ACTIVATION_COOKIE), _ACTIVATION_SECONDS)
        if said is None:
            return None
        user = RosterUserKey(*said["user"])
        schools, classes = tuple(said["schools"]), tuple(said["classes"])
        return Brought(said["token"], user, said["opened_at"], schools, classes, said["locale"], said["support_url"])

    def with_surroundings(self, brought: Brought, invitation: Invitation) -> Brought:
        """What was brought, with what the next pages will want to know."""
        user, district = invitation.user, invitation.district
        classes = (*user.teaches, *user.attends)
        return replace(
            brought,
            school_ids=user.school_ids[:_FEW],
            class_ids=classes if len(classes) <= _FEW else (),
            locale=district.locale,
            support_url=district.support_url,
        )

    def activation_cookie(self, brought: Brought) -> str:
        return self._services.sealed("activation").seal(
            {
                "token": brought.token,
                "user": [brought.user.district_id, brought.user.sourced_id],
                "opened_at": brought.opened_at,
                "schools": brought.school_ids,
                "classes": brought.class_ids,
                "locale": brought.locale,
                "support_url": brought.support_url,
            }
        )

    def session_cookie(self, session: Session) -> str:
        """The session's id, and whose it is, so that one read finds all of it."""
        said: dict[str, Any] = {"id": session.session_id, "account": session.account_id}
        if session.user:
            said["user"] = [session.user.district_id, session.user.sourced_id]
        return self._services.sealed("session").seal(said)

    def session_id(self, request: Request) -> str | None:
        """The id of the session that this browser names, whether or not it stands."""
        return self._told(request).get("id")

    def successor_id(self, session_id: str) -> str:
        """The id of the session that takes this one's place at the link."""
        return successor_session_id(session_id, self._services.token_key())

    def successor(self, request: Request) -> Session | None:
        """The session that took the place of the one that this browser still names."""
        told = self._told(request)
        if not told:
            return None
        return self._services.request_contexts.read(
            session_id=self.successor_id(told["id"]), account_id=told["account"]
        ).session

    def schools(self, context: RequestContext, user: RosterUser) -> list[str]:
        """The names of this person's schools; read anew only if they were not the person's when the address was opened."""
        names = context.seen.school_names
        if not names.keys() >= set(user.school_ids):
            names = self._services.districts.school_names(user.district_id, user.school_ids)
        return sorted(names[school] for school in user.school_ids if school in names)

    def district_classes(self, context: RequestContext, user: RosterUser) -> list[str]:
        """The titles of this person's district classes, as ``schools``."""
        wanted = (*user.teaches, *user.attends)
        classes = context.seen.district_classes
        if not classes.keys() >= set(wanted):
            classes = self._services.district_classes.get_many(user.district_id, wanted)
        return sorted(classes[one].title for one in dict.fromkeys(wanted) if one in classes)

    def _told(self, request: Request) -> dict[str, Any]:
        return (
            self._services.sealed("session").open(
                request.cookies.get(SESSION_COOKIE), max_age_seconds=SESSION_HOURS * 3600
            )
            or {}
        )

    def _visit(self, seen: StoredContext, brought: Brought | None) -> RequestContext:
        invitation, problem = self._invitation(seen, brought) if brought else (None, "no_cookie")
        proven = _by_login(seen) or _by_mail(seen, invitation)
        came_for = invitation.district if invitation else None
        if came_for is None and seen.session and seen.session.user:
            came_for = seen.districts.get(seen.session.user.district_id)
        session, account = seen.session, seen.account
        unconfirmed = session if session and not session.is_trusted and self._is_of_somebody(session) else None
        if unconfirmed:
            session = account = None
        link = proven.link if proven else seen.people[brought.user].link if brought else None
        return RequestContext(session, account, unconfirmed, brought, invitation, problem, proven, link, came_for, seen)

    def _is_of_somebody(self, session: Session) -> bool:
        """Whether the account is linked to anybody who is on a roster now; else it is as it was before any link."""
        links = self._services.links.of_account(session.account_id or "")
        return any(user.active for user in self._services.users.get_many(link.user for link in links).values())

    def _invitation(self, seen: StoredContext, brought: Brought) -> tuple[Invitation | None, str]:
        """What the address proves, or why it proves nothing.

        A teacher who is off the roster finds the link working again on return (M8).
        """
        person, district = seen.people.get(brought.user, Person()), seen.districts.get(brought.user.district_id)
        activation, user = person.activation, person.user
        if (
            activation is None
            or district is None
            or not is_activation_token(brought.token, activation, self._services.token_key())
        ):
            return None, "unknown"
        if activation.used_at:
            return None, "used"
        if activation.state in _DEAD or (
            activation.expires_at and activation.expires_at <= to_iso(self._services.clock())
        ):
            return None, "expired"
        if user is None or not user.active:
            return None, "suspended"
        if user.official_email != activation.official_email:
            return None, "expired"
        return Invitation(activation, user, district, brought.opened_at), ""


def _by_login(seen: StoredContext) -> Proven | None:
    """A district login counts before a mail's address, being the stronger proof."""
    session = seen.session
    if session is None or session.user is None or session.proof is None:
        return None
    person, district = seen.people.get(session.user, Person()), seen.districts.get(session.user.district_id)
    if person.user is None or not person.user.active or district is None:
        return None
    return Proven(person.user, district, session.proof, person.link, person.activation, session.proved_at)


def _by_mail(seen: StoredContext, invitation: Invitation | None) -> Proven | None:
    if invitation is None:
        return None
    user, activation = invitation.user, invitation.activation
    activation = replace(activation, opened_at=invitation.opened_at or activation.opened_at)
    return Proven(user, invitation.district, Proof.ACTIVATION, seen.people[user.key].link, activation)


def known(context: RequestContext) -> Account:
    """The account that is logged in. Raises LoginRefused when the platform has not told of it, or not yet."""
    if context.account is None:
        raise LoginRefused(
            "account_not_known", "This account is not known here yet. Try again tomorrow, or ask support."
        )
    return context.account


def sorry(problem: str) -> Reply:
    """The page for a mail's address that proves nothing, by ``RequestContext.problem``: it says how to go on."""
    return page("activation/activation_gone", status=404 if problem == "unknown" else 410, problem=problem)
