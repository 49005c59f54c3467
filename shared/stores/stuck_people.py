"""People who are stuck and need somebody's help, one item each, by district (B7)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from shared.domain.activation import Activation, ActivationState
from shared.domain.roster import RosterUserKey
from shared.stores.keys import Item, stuck_key, stuck_pk
from shared.stores.table import ABSENT, Delete, DynamoTable, Put, Table


class StuckCode(StrEnum):
    BOUNCED = "bounced"
    SOFT_BOUNCE = "soft_bounce"
    COMPLAINED = "complained"
    UNANSWERED = "unanswered"
    """Nobody knows whether the mail went out."""
    UNTOLD = "untold"
    """The mail went out, and SES never said whether it arrived."""
    EXPIRED = "expired"
    SHARED_ADDRESS = "shared_address"
    """Somebody else has the address, too: a teacher is not mailed, whatever the other one is (M7)."""


@dataclass(frozen=True, slots=True)
class Stuck:
    """Why somebody is stuck, and since when (ISO 8601, UTC)."""

    user: RosterUserKey
    code: StuckCode
    since: str


class StuckStore:
    """``STUCK#district`` / sourcedId. The item is written in the transaction of the fact it is about (``stuck_item``)."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = Table(table)

    def of_district(self, district_id: str, most: int = 100) -> list[Stuck]:
        """Return at most so many of them, in the order of their ids."""
        items = self._table.query(stuck_pk(district_id), page_size=most, consistent=False)
        return [
            Stuck(RosterUserKey.of_person_id(district_id, item["SK"]), StuckCode(item["code"]), item["since"])
            for item in islice(items, most)
        ]

    def sharers(self, district_id: str) -> set[RosterUserKey]:
        """Everybody of a district who is stuck because others have the address, too."""
        items = self._table.query(stuck_pk(district_id), consistent=False)
        shared = (item["SK"] for item in items if item["code"] == StuckCode.SHARED_ADDRESS)
        return {RosterUserKey.of_person_id(district_id, number) for number in shared}

    def note_sharers(self, users: Iterable[RosterUserKey], since: str) -> None:
        """These share an address. Who is stuck for something else stays noted for that."""
        for user in users:
            self._table.attempt(Put(stuck_item(user, StuckCode.SHARED_ADDRESS, since)).when(ABSENT))

    def forget_sharers(self, users: Iterable[RosterUserKey]) -> None:
        """These have an address of their own by now, or left."""
        for user in users:
            is_sharer = Delete(stuck_key(user)).when("code = :code", code=StuckCode.SHARED_ADDRESS.value)
            self._table.attempt(is_sharer)

    def note(self, user: RosterUserKey, code: StuckCode, since: str) -> None:
        self._table.write(Put(stuck_item(user, code, since)))


def is_noted_as_stuck(activation: Activation) -> bool:
    """Whether this activation made its person stuck at some time."""
    return activation.trouble is not None or activation.state in (
        ActivationState.SENDING,
        ActivationState.BOUNCED,
        ActivationState.COMPLAINED,
        ActivationState.EXPIRED,
    )


def stuck_item(user: RosterUserKey, code: StuckCode, since: str) -> Item:
    return {**stuck_key(user), "code": code.value, "since": since}
