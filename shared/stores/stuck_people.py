"""People who are stuck and need somebody's help, one item each, by district (B7)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from shared.domain.activation import Activation, ActivationState
from shared.domain.roster import RosterUserKey
from shared.stores.keys import Item, key_of, stuck_key, stuck_pk
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
    NEVER_OPENED = "never_opened"
    """The mail arrived, and a reminder did not help either."""
    SHARED_ADDRESS = "shared_address"
    """Somebody else has the address, too: a teacher is not mailed, whatever the other one is (M7)."""
    NO_ADDRESS = "no_address"
    """A teacher without an address on the roster."""


_OF_ROSTER = (StuckCode.SHARED_ADDRESS, StuckCode.NO_ADDRESS)

WINDOW = 3_000
"""People who are stuck that one read brings: of all but the largest districts everybody."""


@dataclass(frozen=True, slots=True)
class Stuck:
    """Why somebody is stuck, and since when (ISO 8601, UTC)."""

    user: RosterUserKey
    code: StuckCode
    since: str


@dataclass(frozen=True, slots=True)
class StuckWindow:
    """Some of those who are stuck, in the order of their ids. ``last`` is the ``person_id`` after which there may be more; empty
    where there are no more."""

    people: list[Stuck]
    last: str = ""


class StuckStore:
    """``STUCK#district`` / sourcedId. The item is written in the transaction of the fact it is about (``stuck_item``)."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = Table(table)

    def of_district(self, district_id: str, most: int = 100) -> list[Stuck]:
        """Return at most so many of them, in the order of their ids."""
        items = self._table.query(stuck_pk(district_id), page_size=most, consistent=False)
        return [_stuck(district_id, item) for item in islice(items, most)]

    def of(self, user: RosterUserKey) -> StuckCode | None:
        """As what somebody is stuck."""
        item = self._table.get(stuck_key(user))
        return StuckCode(item["code"]) if item else None

    def window(self, district_id: str, after: str = "") -> StuckWindow:
        """Return ``WINDOW`` of them, those that come after a ``person_id``: one read."""
        pk = stuck_pk(district_id)
        page = self._table.page(pk, most=WINDOW, after=key_of((pk, after)) if after else None)
        return StuckWindow([_stuck(district_id, item) for item in page.items], page.last["SK"] if page.last else "")

    def by_roster(self, district_id: str) -> dict[RosterUserKey, StuckCode]:
        """Everybody of a district who is stuck because of what the roster says of addresses: others have it, too, or there is
        none."""
        items = self._table.query(stuck_pk(district_id), consistent=False)
        found = (_stuck(district_id, item) for item in items if item["code"] in _OF_ROSTER)
        return {each.user: each.code for each in found}

    def note_by_roster(self, users: Iterable[RosterUserKey], code: StuckCode, since: str) -> None:
        """These are stuck by what the roster says. Who is stuck for something else stays noted for that."""
        for user in users:
            self._table.attempt(Put(stuck_item(user, code, since)).when(ABSENT))

    def forget_by_roster(self, users: Iterable[RosterUserKey], code: StuckCode) -> None:
        """These are so no more, or left."""
        for user in users:
            self._table.attempt(Delete(stuck_key(user)).when("code = :code", code=code.value))

    def note(self, user: RosterUserKey, code: StuckCode, since: str) -> None:
        self._table.write(Put(stuck_item(user, code, since)))


def _stuck(district_id: str, item: Item) -> Stuck:
    return Stuck(RosterUserKey.of_person_id(district_id, item["SK"]), StuckCode(item["code"]), item["since"])


def is_noted_as_stuck(activation: Activation) -> bool:
    """Whether this activation made its person stuck at some time."""
    return (
        activation.trouble is not None
        or activation.reminders > 0
        or activation.state
        in (
            ActivationState.SENDING,
            ActivationState.BOUNCED,
            ActivationState.COMPLAINED,
            ActivationState.EXPIRED,
        )
    )


def stuck_item(user: RosterUserKey, code: StuckCode, since: str) -> Item:
    return {**stuck_key(user), "code": code.value, "since": since}
