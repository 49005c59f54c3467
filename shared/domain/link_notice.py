"""The link notice: who is mailed when a link is made or undone (B2).

It goes to the roster user's official address and to the account's own, so that the owner of either side learns of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from shared.domain.account import Account
from shared.domain.roster import Role, RosterUser, RosterUserKey


class Side(StrEnum):
    """Whose address a notice goes to."""

    OFFICIAL = "official"
    OWN = "own"


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice of one event to one side. Its id is the event's."""

    notice_id: str
    side: Side
    user: RosterUserKey
    account_id: str


def addresses(user: RosterUser | None, account: Account | None) -> dict[Side, str]:
    """Return the stored addresses that a notice goes to: only teachers' (M12), and the account's only if it is verified."""
    if user is None or user.role is not Role.TEACHER:
        return {}
    found = {Side.OFFICIAL: user.official_email} if user.official_email else {}
    if account and account.role == "teacher" and account.email and account.email_verified:
        found |= {Side.OWN: account.email} if account.email != user.official_email else {}
    return found
