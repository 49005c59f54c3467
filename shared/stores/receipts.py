"""Receipts: what an account had before a link, kept on its side of the link, and what it holds now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from shared.domain import mastery as mastery_rules
from shared.domain.account import GrassrootsClass, Mastery
from shared.domain.clock import to_iso
from shared.domain.receipt import Before, Holdings, RecreatedWork, before_of, packed, unpacked
from shared.stores.accounts import mastery_of
from shared.stores.grassroots_classes import class_of, has_left
from shared.stores.keys import (
    ALL_SCORES,
    GRASSROOTS_CLASSES,
    HANDED_OVER,
    LINKS,
    MEMBERSHIPS,
    RECEIPTS_SEEN,
    RECREATED,
    Item,
    Key,
    Pair,
    account_of_pk,
    account_pk,
    district_of_side,
    grassroots_class_key,
    is_account,
    is_further_side,
    key_of,
    made_key,
    mastery_key,
    pair,
    scores_key,
)
from shared.stores.links import JOINED
from shared.stores.table import DynamoTable, Put, Table

NOTHING = packed(Before(""))
"""The receipt of an account that is made with its link."""
_TRIES = 3


@dataclass(frozen=True, slots=True)
class Side:
    """An account's side of a link, with its receipt. None for a link that an earlier version made."""

    item: Item

    @property
    def account_id(self) -> str:
        return account_of_pk(str(self.item["PK"]))

    @property
    def district_id(self) -> str:
        return district_of_side(str(self.item["SK"]))

    @property
    def key(self) -> Pair:
        return pair(self.item)

    @property
    def is_joined(self) -> bool:
        """Whether its account was joined into another one, which has the link."""
        return bool(self.item["state"] == JOINED)

    @property
    def is_further(self) -> bool:
        """Whether it is that of a further number of a person."""
        return is_further_side(str(self.item["SK"]))

    @property
    def is_without(self) -> bool:
        """Whether an earlier version made the link, or a further number shares the receipt of the first."""
        return "receipt" not in self.item

    @property
    def before(self) -> Before | None:
        """Raises ValueError where it cannot be read."""
        stored = self.item.get("receipt")
        return unpacked(bytes(stored)) if stored is not None else None


def is_side(item: Item) -> bool:
    return is_account(str(item["PK"])) and str(item["SK"]).startswith(LINKS)


class ReceiptStore:
    """Reads an account's whole partition: one query, whatever it holds, and for a student the classes beside their owners."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = Table(table)

    def receipt_of(self, account_id: str, now: datetime) -> bytes:
        """What is to be kept of an account before it is linked."""
        return packed(before_of(self.holdings([account_id])[account_id], to_iso(now)))

    def sides(self, account_id: str) -> list[Side]:
        """The account's sides of its links, with their receipts."""
        return [Side(item) for item in self._table.query(account_pk(account_id), LINKS)]

    def holdings(
        self, account_ids: Iterable[str], *, consistent: bool = True, with_work: bool = False
    ) -> dict[str, Holdings]:
        """What these accounts hold. ``with_work`` looks whether what was recreated is in the district classes."""
        partitions = {
            account: list(self._table.query(account_pk(account), consistent=consistent)) for account in account_ids
        }
        classes = self._attended([item for items in partitions.values() for item in items], consistent=consistent)
        work = [work for items in partitions.values() for work in _recreated(items)] if with_work else []
        there = self._table.batch_get(map(_work_key, (each for each in work if each.made)), consistent=consistent)
        return {
            account: self._of_partition(
                account,
                items,
                classes,
                frozenset(w for w in work if w.made and pair(_work_key(w)) in there) if with_work else None,
            )
            for account, items in partitions.items()
        }

    def scanned(self, after: Key | None) -> tuple[list[Side], Key | None]:
        """The sides in the next part of the whole table, and where it ends; None at the table's end."""
        page = self._table.scanned(after)
        return [Side(item) for item in page.items if is_side(item)], page.last

    def seen(self) -> Key | None:
        """How far the hourly look has come in the table; None at its beginning."""
        found = self._table.get(RECEIPTS_SEEN)
        return key_of((found["after_pk"], found["after_sk"])) if found and "after_pk" in found else None

    def note_seen(self, after: Key | None) -> None:
        pk, sk = pair(after) if after else (None, None)
        self._table.write(Put({**RECEIPTS_SEEN, "after_pk": pk, "after_sk": sk}))

    def _attended(self, items: Iterable[Item], *, consistent: bool) -> Mapping[tuple[str, str], GrassrootsClass]:
        """The classes of these memberships, by (owner, id), with their scores."""
        keys = {
            pair(grassroots_class_key(item["owner_account_id"], _rest(item, MEMBERSHIPS)))
            for item in items
            if str(item["SK"]).startswith(MEMBERSHIPS) and not has_left(item)
        }
        found = self._table.batch_get(map(key_of, sorted(keys)), consistent=consistent)
        wanted = [
            scores_key(each.owner_account_id, each.class_id, assignment.assignment_id)
            for each in map(class_of, found.values())
            for assignment in each.assignments
        ]
        scores: dict[str, list[Item]] = {}
        for (pk, _), item in self._table.batch_get(wanted, consistent=consistent).items():
            scores.setdefault(f"{pk} {item['class_id']}", []).append(item)
        classes = (
            class_of(item, scores.get(f"{pk} {sk.removeprefix(GRASSROOTS_CLASSES)}", ()))
            for (pk, sk), item in found.items()
        )
        return {(each.owner_account_id, each.class_id): each for each in classes}

    def _of_partition(
        self,
        account_id: str,
        items: list[Item],
        classes: Mapping[tuple[str, str], GrassrootsClass],
        work_there: frozenset[RecreatedWork] | None,
    ) -> Holdings:
        by_key = {str(item["SK"]): item for item in items}
        scores = list(_of_kind(items, ALL_SCORES))
        members = list(_of_kind(items, MEMBERSHIPS))
        joined = by_key.get("JOINED", {})
        owned = [class_of(item, scores) for item in _of_kind(items, GRASSROOTS_CLASSES)]
        return Holdings(
            account_id,
            "ACCOUNT" in by_key,
            self._mastery(account_id, by_key),
            {each.class_id: each for each in owned},
            {
                class_id: classes[owner, class_id]
                for item in members
                if not has_left(item)
                if (owner := item["owner_account_id"], class_id := _rest(item, MEMBERSHIPS)) in classes
            },
            frozenset(_rest(item, MEMBERSHIPS) for item in members if has_left(item)),
            frozenset(_rest(item, HANDED_OVER) for item in _of_kind(items, HANDED_OVER)),
            tuple(_recreated(items)),
            work_there,
            joined.get("into"),
            frozenset(joined.get("accounts") or ()),
        )

    def _mastery(self, account_id: str, by_key: Mapping[str, Item]) -> Mastery:
        within = mastery_of(by_key.get("ACCOUNT", {}))
        for _ in range(_TRIES):
            first = by_key.get("MASTERY", {})
            chunks = [by_key.get(mastery_key(account_id, n)["SK"], {}) for n in range(1, int(first.get("chunks", 1)))]
            if all(chunk.get("version") == first.get("version") for chunk in chunks):
                break
            # Read while they were written.
            again = self._table.query(account_pk(account_id), "MASTERY")
            by_key = {**by_key, **{str(item["SK"]): item for item in again}}
        apart = {skill: earned for chunk in (first, *chunks) for skill, earned in mastery_of(chunk).items()}
        return mastery_rules.merge(within, apart) if within and apart else within or apart


def _of_kind(items: Iterable[Item], prefix: str) -> Iterator[Item]:
    return (item for item in items if str(item["SK"]).startswith(prefix))


def _rest(item: Item, prefix: str) -> str:
    return str(item["SK"]).removeprefix(prefix)


def _recreated(items: Iterable[Item]) -> Iterator[RecreatedWork]:
    for item in _of_kind(items, RECREATED):
        yield RecreatedWork(item["class_id"], item["work_id"], item["district_id"], item["into"], item.get("made", ""))


def _work_key(work: RecreatedWork) -> Key:
    return made_key(work.district_id, work.into, work.made)
