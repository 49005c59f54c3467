"""District classes of earlier terms and years: who looks back at them, and what a class id that comes again begins with."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from functions.pages.classes.class_address import class_address
from local.web_client import WebClient
from shared.domain.account import Goal
from shared.domain.roster import past_reference
from tests.builders import account, enrolled, roster, user
from tests.harness import World, decide, roll_back, unzipped
from tests.pages_harness import CLEVER_DISTRICT, PASSWORD, Counting, Website, activated, log_in, post

IN_SEPTEMBER = datetime(2026, 9, 1, 15, tzinfo=UTC)
IN_JULY = datetime(2027, 7, 10, 15, tzinfo=UTC)
NEXT_SEPTEMBER = datetime(2027, 9, 1, 15, tzinfo=UTC)
GOAL = Goal("g1", "Equations", ("a", "b"))


def sessions(*years: int) -> str:
    """A term for each school year, named by the year in which it ends."""
    head = "sourcedId,status,dateLastModified,title,type,startDate,endDate,parentSourcedId,schoolYear\n"
    return head + "".join(f"y{y},,,{y - 1}-{y},schoolYear,{y - 1}-08-20,{y}-06-05,,{y}\n" for y in years)


COURSES = (
    "sourcedId,status,dateLastModified,schoolYearSourcedId,title,courseCode,orgSourcedId\n"
    "k1,,,,Algebra,,o1\nk2,,,,Biology,,o1\n"
)


def year(
    term: int,
    *,
    teacher: str = "t1",
    course: str = "k1",
    student: str = "s1",
    class_id: str = "c1",
    title: str = "Period 3",
) -> dict[str, str | bytes]:
    """A roster of one school year with one class, in which somebody teaches and a student is."""
    people = user("t1", "teacher", given="Ada") + user("t2", "teacher", given="Ben") + user("s1", given="Kid")
    people = people.replace("Ben,Person", "Ben,Ode")
    rows = f"{class_id},,,{title},{course},scheduled,o1,y{term}\n" if class_id else ""
    members = enrolled(teacher, "teacher", class_id) + enrolled(student, class_id=class_id) if class_id else ""
    return {
        **roster(people, user("s2", given="Zoe"), classes=rows, enrollments=members),
        "academicSessions.csv": sessions(term),
        "courses.csv": COURSES,
    }


class District:
    """Lakeside through its years, with two teachers and a student who have linked."""

    def __init__(self, counting: Counting | None = None) -> None:
        self.world = World(gate=counting) if counting else World()
        self.world.now = IN_SEPTEMBER
        self.world.register(clever_district_id=CLEVER_DISTRICT)
        earned = {"a": {"points": 100, "updated_at": "2026-05-01T00:00:00Z"}}
        self.world.feed(
            account("ada", "ada@mail.example"),
            account("ben", "ben@mail.example"),
            {**account("kid", "s1@lakeside.example", role="student"), "mastery": earned},
        )
        self.world.upload(year(2027), name="first")
        self.world.send_mail()
        self.web = Website(self.world, gate=counting) if counting else Website(self.world)
        self.web.cognito.users = {name: (PASSWORD, name) for name in ("ada", "ben", "kid")}
        for who, name in (("t1", "ada"), ("t2", "ben")):
            log_in(activated(self.web, who).press("Log into my existing account"), name).press("Link my accounts")
        student = self.web.visitor(sub="google-s1", email="s1@lakeside.example", email_verified=True)
        student.open("/sso/lakeside").press("Continue with Google")
        self.add_goal(GOAL)

    def add_goal(self, goal: Goal, since: str = "") -> None:
        self.world.work.add_goal(
            "lakeside", "c1", goal, created_at="2026-09-02T00:00:00Z", since=since,
            event={"PK": f"OUTBOX#{goal.goal_id}", "SK": "EVENT"},
        )  # fmt: skip

    def upload(self, files: dict[str, str | bytes], name: str, at: datetime = NEXT_SEPTEMBER) -> dict[str, object]:
        """Upload a roster on a day; one that is held as a new year is approved."""
        self.world.now = max(self.world.now, at)
        report = self.world.upload(files, name=name)
        if report["status"] == "held":
            decide(self.world, report, "approve")
            report = self.world.latest()
        assert report["status"] == "completed", report
        return report

    def home(self, who: str) -> WebClient:
        return log_in(self.web.visitor().open("/login"), who).open("/home")

    def class_page(self, who: str, named: str) -> WebClient:
        page = self.home(who)
        return page.open(page.links()[named])


@pytest.fixture
def lakeside() -> District:
    return District()


def under(page: WebClient, heading: str) -> list[str]:
    """The classes under a heading of the home page."""
    found, at = dict[str, list[str]](), ""
    for node in page.page.css("main h2, main .card h3, main ul.plain > li > a"):
        if node.tag == "h2":
            at = node.text(strip=True)
        else:
            found.setdefault(at, []).append(node.text(strip=True))
    return found.get(heading, [])


LAST_YEARS = "Period 3 (2026-2027)"


@pytest.mark.parametrize("who", ["ada", "kid"])
def test_a_class_that_left_the_roster_is_a_past_class_of_its_people(lakeside: District, who: str) -> None:
    assert under(lakeside.home(who), "District classes") == ["Period 3"]
    lakeside.upload(year(2028, class_id=""), "no-classes")
    page = lakeside.home(who)
    assert under(page, "District classes") == []
    assert under(page, "Past classes") == [LAST_YEARS]
    assert "None yet." not in page.text


def test_its_teacher_reads_goals_and_what_each_student_earned(lakeside: District) -> None:
    lakeside.upload(year(2028, class_id=""), "no-classes")
    page = lakeside.class_page("ada", LAST_YEARS)
    assert [cell.text() for cell in page.page.css("th")] == ["Name", "Equations", "Kid Person"]
    assert [cell.text() for cell in page.page.css("td")] == ["50 %"]
    assert "New goal" not in page.text


def test_a_student_reads_what_he_earned_and_nobody_elses(lakeside: District) -> None:
    lakeside.upload(year(2028, class_id=""), "no-classes")
    page = lakeside.class_page("kid", LAST_YEARS)
    assert [cell.text() for cell in page.page.css("tbody tr")] == ["Kim50 %"]
    assert "Settings" not in page.links()


def test_nobody_else_sees_a_past_class_or_changes_it(lakeside: District) -> None:
    lakeside.upload(year(2028, class_id=""), "no-classes")
    ada, ben = lakeside.home("ada"), lakeside.home("ben")
    address = ada.links()[LAST_YEARS]
    assert under(ben, "Past classes") == []
    assert ben.open(address).status == 404
    assert ben.open(address.replace("?", "/settings?")).status == 404
    path, _, query = address.partition("?")
    assert post(ada, f"{path}/goals?{query}", title="New", skills="a").status_code == 404
    assert post(ada, f"{path}/assignments?{query}", title="New").status_code == 404
    assert post(ben, f"{path}/download?{query}").status_code == 404


@pytest.mark.parametrize(("teacher", "course"), [("t2", "k1"), ("t1", "k2"), ("t2", "k2")])
def test_an_id_that_comes_again_with_another_course_or_teacher_begins_anew(
    lakeside: District, teacher: str, course: str
) -> None:
    report = lakeside.upload(year(2028, teacher=teacher, course=course, student="s2"), "next-year")
    assert "class_id_used_again" in [note["code"] for note in report["notes"]]
    name = "ada" if teacher == "t1" else "ben"
    assert under(lakeside.home(name), "District classes") == ["Period 3"]
    assert "Equations" not in lakeside.class_page(name, "Period 3").text
    assert under(lakeside.home("ada"), "Past classes") == [LAST_YEARS]
    assert "Equations" in lakeside.class_page("ada", LAST_YEARS).text
    assert under(lakeside.home("kid"), "Past classes") == [LAST_YEARS]


def test_a_goal_of_the_new_class_begins_with_what_is_earned(lakeside: District) -> None:
    lakeside.upload(year(2028, teacher="t2"), "next-year")
    page = lakeside.class_page("ben", "Period 3")
    page.press("Create goal", title="Again", skills="a, b")
    assert [cell.text() for cell in page.page.css("td")] == ["50 %"], "M14"
    assert "Again" not in lakeside.class_page("ada", LAST_YEARS).text
    assert under(lakeside.home("kid"), "District classes") == ["Period 3"]
    assert "Again: 50 %" in lakeside.home("kid").text


def test_a_substitute_in_the_same_term_finds_the_goals(lakeside: District) -> None:
    lakeside.upload(year(2027, teacher="t2"), "october", at=datetime(2026, 10, 9, 15, tzinfo=UTC))
    assert "Equations" in lakeside.class_page("ben", "Period 3").text
    assert under(lakeside.home("ada"), "Past classes") == []


def test_a_class_that_comes_back_on_the_next_night_is_as_it_was(lakeside: District) -> None:
    lakeside.upload(year(2027, class_id=""), "cut-off", at=IN_SEPTEMBER)
    lakeside.upload(year(2027), "whole-again", at=IN_SEPTEMBER)
    page = lakeside.home("ada")
    assert (under(page, "District classes"), under(page, "Past classes")) == (["Period 3"], [])
    assert "Equations" in lakeside.class_page("ada", "Period 3").text


def test_an_id_that_comes_again_after_the_summer_begins_anew(lakeside: District) -> None:
    lakeside.upload(year(2027, class_id=""), "summer", at=IN_JULY)
    lakeside.upload(year(2028, teacher="t2", student="s2"), "next-year")
    assert "Equations" not in lakeside.class_page("ben", "Period 3").text
    assert "Equations" in lakeside.class_page("ada", LAST_YEARS).text


def test_the_same_course_and_teacher_go_on_and_last_years_students_stay(lakeside: District) -> None:
    lakeside.upload(year(2028, student="s2"), "next-year")
    page = lakeside.home("ada")
    assert (under(page, "District classes"), under(page, "Past classes")) == (["Period 3"], [LAST_YEARS])
    assert "Equations" in lakeside.class_page("ada", "Period 3").text
    assert "Kid Person" in lakeside.class_page("ada", LAST_YEARS).text
    assert under(lakeside.home("kid"), "Past classes") == [LAST_YEARS]


def test_a_class_of_an_earlier_year_that_is_still_on_the_roster_is_past(lakeside: District) -> None:
    lakeside.world.now = datetime(2027, 6, 6, 15, tzinfo=UTC)
    assert under(lakeside.home("ada"), "Ended") == ["Period 3"]
    lakeside.world.now = IN_JULY
    page = lakeside.home("ada")
    assert (under(page, "Ended"), under(page, "Past classes")) == ([], [LAST_YEARS])
    lakeside.upload({**year(2027, title="Period 3 old")}, "touched", at=IN_JULY)
    assert under(lakeside.home("ada"), "Past classes") == ["Period 3 old (2026-2027)"], "once, and with its people"


def test_whose_enrollment_ends_with_the_term_keeps_the_class(lakeside: District) -> None:
    files = year(2027)
    files["enrollments.csv"] = "sourcedId,classSourcedId,schoolSourcedId,userSourcedId,role\n"
    lakeside.upload(files, "enrollments-are-over", at=IN_JULY)
    for who in ("ada", "kid"):
        assert under(lakeside.home(who), "Past classes") == [LAST_YEARS]


@pytest.mark.parametrize("next_year", [year(2028, teacher="t2", student="s2"), year(2028, class_id="")])
def test_a_roll_back_brings_the_class_back_whole(lakeside: District, next_year: dict[str, str | bytes]) -> None:
    before = {key: item for key, item in lakeside.world.table.items.items() if "CLASS#" in key[0] or key[1] == "PAST"}
    report = lakeside.upload(next_year, "too-early", at=IN_SEPTEMBER)
    roll_back(lakeside.world, str(report["import_id"]))
    assert {k: i for k, i in lakeside.world.table.items.items() if "CLASS#" in k[0] or k[1] == "PAST"} == before
    page = lakeside.home("ada")
    assert (under(page, "District classes"), under(page, "Past classes")) == (["Period 3"], [])
    assert "Equations" in lakeside.class_page("ada", "Period 3").text
    lakeside.upload(next_year, "now-it-is-right")
    assert under(lakeside.home("ada"), "Past classes") == [LAST_YEARS]


def test_what_was_made_before_a_roll_back_is_there_when_the_upload_comes_again(lakeside: District) -> None:
    next_year = year(2028, teacher="t2", student="s2")
    report = lakeside.upload(next_year, "too-early", at=IN_SEPTEMBER)
    lakeside.class_page("ben", "Period 3").press("Create goal", title="Cells", skills="a")
    roll_back(lakeside.world, str(report["import_id"]))
    assert "Cells" not in lakeside.class_page("ada", "Period 3").text
    lakeside.upload(next_year, "right-after-all")
    assert "Cells" in lakeside.class_page("ben", "Period 3").text


def test_a_new_holder_of_the_number_sees_nothing_of_the_one_before(lakeside: District) -> None:
    lakeside.upload(year(2028, class_id=""), "no-classes")
    address = lakeside.home("ada").links()[LAST_YEARS]
    somebody = year(2028, class_id="")
    somebody["users.csv"] = str(somebody["users.csv"]).replace("Ada,Person,t1@", "Max,Ode,max@")
    somebody["users.csv"] = str(somebody["users.csv"]).replace("Kid,Person,s1@", "Lea,Ode,lea@")
    lakeside.upload(somebody, "other-people")
    page = lakeside.home("ada")
    assert under(page, "Past classes") == []
    assert page.open(address).status == 404


def test_a_student_number_of_somebody_else_shows_nobody_in_last_years_class(lakeside: District) -> None:
    lakeside.upload(year(2028, class_id=""), "no-classes")
    somebody = year(2028, class_id="")
    somebody["users.csv"] = str(somebody["users.csv"]).replace("Kid,Person,s1@", "Lea,Ode,lea@")
    lakeside.upload(somebody, "another-student")
    page = lakeside.class_page("ada", LAST_YEARS)
    assert "Lea" not in page.text
    assert "Nobody is in this class yet." not in page.text


def test_with_the_link_goes_the_right_to_look_back(lakeside: District) -> None:
    lakeside.upload(year(2028, class_id=""), "no-classes", at=IN_SEPTEMBER)
    page = lakeside.home("ada")
    address = page.links()[LAST_YEARS]
    page.press("Undo the link with Lakeside Schools").press("Undo the link")
    assert under(lakeside.home("ada"), "Past classes") == []
    assert page.open(address).status == 404


def test_a_past_class_goes_after_two_school_years(lakeside: District) -> None:
    lakeside.upload(year(2028, class_id=""), "no-classes", at=IN_JULY)
    lakeside.world.now = datetime(2029, 6, 30, 15, tzinfo=UTC)
    assert under(lakeside.home("ada"), "Past classes") == [LAST_YEARS]
    lakeside.world.now = datetime(2029, 9, 1, 15, tzinfo=UTC)
    assert under(lakeside.home("ada"), "Past classes") == []


def test_a_past_class_is_downloaded_by_its_teacher(lakeside: District) -> None:
    lakeside.upload(year(2028, class_id=""), "no-classes")
    page = lakeside.class_page("ada", LAST_YEARS)
    page.open(page.links()["Settings"]).press("Download class data")
    lakeside.world.make_exports()
    assert page.response is not None
    page.open(str(page.response.url))
    page.open(page.links()["Save the file"])
    assert page.response is not None
    assert "Kid Person" in unzipped(page.response.content)["goals.csv"]


def test_classes_that_change_ids_while_a_page_is_open_open_for_nobody_else(lakeside: District) -> None:
    def both(one: str, other: str) -> dict[str, str | bytes]:
        first, second = (
            year(2027, class_id=one),
            year(2027, class_id=other, teacher="t2", student="s2", title="Period 9"),
        )
        more = {name: str(second[name]).partition("\n")[2] for name in ("classes.csv", "enrollments.csv")}
        return first | {name: f"{first[name]!s}{rows}" for name, rows in more.items()}

    lakeside.upload(both("c1", "c2"), "two", at=IN_SEPTEMBER)
    ada = lakeside.home("ada").open("/classes/c1?district=lakeside")
    id_map = "kind,oldSourcedId,newSourcedId\nclass,c1,c2\nclass,c2,c1\n"
    lakeside.upload(both("c2", "c1") | {"id_map.csv": id_map}, "exchanged", at=IN_SEPTEMBER)
    assert ada.open("/classes/c1?district=lakeside").status == 404
    assert post(ada, "/classes/c1/goals?district=lakeside", title="New", skills="a").status_code == 404
    assert "Equations" in ada.open("/classes/c2?district=lakeside").text
    assert "Equations" not in lakeside.class_page("ben", "Period 9").text


def test_it_costs_home_one_call_more_where_there_are_past_classes() -> None:
    counting = Counting()
    lakeside = District(counting)
    page = lakeside.home("ada")
    counting.calls.clear()
    page.open("/home")
    before = counting.calls.total()
    lakeside.upload(year(2028, teacher="t2"), "next-year")
    page = lakeside.home("ada")
    counting.calls.clear()
    page.open("/home")
    assert counting.calls.total() <= before + 1 <= 12


def test_very_many_past_classes_are_shown_forty_at_a_time(lakeside: District) -> None:
    files = year(2027, class_id="")
    files["classes.csv"] = str(files["classes.csv"]) + "".join(
        f"x{n},,,Group,k1,scheduled,o1,y2027\n" for n in range(90)
    )
    files["enrollments.csv"] = str(files["enrollments.csv"]) + "".join(
        enrolled("t1", "teacher", f"x{n}") for n in range(90)
    )
    lakeside.upload(files, "many", at=IN_SEPTEMBER)
    lakeside.upload(year(2028, class_id=""), "none")
    page, seen = lakeside.home("ada"), list[str]()
    while True:
        assert len(page.text.encode()) < 50_000
        seen += under(page, "Past classes")
        if "Earlier classes" not in page.links():
            break
        page.open(page.links()["Earlier classes"])
    assert len(seen) == len(set(seen)) == 91
    assert page.open("/home?past=x").status == page.open("/home?past=9999999").status == 200


def test_in_spanish_too(lakeside: District) -> None:
    lakeside.upload(year(2028, class_id=""), "no-classes")
    page = log_in(lakeside.web.visitor().open("/login"), "ada").open("/home?lang=es")
    assert under(page, "Clases pasadas") == [LAST_YEARS]


@pytest.mark.parametrize("reference", [past_reference("c1", "x"), past_reference("", ""), "\x7f", "c1\x7f"])
def test_an_address_that_names_no_past_class_is_not_there(lakeside: District, reference: str) -> None:
    page = lakeside.home("ada")
    assert page.open(class_address(reference, "lakeside")).status in (200, 404)
    assert page.status == 404 or reference == "c1\x7f"
