"""One export of a large class, in a process of its own: ``python -m benchmarks.class_export STUDENTS``.

Prints seconds, the peak of memory in bytes, and how large the zip is, as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic

from benchmarks.memory import peak_memory
from shared.domain.account import Account, Assignment, Goal, GrassrootsClass, SkillMastery
from shared.stores.account_batches import AccountBatches, AccountChange
from shared.stores.class_exports import ClassExport, ExportedClass
from tests.harness import GOOGLE, World

SKILLS = 200
GOALS = ASSIGNMENTS = 20


@dataclass(frozen=True, slots=True)
class Measured:
    """The cost of an export: seconds, and bytes."""

    seconds: float
    peak: int
    size: int
    before: int
    """The memory of the process before the export, most of it the fake table."""


def measured(students: int) -> Measured:
    """Measure an export in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.class_export", str(students)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    return Measured(**json.loads(answer.stdout))


def _world(students: int) -> World:
    world = World(is_metered=False)
    skills = [f"skill-{n:03d}" for n in range(SKILLS)]
    mastery = {skill: SkillMastery(n % 101, "2026-05-01T00:00:00.000Z") for n, skill in enumerate(skills)}
    accounts = [f"kid-{n}" for n in range(students)]
    kids = [Account(account_id, "student", f"Student {account_id}", account_id) for account_id in accounts]
    batches = AccountBatches(world.table, GOOGLE)
    for start in range(0, students, 100):
        batches.write([AccountChange(kid, mastery) for kid in kids[start : start + 100]])
    goals = tuple(Goal(f"g{n}", f"Goal {n}", tuple(skills[n * 5 : n * 5 + 10])) for n in range(GOALS))
    work = tuple(Assignment(f"w{n}", f"Quiz {n}", "quiz", dict.fromkeys(accounts, n)) for n in range(ASSIGNMENTS))
    old = GrassrootsClass("old", "ada", "Everybody", student_account_ids=tuple(accounts), goals=goals, assignments=work)
    batches.write([AccountChange(Account("ada", "teacher", "Ada", "ada"), classes=(old,))])
    return world


def main(students: int) -> None:
    world = _world(students)
    now = datetime(2026, 9, 1, 15, tzinfo=UTC)
    world.exports.ask(ClassExport("ada", "one", (ExportedClass("old"),), "en", "2026-09-01T15:00:00.000Z"), now)
    before, began = peak_memory(), monotonic()
    outcome = world.export_classes().make("ada", "one")
    assert outcome == "made"
    size = len(world.s3.objects["exports", "exports/one.zip"])
    sys.stdout.write(
        json.dumps({"seconds": monotonic() - began, "peak": peak_memory(), "size": size, "before": before})
    )


if __name__ == "__main__":
    main(int(sys.argv[1]))
