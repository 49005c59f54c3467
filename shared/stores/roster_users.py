"""Roster users: ``USER#d#number / ROSTER`` (or its kind's key), and the index of their addresses and Clever ids."""

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
    holders_of_district,
    key_of,
    moved_key,
    pair,
    roster_key,
    user_of_holder,
    user_of_pk,
)
from shared.stores.table import DynamoTable, Pace, Table

_MOST_MOVES = 10
"""How many changes of a number are followed."""


class RosterUserStore:
    """Roster users; the import alone writes them, many at a time."""

    def __init__(self, table: DynamoTable, pace: Pace | None = None) -> None:
        self._table = Table(table, pace)

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
    def identifier_keys(user: RosterUser) -> list[Key]:
        """Where this person's address and Clever ids are noted; only of people who are on the roster now."""
        if not user.active:
            return []
        pks = [email_pk(user.official_email)] if user.official_email else []
        pks += [clever_pk(clever_id) for clever_id in user.clever_ids]
        return [key_of((pk, holder_sk(user.key))) for pk in pks]

    def write(self, changes: Iterable[tuple[RosterUser | None, RosterUser]]) -> int:
        """Write people who changed, (before, after), and what their addresses and Clever ids find; None for who is new.

        Return how many writes were made. May be run again.
        """
        return self._table.write_all((self._writes(before, after) for before, after in changes))

    @classmethod
    def _writes(cls, before: RosterUser | None, after: RosterUser) -> tuple[list[Item], list[Key]]:
        now = set(map(pair, cls.identifier_keys(after)))
        former = set(map(pair, cls.identifier_keys(before))) if before else set()
        puts: list[Item] = [cls.item(after), *map(key_of, sorted(now - former))]
        if (
            before
            and before.active
            and before.official_email
            and (email_pk(before.official_email), holder_sk(after.key)) not in now
        ):
            puts += cls.former_holder(after.key, before.official_email)
        return puts, [key_of(key) for key in sorted(former - now)]

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
        if most is None:
            items = list(self._table.query(pk, holders_of_district(district_id)))
        elif len(items := self._table.page(pk, holders_of_district(district_id), most=most + 1).items) > most:
            return []
        found = self.get_many(user_of_holder(item["SK"]) for item in items)
        return [user for user in found.values() if user.active]


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
