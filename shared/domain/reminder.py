"""After the invitation: when a teacher is reminded of it, and when it ends."""

from __future__ import annotations

from datetime import datetime, timedelta

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
