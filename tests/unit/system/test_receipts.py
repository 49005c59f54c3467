"""Receipts: nothing that was there before a link is gone, whatever happens after it; and every loss is found (M13–M16, B2)."""

from __future__ import annotations

import json
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from typing import Any
from unittest import mock

import pytest

from benchmarks.receipts import run as generated
from functions.receipt_check import check_sample
from functions.receipt_check.check_sample import CheckSample
from operations.personal_data import export
from shared.domain.account import Goal
from shared.domain.clock import to_iso
from shared.domain.errors import RefusedTransition
from shared.domain.receipt import Before, Loss, packed, short_id, skill_hash, unpacked
from shared.domain.roster import Role, RosterUser, RosterUserKey
from shared.stores.class_work import Source
from shared.stores.keys import grassroots_class_key, key_of, link_key, membership_key, pair, scores_key
from shared.stores.outbox import event_item
from shared.stores.personal_data import PersonalData
from shared.stores.receipts import ReceiptStore, Side, is_side
from shared.use_cases.check_receipts import Checked, CheckReceipts, Found
from shared.use_cases.class_trash import ClassTrash
from tests.builders import account
from tests.depth import depth
from tests.harness import World
from tests.two_accounts import link, points, student, two_accounts, undo, with_made_account

KID, BEA, ADA = (RosterUserKey("lakeside", name) for name in ("s1", "s2", "t1"))
LIVES, STEPS = depth(8, 90), 25
LEAST_LOSSES = 12 * LIVES


def everything(world: World) -> Checked:
    """All links of the table, looked at as the reconciler does."""
    sides = [Side(dict(item)) for item in list(world.table.items.values()) if is_side(item)]
    return CheckReceipts(world.table).check(sides)


def algebra(owner: str, **more: Any) -> dict[str, Any]:
    """The line of a teacher with a class of two students, a goal, and an assignment that both did."""
    task = {"assignment_id": "a1", "title": "Quiz", "content_id": "x", "scores": {"kid": 80, "bea": 60}}
    goal = {"goal_id": "g1", "title": "Equations", "skill_ids": ["a", "b"]}
    one = {
        "class_id": "c1", "name": "Algebra", "student_account_ids": ["kid", "bea"], "goals": [goal], "assignments": [task],
        **more,
    }  # fmt: skip
    return account(owner, f"{owner}@mail.example", classes=[one])


@pytest.fixture
def world() -> World:
    """A teacher and a student of one old class, both linked."""
    found = World()
    found.register()
    found.feed(student("kid", mastery=points(a=60, b=90)), student("bea"), account("ben", "ben@mail.example"))
    found.feed(algebra("ada"))
    link(found, "kid", KID)
    link(found, "ada", ADA)
    return found


def lose(world: World, at: tuple[str, str]) -> None:
    world.table.delete_item(Key=key_of(at))


def lost(world: World) -> set[tuple[str, Loss, str]]:
    return {(each.account_id, each.difference.loss, each.difference.what) for each in everything(world).found}


# What is kept, and what it costs.


def test_a_receipt_says_what_was_there_before_the_link(world: World) -> None:
    (side,) = [Side(item) for key, item in world.table.items.items() if key == ("ACCOUNT#kid", "LINK#lakeside")]
    before = side.before
    assert before
    assert (before.points, len(before.skills), before.at) == (150, 2, to_iso(world.now))
    (one,) = before.classes
    assert (one.class_id, one.students, one.goals, one.assignments, one.scores, one.points) == ("c1", 2, 1, 1, 1, 80)
    assert unpacked(packed(before)) == before


def test_a_receipt_costs_no_write_unit() -> None:
    """It lies on the account's side of the link, which is written anyhow."""

    def units(skills: int) -> int:
        world = World()
        world.register()
        world.feed(student("kid", mastery=points(**{f"skill-{n}": n % 101 for n in range(skills)})))
        world.table.meter.write_units.clear()
        link(world, "kid", KID)
        return sum(world.table.meter.write_units.values())

    assert units(0) == units(150)
    assert units(2_000) - units(0) == 2 * 7, "four bytes a skill, in a transaction"


def test_a_persons_export_has_the_receipt_in_words(world: World) -> None:
    told = json.loads(export(PersonalData(world.table, world.accounts), "kid"))["items"]
    (receipt,) = [item["receipt"] for item in told if "receipt" in item]
    assert sorted(skill["points"] for skill in receipt["skills"]) == [60, 90]
    assert receipt["classes"][0]["class_id"] == "c1"


# What is no loss.


def test_work_that_goes_on_is_no_difference(world: World) -> None:
    world.feed(student("kid", mastery=points(a=70, c=5)))
    world.feed(algebra("ada", name="Algebra 1"))
    assert not lost(world)


def test_what_the_platform_takes_out_of_a_class_is_no_difference(world: World) -> None:
    world.feed(algebra("ada", student_account_ids=["bea"], goals=[], assignments=[]))
    assert not lost(world)


def test_a_score_that_the_platform_lowers_is_no_difference(world: World) -> None:
    task = {"assignment_id": "a1", "title": "Quiz", "content_id": "x", "scores": {"kid": 10}}
    world.feed(algebra("ada", assignments=[task]))
    assert not lost(world)


def test_a_class_that_goes_to_a_colleague_is_no_difference(world: World) -> None:
    world.feed(algebra("ben"))
    assert not lost(world)
    lose(world, pair(grassroots_class_key("ben", "c1")))
    assert ("kid", Loss.CLASS_GONE, "c1") in lost(world), "where it is now it may be lost as before"


def test_a_class_that_comes_back_may_be_lost_again(world: World) -> None:
    world.feed(algebra("ben"))
    world.feed(algebra("ada", name="Algebra again"))
    assert not lost(world)
    lose(world, pair(grassroots_class_key("ada", "c1")))
    assert ("ada", Loss.CLASS_GONE, "c1") in lost(world)


def test_an_undo_leaves_what_was_there_and_the_receipt(world: World) -> None:
    undo(world, KID)
    assert not lost(world)
    assert everything(world).links == 2


def test_a_class_in_the_trash_is_no_difference(world: World) -> None:
    trash = ClassTrash(world.accounts.classes, clock=world.clock, new_id=world.new_id)
    trash.delete("ada", "c1")
    assert not lost(world)
    trash.restore("ada", "c1")
    assert not lost(world)


@pytest.mark.parametrize("who", ["bea", "ada", "kid"])
def test_a_person_whose_data_is_deleted_is_no_difference_for_others(world: World, who: str) -> None:
    PersonalData(world.table, world.accounts).delete_account(who)
    assert not lost(world)


def test_a_link_of_an_earlier_version_says_nothing_of_before(world: World) -> None:
    del world.table.items["ACCOUNT#kid", "LINK#lakeside"]["receipt"]
    checked = everything(world)
    assert (checked.links, checked.without, checked.found) == (2, 1, [])


def test_what_is_read_while_it_changes_is_looked_at_again(world: World) -> None:
    """A link that moved between two reads is no difference."""
    stale = Side(dict(world.table.items["ACCOUNT#kid", "LINK#lakeside"]))
    undo(world, KID)
    assert not CheckReceipts(world.table).check([stale]).found


# What is one.


def test_a_join_whose_note_is_lost_is_found() -> None:
    world = two_accounts()
    link(world, "old", joins="made")
    assert not lost(world)
    lose(world, ("ACCOUNT#made", "JOINED"))
    assert lost(world) == {("made", Loss.JOIN_GONE, "made")}


def test_a_receipt_that_cannot_be_read_is_found(world: World) -> None:
    world.table.items["ACCOUNT#kid", "LINK#lakeside"]["receipt"] = b"no receipt"
    assert lost(world) == {("kid", Loss.UNREADABLE, "")}


def test_recreated_work_that_is_lost_is_found(world: World) -> None:
    event = event_item(world.new_id(), "GoalCreated", {}, world.now)
    source = Source("ada", "c1", "goal:g1")
    world.work.add_goal(
        "lakeside", "d1", Goal("new", "Equations", ("a",)), event=event, created_at=to_iso(world.now), source=source
    )
    assert not lost(world)
    lose(world, ("CLASS#lakeside#d1", "GOAL#new"))
    assert lost(world) == {("ada", Loss.WORK_GONE, "goal:g1")}


def test_only_ids_are_told(world: World) -> None:
    lose(world, ("ACCOUNT#kid", "MEMBER#c1"))
    (found,) = everything(world).found
    assert found == Found("lakeside", "kid", found.difference)
    assert found.difference.what == "c1"


def test_hour_after_hour_every_links_turn_comes() -> None:
    """A page of the table in memory has 1,000 items; at the table's end it begins again."""
    world = World()
    world.register()
    world.feed(*(student(f"kid{n}") for n in range(250)))
    for n in range(250):
        link(world, f"kid{n}", RosterUserKey("lakeside", f"s{n}"))
    with mock.patch.object(check_sample, "MOST_PARTS", 1):
        hours = [CheckSample(world.table).run().links]
        while ReceiptStore(world.table).seen():
            hours.append(CheckSample(world.table).run().links)
        assert len(hours) > 1
        assert sum(hours) == 250
        assert CheckSample(world.table).run().links == hours[0], "it begins again"


# Whatever comes after what.


class Life:
    """A district whose people link, work, leave classes, undo and come back, by chance."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.world = World(is_metered=False)
        self.world.feed(
            *(student(one) for one in self.students), *(account(one, f"{one}@x.example") for one in ("ada", "ben"))
        )
        self.classes: dict[str, dict[str, Any]] = {"ada": {}, "ben": {}}
        self.made = 0
        for one, role in ((KID, Role.STUDENT), (BEA, Role.STUDENT), (ADA, Role.TEACHER)):
            user = RosterUser("lakeside", one.sourced_id, role, "Kim", "Person", attends=("d1",))
            self.world.put_people([user])

    students = ("kid", "bea", "cleo")

    def live(self) -> None:
        do: list[Callable[[], object]] = [
            self.studies, self.studies, self.class_changes, self.class_changes, self.class_changes, self.class_moves,
            self.trash, self.links, self.links, self.undoes, self.finds_older_account, self.recreates, self.number_changes,
        ]  # fmt: skip
        with suppress(RefusedTransition):
            self.chance.choice(do)()
        self.world.pass_time(hours=self.chance.randint(1, 100))

    def studies(self) -> None:
        who = self.chance.choice(self.students)
        earned = {self.chance.choice("abcdef"): self.chance.randint(0, 100) for _ in range(3)}
        self.world.feed(student(who, mastery=points(**earned)))

    def class_changes(self) -> None:
        """The platform tells a class anew: more or less of everything."""
        owner = self.chance.choice(sorted(self.classes))
        class_id = f"{owner}-{self.chance.randint(1, 2)}"
        if any(class_id in other for name, other in self.classes.items() if name != owner):
            return
        members = self.chance.sample(self.students, self.chance.randint(0, 3))
        tasks = [
            {
                "assignment_id": f"a{n}", "title": "Quiz", "content_id": "x",
                "scores": {one: self.chance.randint(0, 100) for one in members if self.chance.random() < 0.7},
            }
            for n in range(self.chance.randint(0, 3))
        ]  # fmt: skip
        goals = [
            {"goal_id": f"g{n}", "title": "Goal", "skill_ids": ["a", "b"]} for n in range(self.chance.randint(0, 3))
        ]
        self.classes[owner][class_id] = {
            "class_id": class_id, "name": "Algebra", "student_account_ids": members, "goals": goals, "assignments": tasks,
        }  # fmt: skip
        self._tell(owner)

    def class_moves(self) -> None:
        source, target = self.chance.sample(sorted(self.classes), 2)
        if mine := self.classes[source]:
            class_id = self.chance.choice(sorted(mine))
            self.classes[target][class_id] = mine.pop(class_id)
            self._tell(target)

    def trash(self) -> None:
        bin_ = ClassTrash(self.world.accounts.classes, clock=self.world.clock, new_id=self.world.new_id)
        owner = self.chance.choice(sorted(self.classes))
        if mine := sorted(self.classes[owner]):
            self.chance.choice([bin_.delete, bin_.restore])(owner, self.chance.choice(mine))

    def links(self) -> None:
        who, account_id = self.chance.choice([(KID, "kid"), (BEA, "bea"), (KID, "cleo"), (ADA, "ada"), (ADA, "ben")])
        present = self.world.links.of_user(who)
        made = present.account_id if present and present.is_linked and present.is_made else None
        link(self.world, account_id, who, joins=made)

    def undoes(self) -> None:
        undo(self.world, self.chance.choice([KID, BEA, ADA]))

    def finds_older_account(self) -> None:
        who = self.chance.choice([KID, BEA])
        present = self.world.links.of_user(who)
        if present and present.is_linked:
            return
        self.made += 1
        with_made_account(self.world, who, f"made{self.made}")
        self.world.feed(student(f"made{self.made}", mastery=points(a=self.chance.randint(0, 100), z=9)))

    def recreates(self) -> None:
        if mine := self.classes["ada"]:
            self.made += 1
            source = Source("ada", sorted(mine)[0], f"goal:g{self.made}")
            event = event_item(self.world.new_id(), "GoalCreated", {}, self.world.now)
            goal, at = Goal(f"new{self.made}", "Goal", ("a",)), to_iso(self.world.now)
            self.world.work.add_goal("lakeside", "d1", goal, event=event, created_at=at, source=source)

    def number_changes(self) -> None:
        """A link follows its person to another number, and back."""
        for new in (RosterUserKey("lakeside", "s9"), BEA):
            old = BEA if new != BEA else RosterUserKey("lakeside", "s9")
            present = self.world.links.of_user(old)
            if present and present.is_linked and present.proofs:
                self.world.links.move(present, new, present.proofs, event_id=self.world.new_id(), now=self.world.now)

    def _tell(self, owner: str) -> None:
        self.world.feed(account(owner, f"{owner}@x.example", classes=list(self.classes[owner].values())))


@dataclass(frozen=True, slots=True)
class Injected:
    """A loss: what is done to which item of the table. None deletes it."""

    name: str
    at: tuple[str, str]
    change: Callable[[dict[str, Any]], object] | None = None


def losses(world: World) -> Iterator[Injected]:
    """Everything that can be lost of what the receipts of this world are about, one at a time."""
    items = world.table.items
    for side in [Side(dict(item)) for item in list(items.values()) if is_side(item)]:
        before, account_id = side.before, side.account_id
        if side.item["state"] == "linked":
            yield Injected("link", pair(link_key(RosterUserKey("lakeside", side.item["sourced_id"]))))
        if before:
            yield Injected("account", (f"ACCOUNT#{account_id}", "ACCOUNT"))
            yield from losses_of_skills(world, account_id, before)
            yield from losses_of_classes(world, account_id, before)
    for (pk, sk), item in items.items():
        if sk.startswith("MADE_AGAIN#") and any(key[0] == pk and key[1].startswith("LINK#") for key in items):
            yield Injected("recreated work", ("CLASS#lakeside#d1", item["made"]))
        if sk == "JOINED" and item.get("into"):
            yield Injected("join", (pk, sk))


def losses_of_skills(world: World, account_id: str, before: Before) -> Iterator[Injected]:
    at = (f"ACCOUNT#{account_id}", "ACCOUNT")
    had = {word >> 7: word & 127 for word in before.skills}
    for skill in world.table.items[at].get("skills", {}):
        if skill_hash(skill) in had:
            yield Injected("skill", at, lambda item, skill=skill: item["skills"].pop(skill))
            if lower := had[skill_hash(skill)]:
                yield Injected(
                    "points", at, lambda item, skill=skill, lower=lower: item["skills"][skill].update(points=lower - 1)
                )


def losses_of_classes(world: World, account_id: str, before: Before) -> Iterator[Injected]:
    items = world.table.items
    for one in before.classes:
        owner = account_id
        if not one.is_owned:
            member = pair(membership_key(account_id, one.class_id))
            if "owner_account_id" not in items[member]:
                continue
            owner = items[member]["owner_account_id"]
            yield Injected("membership", member)
        at = pair(grassroots_class_key(owner, one.class_id))
        if at not in items:
            continue
        yield Injected("class", at)
        for name in ("student_account_ids", "goals", "assignments"):
            if items[at].get(name):
                yield Injected(f"one of {name}", at, lambda item, name=name: item[name].pop())
        for assignment in items[at]["assignments"]:
            scores = pair(scores_key(owner, one.class_id, assignment["assignment_id"]))
            if items.get(scores, {}).get("scores") and _is_told(one.settled_scores, assignment["assignment_id"]):
                yield Injected("scores", scores)
                yield Injected("a score", scores, lambda item: item["scores"].popitem())
                yield Injected(
                    "a score's points", scores, lambda item: item["scores"].update({next(iter(item["scores"])): -1})
                )


def _is_told(settled_scores: Any, assignment_id: str) -> bool:

    return short_id(assignment_id) in settled_scores


def is_found(world: World, injected: Injected) -> bool:
    """Whether the reconciler sees a loss; afterwards everything is as before."""
    kept = world.table.items[injected.at]
    if injected.change is None:
        lose(world, injected.at)
    else:
        damaged = deepcopy(kept)
        injected.change(damaged)
        world.table.put_item(Item=damaged)
    found = everything(world).found
    world.table.put_item(Item=kept)
    return bool(found)


@pytest.mark.deep
def test_whatever_comes_after_a_link_is_no_difference_and_each_loss_is() -> None:
    looked = steps = 0
    told, missed = Counter[str](), Counter[str]()
    for seed in range(LIVES):
        life = Life(seed)
        for _ in range(STEPS):
            life.live()
            steps += 1
            checked = everything(life.world)
            looked += checked.links
            assert checked.found == [], f"life {seed}"
        for injected in list(losses(life.world)):
            told[injected.name] += 1
            missed[injected.name] += not is_found(life.world, injected)
    sys.stdout.write(
        f"{LIVES} lives, {steps} steps, {looked} looks at links: 0 differences; losses {dict(told)}, missed {+missed}\n"
    )
    assert not +missed
    assert told.total() >= LEAST_LOSSES


@pytest.mark.deep
def test_generated_links_have_no_differences_and_what_was_taken_away_is_found() -> None:
    """`make bench ONLY=receipts` does it with a million."""
    run = generated(depth(400, 4_000))
    assert (run.checked.links, run.checked.without, run.checked.found) == (depth(400, 4_000), 0, [])
    assert run.found == run.injected > 5
    assert run.units / run.checked.links < 5
