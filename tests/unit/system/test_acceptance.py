"""What teachers and students are promised when they link, one line for each promise (M5, M11–M16, B2, B3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from local.web_client import NoSuchButton, WebClient
from shared.domain.link import LinkState
from tests.builders import account, enrolled, key, roster, user
from tests.pages_harness import CLEVER_DISTRICT, Website, earns, in_a_made_account, lakeside, linked_teacher, log_in

AGAIN = "Recreate what is checked"
GOAL, ASSIGNMENT = "Equations", "Quiz"


@dataclass
class Story:
    """A teacher and a student of Lakeside who linked, by choice, the accounts that they had before."""

    web: Website
    teacher: WebClient
    student: WebClient

    @classmethod
    def begin(cls) -> Story:
        web = lakeside()
        teacher = linked_teacher(web)
        page = web.visitor(sub="cid-1", district=CLEVER_DISTRICT).open("/sso/lakeside").press("Continue with Clever")
        student = log_in(page.press("Log into my existing account"), "kid").press("Link my accounts")
        return cls(web, teacher, student)

    def make_again(self, title: str) -> None:
        self.old_class().press(AGAIN, title)

    def old_class(self) -> WebClient:
        return self.teacher.open("/classes/own")

    def home(self) -> str:
        return self.student.open("/home").text

    def nightly(self, *users: str, enrollments: str, name: str) -> None:
        """Another roster; the staff stays as it is."""
        staff = (user("t1", "teacher", given="Ada"), user("t2", "teacher"), user("a1", "administrator"))
        self.web.world.upload(roster(*staff, *users, enrollments=enrollments), name=name)


def both_in_one_place(s: Story) -> bool:
    text = s.teacher.open("/home").text
    return (
        text.index("District classes") < text.index("Algebra") < text.index("Previous classes") < text.index("Period 3")
    )


def told_apart_by_words(s: Story) -> bool:
    text = s.teacher.open("/home").text
    return text.count("from the district") == 1 and text.count(" old ") == 1


def all_mastery_stays(s: Story) -> bool:
    return {skill: one.points for skill, one in s.web.world.accounts.mastery("kid").items()} == {"a": 100}


def nothing_moves_by_itself(s: Story) -> bool:
    text = s.teacher.open(s.teacher.open("/home").links()["Algebra"]).text
    return "Equations" not in text and "Quiz" not in text and "Equations" in s.old_class().text


def same_goal_same_percentage(s: Story) -> bool:
    s.make_again(GOAL)
    return s.home().count("Equations: 50 %") == 2


def goal_earns_on(s: Story) -> bool:
    s.make_again(GOAL)
    earns(s.web, "kid", b=60)
    return s.home().count("Equations: 80 %") == 2


def assignment_without_a_score(s: Story) -> bool:
    s.make_again(ASSIGNMENT)
    text = s.home()
    return "Quiz: no score yet" in text and "Quiz: 70" in text


def told_before_which_to_expect(s: Story) -> bool:
    text = s.old_class().text
    return "Equations Goal. Students keep their progress." in text and "Quiz Assignment. It starts over." in text


def made_once_and_ticked(s: Story) -> bool:
    other = s.old_class()
    stale = other.response
    s.make_again(GOAL)
    other.response = stale
    other.press(AGAIN, GOAL)
    goals, _ = s.web.world.work.of_class("lakeside", "c1")
    return len(goals) == 1 and "See it in Algebra" in s.old_class().text


def only_by_its_teacher(s: Story) -> bool:
    page = s.student.open("/classes/own")
    with pytest.raises(NoSuchButton):
        page.press(AGAIN, GOAL)
    page.http.post("https://link.example/classes/own/again", data={"work": "goal:g", "into": "lakeside/c1"})
    return s.web.world.work.of_class("lakeside", "c1") == ([], [])


def nobody_goes_down(_: Story) -> bool:
    web = lakeside()
    page = in_a_made_account(web)
    link = web.world.links.of_user(key("s1"))
    assert link is not None
    earns(web, link.account_id, a=40, b=30)
    log_in(page.press("I have an older account"), "kid").press("Link my accounts")
    return {skill: one.points for skill, one in web.world.accounts.mastery("kid").items()} == {"a": 100, "b": 30}


def undone_as_before(s: Story) -> bool:
    s.student.open("/home").press("Undo the link with Lakeside Schools").press("Undo the link")
    text = s.home()
    return "Algebra" not in text and "Period 3" in text and all_mastery_stays(s)


def no_rule_redoes_it(s: Story) -> bool:
    s.student.open("/home").press("Undo the link with Lakeside Schools").press("Undo the link")
    s.web.world.feed({**account("kid", "s1@lakeside.example"), "role": "student", "clever_id": "cid-1"})
    s.nightly(user("s1", ids="{Clever:cid-1}", given="Kiddo"), enrollments=enrolled("s1"), name="again")
    s.web.visitor(sub="cid-1", district=CLEVER_DISTRICT).open("/sso/lakeside").press("Continue with Clever")
    link = s.web.world.links.of_user(key("s1"))
    return link is not None and link.state is LinkState.UNDONE


def leaves_with_all_that_is_ones_own(s: Story) -> bool:
    s.nightly(enrollments="", name="gone")
    page = log_in(s.web.visitor().open("/login"), "kid")
    return page.path == "/home" and "Algebra" not in page.text and "Period 3" in page.text and all_mastery_stays(s)


def comes_back_as_before(s: Story) -> bool:
    before = s.home()
    s.nightly(enrollments="", name="gone")
    everybody = (user("s1", ids="{Clever:cid-1}", given="Kid"), user("s9", given="Zoe"))
    s.nightly(*everybody, enrollments=enrolled("s1") + enrolled("s9"), name="back")
    return s.home() == before and "Algebra" in before


def district_login_finds_the_account(s: Story) -> bool:
    page = s.web.visitor(sub="cid-1", district=CLEVER_DISTRICT).open("/sso/lakeside").press("Continue with Clever")
    return "Period 3" in page.text and "Algebra" in page.text


PROMISES: list[tuple[str, str, Callable[[Story], bool]]] = [
    ("M11", "After the login, district classes and previous classes are in one place.", both_in_one_place),
    ("M12", "The next district login leads to the account that was linked.", district_login_finds_the_account),
    ("M13", "Previous classes stay, to look back at, and say what they are.", told_apart_by_words),
    ("M14", "All mastery progress stays.", all_mastery_stays),
    ("M14", "The same goal in a district class starts at the percentage already earned.", same_goal_same_percentage),
    ("M14", "What is earned from then on counts in both.", goal_earns_on),
    ("M15", "Goals and assignments of previous classes are not moved.", nothing_moves_by_itself),
    ("M15", "Made again, an assignment has no score, even for who did it before; the old score stays.", assignment_without_a_score),
    ("M15", "Before the press it is said which of the two to expect.", told_before_which_to_expect),
    ("M15", "Pressed twice, it is made once, and ticked off.", made_once_and_ticked),
    ("M15", "Only the teacher of the previous class makes its work again.", only_by_its_teacher),
    ("M16", "Where both sides have activity, nobody goes down in anything.", nobody_goes_down),
    ("M5", "Who leaves the roster keeps progress and own classes, and logs in as always.", leaves_with_all_that_is_ones_own),
    ("M5", "Who comes back finds everything as before.", comes_back_as_before),
    ("B2", "Undone, the account is as it was.", undone_as_before),
    ("B2", "No rule, feed or nightly roster redoes what a person undid.", no_rule_redoes_it),
]  # fmt: skip


@pytest.mark.parametrize(
    "is_kept", [check for _, _, check in PROMISES], ids=[f"{rule}: {promise}" for rule, promise, _ in PROMISES]
)
def test_a_promise_is_kept(is_kept: Callable[[Story], bool]) -> None:
    assert is_kept(Story.begin())
