"""Nobody loses anything, whatever comes after what: links, joins, undoing, leaving and coming back, goals, work (M13–M16, B2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from shared.domain import mastery as mastery_rules
from shared.domain.account import Assignment, Goal, Mastery, SkillMastery
from shared.domain.clock import to_iso
from shared.domain.errors import RefusedTransition
from shared.domain.link import Link, LinkState
from shared.domain.mastery import goal_percentage
from shared.domain.roster import Role, RosterUser, RosterUserKey
from shared.stores.outbox import event_item
from tests.depth import IS_FULL, depth
from tests.harness import World
from tests.two_accounts import link, student, undo, with_made_account

PEOPLE = [RosterUserKey("lakeside", f"s{n}") for n in range(3)]
OLD = [f"old-{n}" for n in range(3)]
SKILLS = ("a", "b", "c")
GOAL = Goal("goal", "Equations", SKILLS)
EXAMPLES = depth(8, 240)
LEAST_STEPS = depth(300, 10_000)

people = st.sampled_from(PEOPLE)
olds = st.sampled_from(OLD)
points = st.integers(0, 100)
which = st.integers(0, 5)


class Lives(RuleBasedStateMachine):
    """Three roster users, three older accounts, and what the product says of them, against what each account earned."""

    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.world = World(is_metered=False)
        self.world.feed(*(student(one) for one in OLD))
        self.earned: dict[str, Mastery] = {one: {} for one in OLD}
        self.before: dict[str, Mastery] = {}
        self.made: list[str] = []
        self.work = 0
        for one in PEOPLE:
            self._enrol(RosterUser(one.district_id, one.sourced_id, Role.STUDENT, "Kim", "Person", attends=("c1",)))

    # What happens.

    @rule(who=people)
    def first_login(self, who: RosterUserKey) -> None:
        """`I don't have an account yet`."""
        present = self._link(who)
        if present and present.state is LinkState.LINKED:
            return
        account_id = f"made-{len(self.made)}"
        with_made_account(self.world, who, account_id)
        self.made.append(account_id)
        self.earned[account_id] = {}

    @rule(who=people, account_id=olds)
    def links(self, who: RosterUserKey, account_id: str) -> None:
        """Attaches where there is no link, joins where it is to an account that was made, and is refused elsewhere."""
        present = self._link(who)
        made = present.account_id if present and present.state is LinkState.LINKED and present.is_made else None
        self._try(lambda: link(self.world, account_id, who, joins=made))

    @rule(who=people, account_id=olds, skill=st.sampled_from(SKILLS), reached=points)
    def finds_the_older_account_later(self, who: RosterUserKey, account_id: str, skill: str, reached: int) -> None:
        self.first_login(who)
        present = self._link(who)
        if present and present.is_made:
            self._tell(present.account_id, {skill: SkillMastery(reached, to_iso(self.world.now))})
        self.links(who, account_id)

    @rule(who=people)
    def undoes(self, who: RosterUserKey) -> None:
        if self._try(lambda: undo(self.world, who)):
            self.before = {}

    @rule(who=people, account_id=olds)
    def rule_looks(self, who: RosterUserKey, account_id: str) -> None:
        """A match by rule never touches what a person made or undid."""
        present = self._link(who)
        noted = self.world.links.record_match(who, account_id)
        assert not noted or present is None or present.state is LinkState.MATCHED

    @rule(who=people, stays=st.booleans())
    def leaves_or_returns(self, who: RosterUserKey, stays: bool) -> None:
        user = self.world.users.get(who)
        assert user is not None
        self._enrol(replace(user, active=stays))

    @rule(n=which, skill=st.sampled_from(SKILLS), reached=points)
    def studies(self, n: int, skill: str, reached: int) -> None:
        account_id = self._any_account(n)
        self.world.pass_time(seconds=1)
        self._tell(account_id, {skill: SkillMastery(reached, to_iso(self.world.now))})

    @rule(n=which)
    def platform_repeats(self, n: int) -> None:
        """The platform copies what is shown into one of the accounts: that earns nothing there."""
        account_id = self._any_account(n)
        shown = self.world.accounts.mastery(account_id)
        told = {skill: {"points": m.points, "updated_at": m.updated_at} for skill, m in shown.items()}
        self.world.feed({**student(account_id), "mastery": told})

    @precondition(lambda self: self.work < 4)
    @rule(is_goal=st.booleans())
    def makes_work(self, is_goal: bool) -> None:
        self.work += 1
        event = event_item(self.world.new_id(), "GoalCreated", {}, self.world.now)
        if is_goal:
            goal = replace(GOAL, goal_id=f"g{self.work}")
            self.world.work.add_goal("lakeside", "c1", goal, event=event, created_at=to_iso(self.world.now))
        else:
            quiz = Assignment(f"q{self.work}", "Quiz", "quiz")
            self.world.work.add_assignment("lakeside", "c1", quiz, event=event, created_at=to_iso(self.world.now))

    # What holds after every step.

    @invariant()
    def each_account_holds_exactly_what_was_earned_on_it(self) -> None:
        type(self).steps += 1
        for account_id, earned in self.earned.items():
            assert self.world.accounts.own_mastery(account_id) == earned

    @invariant()
    def each_shows_what_it_is_joined_with_and_nobody_goes_down(self) -> None:
        shown = self.world.accounts.masteries(self.earned)
        for account_id in self.earned:
            expected: Mastery = {}
            for one in self._family(account_id):
                expected = mastery_rules.merge(expected, self.earned[one])
            assert shown.get(account_id, {}) == expected
            for skill, had in self.before.get(account_id, {}).items():
                assert expected[skill].points >= had.points
        self.before = shown

    @invariant()
    def ledger_and_state_rebuild_both_sides(self) -> None:
        for who in PEOPLE:
            present = self._link(who)
            if present and present.joined:
                made = self.world.accounts.get(present.joined.account_id)
                assert made is not None
                assert (made.joined_into, present.joined.is_made) == (present.account_id, True)
                assert present.joined.state is LinkState.LINKED

    @invariant()
    def a_goal_of_a_class_is_at_what_was_earned_and_an_assignment_has_no_score(self) -> None:
        goals, assignments = self.world.work.of_class("lakeside", "c1")
        assert all(not one.scores for one in assignments)
        for who in PEOPLE:
            present = self._link(who)
            if present and present.state is LinkState.LINKED:
                mastery = self.world.accounts.mastery(present.account_id)
                mean = sum(mastery[s].points if s in mastery else 0 for s in SKILLS) / len(SKILLS)
                assert all(abs(goal_percentage(one.skill_ids, mastery) - mean) <= 0.5 for one in goals)

    @invariant()
    def leaving_takes_no_link_and_no_account(self) -> None:
        for who in PEOPLE:
            user, present = self.world.users.get(who), self._link(who)
            if present and user and not user.active:
                assert self.world.accounts.get(present.account_id) is not None or present.state is LinkState.MATCHED

    # Means.

    def _link(self, who: RosterUserKey) -> Link | None:
        return self.world.links.of_user(who)

    def _family(self, account_id: str) -> set[str]:
        """By the links alone, as the people see it."""
        joined = {
            link.joined.account_id: link.account_id for who in PEOPLE if (link := self._link(who)) and link.joined
        }
        first = joined.get(account_id, account_id)
        return {first, *(made for made, into in joined.items() if into == first)}

    def _any_account(self, n: int) -> str:
        accounts = list(self.earned)
        return accounts[n % len(accounts)]

    def _tell(self, account_id: str, told: Mastery) -> None:
        self.earned[account_id] = mastery_rules.merge(self.earned[account_id], told)
        mastery = {s: {"points": m.points, "updated_at": m.updated_at} for s, m in told.items()}
        self.world.feed({**student(account_id), "mastery": mastery})

    def _enrol(self, user: RosterUser) -> None:
        item = {name: value for name, value in self.world.users.item(user).items() if value is not None}
        self.world.table.put_item(Item=item)

    @staticmethod
    def _try(do: Callable[[], object]) -> bool:
        try:
            do()
        except RefusedTransition:
            return False
        return True


@pytest.mark.deep
def test_nobody_goes_down_and_every_account_keeps_its_own_in_random_steps() -> None:
    Lives.steps = 0

    run_state_machine_as_test(
        Lives,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=60,
            derandomize=not IS_FULL,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )

    assert Lives.steps >= LEAST_STEPS
