"""OpenID Connect, as most hubs speak it: discovery, codes, signed id tokens (M10, M12)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple
from urllib.parse import urlencode

from shared.domain.clock import Clock
from shared.domain.errors import LoginRefused
from shared.hubs.connection import connection
from shared.hubs.hub import Binding, Identity, Provider, not_proved, unreachable

if TYPE_CHECKING:
    import requests
    from joserfc.jwk import Key, KeySet

    from shared.domain.district import District

_TIMEOUT = 5
_TRIES = 2
_OK, _TOO_MANY, _TROUBLE = 200, 429, 500
_CLOCK_SKEW = 300
"""Seconds that the hub's clock may be ahead of ours or behind it: of a login's life they lengthen nothing that counts once."""
_KEYS_KEPT_SECONDS = 600
"""So long a key that an issuer has revoked can still count."""
_LONGEST_ID = 400
"""Bytes of an issuer's id of a person or a district."""
_REFETCH_PAUSE_SECONDS = 60
"""At most so often an unknown key id has the keys fetched anew: any login can name one."""


class _Metadata(NamedTuple):
    """The addresses of an issuer (OpenID Connect Discovery 1.0 §3)."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None


_NEEDED = set(_Metadata._fields) - set(_Metadata._field_defaults)


@dataclass(frozen=True, slots=True)
class _Keys:
    """The keys that an issuer signs with, and when they were fetched (seconds)."""

    of_issuer: KeySet
    fetched_at: float

    def has(self, key_id: str | None) -> bool:
        return key_id is None or any(key.kid == key_id for key in self.of_issuer.keys)


class OidcProvider:
    """One OIDC issuer: discovery, authorization code with PKCE, signed id tokens (OpenID Connect Core 1.0 §3.1).

    A hub of its own is a subclass, which says what else it wants and gives.
    """

    provider: ClassVar[Provider]
    restarts: ClassVar[bool] = False
    not_shared: ClassVar[frozenset[str]] = frozenset()
    """Errors in place of a code that only an administrator of the district can mend, at the hub."""

    def __init__(
        self,
        issuer: str,
        client_id: str,
        client_secret: Callable[[], str],
        redirect_uri: str,
        clock: Clock,
        session: requests.Session | None = None,
    ) -> None:
        self.issuer = issuer
        self.client_id = client_id
        self._client_secret = client_secret
        self._redirect_uri = redirect_uri
        self._clock = clock
        self._http = session
        self._metadata: _Metadata | None = None
        self._keys: _Keys | None = None

    def authorize(
        self,
        binding: Binding,
        district: District | None = None,
        *,
        from_portal: bool = False,  # noqa: ARG002 - of the protocol: only Clever asks differently then
    ) -> str:
        """As ``Hub.authorize``. Raises LoginRefused when the issuer cannot be reached."""
        query = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self._redirect_uri,
            "state": binding.state,
            **self._asked(binding),
            **self._hints(district),
        }
        return f"{self._discover().authorization_endpoint}?{urlencode(query)}"

    def _asked(self, binding: Binding, /) -> dict[str, str]:
        """The scope, and what ties the answer to this login besides the state."""
        return {
            "scope": "openid email profile",
            "nonce": binding.nonce,
            "code_challenge_method": "S256",
            "code_challenge": challenge(binding.verifier),
        }

    def look_up(self, identity: Identity) -> Identity:
        """As ``Hub.look_up``: a login says all that the hub knows."""
        return identity

    def refusal(self, answer: Mapping[str, str]) -> LoginRefused:
        """As ``Hub.refusal``."""
        error = answer.get("error")
        if error is None:
            return not_proved()
        if error in self.not_shared:
            return LoginRefused("hub_not_shared", "Your district has not allowed this application for you yet.")
        if error == "access_denied":
            return LoginRefused("login_cancelled", "The login was cancelled.")
        if error in ("temporarily_unavailable", "server_error"):
            return unreachable()
        return LoginRefused("hub_refused", "The login service sent an error instead of a login.")

    def _hints(self, _district: District | None, /) -> dict[str, str]:
        """Parameters of the hub's own, which choose the district or the accounts that it offers. Raises LoginRefused."""
        return {}

    def prove(self, code: str, binding: Binding) -> Identity:
        """As ``Hub.prove``."""
        token = self._redeem(code, binding).get("id_token")
        if not isinstance(token, str):
            raise not_proved()
        return self._checked(token, binding.nonce)

    def _redeem(self, code: str, binding: Binding) -> dict[str, object]:
        """What the token endpoint gives for a code. Raises LoginRefused."""
        return self._answer(self._discover().token_endpoint, data=self._token_form(code, binding))

    def _token_form(self, code: str, binding: Binding) -> dict[str, str]:
        return {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri,
            "code_verifier": binding.verifier,
            "client_id": self.client_id,
            "client_secret": self._client_secret(),
        }

    def _answer(
        self,
        url: str,
        *,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
    ) -> dict[str, object]:
        """The JSON object with which the hub answers a request of this login: a POST where there is ``data``.

        Raises LoginRefused: ``issuer_unreachable`` where it has trouble of its own, ``login_too_late`` for a code that is used
        or over, ``hub_busy`` where it is asked too much, ``not_proved`` where it refuses otherwise.
        """
        response = self._request(url, data, headers, auth)
        if response.status_code == _TOO_MANY:  # mostly said by a page, or by nothing at all
            raise _busy()
        try:
            body = _object(response)
        except ValueError:
            raise not_proved() from None
        if response.status_code == _OK:
            return body
        if body.get("error") == "invalid_grant":
            raise LoginRefused("login_too_late", "This login was used already, or is over. Log in again.")
        raise not_proved()

    def _request(
        self,
        url: str,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
    ) -> requests.Response:
        """The hub's answer where it has no trouble of its own; it is asked twice.

        A request that was not answered in time is not sent again: it may have used the code up. Raises LoginRefused.
        """
        import requests

        http = self._http = self._http or connection()
        for _ in range(_TRIES):
            try:
                if data is None:
                    response = http.get(url, headers=headers, auth=auth, timeout=_TIMEOUT, allow_redirects=False)
                else:
                    response = http.post(
                        url, data=data, headers=headers, auth=auth, timeout=_TIMEOUT, allow_redirects=False
                    )
            except requests.Timeout:
                break
            except requests.RequestException:
                continue
            if response.status_code < _TROUBLE:
                return response
        raise unreachable()

    def checked_claims(self, token: str, nonce: str) -> dict[str, object]:
        """The claims of an id token that this issuer signed for this login. Raises LoginRefused."""
        from joserfc import jwt
        from joserfc.errors import JoseError

        try:
            decoded = jwt.decode(token, self._key_set(_key_id(token)), algorithms=["RS256", "ES256"])
            rules = jwt.JWTClaimsRegistry(
                now=lambda: int(self._clock().timestamp()),
                leeway=_CLOCK_SKEW,
                iss={"essential": True},
                aud={"essential": True, "value": self.client_id},
                exp={"essential": True},
                sub={"essential": True},
                nonce={"essential": True, "value": nonce},
            )
            rules.validate(decoded.claims)
            self._check_authorized_party(decoded.claims)
            self._check_issuer(decoded.claims)
        except (JoseError, ValueError, KeyError, TypeError):
            raise not_proved() from None
        return dict(decoded.claims)

    def _checked(self, token: str, nonce: str) -> Identity:
        claims = self.checked_claims(token, nonce)
        if (subject := id_of(claims["sub"])) is None:
            raise not_proved()
        return self._identity(subject, claims)

    def _identity(self, subject: str, claims: Mapping[str, object], /) -> Identity:
        """What the claims of a checked token say."""
        return Identity(self.issuer, subject, text_of(claims.get("email")), claims.get("email_verified") is True)

    def _check_issuer(self, claims: Mapping[str, object]) -> None:
        """Raises ValueError for a token that another issuer made."""
        if claims["iss"] != self.issuer:
            raise ValueError("another issuer")

    def _check_authorized_party(self, claims: Mapping[str, object]) -> None:
        """``azp`` names us wherever it stands, and stands wherever there is more than one audience (Core §3.1.3.7).

        Raises ValueError.
        """
        audience = claims["aud"]
        if claims.get("azp", self.client_id) != self.client_id:
            raise ValueError("made for another party")
        if isinstance(audience, list) and len(audience) > 1 and "azp" not in claims:
            raise ValueError("made for several parties")

    def _key_set(self, key_id: str | None) -> KeySet:
        """The issuer's keys, at most ten minutes old: a key that it revoked is refused from then on.

        A key id that is not among them has them fetched once more, at most once a minute.
        """
        from joserfc.jwk import KeySet

        now = self._clock().timestamp()
        kept = self._keys
        age = now - kept.fetched_at if kept else _KEYS_KEPT_SECONDS
        if kept is None or age >= _KEYS_KEPT_SECONDS or (not kept.has(key_id) and age >= _REFETCH_PAUSE_SECONDS):
            keys = KeySet(list(_understood(self._get(self._discover().jwks_uri).get("keys"))))
            kept = self._keys = _Keys(keys, now)
        return kept.of_issuer

    def _discover(self) -> _Metadata:
        if self._metadata is None:
            metadata = self._get(f"{self.issuer}/.well-known/openid-configuration")
            found = {name: text for name in _Metadata._fields if (text := text_of(metadata.get(name)))}
            if metadata.get("issuer") != self._issuer_in_metadata or not found.keys() >= _NEEDED:
                raise not_proved()
            self._metadata = _Metadata(**found)
        return self._metadata

    @property
    def _issuer_in_metadata(self) -> str:
        """What the hub's metadata must name as issuer (Discovery §4.3)."""
        return self.issuer

    def _get(self, url: str) -> dict[str, object]:
        """What the hub publishes at an address. Raises LoginRefused."""
        response = self._request(url)
        if response.status_code == _TOO_MANY:
            raise _busy()
        try:
            if response.status_code == _OK:
                return _object(response)
        except ValueError:
            pass
        raise unreachable()


def _busy() -> LoginRefused:
    return LoginRefused("hub_busy", "The login service is busy. Wait a minute, and log in again.")


def _object(response: requests.Response) -> dict[str, object]:
    """A JSON object, and nothing else. Raises ValueError."""
    body = response.json()
    if not isinstance(body, dict):
        raise ValueError("no JSON object")
    return body


def _understood(keys: object) -> Iterator[Key]:
    """The keys of a set that are of a known kind: another one, of tomorrow, stops nobody (RFC 7517 §5)."""
    from joserfc.errors import JoseError
    from joserfc.jwk import import_key

    for key in keys if isinstance(keys, list) else ():
        with suppress(JoseError, ValueError, KeyError, TypeError):
            yield import_key(key)


def _key_id(token: str) -> str | None:
    """The id of the key that a token says it is signed with. Raises JoseError and ValueError."""
    from joserfc import jws

    return text_of(jws.extract_compact(token.encode()).headers().get("kid"))


def text_of(value: object) -> str | None:
    """A text; None for anything else."""
    return value if isinstance(value, str) else None


def id_of(value: object) -> str | None:
    """An id of an issuer's; None for what is none: nothing, no text, or one that fits into no key."""
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    is_id = text.isprintable() and 0 < len(text.encode("utf-8", "replace")) <= _LONGEST_ID
    return text if is_id and text.strip() else None


def challenge(verifier: str) -> str:
    """The S256 challenge of a PKCE verifier (RFC 7636 §4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
