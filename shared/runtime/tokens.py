"""The token in the address of an activation mail.

``{activation_id}.{mac}``: the id is random and opaque, the MAC binds it to district, roster user, official address and
version under a managed key (docs/security.md). Nothing in it is personal, nothing in the table can be used as one, a resend
needs no new secret, and raising the version makes every earlier token dead.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Any

from itsdangerous import BadSignature, URLSafeTimedSerializer

from shared.domain.activation import Activation
from shared.runtime.mac import mac

_TOKEN = re.compile(r"([0-9a-f]{32})\.([A-Za-z0-9_-]{43})")


def make_token(activation: Activation, key: bytes) -> str:
    """The token that the mail of this activation carries."""
    return f"{activation.activation_id}.{_mac(activation, key)}"


def activation_id_of(token: str) -> str | None:
    """Which activation a token names, if it has the form of one; this proves nothing yet."""
    found = _TOKEN.fullmatch(token)
    return found[1] if found else None


def token_is_valid(token: str, activation: Activation, key: bytes) -> bool:
    """Whether this is the token of the activation as it is now, compared in constant time."""
    return hmac.compare_digest(token.encode(), make_token(activation, key).encode())


def _mac(activation: Activation, key: bytes) -> str:
    user = activation.user
    facts = (
        activation.activation_id,
        user.district_id,
        user.sourced_id,
        activation.official_email,
        activation.token_version,
    )
    return mac("activation", facts, key)


class Sealed:
    """Short-lived values that travel in a cookie: signed, so that only we can have written them, and dated."""

    def __init__(self, key: bytes, purpose: str) -> None:
        self._serializer = URLSafeTimedSerializer(key, salt=purpose, signer_kwargs={"digest_method": hashlib.sha256})

    def seal(self, value: Mapping[str, Any]) -> str:
        return str(self._serializer.dumps(dict(value)))

    def open(self, sealed: str | None, max_age_seconds: int) -> dict[str, Any] | None:
        """The value; None when it is missing, forged or too old."""
        try:
            value = self._serializer.loads(sealed or "", max_age=max_age_seconds)
        except BadSignature:
            return None
        return value if isinstance(value, dict) else None
