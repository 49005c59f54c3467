"""How exact the suggestions of a teacher's table are (B12), on generated classes whose truth is known (``make pairs``)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from benchmarks.named_classes import NOISE
from benchmarks.named_students import NamedStudents, students
from shared.domain.account import Account, GrassrootsClass
from shared.domain.name_likeness import Doubt
from shared.domain.roster import Role, RosterUser
from shared.domain.vouching import StudentState, old_students, table_of

OVERLAPS = (0.2, 0.4, 0.6, 0.8, 1.0)


@dataclass
class Suggested:
    """What came of the classes of one noise and overlap."""

    noise: str
    overlap: float
    true: int = 0
    """Students of the class who have an old account with this teacher."""
    right: Counter[Doubt | None] = field(default_factory=Counter)
    wrong: Counter[Doubt | None] = field(default_factory=Counter)

    def of(self, *doubts: Doubt | None) -> int:
        return sum(self.right[doubt] + self.wrong[doubt] for doubt in doubts)

    def precision(self, *doubts: Doubt | None) -> float:
        made = self.of(*doubts)
        return sum(self.right[doubt] for doubt in doubts) / made if made else 1.0

    def found(self, *doubts: Doubt | None) -> float:
        return sum(self.right[doubt] for doubt in doubts) / self.true if self.true else 1.0

    def add(self, made: NamedStudents) -> None:
        self.true += len(set(made.owners.values()) & made.people.keys())
        for number, account_id, doubt in suggested(made):
            (self.right if made.owners[account_id] == number else self.wrong)[doubt] += 1


def suggested(made: NamedStudents) -> Iterator[tuple[str, str, Doubt | None]]:
    """What the table of this class suggests: number of the student, account, and what is doubtful."""
    class_of = [RosterUser("d", number, Role.STUDENT, *name) for number, name in made.people.items()]
    accounts = {each: Account(each, "student", name, each) for each, name in made.accounts.items()}
    old = GrassrootsClass("old", "teacher", "Old", student_account_ids=tuple(accounts))
    for row in table_of(class_of, {}, old_students([old], accounts), (), {}, ()):
        if row.state is StudentState.SUGGESTED and row.old:
            yield row.user.sourced_id, row.old.account.account_id, row.doubt


def measured(
    classes: int, noises: Sequence[str] = tuple(NOISE), overlaps: Sequence[float] = OVERLAPS
) -> list[Suggested]:
    """So many classes of each noise and overlap."""
    found = []
    for noise in noises:
        for overlap in overlaps:
            one = Suggested(noise, overlap)
            for seed in range(classes):
                one.add(students(seed, noise, overlap))
            found.append(one)
    return found


def table(found: Sequence[Suggested]) -> Iterator[str]:
    """As docs/pairs.md has it."""
    yield (
        "| noise | had an account | students with one | sure | of these right | found "
        "| asked besides | of these right | found by both |\n"
    )
    yield "|---|---|---|---|---|---|---|---|---|\n"
    asked = tuple(Doubt)
    for each in found:
        yield (
            f"| {each.noise} | {each.overlap:.0%} | {each.true:,} | {each.of(None):,} | {each.precision(None):.2%} "
            f"| {each.found(None):.1%} | {each.of(*asked):,} | {each.precision(*asked):.1%} | {each.found(None, *asked):.1%} |\n"
        )


def reasons(found: Sequence[Suggested]) -> Iterator[str]:
    """What each reason to ask is worth, over all noises."""
    yield "| why it is asked | " + " | ".join(f"{overlap:.0%}" for overlap in OVERLAPS) + " |\n"
    yield "|---" * (len(OVERLAPS) + 1) + "|\n"
    for doubt in Doubt:
        shares = []
        for overlap in OVERLAPS:
            cells = [each for each in found if each.overlap == overlap]
            made = sum(each.of(doubt) for each in cells)
            shares.append(f"{sum(each.right[doubt] for each in cells) / made:.1%}" if made else "–")
        yield f"| {doubt.value.replace('_', ' ')} | " + " | ".join(shares) + " |\n"
