"""What happened to students on a class's first day: one small item beside each, which ends by itself (B12)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from shared.domain.class_day import HELP_FOR, DayNote, Moment
from shared.domain.clock import to_iso
from shared.domain.roster import RosterUserKey
from shared.stores.keys import Item, day_key, user_of_pk
from shared.stores.table import Delete, DynamoTable, Put, Table, Update


class ClassDayStore:
    """``USER#d#number`` / ``DAY``. A note of it is one write; who is linked already is never noted."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = Table(table)

    def arrived(self, student: RosterUserKey, now: datetime, *, is_known: bool = True) -> None:
        """A district login led to the question; ``is_known`` is False where the student is linked and the login is new."""
        moment = Moment.CHOOSING if is_known else Moment.NEW_LOGIN
        self._table.write(Put({**day_key(student), "what": moment.value, "tries": 0, **_when(now)}))

    def trouble(self, student: RosterUserKey, code: str, now: datetime) -> None:
        """Something stopped the student: the code of a refusal."""
        update = Update(day_key(student)).set(what=Moment.of(code).value, **_when(now)).add(tries=1)
        self._table.write(update)

    def gone(self, student: RosterUserKey) -> None:
        """Nobody is there as this student now, and nothing is wrong."""
        self._table.write(Delete(day_key(student)))

    def of_students(self, students: Iterable[RosterUserKey]) -> dict[RosterUserKey, DayNote]:
        """What is noted of each. It may be a second old: the board is looked at again."""
        found = self._table.batch_get(map(day_key, students), consistent=False)
        return {note.student: note for note in map(_note, found.values())}


def _when(now: datetime) -> dict[str, str | int]:
    return {"at": to_iso(now), "ttl": int((now + HELP_FOR).timestamp())}


def _note(item: Item) -> DayNote:
    return DayNote(user_of_pk(item["PK"]), Moment(item["what"]), int(item["tries"]), item["at"])
