"""The reminder: when a teacher is reminded of an activation, and when the activation ends (M8)."""

from __future__ import annotations

from datetime import datetime, timedelta

from shared.domain.activation import Activation, ActivationState
from shared.domain.clock import from_iso
from shared.domain.district import District
from shared.domain.school_calendar import next_allowed

IS_OUT = (ActivationState.SENT, ActivationState.DELIVERED)
"""The states in which the mail is out and no problem with it is known."""


def follow_up_at(district: District, activation: Activation, now: datetime) -> datetime | None:
    """When the activation is due again: for its next reminder or, if there is none, for its end.

    Reminders count from now, keep to the district's hours and days, and end with the link. None if the activation never ends.
    """
    expires = from_iso(activation.expires_at) if activation.expires_at else None
    spaces = district.activations.reminders_after_days
    if activation.reminders < len(spaces) and not activation.reminders_stopped:
        reminder = next_allowed(district, now + timedelta(days=spaces[activation.reminders]))
        if expires is None or reminder < expires:
            return reminder
    return expires
