"""The console's people, one person's page and what can be done there, settings, and the trail of what was done (B7)."""

from __future__ import annotations

import csv
import io

import pytest

from local.web_client import WebClient
from shared.domain.activation import ActivationState
from shared.domain.clock import to_iso
from shared.stores.seals import SealFiles, SheetStore
from shared.stores.stuck_people import StuckCode
from shared.use_cases.seal_trail import SealTrail, Written
from tests.builders import account, enrolled, key, roster, user
from tests.harness import WEB, World
from tests.pages_harness import PASSWORD, Counting, Website, linked_teacher, post

PEOPLE = [
    user("d1", "districtAdministrator", given="Dana"),
    user("p1", "principal", given="Pat"),
    user("t1", "teacher", given="Ada"),
    user("t2", "teacher", given="Grace", school="o2"),
    user("x/9 ä", given="Zoë"),
    user("s1", given="Kim"),
]


def district(*, gate: Counting | None = None) -> Website:
    world = World(gate=gate) if gate else World()
    world.register()
    world.feed(account("ada", "ada@mail.example"))
    orgs = "sourcedId,status,dateLastModified,name,type\no1,,,Lakeside Middle,school\no2,,,Lakeside High,school\n"
    world.upload({**roster(*PEOPLE, enrollments=enrolled("t1", "teacher")), "orgs.csv": orgs})
    world.send_mail()
    web = Website(world, gate=gate) if gate else Website(world)
    web.cognito.users = {"ada": (PASSWORD, "ada")}
    return web


def console(web: Website, who: str = "d1", path: str = "/people") -> WebClient:
    page = web.visitor(sub=f"google-{who}", email=f"{who}@lakeside.example", email_verified=True)
    return page.open("/sso/lakeside").press("Continue with Google").open(f"/console/lakeside{path}")


def names(page: WebClient) -> list[str]:
    return [" ".join(link.text().split()) for link in page.page.css("li.card a")]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("t1", ["Ada Person (t1)"]),
        ("T1@Lakeside.example", ["Ada Person (t1)"]),
        ("ada", ["Ada Person (t1)"]),
        ("Grece", ["Grace Person (t2)"]),
        ("person gra", ["Grace Person (t2)"]),
        ("zoe", ["Zoë Person (x/9 ä)"]),
        ("x/9 ä", ["Zoë Person (x/9 ä)"]),
        ("nobody", []),
        ("x" * 300, []),
    ],
)
def test_somebody_is_found_by_number_address_and_name_with_a_slip(query: str, found: list[str]) -> None:
    web = district()
    page = console(web).press("Search", query=query)
    assert names(page) == found
    assert not any(query in name for name, _ in web.responses if len(query) > 3)
    if found:
        assert page.open(page.page.css_first("li.card a").attributes["href"] or "").status == 200


def test_a_search_for_nothing_leads_to_the_list() -> None:
    page = console(district())
    answer = post(page, "/console/lakeside/people", query="  ")
    assert (answer.status_code, answer.url.path) == (200, "/console/lakeside/people")
    assert "People who are stuck" in answer.text


def test_each_kind_of_stuck_is_a_filter() -> None:
    web = district()
    web.site.services.stuck.note(key("t1"), StuckCode.BOUNCED, "2026-09-01T00:00:00Z")
    web.site.services.stuck.note(key("t2"), StuckCode.EXPIRED, "2026-09-01T00:00:00Z")
    page = console(web)
    assert names(page) == ["Ada Person (t1)", "Grace Person (t2)"]
    links = {link.text(): link.attributes["href"] for link in page.page.css("nav.filters a")}
    assert len(links) == len(StuckCode) + 3
    assert [name for name in links if "(" in name and "(0)" not in name] == [
        "All (2)",
        "Email came back (1)",
        "Link expired (1)",
    ]
    page = page.open(links["Link expired (1)"] or "")
    assert names(page) == ["Grace Person (t2)"]
    assert "Send another email." in page.text


def test_a_persons_page_says_what_the_roster_says_and_what_happened() -> None:
    web = district()
    linked_teacher(web)
    page = console(web, path="/people/person/t1")
    for said in (
        "Ada Person",
        "t1@lakeside.example",
        "Lakeside Middle",
        "Linked since September 1, 2026",
        "by the person",
    ):
        assert said in page.text
    assert "ada@mail.example" not in page.text


def test_a_mail_is_withdrawn_and_sent_again_and_both_are_in_the_trail() -> None:
    web = district()
    address = web.world.address_in_mail_to("t1@lakeside.example")
    page = console(web, path="/people/person/t1").press("Withdraw the mail")
    assert web.visitor().open(address).status == 410
    page = page.press("Send another mail")
    web.world.send_mail()
    activation = web.world.activations.of_user(key("t1"))
    assert activation
    assert activation.state is ActivationState.SENT
    assert web.visitor().open(web.world.address_in_mail_to("t1@lakeside.example")).status == 200
    rows = list(csv.reader(io.StringIO(page.http.get(f"{WEB}/console/lakeside/trail.csv").text.removeprefix("\ufeff"))))
    assert [row[1:3] + row[5:] for row in rows[1:]] == [["withdraw", "d1", "t1", "no"], ["mail", "d1", "t1", "no"]]
    assert "Withdrew the email" in page.open("/console/lakeside/settings").text


def test_the_trail_as_a_file_says_of_each_entry_whether_it_is_sealed() -> None:
    web = district()
    world, trail = web.world, web.site.services.trail
    sealer = SealTrail(SheetStore(world.table), SealFiles(world.s3, "snapshots"), world.clock)
    for action in ("first", "second", "third", "fourth"):
        trail.note("lakeside", to_iso(world.now), world.new_id(), action=action, by="kim", reason="asked")
        item = dict(max((each for (_, sk), each in world.table.items.items() if sk.startswith("TRAIL#")), key=str))
        if action == "second":
            world.table.items[item["PK"], item["SK"]]["by"] = "somebody else"
        if action != "fourth":
            sealer.collect([Written(item, to_iso(world.now))])
        if action in ("first", "second"):
            world.pass_time(hours=2)
            sealer.seal()
    page = console(web, path="/settings")
    rows = csv.DictReader(io.StringIO(page.http.get(f"{WEB}/console/lakeside/trail.csv").text.removeprefix("\ufeff")))
    told = {row["action"]: row["sealed"] for row in rows}
    assert told == {"first": "yes", "second": "changed", "third": "not yet", "fourth": "no"}


def test_a_link_is_undone_by_the_district_and_noted_as_such() -> None:
    web = district()
    linked_teacher(web)
    page = console(web, path="/people/person/t1").press("Undo the link")
    assert "on the console" in page.text
    link = web.world.links.of_user(key("t1"))
    assert link
    assert not link.is_linked
    assert post(page, "/console/lakeside/people/person/t1/undo").status_code == 409


def test_who_administers_a_school_finds_and_acts_for_its_people_alone() -> None:
    web = district()
    page = console(web, "p1")
    assert names(page.press("Search", query="person")) == [
        "Ada Person (t1)", "Dana Person (d1)", "Kim Person (s1)", "Pat Person (p1)", "Zoë Person (x/9 ä)",
    ]  # fmt: skip
    for query in ("t2", "t2@lakeside.example", "Grace"):
        assert names(page.open("/console/lakeside/people").press("Search", query=query)) == []
    assert page.open("/console/lakeside/people/person/t2").status == 404
    for action in ("mail", "withdraw", "undo"):
        assert post(page, f"/console/lakeside/people/person/t2/{action}").status_code == 404
    assert post(page, "/console/lakeside/people/person/t1/withdraw").status_code == 200


def test_settings_say_in_words_what_they_mean_today() -> None:
    web = district()
    web.world.register(
        removal_threshold_count=7,
        contacts=["kim@lakeside.example"],
        pauses=[{"from": "2026-08-20", "to": "2026-09-05"}],
    )
    page = console(web, path="/settings")
    for said in (
        "lakeside.example",
        "more than 7 people",
        "kim@lakeside.example",
        "Uploads wait now, until 2026-09-05",
    ):
        assert said in page.text


def test_who_is_not_there_is_told_as_such() -> None:
    web = district()
    page = console(web)
    for path in ("/people/person/nobody", "/people/nothing/t9", "/people/person/~%%%", f"/people/person/{'x' * 2_000}"):
        assert page.open(f"/console/lakeside{path}").status == 404


def test_a_search_costs_four_calls_at_most_and_a_page_of_people_three() -> None:
    gate = Counting()
    web = district(gate=gate)
    page = console(web)
    gate.calls.clear()
    page.open("/console/lakeside/people")
    assert gate.calls.total() <= 3, gate.calls
    for query in ("t1", "t1@lakeside.example", "ada"):
        page.open("/console/lakeside/people")
        gate.calls.clear()
        page.press("Search", query=query)
        assert gate.calls.total() <= 4, (query, gate.calls)
