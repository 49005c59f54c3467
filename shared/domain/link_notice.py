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


def addresses(user: RosterUser | None, account: Account | None, *, by_code: bool = False) -> dict[Side, str]:
    """Return the stored addresses that a notice goes to.

    The official one only of teachers: a student is never mailed at school (M12). The account's own one whatever the roles,
    if it is verified: a row of any kind may be what somebody wants to take the account with. Where a class code stood for the
    login to the account (``by_code``), an address that nobody verified is told, too (B12).
    """
    if user is None:
        return {}
    found: dict[Side, str] = {}
    if user.role is Role.TEACHER and user.official_email:
        found[Side.OFFICIAL] = user.official_email
    if account and account.email and (account.email_verified or by_code) and account.email != user.official_email:
        found[Side.OWN] = account.email
    return found
