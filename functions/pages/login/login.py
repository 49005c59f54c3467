"""Logging in: with a password, with Google, and through the district (M10, M12)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

from functions.pages.dependencies import Services
from functions.pages.http import LOGIN_COOKIE, SESSION_COOKIE, Reply, Request, page, see_other
from functions.pages.linking.link import LinkPages
from functions.pages.login.password import asked_for_more
from functions.pages.request_context import RequestContext, RequestContexts
from shared.domain.clock import to_iso
from shared.domain.district import District
from shared.domain.email_address import domain_of, normalise
from shared.domain.errors import LoginRefused
from shared.domain.federated_identity import outside
from shared.domain.link import Proof
from shared.domain.roster import Role, RosterUser
from shared.hubs.cognito import Challenge, refused
from shared.hubs.oidc import Identity, OidcProvider, Provider, subject_key
from shared.stores.sessions import Session

_LOGIN_SECONDS = 600
_QUARTER = timedelta(minutes=15)
_MOST_OF_A_DISTRICT = 200_000
"""A district of a million students that begins its day at once stays below."""


class LoginPages:
    """Every login ends with a session under a fresh id; what an earlier one of this browser proved goes along."""

    def __init__(self, services: Services, contexts: RequestContexts, linking: LinkPages) -> None:
        self._services = services
        self._contexts = contexts
        self._linking = linking

    # With a password.

    def show(self, request: Request, *, problem: str | None = None, username: str = "", status: int = 200) -> Reply:
        brought = self._contexts.brought(request)
        candidates = self._linking.candidates(self._contexts.of(request)) if problem else []
        return page(
            "login/login",
            status=status,
            problem=problem,
            username=username,
            candidates=candidates,
            locale=brought.locale if brought else None,
            support_url=brought.support_url if brought else None,
        )

    def with_password(self, request: Request) -> Reply:
        """The same answer for an unknown name and a wrong password, after the same calls (ASVS 6.3.8)."""
        name, password = request.form.get("username", "").strip(), request.form.get("password", "")
        username = self.username_of(name)
        self._services.limits.hit("login", username or "-", most=10, within=_QUARTER)
        self._services.limits.hit("login_from", request.source_ip, most=3000, within=_QUARTER)
        try:
            if not name or not password:
                raise refused()
            found = self._services.passwords.log_in(username, password)
        except LoginRefused as error:
            return self.show(request, problem=error.code, username=name, status=401)
        return asked_for_more(self._services, found) if isinstance(found, Challenge) else self.enter(request, found)

    def username_of(self, name: str) -> str:
        """An address stands for the username of the one account that holds it; a proven claim counts more."""
        address = normalise(name)
        return (self._services.identifiers.username_on_email(address) if address else None) or name

    # With Google, to an existing account.

    def start_google(self) -> Reply:
        return self._start(self._services.google, "google", {"purpose": "account"})

    # Through the district.

    def show_district(self, district_id: str) -> Reply:
        district = self._services.districts.get(district_id)
        return page(
            "login/sso",
            district=district.name,
            district_id=district_id,
            providers=district.identity_providers,
            locale=district.locale,
            support_url=district.support_url,
        )

    def start_district(self, district_id: str, provider: str) -> Reply:
        district = self._services.districts.get(district_id)
        if provider not in district.identity_providers:
            raise LoginRefused(
                "provider_not_used", "Your district does not use this way to log in. Choose another one."
            )
        oidc = self._services.google if provider == "google" else self._services.clever
        if provider == "clever" and not district.clever_district_id:
            raise LoginRefused(
                "clever_not_set_up", "Your district has not set up Clever here yet. Ask your district's support."
            )
        hint = district.email_domains[0] if provider == "google" and len(district.email_domains) == 1 else None
        more = {"district_id": district.clever_district_id} if provider == "clever" else {"hd": hint}
        return self._start(oidc, provider, {"purpose": "district", "district": district_id}, more)

    # The issuer's answer.

    def _start(
        self, oidc: OidcProvider, provider: Provider, what: dict[str, Any], more: dict[str, str | None] | None = None
    ) -> Reply:
        state, nonce, verifier = self._services.new_secret(), self._services.new_secret(), self._services.new_secret()
        address = oidc.authorization_url(state=state, nonce=nonce, verifier=verifier, more=more)
        sealed = self._services.sealed("login").seal(
            {"provider": provider, "state": state, "nonce": nonce, "verifier": verifier, **what}
        )
        return see_other(address, **{LOGIN_COOKIE: sealed})

    def answered(self, request: Request, provider: str) -> Reply:
        """The browser came back: state, nonce and PKCE are bound to it, and count once (ASVS 10.1.2)."""
        if provider not in ("google", "clever"):
            raise LoginRefused("not_proved", "The login could not be confirmed. Start it again.")
        if provider == "clever" and "state" not in request.query and "error" not in request.query:
            # Clever's portal starts a login by itself: its code is bound to nothing of ours, so it is not used.
            return self._start(self._services.clever, "clever", {"purpose": "district", "district": None})
        begun = self._services.sealed("login").open(request.cookies.get(LOGIN_COOKIE), _LOGIN_SECONDS)
        if (
            begun is None
            or begun["provider"] != provider
            or request.query.get("state") != begun["state"]
            or "code" not in request.query
        ):
            raise LoginRefused("not_proved", "The login could not be confirmed. Start it again.")
        oidc = self._services.google if provider == "google" else self._services.clever
        identity = oidc.identity(code=request.query["code"], nonce=begun["nonce"], verifier=begun["verifier"])
        # Noted only now: before somebody has logged in, nothing is written, whatever a robot sends here.
        if not self._services.sessions.use_once(begun["state"], _QUARTER):
            raise LoginRefused("not_proved", "The login could not be confirmed. Start it again.")
        reply = (
            self._account_login(request, identity)
            if begun["purpose"] == "account"
            else self._district_login(request, identity, cast(Provider, provider), begun["district"])
        )
        reply.cookies[LOGIN_COOKIE] = None
        return reply

    def _account_login(self, request: Request, identity: Identity) -> Reply:
        account_id = self._services.identifiers.account_by_subject(*subject_key(identity))
        if account_id is None:
            return self.show(request, problem="no_account_with_google", status=401)
        return self.enter(request, account_id, outside(*subject_key(identity)))

    def _district_login(
        self, request: Request, identity: Identity, provider: Provider, district_id: str | None
    ) -> Reply:
        district = self._district_of_login(identity, provider, district_id)
        user = self._roster_user(identity, provider, district)
        if user is None:
            raise LoginRefused("not_on_roster", "You are not on this district's roster. Ask your school to add you.")
        self._services.limits.hit("district_login", district.district_id, most=_MOST_OF_A_DISTRICT, within=_QUARTER)
        proof = Proof.DISTRICT_LOGIN_GOOGLE if provider == "google" else Proof.DISTRICT_LOGIN_CLEVER
        context = self._before(request)
        before = context.session or context.unconfirmed
        session = Session(
            user=user.key, proof=proof, subject=subject_key(identity), proved_at=to_iso(self._services.clock())
        )
        if user.role is Role.ADMINISTRATOR:
            return self._begin(session, f"/console/{district.district_id}", instead_of=before)
        found = self._linking.at_district_login(user, proof, district, identity)
        if found.account_id:
            session = replace(session, account_id=found.account_id, way=found.way)
            self._confirm(context, session)
        return self._begin(session, found.address, instead_of=before)

    def _district_of_login(self, identity: Identity, provider: Provider, district_id: str | None) -> District:
        """A Clever login counts for a district only with that district's Clever id."""
        if provider == "clever":
            clever_district = str(identity.claims.get("district") or "")
            named = self._services.districts.by_clever_district(clever_district) if clever_district else None
            if named is None or (district_id is not None and named != district_id):
                raise LoginRefused("other_district", "This Clever account belongs to another district.")
            district_id = named
        district = self._services.districts.get(district_id or "")
        if provider not in district.identity_providers:
            raise LoginRefused(
                "provider_not_used", "Your district does not use this way to log in. Choose another one."
            )
        return district

    def _roster_user(self, identity: Identity, provider: Provider, district: District) -> RosterUser | None:
        """The one person of this district's roster whom the login proves: by Clever id, or by a verified address."""
        if provider == "clever":
            by_id = self._services.users.by_clever_id(district.district_id, identity.subject)
            if len(by_id) == 1:
                return by_id[0]
        address = normalise(identity.email) if identity.email_verified else None
        if address is None:
            return None
        if provider == "google" and domain_of(address) not in district.email_domains:
            raise LoginRefused(
                "other_domain", "This Google account does not belong to your district. Choose your school account."
            )
        by_address = self._services.users.by_email(district.district_id, address)
        return by_address[0] if len(by_address) == 1 else None

    # Sessions.

    def enter(self, request: Request, account_id: str, way: str | None = None) -> Reply:
        """Into an account; what an earlier login of this browser proved goes along, to be linked with it."""
        context = self._before(request)
        before = context.session or context.unconfirmed
        keeps = before if before and before.user and (context.unconfirmed or before.account_id is None) else None
        session = replace(keeps or Session(), account_id=account_id, way=way)
        self._confirm(context, session)
        address = "/link" if keeps or self._contexts.brought(request) else "/home"
        return self._begin(session, address, instead_of=before)

    def _before(self, request: Request) -> RequestContext:
        """Who was here before this login; no read for a browser without a session."""
        return self._contexts.of(request) if self._contexts.session_id(request) else RequestContext()

    def _confirm(self, context: RequestContext, session: Session) -> None:
        """An outside login that has to be confirmed is, once this browser gets into the same account without it."""
        waiting = context.unconfirmed
        account_id = session.account_id
        if waiting and waiting.way and account_id and session.way is None and account_id == waiting.account_id:
            self._services.sessions.trust(account_id, waiting.way)

    def _begin(self, session: Session, address: str, *, instead_of: Session | None) -> Reply:
        begun = self._services.sessions.start(session, self._services.new_secret(), instead_of=instead_of)
        return see_other(address, **{SESSION_COOKIE: self._contexts.session_cookie(begun)})

    def leave(self, request: Request) -> Reply:
        if session_id := self._contexts.session_id(request):
            self._services.sessions.end(session_id)
        return see_other("/login", **{SESSION_COOKIE: None})
