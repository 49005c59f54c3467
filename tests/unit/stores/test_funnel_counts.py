"""The counts of the funnel: each change counts once, whatever batch it comes in, and all places together are the roster (B7)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import product
from random import Random
from typing import Any

import pytest

from operations import recount as recount_command
from shared.domain.activation import Activation, ActivationState
from shared.domain.errors import AccountLinkingError
from shared.domain.funnel import Counts, Place, school_tag, stands_as
from shared.domain.link import Proof
from shared.domain.roster import NumberKind, Role, RosterUser, RosterUserKey
from shared.stores.counted_items import facts_of
from shared.stores.counts import CountStore
from shared.stores.keys import link_key
from shared.stores.links import Consent
from shared.stores.recount import Recount
from shared.stores.renumbering import NumberChange, Renumbering
from shared.stores.stuck_people import StuckCode, StuckStore
from tests.depth import depth
from tests.fakes.dynamodb import Effect, MemoryTable
from tests.harness import World
from tests.pages_harness import lakeside, linked_teacher
from tests.stream import CHICAGO, Stream, keep_up, keeper, recounted


def counted(table: MemoryTable) -> Counts:
    return CountStore(table).of_district("lakeside").counts


def places(table: MemoryTable, role: Role) -> dict[str, int]:
    return {place.value: number for place, number in counted(table).places(role).items() if number}


def test_each_person_is_counted_at_the_furthest_place_that_they_came_to() -> None:
    web = lakeside()
    world = web.world
    stream = Stream(world.table, world.clock)
    for key, item in list(world.table.items.items()):
        # As if the stream had been followed from the beginning.
        world.table.items.pop(key)
        world.table.put_item(Item=item)
    keep_up(stream, world.table)
    assert places(world.table, Role.TEACHER) == {"mailed": 2}
    assert places(world.table, Role.STUDENT) == {"rostered": 2, "matched": 1}
    linked_teacher(web)
    keep_up(stream, world.table)
    assert places(world.table, Role.TEACHER) == {"mailed": 1, "linked": 1}
    assert counted(world.table) == recounted(world.table, "lakeside")


def test_what_is_written_says_by_itself_as_whom_its_person_is_counted() -> None:
    """So nothing is written beside it: an import, a mail and a link have nothing to put right."""
    web = lakeside()
    world = web.world
    stream = Stream(world.table, world.clock)
    linked_teacher(web)
    keep_up(stream, world.table)
    written = [item for (_, sk), item in world.table.items.items() if sk in ("LINK", "ACTIVATION")]
    assert len(written) == 4
    assert all(item["stands_as"][0] in "ts" for item in written)


def test_a_person_of_a_million_costs_a_quarter_of_a_write_unit_at_most() -> None:
    """From the roster to the link. Some 3,000 records fit into what Lambda hands over at once; those of a second come from as many
    shards as a table of this size has. Six in ten are matched, one in sixteen is mailed, and a thousand log in within a minute."""
    world = World()
    stream = Stream(world.table, world.clock)
    dice = Random(1)
    people = [person(f"{dice.getrandbits(64):x}", f"o{dice.randrange(700)}") for _ in range(4_000)]
    world.users.write((None, each) for each in people)
    rostered = by_shards(world, stream)
    for each in people[:2_400]:
        world.links.record_match(each.key, each.sourced_id, stands_as=stands_as(each))
    matched = by_shards(world, stream)
    for each in people[2_400:2_650]:
        mail = Activation(
            f"a-{each.sourced_id}", each.key, "a@x", stands_as=stands_as(each), sent_at="2026-09-01T15:00:00Z"
        )
        world.activations.create_pending(mail)
    mailed = by_shards(world, stream)
    for each in people[:1_000]:
        linked = {"state": "linked", "stands_as": stands_as(each), "account_id": each.sourced_id}
        world.table.put_item(Item={**link_key(each.key), **linked})
    logged_in = by_shards(world, stream) * 2.4
    assert (rostered + matched + mailed + logged_in) / 4_000 <= 0.25
    assert places(world.table, Role.STUDENT) == {"rostered": 1_350, "matched": 1_400, "mailed": 250, "linked": 1_000}


def by_shards(world: World, stream: Stream) -> float:
    """Count all that waits, as four shards bring it. Return the write units that this used."""
    records, before = stream.take(), sum(world.table.meter.write_units.values())
    for shard in range(4):
        keeper(world.table, world.clock).run(records[shard::4])
    assert not stream.records, "nothing had to be put right"
    world.pass_time(minutes=1)
    return sum(world.table.meter.write_units.values()) - before


@pytest.mark.parametrize(
    "batches", [[(0, 6)], [(0, 3), (3, 6)], [(0, 6), (0, 3)], [(3, 6), (0, 4), (1, 6)], [(0, 6), (0, 6)]]
)
def test_a_batch_that_comes_again_whole_or_in_parts_counts_once(batches: list[tuple[int, int]]) -> None:
    world = World()
    stream = Stream(world.table, world.clock)
    world.users.write((None, person(f"s{n}", f"o{n % 2}")) for n in range(6))
    records = stream.take()
    for first, last in batches:
        keeper(world.table, world.clock).run(records[first:last])
    assert places(world.table, Role.STUDENT) == {"rostered": 6}


def test_a_night_without_a_change_counts_nothing() -> None:
    world = World()
    stream = Stream(world.table, world.clock)
    world.users.write((None, person(f"s{n}")) for n in range(6))
    keep_up(stream, world.table)
    before = dict(world.table.meter.write_units)
    world.users.write((person(f"s{n}"), replace(person(f"s{n}"), attends=("c1",))) for n in range(6))
    mine = {kind: units for kind, units in world.table.meter.write_units.items() if kind != "ROSTER"}
    keep_up(stream, world.table)
    assert {kind: n for kind, n in world.table.meter.write_units.items() if kind != "ROSTER"} == mine
    assert before.keys() == world.table.meter.write_units.keys()


class Crash(Exception):
    """A worker that ends at a call."""


@dataclass
class Operations:
    """A district to which anything happens, in any order, and its stream, of which anything comes again."""

    dice: Random
    crash_in: int = 0
    people: dict[str, RosterUser] = field(default_factory=dict)
    waiting: list[list[dict[str, Any]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.world = World(gate=self._gate, is_metered=False)
        self.stream = Stream(self.world.table, self.world.clock)

    def _gate(self, _service: str, _operation: str, _request: dict[str, Any], effect: Effect) -> dict[str, Any]:
        self.crash_in -= 1
        if self.crash_in == 0:
            if self.dice.random() < 0.5:
                effect()
            raise Crash
        return effect()

    def run(self, steps: int) -> None:
        self.world.register()
        CountStore(self.world.table).begin("lakeside")
        for step in range(steps):
            self.world.pass_time(seconds=self.dice.choice((0, 0, 1, 20, 2_000)))
            if step % 40 == 39:
                # Lambda gives up what is too old, which is told; here all comes in time.
                self._catch_up()
                self.world.pass_time(hours=self.dice.choice((20, 60)))
            with suppress(AccountLinkingError):
                self.dice.choice(self._MOVES)(self)
            if self.dice.random() < 0.2:
                self.bring()
        self._catch_up()

    def _catch_up(self) -> None:
        while self.stream.records or self.waiting:
            self.bring()

    def bring(self) -> None:
        """A batch of what waits: it may be cut, come late, end at any call, and come again."""
        if taken := self.stream.take():
            cut = self.dice.randrange(len(taken) + 1)
            self.waiting += [part for part in (taken[:cut], taken[cut:]) if part]
        if not self.waiting:
            return
        batch = self.waiting.pop(self.dice.randrange(len(self.waiting)))
        self.crash_in = self.dice.choice((0, 0, 1, 2, 3, 5, 8, 13))
        try:
            keeper(self.world.table, self.world.clock).run(batch)
        except Crash:
            cut = self.dice.randrange(len(batch) + 1)
            self.waiting += [part for part in (batch[:cut], batch[cut:]) if part]
        else:
            if self.dice.random() < 0.2:
                first = self.dice.randrange(len(batch))
                self.waiting.append(batch[first : first + self.dice.randrange(1, len(batch) + 1)])
        self.crash_in = 0

    # What happens to people.

    def _someone(self) -> RosterUser:
        number = f"p{self.dice.randrange(12)}"
        return self.people.get(number) or self._put(person(number, role=self.dice.choice((Role.TEACHER, Role.STUDENT))))

    def _put(self, after: RosterUser) -> RosterUser:
        self.world.users.write([(self.people.get(after.sourced_id), after)])
        self.people[after.sourced_id] = after
        return after

    def roster(self) -> None:
        now = self._someone()
        change: dict[str, Any] = self.dice.choice(
            (
                {"active": not now.active},
                {"school_ids": (f"o{self.dice.randrange(3)}",)},
                {"role": self.dice.choice(tuple(Role))},
                {"given_name": "Robin"},
            )
        )
        self._put(replace(now, **change))

    def match(self) -> None:
        user = self._someone()
        self.world.links.record_match(user.key, user.sourced_id, stands_as=self.dice.choice((stands_as(user), "")))

    def forget(self) -> None:
        self.world.links.forget_match(self._someone().key)

    def invite(self) -> None:
        user = self._someone()
        fresh = Activation(self.world.new_id(), user.key, "a@lakeside.example", stands_as=stands_as(user))
        self.world.activations.create_pending(fresh)

    def mail(self) -> None:
        store, now = self.world.activations, self.world.now
        if activation := store.of_user(self._someone().key):
            claimed = store.claim(activation, now=now, lease=timedelta(minutes=5))
            store.mark_sent(claimed, "m", now=now)

    def feedback(self) -> None:
        store = self.world.activations
        if activation := store.of_user(self._someone().key):
            state = self.dice.choice((ActivationState.DELIVERED, ActivationState.BOUNCED, ActivationState.COMPLAINED))
            store.mark_feedback(activation, state, "m", now=self.world.now)

    def open(self) -> None:
        if (activation := self.world.activations.of_user(self._someone().key)) and activation.sent_at:
            self.world.activations.mark_opened(activation.user, activation.activation_id, "2026-09-01T00:00:00Z")

    def renew(self) -> None:
        store = self.world.activations
        if activation := store.of_user(self._someone().key):
            store.renew(activation, self.world.new_id(), "b@x", now=self.world.now, valid_for=timedelta(days=30))

    def withdraw(self) -> None:
        if activation := self.world.activations.of_user(self._someone().key):
            self.world.activations.call_back(activation)

    def link(self) -> None:
        user, world = self._someone(), self.world
        activation = world.activations.of_user(user.key) if self.dice.random() < 0.9 else None
        by = self.dice.choice((Proof.ACTIVATION, Proof.DISTRICT_LOGIN_GOOGLE))
        who = self.dice.choice((stands_as(user), ""))
        consent = Consent(user.key, user.sourced_id, by, activation=activation, stands_as=who)
        world.links.make(consent, event_id=world.new_id(), now=world.now, present=world.links.of_user(user.key))

    def undo(self) -> None:
        self.world.links.undo(self._someone().key, event_id=self.world.new_id(), now=self.world.now)

    def stick(self) -> None:
        store, code = StuckStore(self.world.table), StuckCode.SHARED_ADDRESS
        store.note_by_roster([self._someone().key], code, "2026-09-01T00:00:00Z")
        store.forget_by_roster([self._someone().key], code)

    def renumber(self) -> None:
        user = self._someone()
        number = f"p{self.dice.randrange(12)}"
        if number not in self.people:
            now = replace(user, sourced_id=number)
            change = NumberChange(user.key, now)
            Renumbering(self.world.table).follow([change], self.world.new_id(), self.world.now, ())
            self._put(replace(user, active=False))
            self._put(now)

    _MOVES = (
        roster, roster, match, forget, invite, mail, mail, feedback, open, renew, withdraw, link, link, undo, stick, renumber,
    )  # fmt: skip


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(depth(4, 10)))
def test_after_any_operations_and_crashes_the_counts_equal_a_recount(seed: int) -> None:
    tried = Operations(Random(seed))
    tried.run(depth(150, 1_000))
    table = tried.world.table
    assert counted(table) == recounted(table, "lakeside")
    for role in (Role.TEACHER, Role.STUDENT):
        on_roster = [user for user in tried.people.values() if user.active and user.role is role]
        found = counted(table).places(role)
        assert sum(found.values()) == len(on_roster)
        assert min(found.values()) >= 0
    for number, user in tried.people.items():
        key = RosterUserKey("lakeside", number)
        items = [table.items.get((f"USER#lakeside#{number}", sk)) for sk in ("ROSTER", "LINK", "ACTIVATION")]
        of_person = Counts({})
        for item in items:
            of_person += Counts(facts_of(item).counts)
        one = 1 if stands_as(user) else 0
        assert sum(of_person.numbers.values()) == one, (key, items)
        assert set(of_person.numbers.values()) <= {1}
        assert {at[:7] for at in of_person.numbers} <= {stands_as(user)}


@pytest.mark.parametrize("kind", ["", *NumberKind])
def test_who_changes_school_is_counted_there_with_link_and_trouble(kind: str) -> None:
    world = World()
    stream = Stream(world.table, world.clock)
    before = replace(person("p1"), kind=kind)
    world.users.write([(None, before)])
    world.links.record_match(before.key, "acc", stands_as=stands_as(before))
    StuckStore(world.table).note(before.key, StuckCode.SHARED_ADDRESS, "2026-09-01T00:00:00Z")
    keep_up(stream, world.table)
    world.users.write([(before, replace(before, school_ids=("o2",)))])
    keep_up(stream, world.table)
    there = frozenset({school_tag("o2")})
    assert set(counted(world.table).by_school()) == there
    assert counted(world.table).places(Role.STUDENT, there)[Place.MATCHED] == 1
    assert counted(world.table).stuck(there) == {"shared_address": 1}


def test_days_that_are_over_become_history_and_what_stands_stays() -> None:
    world = World()
    world.register()
    stream = Stream(world.table, world.clock)
    CountStore(world.table).begin("lakeside")
    for day in range(6):
        world.users.write([(None, person(f"s{day}", f"o{day}"))])
        keep_up(stream, world.table)
        world.pass_time(days=1)
    kept = CountStore(world.table).of_district("lakeside", CHICAGO)
    assert kept.as_of == "2026-09-06T15:00:00.000Z"
    assert kept.counts.places(Role.STUDENT)[Place.ROSTERED] == 6
    assert [(day.day, at.places(Role.STUDENT)[Place.ROSTERED]) for day, at in kept.days.items()] == [
        (day, day) for day in range(1, 7)
    ]
    minutes = [sk for pk, sk in world.table.items if sk.startswith("MINUTE#")]
    assert len(minutes) < 6
    assert counted(world.table) == recounted(world.table, "lakeside")


def test_a_fold_that_breaks_off_is_done_again() -> None:
    for crash_in, seed in product(range(1, 8), (1, 2)):
        tried = Operations(Random(seed))
        tried.world.register()
        world, store = tried.world, CountStore(tried.world.table)
        store.begin("lakeside")
        world.users.write([(None, person("s1"))])
        keep_up(tried.stream, world.table)
        world.pass_time(days=4)
        for tried.crash_in in (crash_in, 0):
            with suppress(Crash):
                store.fold("lakeside", CHICAGO, world.now)
            world.pass_time(days=1)
        assert places(world.table, Role.STUDENT) == {"rostered": 1}
        assert not [sk for _, sk in world.table.items if sk.startswith("MINUTE#")]


def test_a_recount_counts_an_earlier_versions_district_and_mends_what_is_off() -> None:
    """It wrote links without a word of whom they count, and nothing was counted of its roster."""
    web = lakeside()
    linked_teacher(web)
    table, clock = web.world.table, web.world.clock
    for item in table.items.values():
        item.pop("stands_as", None)
    stream = Stream(table, clock)
    recount, counts = Recount(table), CountStore(table)
    assert not counts.of_district("lakeside").is_whole
    assert recount.put_right({"lakeside"}) == 3
    keep_up(stream, table)
    counts.correct("lakeside", recount.differences()["lakeside"], clock())
    assert counts.of_district("lakeside").is_whole
    assert places(table, Role.TEACHER) == {"mailed": 1, "linked": 1}
    assert places(table, Role.STUDENT) == {"rostered": 2, "matched": 1}
    assert recount.differences({"lakeside"}) == {"lakeside": Counts({})}


@pytest.mark.parametrize(("found", "settled", "said"), [
    ({}, True, "✓ lakeside: right\n"),
    ({"tabcdefr": -2}, True, "✗ lakeside: off by 2: set them right with SET=1\n"),
    ({"tabcdefr": -2}, False, "✗ lakeside: is being counted at this moment; try again in a quiet hour\n"),
])  # fmt: skip
def test_a_recount_says_what_to_do(found: dict[str, int], said: str, *, settled: bool) -> None:
    assert recount_command.line("lakeside", Counts(found), is_right=not found, is_settled=settled) == said


def test_a_stuck_person_is_counted_by_why_as_long_as_nobody_helped() -> None:
    world = World()
    stream = Stream(world.table, world.clock)
    world.users.write([(None, person("t1", role=Role.TEACHER))])
    user = RosterUserKey("lakeside", "t1")
    StuckStore(world.table).note(user, StuckCode.BOUNCED, "2026-09-01T00:00:00Z")
    keep_up(stream, world.table)
    assert counted(world.table).stuck() == {"bounced": 1}
    world.links.make(Consent(user, "ada", Proof.DISTRICT_LOGIN_GOOGLE), event_id="e", now=world.now)
    keep_up(stream, world.table)
    assert counted(world.table).stuck() == {}
    assert places(world.table, Role.TEACHER) == {"linked": 1}


def person(number: str, school: str = "o1", role: Role = Role.STUDENT) -> RosterUser:
    return RosterUser("lakeside", number, role, "Kim", "Person", school_ids=(school,))
