"""Looks whether what is noted of people counts them as the roster has them, and puts it right (``counted_items``)."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import batched

from shared.domain.roster import RosterUserKey
from shared.stores.counted_items import STANDS_AS, as_counted
from shared.stores.keys import activation_key, key_of, link_key, pair, roster_key, stuck_key
from shared.stores.table import PRESENT, DynamoTable, Table, Update

_PEOPLE_AT_ONCE = 25
"""Their four items are one request."""


class PeopleCounted:
    """Writes ``stands_as`` where it is another one than the roster says: of whoever changed school or role, left or came back
    with a link or a mail. Whatever changed last of a person is looked at after it did, and then all of it is read as it is:
    so in the end everything says the same."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = Table(table)

    def put_right(self, users: Iterable[RosterUserKey]) -> int:
        """Look at these people. Return how many items were put right. May be run again."""
        done = 0
        for some in batched(users, _PEOPLE_AT_ONCE, strict=False):
            keys = {user: (roster_key(user), link_key(user), activation_key(user), stuck_key(user)) for user in some}
            found = self._table.batch_get(key for of_user in keys.values() for key in of_user)
            for of_user in keys.values():
                for item in as_counted(*(found.get(pair(key)) for key in of_user)):
                    update = Update(key_of(pair(item))).set(**{STANDS_AS: item[STANDS_AS] or None})
                    done += self._table.attempt(update.when(PRESENT))
        return done
