"""Logging in with Google to an account, and with Google or Clever through the district (M10, M12)."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Literal, NotRequired, TypedDict, cast

from functions.pages import limits
from functions.pages.class_day import ClassDayNotes
from functions.pages.dependencies import Services
from functions.pages.http import ANOTHER_COOKIE, LOGIN_COOKIE, Reply, Request, page, see_other
from functions.pages.login.login import CONFIRM_ADDRESS, LoginPages
from functions.pages.login.own_logins import OwnLoginPages
from functions.pages.refusals import refused
from functions.pages.request_context import RequestContexts, row_of
from shared.domain.clock import to_iso
from shared.domain.district import District
from shared.domain.email_address import domain_of, normalise
from shared.domain.errors import LoginRefused
from shared.domain.federated_identity import answer_hash, identity_hash
from shared.domain.link import Proof
from shared.domain.own_login import google_login_id
from shared.domain.roster import Role
from shared.hubs.hub import Binding, Hub, Identity, Provider, not_proved, subject_key
from shared.runtime.masking import mask_email
from shared.runtime.observability import logger, metric
from shared.stores.districts import unknown_district
from shared.stores.sessions import Session
from shared.stores.strangers import Stranger
from shared.use_cases.link_accounts import DistrictLoginOutcome

_LOGIN_SECONDS = 600
_STILL_OUT_SECONDS = 86_400
"""So long a browser that went to a hub and did not come back counts once."""
_ERROR_NAME = re.compile(r"[a-z_-]{1,40}")
_STATE_KEPT = timedelta(minutes=15)
_RESTART_SECONDS, _MOST_RESTARTS = 60, 3
_LONGEST_NAME = 100
_OFFER_ACCOUNTS = ("google", "microsoft")
"""Hubs that let people choose among their accounts where they are asked to (OpenID Connect, ``prompt``)."""
_ADDRESSES = {
    DistrictLoginOutcome.ALREADY_LINKED: "/home",
    DistrictLoginOutcome.LINKED_BY_RULE: "/home?linked=1",
    DistrictLoginOutcome.CONSENT_NEEDED: "/link",
    DistrictLoginOutcome.CONFIRMATION_NEEDED: "/welcome",
    DistrictLoginOutcome.CHOICE_NEEDED: "/welcome",
}


class _StartedLogin(TypedDict):
    """What the cookie of a login holds until the issuer sends the browser back. ``district`` is None where the hub says it."""

    provider: Provider
    state: str
    nonce: str
    verifier: str
    purpose: Literal["account", "district", "own"]
    account: NotRequired[str]
    """To which account an own login is to be added."""
    district: NotRequired[str | None]
    tenant: NotRequired[str]
    restarts: NotRequired[int]
    counted: NotRequired[int]
    """For how many browsers this one was counted when it went to the hub."""
    is_back: NotRequired[bool]
    """Whether it came back from there."""


class FederatedLoginPages:
    """A login by OpenID Connect ends as any other does: with a session under a fresh id."""

    def __init__(
        self,
        services: Services,
        contexts: RequestContexts,
        login: LoginPages,
        own_logins: OwnLoginPages,
        new_account: Callable[[Session, District], Reply],
    ) -> None:
        """``new_account`` goes on for somebody who said before that there is none (``WelcomePages.at_once``)."""
        self._services = services
        self._contexts = contexts
        self._login = login
        self._own_logins = own_logins
        self._new_account = new_account
        self._link_accounts = services.link_accounts()
        self._find_roster_user = services.find_roster_user()
        self._class_day = ClassDayNotes(services)

    def start_google(self, request: Request) -> Reply:
        if not self._services.is_set_up("google"):
            raise _provider_not_used()
        choose = request.form.get("another") == "1" or self._is_shared(request)
        return self._start("google", "account", choose=choose)

    def start_own(self, request: Request) -> Reply:
        """To Google, for a login that is added to the account of this browser: which of its accounts is asked there."""
        if not self._services.is_set_up("google"):
            raise _provider_not_used()
        account = self._own_logins.account_to_add_to(request)
        return account if isinstance(account, Reply) else self._start("google", "own", choose=True, account=account)

    def another(self, request: Request) -> Reply:
        """`Try another account`: the hub that turned this browser away is asked to offer its accounts; else the login does."""
        opened = self._services.sealed("login").open(request.cookies.get(LOGIN_COOKIE), _LOGIN_SECONDS)
        if opened is None or "provider" not in opened:
            return self._login.another(request)
        login = cast(_StartedLogin, opened)
        if login["purpose"] == "own":
            return self.start_own(request)
        district = self._services.districts.find(login.get("district") or "")
        if district is None:
            return self._start(login["provider"], login["purpose"], choose=True)
        return self._begin(request, login["provider"], district, choose=True)

    def show_district(self, _request: Request, district_id: str) -> Reply:
        district = self._services.districts.get(district_id, consistent=False)
        return page(
            "login/sso",
            district=district.name,
            district_id=district_id,
            providers=[hub for hub in district.identity_providers if self._services.is_set_up(hub)],
            audience=district,
        )

    def start_district(self, request: Request, district_id: str, provider: str) -> Reply:
        district = self._services.districts.get(district_id, consistent=False)
        if provider not in district.identity_providers or not self._services.is_set_up(provider):
            raise _provider_not_used()
        return self._begin(request, provider, district, choose=self._is_shared(request))

    def _is_shared(self, request: Request) -> bool:
        """Whether somebody is here, or was and logged out: a hub that remembers them shall ask who comes now."""
        return self._contexts.session_id(request) is not None or ANOTHER_COOKIE in request.cookies

    # To the issuer and back

    def _begin(self, request: Request, provider: Provider, district: District, *, choose: bool = False) -> Reply:
        """On to the hub for a district, and count the browser: a hub that keeps people tells nobody here.

        One that tries again before it came back was counted.
        """
        opened = self._services.sealed("login").open(request.cookies.get(LOGIN_COOKIE), _STILL_OUT_SECONDS)
        before = cast(_StartedLogin, opened) if opened and "provider" in opened else None
        is_out = (
            before is not None
            and not before.get("is_back")
            and (before["provider"], before.get("district")) == (provider, district.district_id)
        )
        return self._start(
            provider,
            "district",
            district,
            choose=choose,
            counted=before.get("counted", 0) if before and is_out else None,
        )

    def _start(
        self,
        provider: Provider,
        login_for: Literal["account", "district", "own"],
        district: District | None = None,
        *,
        restarts: int = 0,
        choose: bool = False,
        counted: int | None = None,
        account: str | None = None,
    ) -> Reply:
        """On to the hub; ``district`` is None where the hub says which it is. ``choose`` lets it offer all of its accounts;
        ``restarts`` counts those of its portal, and ``counted`` says for how many browsers this one stands already.
        """
        login = _StartedLogin(
            provider=provider,
            state=self._services.new_secret(),
            nonce=self._services.new_secret(),
            verifier=self._services.new_secret(),
            purpose=login_for,
        )
        if login_for == "district":
            login["district"] = district.district_id if district else None
        if tenant := district.tenant_of(provider) if district else None:
            login["tenant"] = tenant
        if account:
            login["account"] = account
        if restarts:
            login["restarts"] = restarts
        address = self._hub(provider).authorize(_binding(login), district, from_portal=restarts > 0)
        if district and counted is None:
            counted = self._services.hub_returns.began(district.district_id, provider, login["state"])
        if counted:
            login["counted"] = counted
        if choose and provider in _OFFER_ACCOUNTS and "prompt=" not in address:
            address = f"{address}&prompt=select_account"
        return see_other(address, **{LOGIN_COOKIE: self._services.sealed("login").seal(login)})

    def callback(self, request: Request, provider: str) -> Reply:
        """The browser came back; a refusal leaves it the login that it began, to try another account."""
        try:
            return self._answered(request, provider)
        except LoginRefused as error:
            reply = refused(error)
            with suppress(LoginRefused):
                came_back = {**self._started_login(request, provider), "is_back": True}
                reply.cookies[LOGIN_COOKIE] = self._services.sealed("login").seal(came_back)
            return reply

    def _answered(self, request: Request, provider: str) -> Reply:
        """State, nonce and PKCE are bound to this browser, and count once (ASVS 10.1.2)."""
        hub, query = self._hub(provider), request.query
        if hub.restarts and "state" not in query and "error" not in query:
            return self._restart(request, hub)
        if query.get("admin_consent") == "True" and "error" not in query:
            # An administrator allowed this application at Microsoft; no login was begun.
            return page("login/consented")
        if "code" not in query:
            _note_refusal(provider, query.get("error", ""))
            with suppress(LoginRefused):
                self._note_return(self._started_login(request, provider))
            raise hub.refusal(query)
        if self._was_answered(request):
            return see_other("/home")
        login = self._started_login(request, provider)
        self._note_return(login)
        identity = hub.prove(query["code"], _binding(login))
        # Noted only now: before somebody has logged in, nothing is written, whatever a robot sends here.
        if not self._services.sessions.use_once(login["state"], _STATE_KEPT):
            raise not_proved()
        match login["purpose"]:
            case "account":
                reply = self._to_account(request, identity, login["state"])
            case "own":
                reply = self._own_logins.add_google(request, identity, login.get("account", ""))
            case "district":
                reply = self._through_district(request, identity, hub.provider, login["district"], login["state"])
        reply.cookies[LOGIN_COOKIE] = None
        return reply

    def _restart(self, request: Request, hub: Hub) -> Reply:
        """The portal's code is bound to nothing of ours, so it is not used: the login is started again.

        A hub that drops the state would send the browser round for ever, so a few restarts a minute are the most.
        """
        opened = self._services.sealed("login").open(request.cookies.get(LOGIN_COOKIE), _RESTART_SECONDS)
        restarts = cast(_StartedLogin, opened).get("restarts", 0) if opened else 0
        if restarts >= _MOST_RESTARTS:
            raise LoginRefused("login_begun_elsewhere", "The login does not come back to this window. Log in again.")
        return self._start(hub.provider, "district", restarts=restarts + 1)

    def _was_answered(self, request: Request) -> bool:
        """Whether this very answer made the session of this browser: a refresh, or a step back, shows what it led to."""
        session = self._contexts.of(request).session if self._contexts.session_id(request) else None
        return bool(session and session.answer and session.answer == answer_hash(request.query.get("state", "")))

    def _started_login(self, request: Request, provider: str) -> _StartedLogin:
        """The login that this browser started and that is answered now. Raises LoginRefused."""
        opened = self._services.sealed("login").open(request.cookies.get(LOGIN_COOKIE), _LOGIN_SECONDS)
        if opened is None:
            raise LoginRefused("login_begun_elsewhere", "The login was not begun in this window. Log in again.")
        login = cast(_StartedLogin, opened)
        if login["provider"] != provider or request.query.get("state") != login["state"]:
            raise not_proved()
        return login

    def _note_return(self, login: _StartedLogin) -> None:
        """The browser is back from the hub, whatever it brings; the same answer again is one."""
        if (district_id := login.get("district")) and not login.get("is_back"):
            self._services.hub_returns.returned(district_id, login["provider"], login["state"], login.get("counted", 0))

    def _hub(self, provider: str) -> Hub:
        hub = self._services.hubs.get(cast(Provider, provider))
        if hub is None:
            raise _provider_not_used()
        return hub

    def _to_account(self, request: Request, identity: Identity, state: str) -> Reply:
        account_id = self._services.identifiers.account_by_subject(*subject_key(identity))
        account_id = account_id or self._own_logins.account_opened_by(google_login_id(subject_key(identity)))
        if account_id is None:
            if district_id := self._school_of(request, identity):
                return self._through_district(request, identity, "google", district_id, state)
            return self._login.show(request, problem="no_account_with_google", status=401)
        name = mask_email(normalise(identity.email))
        return self._login.enter(request, account_id, identity_hash(*subject_key(identity)), name)

    def _school_of(self, request: Request, identity: Identity) -> str | None:
        """The district whose own account at Google this is: with it the login is the district's, wherever it was begun.

        None for a browser that came through its district already: it is asked for another account.
        """
        address = normalise(identity.email) if identity.email_verified else None
        district_id = self._services.districts.by_domain(domain_of(address)) if address else None
        if district_id is None or "google" not in self._services.districts.get(district_id).identity_providers:
            return None
        session = self._login.context_before(request).session
        return None if session and session.user else district_id

    def _through_district(
        self, request: Request, identity: Identity, provider: Provider, district_id: str | None, state: str
    ) -> Reply:
        district = self._district_of_login(identity, provider, district_id)
        try:
            found = self._find_roster_user.of(identity, self._hub(provider), district)
        except LoginRefused as refused:
            if reply := self._as_approver(request, identity, provider, district, state):
                return reply
            if refused.code == "not_on_roster":
                self._note_stranger(identity, provider, district)
            raise
        user = found.user
        self._services.rate_limiter.hit(limits.DISTRICT_LOGIN, district.district_id, by=user.key.person_id)
        proof = Proof.of_hub(provider)
        context = self._login.context_before(request)
        earlier = context.session or context.unconfirmed
        session = Session(
            user=user.key,
            proof=proof,
            subject=subject_key(identity),
            proved_at=to_iso(self._services.clock()),
            verified_email=normalise(identity.email) if proof.verifies_addresses and identity.email_verified else None,
            aliases=identity.aliases,
            found_by=found.by,
            row=row_of(user),
            answer=answer_hash(state),
        )
        if user.role is Role.ADMINISTRATOR:
            return self._contexts.begin_session(session, self._console(request, district), instead_of=earlier)
        self._contexts.note_opened(request, user.key)
        login = self._link_accounts.at_district_login(user, proof, district, identity, found.by)
        self._class_day.arrived(user.role, login, context.proven)
        session = replace(session, user=login.user)
        if login.account_id:
            session = replace(session, account_id=login.account_id, federated_identity=login.federated_identity)
            session = replace(session, waiting=self._login.waiting_for(context, session))
        if login.outcome is DistrictLoginOutcome.CHOICE_NEEDED and self._contexts.said_new(request, session.user):
            begun = self._services.sessions.start(session, self._services.new_secret(), instead_of=earlier)
            return self._new_account(begun, district)
        address = CONFIRM_ADDRESS if session.waiting else _ADDRESSES[login.outcome]
        return self._contexts.begin_session(session, address, instead_of=earlier)

    def _note_stranger(self, identity: Identity, provider: Provider, district: District) -> None:
        """Let the district see who came with its own hub, or an address that Google verified in its domain, and is on no row."""
        address = normalise(identity.email)
        is_at_home = address is not None and identity.email_verified and domain_of(address) in district.login_domains
        if provider == "google" and not is_at_home:
            return
        hashed = identity_hash(*subject_key(identity))
        name = f"{identity.given_name} {identity.family_name}".strip()[:_LONGEST_NAME]
        stranger = Stranger(provider, name, (address or "") if is_at_home else "", to_iso(self._services.clock()))
        self._services.strangers.note(district.district_id, hashed, stranger)

    def _as_approver(
        self, request: Request, identity: Identity, provider: Provider, district: District, state: str
    ) -> Reply | None:
        """The console, for who approved an import within the last day that left them off the roster; None for anybody else."""
        subject = subject_key(identity)
        kept = self._services.ways_in.of(district.district_id, identity_hash(*subject), self._services.clock())
        if kept is None:
            return None
        context = self._login.context_before(request)
        session = Session(
            user=kept.user, proof=Proof.of_hub(provider), subject=subject, proved_at=to_iso(self._services.clock()),
            answer=answer_hash(state),
        )  # fmt: skip
        address = f"/console/{district.district_id}/imports"
        return self._contexts.begin_session(session, address, instead_of=context.session or context.unconfirmed)

    def _console(self, request: Request, district: District) -> str:
        """The district's console: the page of it that was asked for before the login, as from a mail."""
        console, wanted = f"/console/{district.district_id}", self._contexts.wanted(request)
        return wanted if wanted and wanted.startswith(f"{console}/") else console

    def _district_of_login(self, identity: Identity, provider: Provider, district_id: str | None) -> District:
        """A login counts for a district only with that district's own id at the hub, where the hub names districts (M21)."""
        if provider != "google":
            named = self._services.districts.by_tenant(provider, identity.tenant) if identity.tenant else None
            if named is None or (district_id is not None and named != district_id):
                raise LoginRefused("other_district", "This account belongs to another district.")
            district_id = named
        district, refused = self._services.districts.claimed(district_id or "")
        if district is None:
            raise unknown_district()
        if refused:
            metric("ClaimDisputed")
        if provider not in district.identity_providers:
            raise _provider_not_used()
        return district


def _note_refusal(provider: str, error: str) -> None:
    """Which error came instead of a login; what is no name of one is not written down."""
    logger.info("hub refused", extra={"hub": provider, "hub_error": error if _ERROR_NAME.fullmatch(error) else "?"})


def _binding(login: _StartedLogin) -> Binding:
    return Binding(login["state"], login["nonce"], login["verifier"], login.get("tenant", ""))


def _provider_not_used() -> LoginRefused:
    return LoginRefused("provider_not_used", "Your district does not use this way to log in. Choose another one.")
