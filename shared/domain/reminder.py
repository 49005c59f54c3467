"""After the invitation: when a teacher is reminded of it, and when it ends."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from itsdangerous import BadSignature, URLSafeSerializer

from shared.domain.activation import Activation, ActivationState
from shared.domain.clock import from_iso
from shared.domain.district import District
from shared.domain.school_calendar import next_allowed

IS_OUT = (ActivationState.SENT, ActivationState.DELIVERED)
"""Where nothing is known to have gone wrong with the mail."""


def follow_up_at(district: District, activation: Activation, now: datetime) -> datetime | None:
    """When a mail that is out is looked at next: for the next reminder, or when there is none, for its end.

    Reminders are spaced from now on, keep to the district's hours and days, and none comes after the link has expired.
    None where the activation never ends.
    """
    expires = from_iso(activation.expires_at) if activation.expires_at else None
    spaces = district.activations.reminders_after_days
    if activation.reminders < len(spaces) and not activation.reminders_stopped:
        reminder = next_allowed(district, now + timedelta(days=spaces[activation.reminders]))
        if expires is None or reminder < expires:
            return reminder
    return expires


def stop_token(activation_id: str, key: bytes) -> str:
    """Ends the reminders of an activation in one click (RFC 8058). Holds an opaque id only."""
    return _serializer(key).dumps(activation_id)


def stopped_by(token: str, key: bytes) -> str | None:
    """The activation whose reminders this token ends; None when it is none of ours."""
    try:
        return str(_serializer(key).loads(token))
    except (BadSignature, ValueError, TypeError):
        return None


def _serializer(key: bytes) -> URLSafeSerializer:
    return URLSafeSerializer(key, salt="stop-reminders", signer_kwargs={"digest_method": hashlib.sha256})
