"""The live board of a class that logs in for the first time (B12)."""

from __future__ import annotations

from shared.domain.class_day import Board, board_of
from shared.domain.clock import Clock
from shared.domain.roster import DistrictClass
from shared.stores.class_day import ClassDayStore
from shared.stores.links import LinkStore
from shared.stores.roster_users import RosterUserStore
from shared.stores.vouching import VouchStore


class WatchClass:
    """Reads alone, four requests: a board is looked at every few seconds while a class logs in."""

    def __init__(
        self, users: RosterUserStore, links: LinkStore, vouches: VouchStore, days: ClassDayStore, *, clock: Clock
    ) -> None:
        self._users = users
        self._links = links
        self._vouches = vouches
        self._days = days
        self._clock = clock

    def board(self, taught: DistrictClass) -> Board:
        """The students of this class; nothing of any other."""
        now = self._clock()
        students = sorted(
            self._users.get_present(taught.student_keys).values(),
            key=lambda one: (one.family_name.casefold(), one.given_name.casefold(), one.sourced_id),
        )
        keys = [one.key for one in students]
        code = self._vouches.code(taught.district_id, taught.sourced_id, now)
        return board_of(students, self._links.of_users(keys), self._days.of_students(keys), code, now)
