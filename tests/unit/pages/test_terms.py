"""Classes whose term is over stand apart on /home, from the day that the district's calendar says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from local.web_client import WebClient
from tests.builders import account, enrolled, roster, user
from tests.harness import World
from tests.pages_harness import CLEVER_DISTRICT, Website, linked_teacher, log_in

PASSWORD = "correct horse"
SESSIONS = (
    "sourcedId,status,dateLastModified,title,type,startDate,endDate,parentSourcedId,schoolYear\n"
    "fall,,,Fall 2026,term,2026-08-20,2026-12-19,,2027\n"
    "year,,,School year,schoolYear,2026-08-20,2027-06-05,,2027\n"
)
CLASSES = (
    "c1,,,Algebra,k1,scheduled,o1,fall\n"
    'c2,,,Geometry,k1,scheduled,o1,"fall,year"\n'
    "c3,,,Homeroom,k1,homeroom,o1,never-named\n"
)
ON_THE_LAST_DAY = datetime(2026, 12, 19, 5, 30, tzinfo=UTC)
"""Still the evening of the 18th in Chicago, and past midnight in UTC."""
AFTER_THE_LAST_DAY = datetime(2026, 12, 19, 6, 30, tzinfo=UTC)


@pytest.fixture
def web() -> Website:
    """A teacher and a student of three classes: one of the fall, one of the whole year, and one without a known term."""
    world = World()
    world.register(clever_district_id=CLEVER_DISTRICT)
    world.feed(account("ada", "ada@mail.example"), account("kid", "kid@mail.example", role="student"))
    both = "".join(enrolled("t1", "teacher", c) + enrolled("s1", class_id=c) for c in ("c1", "c2", "c3"))
    people = user("t1", "teacher", given="Ada") + user("s1", ids="{Clever:cid-1}")
    world.upload({**roster(people, classes=CLASSES, enrollments=both), "academicSessions.csv": SESSIONS})
    world.send_mail()
    made = Website(world)
    made.cognito.users = {"ada": (PASSWORD, "ada"), "kid": (PASSWORD, "kid")}
    return made


def linked_student(web: Website) -> WebClient:
    page = web.visitor(sub="cid-1", district=CLEVER_DISTRICT, email="s1@lakeside.example")
    page.open("/sso/lakeside").press("Continue with Clever").press("Log into my existing account")
    return log_in(page, "kid").press("Link my accounts")


def classes_under(page: WebClient, heading: str) -> list[str]:
    """The names of the class cards between this heading and the next one of its kind."""
    return [name for under, name in _cards(page) if under == heading]


def _cards(page: WebClient) -> list[tuple[str, str]]:
    found, under = [], ""
    for node in page.page.css("main h2, main .card h3"):
        if node.tag == "h2":
            under = node.text(strip=True)
        else:
            found.append((under, node.text(strip=True)))
    return found


@pytest.mark.parametrize("link", [linked_teacher, linked_student])
def test_a_class_is_current_on_the_last_day_of_its_term_and_ended_on_the_next(
    web: Website, link: Callable[[Website], WebClient]
) -> None:
    page = link(web)
    web.world.now = ON_THE_LAST_DAY
    log_in(page.open("/login"), "ada" if link is linked_teacher else "kid").open("/home")
    assert classes_under(page, "District classes") == ["Algebra", "Geometry", "Homeroom"]
    assert "Ended" not in page.text

    web.world.now = AFTER_THE_LAST_DAY
    page.open("/home")
    assert classes_under(page, "District classes") == ["Geometry", "Homeroom"]
    assert classes_under(page, "Ended") == ["Algebra"]


def test_an_ended_class_says_so_in_words_with_its_term_and_still_opens(web: Website) -> None:
    page = linked_teacher(web)
    web.world.now = AFTER_THE_LAST_DAY
    log_in(page.open("/login")).open("/home")
    card = next(c for c in page.page.css(".card") if "Algebra" in c.text())
    assert "from the district, ended" in card.text()
    assert "Fall 2026" in card.text()
    assert page.open(page.links()["Algebra"]).status == 200


def test_in_spanish_too(web: Website) -> None:
    page = linked_teacher(web)
    web.world.register(clever_district_id=CLEVER_DISTRICT, locale="es")
    web.world.now = AFTER_THE_LAST_DAY
    log_in(page.open("/login")).open("/home")
    assert classes_under(page, "Terminadas") == ["Algebra"]
    assert "del distrito, terminada" in page.text


def test_when_all_classes_have_ended_nothing_is_said_to_be_on_its_way(web: Website) -> None:
    page = linked_teacher(web)
    web.world.upload(
        {
            **roster(
                user("t1", "teacher", given="Ada"), user("s1", ids="{Clever:cid-1}"),
                classes="c1,,,Algebra,k1,scheduled,o1,fall\n", enrollments=enrolled("t1", "teacher") + enrolled("s1"),
            ),
            "academicSessions.csv": SESSIONS,
        },
        name="fall-alone",
    )  # fmt: skip
    web.world.now = AFTER_THE_LAST_DAY
    log_in(page.open("/login")).open("/home")
    assert classes_under(page, "District classes") == []
    assert classes_under(page, "Ended") == ["Algebra"]
    assert "None yet." not in page.text
