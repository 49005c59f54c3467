"""The link between a roster user and an account: its states and the steps between them.

``none → matched → linked → undone``; an undone pair may be linked again by the person, never by rule (B2, M8). A link to
an account that was made with it at a district login may be turned to the person's older account: then both are joined, and
the link keeps what it was before, and an undo restores it (M16, B2).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from shared.domain.clock import from_iso
from shared.domain.errors import RefusedTransition
from shared.domain.matching import LinkProofs
from shared.domain.roster import RosterUserKey

if TYPE_CHECKING:
    from shared.domain.district import AnyProvider


class LinkState(StrEnum):
    MATCHED = "matched"
    LINKED = "linked"
    UNDONE = "undone"


class Proof(StrEnum):
    """What proved the official address. The account is always proved by a login to it, or made anew."""

    ACTIVATION = "activation"
    DISTRICT_LOGIN_CLEVER = "district_login_clever"
    DISTRICT_LOGIN_GOOGLE = "district_login_google"
    DISTRICT_LOGIN_CLASSLINK = "district_login_classlink"
    DISTRICT_LOGIN_MICROSOFT = "district_login_microsoft"

    @classmethod
    def of_hub(cls, provider: AnyProvider) -> Proof:
        """A district login with this hub."""
        return cls(f"district_login_{provider}")

    @property
    def verifies_addresses(self) -> bool:
        """Whether its issuer verifies the addresses that it says are verified."""
        return self is Proof.DISTRICT_LOGIN_GOOGLE


class FoundBy(StrEnum):
    """How a district login led to its roster user, the strongest first. It says nothing of an account (M6)."""

    REMEMBERED = "remembered"
    """A link of the district counts for this login."""
    ROSTER_ID = "roster_id"
    """The roster names the hub's id of the person."""
    NUMBER = "number"
    """The hub says the person's number in the district, and their name is the row's."""
    VERIFIED_ADDRESS = "verified_address"
    """The hub verified the official address, in a domain of the district."""
    STATED_ADDRESS = "stated_address"
    """The district says at the hub that this is the person's address, and their name is the row's."""


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
    is_made: bool = False
    """Whether the account was made with this link, at a district login."""
    joined: Link | None = None
    """The link as it was before its account was joined into the present one; an undo restores it."""
    proofs: LinkProofs | None = None
    """What it counts for (M19); None for a link that an earlier version made, until the first login that fits."""
    is_ended: bool = False
    """Whether it was undone because its number is somebody else's now (M19)."""
    noticed_version: int | None = None
    """The version that notices were signed for, where it moved to another number since."""
    matched_address: str | None = None
    """Of a match: the account's address on which it rests, where the roster's has another domain of the district's since."""
    is_further: bool = False
    """Whether the account was linked to another number of the same person before: one person under two numbers, each proved."""
    adopted_at: str | None = None
    """When a login that was new for it was taken for the same person's, without a question (M19)."""
    found_by: FoundBy | None = None
    """How the district login that made it led to the roster user."""
    named_another: bool = False
    """Whether the roster named somebody else under its number since it was made: the number or its mailbox may be theirs (M19)."""
    stands_as: str = ""
    """As whom its person is counted (``shared.domain.funnel``)."""
    cleaned_up: bool = False
    """Whether no class was left to clean up when it was last looked."""

    vouched_in: str | None = None
    """The district class whose code and whose teacher's word stood for the login to the account (B12)."""
    vouched_by: str | None = None
    """That teacher (``RosterUserKey.person_id``)."""

    @property
    def signed_version(self) -> int:
        """The version that notices are signed for: a move changes nothing of what they are about."""
        return self.noticed_version or self.version

    @property
    def undoable_from(self) -> str:
        """When the days of an undo begin: with the link, and anew with each login that was adopted."""
        return max(self.linked_at or "", self.adopted_at or "")

    def may_be_undone(self, now: str) -> bool:
        """Whether a person may undo it at this moment (ISO 8601, UTC): for 30 days (B2)."""
        return from_iso(self.undoable_from) >= from_iso(now) - timedelta(days=UNDO_DAYS)

    @property
    def is_linked(self) -> bool:
        return self.state is LinkState.LINKED

    @property
    def was_undone(self) -> bool:
        """Whether a person undid it; one that ended because its number is somebody else's says nothing of this one (M19)."""
        return self.state is LinkState.UNDONE and not self.is_ended

    def may_be_joined_into(self, account_id: str) -> bool:
        """Whether the account that was made for this link may be joined into another one, which gets the link."""
        return self.is_linked and self.is_made and self.account_id != account_id


def make(
    present: Link | None,
    user: RosterUserKey,
    account_id: str,
    *,
    by: Proof,
    by_rule: bool,
    now: str,
    proved_at: str | None = None,
    joins: str | None = None,
    is_made: bool = False,
    proofs: LinkProofs | None = None,
    found_by: FoundBy | None = None,
    stands_as: str = "",
    vouched: tuple[str, str] | None = None,
) -> Link:
    """Return the link once it is made. ``proved_at`` is when a district login proved the roster user.

    ``joins`` is the account, made at a district login, that the person saw and wants joined into this one. ``is_made``
    says that the account is made with this link. ``vouched`` are the class and the teacher of a class code (B12).

    Raises RefusedTransition ``already_linked`` when the roster user is linked to another account,
    ``undone_by_person`` when a rule would redo what a person undid, ``proof_spent`` when the proof is older than the
    undo.
    """
    if present and present.is_linked:
        if present.account_id == account_id:
            return present
        if by_rule or joins != present.account_id or not present.may_be_joined_into(account_id):
            raise RefusedTransition(
                "already_linked", "This person is already linked to another account. Undo that link first."
            )
    if by_rule and present and present.state is LinkState.UNDONE and not _is_of_another(present, account_id):
        raise RefusedTransition(
            "undone_by_person", "This link was undone by the person; only the person can make it again."
        )
    if present and proved_at and present.undone_at and proved_at < present.undone_at:
        raise RefusedTransition(
            "proof_spent", "This link was undone after the login. Log in through the district again to make it anew."
        )
    return Link(
        user,
        LinkState.LINKED,
        account_id,
        present.version + 1 if present else 1,
        by=by,
        by_rule=by_rule,
        linked_at=now,
        is_made=is_made or bool(present and present.is_made and present.account_id == account_id),
        joined=_joined(present, account_id),
        proofs=proofs,
        found_by=found_by,
        stands_as=stands_as or (present.stands_as if present else ""),
        vouched_in=vouched[0] if vouched else None,
        vouched_by=vouched[1] if vouched else None,
    )


def _joined(present: Link | None, account_id: str) -> Link | None:
    """What an undo of the new link restores: the link that is there, or what that one had kept when it ended."""
    if present is None or present.is_linked:
        return present
    return present.joined if present.is_ended and present.account_id == account_id else None


def _is_of_another(present: Link, account_id: str) -> bool:
    """Whether this ended link was the one of another person, whose account is another one."""
    return present.is_ended and present.account_id != account_id


def end(present: Link, *, now: str) -> Link:
    """Return the link once its number is somebody else's (M19); what was joined is parted at the undo of its owner."""
    return replace(present, state=LinkState.UNDONE, is_ended=True, version=present.version + 1, undone_at=now)


def undo(present: Link | None, *, now: str) -> Link:
    """Return the link once it is undone: where two accounts were joined, the link as it was before.

    Raises RefusedTransition ``not_linked`` when there is none to undo.
    """
    if present is None or not present.is_linked:
        raise RefusedTransition("not_linked", "There is no link to undo.")
    back = present.joined or replace(present, state=LinkState.UNDONE)
    return replace(back, version=present.version + 1, undone_at=now)
