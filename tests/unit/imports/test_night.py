"""A night that reads only what differs from yesterday's upload ends as one that reads all rows: byte for byte (M4, M5).

A difference would be somebody who is removed, or stays, without the roster's word. So both are run, and all that they leave is
compared: table, snapshots, reports.
"""

from __future__ import annotations

import io
import json
import random
from array import array
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.json import decode as json_decoded

from functions.import_step import encoding, line_feeds, night, plan, row_choice, same_rows
from functions.import_step.archive import RosterFile
from functions.import_step.line_feeds import FeedCount, LineFeeds
from functions.import_step.people_count import PeopleCount
from functions.import_step.records import PersonRecord, packed
from functions.import_step.row_marks import mark_of
from functions.import_step.same_rows import Difference, TooDifferent, difference
from functions.import_step.standing_people import PassedOver
from functions.import_step.steps import ingest
from functions.import_step.working_files import PEOPLE_RESULT
from shared.domain.roster import Role
from shared.stores.import_files import ImportFiles
from tests.bad_uploads.accepted_with_notes import ACCEPTED_WITH_NOTES
from tests.bad_uploads.dangerous_if_accepted import DANGEROUS_IF_ACCEPTED
from tests.bad_uploads.rows import ROWS
from tests.bad_uploads.valid_rosters import EVERY_FORMAT
from tests.depth import depth
from tests.harness import World
from tests.roster_facts import Roster, rosters

type Files = dict[str, str | bytes]
type Left = dict[Any, Any]

USERS = "sourcedId,status,orgSourcedIds,role,username,givenName,familyName,email,userIds,enabledUser\n"
ENROLLMENTS = "sourcedId,classSourcedId,schoolSourcedId,userSourcedId,role,beginDate,endDate\n"
CLASSES = "sourcedId,title,classType,courseSourcedId,schoolSourcedId,termSourcedIds\n"


@pytest.fixture(autouse=True)
def small_districts_have_nights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(night, "MOST_TOUCHED", 1_000)
    monkeypatch.setattr(night, "FEWEST_PEOPLE", 0)


def imported(uploads: Sequence[Files], *, whole: bool = False, is_loose: bool = False, days: int = 0) -> World:
    """A district after these uploads, with so many days between them."""
    world = World()
    world.register(removal_threshold_percent=100, removal_threshold_count=1_000)
    with pytest.MonkeyPatch.context() as monkeypatch:
        if whole:
            monkeypatch.setattr(ingest, "reading_of", lambda *_: "")
        for number, files in enumerate(uploads):
            if is_loose:
                for name, body in {**files, "_complete": b""}.items():
                    world.put(f"rosters/lakeside/{number}/{name}", body.encode() if isinstance(body, str) else body)
            else:
                world.upload(files, name=f"night-{number}")
            world.pass_time(days=days)
    return world


def left_by(world: World) -> Left:
    """All that imports leave, but for working files and what tells the next night how to read; and the harm that was counted."""
    files = {
        key: body
        for key, body in world.s3.objects.items()
        if key[0] != "rosters" and not key[1].startswith("work/") and "/rows-" not in key[1] and body
    }
    harm = {
        key: PEOPLE_RESULT.decode(body).harm
        for key, body in world.s3.objects.items()
        if PEOPLE_RESULT.name in key[1] and not key[1].endswith("extents.jsonl")
    }
    return {**files, **world.table.items, "harm": harm}


def nights_of(world: World) -> list[str]:
    """How each import read its rows: ``reads`` is a night's way."""
    opened = sorted(key for key in world.s3.objects if key[1].endswith("/opened.jsonl"))
    return [json.loads(world.s3.objects[key]).get("night", "") for key in opened]


def classes_passed_over(world: World) -> list[bool]:
    """Whether of classes, too, each import read no more rows than of those that differ."""
    plans = sorted(key for key in world.s3.objects if key[1].endswith("/plan.jsonl"))
    return [json.loads(world.s3.objects[key]).get("passes_classes", False) for key in plans]


def then_both_ways_agree(*uploads: Files, is_loose: bool = False, days: int = 0) -> list[str]:
    by_night, by_whole = (imported(uploads, whole=whole, is_loose=is_loose, days=days) for whole in (False, True))
    assert left_by(by_night) == left_by(by_whole)
    return nights_of(by_night)


def district(people: int = 12) -> dict[str, list[str]]:
    """The rows of a small district: each student in two classes."""
    users = [f"s{n},,o1,student,s{n},Ann,Lee {n},s{n}@lakeside.example" for n in range(people)]
    users.append("t1,,o1,teacher,t1,Ada,Teacher,t1@lakeside.example")
    users += [f"a{n},,o1,districtAdministrator,a{n},Kim,Lead {n},a{n}@lakeside.example" for n in (1, 2)]
    enrollments = [
        f"e{n}-{c},{c},o1,s{n},student,2026-08-17,2027-06-04" for n in range(people) for c in ("c1", f"c{2 + n % 2}")
    ]
    enrollments += [f"et-{c},{c},o1,t1,teacher,2026-08-17,2027-06-04" for c in ("c1", "c2", "c3")]
    return {
        "users": users,
        "enrollments": enrollments,
        "classes": [f"c{n},Class {n},scheduled,,o1," for n in (1, 2, 3)],
    }


def files_of(rows: dict[str, list[str]]) -> Files:
    heads = {"users": USERS, "enrollments": ENROLLMENTS, "classes": CLASSES}
    # Of the last two columns of users.csv nobody has anything.
    ends = {"users": ",,\n"}
    files: Files = {
        f"{name}.csv": heads[name] + "".join(f"{row}{ends.get(name, '\n')}" for row in of) for name, of in rows.items()
    }
    return {**files, "orgs.csv": "sourcedId,name,type\no1,Lakeside,school\n"}


def changed(rows: dict[str, list[str]], file: str, change: Callable[[list[str]], Any]) -> dict[str, list[str]]:
    of = list(rows[file])
    change(of)
    return {**rows, file: of}


def without(*which: str) -> Callable[[list[str]], None]:
    def change(rows: list[str]) -> None:
        rows[:] = [row for row in rows if row.split(",")[0] not in which]

    return change


def reworded(before: str, after: str) -> Callable[[list[str]], None]:
    def change(rows: list[str]) -> None:
        rows[:] = [row.replace(before, after) for row in rows]

    return change


def nothing(_rows: list[str]) -> None: ...


CHANGES: dict[str, tuple[str, Callable[[list[str]], Any]]] = {
    "a name": ("users", reworded("Lee 3", "Moor")),
    "an address": ("users", reworded("s4@", "s4.new@")),
    "a role": ("users", reworded("s5,,o1,student", "s5,,o1,teacher")),
    "somebody who leaves with enrollments that stay": ("users", without("s2")),
    "one of the administrators, who leaves": ("users", without("a2")),
    "all administrators, who leave": ("users", without("a1", "a2")),
    "somebody who comes": ("users", lambda rows: rows.insert(3, "s90,,o1,student,s90,Bo,New,s90@lakeside.example")),
    "somebody with another's address": ("users", lambda rows: rows.append("s91,,o1,student,x,Cy,Y,s1@lakeside.example")),
    "somebody under two numbers": ("users", lambda rows: rows.append("s92,,o1,student,x,Ann,Lee 1,s1@lakeside.example")),
    "somebody under a new number": ("users", reworded("s6,,o1,student,s6", "s66,,o1,student,s66")),
    "two numbers that change places": ("users", lambda rows: rows.extend([rows.pop(1).replace("s1,", "s2,", 1)])),
    "a row twice": ("users", lambda rows: rows.append(rows[0])),
    "a person on two rows": ("users", lambda rows: rows.append(rows[0].replace("o1", "o2"))),
    "a row without a name": ("users", reworded("Ann,Lee 7", ",")),
    "a row too short": ("users", reworded("s8,,o1,", "s8,,")),
    "a few rows too short": ("users", lambda rows: [rows.append(f"s7{n},,o1,student,x,Di,Short {n}") for n in range(4)]),
    "a quote": ("users", reworded("Lee 2", '"Lee, 2"')),
    "a quote over two lines": ("users", reworded("Lee 2", '"Lee\n2"')),
    "other rows first": ("users", lambda rows: rows.reverse()),
    "a blank row": ("users", lambda rows: rows.insert(2, "")),
    "a guardian": ("users", lambda rows: rows.append("g1,,o1,guardian,g1,Pa,Lee,")),
    "an enrollment that ends": ("enrollments", without("e3-c1")),
    "an enrollment that comes": ("enrollments", lambda rows: rows.append("e99,c3,o1,s2,student,,")),
    "another class": ("enrollments", reworded("e4-c1,c1", "e4-c1,c3")),
    "a class of somebody unknown": ("enrollments", lambda rows: rows.append("e99,c3,o1,nobody,student,,")),
    "an unknown class": ("enrollments", lambda rows: rows.append("e99,c9,o1,s2,student,,")),
    "a repeated enrollment": ("enrollments", lambda rows: rows.append("e98,c1,o1,s2,student,,")),
    "an enrollment that is over": ("enrollments", reworded("e5-c1,c1,o1,s5,student,2026-08-17,2027-06-04",
                                                         "e5-c1,c1,o1,s5,student,2026-08-17,2026-08-20")),
    "a date to be read in two ways": ("enrollments", reworded("e5-c1,c1,o1,s5,student,2026-08-17,2027-06-04",
                                                            "e5-c1,c1,o1,s5,student,2026-08-17,3/4/2026")),
    "a student as a teacher": ("enrollments", reworded("s6,student", "s6,teacher")),
    "a class that goes while people are in it": ("classes", without("c3")),
    "a class that is renamed": ("classes", reworded("Class 2", "Class II")),
    "a class that is deleted": ("classes", reworded("c3,Class 3", "c3,")),
    "a class that comes": ("classes", lambda rows: rows.append("c4,Class 4,scheduled,,o1,")),
    "a class that comes first": ("classes", lambda rows: rows.insert(0, "c0,Class 0,scheduled,,o1,")),
    "a class on two rows": ("classes", lambda rows: rows.append("c2,Class 2,scheduled,,o1,")),
    "a class without a title": ("classes", reworded("Class 2", "")),
    "a class of a course that is not there": ("classes", reworded("Class 2,scheduled,", "Class 2,scheduled,k9")),
}  # fmt: skip


_OTHERS = (
    "a name",
    "an enrollment that ends",
    "somebody with another's address",
    "a class that goes while people are in it",
)


@pytest.mark.parametrize("change", CHANGES)
def test_a_night_is_what_the_whole_roster_says(change: str) -> None:
    """When yesterday's roster changes, and changes back."""
    day, night_after = files_of(district()), files_of(changed(district(), *CHANGES[change]))
    then_both_ways_agree(day, night_after, day)


@pytest.mark.slow
@pytest.mark.parametrize("first", CHANGES)
def test_two_nights_are_what_the_whole_roster_says(first: str) -> None:
    """When something was to be told of yesterday's roster, and it changes once more."""
    day, yesterday = district(), changed(district(), *CHANGES[first])
    for second in _OTHERS:
        file, change = CHANGES[second]
        then_both_ways_agree(files_of(day), files_of(yesterday), files_of(changed(yesterday, file, change)))


def test_an_ordinary_night_reads_who_differs_alone() -> None:
    rows = district()
    nights = then_both_ways_agree(
        files_of(rows),
        files_of(changed(rows, *CHANGES["a name"])),
        files_of(changed(rows, *CHANGES["an enrollment that ends"])),
    )
    assert nights == ["", "reads", "reads"]


def test_the_rows_of_whoever_something_was_said_are_read_every_night() -> None:
    rows = district()
    for name in ("a guardian", "a repeated enrollment", "a student as a teacher", "a row twice"):
        rows = changed(rows, *CHANGES[name])
    night_after = files_of(changed(rows, *CHANGES["a name"]))
    assert then_both_ways_agree(files_of(rows), night_after, files_of(rows)) == ["", "reads", "reads"]


def with_terms(rows: dict[str, list[str]]) -> Files:
    """The files, with two terms, of which one soon ends, and two courses."""
    terms = ("y,Year,schoolYear,2026-08-01,2027-07-01,2027", "f,Fall,term,2026-08-01,2026-09-06,2027",
             "w,Winter,term,2026-09-06,2027-02-01,2027")  # fmt: skip
    return files_of(rows) | {
        "academicSessions.csv": "sourcedId,title,type,startDate,endDate,schoolYear\n" + "\n".join(terms) + "\n",
        "courses.csv": "sourcedId,title\nk1,Algebra\nk2,Biology\n",
    }


def in_terms(people: int = 12) -> dict[str, list[str]]:
    """A district whose classes have courses and terms."""
    return {
        **district(people),
        "classes": [f"c{n},Class {n},scheduled,k{1 + n % 2},o1,{'fw'[n % 2]}" for n in range(1, 9)],
    }


def test_an_ordinary_night_reads_the_classes_that_differ_alone() -> None:
    rows = in_terms()
    for file, change in (CHANGES["a name"], CHANGES["a class that is renamed"], CHANGES["a class that comes first"]):
        uploads = [with_terms(rows), with_terms(changed(rows, file, change))] * 2
        assert classes_passed_over(imported(uploads)) == [False, True, True, True]
        then_both_ways_agree(*uploads)


@pytest.mark.parametrize("file", ["courses.csv", "academicSessions.csv"])
def test_what_classes_refer_to_lets_all_of_them_be_read(file: str) -> None:
    day, rows = with_terms(in_terms()), changed(in_terms(), *CHANGES["a name"])
    night_after = with_terms(rows)
    night_after[file] = (
        str(night_after[file]).replace("Algebra", "Geometry").replace("2026-09-06,2027", "2026-10-06,2027")
    )
    assert then_both_ways_agree(day, night_after, day) == ["", "reads", "reads"]
    assert classes_passed_over(imported([day, night_after])) == [False, False]


@pytest.mark.parametrize("name", ["a class on two rows", "a class of a course that is not there"])
def test_where_something_was_said_of_a_class_all_are_read_the_next_night(name: str) -> None:
    day = changed(in_terms(), *CHANGES[name])
    if name == "a class of a course that is not there":
        day = changed(day, "classes", reworded("Class 2,scheduled,k1", "Class 2,scheduled,k9"))
    uploads = [with_terms(day), with_terms(changed(day, *CHANGES["a name"]))]
    assert then_both_ways_agree(*uploads) == ["", "reads"]
    assert classes_passed_over(imported(uploads)) == [False, False]


def test_a_class_whose_term_ends_tonight_is_past_though_no_row_differs() -> None:
    """Given classes of a term that is over by the second night, and a teacher who comes to one of them on the fourth."""
    rows = in_terms()
    nights = [rows, changed(rows, *CHANGES["a name"]), changed(rows, *CHANGES["an address"])]
    nights.append(changed(rows, "enrollments", lambda rows: rows.append("et-c4,c4,o1,t1,teacher,,")))
    uploads = [with_terms(of) for of in (*nights, rows)]
    world = imported(uploads, days=3)
    assert classes_passed_over(world)[1:] == [True] * 4
    assert any("/history-" in key[1] and body for key, body in world.s3.objects.items())
    then_both_ways_agree(*uploads, days=3)


def test_a_class_that_may_be_another_one_is_looked_at_though_no_row_differs() -> None:
    """Given a class that moves on to a later term while nobody teaches it, and gets another teacher the night after."""
    rows = changed(in_terms(), "users", lambda rows: rows.append("t2,,o1,teacher,t2,Bea,Other,t2@lakeside.example"))
    rows = changed(rows, "enrollments", lambda rows: rows.append("et-c4,c4,o1,t1,teacher,,"))
    without_teacher = changed(rows, "enrollments", without("et-c4"))
    moved = changed(without_teacher, "classes", reworded("Class 4,scheduled,k1,o1,f", "Class 4,scheduled,k1,o1,w"))
    taught = changed(moved, "enrollments", lambda rows: rows.append("et-c4,c4,o1,t2,teacher,,"))
    uploads = [with_terms(of) for of in (rows, without_teacher, moved, taught)]
    assert classes_passed_over(imported(uploads)) == [False, True, True, True]
    then_both_ways_agree(*uploads)


@pytest.mark.deep
@given(st.integers(0, 10**6))
@settings(max_examples=depth(5, 60))
def test_any_nights_of_classes_are_what_the_whole_says(seed: int) -> None:
    dice, rows = random.Random(seed), in_terms()
    nights = [with_terms(rows)]
    for number in range(4):
        for _ in range(dice.randrange(1, 4)):
            file = dice.choice(("users", "enrollments", "classes", "classes"))
            rows = changed(
                rows, file, partial(_rolled_class if file == "classes" else _rolled, dice=dice, number=number)
            )
        nights.append(with_terms(rows))
    then_both_ways_agree(*nights, days=dice.choice((0, 1, 4, 90)))


def _rolled_class(rows: list[str], dice: random.Random, number: int) -> None:
    """One change of rows about classes."""
    place = dice.randrange(len(rows)) if rows else 0
    match dice.randrange(6):
        case 0 if len(rows) > 2:
            del rows[place]
        case 1 if rows:
            rows[place] = rows[place].replace("Class", f"Group {number}", 1)
        case 2 if rows:
            rows[place] = rows[place].replace(*dice.choice(((",f", ",w"), (",w", ",f"), ("k1", "k2"), ("k2", ""))))
        case 3 if rows:
            rows.append(rows.pop(place))
        case _:
            rows.insert(place, f"c{dice.randrange(12)},New {number},scheduled,k1,o1,{dice.choice('fw')}")


@pytest.mark.deep
@given(st.data())
@settings(max_examples=depth(15, 200))
def test_nights_of_any_roster_are_what_the_whole_says(data: st.DataObject) -> None:
    one = data.draw(rosters("1.1"))
    others = [Roster("1.1", {**other.facts, "orgs": one.facts["orgs"]}) for other in data.draw(st.lists(
        rosters("1.1"), min_size=1, max_size=3))]  # fmt: skip
    then_both_ways_agree(*(roster.files() for roster in (one, *others, one)))


@pytest.mark.deep
@given(st.integers(0, 10**6))
@settings(max_examples=depth(6, 60))
def test_any_nights_of_a_district_in_pieces_are_what_the_whole_says(seed: int) -> None:
    """Given files of several pieces, from which rows go, into which others come, and which begin elsewhere than yesterday."""
    dice, rows = random.Random(seed), district(40)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(encoding.scan, "__kwdefaults__", {"piece": 600})
        monkeypatch.setattr(plan, "PIECE", 600)
        monkeypatch.setattr(line_feeds, "GRID", dice.choice((8, 100, 2048)))
        monkeypatch.setattr(row_choice, "_READ", dice.choice((30, 1000)))
        nights = [files_of(rows)]
        for number in range(3):
            for _ in range(dice.randrange(1, 5)):
                file = dice.choice(("users", "enrollments", "enrollments"))
                rows = changed(rows, file, partial(_rolled, dice=dice, number=number))
            nights.append(files_of(rows))
        then_both_ways_agree(*nights, is_loose=True)


def _rolled(rows: list[str], dice: random.Random, number: int) -> None:
    """One change of rows: some go, one is another, one comes, or some stand elsewhere."""
    place, many = dice.randrange(len(rows)), dice.randrange(1, 6)
    match dice.randrange(5):
        case 0:
            del rows[place : place + many]
        case 1:
            rows[place] = rows[place].replace("Lee", f"Moor{number}").replace(",c1,", ",c3,")
        case 2:
            first, *rest = rows[place].split(",")
            rows.insert(dice.randrange(len(rows)), ",".join((f"{first}x{number}", *rest)))
        case 3:
            moved = rows[place : place + many]
            del rows[place : place + many]
            rows[0:0] = moved
        case 4:
            rows[place] = rows[place].replace("student", "teacher")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["rows", "notes", "dangerous"])
def test_nights_with_a_broken_upload_are_what_the_whole_says(kind: str) -> None:
    cases = {"rows": ROWS, "notes": ACCEPTED_WITH_NOTES, "dangerous": DANGEROUS_IF_ACCEPTED}[kind]
    good = next(roster for roster in EVERY_FORMAT if roster.format == "OneRoster 1.1")
    for case in cases:
        if {"users.csv", "enrollments.csv"} <= case.upload.keys() and sum(map(len, case.upload.values())) < 100_000:
            then_both_ways_agree(good.files, case.upload, case.upload, good.files)


def test_a_zip_whose_name_another_one_has_by_now_is_not_yesterdays() -> None:
    """Without versions in the bucket, yesterday's upload would be today's, and nobody would differ."""
    world, rows = World(), district()
    world.register(removal_threshold_percent=100, removal_threshold_count=1_000)
    for of in (rows, changed(rows, "users", without("s2"))):
        report = world.upload(files_of(changed(of, "enrollments", without("e2-c1", "e2-c2"))))
    assert (report["users"]["removed"], nights_of(world)) == (1, ["", "whole"])


def test_a_large_zip_is_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """A piece of it cannot be read without all that lies before it; loose files are read in pieces."""
    monkeypatch.setattr(encoding.scan, "__kwdefaults__", {"piece": 600})
    monkeypatch.setattr(plan, "PIECE", 600)
    uploads = [files_of(district(40)), files_of(changed(district(40), *CHANGES["a name"]))]
    assert [nights_of(imported(uploads, is_loose=loose))[1] for loose in (False, True)] == ["", "reads"]


def test_a_date_that_passes_lets_all_rows_be_read() -> None:
    rows = changed(district(), "enrollments", reworded("2027-06-04", "2026-09-03"))
    for days, way in ((0, "reads"), (3, "")):
        world = World()
        world.register(removal_threshold_percent=100, removal_threshold_count=1_000)
        world.upload(files_of(rows), name="one")
        world.pass_time(days=days)
        world.upload(files_of(changed(rows, *CHANGES["a name"])), name="two")
        assert nights_of(world)[1] == way


def test_whoever_was_deleted_on_request_comes_back_as_new() -> None:
    """Their rows do not differ: yet nothing stands of them."""
    world, rows = imported([files_of(district())]), district()
    assert ImportFiles(world.s3, "snapshots").forget_person("lakeside", "s1")
    report = world.upload(files_of(changed(rows, *CHANGES["a name"])), name="two")
    assert (report["users"]["created"], report["users"]["changed"]) == (1, 1)


def test_where_few_stand_it_is_not_worth_to_compare(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(night, "FEWEST_PEOPLE", 16)
    assert nights_of(imported([files_of(district()), files_of(changed(district(), *CHANGES["a name"]))]))[1] == ""


def test_another_version_of_this_code_reads_all_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may read the same rows otherwise."""
    world = imported([files_of(district())])
    reading_of = night.reading_of
    monkeypatch.setattr(ingest, "reading_of", lambda upload, hashes, _code: reading_of(upload, hashes, "2"))
    world.upload(files_of(changed(district(), *CHANGES["a name"])), name="two")
    assert nights_of(world)[1] == ""


READ_OTHERWISE: dict[str, Callable[[str], str | bytes]] = {
    "schools": lambda body: body.replace("Lakeside,", "Lake View,"),
    "columns": lambda body: body.replace("username", "identifier,username"),
    "order of columns": lambda body: body.replace("givenName,familyName", "familyName,givenName"),
    "header": lambda body: body.replace("sourcedId,", "SourcedId,", 1),
    "byte order mark": lambda body: b"\xef\xbb\xbf" + body.encode(),
    "encoding": lambda body: body.replace("Ann", "Ann\u00e9").encode("utf-16"),
}
"""What all rows are read under, when it is another than yesterday."""


@pytest.mark.parametrize("other", READ_OTHERWISE)
def test_all_rows_are_read_that_may_mean_something_else(other: str) -> None:
    day = files_of(district())
    file = "orgs.csv" if other == "schools" else "users.csv"
    assert nights_of(imported([day, {**day, file: READ_OTHERWISE[other](str(day[file]))}]))[1] == ""


def test_people_with_one_mark_are_not_taken_for_each_other() -> None:
    """Given two numbers with the same 32 bits, of which one leaves, or another person comes to have them: a mark chooses rows that
    are read, and the id itself says who leaves."""
    assert mark_of("plumless") == mark_of("buckeroo")
    users = [f"{key},,o1,student,{key},Ann,{key.title()},{key}@lakeside.example" for key in ("plumless", "buckeroo")]
    enrollments = [f"e-{key},c1,o1,{key},student,2026-08-17,2027-06-04" for key in ("plumless", "buckeroo")]
    both = changed(
        changed(district(), "users", lambda rows: rows.extend(users)),
        "enrollments",
        lambda rows: rows.extend(enrollments),
    )
    one = changed(changed(both, "users", without("plumless")), "enrollments", without("e-plumless"))
    assert then_both_ways_agree(files_of(both), files_of(one), files_of(both)) == ["", "reads", "reads"]
    world = imported([files_of(both), files_of(one)])
    assert world.latest()["users"]["removed"] == 1
    assert world.table.items["USER#lakeside#buckeroo", "ROSTER"]["active"]


def test_what_the_version_before_compared_lets_all_rows_be_read() -> None:
    """It noted whom rows that differ are about, and not who may have left."""
    world = imported([files_of(district())])
    rows = next(body for key, body in world.s3.objects.items() if key[1].endswith("/rows-0.jsonl"))
    yesterday = json_decoded(rows, type=plan.RowsOfSnapshot)
    assert night.touched_people([plan.RowsCompared(touched=b"")], yesterday) is None
    assert night.touched_people([plan.RowsCompared(touched=b"", gone=[])], yesterday)


def test_a_row_of_several_lines_among_new_ones_lets_all_rows_be_read() -> None:
    rows = changed(district(), "users", reworded("Lee 2", '"Lee\n2"'))
    assert then_both_ways_agree(files_of(district()), files_of(rows)) == ["", "whole"]


def test_a_week_without_a_change_lets_all_rows_be_read_once() -> None:
    """Working files are kept for a week; whom the lines were about is among them."""
    world = imported([files_of(district())])
    for key in [key for key in world.s3.objects if "/row-marks-" in key[1]]:
        del world.s3.objects[key]
    for number, change in enumerate(("a name", "an address")):
        world.upload(files_of(changed(district(), *CHANGES[change])), name=f"later-{number}")
    assert nights_of(world) == ["", "whole", "reads"]


IDS = st.lists(st.text('ab"\\/\u00e9\U0001f600', min_size=1, max_size=4), unique=True, max_size=12)


@given(IDS, st.data())
def test_the_lines_of_touched_people_are_found_among_all_others(ids: list[str], data: st.DataObject) -> None:
    """Whatever letters ids have: a line that is not found would be somebody who comes anew."""
    records = {key: PersonRecord(key, Role.STUDENT, key, "Lee", None, None, [], [], []) for key in sorted(ids)}
    count = PeopleCount(people=len(ids), schools={})
    body = b"".join(map(packed, records.values()))
    touched = data.draw(st.sets(st.sampled_from(["a", "b", "zz", *ids]), max_size=6))
    passed = PassedOver(body, count, touched)
    assert passed.touched == {key: packed(records[key]) for key in touched & records.keys()}
    assert passed.count.people == len(records.keys() - touched)
    come = data.draw(st.sets(st.text('ab"\\c', min_size=1, max_size=3), max_size=3)) - records.keys()
    lines = b""
    for key in sorted(passed.touched.keys() | come):
        lines += bytes(passed.before(key)) + key.encode() + b"\n"
    lines += bytes(passed.rest())
    after = {
        **{key: packed(record) for key, record in records.items()},
        **{key: key.encode() + b"\n" for key in touched & records.keys()},
        **{key: key.encode() + b"\n" for key in come},
    }
    assert lines == b"".join(after[key] for key in sorted(after))


# The lines of two files.


def file_of(lines: Sequence[str]) -> RosterFile:
    body = "\n".join(lines).encode()
    return RosterFile("users.csv", len(body), lambda start, _end: io.BytesIO(body[start:]))


def feeds_of(lines: Sequence[str]) -> LineFeeds:
    """Where these lines lie, as it is noted of their file; read in small blocks."""
    body, count = "\n".join(lines).encode(), FeedCount()
    for start in range(0, len(body), 5):
        count.take(body[start : start + 5])
    return LineFeeds(0, array("I", count.packed()))


LINES = st.lists(st.sampled_from(("a", "b", "cc", "d" * 9, "")), max_size=30)


@given(LINES, LINES, st.sampled_from((1, 2, 3, 7, 1 << 20)))
def test_what_differs_leads_from_one_file_to_the_other(before: list[str], after: list[str], size: int) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name in ("_READ", "_AT_ONCE", "_FIRST"):
            monkeypatch.setattr(same_rows, name, size)
        monkeypatch.setattr(line_feeds, "GRID", 4)
        found = difference(file_of(after), file_of(before), feeds_of(after))
    assert found.new == [after[line - 1].encode() for line in found.lines if line <= len(after)]
    kept = sorted(line.encode() for number, line in enumerate(after, 1) if number not in found.lines)
    if after and not after[-1]:
        # What comes after the last line's end is no line.
        kept = sorted(line.encode() for number, line in enumerate(after[:-1], 1) if number not in found.lines)
    stood = [line.encode() for line in (before if not before or before[-1] else before[:-1])]
    number_of_lines = len(stood)
    for gone in found.gone:
        stood.remove(gone)
    assert sorted(stood) == kept
    assert found.stood == number_of_lines
    assert then_places_lead_on(before, after, found) == after[: len(kept) + len(found.new)]


def then_places_lead_on(before: list[str], after: list[str], found: Difference) -> list[str]:
    """Yesterday's lines, with what the places of the difference say."""
    at, new, lines = 0, iter(found.new), list[str]()
    for place, gone, came in found.places:
        lines += before[at:place]
        lines += [next(new).decode() for _ in range(came)]
        at = place + gone
    return lines + before[at : found.stood]


def test_files_that_have_nothing_in_common_are_not_compared_for_long() -> None:
    lines = [f"a{n}" for n in range(20_000)]
    with pytest.raises(TooDifferent):
        difference(file_of(lines), file_of([f"b{n}" for n in range(20_000)]), feeds_of(lines))
