"""Two accounts of one person are joined, and parted again: nobody loses anything (M13–M16, B2)."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import reduce
from itertools import permutations
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.joining import cost_of_a_join
from shared.domain import mastery as mastery_rules
from shared.domain.account import Assignment, GrassrootsClass, Mastery, SkillMastery
from shared.domain.clock import to_iso
from shared.domain.errors import RefusedTransition
from shared.domain.joining import Shape, Side, plan
from shared.domain.link import LinkState, Proof
from shared.domain.roster import RosterUserKey
from shared.stores.links import Consent
from simulation.fault_injection import FaultInjector, FaultMode, Killed
from tests.harness import World
from tests.two_accounts import KID, MAY, link, points, shown, student, two_accounts, undo, with_made_account

JUNE = "2026-06-01T00:00:00Z"

skills = st.builds(SkillMastery, st.integers(0, 100), st.sampled_from([MAY, JUNE]))
masteries = st.dictionaries(st.sampled_from("abcd"), skills, max_size=4)


@given(masteries, masteries, masteries)
def test_merging_in_any_order_gives_the_same_and_nobody_loses_progress(
    first: Mastery, second: Mastery, third: Mastery
) -> None:
    together = [reduce(mastery_rules.merge, order) for order in permutations([first, second, third])]

    assert all(merged == together[0] for merged in together)
    assert mastery_rules.merge(together[0], first) == together[0]
    assert mastery_rules.merge(first, mastery_rules.merge(second, third)) == together[0]
    for side in (first, second, third):
        assert all(together[0][skill].points >= earned.points for skill, earned in side.items())


def test_the_time_of_the_winner_stays() -> None:
    early, late = SkillMastery(70, MAY), SkillMastery(70, JUNE)

    assert mastery_rules.merge({"a": late}, {"a": early})["a"] == early
    assert mastery_rules.merge({"a": SkillMastery(71, JUNE)}, {"a": early})["a"] == SkillMastery(71, JUNE)


def test_a_plan_says_what_is_joined_kept_and_left_before_anything_is_written() -> None:
    quiz = Assignment("quiz", "Quiz", "quiz", {"old": 70})
    old = Side("old", {"a": SkillMastery(60, MAY)}, (GrassrootsClass("own", "t", "Period 3", assignments=(quiz,)),))
    made = Side(
        "made", {"a": SkillMastery(80, JUNE), "b": SkillMastery(5, JUNE)}, (GrassrootsClass("club", "t", "Club"),)
    )

    merge, attach = plan(old, made, ["c2", "c1"]), plan(old, None, ["c1"])

    assert (merge.shape, merge.made_account_id) == (Shape.MERGE, "made")
    assert (merge.district_class_ids, merge.made_class_ids) == (("c1", "c2"), ("club",))
    assert [(s.skill_id, s.winner.points, s.is_raised) for s in merge.skills] == [("a", 80, True), ("b", 5, True)]
    assert (merge.kept_class_ids, merge.left_assignment_ids, merge.raised) == (("own",), ("quiz",), 2)
    assert (attach.shape, attach.raised, attach.kept_class_ids) == (Shape.ATTACH, 0, ("own",))


def test_joined_accounts_show_the_higher_points_of_both_and_keep_their_own() -> None:
    world = two_accounts()

    made = link(world, "old", joins="made")

    assert (made.account_id, made.joined and made.joined.account_id) == ("old", "made")
    assert shown(world, "old") == shown(world, "made") == {"a": 80, "b": 90, "c": 10}
    assert world.accounts.own_mastery("old").keys() == {"a", "b"}
    assert [k.account_id for k in world.links.of_account("old")] == ["old"]
    assert world.links.of_account("made") == []


def test_undoing_gives_each_side_what_it_had_and_what_was_earned_there_since() -> None:
    world = two_accounts()
    before = world.links.of_user(KID)
    link(world, "old", joins="made")
    world.feed(student("old", mastery=points(a=60, b=95, d=20)))

    back = undo(world)

    assert shown(world, "old") == {"a": 60, "b": 95, "d": 20}
    assert shown(world, "made") == {"a": 80, "c": 10}
    assert before is not None
    assert (back.state, back.account_id, back.linked_at) == (LinkState.LINKED, "made", before.linked_at)
    assert world.links.of_user(KID) == back
    assert [k.account_id for k in world.links.of_account("made")] == ["made"]
    assert world.links.of_account("old") == []


def test_progress_the_platform_repeats_from_the_other_side_goes_back_to_it() -> None:
    world = two_accounts()
    link(world, "old", joins="made")
    everything = {s: {"points": m.points, "updated_at": m.updated_at} for s, m in world.accounts.mastery("old").items()}
    world.feed(student("old", mastery=everything), student("made", mastery=everything))

    undo(world)

    assert (shown(world, "old"), shown(world, "made")) == ({"a": 60, "b": 90}, {"a": 80, "c": 10})


def test_a_chain_of_joined_accounts_shows_all_progress_and_parts_anywhere() -> None:
    world = two_accounts()
    elsewhere = RosterUserKey("valley", "v1")
    with_made_account(world, elsewhere, "valleys")
    world.feed(student("valleys", mastery=points(c=50, e=5)))
    link(world, "made", elsewhere, joins="valleys")
    link(world, "old", joins="made")
    everything = {"a": 80, "b": 90, "c": 50, "e": 5}

    assert [shown(world, account_id) for account_id in ("old", "made", "valleys")] == [everything] * 3
    old = world.accounts.get("old")
    assert old is not None
    assert world.accounts.family(old) == ("old", "made", "valleys")
    undo(world)
    assert (shown(world, "old"), shown(world, "made")) == ({"a": 60, "b": 90}, {"a": 80, "c": 50, "e": 5})


@pytest.mark.parametrize("joins", [None, "old", "another"])
def test_only_the_account_that_the_person_saw_is_joined(joins: str | None) -> None:
    world = two_accounts()

    with pytest.raises(RefusedTransition, match="already_linked"):
        link(world, "old", joins=joins)


def test_no_rule_joins_accounts_and_a_used_account_never_joins_another() -> None:
    world = two_accounts()
    with pytest.raises(RefusedTransition, match="already_linked"):
        link(world, "old", joins="made", by_rule=True)
    world.feed(student("third"))
    link(world, "old", joins="made")

    with pytest.raises(RefusedTransition, match="already_linked"):
        link(world, "third", joins="old")


def test_there_is_no_circle_and_no_account_is_joined_into_two() -> None:
    world = two_accounts()
    elsewhere = RosterUserKey("valley", "v1")
    with_made_account(world, elsewhere, "valleys")
    link(world, "valleys", joins="made")

    with pytest.raises(RefusedTransition, match="account_joined"):
        link(world, "made", elsewhere, joins="valleys")


def test_after_an_undo_no_rule_links_the_pair_and_an_older_proof_is_spent() -> None:
    world = two_accounts()
    link(world, "old", joins="made")
    world.pass_time(minutes=5)
    undo(world)

    assert not world.links.record_match(KID, "old")
    with pytest.raises(RefusedTransition, match="already_linked"):
        link(world, "old", joins="made", by_rule=True)
    spent = Consent(
        KID, "old", Proof.DISTRICT_LOGIN_CLEVER, proved_at=to_iso(world.now - timedelta(minutes=1)), joins="made"
    )
    with pytest.raises(RefusedTransition, match="proof_spent"):
        world.links.make(spent, present=world.links.of_user(KID), event_id=world.new_id(), now=world.now)
    assert link(world, "old", joins="made").account_id == "old", "the person may join them again"


# Cut anywhere.


def attaches(world: World) -> None:
    link(world, "old", RosterUserKey("lakeside", "s2"))


def merges(world: World) -> None:
    link(world, "old", joins="made")


def parts(world: World) -> None:
    """As the page does: what is linked to the account that is logged in."""
    for link_of_old in world.links.of_account("old"):
        world.links.undo(link_of_old.user, account_id="old", event_id=world.new_id(), now=world.now)


def facts(world: World) -> dict[tuple[str, str], Any]:
    """All that is stored, and what the platform is told, whatever the ids of the events are."""
    kept = {key: item for key, item in world.table.items.items() if not key[0].startswith("OUTBOX#")}
    events = sorted(i["detail_type"] for (pk, _), i in world.table.items.items() if pk.startswith("OUTBOX#"))
    return {**kept, ("OUTBOX", ""): events}


def done(
    do: Callable[[World], None], before: list[Callable[[World], None]], cut: dict[int, FaultMode]
) -> tuple[World, FaultInjector]:
    """A world in which this was done, and once more where it was cut."""
    injector = FaultInjector(plan=cut)
    world = two_accounts(gate=injector)
    for step in before:
        step(world)
    injector.enabled = True
    with suppress(Killed, BotoCoreError, ClientError):
        do(world)
    if cut:
        do(world)
    return world, injector


@pytest.mark.parametrize("mode", [FaultMode.DIES_BEFORE, FaultMode.DIES_AFTER, FaultMode.NO_REPLY, FaultMode.THROTTLED])
@pytest.mark.parametrize(
    ("do", "before"), [(attaches, []), (merges, []), (parts, [merges])], ids=["attach", "merge", "undo"]
)
def test_cut_at_any_call_and_done_again_it_ends_as_if_it_had_not_been_cut(
    do: Callable[[World], None], before: list[Callable[[World], None]], mode: FaultMode
) -> None:
    uncut, injector = done(do, before, {})

    ends = [facts(done(do, before, {call: mode})[0]) for call in range(len(injector.calls))]

    assert len(ends) >= 2
    assert all(end == facts(uncut) for end in ends)


def test_of_two_undos_at_once_the_second_leaves_the_link_that_came_back() -> None:
    world = two_accounts()
    merges(world)
    parts(world)

    with pytest.raises(RefusedTransition, match="not_linked"):
        world.links.undo(KID, account_id="old", event_id=world.new_id(), now=world.now)


def test_joining_two_accounts_is_one_small_transaction_however_much_they_hold() -> None:
    """M16: 2,000 skills and 60 classes on each side, of which the receipts keep some 4 bytes a skill."""
    small, large = cost_of_a_join(skills=1, classes=1), cost_of_a_join(skills=2_000, classes=60)

    sys.stdout.write(f"{large}\n")
    assert large.items == small.items
    assert large.bytes - small.bytes < 2 * (5 * 2_000 + 60)
    assert (large.transactions, large.writes_outside) == (1, 0)
    assert large.items <= 100
    assert large.bytes < 4_000_000
