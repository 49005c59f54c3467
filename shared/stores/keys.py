"""Every PK and SK of the table."""

from __future__ import annotations

from typing import Any

from shared.domain.roster import RosterUserKey

type Item = dict[str, Any]


type Key = dict[str, str]


LONGEST_ID = 1_000
"""In bytes: what fits into a sort key (1,024) beside its kind. A longer id, which only a stranger sends, names nothing."""


def is_an_id(text: str) -> bool:
    """Whether there can be an item of this id."""
    return 0 < len(text.encode()) <= LONGEST_ID


def user_pk(user: RosterUserKey) -> str:
    return f"USER#{user.district_id}#{user.sourced_id}"


def user_of_pk(pk: str) -> RosterUserKey:
    """The roster user that a ``USER#…`` key names; a sourcedId may itself hold ``#``."""
    _, district_id, sourced_id = pk.split("#", 2)
    return RosterUserKey(district_id, sourced_id)


def district_pk(district_id: str) -> str:
    return f"DISTRICT#{district_id}"


def class_pk(district_id: str, class_id: str) -> str:
    return f"CLASS#{district_id}#{class_id}"


def account_pk(account_id: str) -> str:
    return f"ACCOUNT#{account_id}"


def link_key(user: RosterUserKey) -> Key:
    return {"PK": user_pk(user), "SK": "LINK"}


def logins_key(account_id: str) -> Key:
    """What a link means for an account's logins: when all earlier sessions ended (``ended_at``), and the outside logins
    that were ``shown`` since."""
    return {"PK": account_pk(account_id), "SK": "LOGINS"}


def joined_key(account_id: str) -> Key:
    """Where it is noted which account this one was joined into (``into``), and which into it (``accounts``)."""
    return {"PK": account_pk(account_id), "SK": "JOINED"}


def email_pk(address: str) -> str:
    return f"EMAIL#{address}"


def clever_pk(clever_id: str) -> str:
    return f"CLEVER#{clever_id}"


def oidc_pk(issuer: str, subject: str) -> str:
    return f"OIDC#{issuer}#{subject}"
