"""Functions killed in the middle, everything restarted in the middle, many people at once: nothing is lost."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from time import monotonic, sleep

import pytest

from benchmarks.load import Load, roster
from local import sample_district
from local.demo_steps import Journey, StepFailed, until
from local.proxy import sent_mail
from local.stack import LocalStack
from operations.redrive import Redrive
from operations.stack import local_stack

pytestmark = pytest.mark.slow

TEACHERS = 40


@pytest.fixture(scope="module")
def stack() -> Iterator[LocalStack]:
    """A stack of its own: it is restarted, and its functions are killed."""
    with LocalStack(stack_file=None, persistent=True) as running:
        yield running


def uploads(stack: LocalStack, district_id: str) -> Journey:
    journey = Journey(stack, sample_district.make())
    settings = {"name": district_id, "email_domains": [f"{district_id}.example"], "time_zone": "America/Chicago"}
    journey.put(f"districts/{district_id}/district.json", json.dumps(settings).encode())
    journey.put(f"rosters/{district_id}/r.zip", roster(district_id, teachers=TEACHERS, students=3_000))
    return journey


def mails(stack: LocalStack, district_id: str) -> Counter[str]:
    return Counter(m["to"] for m in sent_mail(stack.endpoint_url) if m["to"].endswith(f"@{district_id}.example"))


def everybody_has_one_mail(stack: LocalStack, district_id: str) -> None:
    wanted = Counter(f"t{number}@{district_id}.example" for number in range(TEACHERS))
    with suppress(StepFailed):
        # What a worker had taken when it was ended comes again after the queue's visibility timeout, six minutes.
        until(lambda: mails(stack, district_id) == wanted or None, seconds=420, name="a mail for each teacher")
    found = mails(stack, district_id)
    assert max(found.values()) == 1, "somebody was mailed twice"
    assert found == wanted


def kills(stack: LocalStack, function: str, *, times: int, until: Callable[[], object]) -> int:
    """Kill a function's processes while they work, two seconds apart: each call of them is tried more often than that."""
    killed, ends = 0, monotonic() + 30
    while killed < times and monotonic() < ends and not until():
        for worker in stack.workers(function)[:1]:
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
                killed += 1
                sleep(2)
        sleep(0.1)
    return killed


def test_functions_that_are_killed_in_the_middle_of_an_import_lose_nothing(stack: LocalStack) -> None:
    journey = uploads(stack, "killed")
    killed = kills(stack, "ImportStepFunction", times=3, until=lambda: journey.report("reports/killed/latest.json"))
    report = journey.latest("rosters/killed/r.zip")
    assert killed > 0
    assert report["status"] == "completed", report
    assert report["users"]["created"] == TEACHERS + 3_000
    everybody_has_one_mail(stack, "killed")


def test_a_restart_in_the_middle_of_an_import_loses_nothing(stack: LocalStack) -> None:
    """Given an import at work; when everything is ended and started again, then `make redrive` lets it go on."""
    journey = uploads(stack, "restarted")
    states = stack.client("stepfunctions")
    arn = stack.outputs["ImportStateMachineArn"]
    until(
        lambda: states.list_executions(stateMachineArn=arn, statusFilter="RUNNING")["executions"],
        seconds=30,
        name="an import",
    )
    sleep(0.5)
    stack.restart_emulator()
    assert journey.report("reports/restarted/latest.json") is None, "the import was over before the restart"
    done = Redrive(local_stack(stack.description())).run()
    assert done["imports"] == 1
    report = journey.latest("rosters/restarted/r.zip")
    assert report["status"] == "completed", report
    assert report["users"]["created"] == TEACHERS + 3_000
    everybody_has_one_mail(stack, "restarted")


def test_many_browsers_at_once_while_an_import_runs(stack: LocalStack) -> None:
    """Two hundred for two minutes is `make load`; here are fewer of them, for less long."""
    load = Load(stack, people=12, seconds=8, students=500)
    load.prepare()
    lines: list[str] = []
    assert load.report(load.run(), lines.append), "\n".join(lines)
    assert load.responses.errors == 0, "\n".join(lines)
