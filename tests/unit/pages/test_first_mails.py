"""The console's page of a district's first mails: what comes, what to do before, and the first wave in its contacts' hands."""

from __future__ import annotations

import pytest

from local.web_client import WebClient
from shared.domain.clock import to_iso
from shared.domain.roster import School
from shared.stores.trail import TrailStore
from tests.builders import key, roster, user
from tests.harness import WEB, World
from tests.pages_harness import Website

PAGE = "/console/lakeside/first-mails"


def district(**settings: object) -> Website:
    world = World(is_metered=False)
    world.register(**settings)
    rows = [user(f"t{n}", "teacher") for n in (1, 2, 3)] + [user(f"t{n}", "teacher", school="o2") for n in (4, 5, 6)]
    world.upload(roster(*rows, user("a1", "administrator")))
    return Website(world)


def administrator(web: Website) -> WebClient:
    page = web.visitor(sub="a1", email="a1@lakeside.example", email_verified=True).open("/sso/lakeside")
    return page.press("Continue with Google").open(PAGE)


def look(web: Website) -> list[str]:
    web.world.queue_due_activations().run()
    web.world.send_mail()
    return [mail["To"].partition("@")[0] for mail in web.world.ses.sent]


@pytest.fixture
def web() -> Website:
    return district(first_wave=2, contacts=["pat@lakeside.example"])


def choose(page: WebClient, **fields: str) -> int:
    page.response = page.http.post(f"{WEB}{PAGE}/choose", data=fields, headers={"Origin": WEB}, follow_redirects=False)
    return page.response.status_code


def stopped(web: Website) -> WebClient:
    look(web)
    web.world.pass_time(hours=25)
    look(web)
    return administrator(web)


def test_it_says_what_comes_when_and_what_to_allow(web: Website) -> None:
    page = administrator(web)
    assert page.status == 200
    for said in (
        "Confirm your official Khan Academy account",
        f"{WEB}/activate/",
        "As soon as a teacher is on the roster.",
        "2 emails go first.",
        "https://support.khanacademy.org",
    ):
        assert said in page.text
    letters = [area.text() for area in page.page.css("textarea[readonly]")]
    assert len(letters) == 5, "the mail, and words for teachers and for IT in two languages"
    assert all(WEB in letter for letter in letters)
    assert not any("%(" in letter for letter in letters)
    assert any("Nuestros docentes" in letter for letter in letters)


def test_the_overview_and_the_settings_lead_to_it(web: Website) -> None:
    page = administrator(web)
    for address in ("/console/lakeside", "/console/lakeside/settings"):
        assert PAGE in page.open(address).links().values(), address


def test_a_district_without_contacts_is_told_here() -> None:
    page = administrator(district(first_wave=2))
    assert "Your settings name no contacts." in page.text


def test_a_district_that_asked_for_no_wave_has_no_buttons() -> None:
    page = administrator(district())
    assert "All emails go out as soon as they may." in page.text
    assert page.page.css("main form") == []


def test_a_person_lets_the_rest_go_and_says_why(web: Website) -> None:
    # Given
    assert look(web) == ["t1", "t2"]
    page = administrator(web)
    # When without a reason
    page.press("Let all others go")
    assert (page.status, "write why" in page.text) == (409, True)
    assert look(web) == ["t1", "t2"]
    # When with one
    page.press("Let all others go", reason="Two colleagues have it")
    # Then
    assert "A person let all others go" in page.text
    assert sorted(look(web)) == ["t1", "t2", "t3", "t4", "t5", "t6"]
    (entry,), _ = TrailStore(web.world.table).newest("lakeside")
    assert (entry.action, entry.by, entry.reason) == ("first_mails_go", "a1", "Two colleagues have it")


def test_a_stop_is_said_first_with_what_to_check(web: Website) -> None:
    page = stopped(web)
    assert "Nobody opened the first emails for a school day." in page.text
    assert "Look for the email in the spam folder" in page.text
    overview = page.open("/console/lakeside")
    assert "The first emails were not opened" in overview.text
    page.open(PAGE).press("Go on all the same", reason="They were on a trip")
    assert len(look(web)) == 6


def test_the_first_ones_are_mailed_again_once_and_then_count_anew(web: Website) -> None:
    # Given
    page = stopped(web)
    # When
    page.press("Mail the first ones again", reason="IT allows us now")
    # Then
    assert look(web) == ["t1", "t2", "t1", "t2"]
    assert "Mail the first ones again" not in page.open(PAGE).text
    assert "Nobody opened" not in page.text
    # And a new link that is opened lets the rest go
    activation = web.world.activations.of_user(key("t2"))
    assert activation
    web.world.activations.mark_opened(key("t2"), activation.activation_id, to_iso(web.world.now))
    assert len(look(web)) == 8


def test_nothing_is_mailed_again_where_nothing_stopped(web: Website) -> None:
    look(web)
    page = administrator(web)
    assert "Mail the first ones again" not in page.text
    reply = page.http.post(f"{WEB}{PAGE}/again", data={"reason": "r"}, headers={"Origin": WEB})
    assert reply.status_code == 409
    assert look(web) == ["t1", "t2"]


def test_the_contacts_choose_people_by_number_or_address(web: Website) -> None:
    page = administrator(web)
    assert choose(page, who="people", people="t5\nt3@lakeside.example\n") == 303
    page.open(PAGE)
    assert "2 people were chosen." in page.text
    assert sorted(look(web)) == ["t3", "t5"]


def test_the_contacts_choose_a_school(web: Website) -> None:
    web.world.districts.put_schools([School("lakeside", "o2", "Lakeside High")])
    assert choose(administrator(web), who="school", school="o2") == 303
    assert look(web) == ["t4", "t5"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"who": "people", "people": "t1\nnobody\n"}, "nobody"),
        ({"who": "people", "people": "a1\n"}, "a1"),
        ({"who": "people", "people": ""}, "some lines name no teacher"),
        ({"who": "school", "school": "o9"}, "no school has this number"),
    ],
    ids=["unknown", "no teacher", "nobody", "no school"],
)
def test_what_names_nobody_changes_nothing(web: Website, fields: dict[str, str], said: str) -> None:
    page = administrator(web)
    assert choose(page, **fields) == 409
    assert page.response
    assert said in page.response.text
    assert look(web) == ["t1", "t2"]


def test_nothing_is_done_after_the_rest_went(web: Website) -> None:
    look(web)
    page = administrator(web)
    web.world.register()
    page.press("Let all others go", reason="late")
    assert page.status == 409
    assert "no emails wait for a first wave" in page.text
