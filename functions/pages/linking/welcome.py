"""The choice at a first district login: the account that the person has already, or a new one (M12)."""

from __future__ import annotations

from dataclasses import replace

from functions.pages.class_day import ClassDayNotes
from functions.pages.dependencies import Services
from functions.pages.http import SESSION_COOKIE, Reply, Request, page, see_other
from functions.pages.limits import CLASS_CODE
from functions.pages.linking.link import form_of, is_anothers, to_home
from functions.pages.request_context import RequestContext, RequestContexts, by_login, not_on_roster
from shared.domain.district import District
from shared.domain.errors import RefusedTransition, Throttled
from shared.domain.link import Proof
from shared.domain.roster import Role
from shared.runtime.masking import mask_name
from shared.runtime.observability import logger, metric
from shared.stores.request_context import StoredContext
from shared.stores.sessions import Session
from shared.use_cases.link_accounts import Proven


class WelcomePages:
    """For whoever came through the district and is not linked yet, or only to an account that was made there."""

    def __init__(self, services: Services, contexts: RequestContexts) -> None:
        self._services = services
        self._contexts = contexts
        self._link_accounts = services.link_accounts()
        self._vouch_for_students = services.vouch_for_students()
        self._class_day = ClassDayNotes(services)

    def show(self, request: Request) -> Reply:
        context = self._contexts.of(request)
        if context.session is None or context.session.user is None:
            return see_other("/login")
        if context.proven is None:
            raise not_on_roster()
        if context.session.account_id and not context.has_something_to_link:
            return see_other("/home")
        return self._shown(context, context.proven)

    def _shown(self, context: RequestContext, proven: Proven, problem: str | None = None, code: str = "") -> Reply:
        """``code`` is the right one, where there is one more question before it links."""
        user, district = proven.user, proven.district
        is_student = user.role is Role.STUDENT and proven.by is not Proof.ACTIVATION
        takes_code = district.teachers_may_vouch and is_student and not proven.is_linked
        named = self._vouch_for_students.word_for(user) if is_student and not proven.is_linked else None
        return page(
            "linking/welcome",
            audience=district,
            name=user.display_name,
            whose=form_of(user),
            is_student=user.role is Role.STUDENT,
            district=district.name,
            schools=self._contexts.schools(context, user),
            candidates=self._link_accounts.candidates(proven),
            has_to_confirm=proven.has_to_confirm,
            named=mask_name(named.username) if named else None,
            says=mask_name(named.display_name) if named and code else None,
            code=code,
            takes_code=takes_code,
            problem=problem,
            status=409 if problem else 200,
        )

    def join(self, request: Request) -> Reply:
        """`Join`: the code on the board, and the teacher's word, stand for the login to the account (B12)."""
        context = self._contexts.of(request)
        session, proven = context.session, context.proven
        if session is None or proven is None:
            return see_other("/login")
        if proven.is_linked or session.account_id or is_anothers(request, proven.user):
            return see_other("/welcome")
        try:
            self._services.rate_limiter.hit(CLASS_CODE, f"{proven.user.district_id} {proven.user.key.person_id}")
        except Throttled as error:
            self._class_day.trouble(proven, error.code)
            raise
        digits = "".join(each for each in request.form.get("code", "") if each in "0123456789")
        is_mine = request.form.get("mine") == "yes"
        try:
            now = self._services.clock()
            link = self._vouch_for_students.join(proven, digits, shown=session.shown, now=now, is_mine=is_mine)
        except RefusedTransition as refused:
            if refused.code == "names_differ":
                self._class_day.trouble(proven, "name_differs")
                return self._shown(context, proven, refused.code, digits)
            self._class_day.trouble(proven, refused.code)
            return self._shown(context, proven, refused.code)
        linked = Session(account_id=link.account_id)
        begun = self._services.sessions.start(linked, self._services.new_secret(), instead_of=session)
        metric("LinkMade")
        logger.info("linked", extra={"district_id": proven.user.district_id, "by": "class_code"})
        return to_home(self._contexts, begun, "linked")

    def new_account(self, request: Request) -> Reply:
        """`I don't have an account yet`, after a district login: the account is made and linked in one step."""
        context = self._contexts.of(request)
        session, proven = context.session, context.proven
        if session is None or proven is None or proven.by is Proof.ACTIVATION:
            return see_other("/login")
        if proven.has_to_confirm or is_anothers(request, proven.user):
            return see_other("/welcome")
        if proven.link and proven.is_linked:
            linked = session.with_account(proven.link.account_id)
            return self._contexts.begin_session(linked, "/home", instead_of=session)
        return self._made(session, proven)

    def at_once(self, session: Session, district: District) -> Reply:
        """After the district login of a teacher who said before that they have no account: they are not asked again.

        Where some account may be theirs all the same (M7), they see it first.
        """
        people = self._services.request_contexts.read(people=[session.user] if session.user else []).people
        proven = by_login(StoredContext(session, people=people, districts={district.district_id: district}))
        if proven is None or self._link_accounts.candidates(proven):
            return see_other("/welcome", **{SESSION_COOKIE: self._contexts.sealed_session(session)})
        return self._made(session, proven)

    def _made(self, session: Session, proven: Proven) -> Reply:
        account = self._link_accounts.new_account_for(proven)
        now = self._services.clock()
        begun, writes = self._services.sessions.rotation(
            session.with_account(account.account_id), self._services.new_secret(), instead_of=session, now=now
        )
        self._link_accounts.with_new_account(proven, account, shown=session.shown, now=now, also=writes)
        return to_home(self._contexts, begun, "ready")

    def existing_account(self, request: Request) -> Reply:
        """From an account that was made at a district login to the login of an older one; what was proved goes along."""
        context = self._contexts.of(request)
        if context.session is None or not context.is_in_made_account:
            return see_other("/home")
        session = replace(context.session, account_id=None)
        return self._contexts.begin_session(session, "/login", instead_of=context.session)
