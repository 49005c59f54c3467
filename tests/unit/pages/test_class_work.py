"""A teacher's class page: forms first, skills by name, what is not known said so."""

from __future__ import annotations

import pytest

from local.web_client import WebClient
from shared.domain.account import Assignment, Goal
from tests.pages_harness import CLEVER_DISTRICT, Website, earns, lakeside, linked_teacher, log_in

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

    assert page.text.index("Create goal") < page.text.index("Students in this class")


def test_skills_are_ticked_by_name_from_the_old_classes(web: Website) -> None:
    page = linked_teacher(web).open(DISTRICT_CLASS)

    page.press("Create goal", "A", title="Fractions", skills="")

    goals, _ = work(web)
    assert [(goal.title, goal.skill_ids) for goal in goals] == [("Fractions", ("a",))]


def test_a_student_who_is_not_linked_has_no_percentage(web: Website) -> None:
    page = linked_teacher(web).open(DISTRICT_CLASS).press("Create goal", title="Fractions", skills="a")

    assert "Kid Person not linked yet" in page.text
    assert "Kid Person 0 %" not in page.text


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


# Skills by name.


def with_catalogue(web: Website) -> WebClient:
    web.world.learn_skills(
        {"skill_id": "a", "title": "Slope", "subject": "Algebra"},
        {"skill_id": "b", "title": "Graphs", "subject": "Algebra"},
        {"skill_id": "c", "title": "Area of a circle", "subject": "Geometry"},
        {"skill_id": "d", "title": "Area of a square", "subject": "Geometry"},
    )
    return linked_teacher(web).open(DISTRICT_CLASS)


def goals_of(web: Website) -> list[tuple[str, tuple[str, ...]]]:
    return [(goal.title, goal.skill_ids) for goal in work(web)[0]]


def test_skills_have_the_names_of_the_catalogue_those_of_old_classes_first(web: Website) -> None:
    page = with_catalogue(web)

    assert page.text.index("Slope Graphs") < page.text.index("More skills Area of a circle Area of a square")
    page.press("Create goal", "Slope", "Area of a square", title="Mix")
    assert goals_of(web) == [("Mix", ("a", "d"))]


@pytest.mark.parametrize("typed", ["a, d", "slope, area of a square", "a area of a square"])
def test_skills_are_typed_by_name_or_by_id(web: Website, typed: str) -> None:
    with_catalogue(web).press("Create goal", title="Mix", skills=typed)

    assert goals_of(web) == [("Mix", ("a", "d"))]


def test_skills_are_found_by_a_part_of_their_name_without_a_script(web: Website) -> None:
    page = with_catalogue(web)

    page.press("Find skills", "Slope", title="Round", skills="circle")
    assert "Skills that fit Area of a circle" in page.text
    page.press("Create goal", "Slope", "Area of a circle")

    assert goals_of(web) == [("Round", ("c", "a"))]


def test_a_name_that_is_not_known_is_said_and_nothing_typed_is_lost(web: Website) -> None:
    page = with_catalogue(web).press("Create goal", "Graphs", title="Mix", skills="Slop, circel")

    assert goals_of(web) == []
    assert "We can't find circel. Try another name." in page.text
    assert page.page.css_first("#skills[aria-invalid]") is not None
    ticked = [box.attributes["name"] for box in page.page.css("input[type=checkbox][checked]")]
    assert ticked == ["skill-b"]
    page.press("Create goal", "Graphs", "Slope")
    assert goals_of(web) == [("Mix", ("a", "b"))]


def test_what_a_student_has_points_in_is_a_skill_whatever_the_catalogue_says(web: Website) -> None:
    page = with_catalogue(web)
    student = web.visitor(sub="cid-1", district=CLEVER_DISTRICT).open("/sso/lakeside").press("Continue with Clever")
    log_in(student.press("Log into my existing account"), "kid").press("Link my accounts")
    earns(web, "kid", fractions=40)

    page.press("Create goal", title="Own", skills="fractions")

    assert goals_of(web) == [("Own", ("fractions",))]


def test_a_large_catalogue_is_searched_and_not_listed(web: Website) -> None:
    page = with_catalogue(web)
    web.world.learn_skills(*({"skill_id": f"s{n}", "title": f"Topic {n}"} for n in range(3_000)))

    page.open(DISTRICT_CLASS)

    assert page.response is not None
    assert len(page.response.content) < 50_000
    assert "Topic" not in page.text
    assert "Skills that fit Topic 2999" in page.press("Find skills", title="T", skills="topic 2999").text
