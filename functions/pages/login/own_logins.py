"""Ways into one's account: a student adds a login of their own, so that the work outlives school.

See docs/decisions/0117-a-student-may-add-an-own-login.md.

An address is proved by a code that is mailed to it; a Google account by its login. Nothing here merges accounts, and nothing
says whether an address opens another one.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import NotRequired, TypedDict, cast

from functions.pages import limits
from functions.pages.dependencies import Services
from functions.pages.http import LOGIN_COOKIE, SESSION_COOKIE, Reply, Request, page, see_other
from functions.pages.login.login import LoginPages
from functions.pages.request_context import RequestContext, RequestContexts
from shared.domain.account import Account
from shared.domain.clock import from_iso, to_iso
from shared.domain.district import District
from shared.domain.email_address import domain_of, normalise
from shared.domain.errors import Conflict
from shared.domain.federated_identity import identity_hash
from shared.domain.own_login import (
    CODE_DIGITS,
    CODE_FOR,
    MOST_OWN_LOGINS,
    Asked,
    OwnLogin,
    Way,
    address_login_id,
    google_login_id,
    is_recent,
    may_add,
)
from shared.domain.roster import RosterUser, RosterUserKey
from shared.hubs.hub import Identity, subject_key
from shared.runtime.masking import mask_email
from shared.runtime.tokens import SealedCookie, is_own_code
from shared.stores.own_logins import AskedCode
from shared.stores.sessions import Session
from shared.stores.table import Write

WAYS_IN = "/ways-in"
_CODE_PAGE, _LOGIN_CODE_PAGE = "/ways-in/code", "/login/email/code"
_SAID = "By the person, on the page of ways in"


class _AskedValues(TypedDict):
    """What the cookie of a browser holds that asked for a code."""

    code_id: str
    address: str
    asked_at: str
    account: NotRequired[str]


@dataclass(frozen=True, slots=True)
class _Holder:
    """Who is here: an account with all that it is joined with, and whom it is linked to."""

    account: Account
    session: Session
    family: tuple[str, ...]
    people: list[tuple[RosterUser, District]]
    logins: list[tuple[str, OwnLogin]]

    @property
    def may_add(self) -> bool:
        return may_add(self.account.role, self.people)

    @property
    def district(self) -> District | None:
        """The district whose words the pages have."""
        return next((district for _, district in self.people), None)

    @property
    def whose(self) -> str:
        """The account in one word, by which a form says whom it was shown to."""
        return identity_hash("ways in", self.account.account_id)[:16]

    @property
    def user(self) -> RosterUserKey | None:
        return next((user.key for user, _ in self.people), None)


class OwnLoginPages:
    """For whoever is logged in to an account."""

    def __init__(self, services: Services, contexts: RequestContexts, login: LoginPages) -> None:
        self._services = services
        self._contexts = contexts
        self._login = login

    def show(self, request: Request) -> Reply:
        """Every way into this account, with what can be done about it."""
        holder = self._holder(request)
        if holder is None:
            return self._contexts.to_login(request)
        return page(
            "login/ways_in",
            audience=holder.district,
            is_student=holder.account.role != "teacher",
            districts=[district for user, district in holder.people if user.active],
            logins=[login for _, login in holder.logins],
            may_add=holder.may_add,
            whose=holder.whose,
            is_recent=self._is_recent(holder),
            has_most=len(holder.logins) >= MOST_OWN_LOGINS,
            problem=request.query.get("problem"),
            done=request.query.get("done"),
        )

    # Google

    def account_to_add_to(self, request: Request) -> str | Reply:
        """The account of this browser, where it may get another login now; else the page that says why not."""
        holder = self._holder(request)
        if holder is None:
            return self._contexts.to_login(request)
        return self._refusal(holder) or self._is_about_another(request, holder) or holder.account.account_id

    def add_google(self, request: Request, identity: Identity, account_id: str) -> Reply:
        """Add the Google account that this browser has just logged in with, unless it is a district's or opens an account."""
        holder = self._holder(request)
        if holder is None or holder.account.account_id != account_id:
            return see_other(f"{WAYS_IN}?problem=begun_elsewhere")
        if refusal := self._refusal(holder):
            return refusal
        address = normalise(identity.email)
        domains = {domain for domain in (domain_of(address or ""), identity.hosted_domain) if domain}
        if any(self._is_of_a_district(domain, holder) for domain in domains):
            return see_other(f"{WAYS_IN}?problem=school_account")
        login_id = google_login_id(subject_key(identity))
        opened = self._services.identifiers.account_by_subject(*subject_key(identity))
        opened = opened or self._services.own_logins.opened_by(login_id)
        if opened:
            return see_other(f"{WAYS_IN}?{'done=known' if opened in holder.family else 'problem=taken'}")
        return self._add(holder, OwnLogin(login_id, Way.GOOGLE, mask_email(address) or "Google", self._now()))

    # An address

    def ask_for_address(self, request: Request) -> Reply:
        """Mail a code to an address that somebody wants to add. Nothing is looked up: the mail says who holds it already."""
        holder = self._holder(request)
        if holder is None:
            return self._contexts.to_login(request)
        if refusal := self._refusal(holder):
            return refusal
        hit = self._services.rate_limiter.hit
        hit(limits.OWN_ADDRESS, holder.account.account_id)
        if about_another := self._is_about_another(request, holder):
            return about_another
        address = normalise(request.form.get("email", ""))
        if address is None:
            return see_other(f"{WAYS_IN}?problem=no_address")
        if self._is_of_a_district(domain_of(address), holder):
            return see_other(f"{WAYS_IN}?problem=school_account")
        hit(limits.OWN_ADDRESS_TO, address)
        hit(limits.OWN_ADDRESS_IN, holder.user.district_id if holder.user else "")
        code = AskedCode(
            self._services.new_secret(), address, self._now(), holder.account.account_id,
            holder.user.district_id if holder.user else "",
            request.language(holder.district.locale if holder.district else None),
        )  # fmt: skip
        self._services.own_logins.ask(code)
        self._services.own_code_queue.request(code.code_id)
        asked = _AskedValues(
            code_id=code.code_id, address=address, asked_at=code.begun_at, account=holder.account.account_id
        )
        return see_other(_CODE_PAGE, **{LOGIN_COOKIE: self._sealed(Asked.ADD).seal(asked)})

    def show_code(self, request: Request) -> Reply:
        asked = self._asked(request, Asked.ADD)
        return self._code_page(request, asked, Asked.ADD) if asked else see_other(WAYS_IN)

    def add_address(self, request: Request) -> Reply:
        """Add the address whose code was typed. A wrong code, and one that an address of another account has, look alike."""
        holder, asked = self._holder(request), self._asked(request, Asked.ADD)
        if holder is None:
            return self._contexts.to_login(request)
        if asked is None or asked.get("account") != holder.account.account_id:
            return see_other(f"{WAYS_IN}?problem=begun_elsewhere")
        if not holder.may_add:
            return see_other(f"{WAYS_IN}?problem=not_allowed")
        address = self._proved(request, asked, Asked.ADD)
        if address is None or self._is_held_by_another(address, holder):
            return self._code_page(request, asked, Asked.ADD, status=401)
        login = OwnLogin(address_login_id(address), Way.ADDRESS, mask_email(address) or "", self._now(), address)
        if any(mine.login_id == login.login_id for _, mine in holder.logins):
            return see_other(f"{WAYS_IN}?done=known", **{LOGIN_COOKIE: None})
        reply = self._add(holder, login)
        reply.cookies[LOGIN_COOKIE] = None
        return reply

    def remove(self, request: Request) -> Reply:
        """Remove an own login; whoever is logged in elsewhere is logged out."""
        holder = self._holder(request)
        if holder is None:
            return self._contexts.to_login(request)
        if not self._is_recent(holder):
            return see_other(f"{WAYS_IN}?problem=not_recent")
        named = request.form.get("login", "")
        found = next(((owner, login) for owner, login in holder.logins if login.login_id == named), None)
        if found is None:
            return see_other(WAYS_IN)
        owner, login = found
        self._services.own_logins.remove(
            owner, login, holder.user, self._entry(holder, "own_login_removed", login), self._services.new_id(),
            self._services.clock(),
        )  # fmt: skip
        for account_id in holder.family:
            self._services.sessions.end_all(account_id)
        stays = replace(holder.session, federated_identity=None, federated_name=None)
        if holder.session.federated_identity == login.login_id:
            return see_other("/login", **{SESSION_COOKIE: None})
        return self._contexts.begin_session(stays, f"{WAYS_IN}?done=removed", instead_of=holder.session)

    # Logging in by a code

    def show_email(self, request: Request) -> Reply:
        return page("login/email", audience=self._contexts.activation_cookie(request), problem=None)

    def send_login_code(self, request: Request) -> Reply:
        """The same reply and the same calls for every address (ASVS 6.3.8): the mail's worker knows whether it opens an account."""
        address = normalise(request.form.get("email", ""))
        if address is None:
            return page(
                "login/email", audience=self._contexts.activation_cookie(request), status=401, problem="no_address"
            )
        self._login.known_browsers.count_try(request, address, limits.OWN_CODE)
        self._services.rate_limiter.hit(limits.OWN_CODE_FROM, request.place)
        asked = _AskedValues(code_id=self._services.new_secret(), address=address, asked_at=self._now())
        self._services.own_code_queue.request_for_login(
            asked["code_id"], address_login_id(address), asked["asked_at"], request.language()
        )
        return see_other(_LOGIN_CODE_PAGE, **{LOGIN_COOKIE: self._sealed(Asked.LOG_IN).seal(asked)})

    def show_login_code(self, request: Request) -> Reply:
        asked = self._asked(request, Asked.LOG_IN)
        return self._code_page(request, asked, Asked.LOG_IN) if asked else see_other("/login/email")

    def log_in_by_code(self, request: Request) -> Reply:
        asked = self._asked(request, Asked.LOG_IN)
        if asked is None:
            return see_other("/login/email")
        address = self._proved(request, asked, Asked.LOG_IN)
        login_id = address_login_id(address or "")
        account_id = self.account_opened_by(login_id)
        if address is None or account_id is None:
            return self._code_page(request, asked, Asked.LOG_IN, status=401)
        reply = self._login.enter(request, account_id, login_id, mask_email(address))
        return self._login.known_browsers.remember(request, reply, address)

    def account_opened_by(self, login_id: str) -> str | None:
        """The account that an own login opens now; None where nothing leads to it any more."""
        account_id = self._services.own_logins.opened_by(login_id)
        account = self._services.accounts.get(account_id) if account_id else None
        return account.account_id if account and account.is_found else None

    # What both have

    def _sealed(self, asked: Asked) -> SealedCookie:
        return self._services.sealed(f"own {asked}")

    def _asked(self, request: Request, asked: Asked) -> _AskedValues | None:
        """What this browser asked for; another one's code is good for nothing here."""
        sealed = request.cookies.get(LOGIN_COOKIE)
        opened = self._sealed(asked).open(sealed, int(CODE_FOR.total_seconds()))
        return cast(_AskedValues, opened) if opened else None

    def _proved(self, request: Request, asked: _AskedValues, purpose: Asked) -> str | None:
        """The address that the typed code proves, once. Before a login nothing is noted, so its cookie alone dates it."""
        code_id, address = asked["code_id"], asked["address"]
        self._services.rate_limiter.hit(limits.OWN_CODE_TRY, code_id)
        if not is_own_code(request.form.get("code", ""), code_id, address, CODE_DIGITS, self._services.token_keys()):
            return None
        if from_iso(asked["asked_at"]) <= self._services.clock() - CODE_FOR:
            return None
        if purpose is Asked.LOG_IN:
            return address if self._services.sessions.use_once(f"own {code_id}", 2 * CODE_FOR) else None
        stored = self._services.own_logins.asked(code_id, self._services.clock())
        is_good = stored is not None and stored.address == address and self._services.own_logins.use(code_id)
        return address if is_good else None

    def _code_page(self, request: Request, asked: _AskedValues, purpose: Asked, status: int = 200) -> Reply:
        audience = self._contexts.activation_cookie(request)
        return page(
            "login/email_code", status=status, audience=audience, address=asked["address"], problem=status == 401,
            is_new=purpose is Asked.ADD, minutes=int(CODE_FOR.total_seconds()) // 60,
        )  # fmt: skip

    def _add(self, holder: _Holder, login: OwnLogin) -> Reply:
        user = holder.user
        if user is None:
            return see_other(f"{WAYS_IN}?problem=not_allowed")
        (entry,) = self._entry(holder, "own_login_added", login)
        with suppress(Conflict):
            self._services.own_logins.add(
                holder.account.account_id, login, user, entry, self._services.new_id(), self._services.clock()
            )
            return see_other(f"{WAYS_IN}?done=added")
        return see_other(f"{WAYS_IN}?problem=taken")

    def _entry(self, holder: _Holder, action: str, login: OwnLogin) -> list[Write]:
        """The entry of the district's trail; none where no district is left."""
        if holder.user is None:
            return []
        return [
            self._services.trail.entry(
                holder.user.district_id, self._now(), self._services.new_id(),
                action=action, by=holder.user.person_id, reason=_SAID, person=holder.user.person_id, about=login.way.value,
            )
        ]  # fmt: skip

    def _refusal(self, holder: _Holder) -> Reply | None:
        """The page that says why nothing can be added now."""
        if not holder.may_add:
            return see_other(f"{WAYS_IN}?problem=not_allowed")
        if not self._is_recent(holder):
            return see_other(f"{WAYS_IN}?problem=not_recent")
        return see_other(f"{WAYS_IN}?problem=most") if len(holder.logins) >= MOST_OWN_LOGINS else None

    @staticmethod
    def _is_about_another(request: Request, holder: _Holder) -> Reply | None:
        """The page of whoever is here now, where the form was shown to somebody else: an old tab of a shared device."""
        is_theirs = request.form.get("whose") == holder.whose
        return None if is_theirs else see_other(f"{WAYS_IN}?problem=begun_elsewhere")

    def _is_recent(self, holder: _Holder) -> bool:
        return is_recent(holder.session.begun_at, self._services.clock())

    def _is_of_a_district(self, domain: str, holder: _Holder) -> bool:
        """Whether addresses of this domain are a district's: they end with school."""
        own = {each for _, district in holder.people for each in district.login_domains}
        return domain in own or self._services.districts.by_domain(domain) is not None

    def _is_held_by_another(self, address: str, holder: _Holder) -> bool:
        """Whether the address opens another account: as an own login, or as what its holder verified there."""
        opened = self._services.own_logins.opened_by(address_login_id(address))
        claims = self._services.identifiers.holders_of_address(address).accounts
        holders = {opened, *(claim.account_id for claim in claims if claim.is_verified)} - {None}
        return not holders <= set(holder.family)

    def _holder(self, request: Request) -> _Holder | None:
        """Who is logged in to an account; nobody whose outside login has to be confirmed first."""
        context: RequestContext = self._contexts.of(request)
        account, session = context.account, context.session
        if account is None or session is None or session.operator:
            return None
        family = self._services.accounts.family(account)
        found = self._services.links.around_account(*family)
        users = [user for link in found.standing if (user := found.people.get(link.user))]
        districts = {d: self._services.districts.find(d) for d in dict.fromkeys(u.district_id for u in users)}
        people = [(user, district) for user in users if (district := districts[user.district_id])]
        return _Holder(account, session, family, people, self._services.own_logins.of(*family))

    def _now(self) -> str:
        return to_iso(self._services.clock())
