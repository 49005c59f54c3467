"""Who somebody is, as others prove it: a password that Cognito checks, and Google and Clever by OIDC."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlencode

import requests
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from shared.domain.clock import Clock
from shared.domain.errors import LoginRefused

type Provider = Literal["google", "clever"]

_TIMEOUT = 5
_CLOCK_SKEW = 60


@dataclass(frozen=True, slots=True)
class Identity:
    """What an issuer says of a person, after its signature, audience, nonce and times were checked."""

    issuer: str
    subject: str
    email: str | None
    email_verified: bool
    name: str
    claims: dict[str, Any]


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
        self._metadata: dict[str, Any] | None = None
        self._keys: KeySet | None = None

    def authorization_url(
        self, *, state: str, nonce: str, verifier: str, more: dict[str, str | None] | None = None
    ) -> str:
        """Where the browser goes to log in. Raises LoginRefused when the issuer cannot be reached."""
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
        query |= {name: value for name, value in (more or {}).items() if value}
        return f"{self._discover()['authorization_endpoint']}?{urlencode(query)}"

    def identity(self, *, code: str, nonce: str, verifier: str) -> Identity:
        """Who answered. Raises LoginRefused when anything about the answer is not as it must be."""
        try:
            answer = self._http.post(
                self._discover()["token_endpoint"],
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
            token = _object(answer).get("id_token") if answer.status_code == 200 else None
        except (requests.RequestException, ValueError):
            raise _unreachable() from None
        if not isinstance(token, str):
            raise _not_proved()
        return self._checked(token, nonce)

    def _checked(self, token: str, nonce: str) -> Identity:
        try:
            decoded = jwt.decode(token, self._key_set(), algorithms=["RS256", "ES256"])
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
        except (JoseError, ValueError, KeyError, TypeError):
            raise _not_proved() from None
        claims = dict(decoded.claims)
        return Identity(
            self.issuer,
            str(claims["sub"]),
            _text(claims.get("email")),
            claims.get("email_verified") is True,
            _text(claims.get("name")) or "",
            claims,
        )

    def _key_set(self) -> KeySet:
        if self._keys is None:
            self._keys = KeySet.import_key_set(self._get(self._discover()["jwks_uri"]))  # type: ignore[arg-type]
        return self._keys

    def _discover(self) -> dict[str, Any]:
        if self._metadata is None:
            metadata = self._get(f"{self.issuer}/.well-known/openid-configuration")
            needed = ("authorization_endpoint", "token_endpoint", "jwks_uri")
            if metadata.get("issuer") != self.issuer or not all(isinstance(metadata.get(name), str) for name in needed):
                raise _not_proved()
            self._metadata = metadata
        return self._metadata

    def _get(self, url: str) -> dict[str, Any]:
        try:
            answer = self._http.get(url, timeout=_TIMEOUT, allow_redirects=False)
            answer.raise_for_status()
            return _object(answer)
        except (requests.RequestException, ValueError):
            raise _unreachable() from None


def _object(answer: requests.Response) -> dict[str, Any]:
    """A JSON object, and nothing else. Raises ValueError."""
    found = answer.json()
    if not isinstance(found, dict):
        raise ValueError("no JSON object")
    return found


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _challenge(verifier: str) -> str:
    """The S256 challenge of a PKCE verifier (RFC 7636 §4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def subject_key(identity: Identity) -> tuple[str, str]:
    """An outside identity is issuer and subject, never an email (CVE-2023-3128)."""
    return identity.issuer, identity.subject


def _unreachable() -> LoginRefused:
    return LoginRefused("issuer_unreachable", "The login service did not answer. Try again in a minute.")


def _not_proved() -> LoginRefused:
    return LoginRefused("not_proved", "The login could not be confirmed. Start it again.")
