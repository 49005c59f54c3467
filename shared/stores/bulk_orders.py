"""What an administrator wants done for many people at once: shown first, then done, and undone (B7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from shared.domain.clock import to_iso
from shared.domain.roster import RosterUserKey
from shared.stores.keys import Item, bulk_key, trail_key
from shared.stores.table import ABSENT, DynamoTable, Put, Table, Update
from shared.stores.trail import trail_item

MOST = 500
"""People of one order: as many as a district may have mails sent again in a day."""
_KEPT = timedelta(days=30)


class BulkAction(StrEnum):
    MAIL = "mail"
    WITHDRAW = "withdraw"

    @property
    def undoing(self) -> BulkAction:
        """What undoes it."""
        return BulkAction.WITHDRAW if self is BulkAction.MAIL else BulkAction.MAIL


class Stage(StrEnum):
    SHOWN = "shown"
    BEGUN = "begun"
    """Somebody said go; it may have been cut short, and is done again then."""
    DONE = "done"
    UNDOING = "undoing"
    UNDONE = "undone"


@dataclass(frozen=True, slots=True)
class BulkOrder:
    """An order, and how far it is. ``begun_at`` and ``undoing_at`` are when somebody said so first (ISO 8601, UTC)."""

    district_id: str
    order_id: str
    action: BulkAction
    by: str
    people: tuple[str, ...]
    """For whom it is to be done: a ``person_id`` each."""
    left_out: Mapping[str, int] = field(default_factory=dict)
    """For how many of those who were chosen it cannot be done, by a code that says why."""
    stage: Stage = Stage.SHOWN
    begun_at: str = ""
    undoing_at: str = ""
    done: Mapping[str, str] = field(default_factory=dict)
    """For whom it was done, and the id of the activation it was done to."""
    undone: int = 0

    @property
    def is_open(self) -> bool:
        """Whether it was begun and is not known to have come to its end."""
        return self.stage in (Stage.BEGUN, Stage.UNDOING)


class BulkOrderStore:
    """``DISTRICT#d`` / ``BULK#id``, kept for 30 days. What was done to whom is in the trail: an entry a person, written with it."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = Table(table)

    def put(self, order: BulkOrder, now: datetime) -> None:
        self._table.write(
            Put(
                {
                    **bulk_key(order.district_id, order.order_id),
                    "action": order.action.value,
                    "by": order.by,
                    "people": list(order.people),
                    "left_out": dict(order.left_out),
                    "stage": order.stage.value,
                    "ttl": int((now + _KEPT).timestamp()),
                }
            )
        )

    def of(self, district_id: str, order_id: str) -> BulkOrder | None:
        item = self._table.get(bulk_key(district_id, order_id))
        return _order_of(district_id, order_id, item) if item else None

    def begin(self, order: BulkOrder, now: datetime, *, undoing: bool) -> BulkOrder:
        """Somebody says go. Return the order as it is then: whoever comes again goes on with the same moment."""
        update = Update(bulk_key(order.district_id, order.order_id))
        if undoing:
            update = update.set(stage=Stage.UNDOING.value).set_first(undoing_at=to_iso(now))
        else:
            update = update.set(stage=Stage.BEGUN.value).set_first(begun_at=to_iso(now))
        return _order_of(order.district_id, order.order_id, self._table.updated(update))

    def end(self, order: BulkOrder, done: Mapping[str, str], left_out: Mapping[str, int]) -> None:
        """It is done for these; ``left_out`` as ``BulkOrder``."""
        ended = Update(bulk_key(order.district_id, order.order_id)).set(
            stage=Stage.DONE.value, done=dict(done), left_out=dict(left_out)
        )
        self._table.write(ended)

    def end_undoing(self, order: BulkOrder, undone: int) -> None:
        """It is undone for so many."""
        ended = Update(bulk_key(order.district_id, order.order_id)).set(stage=Stage.UNDONE.value, undone=undone)
        self._table.write(ended)

    def entry(self, order: BulkOrder, person_id: str, reason: str, *, undoing: bool = False) -> Put:
        """The entry of the trail that is written with what is done for somebody: once, however often it is tried (B5)."""
        at, entry_id = _entry_of(order, person_id, undoing=undoing)
        action = order.action.undoing if undoing else order.action
        item = trail_item(
            order.district_id, at, entry_id, action=action.value, by=order.by, reason=reason, person=person_id
        )
        return Put(item).when(ABSENT)

    def entered(self, order: BulkOrder, *, undoing: bool = False) -> set[str]:
        """For whom of the order it was done already."""
        keys = {
            person_id: trail_key(order.district_id, *_entry_of(order, person_id, undoing=undoing))
            for person_id in order.people
        }
        found = {sk for _, sk in self._table.batch_get(keys.values())}
        return {person_id for person_id, key in keys.items() if key["SK"] in found}

    def people(self, order: BulkOrder) -> list[RosterUserKey]:
        return [RosterUserKey.of_person_id(order.district_id, person_id) for person_id in order.people]


def _entry_of(order: BulkOrder, person_id: str, *, undoing: bool) -> tuple[str, str]:
    """The moment and the id of an entry: the same for each try, and of another person another one."""
    place = order.people.index(person_id)
    return (
        (order.undoing_at, f"{order.order_id}-u{place}") if undoing else (order.begun_at, f"{order.order_id}-{place}")
    )


def _order_of(district_id: str, order_id: str, item: Item) -> BulkOrder:
    return BulkOrder(
        district_id,
        order_id,
        BulkAction(item["action"]),
        item["by"],
        tuple(item["people"]),
        {code: int(number) for code, number in item["left_out"].items()},
        Stage(item["stage"]),
        str(item.get("begun_at", "")),
        str(item.get("undoing_at", "")),
        dict(item.get("done") or {}),
        int(item.get("undone") or 0),
    )
