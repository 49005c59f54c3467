"""A first wave is cut off before and after every call: exactly one mail for each, and the rest never before their moment (B5)."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from random import Random
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from shared.domain.clock import to_iso
from shared.domain.errors import AccountLinkingError
from shared.stores.first_wave import FirstWaveStore
from shared.stores.keys import user_of
from simulation.fault_injection import Call, FaultInjector, FaultMode, Killed
from tests.builders import key, roster, user
from tests.depth import depth
from tests.harness import World

SIZE, EVERYBODY = 2, 4
MODES = (FaultMode.DIES_AFTER, FaultMode.DIES_BEFORE, FaultMode.PARTIAL)
READS = {"GetItem", "BatchGetItem", "Query", "GetAccount"}
NEVER = 10**9


@cache
def begun() -> World:
    """Four teachers who wait, of whom two go first."""
    world = World(is_metered=False)
    world.register(first_wave=SIZE)
    world.upload(roster(*(user(f"t{n}", "teacher") for n in range(1, EVERYBODY + 1))))
    return world


class Run:
    """Weeks of that district, in an hour. A second run of the schedule goes before the call ``second_at``."""

    def __init__(self, plan: dict[int, FaultMode], second_at: int = NEVER, seed: int = 0) -> None:
        self.dice = Random(seed)
        self.injector = FaultInjector(plan=plan, before_call=self._second_run)
        self.second_at = second_at
        self.world = World(gate=self.injector, is_metered=False)
        self.world.begin_like(begun())
        self.waiting: list[str] = []

    def to_rest(self) -> Run:
        """Raises AssertionError where somebody is mailed twice, or too early, or never."""
        self._turns()
        self._check(SIZE)
        assert len(FirstWaveStore(self.world.table).members("lakeside")) == SIZE, "two runs chose other people"
        first = self.world.activations.of_user(key(self.mailed[0].partition("@")[0]))
        assert first
        self.world.activations.mark_opened(first.user, first.activation_id, to_iso(self.world.now))
        self._turns()
        self._check(EVERYBODY)
        return self

    @property
    def mailed(self) -> list[str]:
        return [mail["To"] for mail in self.world.ses.sent]

    def _check(self, number: int) -> None:
        """So many are mailed; a mail whose sender died may lack, and is shown to a person as any other is (B5)."""
        assert len(set(self.mailed)) == len(self.mailed) <= number
        lost = [item for _, item in self.world.table.of_kind("ACTIVATION") if item["state"] == "sending"]
        assert len(self.mailed) >= number - len(lost)

    def _turns(self) -> None:
        """The schedule, and what the queue hands over, some of it twice; what fails comes again."""
        self.injector.enabled = True
        for _ in range(3):
            self.world.pass_time(minutes=15)
            self._try(self.world.queue_due_activations().run)
            self.waiting += [body for body in self.world.sqs.messages for _ in range(self.dice.randint(1, 2))]
            self.world.sqs.messages.clear()
            for _ in range(3 * len(self.waiting)):
                if self.waiting:
                    body = self.waiting.pop(self.dice.randrange(len(self.waiting)))
                    if not self._try(partial(self._send, json.loads(body))):
                        self.waiting.append(body)
        self.injector.enabled = False

    def _send(self, body: dict[str, str]) -> None:
        self.world.send_activation().send(user_of(body), body["activation_id"])

    def _try(self, do: Callable[[], object]) -> bool:
        try:
            do()
        except (Killed, AccountLinkingError, ClientError, BotoCoreError, OSError):
            return False
        return True

    def _second_run(self, _operation: str, _request: dict[str, Any]) -> None:
        if self.second_at == len(self.injector.calls):
            self.second_at = NEVER
            with suppress(Killed, AccountLinkingError):
                self.world.queue_due_activations().run()


@cache
def calls() -> list[Call]:
    """Those of a run without faults."""
    return Run({}).to_rest().injector.calls


@pytest.mark.parametrize("mode", MODES)
def test_a_cut_at_any_call_mails_everybody_once_and_the_rest_after_it(mode: FaultMode) -> None:
    """A cut before a call is one after the write before it, so that the quick run makes those after a write alone."""
    is_quick = depth(1, 0)
    at = [call.number for call in calls() if not (is_quick and call.operation in READS)]
    if mode is FaultMode.PARTIAL:
        at = [call.number for call in calls() if call.operation in ("BatchWriteItem", "SendMessageBatch")]
    for number in at[:: 4 if is_quick and mode is FaultMode.DIES_BEFORE else 1]:
        Run({number: mode}, seed=number).to_rest()


def test_two_runs_of_the_schedule_at_once_choose_the_same_people() -> None:
    queued = next(call.number for call in calls() if call.operation == "SendMessageBatch")
    for number in range(max(0, queued - depth(25, NEVER)), min(queued + depth(4, NEVER), len(calls()))):
        Run({}, second_at=number, seed=number).to_rest()


def test_random_cuts_and_second_runs_mail_nobody_twice() -> None:
    for seed in range(depth(10, 300)):
        dice = Random(seed)
        plan = {dice.randint(1, 300): dice.choice(MODES) for _ in range(3)}
        Run(plan, second_at=dice.randint(1, 300), seed=seed).to_rest()
