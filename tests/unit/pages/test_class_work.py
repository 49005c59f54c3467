"""A teacher's class page: forms first, skills by name, what is not known said so, and old work recreated in one press."""

from __future__ import annotations

import pytest

from shared.domain.account import Assignment, Goal
from tests.pages_harness import Website, lakeside, linked_teacher

DISTRICT_CLASS = "/classes/c1?district=lakeside"


@pytest.fixture
def web() -> Website:
    return lakeside()


def work(web: Website) -> tuple[list[Goal], list[Assignment]]:
    found = web.world.classes.get("lakeside", "c1")
    assert found is not None
    return web.world.work.of_class("lakeside", "c1", found.since)


def test_the_forms_come_before_the_students(web: Website) -> None:
    page = linked_teacher(web).open(DISTRICT_CLASS)

    assert page.text.index("Create goal") < page.text.index("Students")


def test_skills_are_ticked_by_name_from_the_old_classes(web: Website) -> None:
    page = linked_teacher(web).open(DISTRICT_CLASS)

    page.press("Create goal", "A", title="Fractions", skills="")

    goals, _ = work(web)
    assert [(goal.title, goal.skill_ids) for goal in goals] == [("Fractions", ("a",))]


def test_a_student_who_is_not_linked_has_no_percentage(web: Website) -> None:
    page = linked_teacher(web).open(DISTRICT_CLASS).press("Create goal", title="Fractions", skills="a")

    assert "Kid Person not linked yet" in page.text
    assert "Kid Person 0 %" not in page.text


def test_all_of_an_old_class_is_recreated_in_one_press(web: Website) -> None:
    page = linked_teacher(web).open("/classes/own")
    page.http.follow_redirects = False
    page.press("Recreate all")
    assert page.response is not None
    assert page.response.headers["Location"].endswith("#again"), "no jump to the top"
    page.http.follow_redirects = True

    goals, assignments = work(web)

    assert [goal.title for goal in goals] == ["Equations"]
    assert [each.title for each in assignments] == ["Quiz"]
    page.open("/classes/own")
    assert "Recreate all" not in page.text
    assert page.links()["See it in Algebra"] == f"{DISTRICT_CLASS}#students"


def test_a_goal_without_a_title_is_said_at_the_field(web: Website) -> None:
    page = linked_teacher(web).open(DISTRICT_CLASS).press("Create goal", title=" ", skills="a")

    title = page.page.css_first("#title")
    assert title is not None
    assert title.attributes["aria-describedby"] == "problem"
    assert "autofocus" in title.attributes


def test_a_class_page_leads_to_the_districts_own_support(web: Website) -> None:
    web.world.register(support_url="https://help.lakeside.example/", clever_district_id="clever-district-1")
    page = linked_teacher(web)

    for address in (DISTRICT_CLASS, "/classes/c1/settings?district=lakeside", "/classes/own", "/classes/own/settings"):
        page.open(address)
        assert page.response is not None
        assert 'href="https://help.lakeside.example/"' in page.response.text, address


def test_a_class_that_was_restored_says_so(web: Website) -> None:
    page = linked_teacher(web).open("/classes/own/settings").press("Delete class").press("Restore class")

    assert "Restored" in page.text
    assert "Its data was not downloaded yet" in page.text
