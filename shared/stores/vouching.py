"""What teachers said on the tables of their classes, and the codes on their boards (B12)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timedelta

from shared.domain.clock import from_iso, to_iso
from shared.domain.roster import RosterUserKey
from shared.domain.vouching import CODE_FOR, ClassCode, Vouch
from shared.stores.keys import Item, class_code_key, ids_of, told_apart_key, user_of, user_of_pk, vouch_key
from shared.stores.table import Delete, DynamoTable, Put, Table, Update, Write

VOUCH_DAYS = 90
"""So long a teacher's word waits for its student's login."""


class VouchStore:
    """``USER#d#number`` / ``VOUCH``; ``CLASS#d#id`` / ``CODE``, ``TOLD_APART``."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = Table(table)

    def of_students(self, students: Iterable[RosterUserKey], now: datetime) -> dict[RosterUserKey, Vouch]:
        """What stands of each: DynamoDB removes what has expired late, so the time is looked at."""
        found = map(_vouch, self._table.batch_get(map(vouch_key, students)).values())
        earliest = now - timedelta(days=VOUCH_DAYS)
        return {vouch.student: vouch for vouch in found if from_iso(vouch.at) > earliest}

    def confirm(self, vouches: Iterable[Vouch]) -> None:
        """Note these; what a teacher said of the same student before is replaced."""
        self._table.write_many([_item(vouch) for vouch in vouches])

    def take_back(self, student: RosterUserKey) -> None:
        self._table.write(Delete(vouch_key(student)))

    def use(self, vouch: Vouch) -> Write:
        """The write that uses a word up, for the transaction that makes the link: it has to be the same one still."""
        return Delete(vouch_key(vouch.student)).when(
            "account_id = :account AND #at = :at", account=vouch.account_id, at=vouch.at
        )

    # Two people

    def told_apart(self, district_id: str, class_id: str) -> set[tuple[str, str]]:
        """(number, account id) of each pair of which a teacher of this class said that they are two people."""
        item = self._table.get(told_apart_key(district_id, class_id)) or {}
        return {(number, account_id) for number, account_id in map(json.loads, item.get("pairs", ()))}

    def tell_apart(
        self, district_id: str, class_id: str, student: RosterUserKey, account_id: str, now: datetime
    ) -> None:
        update = Update(told_apart_key(district_id, class_id)).add(pairs={_pair(student, account_id)})
        self._table.write(update.set(ttl=_ends(now)))

    def take_apart_back(self, district_id: str, class_id: str, student: RosterUserKey, account_id: str) -> None:
        update = Update(told_apart_key(district_id, class_id)).discard(pairs={_pair(student, account_id)})
        self._table.write(update)

    # The code

    def code(self, district_id: str, class_id: str, now: datetime) -> ClassCode | None:
        """The code that is good now."""
        item = self._table.get(class_code_key(district_id, class_id))
        code = _code(item) if item else None
        return code if code and code.is_good(now) else None

    def codes(self, district_id: str, class_ids: Iterable[str], now: datetime) -> dict[str, ClassCode]:
        """The codes of these classes that are good now, by class."""
        keys = {class_id: class_code_key(district_id, class_id) for class_id in class_ids}
        found = self._table.batch_get(keys.values())
        codes = {class_id: _code(item) for class_id, key in keys.items() if (item := found.get((key["PK"], key["SK"])))}
        return {class_id: code for class_id, code in codes.items() if code.is_good(now)}

    def show_code(
        self, district_id: str, class_id: str, digits: str, teacher: RosterUserKey, now: datetime
    ) -> ClassCode:
        """Put a code on the board, in place of the one before."""
        ends = now + CODE_FOR
        code = ClassCode(digits, to_iso(ends), teacher)
        item = {
            **class_code_key(district_id, class_id), "digits": digits, "until": code.until, "ttl": int(ends.timestamp()),
            "teacher": ids_of(teacher),
        }  # fmt: skip
        self._table.write(Put(item))
        return code

    def hide_code(self, district_id: str, class_id: str) -> None:
        self._table.write(Delete(class_code_key(district_id, class_id)))


def _pair(student: RosterUserKey, account_id: str) -> str:
    return json.dumps([student.sourced_id, account_id])


def _ends(now: datetime) -> int:
    return int((now + timedelta(days=VOUCH_DAYS)).timestamp())


def _item(vouch: Vouch) -> Item:
    return {
        **vouch_key(vouch.student), "account_id": vouch.account_id, "class_id": vouch.class_id, "at": vouch.at,
        "teacher": ids_of(vouch.teacher), "teacher_account_id": vouch.teacher_account_id, "row": vouch.row,
        "ttl": _ends(from_iso(vouch.at)),
    }  # fmt: skip


def _vouch(item: Item) -> Vouch:
    return Vouch(
        user_of_pk(item["PK"]), item["account_id"], item["class_id"], user_of(item["teacher"]), item["teacher_account_id"],
        item["at"], item["row"],
    )  # fmt: skip


def _code(item: Item) -> ClassCode:
    return ClassCode(item["digits"], item["until"], user_of(item["teacher"]))
