"""Every token that this service gives out, and reads back: in the addresses of mails, and in cookies (docs/security.md).

What only this service can have written is signed with one managed key; what the key before it signed still opens. Each kind
has a purpose or a salt of its own, so a token of one kind opens nothing of another. Their bytes are a contract: mails and
cookies that are out must go on working (``tests/unit/system/test_tokens.py``). Nothing in a token is personal, and nothing
in the table can be used as one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from itsdangerous import BadSignature, URLSafeSerializer, URLSafeTimedSerializer

from shared.domain.activation import Activation
from shared.domain.errors import InvalidSettings
from shared.domain.link import Link
from shared.domain.link_notice import Notice, Side
from shared.domain.roster import RosterUserKey


class Purpose(StrEnum):
    """What a signature is for; it is signed with the facts."""

    ACTIVATION = "activation"
    UNDO = "undo"
    SESSION_AFTER_LINK = "session after link"
    MAIL_CODE = "mail code"
    OWN_CODE = "own code"


class Salt(StrEnum):
    """What a sealed value is for; a cookie's salt is ``COOKIE`` and the name of what it is for."""

    UNSUBSCRIBE = "unsubscribe"
    STOP_REMINDERS = "stop-reminders"
    COOKIE = "cookie-"


@dataclass(frozen=True, slots=True)
class TokenKeys:
    """The key that signs, and those that signed earlier: what they signed still opens (docs/runbooks/rotate-keys.md)."""

    current: bytes
    previous: tuple[bytes, ...] = ()

    @classmethod
    def of_secret(cls, text: str) -> TokenKeys:
        """A JSON object with ``current`` and ``previous`` (a text, a list of them, or nothing); any other text is the key.

        Raises InvalidSettings for such an object without a key to sign with.
        """
        try:
            values = json.loads(text)
        except ValueError:
            values = None
        if not isinstance(values, dict):
            return cls(text.encode())
        previous = values.get("previous") or []
        earlier = [previous] if isinstance(previous, str) else previous
        current = values.get("current")
        if not isinstance(current, str) or not current:
            raise InvalidSettings("invalid_token_keys", "The secret of tokens has no current key.")
        return cls(current.encode(), tuple(key.encode() for key in earlier if isinstance(key, str) and key))

    @property
    def oldest_first(self) -> list[bytes]:
        """All keys, the one that signs last."""
        return [*reversed(self.previous), self.current]


_ACTIVATION_TOKEN = re.compile(r"([0-9a-f]{32})\.([A-Za-z0-9_-]{43})")
_NOTICE_TOKEN = re.compile(r"([0-9a-f]{32}(?:\.[A-Za-z]{1,20})?)-(official|own)\.([A-Za-z0-9_-]{43})")


# The activation mail and its reminders.


def activation_token(activation: Activation, key: bytes) -> str:
    """The token that the mail of this activation carries: ``{activation_id}.{signature}``.

    The id is random and opaque. The signature binds it to district, roster user, official address and version: a resend needs
    no new secret, and raising the version makes every earlier token dead.
    """
    user = activation.signed_for
    facts: tuple[str | int | None, ...] = (
        activation.activation_id,
        user.district_id,
        user.sourced_id,
        activation.signed_address,
        activation.token_version,
        *_kind(user),
    )
    return f"{activation.activation_id}.{_signature(Purpose.ACTIVATION, facts, key)}"


def activation_id_of(token: str) -> str | None:
    """Which activation a token names, if it has the form of one; this proves nothing yet."""
    found = _ACTIVATION_TOKEN.fullmatch(token)
    return found[1] if found else None


def is_activation_token(token: str, activation: Activation, keys: TokenKeys) -> bool:
    """Whether this is the token of the activation as it is now, compared in constant time."""
    return _is_any(token, [activation_token(activation, key) for key in keys.oldest_first])


def stop_token(activation_id: str, key: bytes) -> str:
    """Ends the reminders of an activation in one click (RFC 8058)."""
    return _serializer(Salt.STOP_REMINDERS, key).dumps(activation_id)


def stopped_activation_id(token: str, keys: TokenKeys) -> str | None:
    """The activation whose reminders this token ends; None when it is none of ours."""
    try:
        return str(_serializer(Salt.STOP_REMINDERS, keys.oldest_first).loads(token))
    except (BadSignature, ValueError, TypeError):
        return None


# The notice of a link.


def notice_token(notice: Notice, link: Link, address: str, key: bytes) -> str:
    """The token of the notice of this link to this address: ``{event id}-{side}.{signature}`` (B2).

    It dies with the link, and with the address.
    """
    facts = (
        notice.notice_id,
        notice.side.value,
        notice.user.district_id,
        notice.user.sourced_id,
        link.account_id,
        link.signed_version,
        link.linked_at,
        address,
        *_kind(notice.user),
    )
    return f"{notice.notice_id}-{notice.side}.{_signature(Purpose.UNDO, facts, key)}"


def notice_id_of(token: str) -> tuple[str, Side] | None:
    """Which notice a token names, if it has the form of one; this proves nothing yet."""
    found = _NOTICE_TOKEN.fullmatch(token)
    return (found[1], Side(found[2])) if found else None


def is_notice_token(token: str, notice: Notice, link: Link, address: str, keys: TokenKeys) -> bool:
    """Whether this is the token of the notice for the link and the address as they are now, in constant time."""
    return _is_any(token, [notice_token(notice, link, address, key) for key in keys.oldest_first])


# Nudges.


def unsubscribe_token(district_id: str, account_id: str, key: bytes) -> str:
    """Ends an account's nudges in one click (RFC 8058)."""
    return _serializer(Salt.UNSUBSCRIBE, key).dumps([district_id, account_id])


def unsubscribed_account(token: str, keys: TokenKeys) -> tuple[str, str] | None:
    """(district id, account id) whose nudges this token ends; None when it is none of ours."""
    try:
        district_id, account_id = _serializer(Salt.UNSUBSCRIBE, keys.oldest_first).loads(token)
    except (BadSignature, ValueError, TypeError):
        return None
    return str(district_id), str(account_id)


# Sessions and cookies.


def successor_session_id(session_id: str, key: bytes) -> str:
    """The id of the session that takes this one's place at the link.

    It follows from the old one, because a button that is pressed twice sends the old one twice.
    """
    return _signature(Purpose.SESSION_AFTER_LINK, (session_id,), key)


class SealedCookie:
    """Short-lived values that travel in a cookie: signed, so that only we can have written them, and dated."""

    def __init__(self, keys: TokenKeys, name: str) -> None:
        """``name`` is what the cookie is for; a value that was sealed for one name opens for no other."""
        self._serializer = URLSafeTimedSerializer(
            keys.oldest_first, salt=f"{Salt.COOKIE}{name}", signer_kwargs={"digest_method": hashlib.sha256}
        )

    def seal(self, value: Mapping[str, Any]) -> str:
        return str(self._serializer.dumps(dict(value)))

    def open(self, sealed: str | None, max_age_seconds: int) -> dict[str, Any] | None:
        """The value; None when it is missing, forged or too old."""
        try:
            value = self._serializer.loads(sealed or "", max_age=max_age_seconds)
        except BadSignature:
            return None
        return value if isinstance(value, dict) else None


# The short code of a mail.

_CODE_LETTERS = "23456789CDFGHJKMNPQRTVWXY"
"""No two of them look alike, and without A, E, I, O and U they make no words."""
_READ_AS = str.maketrans("BSZ", "852", " -–.\t")
"""Three letters that a code never has are read as the digits that they look like; what groups it is left out."""
_CODE = re.compile(f"[{_CODE_LETTERS}]{{8}}")


def mail_code(district_id: str, kind: str, day: date, key: bytes, turn: int = 0) -> str:
    """The code that all mails of one kind carry which a district's people get on a day: eight letters and digits, 37 bits.

    ``turn`` counts on where another district's mails have that code already.
    """
    number = int.from_bytes(_digest(Purpose.MAIL_CODE, (district_id, kind, day.isoformat(), turn), key)[:16])
    letters = []
    for _ in range(8):
        number, letter = divmod(number, len(_CODE_LETTERS))
        letters.append(_CODE_LETTERS[letter])
    return "".join(letters)


def shown_code(code: str) -> str:
    """The code as people read and type it: two groups of four.

    >>> shown_code("CDFG2345")
    'CDFG-2345'
    """
    return f"{code[:4]}-{code[4:]}"


def typed_code(text: str) -> str | None:
    """The code that somebody typed, in any case and grouping, with letters that look like others; None for what is none.

    >>> typed_code(" cdfg 23s5 "), typed_code("hello")
    ('CDFG2355', None)
    """
    code = text.strip().upper().translate(_READ_AS)
    return code if _CODE.fullmatch(code) else None


# The code by which somebody proves an address.


def own_code(code_id: str, address: str, digits: int, key: bytes) -> str:
    """The digits that are mailed to an address for what was asked for under this id; the table holds neither."""
    number = int.from_bytes(_digest(Purpose.OWN_CODE, (code_id, address), key)[:16])
    return f"{number % 10**digits:0{digits}}"


def is_own_code(typed: str, code_id: str, address: str, digits: int, keys: TokenKeys) -> bool:
    """Whether somebody typed that code, with blanks or without, compared in constant time."""
    code = "".join(typed.split()).replace("-", "")[: digits + 1]
    return _is_any(code, [own_code(code_id, address, digits, key) for key in keys.oldest_first])


# Signing.


def _kind(user: RosterUserKey) -> tuple[str, ...]:
    """A fact only where numbers have kinds: what was signed without one still opens."""
    return (user.kind,) if user.kind else ()


def _signature(purpose: Purpose, facts: Sequence[str | int | None], key: bytes) -> str:
    """43 letters, digits, ``-`` and ``_``: the HMAC-SHA256 of these facts for this purpose."""
    return base64.urlsafe_b64encode(_digest(purpose, facts, key)).decode().rstrip("=")


def _digest(purpose: Purpose, facts: Sequence[str | int | None], key: bytes) -> bytes:
    message = json.dumps([purpose.value, *facts], ensure_ascii=False, separators=(",", ":")).encode()
    return hmac.digest(key, message, hashlib.sha256)


def _is_any(token: str, expected: Sequence[str]) -> bool:
    """Whether it is one of them; no comparison stops at the first letter that differs."""
    return any(hmac.compare_digest(token.encode(), each.encode()) for each in expected)


def _serializer(salt: Salt, key: bytes | list[bytes]) -> URLSafeSerializer:
    """Of several keys the last one signs."""
    return URLSafeSerializer(key, salt=salt.value, signer_kwargs={"digest_method": hashlib.sha256})
