"""What the steps that write hold of a shard at the most, by person: it decides how much memory a worker needs."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from uuid import UUID

import pytest

from functions.import_step.memberships import Roll
from functions.import_step.records import STUDENTS, Moves
from shared.domain.roster import RosterUserKey
from shared.stores.links import LinkStore
from shared.stores.roster_holders import RosterHolders
from shared.use_cases import match_and_invite
from tests.builders import key, roster, user
from tests.fakes.dynamodb import MemoryTable
from tests.harness import World

PEOPLE = 2_000
CLASSES_OF_ONE = 7


def most_held(do: Callable[[], object]) -> int:
    """Bytes that were held at one time at the most, beyond what was there before."""
    tracemalloc.start()
    try:
        do()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def id_of(number: int) -> str:
    return str(UUID(int=number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128))


def moves(people: Iterable[int]) -> Iterator[Moves]:
    """Everybody comes into seven classes of thirty; told by sixteen shards of people."""
    for shard in range(16):
        those = [n for n in people if n % 16 == shard]
        texts = (f"class-{CLASSES_OF_ONE * (n // 30) + k}\t{id_of(n)}" for n in those for k in range(CLASSES_OF_ONE))
        yield Moves(STUDENTS, True, "\n".join(texts))


def test_a_place_in_a_class_is_held_as_its_number_and_little_more() -> None:
    def members() -> None:
        roll = Roll((), moves(range(PEOPLE)))
        assert sum(line.count(b'"') for line in roll.lines()) == 2 * (PEOPLE * CLASSES_OF_ONE + PEOPLE // 30 * 7 + 7)

    assert most_held(members) / (PEOPLE * CLASSES_OF_ONE) < 36 + 40


def test_an_address_that_is_packed_is_held_as_one_text() -> None:
    class Forgetful(MemoryTable):
        """Keeps nothing of what is written together."""

        def __init__(self) -> None:
            super().__init__(is_metered=False)
            self.meta.client.batch_write_item = lambda **_: {}

    def held(people: int) -> Iterator[tuple[str, RosterUserKey]]:
        return ((f"EMAIL#{id_of(n)[:12]}@lakeside.example", key(id_of(n))) for n in range(people))

    store = RosterHolders(Forgetful())
    few, many = (most_held(lambda n=n: store.write("lakeside", held(n), is_first=True)) for n in (1_500, 6_000))
    assert (many - few) / 4_500 < 2.5 * (24 + 6 + 38 + 1 + 36)


def test_people_are_looked_up_and_matched_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(match_and_invite, "_HELD_TOGETHER", 10)
    asked: list[int] = []
    of_users = LinkStore.of_users

    def counted(store: LinkStore, users: Iterable[RosterUserKey], *, consistent: bool = True) -> object:
        asked.append(len(those := [*users]))
        return of_users(store, those, consistent=consistent)

    monkeypatch.setattr(LinkStore, "of_users", counted)
    world = World()
    world.register()
    world.upload(roster(*(user(f"t{n}", "teacher") for n in range(25))))
    world.send_mail()
    assert max(asked) == 10
    assert len({str(mail["To"]) for mail in world.ses.sent}) == 25
