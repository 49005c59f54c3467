"""Logins with Google and Clever: OpenID Connect, and the identity that an issuer proves (M10, M12)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple
from urllib.parse import urlencode

import requests
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from shared.domain.clock import Clock
from shared.domain.errors import LoginRefused

type Provider = Literal["google", "clever"]

_TIMEOUT = 5
_CLOCK_SKEW = 60
_KEYS_KEPT_SECONDS = 600
"""So long a key that an issuer has revoked can still count."""
_LONGEST_ID = 400
"""Bytes of an issuer's id of a person or a district."""
_REFETCH_PAUSE_SECONDS = 60
"""At most so often an unknown key id has the keys fetched anew: any login can name one."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What an issuer says of a person; signature, audience, nonce and times were checked."""

    issuer: str
    subject: str
    email: str | None
    email_verified: bool
    clever_district_id: str | None = None
    """Clever's id of the person's district; other issuers name none."""
    hosted_domain: str | None = None
    """The organisation's domain at Google that this account belongs to; a private account has none, whatever its address."""


class _Metadata(NamedTuple):
    """The addresses of an issuer (OpenID Connect Discovery 1.0 §3)."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str


@dataclass(frozen=True, slots=True)
class _Keys:
    """The keys that an issuer signs with, and when they were fetched (seconds)."""

    of_issuer: KeySet
    fetched_at: float

    def has(self, key_id: str | None) -> bool:
        return key_id is None or any(key.kid == key_id for key in self.of_issuer.keys)


class OidcProvider:
    """One OIDC issuer: discovery, authorization code with PKCE, signed id tokens (OpenID Connect Core 1.0 §3.1)."""

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
        self._client_id = client_id
        self._client_secret = client_secret
        self._redirect_uri = redirect_uri
        self._clock = clock
        self._http = session or requests.Session()
        self._metadata: _Metadata | None = None
        self._keys: _Keys | None = None

    def authorization_url(
        self, *, state: str, nonce: str, verifier: str, hints: Mapping[str, str | None] | None = None
    ) -> str:
        """Where the browser goes to log in; ``hints`` without a value are left out.

        Raises LoginRefused when the issuer cannot be reached.
        """
        query = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": self._redirect_uri,
            "scope": "openid email profile",
            "state": state,
            "nonce": nonce,
            "code_challenge_method": "S256",
            "code_challenge": _challenge(verifier),
        }
        query |= {name: value for name, value in (hints or {}).items() if value}
        return f"{self._discover().authorization_endpoint}?{urlencode(query)}"

    def identity(self, *, code: str, nonce: str, verifier: str) -> Identity:
        """Whom the issuer proves. Raises LoginRefused when anything about its response is not as it must be."""
        try:
            response = self._http.post(
                self._discover().token_endpoint,
                data={
                    "grant_type": "authorization_code",
                    "code": code,
                    "redirect_uri": self._redirect_uri,
                    "code_verifier": verifier,
                    "client_id": self._client_id,
                    "client_secret": self._client_secret(),
                },
                timeout=_TIMEOUT,
                allow_redirects=False,
            )
            token = _object(response).get("id_token") if response.status_code == 200 else None
        except (requests.RequestException, ValueError):
            raise _unreachable() from None
        if not isinstance(token, str):
            raise not_proved()
        return self._checked(token, nonce)

    def _checked(self, token: str, nonce: str) -> Identity:
        try:
            decoded = jwt.decode(token, self._key_set(_key_id(token)), algorithms=["RS256", "ES256"])
            rules = jwt.JWTClaimsRegistry(
                now=lambda: int(self._clock().timestamp()),
                leeway=_CLOCK_SKEW,
                iss={"essential": True, "value": self.issuer},
                aud={"essential": True, "value": self._client_id},
                exp={"essential": True},
                sub={"essential": True},
                nonce={"essential": True, "value": nonce},
            )
            rules.validate(decoded.claims)
            self._check_authorized_party(decoded.claims)
        except (JoseError, ValueError, KeyError, TypeError):
            raise not_proved() from None
        claims = dict(decoded.claims)
        if (subject := _id(claims["sub"])) is None:
            raise not_proved()
        return Identity(
            self.issuer,
            subject,
            _text(claims.get("email")),
            claims.get("email_verified") is True,
            _id(claims.get("district")),
            _hosted_domain(claims.get("hd")),
        )

    def _check_authorized_party(self, claims: Mapping[str, object]) -> None:
        """``azp`` names us wherever it stands, and stands wherever there is more than one audience (Core §3.1.3.7).

        Raises ValueError.
        """
        audience = claims["aud"]
        if claims.get("azp", self._client_id) != self._client_id:
            raise ValueError("made for another party")
        if isinstance(audience, list) and len(audience) > 1 and "azp" not in claims:
            raise ValueError("made for several parties")

    def _key_set(self, key_id: str | None) -> KeySet:
        """The issuer's keys, at most ten minutes old: a key that it revoked is refused from then on.

        A key id that is not among them has them fetched once more, at most once a minute.
        """
        now = self._clock().timestamp()
        kept = self._keys
        age = now - kept.fetched_at if kept else _KEYS_KEPT_SECONDS
        if kept is None or age >= _KEYS_KEPT_SECONDS or (not kept.has(key_id) and age >= _REFETCH_PAUSE_SECONDS):
            keys = KeySet.import_key_set(self._get(self._discover().jwks_uri))  # type: ignore[arg-type]
            kept = self._keys = _Keys(keys, now)
        return kept.of_issuer

    def _discover(self) -> _Metadata:
        if self._metadata is None:
            metadata = self._get(f"{self.issuer}/.well-known/openid-configuration")
            addresses = [_text(metadata.get(name)) for name in _Metadata._fields]
            if metadata.get("issuer") != self.issuer or None in addresses:
                raise not_proved()
            self._metadata = _Metadata(*(address for address in addresses if address is not None))
        return self._metadata

    def _get(self, url: str) -> dict[str, object]:
        try:
            response = self._http.get(url, timeout=_TIMEOUT, allow_redirects=False)
            response.raise_for_status()
            return _object(response)
        except (requests.RequestException, ValueError):
            raise _unreachable() from None


def _object(response: requests.Response) -> dict[str, object]:
    """A JSON object, and nothing else. Raises ValueError."""
    body = response.json()
    if not isinstance(body, dict):
        raise ValueError("no JSON object")
    return body


def _key_id(token: str) -> str | None:
    """The id of the key that a token says it is signed with. Raises JoseError and ValueError."""
    return _text(jws.extract_compact(token.encode()).headers().get("kid"))


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _hosted_domain(value: object) -> str | None:
    """A domain in small letters. Only A–Z are folded: other letters have small forms that look like ASCII ones."""
    text = _text(value)
    return text.lower() if text and text.isascii() else None


def _id(value: object) -> str | None:
    """An id of an issuer's; None for what is none: nothing, no text, or one that fits into no key."""
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    is_id = text.isprintable() and 0 < len(text.encode("utf-8", "replace")) <= _LONGEST_ID
    return text if is_id and text.strip() else None


def _challenge(verifier: str) -> str:
    """The S256 challenge of a PKCE verifier (RFC 7636 §4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def subject_key(identity: Identity) -> tuple[str, str]:
    """An outside identity is issuer and subject, never an email (CVE-2023-3128)."""
    return identity.issuer, identity.subject


def _unreachable() -> LoginRefused:
    return LoginRefused("issuer_unreachable", "The login service did not answer. Try again in a minute.")


def not_proved() -> LoginRefused:
    """The one error for a login that cannot be confirmed, whatever is wrong with it."""
    return LoginRefused("not_proved", "The login could not be confirmed. Start it again.")
