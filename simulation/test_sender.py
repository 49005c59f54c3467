"""The sender is killed before and after every call, and every event comes once to three times in any order (B5)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from random import Random
from typing import Any
from unittest import mock

import pytest

from shared.domain.activation import Activation, ActivationState
from shared.domain.roster import RosterUserKey
from shared.stores.activations import ActivationStore
from shared.stores.keys import activation_key
from shared.stores.stuck_people import StuckStore
from shared.stores.table import Update
from simulation import guards
from simulation.fault_injection import FaultInjector, FaultMode, Killed
from tests.builders import roster, user
from tests.depth import depth
from tests.harness import CONFIGURATION_SET, World

TEACHER = RosterUserKey("lakeside", "t1")
MOST_TRIES = 8
NEVER = 10**9


@dataclass
class Task:
    """Something that a worker handles; ``do`` raises when it must come again."""

    name: str
    do: Callable[[], object]
    tries: int = 0


@dataclass
class Run:
    """One teacher's activation, from the queue to rest. A second worker goes first before the call ``second_worker_at``."""

    plan: dict[int, FaultMode] = field(default_factory=dict)
    second_worker_at: int = NEVER
    seed: int = 0
    edit_request: guards.RequestEdit | None = None

    def __post_init__(self) -> None:
        self.dice = Random(self.seed)
        self.injector = FaultInjector(plan=self.plan, edit_request=self.edit_request)
        self.world = World(gate=self.injector)
        self.world.register()
        self.world.upload(roster(user("t1", "teacher")))
        self.messages = list(self.world.sqs.messages)
        self.mails_reported = 0
        self.waiting: list[Task] = []
        self.given_up: list[str] = []

    def to_rest(self) -> Run:
        self.injector.enabled = True
        self.injector.before_call = self._second_worker
        self._several("sqs", lambda: self._send(self.messages[0]))
        for _round in range(60):
            while self.waiting:
                self.world.pass_time(seconds=self.dice.randint(0, 90))
                self._deliver(self.waiting.pop(self.dice.randrange(len(self.waiting))))
            self.injector.at_rest()
            if not self._new_events() and not self.world.sqs.messages and _round > 3:
                break
            # The scheduler wakes what was parked, and the queue hands over what it was given.
            self.world.pass_time(minutes=15)
            self.waiting.append(Task("wake", lambda: self.world.queue_due_activations().run()))
            while self.world.sqs.messages:
                body = self.world.sqs.messages.pop(0)
                self._several("sqs", lambda body=body: self._send(body))
        self.injector.enabled = False
        return self

    def _several(self, name: str, do: Callable[[], object]) -> None:
        self.waiting += [Task(name, do) for _ in range(self.dice.randint(1, 3))]

    def _send(self, message: str) -> None:
        body = json.loads(message)
        if "follow_up" not in body:
            self.world.send_activation().send(TEACHER, body["activation_id"])

    def _second_worker(self, _operation: str, _request: dict[str, Any]) -> None:
        if len(self.injector.calls) == self.second_worker_at:
            self.injector.before_call = None
            self._deliver(Task("sqs of a second worker", lambda: self._send(self.messages[0])))

    def _deliver(self, delivery: Task) -> None:
        try:
            delivery.do()
        except (Killed, Exception):  # noqa: BLE001 - a message comes again after any error
            if delivery.tries < MOST_TRIES:
                self.world.pass_time(minutes=6)
                self.waiting.append(Task(delivery.name, delivery.do, delivery.tries + 1))
            else:
                self.given_up.append(delivery.name)
        self._new_events()

    def _new_events(self) -> bool:
        new = self.world.ses.sent[self.mails_reported :]
        self.mails_reported = len(self.world.ses.sent)
        for mail in new:
            tags = {tag["Name"]: [tag["Value"]] for tag in mail["EmailTags"]}
            tags["ses:configuration-set"] = [CONFIGURATION_SET]
            for kind in ("Send", "Delivery"):
                detail = {"eventType": kind, "mail": {"messageId": mail["MessageId"], "tags": tags}}
                self._several(kind, lambda detail=detail: self.world.record_feedback().record(detail))
        return bool(new)

    @property
    def activation(self) -> Activation:
        activation = self.world.activations.of_user(TEACHER)
        assert activation is not None
        return activation

    def violation(self) -> str | None:
        """Return what of B5 does not hold at rest."""
        accepted, state = len(self.world.ses.sent), self.activation.state
        if accepted > 1:
            return f"{accepted} accepted mails"
        if accepted == 1:
            return None if state is ActivationState.DELIVERED else f"accepted and delivered, but {state}"
        was_open = any(mode is not FaultMode.THROTTLED for mode in self.plan.values())
        is_reported = bool(StuckStore(self.world.table).of_district("lakeside"))
        if was_open and state is ActivationState.SENDING and is_reported:
            return None
        return f"lost: {state}, and nobody was told" if not is_reported else f"not sent: {state}"


def clean_calls() -> int:
    return len(Run().to_rest().injector.calls)


def every_run(*, seeds: int, edit_request: guards.RequestEdit | None = None) -> Iterator[Run]:
    """Yield runs in which each call fails in each way, or a second worker goes first before it."""
    calls = clean_calls()
    for seed in range(seeds):
        for number in range(calls):
            yield Run(second_worker_at=number, seed=seed, edit_request=edit_request)
            for mode in (
                FaultMode.DIES_BEFORE,
                FaultMode.DIES_AFTER,
                FaultMode.NO_REPLY,
                FaultMode.LATE,
                FaultMode.THROTTLED,
            ):
                yield Run({number: mode}, seed=seed, edit_request=edit_request)


def test_without_faults_a_mail_goes_out_once() -> None:
    run = Run().to_rest()
    assert (run.violation(), run.given_up, len(run.world.ses.sent)) == (None, [], 1)


@pytest.mark.slow
def test_never_two_accepted_mails_and_none_lost_whatever_call_fails() -> None:
    runs = [run.to_rest() for run in every_run(seeds=3)]
    assert len(runs) > 300
    violations = [(run.plan, run.second_worker_at, run.seed, run.violation()) for run in runs if run.violation()]
    assert violations == []


@pytest.mark.deep
def test_two_calls_that_fail_in_one_run_do_no_more_harm() -> None:
    dice = Random(5)
    calls = clean_calls()
    modes = [FaultMode.DIES_BEFORE, FaultMode.DIES_AFTER, FaultMode.NO_REPLY, FaultMode.LATE, FaultMode.THROTTLED]
    for seed in range(depth(100, 400)):
        plan = {dice.randrange(calls): dice.choice(modes) for _ in range(2)}
        run = Run(plan, second_worker_at=dice.randrange(calls), seed=seed).to_rest()
        assert run.violation() is None, (plan, run.second_worker_at, seed, run.violation())


_UPDATE = "Update USER/ACTIVATION"
GUARDS: dict[str, tuple[Callable[[], AbstractContextManager[Any]], guards.RequestEdit | None]] = {
    "only a pending activation is taken": (nullcontext, guards.without(_UPDATE, "#state = :before")),
    "a lost answer is not a refusal": (guards._an_unknown_outcome_is_a_refusal, None),
    "a refused mail is released": (guards._patch(ActivationStore, "release", lambda *_: None), None),
    "the event settles a lost answer": (
        guards._patch(ActivationStore, "mark_feedback", lambda *_, **__: False),
        None,
    ),
    "an unknown delivery is reported to a person": (guards._patch(StuckStore, "note", lambda *_: None), None),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", GUARDS)
def test_each_removed_guard_is_noticed(name: str) -> None:
    removed, edit_request = GUARDS[name]
    with removed():
        assert any(run.to_rest().violation() for run in every_run(seeds=2, edit_request=edit_request))


def test_the_state_goes_only_forward_in_any_order_of_events() -> None:
    """Without that guard, a late ``Send`` would undo a ``Delivery``."""
    real = ActivationStore.mark_feedback

    def backwards(store: ActivationStore, activation: Activation, state: ActivationState, *a: Any, **k: Any) -> bool:
        is_new = real(store, activation, state, *a, **k)
        store._table.write(Update(activation_key(activation.user)).set(state=state.value))
        return is_new

    with mock.patch.object(ActivationStore, "mark_feedback", backwards):
        assert any(Run(seed=seed).to_rest().violation() for seed in range(20))
