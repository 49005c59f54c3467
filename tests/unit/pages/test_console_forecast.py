"""The console's forecast: what a roster will come to, for the whole district's administrators (B14)."""

from __future__ import annotations

import re

import pytest

from functions.pages.console.forecast import WIDTH, Part, drawn
from local.web_client import WebClient
from tests.builders import account, roster, user
from tests.harness import World, zipped
from tests.pages_harness import Counting, Website, operator

HEAD = [user("d1", "districtAdministrator", given="Dana"), user("p1", "principal")]
TEACHERS = [
    user("t1", "teacher"),
    user("t2", "teacher"),
    user("t3", "teacher", email=""),
    user("t4", "teacher", email="t4@mail.example"),
]
STUDENTS = [user(f"s{n}") for n in range(30)]


@pytest.fixture
def web() -> Website:
    world = World()
    world.register(identity_providers=["google"])
    world.feed(
        account("a1", "t1@lakeside.example"),
        account("a2", "s1@lakeside.example", role="student"),
        account("a3", "s2@lakeside.example", role="student", verified=False),
    )
    return Website(world)


def previewed(web: Website, *rows: str, name: str = "drill") -> str:
    report = web.world.report(web.world.put(f"previews/lakeside/{name}.zip", zipped(roster(*HEAD, *rows))))
    return str(report["import_id"])


def forecast_page(web: Website, language: str = "en") -> WebClient:
    return operator(web).open(f"/console/lakeside/forecast?lang={language}")


def rows(page: WebClient) -> dict[str, str]:
    """The rows of the tables, by their heading."""
    return {row.css_first("th").text().strip(): row.css_first("td").text() for row in page.page.css("tbody tr")}


def test_before_any_roster_it_says_how_to_get_one(web: Website) -> None:
    page = forecast_page(web)
    assert page.status == 200
    assert "Nothing is foretold yet" in page.text
    assert page.page.css_first("a.main").attributes["href"] == "/console/lakeside/imports/upload"


def test_it_says_who_is_linked_mailed_and_stuck_and_nothing_has_happened(web: Website) -> None:
    previewed(web, *TEACHERS, *STUDENTS, user("s98", email=""), user("s99", email="s99@mail.example"))
    page = forecast_page(web)
    told = rows(page)
    assert told["get an email"] == "2"
    assert told["stuck: no address in the roster"] == "1"
    assert told["are asked for their account at the first login"] == "29"
    assert told["stuck: an address outside your domains"] == "1"
    figures = {each.css_first("dt").text(): each.css_first("dd").text() for each in page.page.css("dl.figures div")}
    assert figures == {
        "linked without a question": "2", "emails to teachers": "2", "students who choose": "29", "people who are stuck": "3",
    }  # fmt: skip
    assert "September 1, 2026" in page.text
    assert web.world.sqs.messages == []
    assert not [key for key in web.world.table.items if key[1] in ("ROSTER", "LINK", "ACTIVATION")]


def test_it_names_nobody(web: Website) -> None:
    previewed(web, *TEACHERS, *STUDENTS)
    text = forecast_page(web).text
    assert not re.search(r"Kim|Person|mail\.example|s1@", text)


def test_a_drawing_says_what_its_table_says(web: Website) -> None:
    previewed(web, *TEACHERS, *STUDENTS)
    page = forecast_page(web)
    drawings = page.page.css("svg.drawn")
    assert all(each.attributes["role"] == "img" and each.attributes["aria-label"] for each in drawings)
    assert len(drawings) == 3


def test_parts_fill_a_drawing_by_their_numbers() -> None:
    parts = drawn([Part("a", 3, "x"), Part("none", 0, "x"), Part("b", 1, "x")])
    assert [part.name for part in parts] == ["a", "b"]
    assert parts[0].width == pytest.approx(3 * parts[1].width, abs=0.2)
    assert parts[1].x + parts[1].width == pytest.approx(WIDTH, abs=0.2)
    assert drawn([]) == []


def test_a_newer_upload_that_was_applied_overtakes_it(web: Website) -> None:
    previewed(web, *TEACHERS, *STUDENTS)
    assert "A newer upload was applied since" not in forecast_page(web).text
    web.world.upload(roster(*HEAD, *STUDENTS))
    assert "A newer upload was applied since" in forecast_page(web).text


def test_a_roster_whose_mails_wait_is_foretold_after_it_was_applied(web: Website) -> None:
    web.world.register(identity_providers=["google"], activations_from="2026-09-20")
    web.world.upload(roster(*HEAD, *TEACHERS, *STUDENTS))
    page = forecast_page(web)
    assert rows(page)["September 20, 2026"] == "2"
    assert "To the upload" in page.text


def test_it_is_led_to_from_overview_imports_and_a_preview(web: Website) -> None:
    import_id = previewed(web, *TEACHERS, *STUDENTS)
    page = operator(web)
    for path in ("", "/imports", f"/imports/{import_id}"):
        links = page.open(f"/console/lakeside{path}").page.css('a[href="/console/lakeside/forecast"]')
        assert [link.text() for link in links] == ["See the forecast"]


def test_it_is_in_spanish_too(web: Website) -> None:
    previewed(web, *TEACHERS, *STUDENTS)
    page = forecast_page(web, "es")
    assert rows(page)["reciben un correo"] == "2"
    assert "Nada de esto ha pasado todavía" in page.text


def test_it_costs_four_calls() -> None:
    gate = Counting()
    world = World(gate=gate)
    world.register()
    web = Website(world, gate=gate)
    previewed(web, *TEACHERS, *STUDENTS)
    page = operator(web)
    gate.calls.clear()
    page.open("/console/lakeside/forecast")
    assert sum(gate.calls.values()) <= 5, gate.calls
