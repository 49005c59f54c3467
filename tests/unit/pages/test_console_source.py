"""The console's page of a district's source: what it is, how fetches go, what is wrong in words, and a fetch now (B10)."""

from __future__ import annotations

from typing import Any

import pytest

from local.doubles.clever_rosters import CleverRosters
from local.doubles.oneroster import OneRoster
from local.doubles.roster_server import WithinProcess
from local.web_client import WebClient
from shared.stores.fetches import FetchRequests
from shared.stores.table import Put
from shared.stores.trail import TrailStore
from tests.builders import roster, user
from tests.fetching import CLEVER, CLEVER_FILES, ONEROSTER, TENANT, FetchWorld, with_double
from tests.harness import World
from tests.pages_harness import Website, operator, post

PAGE = "/console/lakeside/source"
FETCH = f"{PAGE}/fetch"
HEAD = [user("a1", "administrator"), user("p1", "principal"), user("t1", "teacher")]


def files(*students: str) -> dict[str, bytes]:
    made = roster(*HEAD, *map(user, students))
    return {name: body.encode() if isinstance(body, str) else body for name, body in made.items()}


def fetched(**settings: Any) -> FetchWorld:
    """A district whose roster was fetched once."""
    world = with_double(OneRoster(files("s1", "s2")), ONEROSTER, **settings)
    assert world.fetch()["status"] == "completed"
    world.pass_time(minutes=5)
    return world


def administrator(web: Website | World, who: str = "a1") -> WebClient:
    site = Website(web) if isinstance(web, World) else web
    page = site.visitor(sub=who, email=f"{who}@lakeside.example", email_verified=True).open("/sso/lakeside")
    return page.press("Continue with Google")


def buttons(page: WebClient) -> list[str]:
    return [button.text(strip=True) for button in page.page.css("main button")]


def follow(page: WebClient, link: str) -> WebClient:
    return page.open(page.links()[link])


def asked_for(world: FetchWorld) -> list[str]:
    return [
        key for bucket, key in world.s3.objects if bucket == "rosters" and key.startswith("fetches/lakeside/console-")
    ]


def begun(world: FetchWorld) -> None:
    """S3 tells of what was asked for on the console."""
    for key in asked_for(world):
        world.receive_source().receive(world.arrive(key, b"{}"))


@pytest.fixture
def world() -> FetchWorld:
    return fetched()


def test_it_says_what_the_source_is_when_it_was_good_and_when_it_is_next(world: FetchWorld) -> None:
    page = administrator(world).open(PAGE)
    for said in (
        "From OneRoster, at sis.example.",
        "All is well.",
        "Last good fetch September 1, 2026, 10:00",
        "people 5 classes 1",
        "September 2, 2026, 02:30",
    ):
        assert said in page.text, said
    for hidden in ("token", "client", "production/sources", "ims/oneroster"):
        assert hidden not in page.page.css("main")[0].text(), hidden
    # And the overview and the imports say it, too
    for address in ("", "/imports"):
        page.open(f"/console/lakeside{address}")
        assert "From OneRoster, at sis.example" in page.text
        assert "Last good fetch: September 1, 2026" in page.text
        assert PAGE in page.links().values()


def test_a_button_fetches_and_leads_to_the_report(world: FetchWorld) -> None:
    # Given a source with somebody new
    world.web = WithinProcess(OneRoster(files("s1", "s2", "s3")))
    page = administrator(world).open(PAGE)
    # When
    page.press("Fetch now")
    # Then it is said that it begins, by a page that goes on by itself
    assert (page.path, page.response.headers["Refresh"]) == (PAGE, "5")
    assert "Your fetch begins in a moment." in page.text
    assert "Fetch now" not in buttons(page)
    begun(world)
    world.run_fetches()
    follow(page.open(PAGE), "See its report")
    assert page.path.startswith("/console/lakeside/imports/")
    assert world.latest()["users"]["created"] == 1


def test_a_fetch_is_in_the_trail_with_who_asked(world: FetchWorld) -> None:
    page = administrator(world).open("/console/lakeside/imports").press("Fetch now")
    (entry,), _ = TrailStore(world.table).newest("lakeside")
    assert (entry.action, entry.by, entry.reason) == ("fetch", "a1", "Asked for on the console")
    settings = page.open("/console/lakeside/settings")
    assert "Fetched the roster, a1" in settings.text


def test_two_who_press_at_once_fetch_once(world: FetchWorld) -> None:
    web = Website(world)
    one, other = administrator(web).open(PAGE), administrator(web).open(PAGE)
    one.press("Fetch now")
    other.press("Fetch now")
    assert (other.status, "somebody asked for a fetch a moment ago" in other.text) == (409, True)
    assert len(asked_for(world)) == 1
    # And where S3 never told of it, it may be asked for again
    world.pass_time(minutes=3)
    other.open(PAGE).press("Fetch now")
    assert len(asked_for(world)) == 2


def test_of_two_who_read_the_same_state_one_asks(world: FetchWorld) -> None:
    # The first time, and where somebody asked before
    for day in ("1", "2"):
        before, now = world.fetches.state("lakeside"), world.clock()
        notes = [Put({"PK": "TRAIL", "SK": f"{day} {who}"}) for who in ("one", "other")]
        assert [world.fetches.ask("lakeside", before, now, noted) for noted in notes] == [True, False]
        world.pass_time(days=1)
    assert sorted(sk for pk, sk in world.table.items if pk == "TRAIL") == ["1 one", "2 one"]


def test_a_fetch_is_in_the_trail_before_it_is_asked_for(world: FetchWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("S3 is away")

    page = administrator(world).open(PAGE)
    monkeypatch.setattr(FetchRequests, "put", fails)
    assert post(page, FETCH).status_code == 500
    assert [entry.action for entry in TrailStore(world.table).newest("lakeside")[0]] == ["fetch"]


def test_rows_that_nightly_changes_left_out_are_told(world: FetchWorld) -> None:
    world.fetches.note("lakeside", drift=3, changes="drift")
    assert "The nightly changes left 3 rows out." in administrator(world).open(PAGE).text


def test_progress_is_shown_by_collection_page_and_rows(world: FetchWorld) -> None:
    # Given a fetch that is at work
    world.ask(name="again")
    world.fetches.lock("lakeside", "run", world.clock())
    world.fetches.note("lakeside", status="fetching", stage="classes", pages=12, rows=3)
    # When
    page = administrator(world).open(PAGE)
    # Then
    assert "Fetching now: classes. Page 12, 3 rows so far." in page.text
    (bar,) = page.page.css("progress")
    assert (bar.attributes["value"], bar.attributes["max"]) == ("3", "7")
    assert page.response.headers["Refresh"] == "5"
    # And nobody begins a second one
    answer = post(page, FETCH)
    assert (answer.status_code, "a fetch is at work already" in answer.text) == (409, True)
    assert asked_for(world) == []
    # Until it has said nothing for so long that it is gone
    world.pass_time(minutes=21)
    assert "Fetch now" in buttons(page.open(PAGE))


def test_what_somebody_asked_for_tells_of_each_page(world: FetchWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []
    note = world.fetches.note

    def heard(district_id: str, **said: Any) -> None:
        told.append(said.get("pages", 0))
        note(district_id, **said)

    monkeypatch.setattr(world.fetches, "note", heard)
    world.fetch()
    assert max(told) >= 3
    assert set(range(1, max(told) + 1)) <= set(told)


@pytest.mark.parametrize(
    ("code", "secret", "who"),
    [
        ("fetch_login_refused", {"client_id": "x", "client_secret": "y"}, "the administrator of that system"),
        ("fetch_secret", None, "support, with you"),
    ],
)
def test_a_failure_is_told_with_what_to_do_and_that_nobody_is_removed(
    world: FetchWorld, code: str, secret: dict[str, str] | None, who: str
) -> None:
    # Given
    world.secrets = dict.fromkeys(world.secrets, secret) if secret else {}
    world.ask(name="again")
    world.run_fetches()
    # When
    page = administrator(world).open(PAGE)
    # Then
    for said in ("The last fetch failed", code, "Nobody is removed.", "Your roster stays as it was fetched", who):
        assert said in page.text, said
    assert world.latest()["reason"]["message"] in page.page.css("main")[0].text()
    assert f"/help/{code}" in page.links().values()
    assert "Fetch now" in buttons(page)
    overview = page.open("/console/lakeside")
    assert "Your roster could not be fetched" in overview.text
    assert follow(overview, "See what is wrong").path == PAGE
    # And in Spanish
    assert "No se quita a nadie" in page.open(f"{PAGE}?lang=es").text


def test_a_source_that_is_paused_at_the_hub_removes_nobody_and_is_told() -> None:
    # Given a district of Clever's that was fetched, and is paused there since
    double = CleverRosters(CLEVER_FILES, TENANT)
    world = with_double(double, CLEVER)
    assert world.fetch()["status"] == "completed"
    stood = {pk: item for (pk, sk), item in world.table.items.items() if sk == "ROSTER"}
    double.state = "paused"
    world.pass_time(minutes=5)
    # When
    page = operator(Website(world)).open(PAGE).press("Fetch now")
    begun(world)
    world.run_fetches()
    # Then
    page.open(PAGE)
    for said in ("From Clever", "data is paused, or in error, at the source", "fetch_paused", "Nobody is removed."):
        assert said in page.text, said
    assert {pk: item for (pk, sk), item in world.table.items.items() if sk == "ROSTER"} == stood
    assert len(stood) == 2


def test_what_passes_by_itself_is_told_so(world: FetchWorld) -> None:
    world.fetches.note(
        "lakeside", status="failed", code="fetch_unreachable", run_id="none", ended_at="2026-09-01T08:00:00Z"
    )
    assert "It often passes by itself." in administrator(world).open(PAGE).text


def test_a_pause_is_told_and_nothing_is_fetched_by_hand(world: FetchWorld) -> None:
    world.register(pauses=[{"from": "2026-09-01", "to": "2026-09-04"}])
    page = administrator(world).open(PAGE)
    assert "Your district has a pause until 2026-09-04." in page.text
    assert "Fetch now" not in buttons(page)
    answer = post(page, FETCH)
    assert (answer.status_code, "your district has a pause" in answer.text, asked_for(world)) == (409, True, [])


def test_a_tenant_that_the_settings_do_not_name_is_told_before_any_fetch() -> None:
    world = with_double(CleverRosters({}, TENANT), CLEVER)
    world.upload(roster(*HEAD))
    world.register()
    page = administrator(world).open(PAGE)
    assert "Your settings do not name your district at Clever" in page.text
    assert "No fetch was good yet" in page.open("/console/lakeside").text
    answer = post(page, FETCH)
    assert (answer.status_code, asked_for(world)) == (409, [])


def test_a_district_without_a_source_is_told_how_to_get_one() -> None:
    world = FetchWorld(is_metered=False)
    world.register()
    world.upload(roster(*HEAD))
    page = administrator(world).open("/console/lakeside/imports")
    assert "Your roster can come by itself each night." in page.text
    follow(page, "See how")
    assert "Ask support to set this up." in page.text
    answer = post(page, FETCH)
    assert (answer.status_code, "has no source to fetch from" in answer.text, asked_for(world)) == (409, True, [])
    assert "source" not in page.open("/console/lakeside").text


def test_who_has_some_schools_sees_nothing_of_it_and_fetches_nothing(world: FetchWorld) -> None:
    page = administrator(world, "p1")
    for address in ("", "/imports"):
        assert "sis.example" not in page.open(f"/console/lakeside{address}").text
    assert page.open(PAGE).status == 403
    answer = post(page, FETCH)
    assert (answer.status_code, asked_for(world)) == (403, [])


def test_an_operator_fetches_for_a_district(world: FetchWorld) -> None:
    page = operator(Website(world)).open(PAGE).press("Fetch now")
    assert page.path == PAGE
    (entry,), _ = TrailStore(world.table).newest("lakeside")
    assert entry.by == "operator:ops"


def test_a_district_fetches_twenty_times_an_hour(world: FetchWorld) -> None:
    page = administrator(world).open(PAGE)
    answers = [post(page, FETCH).status_code for _ in range(21)]
    assert (answers[:2], answers[-1]) == ([200, 409], 429)
