"""Linking: both sides are shown before anything is joined; the proof, the login and the person decide (M6, M7, M11, M12)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from functions.pages.activation import ActivationPages, Invitation
from functions.pages.identity import Identity
from functions.pages.services import Services
from functions.pages.web import ACTIVATION_COOKIE, SESSION_COOKIE, Reply, Request, page, see_other
from shared import link as link_rules
from shared.account import Account
from shared.clock import to_iso
from shared.district import District
from shared.errors import LoginRefused, RefusedTransition
from shared.link import Link, LinkState, Proof
from shared.matching import Outcome
from shared.nudge import first_nudge_at
from shared.roster import Role, RosterUser
from shared.stores.links import Consent
from shared.stores.outbox import event_item
from shared.stores.sessions import Session


@dataclass(frozen=True, slots=True)
class Proven:
    """The roster user whom this browser has proved to be, and how."""

    user: RosterUser
    district: District
    by: Proof
    invitation: Invitation | None = None
    proved_at: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What a district login leads to: an account, if one is known by now, and the next page."""

    address: str
    account_id: str | None = None


class Linking:
    """Makes and undoes links."""

    def __init__(self, services: Services, activation: ActivationPages) -> None:
        self._s = services
        self._activation = activation

    def session(self, request: Request) -> Session | None:
        return self._s.sessions.get(request.cookies.get(SESSION_COOKIE))

    def district_of(self, request: Request) -> District | None:
        """The district that this browser came for, for its language and its support."""
        invitation = self._activation.invitation(request)
        if invitation:
            return invitation.district
        session = self.session(request)
        return self._s.districts.find(session.user.district_id) if session and session.user else None

    def proven(self, request: Request, session: Session) -> Proven | None:
        """A district login counts before a mail's link, being the stronger proof."""
        if session.user and session.proof:
            user = self._s.users.get(session.user)
            if user and user.active:
                return Proven(user, self._s.districts.get(user.district_id), session.proof, None, session.proved_at)
        invitation = self._activation.invitation(request)
        return Proven(invitation.user, invitation.district, Proof.ACTIVATION, invitation) if invitation else None

    def has_something_to_link(self, request: Request, session: Session) -> bool:
        proven = self.proven(request, session)
        if proven is None:
            return False
        link = self._s.links.of_user(proven.user.key)
        return link is None or link.state is not LinkState.LINKED

    # The page with both sides.

    def show(self, request: Request) -> Reply:
        session = self.session(request)
        if session is None or session.account_id is None:
            return see_other("/login")
        proven = self.proven(request, session)
        account = self._s.accounts.get(session.account_id)
        if proven is None or account is None:
            return see_other("/home")
        link = self._s.links.of_user(proven.user.key)
        if link and link.state is LinkState.LINKED:
            if link.account_id == account.account_id:
                return see_other("/home")
            return self.sorry("already_linked", proven.district)
        district_classes = self._s.district_classes.get_many(
            proven.user.district_id, (*proven.user.teaches, *proven.user.attends)
        )
        own = [c for c in self._s.accounts.owned_classes(account.account_id) if c.deleted_at is None]
        own += self._s.accounts.member_classes(account.account_id)
        schools = self._s.districts.school_names(proven.district.district_id, proven.user.school_ids)
        return page(
            "link",
            locale=proven.district.locale,
            support_url=proven.district.support_url,
            official={
                "name": proven.user.display_name,
                "email": _masked(proven.user.official_email),
                "district": proven.district.name,
                "schools": sorted(schools.values()),
                "classes": sorted(c.title for c in district_classes.values()),
            },
            existing={
                "name": account.display_name,
                "username": account.username,
                "email": _masked(account.email),
                "classes": [c.name for c in own],
            },
            is_teacher=proven.user.role is Role.TEACHER,
            account_id=account.account_id,
            sourced_id=proven.user.sourced_id,
        )

    def decide(self, request: Request) -> Reply:
        """`Link my accounts` was pressed by somebody who is logged in; what was shown must be what is joined."""
        session = self.session(request)
        if session is None or session.account_id is None:
            return see_other("/login")
        proven = self.proven(request, session)
        if proven is None:
            return see_other("/home")
        shown = (request.form.get("account_id"), request.form.get("sourced_id"))
        if shown != (session.account_id, proven.user.sourced_id):
            return see_other("/link")
        try:
            self._make(proven, session.account_id, by_rule=False)
        except RefusedTransition as error:
            return self.sorry(error.code, proven.district)
        begun = self._s.sessions.start(
            Session(account_id=session.account_id), self._s.new_secret(), instead_of=session.session_id
        )
        return see_other("/home?linked=1", **{SESSION_COOKIE: begun.session_id, ACTIVATION_COOKIE: None})

    def not_me(self, request: Request) -> Reply:
        """`This isn't me`: nothing is joined; the login ends and the proof stays for whom it is meant."""
        if session_id := request.cookies.get(SESSION_COOKIE):
            self._s.sessions.end(session_id)
        district = self.district_of(request)
        reply = page(
            "not_me",
            locale=district.locale if district else None,
            support_url=district.support_url if district else None,
        )
        reply.cookies[SESSION_COOKIE] = None
        return reply

    def sorry(self, code: str, district: District) -> Reply:
        return page("link_refused", status=409, code=code, locale=district.locale, support_url=district.support_url)

    # At a district login.

    def at_district_login(self, user: RosterUser, proof: Proof, district: District, identity: Identity) -> Found:
        """Linked already → home; matched → linked without a question (M6); else the choice (M12)."""
        link = self._s.links.of_user(user.key)
        if link and link.state is LinkState.LINKED:
            return Found("/home", link.account_id)
        clever_ids = (identity.subject,) if proof is Proof.DISTRICT_LOGIN_CLEVER else ()
        match = self._s.claims.find_match(user, proven_clever_ids=clever_ids)
        if match.outcome is Outcome.MATCHED and match.account_id and not _was_undone(link):
            try:
                self._make(Proven(user, district, proof), match.account_id, by_rule=True)
            except RefusedTransition:
                return Found("/welcome")
            return Found("/home?linked=1", match.account_id)
        known = self._s.claims.account_by_subject(identity.issuer, identity.subject)
        if known and self._s.accounts.get(known):
            return Found("/link", known)
        return Found("/welcome")

    def welcome(self, request: Request) -> Reply:
        """The choice at a first district login."""
        session = self.session(request)
        if session is None or session.user is None:
            return see_other("/login")
        proven = self.proven(request, session)
        if proven is None:
            raise LoginRefused("not_on_roster", "You are not on this district's roster. Ask your school to add you.")
        if session.account_id and not self.has_something_to_link(request, session):
            return see_other("/home")
        schools = self._s.districts.school_names(proven.district.district_id, proven.user.school_ids)
        return page(
            "welcome",
            locale=proven.district.locale,
            name=proven.user.display_name,
            district=proven.district.name,
            schools=sorted(schools.values()),
            support_url=proven.district.support_url,
        )

    def new_account(self, request: Request) -> Reply:
        """`I don't have an account yet`, after a district login: the account is made and linked in one step."""
        session = self.session(request)
        proven = self.proven(request, session) if session else None
        if session is None or proven is None or proven.by is Proof.ACTIVATION:
            return see_other("/login")
        if not self.has_something_to_link(request, session):
            return see_other("/home")
        account = self._account_for(proven, session)
        consent = self._consent(proven, account.account_id, by_rule=False)
        present = self._s.links.of_user(proven.user.key)
        now = self._s.clock()
        wanted = link_rules.make(
            present,
            proven.user.key,
            account.account_id,
            by=proven.by,
            by_rule=False,
            now=to_iso(now),
            proved_at=proven.proved_at,
        )
        detail = {
            "account_id": account.account_id,
            "district_id": proven.user.district_id,
            "sourced_id": proven.user.sourced_id,
        }
        self._s.accounts.create(
            account,
            also=self._s.links.link_writes(consent, wanted, present, self._s.new_id(), now),
            event=event_item(self._s.new_id(), "AccountCreated", detail, now),
        )
        begun = self._s.sessions.start(
            session.with_account(account.account_id), self._s.new_secret(), instead_of=session.session_id
        )
        return see_other("/home?linked=1", **{SESSION_COOKIE: begun.session_id, ACTIVATION_COOKIE: None})

    def _account_for(self, proven: Proven, session: Session) -> Account:
        user = proven.user
        account_id = self._s.new_id()
        issuer, subject = session.subject or ("", "")
        return Account(
            account_id,
            "teacher" if user.role is Role.TEACHER else "student",
            user.display_name,
            user.official_email or f"district-{account_id[:12]}",
            user.official_email,
            user.official_email is not None,
            google_sub=subject
            if proven.by is Proof.DISTRICT_LOGIN_GOOGLE and issuer == self._s.google.issuer
            else None,
            clever_id=subject if proven.by is Proof.DISTRICT_LOGIN_CLEVER else None,
            created_at=to_iso(self._s.clock()),
        )

    # Making and undoing.

    def _make(self, proven: Proven, account_id: str, *, by_rule: bool) -> Link:
        return self._s.links.make(
            self._consent(proven, account_id, by_rule=by_rule), event_id=self._s.new_id(), now=self._s.clock()
        )

    def _consent(self, proven: Proven, account_id: str, *, by_rule: bool) -> Consent:
        if proven.invitation is None:
            activation = self._s.activations.of_user(proven.user.key)
        else:
            activation = proven.invitation.activation
            if proven.invitation.opened_at:
                activation = replace(activation, opened_at=proven.invitation.opened_at)
        return Consent(
            proven.user.key,
            account_id,
            proven.by,
            by_rule,
            activation,
            self._nudge_at(proven, self._s.clock()),
            proven.proved_at,
        )

    @staticmethod
    def _nudge_at(proven: Proven, now: datetime) -> datetime | None:
        return first_nudge_at(proven.district, now) if proven.user.role is Role.TEACHER else None

    def undo(self, request: Request) -> Reply:
        """Undo a link of the account that is logged in (B2)."""
        session = self.session(request)
        if session is None or session.account_id is None:
            return see_other("/login")
        wanted = request.form.get("district_id")
        for link in self._s.links.of_account(session.account_id):
            if wanted in (None, "", link.user.district_id):
                try:
                    self._s.links.undo(link.user, event_id=self._s.new_id(), now=self._s.clock())
                except RefusedTransition as error:
                    return self.sorry(error.code, self._s.districts.get(link.user.district_id))
                begun = self._s.sessions.start(
                    Session(account_id=session.account_id), self._s.new_secret(), instead_of=session.session_id
                )
                return see_other("/home?undone=1", **{SESSION_COOKIE: begun.session_id})
        return see_other("/home")


def _was_undone(link: Link | None) -> bool:
    return link is not None and link.state is LinkState.UNDONE


def _masked(address: str | None) -> str | None:
    """An address that its owner recognises and nobody else learns."""
    if not address:
        return None
    local, _, domain = address.partition("@")
    return f"{local[:1]}…{local[-1:] if len(local) > 2 else ''}@{domain}"
