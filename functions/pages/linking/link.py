"""Linking: both sides are shown before anything is joined; the proof, the login and the person decide (M6, M7, M11, M12)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal
from urllib.parse import urlencode

from functions.pages.class_day import ClassDayNotes
from functions.pages.dependencies import Services
from functions.pages.http import ACTIVATION_COOKIE, ANOTHER_COOKIE, SESSION_COOKIE, Reply, Request, page, see_other
from functions.pages.request_context import RequestContext, RequestContexts, known, sorry
from shared.domain.account import Account, GrassrootsClass
from shared.domain.clock import to_iso
from shared.domain.district import District
from shared.domain.errors import RefusedTransition
from shared.domain.joining import JoinPlan, Side, plan
from shared.domain.link import Link, Proof
from shared.domain.person_name import share_a_part
from shared.domain.roster import Role, RosterUser
from shared.runtime.masking import mask_email
from shared.runtime.observability import also_about, logger, metric
from shared.stores.sessions import Session
from shared.use_cases.link_accounts import Proven

_PRESSED_TWICE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class OfficialSide:
    """The person on the roster, with the address masked."""

    name: str
    email: str | None
    district: str
    schools: list[str]
    classes: list[str]


@dataclass(frozen=True, slots=True)
class AccountSide:
    """The account that is logged in, with the address masked."""

    name: str
    username: str
    email: str | None
    classes: list[str]


class LinkPages:
    """Makes and undoes links."""

    def __init__(self, services: Services, contexts: RequestContexts) -> None:
        self._services = services
        self._contexts = contexts
        self._link_accounts = services.link_accounts()
        self._class_day = ClassDayNotes(services)

    def show(self, request: Request) -> Reply:
        return self._shown(request)

    def _shown(self, request: Request, *, asks: bool = False) -> Reply:
        """Both sides; ``asks`` puts one more question in the place of the button."""
        context = self._contexts.of(request)
        if context.session is None or context.session.account_id is None:
            return see_other("/home" if context.unconfirmed else "/login")
        account, proven = known(context), context.proven
        if proven is None:
            return self._nothing_proved(context)
        if not context.has_something_to_link:
            return see_other("/home") if context.is_linked else self.sorry("already_linked", proven.district)
        if refused := self._link_accounts.refusal(proven, account):
            self._class_day.trouble(proven, refused)
            return self.sorry(refused, proven.district)
        user, classes = proven.user, self._classes_of(account)
        return page(
            "linking/link",
            audience=proven.district,
            official=OfficialSide(
                user.display_name,
                mask_email(user.official_email),
                proven.district.name,
                self._contexts.schools(context, user),
                self._contexts.district_classes(context, user),
            ),
            existing=AccountSide(
                account.display_name,
                account.username,
                mask_email(account.email),
                [grassroots.name for grassroots in classes],
            ),
            plan=self._plan(account, classes, proven),
            login_used=_login_used(proven) if proven.has_to_confirm else "",
            is_teacher=user.role is Role.TEACHER,
            is_student=user.role is Role.STUDENT,
            asks=asks,
            other_name=not share_a_part(user.display_name, account.display_name),
            other_role=(user.role is Role.TEACHER) != (account.role == "teacher"),
            account_id=account.account_id,
            sourced_id=user.sourced_id,
            kind=user.kind,
            person=shown_of(user),
            status=409 if asks else 200,
        )

    def _classes_of(self, account: Account) -> list[GrassrootsClass]:
        """Those that a teacher owns, or that a student is in."""
        if account.role != "teacher":
            return self._services.accounts.classes.attended(account.account_id)
        return [c for c in self._services.accounts.classes.owned(account.account_id) if c.deleted_at is None]

    def _plan(self, account: Account, classes: list[GrassrootsClass], proven: Proven) -> JoinPlan:
        """What the button will do. Progress is only read where two accounts have some."""
        district_classes = (*proven.user.teaches, *proven.user.attends)
        made_account_id = proven.joins(account.account_id)
        made = self._services.accounts.get(made_account_id) if made_account_id else None
        if made is None:
            return plan(Side(account.account_id, {}, tuple(classes)), None, district_classes)
        mastery = self._services.accounts.masteries([account.account_id, made.account_id])
        return plan(
            Side(account.account_id, mastery.get(account.account_id, {}), tuple(classes)),
            Side(made.account_id, mastery.get(made.account_id, {}), tuple(self._classes_of(made))),
            district_classes,
        )

    @staticmethod
    def _nothing_proved(context: RequestContext) -> Reply:
        """Somebody logged in, and what they came with does not count, or not any more."""
        if context.activation_cookie is None or context.problem == "used":
            return see_other("/home")
        return sorry(context.problem, context.district)

    def confirm(self, request: Request) -> Reply:
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
            request.form.get("kind", ""),
            request.form.get("person"),
            request.form.get("made_account_id", ""),
        )
        person = proven.user.key
        made_account_id = proven.joins(session.account_id) or ""
        if shown != (session.account_id, person.sourced_id, person.kind, shown_of(proven.user), made_account_id):
            return see_other("/link")
        if request.form.get("mine") != "yes" and _needs_a_second_word(proven.user, known(context)):
            self._class_day.trouble(proven, "name_differs")
            return self._shown(request, asks=True)
        successor_id = self._contexts.successor_id(session.session_id)
        now = self._services.clock()
        begun, writes = self._services.sessions.rotation(
            Session(account_id=session.account_id), successor_id, instead_of=session, now=now
        )
        try:
            self._link_accounts.by_consent(proven, known(context), shown=session.shown, now=now, also=writes)
        except RefusedTransition as error:
            self._class_day.trouble(proven, error.code)
            return self.sorry(error.code, proven.district)
        metric("LinkMade")
        if activation := proven.activation:
            also_about(activation_id=activation.activation_id, import_id=activation.import_id)
        logger.info("linked", extra={"district_id": person.district_id, "by": proven.by})
        return to_home(self._contexts, begun, "linked")

    def _pressed_twice(self, request: Request) -> Reply:
        """The browser lost the first reply, and with it the new session; for a minute it may ask once more."""
        successor = self._contexts.successor(request)
        earliest = to_iso(self._services.clock() - _PRESSED_TWICE)
        if successor is None or successor.begun_at < earliest:
            return see_other("/login")
        return to_home(self._contexts, successor, "linked")

    def not_me(self, request: Request) -> Reply:
        """`This isn't me`: nothing is joined; the login ends and the proof stays for whom it is meant."""
        context = self._contexts.of(request)
        if context.session:
            self._services.sessions.end(context.session.session_id)
            self._class_day.gone(context.proven)
        district = context.district
        reply = page(
            "linking/not_me",
            audience=district,
        )
        reply.cookies |= {SESSION_COOKIE: None, ANOTHER_COOKIE: "1"}
        return reply

    def sorry(self, code: str, district: District) -> Reply:
        return page("linking/link_refused", status=409, code=code, audience=district)

    def ask_to_undo(self, request: Request) -> Reply:
        """The question before an undo: nothing is undone by one press."""
        context = self._contexts.of(request)
        if context.account is None:
            return self._contexts.to_login(request)
        found = self._link_to_undo(context, request.query.get("district_id"))
        if isinstance(found, Reply):
            return found
        district = self._services.districts.get(found.user.district_id)
        if not found.may_be_undone(to_iso(self._services.clock())):
            return self.sorry("too_late", district)
        return page(
            "linking/undo",
            audience=district,
            district=district.name,
            district_id=district.district_id,
            account_id=context.account.account_id,
            is_student=context.account.role == "student",
        )

    def undo(self, request: Request) -> Reply:
        """Undo a link of the account that is logged in (B2)."""
        context = self._contexts.of(request)
        link = self._link_to_undo(context, request.form.get("district_id"))
        if isinstance(link, Reply):
            return link
        here = known(context).account_id
        if request.form.get("account_id", here) != here:
            # A tab of who used this browser before.
            return see_other(f"/link/undo?{urlencode({'district_id': link.user.district_id})}")
        try:
            self._services.links.undo(
                link.user, account_id=link.account_id, event_id=self._services.new_id(), now=self._services.clock()
            )
        except RefusedTransition as error:
            return self.sorry(error.code, self._services.districts.get(link.user.district_id))
        session = context.session
        undone = Session(account_id=session.account_id if session else None)
        return self._contexts.begin_session(undone, "/home?undone=1", instead_of=session)

    def _link_to_undo(self, context: RequestContext, district_id: str | None) -> Link | Reply:
        """The link of the account that is logged in to this district, or its first one; else the way on."""
        if context.session is None or context.session.account_id is None:
            return see_other("/login")
        links = self._services.links.of_account(*self._services.accounts.family(known(context)))
        link = next((link for link in links if district_id in (None, "", link.user.district_id)), None)
        return link or see_other("/home")


def _needs_a_second_word(user: RosterUser, account: Account) -> bool:
    """Whether a student is asked once more: nothing in the names is alike, or the first names are not, as when a child takes over
    a device on which another one logged in, a brother or sister perhaps."""
    if user.role is not Role.STUDENT or share_a_part(user.given_name, account.display_name):
        return False
    # Few links come so far, and what compares names is slow to import.
    from shared.domain.name_likeness import AccountName, PersonName, differ_much, is_called_otherwise

    person, called = PersonName.of(user.given_name, user.family_name), AccountName.of(account.display_name)
    return differ_much(person, called) or is_called_otherwise(person, called)


def _login_used(proven: Proven) -> str:
    """By what a login is recognised that opens the account once it is confirmed: on a shared computer it may be another's."""
    hub = _HUBS.get(proven.by, "Clever")
    address = mask_email(proven.verified_email)
    return f"{hub}, {address}" if address else hub


_HUBS = {
    Proof.DISTRICT_LOGIN_GOOGLE: "Google",
    Proof.DISTRICT_LOGIN_CLASSLINK: "ClassLink",
    Proof.DISTRICT_LOGIN_MICROSOFT: "Microsoft",
}


def shown_of(user: RosterUser) -> str:
    """What was shown of a roster user, in one word: of two districts, or overnight, one number can be two people's."""
    shown = json.dumps([user.district_id, user.display_name, user.official_email])
    return hashlib.sha256(shown.encode()).hexdigest()[:16]


def form_of(user: RosterUser) -> str:
    """Whom a form was shown to, for its hidden field: on a shared device its tab may be of who was there before."""
    return f"{shown_of(user)} {user.key.person_id}"


def is_anothers(request: Request, user: RosterUser) -> bool:
    """Whether a form was shown to somebody else than who is here. One of an earlier version names nobody."""
    return request.form.get("whose", form_of(user)) != form_of(user)


def to_home(contexts: RequestContexts, session: Session, said: Literal["linked", "ready"]) -> Reply:
    """On to home, which says that both accounts are linked, or that a new one is ready; the mail's proof is used up."""
    cookies = {SESSION_COOKIE: contexts.sealed_session(session), ACTIVATION_COOKIE: None}
    return see_other(f"/home?{said}=1", **cookies)
