"""A teacher of 60 classes and 2,000 students is served in one request a page, at a known number of calls (M13, B8)."""

from __future__ import annotations

import pytest

from functions.pages.classes.class_address import class_address
from local.web_client import WebClient
from tests.builders import account, roster, user
from tests.harness import World
from tests.pages_harness import PASSWORD, Counting, Website, activated, log_in

MOST_FOR_HOME = 8
MOST_FOR_A_CLASS = 23
STUDENTS_PER_CALL = 50
"""Of an account and of its mastery two items each are read, a hundred at a time."""


class Large:
    """A linked teacher with so many classes of both kinds; the students are spread over the old ones."""

    def __init__(self, classes: int, students: int) -> None:
        self.calls = Counting()
        world = World(gate=self.calls)
        world.register()
        kids = [f"kid-{n}" for n in range(students)]
        own = [
            {"class_id": f"own-{n}", "name": f"Period {n:02d}", "last_activity_at": f"2026-05-{n % 28 + 1:02d}T00:00:00Z",
             "student_account_ids": kids[n::classes], "goals": [{"goal_id": "g", "title": "Goal", "skill_ids": ["a"]}]}
            for n in range(classes)
        ]  # fmt: skip
        world.feed(
            account("ada", "ada@mail.example", classes=own),
            *({**account(kid, f"{kid}@mail.example"), "role": "student"} for kid in kids),
        )
        taught = "".join(f"c{n},,,Algebra {n:02d},k1,scheduled,o1,t1\n" for n in range(classes))
        enrolled = "".join(f"e{n},,,c{n},o1,t1,teacher\n" for n in range(classes))
        world.upload(roster(user("t1", "teacher", given="Ada"), classes=taught, enrollments=enrolled))
        world.send_mail()
        web = Website(world, gate=self.calls)
        web.cognito.users = {"ada": (PASSWORD, "ada")}
        self.page: WebClient = log_in(activated(web).press("Log into my existing account")).press("Link my accounts")
        assert self.page.path == "/home"

    def cost(self, address: str) -> int:
        self.calls.calls.clear()
        self.page.open(address)
        assert self.page.status == 200
        return self.calls.calls.total()


@pytest.fixture(scope="module")
def large() -> Large:
    return Large(classes=60, students=2_000)


def test_home_costs_as_much_for_sixty_classes_as_for_two(large: Large) -> None:
    small = Large(classes=2, students=2).cost("/home")

    assert large.cost("/home") == small <= MOST_FOR_HOME
    assert large.page.text.count("Period ") == 60
    assert large.page.text.count("Algebra ") == 60


def test_an_old_class_costs_a_few_calls_and_one_more_for_every_fifty_students(large: Large) -> None:
    students = 2_000 // 60 + 1

    assert large.cost(class_address("own-0")) <= MOST_FOR_A_CLASS + 2 * (students // STUDENTS_PER_CALL)


def test_previous_classes_come_with_the_most_recently_used_first(large: Large) -> None:
    titles = [title for title in large.page.open("/home").links() if title.startswith("Period")]

    assert titles[0] in {"Period 27", "Period 55"}
    assert titles[-1] in {"Period 00", "Period 28", "Period 56"}
