"""Recompute receipts: whether all that was there before each link is there still (M13–M16, B2).

It only reads. What seems to be lost is looked at once more, by itself and as it stands at that moment: an account may be read while
it is changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from shared.domain.link import Link, LinkState
from shared.domain.receipt import Before, Difference, Holdings, Loss, differences
from shared.domain.roster import RosterUserKey
from shared.stores.keys import Key
from shared.stores.links import LinkStore, user_of_side
from shared.stores.receipts import ReceiptStore, Side
from shared.stores.table import DynamoTable


@dataclass(frozen=True, slots=True)
class Found:
    """What is lost of a link, by ids alone."""

    district_id: str
    account_id: str
    difference: Difference


@dataclass(slots=True)
class Checked:
    """What came of looking at links. ``without`` are those whose receipt nobody kept: an earlier version made them."""

    links: int = 0
    without: int = 0
    found: list[Found] = field(default_factory=list)

    def add(self, other: Checked) -> None:
        self.links += other.links
        self.without += other.without
        self.found += other.found

    @property
    def kinds(self) -> Counter[Loss]:
        return Counter(each.difference.loss for each in self.found)


class CheckReceipts:
    """Looks at sides of links, many at once."""

    def __init__(self, table: DynamoTable) -> None:
        self._receipts = ReceiptStore(table)
        self._links = LinkStore(table)

    def check(self, sides: Collection[Side]) -> Checked:
        """Compare what is there now with these receipts."""
        checked = Checked(len(sides), sum(side.is_without for side in sides))
        suspects = [side for side, found in self._lost(sides, consistent=False) if found]
        for suspect in suspects:
            again = [side for side in self._receipts.sides(suspect.account_id) if side.key == suspect.key]
            for side, found in self._lost(again, consistent=True):
                checked.found += [Found(side.district_id, side.account_id, each) for each in found]
        return checked

    def next_part(self, after: Key | None, districts: Collection[str] = ()) -> tuple[Checked, Key | None]:
        """Check the links in the next part of the table, of these districts or all; where it ends, None at the table's end."""
        sides, last = self._receipts.scanned(after)
        return self.check([side for side in sides if not districts or side.district_id in districts]), last

    def _lost(self, sides: Iterable[Side], *, consistent: bool) -> list[tuple[Side, list[Difference]]]:
        listed = list(sides)
        holdings = self._receipts.holdings(
            dict.fromkeys(side.account_id for side in listed), consistent=consistent, with_work=True
        )
        users = {side.key: user_of_side(side.item) for side in listed}
        links = self._links.of_users(users.values(), consistent=consistent)
        return [(side, _lost_of(side, users[side.key], links, holdings[side.account_id])) for side in listed]


def _lost_of(side: Side, user: RosterUserKey, links: Mapping[RosterUserKey, Link], now: Holdings) -> list[Difference]:
    lost = _lost_of_link(side, user, links.get(user), now)
    try:
        before = side.before
    except ValueError:
        return [*lost, Difference(Loss.UNREADABLE)]
    return [*lost, *differences(before or Before(""), now)]


def _lost_of_link(side: Side, user: RosterUserKey, link: Link | None, now: Holdings) -> list[Difference]:
    if side.item["state"] == LinkState.LINKED:
        if link is None or not link.is_linked or link.account_id != side.account_id:
            return [Difference(Loss.LINK_GONE, user.person_id)]
        if link.joined and link.joined.is_linked and link.joined.account_id not in now.joined:
            return [Difference(Loss.JOIN_GONE, link.joined.account_id)]
    elif side.is_joined and now.joined_into is None:
        return [Difference(Loss.JOIN_GONE, side.account_id)]
    return []
