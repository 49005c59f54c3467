"""The overview's funnel: how far people are, over time and by school, and each number's way to the people behind it (B7)."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from local.web_client import WebClient
from shared.domain.funnel import Counts, Place, at_place, standing
from shared.domain.roster import Role, School
from shared.stores.counts import CountStore
from shared.stores.stuck_people import StuckCode, StuckStore
from tests.builders import account, enrolled, key, roster, user
from tests.harness import World
from tests.pages_harness import PASSWORD, Counting, Website, linked_teacher
from tests.stream import Stream, keep_up

ORGS = "sourcedId,status,dateLastModified,name,type\no1,,,Lakeside Middle,school\no2,,,Lakeside High,school\n"
PEOPLE = [
    user("d1", "districtAdministrator", given="Dana"),
    user("p1", "principal", given="Pat"),
    user("t1", "teacher", given="Ada"),
    user("t2", "teacher", given="Grace", school="o2"),
    user("s1", given="Kim"),
    user("s2", given="Lee", school="o2"),
    user("s3", given="Sam", school="o2"),
]


def district(*, gate: Counting | None = None) -> tuple[Website, Stream]:
    world = World(gate=gate) if gate else World()
    stream = Stream(world.table, world.clock)
    world.register()
    world.feed(account("ada", "ada@mail.example"), account("sam", "s3@lakeside.example", role="student"))
    world.upload({**roster(*PEOPLE, enrollments=enrolled("t1", "teacher")), "orgs.csv": ORGS})
    world.send_mail()
    web = Website(world, gate=gate) if gate else Website(world)
    web.cognito.users = {"ada": (PASSWORD, "ada")}
    keep_up(stream, world.table)
    return web, stream


def overview(web: Website, who: str = "d1", path: str = "") -> WebClient:
    page = web.visitor(sub=f"google-{who}", email=f"{who}@lakeside.example", email_verified=True)
    return page.open("/sso/lakeside").press("Continue with Google").open(f"/console/lakeside{path}")


def numbers(page: WebClient) -> dict[str, str]:
    """The names of the links of the funnel, each with where it leads."""
    links = page.page.css("table a[aria-label]")
    return {str(link.attributes["aria-label"]): str(link.attributes["href"]) for link in links}


def test_the_overview_says_how_far_everybody_of_the_roster_is() -> None:
    web, stream = district()
    page = overview(web)
    found = numbers(page)
    assert {name for name in found if "row" not in name} == {
        "Teachers, Email sent: 2",
        "Students, On the roster, no account yet: 2",
        "Students, Account found: linked at the next login: 1",
    }
    assert found["Teachers, Email sent: 2"].startswith("/console/lakeside/people?place=mailed&role=teacher&from=")
    linked_teacher(web)
    keep_up(stream, web.world.table)
    page = overview(web)
    assert "Teachers, Linked: 1" in numbers(page)
    assert "As of September 1, 2026, 10:00" in page.text


def test_every_number_has_a_name_of_its_own_and_a_table_says_what_is_drawn() -> None:
    web, _ = district()
    page = overview(web)
    names = Counter(str(link.attributes["aria-label"]) for link in page.page.css("table a[aria-label]"))
    assert set(names.values()) == {1}
    drawings = page.page.css("svg.funnel")
    assert drawings
    assert all(drawing.attributes["aria-hidden"] == "true" for drawing in drawings)
    assert not page.page.css("svg [style]")


def test_days_are_drawn_once_there_are_two() -> None:
    web, stream = district()
    assert not overview(web).page.css("svg.chart")
    web.world.pass_time(days=2)
    linked_teacher(web)
    keep_up(stream, web.world.table)
    page = overview(web)
    assert len(page.page.css("svg.chart")) == 2
    assert "September 3, 2026" in page.text


def test_a_principal_sees_the_numbers_of_the_own_school_alone() -> None:
    web, _ = district()
    found = numbers(overview(web, "p1"))
    assert {name for name in found if "row" not in name} == {
        "Teachers, Email sent: 1", "Students, On the roster, no account yet: 1",
    }  # fmt: skip
    assert [name for name in found if "row" in name] == [
        "Teachers, Lakeside Middle, row 1: 1", "Students, Lakeside Middle, row 1: 1",
    ]  # fmt: skip
    assert "Lakeside High" not in overview(web, "p1").text


def names(page: WebClient) -> list[str]:
    return [" ".join(link.text().split()) for link in page.page.css("li.card a")]


def test_each_number_leads_to_the_people_behind_it() -> None:
    web, stream = district()
    linked_teacher(web)
    keep_up(stream, web.world.table)
    page = overview(web)
    found = numbers(page)
    for name, address in found.items():
        listed = names(page.open(address))
        assert len(listed) == int(name.rpartition(" ")[2]), (name, listed)
    assert names(page.open(found["Students, Account found: linked at the next login: 1"])) == ["Sam Person (s3)"]


def test_a_principal_is_shown_the_people_of_the_own_school_alone() -> None:
    web, _ = district()
    page = overview(web, "p1")
    assert names(page.open("/console/lakeside/people?place=any&role=teacher")) == ["Ada Person (t1)"]
    assert names(page.open("/console/lakeside/people?place=any&role=teacher&school=o2")) == []
    for name, address in numbers(page).items():
        assert len(names(page.open(address))) == int(name.rpartition(" ")[2])


@pytest.mark.parametrize(
    "begins", ["", "nothing", "x.1.0.0", "../../other.1.0.0", "20260901T150003000Z-x.9999.9998.9999999"]
)
def test_a_list_that_begins_nowhere_is_empty_or_begins_at_the_first(begins: str) -> None:
    web, _ = district()
    page = overview(web, path=f"/people?place=mailed&role=teacher&from={begins}")
    assert page.status == 200
    assert names(page) in ([], ["Ada Person (t1)", "Grace Person (t2)"], ["Grace Person (t2)", "Ada Person (t1)"])


def test_a_page_of_a_long_list_is_three_calls_and_they_all_come() -> None:
    gate = Counting()
    world = World(gate=gate)
    stream = Stream(world.table, world.clock)
    world.register()
    students = [user(f"s{n}", school=f"o{n % 2 + 1}") for n in range(80)]
    world.upload({**roster(PEOPLE[0], *students), "orgs.csv": ORGS})
    web = Website(world, gate=gate)
    keep_up(stream, world.table)
    page = overview(web)
    following: str | None = next(address for name, address in numbers(page).items() if name.startswith("Students, On"))
    seen: list[str] = []
    while following:
        gate.calls.clear()
        page = page.open(following)
        assert gate.calls.total() <= 3, gate.calls
        seen += names(page)
        more = [str(link.attributes["href"]) for link in page.page.css("p > a.way")]
        following = next((address for address in more if "from=" in address), None)
    assert len(seen) == len(set(seen)) == 80


def test_a_district_that_was_not_counted_has_no_funnel() -> None:
    web, _ = district()
    for at in [at for at in web.world.table.items if at[0] == "COUNTS#lakeside"]:
        web.world.table.items.pop(at)
    assert "How far people are" not in overview(web).text


def test_a_million_people_are_ten_calls_and_a_page() -> None:
    gate = Counting()
    web, _ = district(gate=gate)
    million(web)
    web.world.register(first_wave=1)
    for number in ("t1", "t2"):
        StuckStore(web.world.table).note(key(number), StuckCode.SHARED_ADDRESS, "2026-09-01T00:00:00Z")
    page = overview(web)
    gate.calls.clear()
    page = page.open("/console/lakeside")
    assert gate.calls.total() <= 10, gate.calls
    assert gate.calls["dynamodb Query"] <= 6
    assert len(page.page.html or "") < 120_000
    assert page.page.css('a.way[href$="schools=25"]')
    last = page.open("/console/lakeside?schools=1500")
    assert len([name for name in numbers(last) if "School 01499" in name]) == 2
    assert not [link for link in last.page.css("a.way") if "schools=" in str(link.attributes["href"])]


def million(web: Website) -> None:
    """What the counts of a million people in 1,500 schools look like: what stands, a busy day, and 400 days."""
    world = web.world
    world.districts.put_schools(School("lakeside", f"school-{n:05d}", f"School {n:05d}") for n in range(1_500))
    kept = CountStore(world.table)
    whos = {
        role: [standing(role, [f"school-{n:05d}"], active=True) for n in range(1_500)]
        for role in (Role.TEACHER, Role.STUDENT)
    }
    counts = {at_place(who, place): 111 for whos_ in whos.values() for who in whos_ for place in Place}
    kept.correct("lakeside", Counts(counts), world.now)
    for day in range(400):
        world.now += timedelta(days=1)
        kept.correct("lakeside", Counts({at_place(whos[Role.STUDENT][day], Place.LINKED): 1}), world.now)
    kept.fold("lakeside", world.districts.get("lakeside").zone, world.now)
    for minute in range(30):
        some = whos[Role.STUDENT][minute * 40 : minute * 40 + 400]
        kept.correct(
            "lakeside", Counts({at_place(who, Place.LINKED): 3 for who in some}), world.now + timedelta(minutes=minute)
        )
