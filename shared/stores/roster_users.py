"""Roster users: ``USER#d#number / ROSTER`` (or its kind's key)."""

from __future__ import annotations

from collections.abc import Iterable

from shared.domain.roster import Role, RosterUser, RosterUserKey
from shared.stores.keys import (
    Item,
    Key,
    clever_pk,
    email_pk,
    former_address_key,
    former_holder_key,
    holder_sk,
    key_of,
    moved_key,
    pair,
    roster_key,
    user_of_pk,
)
from shared.stores.roster_holders import RosterHolders
from shared.stores.table import DynamoTable, Pace, Table

_MOST_MOVES = 10
"""How many changes of a number are followed."""


class RosterUserStore:
    """Roster users; the import alone writes them, many at a time."""

    def __init__(self, table: DynamoTable, pace: Pace | None = None) -> None:
        self._table = Table(table, pace)
        self.holders = RosterHolders(table, pace)

    @staticmethod
    def item(user: RosterUser) -> Item:
        """What is stored of a roster user, at most 1 KB for anybody but the busiest."""
        return {
            **roster_key(user.key),
            "role": user.role.value,
            "given_name": user.given_name,
            "family_name": user.family_name,
            "email": user.official_email,
            "username": user.username,
            "clever_ids": list(user.clever_ids) or None,
            "school_ids": list(user.school_ids),
            "teaches": list(user.teaches) or None,
            "attends": list(user.attends) or None,
            "active": user.active,
            "also_administers": user.also_administers or None,
            "schools_only": user.schools_only or None,
        }

    @staticmethod
    def identifiers(address: str | None, clever_ids: Iterable[str]) -> list[str]:
        """Under what somebody with these is found who is on the roster now."""
        return [*([email_pk(address)] if address else []), *map(clever_pk, clever_ids)]

    @classmethod
    def identifiers_of(cls, user: RosterUser) -> list[str]:
        """Under what this person is found; nothing of somebody who has left."""
        return cls.identifiers(user.official_email, user.clever_ids) if user.active else []

    def write(self, changes: Iterable[tuple[RosterUser | None, RosterUser]]) -> int:
        """Write people who changed, (before, after), and whose an address was until now; None for who is new. Who holds what is
        written when all people are (``shared.stores.roster_holders``).

        Return how many writes were made. May be run again.
        """
        return self._table.write_all((self._writes(before, after), ()) for before, after in changes)

    @classmethod
    def _writes(cls, before: RosterUser | None, after: RosterUser) -> list[Item]:
        puts: list[Item] = [cls.item(after)]
        address = before.official_email if before and before.active else None
        if address and not (after.active and after.official_email == address):
            puts += cls.former_holder(after.key, address)
        return puts

    @staticmethod
    def holder_key(user: RosterUserKey, identifier: str) -> Key:
        """Where it is noted that this person holds it, if by itself."""
        return key_of((identifier, holder_sk(user)))

    @staticmethod
    def former_holder(user: RosterUserKey, address: str) -> list[Key]:
        """That this person had this address before: whoever has it next is asked whose account it is (M6)."""
        return [former_holder_key(address, user), former_address_key(user, address)]

    def get(self, key: RosterUserKey) -> RosterUser | None:
        item = self._table.get(roster_key(key))
        return roster_user_of(item) if item else None

    def get_many(self, keys: Iterable[RosterUserKey]) -> dict[RosterUserKey, RosterUser]:
        found = self._table.batch_get(map(roster_key, keys), consistent=False)
        users = [roster_user_of(item) for item in found.values()]
        return {user.key: user for user in users}

    def get_present(self, keys: Iterable[RosterUserKey]) -> dict[RosterUserKey, RosterUser]:
        """As ``get_many``, and whoever has got the key of a kind since something named them without one.

        It costs a second read where somebody is not found.
        """
        wanted = list(keys)
        found = self.get_many(wanted)
        missing = [key for key in wanted if key not in found and not key.kind]
        if not missing:
            return found
        notes = self._table.batch_get(map(moved_key, missing), consistent=False).values()
        return found | self.get_many(map(moved_to, notes))

    def get_moved(self, keys: Iterable[RosterUserKey]) -> dict[RosterUserKey, RosterUser]:
        """Those of them who have got another number since, or a kind, by the key that they had.

        It costs two reads, and more for those whose number changed more than once.
        """
        wanted = {pair(moved_key(key)): key for key in keys}
        notes = self._table.batch_get(map(key_of, wanted), consistent=False) if wanted else {}
        moved = {wanted[at]: moved_to(note) for at, note in notes.items()}
        found = self.get_many(moved.values()) if moved else {}
        further = {then: self.present_key(now) for then, now in moved.items() if now not in found}
        found |= self.get_many(further.values()) if further else {}
        return {then: found[now] for then, now in (moved | further).items() if now in found}

    def present_key(self, user: RosterUserKey) -> RosterUserKey:
        """Where somebody is noted whom something earlier names by another number, or without a kind
        (``shared.stores.renumbering``).

        A read more for each time that the number changed: it is asked only where nobody is found.
        """
        for _ in range(_MOST_MOVES):
            note = self._table.get(moved_key(user))
            if note is None:
                break
            user = moved_to(note)
        return user

    def by_email(self, district_id: str, address: str, *, most: int | None = None) -> list[RosterUser]:
        """Everybody on this district's roster whose official address this is; nobody where more than ``most`` are."""
        return self._by_identifier(district_id, email_pk(address), most)

    def by_clever_id(self, district_id: str, clever_id: str) -> list[RosterUser]:
        """Everybody on this district's roster who holds this Clever id."""
        return self._by_identifier(district_id, clever_pk(clever_id))

    def _by_identifier(self, district_id: str, pk: str, most: int | None = None) -> list[RosterUser]:
        holders = self.holders.of(district_id, pk, most=None if most is None else most + 1)
        if most is not None and len(holders) > most:
            return []
        # Until an import has written who holds what, somebody may have given it up.
        return [user for user in self.get_many(holders).values() if pk in self.identifiers_of(user)]


def moved_to(note: Item) -> RosterUserKey:
    """Whom a ``MOVED`` item leads to; an earlier version noted the kind alone."""
    user = user_of_pk(note["PK"])
    return RosterUserKey(user.district_id, str(note.get("sourced_id", user.sourced_id)), str(note.get("kind") or ""))


def roster_user_of(item: Item) -> RosterUser:
    """The roster user of an item. What an item says of classes that a student teaches is not read (M20)."""
    key, role = user_of_pk(item["PK"]), Role(item["role"])
    return RosterUser(
        key.district_id,
        key.sourced_id,
        role,
        item["given_name"],
        item["family_name"],
        official_email=item.get("email"),
        username=item.get("username"),
        clever_ids=tuple(item.get("clever_ids", ())),
        school_ids=tuple(item.get("school_ids", ())),
        teaches=tuple(item.get("teaches", ())) if role is Role.TEACHER else (),
        attends=tuple(item.get("attends", ())),
        active=bool(item["active"]),
        also_administers=bool(item.get("also_administers")),
        kind=key.kind,
        schools_only=bool(item.get("schools_only")),
    )
