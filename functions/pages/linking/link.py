"""Linking: both sides are shown before anything is joined; the proof, the login and the person decide (M6, M7, M11, M12)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from functions.pages.dependencies import Services
from functions.pages.http import ACTIVATION_COOKIE, SESSION_COOKIE, Reply, Request, page, see_other
from functions.pages.request_context import Proven, RequestContext, RequestContexts, known, sorry
from shared.domain import link as link_rules
from shared.domain.account import Account, GrassrootsClass
from shared.domain.clock import to_iso
from shared.domain.district import District
from shared.domain.errors import LoginRefused, RefusedTransition
from shared.domain.federated_identity import outside
from shared.domain.joining import JoinPlan, Side, plan
from shared.domain.link import Link, LinkState, Proof
from shared.domain.matching import Outcome
from shared.domain.nudge import first_nudge_at
from shared.domain.roster import Role, RosterUser
from shared.hubs.oidc import Identity, subject_key
from shared.runtime.masking import mask_email, mask_name
from shared.stores.links import Consent
from shared.stores.outbox import event_item
from shared.stores.sessions import Session

_PRESSED_TWICE = timedelta(minutes=1)
_MOST_CANDIDATES = 5


@dataclass(frozen=True, slots=True)
class Candidate:
    """An account as its owner recognises it and nobody else learns it; ``since`` is the year, empty if unknown."""

    username: str
    email: str | None
    since: str


@dataclass(frozen=True, slots=True)
class Found:
    """What a district login leads to: an account, if one is known by now, and the next page."""

    address: str
    account_id: str | None = None
    way: str | None = None


class LinkPages:
    """Makes and undoes links."""

    def __init__(self, services: Services, contexts: RequestContexts) -> None:
        self._services = services
        self._contexts = contexts

    # The page with both sides.

    def show(self, request: Request) -> Reply:
        context = self._contexts.of(request)
        if context.session is None or context.session.account_id is None:
            return see_other("/home" if context.unconfirmed else "/login")
        account, proven = known(context), context.proven
        if proven is None:
            return self._nothing_proved(context)
        if not context.has_something_to_link:
            return see_other("/home") if context.is_linked else self.sorry("already_linked", proven.district)
        user, own = proven.user, self._classes_of(account)
        return page(
            "linking/link",
            locale=proven.district.locale,
            support_url=proven.district.support_url,
            official={
                "name": user.display_name,
                "email": mask_email(user.official_email),
                "district": proven.district.name,
                "schools": self._contexts.schools(context, user),
                "classes": self._contexts.district_classes(context, user),
            },
            existing={
                "name": account.display_name,
                "username": account.username,
                "email": mask_email(account.email),
                "classes": [c.name for c in own],
            },
            plan=self._plan(account, own, proven),
            is_teacher=user.role is Role.TEACHER,
            account_id=account.account_id,
            sourced_id=user.sourced_id,
        )

    def _classes_of(self, account: Account) -> list[GrassrootsClass]:
        """Those that a teacher owns, or that a student is in."""
        if account.role != "teacher":
            return self._services.accounts.member_classes(account.account_id)
        return [c for c in self._services.accounts.owned_classes(account.account_id) if c.deleted_at is None]

    def _plan(self, account: Account, own: list[GrassrootsClass], proven: Proven) -> JoinPlan:
        """What the button will do. Progress is only read where two accounts have some."""
        district_classes = (*proven.user.teaches, *proven.user.attends)
        made = self._services.accounts.get(proven.made_account_id) if proven.made_account_id else None
        if made is None:
            return plan(Side(account.account_id, {}, tuple(own)), None, district_classes)
        mastery = self._services.accounts.masteries([account.account_id, made.account_id])
        return plan(
            Side(account.account_id, mastery.get(account.account_id, {}), tuple(own)),
            Side(made.account_id, mastery.get(made.account_id, {}), tuple(self._classes_of(made))),
            district_classes,
        )

    @staticmethod
    def _nothing_proved(context: RequestContext) -> Reply:
        """Somebody logged in, and what they came with does not count, or not any more."""
        if context.brought is None or context.problem == "used":
            return see_other("/home")
        return sorry(context.problem)

    def decide(self, request: Request) -> Reply:
        """`Link my accounts` was pressed by somebody who is logged in; what was shown must be what is joined."""
        context = self._contexts.of(request)
        session, proven = context.session, context.proven
        if session is None or session.account_id is None:
            return self._pressed_twice(request)
        if proven is None:
            return self._nothing_proved(context)
        shown = (
            request.form.get("account_id"),
            request.form.get("sourced_id"),
            request.form.get("made_account_id", ""),
        )
        if shown != (session.account_id, proven.user.sourced_id, proven.made_account_id or ""):
            return see_other("/link")
        successor_id = self._contexts.successor_id(session.session_id)
        now = self._services.clock()
        begun, writes = self._services.sessions.rotation(
            Session(account_id=session.account_id), successor_id, instead_of=session, now=now
        )
        try:
            self._make(self._consent(proven, session.account_id, shown=session.shown), proven, now, writes)
        except RefusedTransition as error:
            return self.sorry(error.code, proven.district)
        return self._linked(begun)

    def _pressed_twice(self, request: Request) -> Reply:
        """The browser forgot the first answer, and with it the new session; for a minute it may ask once more."""
        successor = self._contexts.successor(request)
        earliest = to_iso(self._services.clock() - _PRESSED_TWICE)
        if successor is None or successor.begun_at < earliest:
            return see_other("/login")
        return self._linked(successor)

    def _linked(self, session: Session) -> Reply:
        cookie = self._contexts.session_cookie(session)
        return see_other("/home?linked=1", **{SESSION_COOKIE: cookie, ACTIVATION_COOKIE: None})

    def not_me(self, request: Request) -> Reply:
        """`This isn't me`: nothing is joined; the login ends and the proof stays for whom it is meant."""
        context = self._contexts.of(request)
        if context.session:
            self._services.sessions.end(context.session.session_id)
        district = context.district
        reply = page(
            "linking/not_me",
            locale=district.locale if district else None,
            support_url=district.support_url if district else None,
        )
        reply.cookies[SESSION_COOKIE] = None
        return reply

    def sorry(self, code: str, district: District) -> Reply:
        return page(
            "linking/link_refused", status=409, code=code, locale=district.locale, support_url=district.support_url
        )

    def find_another(self, request: Request) -> Reply:
        """From an account that was made at a district login to the login of an older one; what was proved goes along."""
        context = self._contexts.of(request)
        if context.session is None or not context.is_in_made_account:
            return see_other("/home")
        session = replace(context.session, account_id=None)
        begun = self._services.sessions.start(session, self._services.new_secret(), instead_of=context.session)
        return see_other("/login", **{SESSION_COOKIE: self._contexts.session_cookie(begun)})

    # At a district login.

    def at_district_login(self, user: RosterUser, proof: Proof, district: District, identity: Identity) -> Found:
        """Linked already → home; matched → linked without a question (M6); else the choice (M12)."""
        person = self._services.request_contexts.read(people=[user.key]).people[user.key]
        proven = Proven(user, district, proof, person.link, person.activation)
        if person.link and proven.is_linked:
            return Found("/home", person.link.account_id)
        clever_ids = (identity.subject,) if proof is Proof.DISTRICT_LOGIN_CLEVER else ()
        match = self._services.identifiers.find_match(user, proven_clever_ids=clever_ids)
        if match.outcome is Outcome.MATCHED and match.account_id and not _was_undone(person.link):
            shown = frozenset({outside(*subject_key(identity))})
            try:
                self._make(
                    self._consent(proven, match.account_id, shown=shown, by_rule=True), proven, self._services.clock()
                )
            except RefusedTransition:
                return Found("/welcome")
            return Found("/home?linked=1", match.account_id)
        own = self._services.identifiers.account_by_subject(identity.issuer, identity.subject)
        if own and self._services.accounts.get(own):
            return Found("/link", own, outside(*subject_key(identity)))
        return Found("/welcome")

    def welcome(self, request: Request) -> Reply:
        """The choice at a first district login."""
        context = self._contexts.of(request)
        if context.session is None or context.session.user is None:
            return see_other("/login")
        if context.proven is None:
            raise LoginRefused("not_on_roster", "You are not on this district's roster. Ask your school to add you.")
        if context.session.account_id and not context.has_something_to_link:
            return see_other("/home")
        user, district = context.proven.user, context.proven.district
        return page(
            "linking/welcome",
            locale=district.locale,
            name=user.display_name,
            district=district.name,
            schools=self._contexts.schools(context, user),
            candidates=self.candidates(context),
            support_url=district.support_url,
        )

    def candidates(self, context: RequestContext) -> list[Candidate]:
        """The accounts that may be this person's, to be proved by a login (M7); a rule decides nothing here."""
        if context.proven is None or context.proven.is_linked:
            return []
        match = self._services.identifiers.find_match(context.proven.user)
        accounts = self._services.accounts.get_many(match.candidates[:_MOST_CANDIDATES])
        found = [
            Candidate(mask_name(a.username), mask_email(a.email), (a.created_at or "")[:4]) for a in accounts.values()
        ]
        return sorted(found, key=lambda one: (one.since, one.username), reverse=True)

    def new_account(self, request: Request) -> Reply:
        """`I don't have an account yet`, after a district login: the account is made and linked in one step."""
        context = self._contexts.of(request)
        session, proven = context.session, context.proven
        if session is None or proven is None or proven.by is Proof.ACTIVATION:
            return see_other("/login")
        if proven.link and proven.is_linked:
            begun = self._services.sessions.start(
                session.with_account(proven.link.account_id), self._services.new_secret(), instead_of=session
            )
            return see_other("/home", **{SESSION_COOKIE: self._contexts.session_cookie(begun)})
        account = self._account_for(proven, session)
        consent = self._consent(proven, account.account_id, shown=session.shown)
        now = self._services.clock()
        wanted = link_rules.make(
            proven.link,
            proven.user.key,
            account.account_id,
            by=proven.by,
            by_rule=False,
            now=to_iso(now),
            proved_at=proven.proved_at,
            is_made=True,
        )
        detail = {
            "account_id": account.account_id,
            "district_id": proven.user.district_id,
            "sourced_id": proven.user.sourced_id,
        }
        begun, writes = self._services.sessions.rotation(
            session.with_account(account.account_id), self._services.new_secret(), instead_of=session, now=now
        )
        self._services.accounts.create(
            account,
            also=[
                *self._services.links.link_writes(consent, wanted, proven.link, self._services.new_id(), now),
                *writes,
            ],
            event=event_item(self._services.new_id(), "AccountCreated", detail, now),
        )
        return self._linked(begun)

    def _account_for(self, proven: Proven, session: Session) -> Account:
        user = proven.user
        account_id = self._services.new_id()
        issuer, subject = session.subject or ("", "")
        return Account(
            account_id,
            "teacher" if user.role is Role.TEACHER else "student",
            user.display_name,
            user.official_email or f"district-{account_id[:12]}",
            user.official_email,
            user.official_email is not None,
            google_sub=subject
            if proven.by is Proof.DISTRICT_LOGIN_GOOGLE and issuer == self._services.google.issuer
            else None,
            clever_id=subject if proven.by is Proof.DISTRICT_LOGIN_CLEVER else None,
            created_at=to_iso(self._services.clock()),
        )

    # Making and undoing.

    def _consent(self, proven: Proven, account_id: str, *, shown: frozenset[str], by_rule: bool = False) -> Consent:
        return Consent(
            proven.user.key,
            account_id,
            proven.by,
            by_rule,
            proven.activation,
            self._nudge_at(proven, self._services.clock()),
            proven.proved_at,
            shown,
            joins=proven.made_account_id,
        )

    def _make(self, consent: Consent, proven: Proven, now: datetime, also: Iterable[dict[str, Any]] = ()) -> Link:
        return self._services.links.make(
            consent, present=proven.link, event_id=self._services.new_id(), now=now, also=also
        )

    @staticmethod
    def _nudge_at(proven: Proven, now: datetime) -> datetime | None:
        return first_nudge_at(proven.district, now) if proven.user.role is Role.TEACHER else None

    def undo(self, request: Request) -> Reply:
        """Undo a link of the account that is logged in (B2)."""
        context = self._contexts.of(request)
        session = context.session
        if session is None or session.account_id is None:
            return see_other("/login")
        wanted = request.form.get("district_id")
        for link in self._services.links.of_account(*self._services.accounts.family(known(context))):
            if wanted in (None, "", link.user.district_id):
                try:
                    self._services.links.undo(
                        link.user,
                        account_id=link.account_id,
                        event_id=self._services.new_id(),
                        now=self._services.clock(),
                    )
                except RefusedTransition as error:
                    return self.sorry(error.code, self._services.districts.get(link.user.district_id))
                begun = self._services.sessions.start(
                    Session(account_id=session.account_id), self._services.new_secret(), instead_of=session
                )
                return see_other("/home?undone=1", **{SESSION_COOKIE: self._contexts.session_cookie(begun)})
        return see_other("/home")


def _was_undone(link: Link | None) -> bool:
    return link is not None and link.state is LinkState.UNDONE
