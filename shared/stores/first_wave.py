"""A district's first wave: what stands of it, and who is of it (docs/decisions/0100-a-first-wave-goes-ahead.md)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain.clock import to_iso
from shared.domain.first_wave import FirstWave, WaveMember
from shared.stores.keys import (
    FIRST_MAILS,
    Item,
    first_mails_due_key,
    first_mails_key,
    first_wave_key,
    first_wave_pk,
    ids_of,
    user_of,
)
from shared.stores.table import Delete, DynamoTable, Table, Update, Write

_KEPT = timedelta(days=180)
"""So long it is kept who was of a first wave."""
_NOT_RELEASED = "attribute_not_exists(released_at)"


class FirstWaveStore:
    """``DISTRICT#d`` / ``FIRST_MAILS`` for what stands of it, ``FIRST_WAVE#d`` / activation for who is of it."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = Table(table)

    def of(self, district_id: str) -> FirstWave | None:
        """None where no settings of this version asked for one."""
        item = self._table.get(first_mails_key(district_id))
        return wave_of(item) if item and "size" in item else None

    def members(self, district_id: str) -> list[WaveMember]:
        return [WaveMember(item["SK"], user_of(item)) for item in self._table.query(first_wave_pk(district_id))]

    def has(self, district_id: str, activation_id: str) -> bool:
        """Whether this activation is of the first wave."""
        return self._table.get(first_wave_key(district_id, activation_id)) is not None

    def add(self, members: Iterable[WaveMember], now: datetime) -> None:
        """These go first. May be run again."""
        ttl = int((now + _KEPT).timestamp())
        self._table.write_many(
            {**first_wave_key(each.user.district_id, each.activation_id), **ids_of(each.user), "ttl": ttl}
            for each in members
        )

    def release(self, district_id: str, by: str, now: datetime, *more: Write) -> bool:
        """The rest go from now on, for good. False where they did already. ``more`` is written with it."""
        update = Update(first_mails_key(district_id)).set(released_at=to_iso(now), released_by=by, stopped_at=None)
        return self._table.attempt(update.when(_NOT_RELEASED), *more)

    def stop(self, district_id: str, now: datetime) -> bool:
        """The rest wait for a person, and the contacts are to hear of it. False where they do already, or go."""
        update = Update(first_mails_key(district_id)).set(stopped_at=to_iso(now))
        # First that there is something to tell: a look too many finds nothing.
        self._table.write(Update(first_mails_due_key(district_id)).add(version=1))
        return self._table.attempt(update.when(_NOT_RELEASED).when("attribute_not_exists(stopped_at)"))

    def go_on_waiting(self, district_id: str, now: datetime, *more: Write) -> bool:
        """The first ones are mailed again: what became of them before counts no more. False where the rest go already."""
        update = Update(first_mails_key(district_id)).set(again_at=to_iso(now), stopped_at=None)
        return self._table.attempt(update.when(_NOT_RELEASED), *more)

    def choose(self, district_id: str, school: str, chosen: Iterable[str], *more: Write) -> bool:
        """Who goes first, as the contacts want it: those of a school, these people, or without either the order of the roster.

        Who is of the wave already stays so. False where the rest go already. ``more`` is written with it.
        """
        people = list(chosen)
        update = Update(first_mails_key(district_id)).set(school=school or None, chosen=people or None)
        return self._table.attempt(update.when(_NOT_RELEASED), *more)


@dataclass(frozen=True, slots=True)
class ToTell:
    """A district whose contacts have something to hear. ``is_in_midway``: a roster was applied before this was noted.

    ``told`` has what each was told, with a hash of the contact.
    """

    district_id: str
    version: int
    is_in_midway: bool
    told: frozenset[str]


class ContactsStore:
    """``FIRST_MAILS`` / district: whose contacts have something to hear of first mails, and what they heard."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = Table(table)

    def to_tell(self) -> list[ToTell]:
        return [
            ToTell(
                item["SK"], int(item.get("version", 0)), bool(item.get("is_in_midway")), frozenset(item.get("told", ()))
            )
            for item in self._table.query(FIRST_MAILS)
        ]

    def heads_up_at(self, district_id: str) -> str | None:
        """When the contacts were told what comes, or had no need of it."""
        return (self._table.get(first_mails_key(district_id)) or {}).get("heads_up_at")

    def note_heads_up(self, district_id: str, now: datetime) -> None:
        self._table.write(Update(first_mails_key(district_id)).set_first(heads_up_at=to_iso(now)))

    def note_stop_told(self, district_id: str, stopped_at: str) -> None:
        """Every contact heard of this stop."""
        self._table.write(Update(first_mails_key(district_id)).set(stop_told=stopped_at))

    def claim(self, district_id: str, what: str) -> bool:
        """Take the mail about this to one contact; False where somebody has, or had. Its worker alone sends it, once."""
        update = Update(first_mails_due_key(district_id)).add(told={what})
        is_free = "(attribute_not_exists(told) OR NOT contains(told, :what))"
        return self._table.attempt(update.when(is_free, what=what))

    def release(self, district_id: str, what: str) -> None:
        """It surely did not go out: the next run of the schedule tries again."""
        self._table.write(Update(first_mails_due_key(district_id)).discard(told={what}))

    def forget(self, seen: ToTell) -> None:
        """There is nothing to tell any more, unless something came in the meantime."""
        is_as_seen = "version = :seen" if seen.version else "attribute_not_exists(version)"
        values = {"seen": seen.version} if seen.version else {}
        self._table.attempt(Delete(first_mails_due_key(seen.district_id)).when(is_as_seen, **values))


def wave_of(item: Item) -> FirstWave:
    return FirstWave(
        released_at=item.get("released_at"),
        released_by=str(item.get("released_by", "")),
        stopped_at=item.get("stopped_at"),
        stop_told=item.get("stop_told"),
        school=str(item.get("school", "")),
        chosen=tuple(map(str, item.get("chosen", ()))),
        again_at=item.get("again_at"),
    )


def wanted(district_id: str, size: int) -> Update:
    """That the settings ask for a first wave of this size from now on; a stop of the one before ends."""
    return Update(first_mails_key(district_id)).set(size=size, stopped_at=None)
