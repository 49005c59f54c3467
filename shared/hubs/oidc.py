"""OpenID Connect, as most hubs speak it: discovery, codes, signed id tokens (M10, M12)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple
from urllib.parse import urlencode

import requests
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from shared.domain.clock import Clock
from shared.domain.district import District
from shared.domain.errors import LoginRefused
from shared.hubs.hub import Binding, Identity, Provider, not_proved, unreachable

_TIMEOUT = 5
_CLOCK_SKEW = 60
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

    def authorize(self, binding: Binding, district: District | None = None, *, from_portal: bool = False) -> str:
        """As ``Hub.authorize``. Raises LoginRefused when the issuer cannot be reached."""
        query = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": self._redirect_uri,
            "scope": "openid email profile",
            "state": binding.state,
            "nonce": binding.nonce,
            "code_challenge_method": "S256",
            "code_challenge": _challenge(binding.verifier),
        }
        query |= self._hints(district, from_portal=from_portal)
        return f"{self._discover().authorization_endpoint}?{urlencode(query)}"

    def look_up(self, identity: Identity) -> Identity:
        """As ``Hub.look_up``: a login says all that the hub knows."""
        return identity

    def refusal(self, answer: Mapping[str, str]) -> LoginRefused:  # noqa: ARG002 - hubs of their own read it
        """As ``Hub.refusal``."""
        return not_proved()

    def _hints(self, district: District | None, *, from_portal: bool) -> dict[str, str]:  # noqa: ARG002
        """Parameters of the hub's own, which choose the district or the accounts that it offers. Raises LoginRefused."""
        return {}

    def prove(self, code: str, binding: Binding) -> Identity:
        """As ``Hub.prove``."""
        try:
            response = self._http.post(
                self._discover().token_endpoint,
                data={
                    "grant_type": "authorization_code",
                    "code": code,
                    "redirect_uri": self._redirect_uri,
                    "code_verifier": binding.verifier,
                    "client_id": self._client_id,
                    "client_secret": self._client_secret(),
                },
                timeout=_TIMEOUT,
                allow_redirects=False,
            )
            token = _object(response).get("id_token") if response.status_code == 200 else None
        except (requests.RequestException, ValueError):
            raise unreachable() from None
        if not isinstance(token, str):
            raise not_proved()
        return self._checked(token, binding.nonce)

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
        if (subject := id_of(claims["sub"])) is None:
            raise not_proved()
        return self._identity(subject, claims)

    def _identity(self, subject: str, claims: Mapping[str, object]) -> Identity:
        """What the claims of a checked token say."""
        return Identity(self.issuer, subject, text_of(claims.get("email")), claims.get("email_verified") is True)

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
            addresses = [text_of(metadata.get(name)) for name in _Metadata._fields]
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
            raise unreachable() from None


def _object(response: requests.Response) -> dict[str, object]:
    """A JSON object, and nothing else. Raises ValueError."""
    body = response.json()
    if not isinstance(body, dict):
        raise ValueError("no JSON object")
    return body


def _key_id(token: str) -> str | None:
    """The id of the key that a token says it is signed with. Raises JoseError and ValueError."""
    return text_of(jws.extract_compact(token.encode()).headers().get("kid"))


def text_of(value: object) -> str | None:
    """A text; None for anything else."""
    return value if isinstance(value, str) else None


def id_of(value: object) -> str | None:
    """An id of an issuer's; None for what is none: nothing, no text, or one that fits into no key."""
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    is_id = text.isprintable() and 0 < len(text.encode("utf-8", "replace")) <= _LONGEST_ID
    return text if is_id and text.strip() else None


def _challenge(verifier: str) -> str:
    """The S256 challenge of a PKCE verifier (RFC 7636 §4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
