"""A student's home costs ten calls at most, however many classes there are, and a list of the console as many for any (B8)."""

from __future__ import annotations

import pytest

from local.web_client import WebClient
from shared.domain.account import Assignment, Goal
from shared.stores.keys import work_list_key, work_lists_key
from tests.builders import account, roster, user
from tests.harness import World
from tests.pages_harness import Counting, Website

MOST = 10


class Student:
    """A linked student with so many classes of the district, each with a goal and an assignment, and as many old ones."""

    def __init__(self, classes: int) -> None:
        self.calls = Counting()
        self.world = world = World(gate=self.calls)
        world.register()
        old = [
            {"class_id": f"own-{n}", "name": f"Period {n:02d}", "created_at": "2025-08-20T14:00:00Z",
             "student_account_ids": ["kid"],
             "assignments": [{"assignment_id": f"q{n}", "title": f"Quiz {n}", "content_id": "q", "scores": {"kid": 70}}]}
            for n in range(classes)
        ]  # fmt: skip
        world.feed(
            account("ada", "ada@mail.example", classes=old),
            {**account("kid", "s1@lakeside.example", role="student"),
             "mastery": {"a": {"points": 40, "updated_at": "2026-05-01T00:00:00Z"}}},
        )  # fmt: skip
        rows = "".join(f"c{n},,,Algebra {n:02d},k1,scheduled,o1,t1\n" for n in range(classes))
        places = "".join(f"e{n},,,c{n},o1,s1,student\n" for n in range(classes))
        world.upload(roster(user("s1", given="Kid"), user("s2"), classes=rows, enrollments=places))
        for n in range(classes):
            self.make_work(n)
        web = Website(world, gate=self.calls)
        visitor = web.visitor(sub="google-s1", email="s1@lakeside.example", email_verified=True)
        self.page: WebClient = visitor.open("/sso/lakeside").press("Continue with Google")
        self.page.open("/home")

    def make_work(self, n: int, number: int = 0) -> None:
        """As the teacher of a class would."""
        event = {"PK": f"OUTBOX#{n}-{number}", "SK": "EVENT"}
        goal = Goal(f"g{n}-{number}", f"Goal {n}-{number}", ("a",))
        self.world.work.add_goal("lakeside", f"c{n}", goal, event=event, created_at=f"2026-09-{1 + number:02}")
        given = Assignment(f"a{n}-{number}", f"Reading {n}-{number}", "r", created_at="")
        self.world.work.add_assignment("lakeside", f"c{n}", given, event=event, created_at=f"2026-09-{1 + number:02}")

    def home(self) -> int:
        self.calls.calls.clear()
        assert self.page.open("/home").status == 200
        return self.calls.calls.total()


@pytest.mark.parametrize("classes", [1, 8, 48])
def test_home_costs_ten_calls_at_most_however_many_classes(classes: int) -> None:
    student = Student(classes)
    assert student.home() <= MOST
    for n in range(classes):
        for shown in (f"Algebra {n:02d}", f"Period {n:02d}", f"Goal {n}-0", f"Reading {n}-0", f"Quiz {n}"):
            assert shown in student.page.text
    assert student.page.text.count("40") >= classes


def test_a_hundred_more_of_all_that_is_made_are_one_call_more() -> None:
    """A read has a hundred items."""
    student = Student(8)
    for n in range(1, 20):
        for each in range(8):
            student.make_work(each, n)
    # Given 160 goals and as many assignments: four reads instead of one
    assert student.home() == MOST + 3


def test_what_is_made_later_is_listed_too_in_its_order() -> None:
    student = Student(2)
    student.make_work(1, 1)
    student.home()
    text = student.page.text
    assert text.index("Goal 1-0") < text.index("Goal 1-1")


def test_goals_of_an_earlier_version_are_shown_at_a_read_for_each_class() -> None:
    """It made them without a list, and its district says nothing of lists."""
    student = Student(3)
    before = student.home()
    for at in (*(work_list_key("lakeside", f"c{n}") for n in range(3)), work_lists_key("lakeside")):
        student.world.table._remove((at["PK"], at["SK"]))
    # Then each is a read, in the place of the one for all
    assert student.home() == before - 1 + 3
    assert all(f"Goal {n}-0" in student.page.text for n in range(3))
    # And one that is made since does not hide them
    student.make_work(0, 1)
    student.home()
    assert "Goal 0-0" in student.page.text
    assert "Goal 0-1" in student.page.text


def test_what_is_made_in_a_class_is_listed_under_its_new_id() -> None:
    # Given a class with a goal, which gets another id
    student = Student(1)
    id_map = "kind,oldSourcedId,newSourcedId\nclass,c0,new-c0\n"
    rows, places = "new-c0,,,Algebra 00,k1,scheduled,o1,t1\n", "e0,,,new-c0,o1,s1,student\n"
    changed = roster(user("s1", given="Kid"), user("s2"), classes=rows, enrollments=places)
    # When
    report = student.world.upload({**changed, "id_map.csv": id_map}, name="new-ids")
    assert report["status"] == "completed"
    # Then
    assert student.home() <= MOST
    assert "Goal 0-0" in student.page.text
    assert "Reading 0-0" in student.page.text
