"""People who are stuck and need somebody's help, one item each, by district (B7)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from shared.domain.activation import Activation, ActivationState
from shared.domain.roster import RosterUserKey
from shared.stores.keys import Item, stuck_key, stuck_pk
from shared.stores.table import DynamoTable, Put, Table


class StuckCode(StrEnum):
    BOUNCED = "bounced"
    SOFT_BOUNCE = "soft_bounce"
    COMPLAINED = "complained"
    UNANSWERED = "unanswered"
    EXPIRED = "expired"


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
