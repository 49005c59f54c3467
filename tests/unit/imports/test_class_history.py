"""What imports make of classes that end, leave, come back, or whose ids come again: formats, deltas, maps, years (M5)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.domain.account import Assignment, Goal
from shared.domain.past_class import KEPT_DAYS
from shared.domain.roster import RosterUser, RosterUserKey
from shared.stores.class_work import Source
from tests.builders import CLASSES, ENROLLMENTS, enrolled, key, roster, user
from tests.depth import depth
from tests.harness import World, decide, zipped

type Files = dict[str, str | bytes]
SEPTEMBER, OCTOBER, JANUARY, JULY, NEXT_SEPTEMBER = (
    datetime(year, month, 15, 15, tzinfo=UTC)
    for year, month in ((2026, 9), (2026, 10), (2027, 1), (2027, 7), (2027, 9))
)
PEOPLE = (
    user("t1", "teacher", given="Ada")
    + user("t2", "teacher", given="Ben").replace("Person", "Ode")
    + "".join(user(f"s{n}") for n in range(1, 5))
)
SESSIONS = (
    "sourcedId,status,dateLastModified,title,type,startDate,endDate,parentSourcedId,schoolYear\n"
    "f26,,,Fall,term,2026-08-20,2026-12-19,,2027\ns27,,,Spring,term,2027-01-05,2027-06-05,,2027\n"
    "y27,,,2026-27,schoolYear,2026-08-20,2027-06-05,,2027\ny28,,,2027-28,schoolYear,2027-08-20,2028-06-05,,2028\n"
    "x,,,Some time,term,,,,\nq1,,,Q1,gradingPeriod,2026-08-20,2026-10-24,,2027\n"
    "q2,,,Q2,gradingPeriod,2026-10-25,2026-12-19,,2027\n"
)
ENDS = {"f26": "2026-12-19", "s27": "2027-06-05", "y27": "2027-06-05", "y28": "2028-06-05"}
COURSES = (
    "sourcedId,status,dateLastModified,schoolYearSourcedId,title,courseCode,orgSourcedId\n"
    "k1,,,,Algebra,,o1\nk2,,,,Biology,,o1\n"
)


def files(*terms: str, teacher: str = "t1", course: str = "k1", students: str = "s1", class_id: str = "c1") -> Files:
    """A whole roster with one class, a row for each term."""
    rows = "".join(f'{class_id},,,Period 3,{course},scheduled,o1,"{term}"\n' for term in terms)
    members = "".join(enrolled(each, class_id=class_id) for each in students.split()) if rows else ""
    teachers = "".join(enrolled(each, "teacher", class_id) for each in teacher.split()) if rows else ""
    base = roster(PEOPLE, classes=rows, enrollments=teachers + members)
    return {**base, "academicSessions.csv": SESSIONS, "courses.csv": COURSES}


def delta(**of: str) -> Files:
    """A delta of these files; each text has its header."""
    manifest = "propertyName,value\nmanifest.version,1.0\noneroster.version,1.1\n"
    manifest += "".join(f"file.{name},delta\n" for name in of)
    return {"manifest.csv": manifest, **{f"{name}.csv": text for name, text in of.items()}}


def a_world() -> World:
    world = World()
    world.now = SEPTEMBER
    world.register(removal_threshold_count=1_000, removal_threshold_percent=100)
    return world


def upload(world: World, what: Files, at: datetime | None = None) -> dict[str, Any]:
    """Upload a roster; one that is held is approved. Nobody is ever mailed or removed for a class."""
    world.now = max(world.now + timedelta(minutes=1), at or world.now)
    report = world.upload(what, name=f"at-{world.now:%Y%m%d%H%M%S}")
    if report["status"] == "held":
        decide(world, report, "approve")
        report = world.latest()
    assert report["status"] in ("completed", "unchanged"), report
    assert report["users"]["removed"] == 0
    return report


def makes(world: World, title: str, class_id: str = "c1") -> None:
    """A teacher makes a goal in a class as it is now."""
    found = world.classes.get("lakeside", class_id)
    assert found is not None
    world.work.add_goal(
        "lakeside", class_id, Goal(title, title, ("a",)), created_at="2026-09-01", since=found.since,
        event={"PK": f"OUTBOX#{title}-{world.new_id()}", "SK": "EVENT"},
    )  # fmt: skip


def goals(world: World, class_id: str = "c1") -> list[str]:
    found = world.classes.get("lakeside", class_id)
    assert found is not None
    return [goal.title for goal in world.work.of_class("lakeside", class_id, found.since)[0]]


def past_of(world: World, who: RosterUserKey) -> dict[str, list[str]]:
    """The past classes of a person, with the goals in each."""
    person = world.users.get(who)
    assert person is not None
    places = world.classes.past.places([person], world.now.date()).get(who, ())
    found = world.classes.past.get_many("lakeside", [(place.class_id, place.noted_by) for place in places])
    return {
        f"{each.title} {each.term_title or ''}".strip(): [
            goal.title for goal in world.work.of_class("lakeside", each.sourced_id, each.since)[0]
        ]
        for each in found
    }


def codes(report: dict[str, Any]) -> list[str]:
    return [note["code"] for note in report["notes"]]


LATER: Mapping[str, tuple[Files, Files, datetime, bool]] = {
    "next year, another teacher": (files("y27"), files("y28", teacher="t2"), NEXT_SEPTEMBER, True),
    "next year, before the old one is over": (files("y27"), files("y28", teacher="t2"), OCTOBER, True),
    "next year, another course": (files("y27"), files("y28", course="k2"), NEXT_SEPTEMBER, True),
    "next year, a second teacher": (files("y27"), files("y28", teacher="t1 t2"), NEXT_SEPTEMBER, False),
    "next year, course and teacher stay": (files("y27"), files("y28", students="s2"), NEXT_SEPTEMBER, False),
    "the next term, another teacher": (files("f26"), files("s27", teacher="t2"), JANUARY, True),
    "the same term, a substitute": (files("y27"), files("y27", teacher="t2"), OCTOBER, False),
    "the same term, once it is over": (files("y27"), files("y27", teacher="t2"), JULY, True),
    "quarters, a substitute": (files("q1", "q2"), files("q1", "q2", teacher="t2"), OCTOBER, False),
    "a quarter more, a substitute": (files("q1"), files("q1", "q2", teacher="t2"), OCTOBER, False),
    "no dates, a substitute": (files("x"), files("x", teacher="t2"), NEXT_SEPTEMBER, False),
    "no dates, another course and teacher": (files("x"), files("x", teacher="t2", course="k2"), OCTOBER, True),
    "an unknown term, another course and teacher": (
        files("never-told"), files("never-told", teacher="t2", course="k2"), OCTOBER, True,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LATER)
def test_an_id_is_another_class_as_the_rule_says(name: str) -> None:
    one, other, at, is_another = LATER[name]
    world = a_world()
    upload(world, one)
    makes(world, "Equations")
    report = upload(world, other, at)
    assert goals(world) == ([] if is_another else ["Equations"])
    assert ("class_id_used_again" in codes(report)) is is_another
    if is_another:
        assert list(past_of(world, key("t1")).values()) == [["Equations"]]
    else:
        assert past_of(world, key("t2")) == {}


@pytest.mark.parametrize("terms", [("y27",), ("q1", "q2")])
def test_an_end_that_moves_by_some_weeks_changes_nothing(terms: tuple[str, ...]) -> None:
    world = a_world()
    upload(world, files(*terms))
    makes(world, "Equations")
    later = files(*terms, teacher="t2")
    later["academicSessions.csv"] = SESSIONS.replace("2027-06-05", "2027-06-26").replace("2026-12-19", "2027-01-08")
    upload(world, later, OCTOBER)
    assert goals(world) == ["Equations"]
    assert past_of(world, key("t1")) == past_of(world, key("s1")) == {}


def test_a_term_that_is_told_anew_under_its_old_id_is_of_the_next_year() -> None:
    world = a_world()
    upload(world, files("f26"))
    makes(world, "Equations")
    again = files("f26", teacher="t2")
    again["academicSessions.csv"] = SESSIONS.replace("2026-12-19,,2027", "2027-12-18,,2028")
    upload(world, again, NEXT_SEPTEMBER)
    assert goals(world) == []
    assert past_of(world, key("t1")) == {"Period 3 Fall": ["Equations"]}


CLEVER = {
    "schools.csv": "School_id,School_name,School_number\no1,Lakeside Middle,1\n",
    "students.csv": "School_id,Student_id,Last_name,First_name,Student_email\no1,7,Lee,Kim,kim@lakeside.example\n",
    "teachers.csv": (
        "School_id,Teacher_id,Teacher_email,First_name,Last_name\n"
        "o1,7,ada@lakeside.example,Ada,Roe\no1,8,ben@lakeside.example,Ben,Ode\n"
    ),
    "enrollments.csv": "School_id,Section_id,Student_id\no1,c1,7\n",
}


def section(teacher: int, term: str, end: str) -> Files:
    head = "School_id,Section_id,Teacher_id,Name,Course_name,Term_name,Term_start,Term_end\n"
    return {**CLEVER, "sections.csv": f"{head}o1,c1,{teacher},Period 3,Algebra,{term},8/20/2026,{end}\n"}


@pytest.mark.parametrize(("end", "is_another"), [("6/4/2028", True), ("6/18/2027", False)])
def test_a_section_of_clever_is_another_one_in_the_next_year(end: str, is_another: bool) -> None:
    world = a_world()
    upload(world, section(7, "Year", "6/4/2027"))
    makes(world, "Equations")
    upload(world, section(8, "Year", end), OCTOBER)
    assert goals(world) == ([] if is_another else ["Equations"])
    assert past_of(world, key("7", "teacher")) == ({"Period 3 Year": ["Equations"]} if is_another else {})
    assert past_of(world, key("7", "student")).keys() == past_of(world, key("7", "teacher")).keys()


SDS = {
    "orgs.csv": "sourcedId,name,type\no1,Lakeside Middle,school\n",
    "users.csv": (
        "sourcedId,username,givenName,familyName\nt1,ada@lakeside.example,Ada,Roe\n"
        "t2,ben@lakeside.example,Ben,Ode\ns1,kim@lakeside.example,Kim,Lee\n"
    ),
    "roles.csv": "userSourcedId,orgSourcedId,role\nt1,o1,teacher\nt2,o1,teacher\ns1,o1,student\n",
}


@pytest.mark.parametrize(("term", "is_another"), [("y28", True), ("y27", False)])
def test_a_class_of_school_data_sync_is_another_one_in_the_next_year(term: str, is_another: bool) -> None:
    sessions = (
        "sourcedId,title,type,schoolYear,startDate,endDate\n"
        "y27,2026-27,schoolYear,2027,2026-08-20,2027-06-05\ny28,2027-28,schoolYear,2028,2027-08-20,2028-06-05\n"
    )

    def classes(teacher: str, term: str) -> Files:
        return {
            **SDS,
            "academicSessions.csv": sessions,
            "classes.csv": f"sourcedId,orgSourcedId,title,sessionSourcedIds\nc1,o1,Period 3,{term}\n",
            "enrollments.csv": f"classSourcedId,userSourcedId,role\nc1,{teacher},teacher\nc1,s1,student\n",
        }

    world = a_world()
    upload(world, classes("t1", "y27"))
    makes(world, "Equations")
    upload(world, classes("t2", term), OCTOBER)
    assert goals(world) == ([] if is_another else ["Equations"])


OTHER_TEACHER = ENROLLMENTS + (
    "e-c1-t1,tobedeleted,2027-08-01T00:00:00Z,c1,o1,t1,teacher\ne-c1-t2,active,2027-08-01T00:00:00Z,c1,o1,t2,teacher\n"
)
NEXT_TERM = CLASSES + "c1,active,2027-08-01T00:00:00Z,Period 3,k1,scheduled,o1,y28\n"


@pytest.mark.parametrize(
    "deltas",
    [
        [delta(classes=NEXT_TERM, enrollments=OTHER_TEACHER)],
        [delta(classes=NEXT_TERM), delta(enrollments=OTHER_TEACHER)],
        [delta(enrollments=OTHER_TEACHER), delta(classes=NEXT_TERM)],
    ],
)
def test_deltas_tell_it_in_whatever_pieces(deltas: list[Files]) -> None:
    world = a_world()
    upload(world, files("y27"))
    makes(world, "Equations")
    for number, each in enumerate(deltas):
        upload(world, each, JULY + timedelta(days=number))
    assert goals(world) == []
    assert past_of(world, key("t1")) == {"Period 3 2026-27": ["Equations"]}
    assert world.users.get(key("t2")).teaches == ("c1",)


def test_a_class_that_a_delta_deletes_is_past_until_the_next_brings_it() -> None:
    world = a_world()
    upload(world, files("y27"))
    makes(world, "Equations")
    upload(
        world, delta(classes=CLASSES + "c1,tobedeleted,2026-10-01T00:00:00Z,Period 3,k1,scheduled,o1,y27\n"), OCTOBER
    )
    assert past_of(world, key("s1")) == {"Period 3 2026-27": ["Equations"]}
    upload(world, delta(classes=CLASSES + "c1,active,2026-10-02T00:00:00Z,Period 3,k1,scheduled,o1,y27\n"))
    assert goals(world) == ["Equations"]


@pytest.mark.parametrize("right", [files("y27"), files("y27", students="s1 s2")])
def test_after_an_upload_of_a_wrong_year_the_right_one_brings_the_class_back(right: Files) -> None:
    world = a_world()
    upload(world, files("y27"))
    makes(world, "Equations")
    upload(world, files("y28", teacher="t2"), OCTOBER)
    makes(world, "Cells")
    assert goals(world) == ["Cells"]
    upload(world, right)
    assert goals(world) == ["Equations"]
    upload(world, files("y28", teacher="t2"), NEXT_SEPTEMBER)
    assert goals(world) == ["Cells"], "and the next year finds its own"


def test_what_is_kept_while_removals_are_put_off_is_not_past() -> None:
    world = a_world()
    world.register(additions_only=[{"from": "2026-09-01", "to": "2026-12-01"}])
    upload(world, files("y27"))
    upload(world, files(), OCTOBER)
    assert past_of(world, key("t1")) == {}


def test_a_preview_and_a_held_import_note_nothing() -> None:
    world = a_world()
    world.register(removal_threshold_count=1)
    upload(world, files("y27"))
    before = {at: item for at, item in world.table.items.items() if not at[0].startswith("DISTRICT#")}
    gone = files()
    gone["users.csv"] = str(gone["users.csv"]).replace(user("s1"), "").replace(user("s2"), "")
    world.put("previews/lakeside/next.zip", zipped(gone))
    assert world.upload(gone, name="next")["status"] == "held"
    left = {at: item for at, item in world.table.items.items() if not at[0].startswith(("DISTRICT#", "OUTBOX#"))}
    assert left == {at: item for at, item in before.items() if not at[0].startswith("OUTBOX#")}


def test_a_table_and_snapshot_from_before_go_on_without_mails_or_removals() -> None:
    world = a_world()
    upload(world, files("y27"))
    world.send_mail()
    mails = len(world.ses.sent)
    made = {
        "PK": "CLASS#lakeside#c1",
        "SK": "GOAL#g",
        "title": "Equations",
        "skill_ids": ["a"],
        "created_at": "2026-09-01",
    }
    world.table.put_item(Item=made)
    report = upload(world, files("y28", teacher="t2"), NEXT_SEPTEMBER)
    world.send_mail()
    assert (report["users"]["removed"], len(world.ses.sent)) == (0, mails)
    assert goals(world) == []
    assert past_of(world, key("t1")) == {"Period 3 2026-27": ["Equations"]}


def test_a_step_that_runs_again_writes_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    world = a_world()
    upload(world, files("y27"))
    makes(world, "Equations")
    steps = world.steps()
    run, ran = steps.run, list[str]()

    def twice(step: str, *args: Any) -> Any:
        run(step, *args)
        before = dict(world.table.items)
        answer = run(step, *args)
        if step in ("apply", "members"):
            ran.append(step)
            assert {at: item for at, item in world.table.items.items() if "PROGRESS" not in at[1]} == {
                at: item for at, item in before.items() if "PROGRESS" not in at[1]
            }
        return answer

    monkeypatch.setattr(type(steps), "run", lambda self, *args: twice(*args))
    upload(world, files("y28", teacher="t2"), NEXT_SEPTEMBER)
    assert ran == ["apply", "members"]


def test_ordinary_nights_note_nothing_a_years_end_one_item_for_each_person() -> None:
    world = a_world()
    upload(world, files("y27"))
    upload(world, files("y27", students="s1 s2"), OCTOBER)
    assert [at for at in world.table.items if "PAST" in at[0] + at[1]] == []
    upload(world, files("y27", students="s1"), JULY)
    noted = [at for at in world.table.items if "PAST" in at[0] + at[1]]
    assert len(noted) == 1 + 3, "the class, its teacher and two students"
    stood = {at: world.table.items[at] for at in noted}
    upload(world, files("y27", students="s1 s3"), JULY)
    assert {at: item for at, item in world.table.items.items() if "PAST" in at[0] + at[1]} == stood


# Numbers that change (B11).


def id_map(*pairs: tuple[str, str, str]) -> Files:
    return {"id_map.csv": "kind,oldSourcedId,newSourcedId\n" + "".join(",".join(pair) + "\n" for pair in pairs)}


def recreates(world: World, class_id: str = "c1") -> None:
    """The teacher of a class, linked to an account, recreated a goal and an assignment of an old class in it."""
    found = world.classes.get("lakeside", class_id)
    assert found is not None
    for kind in ("goal", "assignment"):
        source = Source("ada", "own", f"{kind}:{kind}")
        event = {"PK": f"OUTBOX#{kind}-{class_id}", "SK": "EVENT"}
        common: dict[str, Any] = {"event": event, "created_at": "2026-09-01", "source": source, "since": found.since}
        if kind == "goal":
            world.work.add_goal("lakeside", class_id, Goal(f"{kind}-{class_id}", "Equations", ("a",)), **common)
        else:
            world.work.add_assignment("lakeside", class_id, Assignment(f"{kind}-{class_id}", "Quiz", "q"), **common)


def linked(world: World, who: str = "t1", account_id: str = "ada") -> None:
    world.table.put_item(
        Item={"PK": f"USER#lakeside#{who}", "SK": "LINK", "state": "linked", "account_id": account_id, "version": 1}
    )


def recreated_in(world: World) -> set[tuple[str, str]]:
    """(what, class id) of all that is noted as recreated."""
    return {(work_id, into) for work_id, _, into, _ in world.work.recreated("ada", "own")}


def test_what_was_recreated_follows_the_class_to_its_new_id() -> None:
    world = a_world()
    upload(world, files("y27"))
    linked(world)
    recreates(world)
    upload(world, files("y27", class_id="c9") | id_map(("class", "c1", "c9")), OCTOBER)
    assert goals(world, "c9") == ["Equations"]
    assert recreated_in(world) == {("goal:goal", "c9"), ("assignment:assignment", "c9")}
    with pytest.raises(Exception, match="already"):
        recreates(world, "c9")


def test_work_recreated_last_year_can_be_made_in_the_next_class_of_the_id() -> None:
    world = a_world()
    upload(world, files("y27"))
    recreates(world)
    upload(world, files("y28", course="k2"), NEXT_SEPTEMBER)
    found = world.classes.get("lakeside", "c1")
    assert found is not None
    assert found.since not in {since for *_, since in world.work.recreated("ada", "own")}, "nothing is ticked off"
    world.work.add_goal(
        "lakeside", "c1", Goal("again", "Equations", ("a",)), created_at="2027-09-15", since=found.since,
        source=Source("ada", "own", "goal:goal"), event={"PK": "OUTBOX#again", "SK": "EVENT"},
    )  # fmt: skip
    assert goals(world) == ["Equations"]
    assert past_of(world, key("t1")) == {"Period 3 2026-27": ["Equations"]}


def two_classes(one: str, other: str) -> Files:
    rows = f"{one},,,Period 3,k1,scheduled,o1,y27\n{other},,,Period 4,k2,scheduled,o1,y27\n"
    members = enrolled("t1", "teacher", one) + enrolled("s1", class_id=one) + enrolled("t2", "teacher", other)
    members += enrolled("s2", class_id=other)
    base = roster(PEOPLE, classes=rows, enrollments=members)
    return {**base, "academicSessions.csv": SESSIONS, "courses.csv": COURSES}


def test_two_classes_that_change_ids_take_their_work_along() -> None:
    world = a_world()
    upload(world, two_classes("c1", "c2"))
    linked(world)
    recreates(world, "c1")
    makes(world, "Cells", "c2")
    upload(world, two_classes("c2", "c1") | id_map(("class", "c1", "c2"), ("class", "c2", "c1")), OCTOBER)
    assert (goals(world, "c2"), goals(world, "c1")) == (["Equations"], ["Cells"])
    assert recreated_in(world) == {("goal:goal", "c2"), ("assignment:assignment", "c2")}
    assert past_of(world, key("t1")) == past_of(world, key("t2")) == {}
    touched = two_classes("c2", "c1") | id_map(("class", "c1", "c2"), ("class", "c2", "c1"))
    touched["users.csv"] = str(touched["users.csv"]).replace("Ada", "Adah")
    report = upload(world, touched)
    assert (goals(world, "c2"), goals(world, "c1")) == (["Equations"], ["Cells"]), "the same map says nothing new"
    assert (report["rejects"], "id_map_used" in codes(report)) == ([], True)


def test_a_past_term_of_a_class_keeps_its_goals_when_the_class_gets_another_id() -> None:
    world = a_world()
    upload(world, files("y27"))
    makes(world, "Equations")
    upload(world, files("y28", students="s2"), NEXT_SEPTEMBER)
    upload(world, files("y28", students="s2", class_id="c9") | id_map(("class", "c1", "c9")))
    assert goals(world, "c9") == ["Equations"]
    assert past_of(world, key("s1")) == {"Period 3 2026-27": ["Equations"]}


def test_a_class_that_gets_the_id_of_one_that_left_brings_its_own_goals_alone() -> None:
    world = a_world()
    upload(world, two_classes("c1", "c2"))
    makes(world, "Equations", "c1")
    makes(world, "Cells", "c2")
    rows = "c1,,,Period 3,k1,scheduled,o1,y27\n"
    alone = {**two_classes("c1", "c2"), "classes.csv": CLASSES + rows}
    alone["enrollments.csv"] = ENROLLMENTS + enrolled("t1", "teacher", "c1") + enrolled("s1", class_id="c1")
    upload(world, alone, OCTOBER)
    upload(world, files("y27", class_id="c2") | id_map(("class", "c1", "c2")))
    assert goals(world, "c2") == ["Equations"]
    assert past_of(world, key("t2")) == {"Period 4 2026-27": ["Cells"]}


def with_numbers(**numbers: str) -> Files:
    """A roster without classes in which people have other numbers."""
    renamed = files()
    text = str(renamed["users.csv"])
    for old, new in numbers.items():
        name = {"t1": "Ada", "t2": "Ben"}.get(old, "Kim")
        line = next(line for line in text.splitlines() if line.startswith(f"{old},"))
        text = text.replace(line, line.replace(f"{old},", f"{new}!,", 1).replace(f",{old},", f",{name}{old},"))
    renamed["users.csv"] = text.replace("!", "")
    return renamed


@pytest.mark.parametrize("numbers", [{"t1": "n1", "s1": "n2"}, {"t1": "t2", "t2": "t1", "s1": "s2", "s2": "s1"}])
def test_places_follow_people_to_their_new_numbers(numbers: dict[str, str]) -> None:
    world = a_world()
    upload(world, files("y27"))
    makes(world, "Equations")
    upload(world, files(), JULY)
    kinds = {"t": "teacher", "s": "student"}
    mapped = id_map(*((kinds[old[0]], old, new) for old, new in numbers.items()))
    upload(world, with_numbers(**numbers) | mapped)
    had = past_of(world, key(numbers["t1"]))
    assert had == past_of(world, key(numbers["s1"])) == {"Period 3 2026-27": ["Equations"]}
    for other in ({"t1", "t2", "s1", "s2"} - {numbers["t1"], numbers["s1"]}) & set(numbers.values()):
        assert past_of(world, key(other)) == {}
    assert students_of(world, numbers["t1"]) == [numbers["s1"]]


def students_of(world: World, teacher: str) -> list[str]:
    """Who is shown to the teacher of one past class."""
    person: RosterUser | None = world.users.get(key(teacher))
    assert person is not None
    (place,) = world.classes.past.places([person], world.now.date())[person.key]
    past = world.classes.past.get("lakeside", (place.class_id, place.noted_by))
    assert past is not None
    return sorted(each.sourced_id for each in world.classes.past.students(past, world.now.date()))


def test_a_classmate_who_gets_the_number_of_another_is_not_taken_for_that_one() -> None:
    world = a_world()
    upload(world, files("y27", students="s1 s2"))
    upload(world, files(), JULY)
    upload(world, with_numbers(s1="n9", s2="s1") | id_map(("student", "s1", "n9"), ("student", "s2", "s1")))
    assert students_of(world, "t1") == ["n9", "s1"]


def test_what_earlier_classes_of_an_id_had_stays_when_the_present_one_moves() -> None:
    world = a_world()
    upload(world, files("y27"))
    makes(world, "Equations")
    upload(world, files("y28", teacher="t2"), NEXT_SEPTEMBER)
    makes(world, "Cells")
    upload(world, files("y28", teacher="t2", class_id="c9") | id_map(("class", "c1", "c9")))
    assert goals(world, "c9") == ["Cells"]
    assert past_of(world, key("t1")) == {"Period 3 2026-27": ["Equations"]}


def test_what_was_recreated_in_two_classes_that_change_ids_is_noted_of_both() -> None:
    world = a_world()
    one, other = (two_classes(*ids) for ids in (("c1", "c2"), ("c2", "c1")))
    for each in (one, other):
        each["enrollments.csv"] = str(each["enrollments.csv"]).replace(",t2,", ",t1,")
    upload(world, one)
    linked(world)
    for class_id in ("c1", "c2"):
        recreates(world, class_id)
    before = recreated_in(world)
    upload(world, other | id_map(("class", "c1", "c2"), ("class", "c2", "c1")), OCTOBER)
    assert recreated_in(world) == before
    assert (goals(world, "c1"), goals(world, "c2")) == (["Equations"], ["Equations"])


def test_a_past_class_of_very_many_students_is_whole() -> None:
    world = a_world()
    many = [f"m{n}" for n in range(900)]
    rows, members = "".join(user(each) for each in many), "".join(enrolled(each) for each in many)
    whole = files("y27")
    whole["users.csv"] = str(whole["users.csv"]) + rows
    whole["enrollments.csv"] = str(whole["enrollments.csv"]) + members
    upload(world, whole)
    gone = files()
    gone["users.csv"] = whole["users.csv"]
    upload(world, gone, JULY)
    assert len(students_of(world, "t1")) == 901


# A district through three school years.

CLASS_IDS, TEACHERS, STUDENTS = ("c1", "c2"), ("t1", "t2"), ("s1", "s2", "s3")


@st.composite
def nights(draw: st.DrawFn) -> list[tuple[datetime, dict[str, tuple[str, str, str, tuple[str, ...]]]]]:
    """When, and which classes there are then: term, course, teacher, students of each."""
    at, found = SEPTEMBER, list[tuple[datetime, dict[str, tuple[str, str, str, tuple[str, ...]]]]]()
    for _ in range(draw(st.integers(3, 6))):
        at += timedelta(days=draw(st.sampled_from((1, 20, 90, 200))))
        terms = ("f26", "s27", "y27", "x") if at < JULY else ("y28", "y27", "x")
        classes = {
            class_id: (
                draw(st.sampled_from(terms)), draw(st.sampled_from(("k1", "k2"))), draw(st.sampled_from(TEACHERS)),
                tuple(draw(st.lists(st.sampled_from(STUDENTS), unique=True, max_size=2))),
            )
            for class_id in draw(st.lists(st.sampled_from(CLASS_IDS), unique=True))
        }  # fmt: skip
        found.append((at, classes))
    return found


def is_over(term: str, at: datetime) -> bool:
    return ENDS.get(term, "9999") <= at.date().isoformat()


@settings(max_examples=depth(25, 250), suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(nights())
def test_whoever_had_a_class_at_its_end_looks_back_at_it_and_nobody_else(
    found: list[tuple[datetime, dict[str, tuple[str, str, str, tuple[str, ...]]]]],
) -> None:
    world = a_world()
    ever: dict[str, set[str]] = {who: set() for who in TEACHERS + STUDENTS}
    before: dict[str, tuple[str, str, str, tuple[str, ...]]] = {}
    at_end: dict[str, tuple[datetime, str, set[str]]] = {}
    for number, (at, classes) in enumerate(found):
        rows = "".join(f"{each},,,{each},{c},scheduled,o1,{term}\n" for each, (term, c, _, _) in classes.items())
        members = "".join(
            enrolled(teacher, "teacher", each) + "".join(enrolled(student, class_id=each) for student in students)
            for each, (_, _, teacher, students) in classes.items()
        )
        base = roster(PEOPLE, classes=rows, enrollments=members)
        upload(world, {**base, "academicSessions.csv": SESSIONS, "courses.csv": COURSES}, at)
        for class_id in classes:
            # A goal says who made it, and in what.
            makes(world, f"{class_id} {classes[class_id][2]} {number}", class_id)
        for class_id, (_, _, teacher, students) in classes.items():
            for who in (teacher, *students):
                ever[who].add(class_id)
        for class_id, (term, _, teacher, students) in before.items():
            if is_over(term, at) and not is_over(term, found[number - 1][0]):
                at_end[class_id] = (at, term, {teacher, *students})
        for class_id in before.keys() - classes.keys():
            term, _, teacher, students = before[class_id]
            had_it = {teacher, *students}
            if is_over(term, found[number - 1][0]):
                # Whoever came to it once it was over had no class there to look back at.
                noted_on, noted_term, had_it = at_end.get(class_id, (at, term, set()))
                had_it = had_it if noted_term == term and (at - noted_on).days < KEPT_DAYS else set()
            for who in had_it:
                # What was there and is gone now is past for those who had it.
                assert class_id in {title.split()[0] for title in past_of(world, key(who))}
        for who, had in ever.items():
            assert {title.split()[0] for title in past_of(world, key(who))} <= had, "never a class that one had not"
        for class_id, (term, _, teacher, _) in classes.items():
            if _is_of_later_term(before.get(class_id), term, teacher):
                assert goals(world, class_id) == [f"{class_id} {teacher} {number}"], "nothing of the earlier teacher"
        before = classes
    assert world.ses.sent == []


def _is_of_later_term(stood: tuple[str, str, str, tuple[str, ...]] | None, term: str, teacher: str) -> bool:
    """Whether a class is taught by somebody else in a term that surely is a later one than it was in."""
    order = {"f26": 1, "s27": 2, "y27": 2, "y28": 3}
    return stood is not None and teacher != stood[2] and 0 < order.get(stood[0], 0) < order.get(term, 0)
