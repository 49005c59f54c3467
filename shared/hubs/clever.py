"""Clever: a login says which district it is of, and verifies no address (M10, M12; docs/hubs.md has what it really does)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import isfinite
from time import sleep
from typing import TYPE_CHECKING, ClassVar, TypedDict, Unpack
from urllib.parse import quote, urlencode

from shared.domain.clock import Clock
from shared.domain.errors import LoginRefused
from shared.domain.roster import NumberKind
from shared.hubs.connection import connection
from shared.hubs.hub import IN_TROUBLE, Binding, Identity, Number, Provider, not_proved, unreachable
from shared.hubs.oidc import OidcProvider, challenge, id_of, text_of

if TYPE_CHECKING:
    import requests

    from shared.domain.district import District

_ISSUER, _API = "https://clever.com", "https://api.clever.com"
_TIMEOUT = 5
_PAUSES = (0.3, 1.0)
"""Seconds before each further try where Clever answers with a fault of its own; its codes are good for a minute."""
_TOO_MANY, _ITS_FAULT = 429, frozenset({500, 502, 503, 504})
_WINDOW_SECONDS = 60.0
"""Clever counts requests by the minute, for each token."""
_LONGEST_WAIT = 2.0
"""Seconds that a person waits within a login for a window to end."""
_TOKEN_KEPT_SECONDS = 300
"""So long a district's token is used without asking for it again."""
_TOO_LATE = ("invalid code", "invalid_grant")
_NUMBERS = (
    ("student", "sis_id", NumberKind.STUDENT),
    ("teacher", "sis_id", NumberKind.TEACHER),
    ("staff", "staff_id", NumberKind.STAFF),
)
"""Where Clever says a person's number, by role."""
_STAFF_TYPES = frozenset({"teacher", "staff", "district_admin", "district admin"})


class _Options(TypedDict, total=False):
    """What a request to Clever has besides its address."""

    json: dict[str, str]
    auth: tuple[str, str]
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class _DistrictToken:
    text: str
    fetched_at: float


class Clever:
    """Logins with Clever through a district: OAuth, and an id token where Clever switched OpenID Connect on for us.

    Clever's interface is on a host of its own; a double has one for both. A subject is the id of version 3, which an id token calls
    ``sub``; the id of before is its alias.
    """

    provider: ClassVar[Provider] = "clever"
    restarts: ClassVar[bool] = True

    def __init__(
        self,
        issuer: str,
        client_id: str,
        client_secret: Callable[[], str],
        redirect_uri: str,
        clock: Clock,
        session: requests.Session | None = None,
        *,
        wait: Callable[[float], None] = sleep,
    ) -> None:
        self.issuer = issuer
        self.client_id = client_id
        self._client_secret = client_secret
        self._redirect_uri = redirect_uri
        self._clock = clock
        self._api_url = _API if issuer == _ISSUER else issuer
        self._session = session
        self._wait = wait
        self._oidc = OidcProvider(issuer, client_id, client_secret, redirect_uri, clock, session)
        self._district_tokens: dict[str, _DistrictToken] = {}
        self._busy_until: dict[str, float] = {}
        """By token that asked too much: until when (seconds)."""

    # The way there

    def authorize(self, binding: Binding, district: District | None = None, *, from_portal: bool = False) -> str:
        """As ``Hub.authorize``. The nonce counts where an id token comes; PKCE is sent, and not relied on.

        Clever asks "is this you?" on a device that somebody else may have used before, except after its own portal, where the
        person was just chosen.
        """
        query = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self._redirect_uri,
            "state": binding.state,
            "nonce": binding.nonce,
            "code_challenge_method": "S256",
            "code_challenge": challenge(binding.verifier),
            "return_unshared": "true",
        }
        if not from_portal:
            query["confirmed"] = "false"
        if district is not None:
            if not district.clever_district_id:
                raise LoginRefused(
                    "clever_not_set_up", "Your district has not set up Clever here yet. Ask your district's support."
                )
            query["district_id"] = district.clever_district_id
        return f"{self.issuer}/oauth/authorize?{urlencode(query)}"

    def refusal(self, answer: Mapping[str, str]) -> LoginRefused:
        """As ``Hub.refusal``."""
        match answer.get("error"):
            case "unauthorized-user":
                return LoginRefused("hub_not_shared", "Your district has not shared this application with you.")
            case "access_denied":
                return LoginRefused("login_cancelled", "The login was cancelled.")
            case None:
                return not_proved()
            case _:
                return LoginRefused("hub_refused", "The login service sent an error instead of a login.")

    # What was proved

    def prove(self, code: str, binding: Binding) -> Identity:
        """As ``Hub.prove``. What the token says by itself (``/me``) is who it is; an id token and ``/userinfo`` agree with it."""
        answer = self._redeemed(code, binding)
        token = text_of(answer.get("access_token"))
        if token is None:
            raise not_proved()
        me = _data(self._of_login("/v3.1/me", token))
        subject, tenant = id_of(me.get("id")), id_of(me.get("district"))
        if subject is None:
            raise not_proved()
        if tenant is None or me.get("authorized_by") == "teacher":
            raise LoginRefused("hub_library", "A Clever Library account names no district.")
        id_token = answer.get("id_token")
        if id_token is not None:
            claims = self._oidc.checked_claims(str(id_token), binding.nonce)
            _agree(claims, subject, tenant)
        says = self._userinfo(token)
        _agree(says, subject, tenant)
        return _identity(self.issuer, subject, tenant, says)

    def _redeemed(self, code: str, binding: Binding) -> dict[str, object]:
        body = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri,
            "code_verifier": binding.verifier,
        }
        response = self._ask("POST", f"{self.issuer}/oauth/tokens", json=body, auth=self._basic())
        if response.status_code == 400 and any(word in response.text.lower() for word in _TOO_LATE):
            raise LoginRefused("login_too_late", "This login was used already, or is over. Log in again.")
        return self._object(response)

    def _userinfo(self, token: str) -> dict[str, object]:
        """What more there is; nothing where this app may not see it."""
        response = self._ask("GET", f"{self._api_url}/userinfo", headers=_bearer(token))
        return self._object(response) if response.status_code == 200 else {}

    def _of_login(self, path: str, token: str) -> dict[str, object]:
        return self._object(self._ask("GET", f"{self._api_url}{path}", headers=_bearer(token)))

    # What the district's own token sees

    def look_up(self, identity: Identity) -> Identity:
        """As ``Hub.look_up``: numbers are seen by the token that the district gave us, if it gave one."""
        if identity.tenant is None:
            return identity
        try:
            says = self._user(identity.subject, identity.tenant)
        except LoginRefused as refused:
            if refused.code in IN_TROUBLE:
                raise
            return identity
        return _with_roles(identity, says) if says else identity

    def _user(self, subject: str, tenant: str) -> dict[str, object] | None:
        """What Clever says of a person of a district. A token is replaced when the district connects anew: then once more."""
        for is_fresh in (False, True):
            token = self._district_token(tenant, is_fresh=is_fresh)
            if token is None:
                return None
            url = f"{self._api_url}/v3.1/users/{quote(subject, safe='')}"
            response = self._ask("GET", url, headers=_bearer(token))
            if response.status_code == 200:
                return _data(self._object(response))
            if response.status_code != 401:
                return None
        return None

    def _district_token(self, tenant: str, *, is_fresh: bool) -> str | None:
        now = self._clock().timestamp()
        kept = self._district_tokens.get(tenant)
        if kept and not is_fresh and now - kept.fetched_at < _TOKEN_KEPT_SECONDS:
            return kept.text
        query = urlencode({"owner_type": "district", "district": tenant})
        response = self._ask("GET", f"{self.issuer}/oauth/tokens?{query}", auth=self._basic())
        found = self._object(response).get("data") if response.status_code == 200 else None
        tokens = [_token_of(each, tenant) for each in found] if isinstance(found, list) else []
        token = next((each for each in tokens if each), None)
        if token is not None:
            self._district_tokens[tenant] = _DistrictToken(token, now)
        return token

    # Requests

    def _basic(self) -> tuple[str, str]:
        return self.client_id, self._client_secret()

    def _ask(self, method: str, url: str, **options: Unpack[_Options]) -> requests.Response:
        """Ask Clever, and again where the fault is its own, or where too many asked and it says that it is soon over.

        A token that has asked too much asks nothing more until then: further requests would be refused, too. Raises
        LoginRefused ``hub_busy`` and ``issuer_unreachable``.
        """
        bearer = options.get("headers", {}).get("Authorization", "")
        if self._busy_until.get(bearer, 0) > self._clock().timestamp():
            raise _busy()
        for pause in (*_PAUSES, None):
            response = self._once(method, url, options)
            wait = self._seconds_to_wait(response, pause)
            if wait is None:
                return response
            if pause is None or wait > _LONGEST_WAIT:
                break
            self._wait(wait)
        if response.status_code == _TOO_MANY and bearer:
            now = self._clock().timestamp()
            self._busy_until = {other: until for other, until in self._busy_until.items() if until > now}
            self._busy_until[bearer] = now + _seconds_to_reset(response.headers, now)
        raise _busy()

    def _once(self, method: str, url: str, options: _Options) -> requests.Response:
        import requests

        session = self._session = self._session or connection()
        try:
            return session.request(method, url, timeout=_TIMEOUT, allow_redirects=False, **options)
        except requests.RequestException:
            raise unreachable() from None

    def _seconds_to_wait(self, response: requests.Response, pause: float | None) -> float | None:
        """Before the same is asked again; None for an answer that is one."""
        if response.status_code == _TOO_MANY:
            return _seconds_to_reset(response.headers, self._clock().timestamp())
        return pause or 0.0 if response.status_code in _ITS_FAULT else None

    def _object(self, response: requests.Response) -> dict[str, object]:
        """A good answer's JSON object; errors come as pages, too. Raises LoginRefused."""
        try:
            body = response.json() if response.status_code == 200 else None
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise not_proved()
        return body


def _busy() -> LoginRefused:
    return LoginRefused("hub_busy", "The login service is busy. Wait a minute, and log in again.")


def _seconds_to_reset(headers: Mapping[str, str], now: float) -> float:
    """How long Clever takes no more requests: at most a minute, as long as its windows are, and that where it does not say."""
    try:
        seconds = (
            float(headers["Retry-After"]) if "Retry-After" in headers else float(headers["X-RateLimit-Reset"]) - now
        )
    except (KeyError, ValueError):
        return _WINDOW_SECONDS
    return min(max(seconds, 0.0), _WINDOW_SECONDS) if isfinite(seconds) else _WINDOW_SECONDS


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _data(answer: Mapping[str, object]) -> dict[str, object]:
    data = answer.get("data")
    if not isinstance(data, dict):
        raise not_proved()
    return data


def _token_of(entry: object, tenant: str) -> str | None:
    """The token of an entry of the list of districts' tokens, where it is this district's."""
    owner = entry.get("owner") if isinstance(entry, dict) else None
    is_its = isinstance(owner, dict) and owner.get("type") == "district" and owner.get("id") == tenant
    return text_of(entry.get("access_token")) if isinstance(entry, dict) and is_its else None


def _agree(says: Mapping[str, object], subject: str, tenant: str) -> None:
    """Whether what comes from elsewhere is about the same person. Raises LoginRefused."""
    for name, expected in (("sub", subject), ("multi_role_user_id", subject), ("district", tenant)):
        if says.get(name) not in (None, "", expected):
            raise not_proved()


def _identity(issuer: str, subject: str, tenant: str, says: Mapping[str, object]) -> Identity:
    """A contact of a student is nobody of the roster, though the address may be the student's."""
    user_type = text_of(says.get("user_type"))
    if user_type == "contact":
        raise LoginRefused("not_on_roster", "You are not on this district's roster. Ask your school to add you.")
    legacy = id_of(says.get("user_id"))
    given_name, family_name = _names(says)
    return Identity(
        issuer,
        subject,
        text_of(says.get("email")) or None,
        email_verified=False,
        tenant=tenant,
        aliases=(legacy,) if legacy and legacy != subject else (),
        is_student=True if user_type == "student" else False if user_type in _STAFF_TYPES else None,
        given_name=given_name,
        family_name=family_name,
    )


def _names(says: Mapping[str, object]) -> tuple[str, str]:
    """Given and family name: an object in Clever's interface, claims of their own in OpenID Connect's."""
    name = says.get("name")
    parts = name if isinstance(name, dict) else {}
    return (
        text_of(parts.get("first")) or text_of(says.get("given_name")) or "",
        text_of(parts.get("last")) or text_of(says.get("family_name")) or "",
    )


def _with_roles(identity: Identity, says: Mapping[str, object]) -> Identity:
    """The identity with what the district told Clever: the numbers of each role, the name and the address."""
    roles = says.get("roles")
    of_roles = roles if isinstance(roles, dict) else {}
    numbers = []
    for role, name, kind in _NUMBERS:
        about = of_roles.get(role)
        number = id_of(about.get(name)) if isinstance(about, dict) else None
        if number is not None:
            numbers.append(Number(number, kind))
    given_name, family_name = _names(says)
    if not (given_name or family_name):
        given_name, family_name = identity.given_name, identity.family_name
    return replace(
        identity,
        numbers=tuple(numbers),
        email=text_of(says.get("email")) or identity.email,
        given_name=given_name,
        family_name=family_name,
    )
