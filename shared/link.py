"""The link between a roster user and an account: its states and the steps between them.

``none → matched → linked → undone``; an undone pair may be linked again by the person, never by rule (B2, M8).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from shared.errors import RefusedTransition
from shared.roster import RosterUserKey


class LinkState(StrEnum):
    MATCHED = "matched"
    LINKED = "linked"
    UNDONE = "undone"


class Proof(StrEnum):
    """What proved the official address. The account is always proved by a login to it, or made anew."""

    ACTIVATION = "activation"
    DISTRICT_LOGIN_CLEVER = "district_login_clever"
    DISTRICT_LOGIN_GOOGLE = "district_login_google"


UNDO_DAYS = 30


@dataclass(frozen=True, slots=True)
class Link:
    """A roster user's link. ``version`` counts its changes and guards every conditional write."""

    user: RosterUserKey
    state: LinkState
    account_id: str
    version: int = 1
    by: Proof | None = None
    by_rule: bool = False
    linked_at: str | None = None
    undone_at: str | None = None


def may_match(present: Link | None, account_id: str) -> bool:
    """Whether a rule may note this match: a link that was made, or undone by a person, is never touched by a rule."""
    return present is None or (present.state is LinkState.MATCHED and present.account_id != account_id)


def make(
    present: Link | None,
    user: RosterUserKey,
    account_id: str,
    *,
    by: Proof,
    by_rule: bool,
    now: str,
    proved_at: str | None = None,
) -> Link:
    """The link once it is made. ``proved_at`` is when a district login proved the roster user.

    Raises RefusedTransition ``already_linked`` when the roster user is linked to another account,
    ``undone_by_person`` when a rule would redo what a person undid, ``proof_spent`` when the proof is older than the
    undoing: a proof dies with it.
    """
    if present and present.state is LinkState.LINKED:
        if present.account_id == account_id:
            return present
        raise RefusedTransition(
            "already_linked", "This person is already linked to another account. Undo that link first."
        )
    if by_rule and present and present.state is LinkState.UNDONE:
        raise RefusedTransition(
            "undone_by_person", "This link was undone by the person; only the person can make it again."
        )
    if present and proved_at and present.undone_at and proved_at < present.undone_at:
        raise RefusedTransition(
            "proof_spent", "This link was undone after the login. Log in through the district again to make it anew."
        )
    version = present.version + 1 if present else 1
    return Link(user, LinkState.LINKED, account_id, version, by=by, by_rule=by_rule, linked_at=now)


def undo(present: Link | None, *, now: str) -> Link:
    """The link once it is undone. Raises RefusedTransition ``not_linked`` when there is none to undo."""
    if present is None or present.state is not LinkState.LINKED:
        raise RefusedTransition("not_linked", "There is no link to undo.")
    return Link(
        present.user,
        LinkState.UNDONE,
        present.account_id,
        present.version + 1,
        by=present.by,
        by_rule=present.by_rule,
        linked_at=present.linked_at,
        undone_at=now,
    )
