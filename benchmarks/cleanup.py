"""The clean-up: how exact pairing is on a generated district, and what nudges cost among a million linked teachers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from random import Random

from benchmarks.class_export import measured as exported
from benchmarks.figures import Figures
from shared.domain.account import GrassrootsClass
from shared.domain.clock import to_iso
from shared.domain.pairing import Verdict, pair
from shared.domain.roster import DistrictClass, Role, RosterUser, RosterUserKey
from shared.stores.district_classes import DistrictClassStore
from shared.stores.due_items import NUDGE, due_item
from shared.stores.keys import account_pk, user_pk
from shared.stores.roster_users import RosterUserStore
from shared.stores.table import without_none
from tests.fakes.dynamodb import Meter
from tests.harness import World

TODAY = date(2026, 10, 1)


@dataclass
class Teacher:
    """A teacher's classes of both kinds; ``continued_in`` holds the true successors of each old one."""

    old: list[GrassrootsClass] = field(default_factory=list)
    new: list[DistrictClass] = field(default_factory=list)
    continued_in: dict[str, set[str]] = field(default_factory=dict)


class GeneratedDistrict:
    """Classes that went on, split, merged or ended, with students who left, came or stayed.

    A class that went on keeps 75 to 100 % of its students; a quarter of the students of one that ended are in other classes of the
    same teacher. 60 to 100 % of a class's students are linked, every fifth district class has a second teacher, and every fifth
    teacher of many classes has a club of students out of all of them.
    """

    def __init__(self, seed: int, teachers: int) -> None:
        self._random = Random(seed)
        self._students = 0
        self.linked: dict[str, str] = {}
        self.teachers = [self._teacher(number) for number in range(teachers)]
        for first, second in zip(self.teachers[::2], self.teachers[1::2], strict=True):
            second.new += [shared for shared in first.new if self._random.random() < 0.2]

    def _teacher(self, number: int) -> Teacher:
        teacher = Teacher()
        for period in range(self._random.randint(2, 6)):
            fate = self._random.choices(("went on", "split", "merged", "ended"), (5, 1, 1, 3))[0]
            self._period(teacher, f"{number}-{period}", fate)
        for ended in [c for c in teacher.old if not teacher.continued_in[c.class_id]]:
            again = self._random.sample(ended.student_account_ids, len(ended.student_account_ids) // 4)
            for account in again if teacher.new else ():
                self._attends(teacher, self._random.randrange(len(teacher.new)), account)
        if len(teacher.new) > 4 and self._random.random() < 0.2:
            everybody = [account for c in teacher.old for account in c.student_account_ids]
            self._ended(teacher, f"club-{number}", self._random.sample(everybody, 15))
        return teacher

    def _period(self, teacher: Teacher, name: str, fate: str) -> None:
        classes = [self._people(self._random.randint(12, 34)) for _ in range(2 if fate == "merged" else 1)]
        stays = self._random.uniform(0.75, 1)
        went = [account for accounts in classes for account in accounts if self._random.random() < stays]
        parts = {"ended": [], "split": [went[::2], went[1::2]]}.get(fate, [went])
        titles = [f"new-{name}-{n}" for n in range(len(parts))]
        for title, accounts in zip(titles, parts, strict=True):
            come = self._people(self._random.randint(0, 8))
            ids = tuple(f"s-{account}" for account in (*accounts, *come))
            teacher.new.append(DistrictClass("lakeside", title, title, student_ids=ids))
        for part, accounts in enumerate(classes):
            self._ended(teacher, f"old-{name}-{part}", accounts)
            teacher.continued_in[f"old-{name}-{part}"] = set(titles)

    @staticmethod
    def _ended(teacher: Teacher, name: str, accounts: list[str]) -> None:
        teacher.old.append(GrassrootsClass(name, "ada", name, student_account_ids=tuple(accounts)))
        teacher.continued_in[name] = set()

    def _people(self, number: int) -> list[str]:
        accounts = [f"p{n}" for n in range(self._students, self._students + number)]
        self._students += number
        rate = self._random.uniform(0.6, 1)
        self.linked |= {account: f"s-{account}" for account in accounts if self._random.random() < rate}
        return accounts

    @staticmethod
    def _attends(teacher: Teacher, number: int, account: str) -> None:
        was = teacher.new[number]
        student_ids = (*was.student_ids, f"s-{account}")
        teacher.new[number] = DistrictClass("lakeside", was.sourced_id, was.title, student_ids=student_ids)


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How many strong pairs were right, wrong, and missed."""

    right: int
    wrong: int
    missed: int

    @property
    def precision(self) -> float:
        return self.right / (self.right + self.wrong)

    @property
    def recall(self) -> float:
        return self.right / (self.right + self.missed)


def strong_pairs(teachers: int = 1_000, seed: int = 7) -> Accuracy:
    """Return how the strong pairs of a generated district compare with its truth."""
    made = GeneratedDistrict(seed, teachers)
    counts: Counter[str] = Counter()
    for teacher in made.teachers:
        for found in pair(teacher.old, teacher.new, made.linked, TODAY):
            truth = teacher.continued_in[found.grassroots.class_id]
            named = (
                {successor.into.sourced_id for successor in found.into} if found.verdict is Verdict.OBSOLETE else set()
            )
            counts.update(right=len(named & truth), wrong=len(named - truth), missed=len(truth - named))
    return Accuracy(counts["right"], counts["wrong"], counts["missed"])


def by_shared_students(classes: int = 200, seed: int = 7) -> dict[int, Counter[Verdict]]:
    """Return the verdicts on classes of which 0, 10, … 100 % of the students moved, when four of five are linked."""
    random = Random(seed)
    verdicts: dict[int, Counter[Verdict]] = {}
    for percent in range(0, 101, 10):
        verdicts[percent] = Counter()
        for _ in range(classes):
            students = [f"p{n}" for n in range(random.randint(12, 34))]
            moved = random.sample(students, round(len(students) * percent / 100))
            linked = {account: f"s-{account}" for account in students if random.random() < 0.8}
            old = GrassrootsClass("old", "ada", "old", student_account_ids=tuple(students))
            new = DistrictClass("lakeside", "new", "new", student_ids=tuple(f"s-{account}" for account in moved))
            (found,) = pair([old], [new], linked, TODAY)
            verdicts[percent][found.verdict] += 1
    return verdicts


@dataclass(frozen=True, slots=True)
class Spent:
    """What a run of the nudges read and wrote."""

    sent: int
    read_units: float
    write_units: int
    requests: int


def nudged(linked: int, due: int) -> Spent:
    """Measure a run of the nudges: so many teachers are linked, and so many of them are due; the others are due in a week.

    Of the others only the place in the index exists: a run that reads more of them finds nothing, and fails.
    """
    world = World()
    world.now = datetime(2026, 9, 2, 15, tzinfo=UTC)
    world.register()
    put = world.table.put_item
    next_week = world.now + timedelta(days=7)
    for number in range(due, linked):
        put(Item=due_item(NUDGE, RosterUserKey("lakeside", f"t{number}"), next_week))
    for number in range(due):
        teacher = RosterUser(
            "lakeside", f"t{number}", Role.TEACHER, "Ada", "Lovelace", official_email=f"t{number}@lakeside.example",
            teaches=(f"c{number}",),
        )  # fmt: skip
        students = [f"s{number}-{n}" for n in range(25)]
        new = DistrictClass("lakeside", f"c{number}", "Algebra", student_ids=tuple(students))
        account = {"PK": account_pk(f"a{number}")}
        put(Item=without_none(RosterUserStore.item(teacher)))
        put(Item=due_item(NUDGE, teacher.key, world.now))
        link = {"state": "linked", "account_id": f"a{number}", "version": 1, "nudge_due_at": to_iso(world.now)}
        put(Item={"PK": user_pk(teacher.key), "SK": "LINK", **link})
        put(
            Item={**account, "SK": "CLASS#old", "name": "Period 3", "student_account_ids": [f"a-{s}" for s in students]}
        )
        for item in DistrictClassStore.items(new):
            put(Item=without_none(item))
        for student in students:
            put(
                Item={"PK": account_pk(f"a-{student}"), "SK": "LINK#lakeside", "sourced_id": student, "state": "linked"}
            )
    world.table.meter = Meter()
    counts = world.send_nudge().run()
    meter = world.table.meter
    return Spent(counts["sent"], meter.read_units, sum(meter.write_units.values()), sum(meter.requests.values()))


def measure(figures: Figures) -> None:
    """Measure how exact strong pairs are, the verdicts by the share of students who moved, and the cost of nudges."""
    found = strong_pairs()
    name = f"pairing, {found.right + found.missed:,} true pairs"
    figures.add(f"{name}: precision of strong pairs", 100 * found.precision, "%")
    figures.add(f"{name}: wrong among strong pairs", 100 * (1 - found.precision), "%", limit=1)
    figures.add(f"{name}: recall of strong pairs", 100 * found.recall, "%")
    figures.add(f"{name}: missed by strong pairs", 100 * (1 - found.recall), "%", limit=5)
    for percent, counts in by_shared_students().items():
        shares = ", ".join(f"{counts[verdict] / counts.total():.0%} {verdict.value}" for verdict in Verdict)
        figures.add(f"pairing, {percent} % of the students moved: {shares}", counts[Verdict.OBSOLETE], "obsolete")
    large = exported(2_000)
    figures.add("class data of 2,000 students: made in", large.seconds, "s", limit=30)
    figures.add("class data of 2,000 students: most memory of its process", large.peak / 2**20, "MiB", limit=256)
    many, few = nudged(1_000_000, 5_000), nudged(10_000, 5_000)
    name = "nudges, 5,000 due of 1,000,000 linked teachers"
    figures.add(f"{name}: mails", many.sent, "mails")
    figures.against(f"{name}: read units, against 5,000 of 10,000", many.read_units, "units", few.read_units, 1.01)
    figures.against(f"{name}: write units, against 5,000 of 10,000", many.write_units, "units", few.write_units, 1.01)
    figures.against(f"{name}: requests, against 5,000 of 10,000", many.requests, "requests", few.requests, 1.01)
    figures.add(f"{name}: read units per due teacher, of 25 students", many.read_units / many.sent, "units", limit=25)
    figures.add(f"{name}: write units per due teacher", many.write_units / many.sent, "units", limit=20)
