"""The checklist of an old class: what is ticked is recreated with one press, its credit is shown before (M14, M15, B3, B13)."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from local.web_client import WebClient
from shared.domain.account import Assignment, Goal
from tests.builders import account, enrolled, roster, user
from tests.pages_harness import (
    CLEVER_DISTRICT,
    Counting,
    Website,
    earns,
    lakeside,
    linked_teacher,
    log_in,
    post,
    website_like,
)

PRESS = "Recreate what is checked"
DISTRICT_CLASS = "/classes/c1?district=lakeside"


@cache
def prepared() -> Website:
    return lakeside()


@pytest.fixture
def web() -> Website:
    """Lakeside, made once: every test begins from there."""
    return website_like(prepared())


def work(web: Website) -> tuple[list[Goal], list[Assignment]]:
    found = web.world.classes.get("lakeside", "c1")
    assert found is not None
    return web.world.work.of_class("lakeside", "c1", found.since)


def titles(web: Website) -> list[str]:
    goals, assignments = work(web)
    return [*(goal.title for goal in goals), *(each.title for each in assignments)]


def old_class(web: Website) -> WebClient:
    return linked_teacher(web).open("/classes/own")


def with_goals(web: Website, *goals: dict[str, Any]) -> Website:
    """The old class has these goals and no assignment."""
    taught = {"class_id": "own", "name": "Period 3", "student_account_ids": ["kid"], "goals": list(goals)}
    web.world.feed(account("ada", "ada@mail.example", google_sub="google-ada", classes=[taught]))
    return web


def goal(goal_id: str, title: str, *skills: str) -> dict[str, Any]:
    return {"goal_id": goal_id, "title": title, "skill_ids": list(skills)}


def kid_links(web: Website) -> None:
    page = web.visitor(sub="cid-1", district=CLEVER_DISTRICT).open("/sso/lakeside").press("Continue with Clever")
    log_in(page.press("Log into my existing account"), "kid").press("Link my accounts")


def test_all_is_ticked_and_one_press_makes_all(web: Website) -> None:
    page = old_class(web)
    assert len(page.page.css("input[type=checkbox][checked]")) == 2
    page.http.follow_redirects = False
    page.press(PRESS)
    assert page.response is not None
    assert page.response.headers["Location"].endswith("&made=2#again"), "no jump to the top"

    page.http.follow_redirects = True
    page.open("/classes/own?into=lakeside/c1&made=2")

    assert titles(web) == ["Equations", "Quiz"]
    assert "2 are now in Algebra." in page.text
    assert PRESS not in page.text
    assert page.links()["See it in Algebra"] == f"{DISTRICT_CLASS}#students"


def test_what_is_not_ticked_is_left(web: Website) -> None:
    page = old_class(web).press(PRESS, "Quiz")

    assert titles(web) == ["Quiz"]
    assert "1 is now in Algebra." in page.text
    assert len(page.page.css("input[type=checkbox]")) == 1, "the goal can be ticked later"


def test_nothing_ticked_makes_nothing_and_says_so(web: Website) -> None:
    page = old_class(web).press(PRESS, "none of them")

    assert titles(web) == []
    assert "Check what you want to recreate." in page.text


def test_two_tabs_at_once_make_each_once(web: Website) -> None:
    page = old_class(web)
    stale = page.response
    page.press(PRESS)
    page.response = stale
    page.press(PRESS)

    assert titles(web) == ["Equations", "Quiz"]
    assert "Nothing new was made." in page.text


def test_what_was_made_by_hand_is_shown_as_done_and_not_made_twice(web: Website) -> None:
    page = linked_teacher(web).open(DISTRICT_CLASS).press("Create goal", title="equations", skills="b, a")

    page.open("/classes/own").press(PRESS)

    assert titles(web) == ["equations", "Quiz"]


def test_a_press_is_noted_in_the_districts_trail_and_one_of_nothing_is_not(web: Website) -> None:
    page = old_class(web)
    page.press(PRESS, "none of them")
    page.press(PRESS)

    noted = [entry for entry in web.site.services.trail.all("lakeside") if entry.action == "work_recreated"]
    assert [(entry.by, entry.about) for entry in noted] == [("t1", "c1")]


def test_the_credit_is_shown_in_figures_before_anything_is_made(web: Website) -> None:
    kid_links(web)
    earns(web, "kid", a=100, b=100)

    page = old_class(web)

    assert "1 of 2 students are linked. The figures are theirs." in page.text
    assert "1 of 1 student has already mastered it. On average, students start at 100 %." in page.text
    assert titles(web) == []


def test_before_any_link_the_figures_are_the_old_classes(web: Website) -> None:
    page = old_class(web)

    assert "No student is linked yet. The figures are those of your old class." in page.text
    assert "0 of 1 student has already mastered it. On average, students start at 50 %." in page.text


def test_the_credit_shown_is_what_the_district_class_then_has(web: Website) -> None:
    kid_links(web)
    earns(web, "kid", b=31)
    page = old_class(web)
    assert "students start at 66 %" in page.text

    page.press(PRESS)

    assert "66 %" in page.open(DISTRICT_CLASS).text


def test_it_is_in_spanish_too(web: Website) -> None:
    page = linked_teacher(web).open("/classes/own?lang=es")

    assert "0 de 1 estudiante ya la domina. En promedio, empiezan en 50 %." in page.text
    page.press("Crear de nuevo lo marcado")
    assert titles(web) == ["Equations", "Quiz"]


# Skills by name.


def test_skills_are_named_by_the_catalogue_under_their_present_names(web: Website) -> None:
    web.world.learn_skills({"skill_id": "a", "title": "Slope"}, {"skill_id": "b", "title": "Graphs"})
    page = old_class(web)
    assert "Slope, Graphs" in page.text

    web.world.learn_skills({"skill_id": "b", "title": "Graphs of lines"})

    assert "Slope, Graphs of lines" in page.open("/classes/own").text


def test_a_skill_that_the_catalogue_lacks_is_counted_and_stays_in_the_goal(web: Website) -> None:
    web.world.learn_skills({"skill_id": "a", "title": "Slope"})
    page = old_class(web)
    assert "Slope 1 skill has no name in the list of skills now. It stays in the goal." in page.text

    page.press(PRESS)

    assert work(web)[0][0].skill_ids == ("a", "b"), "what was earned is known by its id"


def test_two_goals_of_one_title_have_boxes_of_their_own(web: Website) -> None:
    with_goals(web, goal("g1", "Unit 1", "a"), goal("g2", "Unit 1", "b"))

    old_class(web).press(PRESS, "Unit 1 · 2")

    assert [each.skill_ids for each in work(web)[0]] == [("b",)]


def test_a_goal_of_too_many_skills_says_what_to_do(web: Website) -> None:
    with_goals(web, goal("g1", "All of it", *(f"k{n}" for n in range(51))), goal("g2", "Unit 1", "b"))

    page = old_class(web).press(PRESS)

    assert titles(web) == ["Unit 1"]
    assert "All of it Goal." in page.text
    assert "This goal has more than 50 skills." in page.text


def test_more_work_than_boxes_comes_in_turns(web: Website) -> None:
    with_goals(web, *(goal(f"g{n}", f"Goal {n}", "a", f"k{n}") for n in range(230)))
    page = old_class(web)
    assert "There is more." in page.text

    page.press(PRESS).press(PRESS)

    assert len(titles(web)) == 230


# What it costs, and for whom it is.


def test_30_students_and_40_goals_cost_as_many_reads_as_one_of_each() -> None:
    found = []
    for goals, students in ((1, 1), (40, 30)):
        gate = Counting()
        web = with_goals(lakeside(gate=gate), *(goal(f"g{n}", f"Goal {n}", f"k{n}") for n in range(goals)))
        rows = [user("t1", "teacher", given="Ada"), *(user(f"n{n}", given=f"Kid{n}") for n in range(students))]
        members = "".join(enrolled(f"n{n}") for n in range(students))
        web.world.upload(roster(*rows, enrollments=enrolled("t1", "teacher") + members), name="large")
        page = linked_teacher(web)
        gate.calls.clear()
        page.open("/classes/own")
        found.append(gate.calls.total())
        gate.calls.clear()
        page.http.follow_redirects = False
        page.press(PRESS)
        assert gate.calls["dynamodb TransactWriteItems"] == goals, "one for each goal, with its event and its note"
    assert found[0] == found[1] <= 23, found


def test_only_the_teacher_of_both_classes_can_press(web: Website) -> None:
    page = old_class(web)
    kid_links(web)
    student = log_in(web.visitor().open("/login"), "kid")

    post(student, "/classes/own/again", into="lakeside/c1", work="all")
    post(page, "/classes/own/again", into="lakeside/c9", work="all")
    post(page, "/classes/own/again", into="riverbend/c1", work="all")

    assert titles(web) == []
