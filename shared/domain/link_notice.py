"""The notice that a link was made or undone: who hears of it, and the token by which it leads to the undo (B2).

It goes to the roster user's official address and to the account's own, so that whoever owns either side learns of it.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from enum import StrEnum

from shared.domain.account import Account
from shared.domain.link import Link
from shared.domain.roster import Role, RosterUser, RosterUserKey
from shared.runtime.mac import mac

_TOKEN = re.compile(r"([0-9a-f]{32})-(official|own)\.([A-Za-z0-9_-]{43})")


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
    """The stored addresses that a notice goes to: of teachers alone (M12), and of the account only a verified one."""
    if user is None or user.role is not Role.TEACHER:
        return {}
    found = {Side.OFFICIAL: user.official_email} if user.official_email else {}
    if account and account.role == "teacher" and account.email and account.email_verified:
        found |= {Side.OWN: account.email} if account.email != user.official_email else {}
    return found


def make_token(notice: Notice, link: Link, address: str, key: bytes) -> str:
    """The token of the notice that told this address of this link; it dies with the link, and with the address.

    ``{event id}-{side}.{mac}``: nothing personal is in it, and nothing in the table can be used as one.
    """
    facts = (
        notice.notice_id,
        notice.side.value,
        link.user.district_id,
        link.user.sourced_id,
        link.account_id,
        link.version,
        link.linked_at,
        address,
    )
    return f"{notice.notice_id}-{notice.side}.{mac('undo', facts, key)}"


def named_by(token: str) -> tuple[str, Side] | None:
    """Which notice a token names, if it has the form of one; this proves nothing yet."""
    found = _TOKEN.fullmatch(token)
    return (found[1], Side(found[2])) if found else None


def token_is_valid(token: str, notice: Notice, link: Link, address: str, key: bytes) -> bool:
    """Whether this is the token of the notice for the link and the address as they are now, in constant time."""
    return hmac.compare_digest(token.encode(), make_token(notice, link, address, key).encode())
