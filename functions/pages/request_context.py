"""Who is here: a browser's cookies, checked against what is stored, in one read."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NotRequired, TypedDict, cast
from urllib.parse import quote, urlencode

from functions.pages.dependencies import Services
from functions.pages.http import ACTIVATION_COOKIE, SESSION_COOKIE, WANTED_COOKIE, Reply, Request, page, see_other
from shared.domain.account import Account
from shared.domain.activation import Activation, ActivationState
from shared.domain.clock import to_iso
from shared.domain.district import District
from shared.domain.errors import LoginRefused
from shared.domain.federated_identity import identity_hash, row_hash
from shared.domain.link import FoundBy, Link, Proof
from shared.domain.roster import RosterUser, RosterUserKey
from shared.runtime.observability import also_about
from shared.runtime.tokens import activation_id_of, is_activation_token, successor_session_id
from shared.stores.request_context import NearbyNames, Person, StoredContext
from shared.stores.sessions import SESSION_HOURS, Session
from shared.use_cases.link_accounts import Proven

_ACTIVATION_SECONDS = 3600
_WANTED_SECONDS = 1800
_LONGEST_WANTED = 1000
_MOST_IDS = 12
"""So many ids of schools, or of classes, fit into a cookie."""
_DEAD = (ActivationState.EXPIRED, ActivationState.WITHDRAWN)


class _SessionValues(TypedDict):
    """What the cookie of a session holds: its id and whose it is, so that one read finds all of it."""

    id: str
    account: str | None
    user: NotRequired[list[str]]


class _ActivationValues(TypedDict):
    """What the cookie of a mail's address holds."""

    token: str
    user: list[str]
    opened_at: str | None
    schools: list[str]
    classes: list[str]
    locale: str | None
    support_url: str | None
    is_new: NotRequired[bool]


@dataclass(frozen=True, slots=True)
class ActivationCookie:
    """The address of a mail that this browser opened. It proves nothing until it was compared with what is stored.

    The ids of schools and classes (if there are few) are those of the person when the address was opened, so that one
    read finds their names, too.
    """

    token: str
    user: RosterUserKey
    opened_at: str | None = None
    school_ids: tuple[str, ...] = ()
    class_ids: tuple[str, ...] = ()
    locale: str | None = None
    support_url: str | None = None
    is_new: bool = False
    """Whether the person said that they have no account yet: they are not asked again."""

    @property
    def district_id(self) -> str:
        return self.user.district_id


@dataclass(frozen=True, slots=True)
class Invitation:
    """An address of a mail that proves the official address: whose it is, and of which district."""

    activation: Activation
    user: RosterUser
    district: District
    opened_at: str | None = None


@dataclass(frozen=True, slots=True)
class RequestContext:
    """Who is here. ``problem`` says why the mail's address proves nothing: ``no_cookie``, ``unknown``, ``replaced``
    (by a newer mail, or made with a key that is not known any more), ``used``, ``expired``, ``suspended``."""

    session: Session | None = None
    account: Account | None = None
    unconfirmed: Session | None = None
    """A session whose outside login has to be confirmed: it opens nothing, so ``session`` is None then."""
    activation_cookie: ActivationCookie | None = None
    invitation: Invitation | None = None
    problem: str = "no_cookie"
    proven: Proven | None = None
    link: Link | None = None
    """The link of the roster user whom this browser came for, proved or not."""
    district: District | None = None
    """The district that this browser came for, for its language and its support."""
    stored: StoredContext = field(default_factory=StoredContext)

    @property
    def is_linked(self) -> bool:
        """Whether what this browser came for is linked to the account that is logged in."""
        link, session = self.link, self.session
        return bool(link and session and link.is_linked and link.account_id == session.account_id)

    @property
    def has_something_to_link(self) -> bool:
        """A person who is not linked yet, or whose link does not know this login yet, or who is linked only to an account
        that was made at a district login, while this is another."""
        proven, session = self.proven, self.session
        if proven is None or proven.link is None or not proven.is_linked:
            return proven is not None
        if proven.has_to_confirm and session and session.account_id == proven.link.account_id:
            return True
        return bool(session and session.account_id and proven.joins(session.account_id))

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
        """One read; none for a browser without a cookie of ours."""
        session, activation = self._session_values(request), self.activation_cookie(request)
        if session is None and activation is None:
            return RequestContext()
        people = [RosterUserKey(*session["user"])] if session and session.get("user") else []
        around = None
        if activation:
            around = NearbyNames(activation.user.district_id, activation.school_ids, activation.class_ids)

        def read(activation: ActivationCookie | None) -> StoredContext:
            return self._services.request_contexts.read(
                session_id=session["id"] if session else None,
                account_id=session["account"] if session else None,
                people=[*people, *([activation.user] if activation else [])],
                around=around,
            )

        stored = read(activation)
        if activation and (moved := self._moved(activation, stored)):
            activation = replace(activation, user=moved)
            stored = read(activation)
        context = self._context(stored, activation)
        request.here.update(_who_is_here(context))
        return context

    def _moved(self, cookie: ActivationCookie, stored: StoredContext) -> RosterUserKey | None:
        """Whose mail a browser has open, where that person changed places with another one since (B11): a read more."""
        activation = stored.people.get(cookie.user, Person()).activation
        activation_id = activation_id_of(cookie.token)
        if activation_id is None or (activation and activation.activation_id == activation_id):
            return None
        user = self._services.request_contexts.user_of(activation_id)
        return user if user and user != cookie.user and user.district_id == cookie.user.district_id else None

    def at_activation(self, token: str, user: RosterUserKey) -> RequestContext:
        """Somebody who has just opened the address of a mail."""
        return self._context(self._services.request_contexts.read(people=[user]), ActivationCookie(token, user))

    # Cookies

    def activation_cookie(self, request: Request) -> ActivationCookie | None:
        """The cookie of a mail's address, not compared with anything."""
        sealed = request.cookies.get(ACTIVATION_COOKIE)
        opened = self._services.sealed("activation").open(sealed, _ACTIVATION_SECONDS)
        if opened is None:
            return None
        values = cast(_ActivationValues, opened)
        return ActivationCookie(
            values["token"],
            RosterUserKey(*values["user"]),
            values["opened_at"],
            tuple(values["schools"]),
            tuple(values["classes"]),
            values["locale"],
            values["support_url"],
            values.get("is_new", False),
        )

    def sealed_activation(self, cookie: ActivationCookie) -> str:
        """The value of ``ACTIVATION_COOKIE``."""
        values = _ActivationValues(
            token=cookie.token,
            user=_values_of(cookie.user),
            opened_at=cookie.opened_at,
            schools=list(cookie.school_ids),
            classes=list(cookie.class_ids),
            locale=cookie.locale,
            support_url=cookie.support_url,
            is_new=cookie.is_new,
        )
        return self._services.sealed("activation").seal(values)

    def sealed_session(self, session: Session) -> str:
        """The value of ``SESSION_COOKIE``."""
        values = _SessionValues(id=session.session_id, account=session.account_id)
        if session.user:
            values["user"] = _values_of(session.user)
        return self._services.sealed("session").seal(values)

    def session_id(self, request: Request) -> str | None:
        """The id of the session that this browser names, whether or not it stands."""
        session = self._session_values(request)
        return session["id"] if session else None

    def is_at_the_question(self, request: Request) -> bool:
        """Whether this browser's session, if it stands, is of a district login that has no account yet; nothing is read."""
        session = self._session_values(request)
        return session is not None and session["account"] is None and "user" in session

    def _session_values(self, request: Request) -> _SessionValues | None:
        sealed = request.cookies.get(SESSION_COOKIE)
        opened = self._services.sealed("session").open(sealed, max_age_seconds=SESSION_HOURS * 3600)
        return cast(_SessionValues, opened) if opened else None

    def said_new(self, request: Request, user: RosterUserKey | None) -> bool:
        """Whether this very person said behind the mail's button that they have no account yet."""
        cookie = self.activation_cookie(request)
        return cookie is not None and cookie.is_new and cookie.user == user

    # The page that was asked for before the login

    def to_login(self, request: Request) -> Reply:
        """To the login; home leads on to the page that was asked for."""
        if request.method != "GET":
            return see_other("/login")
        asked = f"{quote(request.path)}?{urlencode(request.query)}".removesuffix("?")
        if len(asked) > _LONGEST_WANTED:
            return see_other("/login")
        return see_other("/login", **{WANTED_COOKIE: self._services.sealed("wanted").seal({"address": asked})})

    def wanted(self, request: Request) -> str | None:
        """The page of ours that was asked for before the login; not for long: the browser may be another person's by then."""
        opened = self._services.sealed("wanted").open(request.cookies.get(WANTED_COOKIE), _WANTED_SECONDS)
        return str(opened["address"]) if opened else None

    # Sessions

    def begin_session(self, session: Session, address: str, *, instead_of: Session | None) -> Reply:
        """Begin a session under a fresh id, end the one that it replaces, and go on at an address."""
        begun = self._services.sessions.start(session, self._services.new_secret(), instead_of=instead_of)
        return see_other(address, **{SESSION_COOKIE: self.sealed_session(begun)})

    def successor_id(self, session_id: str) -> str:
        """The id of the session that takes this one's place at the link."""
        return successor_session_id(session_id, self._services.token_keys().current)

    def successor(self, request: Request) -> Session | None:
        """The session that took the place of the one that this browser still names."""
        named = self._session_values(request)
        if named is None:
            return None
        return self._services.request_contexts.read(
            session_id=self.successor_id(named["id"]), account_id=named["account"]
        ).session

    # Names

    def with_surroundings(self, cookie: ActivationCookie, invitation: Invitation) -> ActivationCookie:
        """The cookie with what the next pages want to know of the person."""
        user, district = invitation.user, invitation.district
        classes = (*user.teaches, *user.attends)
        return replace(
            cookie,
            school_ids=user.school_ids[:_MOST_IDS],
            class_ids=classes if len(classes) <= _MOST_IDS else (),
            locale=district.locale,
            support_url=district.support_url,
        )

    def schools(self, context: RequestContext, user: RosterUser) -> list[str]:
        """The names of this person's schools; read anew only if they were not the person's when the address was opened."""
        names = context.stored.school_names
        if not names.keys() >= set(user.school_ids):
            names = self._services.districts.school_names(user.district_id, user.school_ids)
        return sorted(names[school] for school in user.school_ids if school in names)

    def district_classes(self, context: RequestContext, user: RosterUser) -> list[str]:
        """The titles of this person's district classes, as ``schools``."""
        wanted = (*user.teaches, *user.attends)
        classes = context.stored.district_classes
        if not classes.keys() >= set(wanted):
            classes = self._services.district_classes.get_many(user.district_id, wanted)
        return sorted(classes[class_id].title for class_id in dict.fromkeys(wanted) if class_id in classes)

    # What is stored

    def _context(self, stored: StoredContext, activation: ActivationCookie | None) -> RequestContext:
        invitation, problem = self._invitation(stored, activation) if activation else (None, "no_cookie")
        proven = by_login(stored) or _by_mail(stored, invitation)
        session, account, unconfirmed = stored.session, stored.account, None
        if session and not session.is_trusted and self._is_linked_now(session):
            session, account, unconfirmed = None, None, session
        link = proven.link if proven else stored.people[activation.user].link if activation else None
        return RequestContext(
            session,
            account,
            unconfirmed,
            activation,
            invitation,
            problem,
            proven,
            link,
            _district(stored, activation),
            stored,
        )

    def note_opened(self, request: Request, user: RosterUserKey | None = None) -> None:
        """A login followed where the first button of a mail was pressed in this browser: from now on the mail counts as opened.

        ``user`` is whom a district login proved; somebody else's mail is not opened by it.
        """
        cookie = self.activation_cookie(request)
        if cookie and cookie.opened_at and user in (None, cookie.user):
            self._services.activations.mark_opened(cookie.user, activation_id_of(cookie.token) or "", cookie.opened_at)

    def _is_linked_now(self, session: Session) -> bool:
        """Whether the account is linked to anybody who is on a roster now; else it is as it was before any link."""
        links = self._services.links.of_account(session.account_id or "")
        return any(user.active for user in self._services.users.get_many(link.user for link in links).values())

    def _invitation(self, stored: StoredContext, cookie: ActivationCookie) -> tuple[Invitation | None, str]:
        """What the address proves, or why it proves nothing.

        A teacher who is off the roster finds the link working again on return (M8).
        """
        person, district = stored.people.get(cookie.user, Person()), stored.districts.get(cookie.user.district_id)
        activation, user = person.activation, person.user
        if activation is None or district is None:
            return None, "unknown"
        if not is_activation_token(cookie.token, activation, self._services.token_keys()):
            return None, "replaced"
        also_about(activation_id=activation.activation_id, import_id=activation.import_id)
        if activation.used_at:
            return None, "used"
        if activation.state in _DEAD or (
            activation.expires_at and activation.expires_at <= to_iso(self._services.clock())
        ):
            return None, "expired"
        if user is None or not user.active:
            return None, "suspended"
        if not activation.is_made_for(user.official_email):
            return None, "expired"
        return Invitation(activation, user, district, cookie.opened_at), ""


def known(context: RequestContext) -> Account:
    """The account that is logged in. Raises LoginRefused when the accounts feed does not have it, or not yet."""
    if context.account is None:
        raise LoginRefused(
            "account_not_known", "This account is not known here yet. Try again tomorrow, or ask support."
        )
    return context.account


def _values_of(user: RosterUserKey) -> list[str]:
    """A roster user in a cookie, whose bytes are as ever where there is no kind."""
    return [user.district_id, user.sourced_id, *([user.kind] if user.kind else [])]


def not_on_roster() -> LoginRefused:
    return LoginRefused("not_on_roster", "You are not on this district's roster. Ask your school to add you.")


def sorry(problem: str, district: District | None = None) -> Reply:
    """The page for a mail's address that proves nothing, by ``RequestContext.problem``: it says how to go on."""
    status = 404 if problem == "unknown" else 410
    return page("activation/activation_gone", status=status, audience=district, problem=problem)


def _who_is_here(context: RequestContext) -> set[str]:
    """The name of who is logged in: as the roster has it for a district login, else as the account has it."""
    session, account = context.session, context.account
    if session is None:
        return set()
    person = context.stored.people.get(session.user, Person()).user if session.user else None
    names = (person and person.display_name, session.operator, account and account.display_name)
    return {next((name for name in names if name), "")}


def by_login(stored: StoredContext) -> Proven | None:
    """A district login counts before a mail's address, being the stronger proof."""
    session = stored.session
    if session is None or session.user is None or session.proof is None:
        return None
    person, district = stored.people.get(session.user, Person()), stored.districts.get(session.user.district_id)
    if person.user is None or not person.user.active or district is None or not _is_still_of(session, person):
        return None
    return Proven(
        person.user,
        district,
        session.proof,
        person.link,
        person.activation,
        session.proved_at,
        session.subject,
        session.verified_email,
        session.aliases,
        session.found_by,
    )


def _is_still_of(session: Session, person: Person) -> bool:
    """Whether the roster still says that this login is this person's. A number may be somebody else's since (M19)."""
    if session.subject is None or person.user is None:
        return True
    issuer, subject = session.subject
    proofs = person.link.proofs if person.link else None
    if proofs and (issuer, identity_hash(issuer, subject)) in proofs.identities:
        return True
    if session.row is not None and session.found_by is not FoundBy.ROSTER_ID:
        return session.row == row_of(person.user)
    if session.proof is Proof.DISTRICT_LOGIN_CLEVER:
        return not {subject, *session.aliases}.isdisjoint(person.user.clever_ids)
    # Sessions of the version before did not keep the address.
    return session.verified_email in (None, person.user.official_email)


def row_of(user: RosterUser) -> str:
    """The hash by which a session knows this row again."""
    return row_hash(user.given_name, user.family_name, user.official_email)


def _by_mail(stored: StoredContext, invitation: Invitation | None) -> Proven | None:
    if invitation is None:
        return None
    user, activation = invitation.user, invitation.activation
    activation = replace(activation, opened_at=invitation.opened_at or activation.opened_at)
    return Proven(user, invitation.district, Proof.ACTIVATION, stored.people[user.key].link, activation)


def _district(stored: StoredContext, activation: ActivationCookie | None) -> District | None:
    if activation and (district := stored.districts.get(activation.user.district_id)):
        return district
    session = stored.session
    return stored.districts.get(session.user.district_id) if session and session.user else None
