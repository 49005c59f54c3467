"""What the pages of a teacher with many classes and students ask of AWS: home no more than with one class (B8)."""

from __future__ import annotations

import time

import pytest

from benchmarks.named_classes import FAMILY, GIVEN
from local.web_client import WebClient
from tests.builders import account, roster, user
from tests.harness import World
from tests.pages_harness import Counting, Website


class Teacher:
    """A linked teacher with so many classes of the district and as many old ones, over which so many students are spread."""

    def __init__(self, classes: int, students: int) -> None:
        self.calls = Counting()
        self.world = world = World(gate=self.calls)
        world.register()
        each = students // classes
        old = [
            {"class_id": f"own-{n}", "name": f"Period {n:02d}", "created_at": "2025-08-20T14:00:00Z",
             "student_account_ids": [f"kid{n * each + place}" for place in range(each)],
             "goals": [{"goal_id": f"g{n}", "title": f"Goal {n}", "skill_ids": ["a"]}]}
            for n in range(classes)
        ]  # fmt: skip
        world.feed(
            account("ada", "t1@lakeside.example", classes=old),
            *({**account(f"kid{n}", f"kid{n}@mail.example", role="student"), "display_name": _name(n)}
              for n in range(students)),
        )  # fmt: skip
        rows = "".join(f"c{n},,,Algebra {n:02d},k1,scheduled,o1,t1\n" for n in range(classes))
        places = "".join(f"et{n},,,c{n},o1,t1,teacher\n" for n in range(classes))
        places += "".join(f"e{n},,,c{n // each},o1,s{n},student\n" for n in range(students))
        people = (user(f"s{n}", given=_name(n)) for n in range(students))
        world.upload(roster(user("t1", "teacher"), *people, classes=rows, enrollments=places))
        visitor = Website(world, gate=self.calls).visitor(
            sub="google-t1", email="t1@lakeside.example", email_verified=True
        )
        self.page: WebClient = visitor.open("/sso/lakeside").press("Continue with Google")

    def opens(self, path: str) -> tuple[int, float, int]:
        """Calls to AWS, seconds of CPU and bytes of a page."""
        self.calls.calls.clear()
        began = time.process_time()
        assert self.page.open(path).status == 200
        assert self.page.response is not None
        return self.calls.calls.total(), time.process_time() - began, len(self.page.response.content)


def _name(number: int) -> str:
    """As many people of one first name as there are, and none of one name."""
    return f"{GIVEN[number % len(GIVEN)]} {FAMILY[number // len(GIVEN) % len(FAMILY)]}"


@pytest.mark.parametrize("classes", [1, 45])
def test_home_of_a_teacher_costs_eight_calls_however_many_classes(classes: int) -> None:
    teacher = Teacher(classes, classes)
    calls, _, _ = teacher.opens("/home")
    assert calls <= 8
    for n in range(classes):
        assert f"Algebra {n:02d}" in teacher.page.text
        assert f"Period {n:02d}" in teacher.page.text


@pytest.mark.slow
def test_two_thousand_students_let_no_page_of_their_teacher_wait() -> None:
    """The seconds are many times what is usual, so that a busy machine is let through; what grows with a square is not."""
    teacher = Teacher(60, 2_000)
    found = {path: teacher.opens(path) for path in ("/home", "/classes/c1", "/classes/own-1", "/cleaning")}
    assert {path: calls for path, (calls, _, _) in found.items() if calls > MOST[path]} == {}
    assert max(seconds for _, seconds, _ in found.values()) < 8
    assert max(size for _, _, size in found.values()) < 150_000


MOST = {"/home": 9, "/classes/c1": 14, "/classes/own-1": 40, "/cleaning": 95}
"""Calls to AWS; a hundred students or classes more are one more, or two."""
