"""A link in March does as much as one on the first day (M5, M13–M16, B3): a year is generated, and lived twice."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from functions.pages.classes.recreate_work import RecreateWork, add_assignment, add_goal
from local.web_client import WebClient
from shared.domain.account import Goal
from shared.domain.roster import DistrictClass
from shared.stores.keys import Key
from shared.use_cases.check_receipts import CheckReceipts
from tests.builders import account, enrolled, key, roster, user
from tests.depth import depth
from tests.harness import World, decide
from tests.pages_harness import CLEVER_DISTRICT, PASSWORD, Website, log_in

SESSIONS = (
    "sourcedId,status,dateLastModified,title,type,startDate,endDate,parentSourcedId,schoolYear\n"
    "f26,,,Fall,term,2026-08-20,2026-12-19,,2027\ns27,,,Spring,term,2027-01-05,2027-06-05,,2027\n"
)
MONTHS = 8
YEARS = depth(1, 6)
TITLES = {"c1": "Algebra", "c2": "Geometry", "c3": "Biology"}


@dataclass
class Year:
    """What the roster says of Kid and of the classes, as the year has changed it until now."""

    term: str = "f26"
    student: str = "s1"
    family_name: str = "Person"
    attends: set[str] = field(default_factory=lambda: {"c1"})
    id_map: str = ""
    is_there: bool = True

    def class_id(self, name: str) -> str:
        """A class of the spring is another one than that of the fall."""
        return f"{name}-{self.term}"

    def roster(self) -> dict[str, str | bytes]:
        kid = user(self.student, ids="{Clever:cid-1}", given="Kid").replace(",Person,", f",{self.family_name},")
        classes = "".join(f"{self.class_id(c)},,,{title},k1,scheduled,o1,{self.term}\n" for c, title in TITLES.items())
        members = "".join(enrolled("t1", "teacher", self.class_id(c)) for c in TITLES)
        members += "".join(enrolled("s2", class_id=self.class_id(c)) for c in TITLES)
        members += "".join(
            enrolled(self.student, class_id=self.class_id(c)) for c in sorted(self.attends) if self.is_there
        )
        people = [user("t1", "teacher", given="Ada"), *([kid] if self.is_there else []), user("s2")]
        files = roster(*people, classes=classes, enrollments=members)
        return files | {"academicSessions.csv": SESSIONS} | ({"id_map.csv": self.id_map} if self.id_map else {})


class Lakeside:
    """One life of the year. Ada is linked from the first day; Kid links when the test says."""

    def __init__(self) -> None:
        self.world = World()
        self.year = Year()
        self.earned = {"a": 40}
        self._made = 0
        world = self.world
        world.register(clever_district_id=CLEVER_DISTRICT, removal_threshold_count=1_000, removal_threshold_percent=100)
        own = {
            "class_id": "own", "name": "Period 3", "student_account_ids": ["kid", "bea"],
            "goals": [{"goal_id": skills, "title": f"Unit {skills}", "skill_ids": list(skills)} for skills in ("ab", "bc", "d")],
            "assignments": [{"assignment_id": "q", "title": "Quiz", "content_id": "quiz", "scores": {"kid": 70}}],
        }  # fmt: skip
        world.feed(
            account("ada", "ada@mail.example", classes=[own]),
            *({**account(kid, "", role="student", display_name=kid), "email": None} for kid in ("kid", "bea")),
        )
        self.earns()
        self.night()
        world.send_mail()
        self.web = Website(world)
        self.web.cognito.users = {name: (PASSWORD, name) for name in ("ada", "kid", "bea")}
        mail = self.web.visitor().open(world.address_in_mail_to("t1@lakeside.example"))
        log_in(mail.press("Log into my existing account")).press("Link my accounts")

    def night(self) -> None:
        self.world.pass_time(days=1)
        report = self.world.upload(self.year.roster(), name=f"at-{self.world.now:%Y%m%d%H%M%S}")
        self.year.id_map = ""
        if report["status"] == "held":
            decide(self.world, report, "approve")
            report = self.world.latest()
        assert report["status"] in ("completed", "unchanged"), report

    def month(self, what: str, dice: random.Random) -> None:
        self.world.pass_time(days=28)
        happens: dict[str, Callable[[random.Random], None]] = {
            "moves": self.moves, "marries": self.marries, "number": self.gets_a_number, "spring": self.spring_comes,
            "away": self.is_away,
            "goal": self.teacher_sets, "recreates": self.teacher_recreates, "earns": self.earns_more,
        }  # fmt: skip
        happens[what](dice)

    def moves(self, dice: random.Random) -> None:
        self.year.attends = set(dice.sample(sorted(TITLES), dice.randint(1, 2)))
        self.night()

    def marries(self, _dice: random.Random) -> None:
        self.year.family_name = "Newname"
        self.night()

    def gets_a_number(self, _dice: random.Random) -> None:
        before, self.year.student = self.year.student, f"{self.year.student}9"
        self.year.id_map = f"kind,oldSourcedId,newSourcedId\nstudent,{before},{self.year.student}\n"
        self.night()

    def is_away(self, _dice: random.Random) -> None:
        """Off the roster for a while, as somebody who moves away and comes back."""
        self.year.is_there = False
        self.night()
        self.world.pass_time(days=10)
        self.year.is_there = True
        self.night()

    def spring_comes(self, _dice: random.Random) -> None:
        self.year.term = "s27"
        self.night()

    def teacher_sets(self, dice: random.Random) -> None:
        into, self._made = self._class(dice), self._made + 1
        services = self.web.site.services
        if dice.random() < 0.7:
            add_goal(services, into, Goal(f"made-{self._made}", f"New {self._made}", tuple(dice.sample("abcd", 2))))
        else:
            add_assignment(services, into, f"Task {self._made}", f"task-{self._made}")

    def teacher_recreates(self, dice: random.Random) -> None:
        services, into = self.web.site.services, self._class(dice)
        ada = services.accounts.get("ada")
        (own,) = services.accounts.classes.owned("ada")
        assert ada is not None
        RecreateWork(services).recreate(ada, own, {"work": "all", "into": f"lakeside/{into.sourced_id}"})

    def earns_more(self, dice: random.Random) -> None:
        skill = dice.choice("abcd")
        self.earned[skill] = min(100, self.earned.get(skill, 0) + dice.randint(10, 60))
        self.earns()

    def earns(self) -> None:
        when = f"{self.world.now:%Y-%m-%dT%H:%M:%SZ}"
        mastery = {skill: {"points": points, "updated_at": when} for skill, points in self.earned.items()}
        self.world.feed({"account_id": "kid", "role": "student", "username": "kid", "mastery": mastery})

    def _class(self, dice: random.Random) -> DistrictClass:
        found = self.world.classes.get("lakeside", self.year.class_id(dice.choice(sorted(TITLES))))
        assert found is not None
        return found

    def by_district(self) -> WebClient:
        page = self.web.visitor(sub="cid-1", district=CLEVER_DISTRICT).open("/sso/lakeside")
        return page.press("Continue with Clever")

    def kid_links(self) -> None:
        log_in(self.by_district().press("Log into my existing account"), "kid").press("Link my accounts")

    def at_the_end(self) -> dict[str, object]:
        """What Kid and Ada see, and what is stored of their work."""
        home = self.by_district().open("/home?linked=1")
        teacher = log_in(self.web.visitor().open("/login"))
        pages = [teacher.open(f"/classes/{self.year.class_id(c)}?district=lakeside").text for c in TITLES]
        services = self.web.site.services
        ada = self.world.users.get(key("t1"))
        (own,) = services.accounts.classes.owned("ada")
        assert ada is not None
        (pair,) = services.paired_by_names_too([own], ada)
        into = [(moved.into.sourced_id, moved.students) for moved in pair.into]
        past = [home.open(address).text for _, address in sorted(home.open("/home").links().items()) if "~" in address]
        return {
            "home": home.open("/home?linked=1").text.partition("Settings")[0],
            "past": past,
            "classes": pages,
            "checklist": teacher.open("/classes/own").text,
            "recreated": self.world.work.recreated("ada", "own"),
            "pair": (pair.verdict, into, pair.linked),
            "mastery": self.world.accounts.mastery("kid"),
            "lost": _lost(self.world),
        }


def _lost(world: World) -> list[object]:
    """What the receipts of all links say is lost."""
    after: Key | None = None
    found: list[object] = []
    while True:
        checked, after = CheckReceipts(world.table).next_part(after)
        found += checked.found
        if after is None:
            return found


def lived(months: list[str], seed: int, links_in: int) -> dict[str, object]:
    """The year, with the link after so many months; the dice fall the same in each of its lives."""
    lakeside = Lakeside()
    dice = random.Random(seed)
    for month, what in enumerate([*months, "earns"]):
        if month == links_in:
            lakeside.kid_links()
        lakeside.month(what, dice)
        lakeside.world.pass_time(seconds=1)
    return lakeside.at_the_end()


@pytest.mark.slow
@pytest.mark.deep
@pytest.mark.parametrize("seed", range(YEARS))
def test_a_late_link_does_as_much_as_one_on_the_first_day(seed: int) -> None:
    # Given a year of moves, new numbers and names, a new term, and work that the teacher sets and recreates
    dice = random.Random(f"year {seed}")
    kinds = ["moves", "marries", "number", "goal", "goal", "recreates", "recreates", "earns", "earns", "away"]
    months = dice.sample(kinds, MONTHS - 1)
    months.insert(dice.randint(0, len(months)), "spring")
    # When it is lived with a link on the first day, and with one in some later month
    early, late = lived(months, seed, 0), lived(months, seed, dice.randint(1, MONTHS))
    # Then nothing tells them apart
    assert late["lost"] == early["lost"] == [], months
    assert late == early, months
