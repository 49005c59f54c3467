"""A district's logins through Clever as it really is, from its sign-in page to the account (M6, M12, M19–M21)."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest

from local.doubles.clever import Clever as CleverDouble
from local.doubles.clever import legacy_id
from local.web_client import WebClient
from shared.domain.link import FoundBy
from shared.domain.roster import NumberKind
from shared.hubs.clever import Clever
from shared.stores.audit import AuditStore
from tests.builders import account, enrolled, key, roster, user
from tests.harness import CLEVER, World
from tests.pages_harness import CLEVER_DISTRICT, Website

V3 = "5f2a000000000000000000aa"
ADA = {"clever_id": V3, "first_name": "Ada", "last_name": "Person"}


class CleverWeb:
    """A website whose Clever is the double of the true one."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.web = Website(world)
        self.double = self.web.use_double(CleverDouble, Clever, CLEVER)
        self.browser = self.web.visitor

    def signs_in(self, *ticked: str, district_id: str = "lakeside", **person: str) -> WebClient:
        page = self.browser().open(f"/sso/{district_id}").press("Continue with Clever")
        return page.press("Sign in", *ticked, **{**ADA, **person})


def one_roster(*users: str, accounts: tuple[dict[str, Any], ...] = (), enrollments: str = "") -> CleverWeb:
    world = World()
    world.register(clever_district_id=CLEVER_DISTRICT)
    if accounts:
        world.feed(*accounts)
    world.upload(roster(*users, enrollments=enrollments))
    return CleverWeb(world)


CLEVER_STUDENTS = ("School_id", "Student_id", "Last_name", "First_name", "Student_email")
CLEVER_TEACHERS = ("School_id", "Teacher_id", "Last_name", "First_name", "Teacher_email")


def sheet(columns: tuple[str, ...], *rows: tuple[str, ...]) -> str:
    written = io.StringIO()
    csv.writer(written).writerows([columns, *rows])
    return written.getvalue()


def clever_csv(*accounts: dict[str, Any]) -> CleverWeb:
    """A district whose roster is Clever's CSV: a student and a teacher have one number."""
    return sheets(
        students=[("1", "7", "Person", "Ada", "ada@lakeside.example")],
        teachers=[("1", "7", "Stone", "Bob", "bob@lakeside.example")],
        sections=[("1", "c1", "7", "Algebra")],
        enrollments=[("1", "c1", "7")],
        accounts=accounts,
    )


type Rows = list[tuple[str, ...]]


def sheets(
    *, students: Rows, teachers: Rows, sections: Rows, enrollments: Rows, accounts: tuple[dict[str, Any], ...]
) -> CleverWeb:
    world = World()
    world.register(clever_district_id=CLEVER_DISTRICT)
    if accounts:
        world.feed(*accounts)
    report = world.upload(
        {
            "schools.csv": sheet(("School_id", "School_name", "School_number"), ("1", "Lakeside", "1")),
            "students.csv": sheet(CLEVER_STUDENTS, *students),
            "teachers.csv": sheet(CLEVER_TEACHERS, *teachers),
            "sections.csv": sheet(("School_id", "Section_id", "Teacher_id", "Name"), *sections),
            "enrollments.csv": sheet(("School_id", "Section_id", "Student_id"), *enrollments),
        }
    )
    assert report["status"] == "completed", report
    return CleverWeb(world)


def oneroster(*accounts: dict[str, Any]) -> CleverWeb:
    """A district of OneRoster whose people log in through Clever."""
    return one_roster(
        user("11", given="Ada", email="ada@lakeside.example"), user("12", given="Ben", email="ben@lakeside.example"),
        user("13", given="Cas"), user("14", "teacher", given="Dee", email="dee@lakeside.example"),
        enrollments=enrolled("14", "teacher") + enrolled("11") + enrolled("12") + enrolled("13"), accounts=accounts,
    )  # fmt: skip


def clevers_own(*accounts: dict[str, Any]) -> CleverWeb:
    """A district of Clever's CSV with the same people."""
    students = [("1", n, "Person", g, f"{g.lower()}@lakeside.example") for n, g in (("11", "Ada"), ("12", "Ben"))]
    return sheets(
        students=[*students, ("1", "13", "Person", "Cas", "")],
        teachers=[("1", "14", "Person", "Dee", "dee@lakeside.example")],
        sections=[("1", "c1", "14", "Algebra")],
        enrollments=[("1", "c1", n) for n in ("11", "12", "13")],
        accounts=accounts,
    )


@pytest.mark.parametrize("district", [clevers_own, oneroster])
def test_by_clever_as_it_is_the_matched_are_in_at_once_and_others_choose(
    district: Callable[..., CleverWeb],
) -> None:
    """M6: who has an account by its Clever id, or by a verified address that is the roster's, is in it after one login;
    whoever else is asked. The double is filled in with no more than a person's ids and address."""
    web = district(
        {**account("ada-own", "ada@lakeside.example", role="student"), "display_name": "Ada Person"},
        {**account("ben-own", "", role="student", clever_id="c-ben"), "email": None},
        {**account("dee-own", "dee@lakeside.example"), "display_name": "Dee Person"},
        {**account("cas-own", "cas@mail.example", role="student"), "display_name": "Cas Person"},
    )
    logins = {
        "11": {"clever_id": "c-ada", "sis_id": "11", "email": "ada@lakeside.example"},
        "12": {"clever_id": "c-ben", "sis_id": "12", "email": ""},
        "14": {"clever_id": "c-dee", "sis_id": "14", "email": "dee@lakeside.example"},
    }
    own = {"11": "ada-own", "12": "ben-own", "14": "dee-own"}
    kinds = {"11": NumberKind.STUDENT, "12": NumberKind.STUDENT, "14": NumberKind.TEACHER}
    for number, person in logins.items():
        page = web.browser().open("/sso/lakeside").press("Continue with Clever").press("Sign in", **person)
        assert page.path == "/home", number
        link = web.world.links.of_user(key(number, kinds[number] if district is clevers_own else ""))
        assert link is not None
        assert link.account_id == own[number]

    web.web.cognito.users = {"cas-own": ("pw", "cas-own")}
    page = web.browser().open("/sso/lakeside").press("Continue with Clever")
    page.press("Sign in", clever_id="c-cas", sis_id="13", email="cas@mail.example")
    assert page.path == "/welcome", "an address elsewhere is no proof of an account"
    page.press("Log into my existing account").press("Log in", username_or_email="cas-own", password="pw")
    assert page.press("Link my accounts").path == "/home"


def links_of(web: CleverWeb, sourced_id: str, kind: str = "") -> tuple[str | None, FoundBy | None]:
    """The account that a person is linked to, and how the login led to them, as the audit trail tells."""
    entries = AuditStore(web.world.table).of_user(key(sourced_id, kind))
    return (entries[-1].account_id, entries[-1].found_by) if entries else (None, None)


@pytest.mark.parametrize("clever_id", [V3, legacy_id(V3)])
def test_a_library_account_is_entered_at_the_first_login(clever_id: str) -> None:
    """The feed may have the id of version 3, or the one of before; no roster has either (quirks 4 and 5)."""
    own = account("ada", "", role="student", clever_id=clever_id)
    web = one_roster(user("s1", given="Ada"), accounts=({**own, "email": None},))
    assert web.signs_in(sis_id="s1", role="student").path == "/home"
    assert links_of(web, "s1") == ("ada", FoundBy.NUMBER)


def test_both_known_ids_open_the_account_from_then_on() -> None:
    own = {**account("ada", "", role="student", clever_id=legacy_id(V3)), "email": None}
    web = one_roster(user("s1", given="Ada"), accounts=(own,))
    web.signs_in(sis_id="s1", role="student")
    link = web.world.links.of_user(key("s1"))
    assert link is not None
    assert link.proofs is not None
    assert len(link.proofs.identities) == 2
    assert web.signs_in(sis_id="", email="").path == "/home", "the login is remembered"


@pytest.mark.parametrize("role", ["student", "teacher"])
def test_in_a_district_of_clevers_csv_a_number_has_a_kind(role: str) -> None:
    """Quirk 6, and M20: a student and a teacher have one number."""
    mail = {"student": "ada@lakeside.example", "teacher": "bob@lakeside.example"}[role]
    web = clever_csv({**account("own", mail, role=role), "display_name": "Person Stone"})
    names = {"student": ("Ada", "Person"), "teacher": ("Bob", "Stone")}[role]
    page = web.signs_in(sis_id="7", role=role, first_name=names[0], last_name=names[1])
    assert page.path == "/home"
    assert links_of(web, "7", NumberKind(role)) == ("own", FoundBy.NUMBER)


def test_somebody_who_teaches_and_is_staff_is_one_person() -> None:
    """Quirk 19."""
    web = clever_csv({**account("own", "bob@lakeside.example"), "display_name": "Bob Stone"})
    page = web.signs_in("Teacher and staff at once", sis_id="7", role="teacher", first_name="Bob", last_name="Stone")
    assert page.path == "/home"
    assert links_of(web, "7", NumberKind.TEACHER) == ("own", FoundBy.NUMBER)


@pytest.mark.parametrize("role", ["staff", "district_admin"])
def test_staff_without_a_number_are_known_by_the_districts_address_for_them(role: str) -> None:
    """Quirk 8: a district administrator has a title alone. Their address on a student's row is not theirs."""
    web = one_roster(user("a1", "administrator", given="Ada"), user("s1", given="Ada", email="ada@mail.example"))
    assert web.signs_in(role=role, email="a1@lakeside.example").path == "/console/lakeside"
    assert web.signs_in(role=role, email="ada@mail.example").status == 403


def test_a_student_through_a_teachers_tile_is_no_teacher() -> None:
    """Quirk 65."""
    web = clever_csv()
    page = web.signs_in(sis_id="7", role="teacher")
    assert (page.status, "Your school's records do not agree" in page.text) == (403, True)
    assert "number_of_another" in page.text


def test_an_address_that_the_district_states_leads_to_the_row_and_the_choice() -> None:
    web = one_roster(user("s1", given="Ada", email="ada@mail.example"))
    page = web.signs_in(email="Ada@mail.example", role="student")
    assert (page.path, "Ada Person" in page.text) == ("/welcome", True)
    page.press("I don't have an account yet")
    assert links_of(web, "s1")[1] is FoundBy.STATED_ADDRESS


def test_an_address_that_the_district_states_opens_no_account() -> None:
    """Clever verifies nothing: the account of that very address is offered, and not entered (M6)."""
    web = one_roster(
        user("s1", given="Ada", email="ada@mail.example"),
        accounts=({**account("ada", "ada@mail.example"), "role": "student"},),
    )
    assert web.signs_in(email="ada@mail.example", role="student").path == "/welcome"
    assert links_of(web, "s1") == (None, None)


def test_two_people_with_one_address_are_told_apart_by_their_numbers_alone() -> None:
    """Quirk 3."""
    web = one_roster(
        user("s1", given="Ada", email="family@mail.example"), user("s2", given="Ben", email="family@mail.example")
    )
    assert web.signs_in(email="family@mail.example", role="student").status == 403
    page = web.signs_in(email="family@mail.example", role="student", sis_id="s1")
    assert "Ada Person" in page.text


def test_an_id_that_was_issued_anew_is_confirmed_once() -> None:
    """Quirks 17 and 18: after another number, or a split of staff."""
    web = one_roster(user("t1", "teacher", given="Ada", email="ada@lakeside.example"),
                     accounts=({**account("ada", "ada@lakeside.example"), "display_name": "Ada Person"},))  # fmt: skip
    web.web.cognito.users = {"ada": ("pw", "ada")}
    assert web.signs_in(sis_id="t1", role="teacher").path == "/home"
    anew = web.signs_in(clever_id="5f2a000000000000000000bb", sis_id="t1", role="teacher", email="ada@lakeside.example")
    assert anew.path == "/welcome"
    assert links_of(web, "t1")[0] == "ada", "nothing changed until the account confirms it"


def test_while_the_roster_is_behind_a_number_leads_to_nobody_else() -> None:
    """Quirk 24: Clever knows today's holder of a number, and a paused district's roster yesterday's."""
    web = one_roster(
        user("s1", given="Ada", email="ada@lakeside.example"),
        accounts=({**account("ada", "ada@lakeside.example", role="student"), "display_name": "Ada Person"},),
    )
    page = web.signs_in(clever_id="other", sis_id="s1", role="student", first_name="Ben", last_name="Stone")
    assert (page.status, "number_of_another" in page.text) == (403, True)


def test_a_person_of_another_district_gets_into_none(  # M21
) -> None:
    web = one_roster(user("s1", given="Ada"))
    web.world.register("valley", name="Valley", email_domains=["valley.example"], clever_district_id="clever-valley")
    page = web.signs_in(sis_id="s1", role="student", district="clever-valley")
    assert (page.status, "other_district" in page.text) == (403, True)


def test_a_library_login_is_refused_with_words() -> None:
    """Quirk 15."""
    page = one_roster(user("s1", given="Ada")).signs_in("Clever Library account", sis_id="s1")
    assert (page.status, "Clever Library" in page.text, "hub_library" in page.text) == (403, True, True)


def test_a_portal_login_is_started_again_and_goes_through() -> None:
    """Quirk 9."""
    web = one_roster(user("s1", given="Ada"))
    page = web.browser().open(f"{CLEVER}/clever/portal")
    page.press("Sign in", **ADA, sis_id="s1", district=CLEVER_DISTRICT, role="student")
    assert (page.path, "Ada Person" in page.text) == ("/welcome", True)


def test_a_hub_that_drops_the_state_sends_nobody_round_for_ever() -> None:
    web = one_roster(user("s1", given="Ada"))
    page = web.browser()
    page.http.follow_redirects = False
    statuses = [page.open("/callback/clever?code=x").status for _ in range(5)]
    assert statuses == [303, 303, 303, 403, 403]


def test_a_lost_cookie_is_told_as_such() -> None:
    """Quirk 64."""
    web = one_roster(user("s1", given="Ada"))
    page = web.browser().open("/sso/lakeside").press("Continue with Clever")
    page.http.cookies.clear()
    page.press("Sign in", **ADA, sis_id="s1")
    assert (page.status, "login_begun_elsewhere" in page.text) == (403, True)


def test_a_clever_that_cannot_say_the_number_is_busy_and_the_pupil_not_missing() -> None:
    """Quirk 22: the page names the hub's trouble; what the login alone leads to is entered meanwhile."""
    web = one_roster(user("s1", given="Ada"), user("s2", ids=f"{{Clever:{V3[:-1]}b}}", given="Ben"))
    page = web.browser().open("/sso/lakeside").press("Continue with Clever")
    web.double.app.view_functions["user-v3.1"] = lambda _clever_id: web.double.app.response_class("", 429)
    page.press("Sign in", **ADA, sis_id="s1", role="student")
    assert (page.status, "hub_busy" in page.text) == (403, True)
    assert web.signs_in(clever_id=V3[:-1] + "b", first_name="Ben").path == "/welcome"


def test_errors_have_words_in_spanish_and_a_code() -> None:
    web = one_roster(user("s1", given="Ada"))
    page = web.browser().open("/callback/clever?error=unauthorized-user&lang=es")
    assert "Su escuela todavía no le ha dado acceso" in page.text
    assert "hub_not_shared" in page.text


def test_a_pupil_who_follows_on_the_same_device_replaces_the_one_before() -> None:
    """Quirk 25: what our own page starts asks who it is, and nothing of the first pupil's goes along."""
    web = one_roster(user("s1", given="Ada"), user("s2", given="Ben"))
    browser = web.browser().open("/sso/lakeside").press("Continue with Clever")
    browser.press("Sign in", **ADA, sis_id="s1", role="student")
    assert "Ada Person" in browser.text
    browser.open("/sso/lakeside").press("Continue with Clever")
    assert browser.page.css_first("button") is not None
    browser.press("Sign in", clever_id="b", first_name="Ben", last_name="Person", sis_id="s2", role="student")
    assert "Ben Person" in browser.text
    assert "Ada" not in browser.text


def test_a_session_that_rests_on_a_number_ends_when_the_row_is_somebody_elses() -> None:
    """M19: what led to the row is the district's word, and the district has another one since."""
    web = one_roster(user("s1", given="Ada"))
    page = web.signs_in(sis_id="s1", role="student")
    assert "Ada Person" in page.text
    web.world.upload(roster(user("s1", given="Ben")), name="changed")
    assert page.open("/welcome").status == 403


def test_a_session_of_the_version_before_goes_on() -> None:
    """It has neither the row nor what led to it: the roster's Clever id counts, as it did."""
    web = one_roster(user("s1", given="Ada", ids=f"{{Clever:{V3}}}"))
    page = web.signs_in(role="student")
    for (pk, _), item in web.world.table.items.items():
        if pk.startswith("SESSION#"):
            for name in ("row", "found_by", "aliases", "answer"):
                item.pop(name, None)
    assert "Ada Person" in page.open("/welcome").text


def test_a_step_back_to_the_answer_shows_what_it_led_to() -> None:
    """The same code comes up to twelve times (refresh, back)."""
    web = one_roster(user("s1", given="Ada"))
    page = web.browser().open("/sso/lakeside").press("Continue with Clever")
    page.http.follow_redirects = False
    page.press("Sign in", **ADA, sis_id="s1", role="student")
    assert page.response is not None
    answer = page.response.headers["Location"]
    assert [page.open(answer).status for _ in range(12)] == [303] * 12
    page.http.follow_redirects = True
    assert "Ada Person" in page.open(answer).text
    assert web.double.asked.count("POST /oauth/tokens") == 1
