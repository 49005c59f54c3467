"""Logging in with Google to an account, and with Google or Clever through the district (M10, M12)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Literal, NotRequired, TypedDict, cast

from functions.pages import limits
from functions.pages.dependencies import Services
from functions.pages.http import LOGIN_COOKIE, Reply, Request, page, see_other
from functions.pages.login.login import CONFIRM_ADDRESS, LoginPages
from functions.pages.request_context import RequestContexts, not_on_roster
from shared.domain.clock import to_iso
from shared.domain.district import District
from shared.domain.email_address import domain_of, normalise
from shared.domain.errors import LoginRefused
from shared.domain.federated_identity import identity_hash
from shared.domain.link import Proof
from shared.domain.matching import is_same_person
from shared.domain.roster import Role, RosterUser
from shared.hubs.oidc import Identity, OidcProvider, Provider, not_proved, subject_key
from shared.runtime.masking import mask_email
from shared.runtime.observability import metric
from shared.stores.districts import unknown_district
from shared.stores.identifier_index import person_of
from shared.stores.sessions import Session
from shared.use_cases.link_accounts import DistrictLoginOutcome

_LOGIN_SECONDS = 600
_STATE_KEPT = timedelta(minutes=15)
_ADDRESSES = {
    DistrictLoginOutcome.ALREADY_LINKED: "/home",
    DistrictLoginOutcome.LINKED_BY_RULE: "/home?linked=1",
    DistrictLoginOutcome.CONSENT_NEEDED: "/link",
    DistrictLoginOutcome.CONFIRMATION_NEEDED: "/welcome",
    DistrictLoginOutcome.CHOICE_NEEDED: "/welcome",
}


class _StartedLogin(TypedDict):
    """What the cookie of a login holds until the issuer sends the browser back. ``district`` is None where Clever says it."""

    provider: Provider
    state: str
    nonce: str
    verifier: str
    purpose: Literal["account", "district"]
    district: NotRequired[str | None]


class FederatedLoginPages:
    """A login by OpenID Connect ends as any other does: with a session under a fresh id."""

    def __init__(self, services: Services, contexts: RequestContexts, login: LoginPages) -> None:
        self._services = services
        self._contexts = contexts
        self._login = login
        self._link_accounts = services.link_accounts()

    def start_google(self, _request: Request) -> Reply:
        return self._start("google", "account")

    def show_district(self, _request: Request, district_id: str) -> Reply:
        district = self._services.districts.get(district_id)
        return page(
            "login/sso",
            district=district.name,
            district_id=district_id,
            providers=district.identity_providers,
            audience=district,
        )

    def start_district(self, _request: Request, district_id: str, provider: str) -> Reply:
        district = self._services.districts.get(district_id)
        if provider == "google" and provider in district.identity_providers:
            hosted_domain = district.email_domains[0] if len(district.email_domains) == 1 else None
            return self._start("google", "district", district_id, {"hd": hosted_domain})
        if provider == "clever" and provider in district.identity_providers:
            if not district.clever_district_id:
                raise LoginRefused(
                    "clever_not_set_up", "Your district has not set up Clever here yet. Ask your district's support."
                )
            return self._start("clever", "district", district_id, {"district_id": district.clever_district_id})
        raise _provider_not_used()

    # To the issuer and back

    def _start(
        self,
        provider: Provider,
        login_for: Literal["account", "district"],
        district_id: str | None = None,
        hints: Mapping[str, str | None] | None = None,
    ) -> Reply:
        """On to the issuer. ``hints`` are parameters of its own, which choose the district or the accounts that it offers."""
        login = _StartedLogin(
            provider=provider,
            state=self._services.new_secret(),
            nonce=self._services.new_secret(),
            verifier=self._services.new_secret(),
            purpose=login_for,
        )
        if login_for == "district":
            login["district"] = district_id
        address = self._issuer(provider).authorization_url(
            state=login["state"], nonce=login["nonce"], verifier=login["verifier"], hints=hints
        )
        return see_other(address, **{LOGIN_COOKIE: self._services.sealed("login").seal(login)})

    def callback(self, request: Request, provider: str) -> Reply:
        """The browser came back: state, nonce and PKCE are bound to it, and count once (ASVS 10.1.2)."""
        if provider == "clever" and "state" not in request.query and "error" not in request.query:
            # Clever's portal starts a login by itself: its code is bound to nothing of ours, so it is not used.
            return self._start("clever", "district")
        login = self._started_login(request, provider)
        identity = self._issuer(login["provider"]).identity(
            code=request.query["code"], nonce=login["nonce"], verifier=login["verifier"]
        )
        # Noted only now: before somebody has logged in, nothing is written, whatever a robot sends here.
        if not self._services.sessions.use_once(login["state"], _STATE_KEPT):
            raise not_proved()
        if login["purpose"] == "account":
            reply = self._to_account(request, identity)
        else:
            reply = self._through_district(request, identity, login["provider"], login["district"])
        reply.cookies[LOGIN_COOKIE] = None
        return reply

    def _started_login(self, request: Request, provider: str) -> _StartedLogin:
        """The login that this browser started and that is answered now. Raises LoginRefused."""
        opened = self._services.sealed("login").open(request.cookies.get(LOGIN_COOKIE), _LOGIN_SECONDS)
        if opened is None or "code" not in request.query:
            raise not_proved()
        login = cast(_StartedLogin, opened)
        if login["provider"] != provider or request.query.get("state") != login["state"]:
            raise not_proved()
        return login

    def _issuer(self, provider: Provider) -> OidcProvider:
        return self._services.google if provider == "google" else self._services.clever

    def _to_account(self, request: Request, identity: Identity) -> Reply:
        account_id = self._services.identifiers.account_by_subject(*subject_key(identity))
        if account_id is None:
            return self._login.show(request, problem="no_account_with_google", status=401)
        name = mask_email(normalise(identity.email))
        return self._login.enter(request, account_id, identity_hash(*subject_key(identity)), name)

    def _through_district(
        self, request: Request, identity: Identity, provider: Provider, district_id: str | None
    ) -> Reply:
        district = self._district_of_login(identity, provider, district_id)
        user = self._roster_user(identity, provider, district)
        if user is None:
            raise not_on_roster()
        self._services.rate_limiter.hit(limits.DISTRICT_LOGIN, district.district_id)
        proof = Proof.DISTRICT_LOGIN_GOOGLE if provider == "google" else Proof.DISTRICT_LOGIN_CLEVER
        context = self._login.context_before(request)
        earlier = context.session or context.unconfirmed
        session = Session(
            user=user.key,
            proof=proof,
            subject=subject_key(identity),
            proved_at=to_iso(self._services.clock()),
            verified_email=normalise(identity.email) if provider == "google" and identity.email_verified else None,
        )
        if user.role is Role.ADMINISTRATOR:
            return self._contexts.begin_session(session, f"/console/{district.district_id}", instead_of=earlier)
        login = self._link_accounts.at_district_login(user, proof, district, identity)
        session = replace(session, user=login.user)
        if login.account_id:
            session = replace(session, account_id=login.account_id, federated_identity=login.federated_identity)
            session = replace(session, waiting=self._login.waiting_for(context, session))
        address = CONFIRM_ADDRESS if session.waiting else _ADDRESSES[login.outcome]
        return self._contexts.begin_session(session, address, instead_of=earlier)

    def _district_of_login(self, identity: Identity, provider: Provider, district_id: str | None) -> District:
        """A Clever login counts for a district only with that district's Clever id."""
        if provider == "clever":
            clever_district = identity.clever_district_id
            named = self._services.districts.by_clever_district(clever_district) if clever_district else None
            if named is None or (district_id is not None and named != district_id):
                raise LoginRefused("other_district", "This Clever account belongs to another district.")
            district_id = named
        district, refused = self._services.districts.claimed(district_id or "")
        if district is None:
            raise unknown_district()
        if refused:
            metric("ClaimDisputed")
        if provider not in district.identity_providers:
            raise _provider_not_used()
        return district

    def _roster_user(self, identity: Identity, provider: Provider, district: District) -> RosterUser | None:
        """The one person of this district's roster whom the login proves: by Clever id, or by a verified address."""
        users = self._services.users
        if provider == "clever":
            # Clever verifies no address, whatever its claims say: a parent's may be the child's.
            found = users.by_clever_id(district.district_id, identity.subject)
            return self._one_of(found, identity)
        address = normalise(identity.email) if identity.email_verified else None
        if address is None:
            return None
        if not {domain_of(address), identity.hosted_domain} <= {*district.login_domains}:
            raise LoginRefused(
                "other_domain", "This Google account does not belong to your district. Choose your school account."
            )
        return self._one_of(users.by_email(district.district_id, address), identity)

    def _one_of(self, users: list[RosterUser], identity: Identity) -> RosterUser | None:
        """The one of several rows whose link knows this login, where they are several people's: a slip in another's row
        locks nobody out."""
        found = _one_human(users)
        if found or not users:
            return found
        known = self._services.links.by_identity(users[0].district_id, identity_hash(*subject_key(identity)))
        linked = {link.user for link in known if link.is_linked}
        if found := next((user for user in users if linked == {user.key}), None):
            return found
        return _one_human_of_two_numbers([user for user in users if user.key in linked] or users)


def _one_human(users: list[RosterUser]) -> RosterUser | None:
    """The one person whom these are. Of somebody who teaches and administers under two numbers, the teacher (M20)."""
    teachers = [user for user in users if user.role is Role.TEACHER]
    if len(users) > 1 and len(teachers) == 1:
        (teacher,) = teachers
        is_one = all(user is teacher or user.is_administrator_of_same_name(teacher) for user in users)
        return teacher if is_one else None
    return users[0] if len(users) == 1 else None


def _one_human_of_two_numbers(users: list[RosterUser]) -> RosterUser | None:
    """Of one human at two schools, under two numbers with one Clever id, the row whose number comes first (M19)."""
    first = min(users, key=lambda user: user.key.person_id)
    are_one = all(user.role is first.role and is_same_person(person_of(user), person_of(first)) for user in users)
    return first if are_one else None


def _provider_not_used() -> LoginRefused:
    return LoginRefused("provider_not_used", "Your district does not use this way to log in. Choose another one.")
