"""Activations that wait until their district lets them start: by district, so that settings that change lead to them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

from shared.domain.activation import Activation
from shared.domain.clock import to_iso
from shared.domain.roster import RosterUserKey
from shared.stores.keys import DUE_SHARDS, WAITS, Item, key_of, pair, waiting_key, waiting_pk, waits_key
from shared.stores.table import PRESENT, Delete, DynamoTable, Table, Update

if TYPE_CHECKING:
    from shared.stores.first_wave import FirstWaveStore


@dataclass(frozen=True, slots=True)
class WaitingDistrict:
    """A district in which somebody waits: when to look next (ISO 8601, UTC), and as which version that was noted."""

    district_id: str
    look_at: str
    version: int


def waiting_item(user: RosterUserKey, activation_id: str) -> Item:
    """That this person's activation waits. The district is noted after it (``WaitingStore.note``)."""
    return {**waiting_key(user), "activation_id": activation_id}


class WaitingStore:
    """``WAITING#d#shard`` / person for who waits, and ``WAITS`` / district for when to look at those of a district.

    ``first_wave`` has what lets a district's others wait for its first mails.
    """

    def __init__(self, table: DynamoTable) -> None:
        self._table = Table(table)
        self._dynamo = table

    @cached_property
    def first_wave(self) -> FirstWaveStore:
        from shared.stores.first_wave import FirstWaveStore  # few districts have one

        return FirstWaveStore(self._dynamo)

    def note(self, district_id: str, look_at: datetime) -> None:
        """Somebody of this district waits, and may be looked at from this moment on; an earlier moment stays.

        It comes after the item of who waits: a look that found nobody is not forgotten then. May be run again.
        """
        update, moment = Update(waits_key(district_id)).add(version=1), to_iso(look_at)
        is_earlier = "attribute_not_exists(look_at) OR look_at > :look_at"
        if not self._table.attempt(update.set(look_at=moment).when(is_earlier, look_at=moment)):
            self._table.write(update)

    def look_now(self, district_id: str, now: datetime) -> None:
        """The district's settings changed: look at everybody who waits there, if anybody does. May be run again."""
        self._table.attempt(Update(waits_key(district_id)).add(version=1).set(look_at=to_iso(now)).when(PRESENT))

    def districts(self, now: datetime) -> Iterator[WaitingDistrict]:
        """The districts at which to look by now."""
        for item in self._table.query(WAITS):
            if item["look_at"] <= to_iso(now):
                yield WaitingDistrict(item["SK"], item["look_at"], int(item["version"]))

    def look_again(self, seen: WaitingDistrict, look_at: datetime | None) -> None:
        """After a look: when the next one is due, None where nobody waits any more.

        Where somebody was noted in the meantime it stays due.
        """
        key = waits_key(seen.district_id)
        write = Update(key).set(look_at=to_iso(look_at)) if look_at else Delete(key)
        self._table.attempt(write.when("version = :seen", seen=seen.version))

    def of_district(self, district_id: str) -> Iterator[tuple[RosterUserKey, str]]:
        """Everybody of a district who waits, and the id of the activation."""
        shards = (self._table.query(waiting_pk(district_id, shard)) for shard in range(DUE_SHARDS))
        for item in chain.from_iterable(shards):
            yield RosterUserKey.of_person_id(district_id, item["SK"]), str(item["activation_id"])

    def is_any(self, district_id: str) -> bool:
        """Whether anybody of a district waits."""
        return any(self._table.page(waiting_pk(district_id, shard), most=1).items for shard in range(DUE_SHARDS))

    def still(self, users: Iterable[RosterUserKey]) -> set[RosterUserKey]:
        """Those of these who wait."""
        by_key = {pair(waiting_key(user)): user for user in users}
        return {by_key[key] for key in self._table.batch_get(map(key_of, by_key))}

    def add(self, waiting: Iterable[tuple[RosterUserKey, str]]) -> None:
        """These wait, each with the id of the activation. ``note`` comes after it."""
        self._table.write_many(waiting_item(user, activation_id) for user, activation_id in waiting)

    def let_go(self, activations: Iterable[Activation], now: datetime) -> None:
        """Have these mailed by the next look at their districts: for who cannot reach the queue."""
        found = list(activations)
        self.add((activation.user, activation.activation_id) for activation in found)
        for district_id in sorted({activation.user.district_id for activation in found}):
            self.note(district_id, now)

    def remove(self, users: Iterable[RosterUserKey]) -> None:
        """These wait no more."""
        self._table.write_many(deletes=map(waiting_key, users))
