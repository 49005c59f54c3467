"""A new student information system (B11): everybody has another number, and nobody is removed, mailed again or loses a link."""

from __future__ import annotations

import json
from typing import Any

import pytest

from functions.import_step.plan import Import
from shared.domain.account import Goal
from shared.stores.audit import AuditStore
from shared.stores.outbox import event_item
from tests.builders import account, key
from tests.harness import World, decide, roll_back, zipped
from tests.pages_harness import PASSWORD, Website, log_in

USERS = "sourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,username,userIds,givenName,familyName,email,password\n"
CLASSES = "sourcedId,status,dateLastModified,title,courseSourcedId,classType,schoolSourcedId,termSourcedIds\n"
ENROLLMENTS = "sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,userSourcedId,role\n"
TEACHERS = {"1": ("Bob", "Lee"), "2": ("Cal", "Roe"), "3": ("Dee", "Poe")}
STUDENTS = {
    "101": ("Ana", "Kim"), "102": ("Ben", "Kim"), "103": ("Cleo", "Day"), "104": ("Dov", "Fox"), "105": ("Eva", "Gil"),
    "106": ("Flo", "Hay"),
}  # fmt: skip
NEW = {number: f"N-{900 - int(number)}" for number in (*TEACHERS, *STUDENTS)}
NEW_CLASSES = {"c1": "K-7", "c2": "K-8"}


def district(
    numbers: dict[str, str] | None = None,
    classes: dict[str, str] | None = None,
    *,
    domain: str = "lakeside.example",
    without: tuple[str, ...] = (),
    **more: str,
) -> dict[str, str | bytes]:
    """Three teachers, and six students without addresses, in two classes: under these numbers, where others are said."""
    numbers, classes = numbers or {}, classes or {}
    users, enrollments = [], []
    for number, (given, family) in (TEACHERS | STUDENTS).items():
        if number in without:
            continue
        role = "teacher" if number in TEACHERS else "student"
        new = numbers.get(number, number)
        email = f"{given}.{family}@{domain}".lower() if number in TEACHERS else ""
        users.append(f"{new},,,true,o1,{role},{given}.{family},,{given},{family},{email},x\n")
        of = {"1": ["c1"], "2": ["c2"], "3": []}.get(number, ["c1", "c2"] if int(number) < 104 else ["c2"])
        for class_id in of:
            enrollments.append(f"e-{class_id}-{new},,,{classes.get(class_id, class_id)},o1,{new},{role}\n")
    rows = [
        f"{classes.get('c1', 'c1')},,,Algebra,k1,scheduled,o1,t1\n",
        f"{classes.get('c2', 'c2')},,,Biology,k2,scheduled,o1,t1\n",
    ]
    return {
        "manifest.csv": "propertyName,value\nmanifest.version,1.0\noneroster.version,1.1\n",
        "orgs.csv": "sourcedId,status,dateLastModified,name,type\no1,,,Lakeside Middle,school\n",
        "users.csv": USERS + "".join(users),
        "classes.csv": CLASSES + "".join(rows),
        "enrollments.csv": ENROLLMENTS + "".join(enrollments),
        **more,
    }


@pytest.fixture
def web() -> Website:
    """Bob is linked, Cal and Dee have their mails; Ana's account is matched by nothing."""
    world = World()
    world.register()
    world.feed(account("bob", "bob.lee@lakeside.example", display_name="Bob Lee"))
    world.upload(district())
    world.send_mail()
    return Website(world)


def counts(report: dict[str, Any], kind: str = "users") -> dict[str, int]:
    return {name: number for name, number in report[kind].items() if number}


def test_a_district_with_new_numbers_waits_for_a_word_and_says_how_many(web: Website) -> None:
    report = web.world.upload(district(NEW, NEW_CLASSES), name="next")
    assert (report["status"], report["reason"]["code"]) == ("held", "ids_changed")
    assert report["id_changes"] == 9
    assert counts(report) == {"read": 9, "unchanged": 9}
    assert web.world.users.get(key("N-899")) is None


def test_once_approved_nobody_is_removed_and_nobody_is_mailed(web: Website) -> None:
    world = web.world
    sent = len(world.ses.sent)
    report = world.upload(district(NEW, NEW_CLASSES), name="next")
    decide(world, report, "approve")
    world.send_mail()
    report = world.latest()
    assert report["status"] == "completed"
    assert counts(report) == {"read": 9, "unchanged": 9}
    assert counts(report, "classes") == {"read": 2, "unchanged": 2}
    assert counts(report, "enrollments") == {"read": 11, "unchanged": 11}
    assert report["activations"] == {"queued": 0, "withheld": 0}
    assert len(world.ses.sent) == sent
    listed = world.s3.objects["reports", report["id_changes_key"]].decode("utf-8-sig").splitlines()
    assert listed[:2] == ["kind,oldSourcedId,newSourcedId,because", "teacher,1,N-899,address"]
    assert "class,c1,K-7,class_company" in listed
    assert world.upload(district(NEW, NEW_CLASSES), name="again")["status"] == "unchanged"


def approved(web: Website, *files: dict[str, str | bytes]) -> dict[str, Any]:
    """Uploads, each approved where it is held; the last report."""
    for place, upload in enumerate(files):
        report = web.world.upload(upload, name=f"next-{place}")
        if report["status"] == "held":
            decide(web.world, report, "approve")
    return web.world.latest()


def test_activations_follow_and_the_links_in_the_mails_go_on_working(web: Website) -> None:
    address = web.world.address_in_mail_to("cal.roe@lakeside.example")
    before = web.world.activations.of_user(key("2"))
    approved(web, district(NEW, NEW_CLASSES))
    after = web.world.activations.of_user(key("N-898"))
    assert before
    assert after
    assert after.activation_id == before.activation_id
    page = web.visitor().open(address)
    assert "Cal Roe" in page.text
    assert web.world.activations.of_user(key("2")) is None


def link_of(web: Website, number: str) -> tuple[str, str] | None:
    found = web.world.links.of_user(key(number))
    return (found.state.value, found.account_id) if found else None


def test_links_matches_and_what_was_noted_follow_from_both_sides(web: Website) -> None:
    assert link_of(web, "1") == ("matched", "bob")
    approved(web, district(NEW, NEW_CLASSES))
    assert (link_of(web, "1"), link_of(web, "N-899")) == (None, ("matched", "bob"))


def test_the_same_import_that_is_run_again_gives_the_same(web: Website) -> None:
    approved(web, district(NEW, NEW_CLASSES))
    items = dict(web.world.table.items)
    approved(web, district(NEW, NEW_CLASSES), district())
    approved(web, district(NEW, NEW_CLASSES))
    assert {pk for pk, _ in web.world.table.items if "N-" in pk} == {pk for pk, _ in items if "N-" in pk}


def test_a_handful_is_applied_without_a_word(web: Website) -> None:
    report = web.world.upload(district({"2": "N-2", "101": "N-101"}), name="next")
    assert (report["status"], report["id_changes"]) == ("completed", 2)
    assert counts(report) == {"read": 9, "unchanged": 9}
    assert web.world.activations.of_user(key("N-2"))


def test_a_roll_back_gives_the_old_numbers_back(web: Website) -> None:
    report = approved(web, district(NEW, NEW_CLASSES))
    roll_back(web.world, report["import_id"])
    assert (link_of(web, "1"), link_of(web, "N-899")) == (("matched", "bob"), None)
    assert web.world.activations.of_user(key("2"))
    found = web.world.users.get(key("101"))
    assert found
    assert found.active
    assert found.attends == ("c1", "c2")
    assert web.world.users.get(key("N-799")) is None
    assert web.world.upload(district(), name="old-again")["status"] == "unchanged"


def test_numbers_that_change_places_follow_their_people(web: Website) -> None:
    places = {"1": "2", "2": "3", "3": "1", "101": "102", "102": "103", "103": "104", "104": "N-104"}
    before = web.world.activations.of_user(key("2"))
    approved(web, district(places))
    after = web.world.activations.of_user(key("3"))
    assert before
    assert after
    assert after.activation_id == before.activation_id
    assert (link_of(web, "1"), link_of(web, "2")) == (None, ("matched", "bob"))
    numbers = ("1", "2", "3", "102", "103", "104", "N-104")
    names = {number: person.given_name for number in numbers if (person := web.world.users.get(key(number)))}
    assert names == {"1": "Dee", "2": "Bob", "3": "Cal", "102": "Ana", "103": "Ben", "104": "Cleo", "N-104": "Dov"}


def test_what_is_noted_of_who_left_is_apart_from_the_next_of_the_number(web: Website) -> None:
    places = {"1": "2", "3": "9", "101": "N-101"}
    report = approved(web, district(places, without=("2",)))
    assert report["users"]["removed"] == 1
    assert link_of(web, "2") == ("matched", "bob")
    assert web.world.activations.of_user(key("2")) is None
    assert [user.given_name for user in web.world.users.by_email("lakeside", "cal.roe@lakeside.example")] == []


def id_map(numbers: dict[str, str], classes: dict[str, str] | None = None) -> str:
    """A map of these old and new numbers."""
    kinds = {number: "teacher" if number in TEACHERS else "student" for number in numbers}
    rows = [f"{kinds[old]},{old},{new}\n" for old, new in numbers.items()]
    return "kind,oldSourcedId,newSourcedId\n" + "".join(
        [*rows, *(f"class,{old},{new}\n" for old, new in (classes or {}).items())]
    )


def test_a_map_in_the_roster_is_followed_without_a_word(web: Website) -> None:
    with_map = district(NEW, NEW_CLASSES, **{"id_map.csv": id_map(NEW, NEW_CLASSES)})
    report = web.world.upload(with_map, name="next")
    assert (report["status"], report["id_changes"], report["rejects"]) == ("completed", 9, [])
    assert counts(report) == {"read": 9, "unchanged": 9}
    assert counts(report, "classes") == {"read": 2, "unchanged": 2}
    assert link_of(web, "N-899") == ("matched", "bob")


def test_a_map_that_was_put_before_the_roster_is_used_once(web: Website) -> None:
    taken = web.world.put("id-maps/lakeside/summer.csv", id_map(NEW, NEW_CLASSES).encode())
    assert taken.kind == "id_map"
    report = web.world.upload(district(NEW, NEW_CLASSES), name="next")
    assert (report["status"], report["id_changes"], report["rejects"]) == ("completed", 9, [])
    report = web.world.upload(district(NEW, NEW_CLASSES, without=("106",)), name="then")
    assert (report["users"]["removed"], report["rejects"], "id_changes" in report) == (1, [], False)


def test_a_map_that_is_sent_again_with_the_roster_is_noted(web: Website) -> None:
    again = district(NEW, NEW_CLASSES, **{"id_map.csv": id_map(NEW, NEW_CLASSES)})
    web.world.upload(again, name="next")
    report = web.world.upload({**again, "orgs.csv": str(again["orgs.csv"]) + "o2,,,Other,school\n"}, name="then")
    assert report["rejects"] == []
    assert ("id_map_used", 11) in [(note["code"], note.get("count")) for note in report["notes"]]


def test_numbers_that_change_places_within_a_family_follow_a_map(web: Website) -> None:
    places = {"101": "102", "102": "101"}
    report = web.world.upload(district(places, **{"id_map.csv": id_map(places)}), name="next")
    assert (report["status"], report["id_changes"]) == ("completed", 2)
    assert counts(report) == {"read": 9, "unchanged": 9}


@pytest.mark.parametrize(
    ("row", "code", "column"),
    [
        ("student,777,N-777", "unknown_id", "oldSourcedId"),
        ("student,101,N-777", "unknown_id", "newSourcedId"),
        ("student,777,N-101", "unknown_id", "oldSourcedId"),
        ("class,c7,K-7", "unknown_id", "oldSourcedId"),
        ("pupil,101,N-101", "unknown_kind", "kind"),
        ("teacher,101,N-101", "wrong_kind", "kind"),
        ("student,,N-101", "missing_value", "oldSourcedId"),
        ("student,102,N-101", "id_map_twice", "newSourcedId"),
        ("student,103,N-101", "id_map_twice", "newSourcedId"),
        ("student,101,N-102", "id_map_twice", "oldSourcedId"),
        ("student,103,N-104", "id_of_somebody_else", "newSourcedId"),
    ],
)
def test_a_row_of_a_map_that_cannot_be_used_is_rejected_with_its_line(
    web: Website, row: str, code: str, column: str
) -> None:
    numbers = {"101": "N-101", "104": "N-104"}
    first = "" if code in ("wrong_kind", "unknown_id", "unknown_kind", "missing_value") else "student,101,N-101\n"
    text = f"kind,oldSourcedId,newSourcedId\n{first}{row}\n"
    without = ("103",) if code == "id_of_somebody_else" else ()
    report = web.world.upload(district(numbers, without=without, **{"id_map.csv": text}), name="next")
    (reject,) = report["rejects"]
    line = 3 if first else 2
    assert (reject["file"], reject["line"], reject["code"], reject["column"]) == ("id_map.csv", line, code, column)


def test_a_map_without_its_columns_is_answered_when_it_arrives(web: Website) -> None:
    report = web.world.report(web.world.put("id-maps/lakeside/summer.csv", b"old,new\n1,2\n"))
    assert (report["status"], report["reason"]["code"]) == ("rejected", "missing_column")
    assert web.world.upload(district(NEW, NEW_CLASSES), name="next")["reason"]["code"] == "ids_changed"


def without_progress(world: World) -> dict[tuple[str, str], dict[str, Any]]:
    """What the table holds, but for how far the import is."""
    return {key: {**item, "ttl": 0} for key, item in world.table.items.items() if not key[1].startswith("PROGRESS#")}


def test_steps_that_run_again_after_they_wrote_change_nothing(web: Website) -> None:
    world = web.world
    places = {"1": "2", "2": "1", "101": "N-101"}
    upload = world.arrive("rosters/lakeside/next.zip", zipped(district(places, {"c1": "K-7"})))
    world.receive_upload().receive(upload)
    event = json.loads(next(iter(world.states.started.values())))["import"]
    world.run_imports()
    items = without_progress(world)
    for step in ("apply", "members", "match"):
        world.steps().run(step, Import.from_event(event), 0)
    assert without_progress(world) == items
    assert (link_of(web, "1"), link_of(web, "2")) == (None, ("matched", "bob"))


def test_goals_and_assignments_follow_their_class(web: Website) -> None:
    made = event_item("e1", "GoalCreated", {}, web.world.now)
    web.world.work.add_goal("lakeside", "c1", Goal("g1", "Fractions", ("s1",)), event=made, created_at="2026-09-01")
    approved(web, district(NEW, NEW_CLASSES))
    goals, _ = web.world.work.of_class("lakeside", "K-7")
    assert [goal.title for goal in goals] == ["Fractions"]
    assert [pk for pk, _ in web.world.table.items if pk == "CLASS#lakeside#c1"] == []


def test_a_link_its_nudge_and_its_trail_follow_and_the_platform_is_told(web: Website) -> None:
    web.world.feed(account("cal", "cal@mail.example", display_name="Cal Roe"))
    web.cognito.users["cal"] = (PASSWORD, "cal")
    page = web.visitor().open(web.world.address_in_mail_to("cal.roe@lakeside.example"))
    log_in(page.press("Log into my existing account"), "cal").press("Link my accounts")
    approved(web, district(NEW, NEW_CLASSES))
    assert link_of(web, "N-898") == ("linked", "cal")
    assert [link.user.sourced_id for link in web.world.links.of_account("cal")] == ["N-898"]
    assert [entry.fact.value for entry in AuditStore(web.world.table).of_user(key("N-898"))] == ["linked", "moved"]
    told = [
        item
        for (pk, _), item in web.world.table.items.items()
        if pk.startswith("OUTBOX#") and "LinkMoved" in item.values()
    ]
    assert len(told) == 1


CLEVER = {
    "schools.csv": "School_id,School_name,School_number\no1,Lakeside Middle,1\n",
    "students.csv": "School_id,Student_id,Student_number,Last_name,First_name,Student_email\n"
    + "".join(f"o1,{n},{n},{family},{given},\n" for n, (given, family) in STUDENTS.items()),
    "teachers.csv": "School_id,Teacher_id,Teacher_number,Teacher_email,First_name,Last_name\n"
    + "".join(
        f"o1,{n},{n},{given}.{family}@lakeside.example,{given},{family}\n" for n, (given, family) in TEACHERS.items()
    ),
    "sections.csv": "School_id,Section_id,Teacher_id,Name\no1,c1,1,Algebra\no1,c2,2,Biology\n",
    "enrollments.csv": "School_id,Section_id,Student_id\n"
    + "".join(f"o1,c2,{n}\n" for n in STUDENTS)
    + "".join(f"o1,c1,{n}\n" for n in ("101", "102", "103")),
}


@pytest.mark.parametrize("numbers", [{}, NEW])
def test_a_district_that_goes_from_clever_to_oneroster_keeps_its_people(numbers: dict[str, str]) -> None:
    world = World()
    world.register()
    world.feed(account("bob", "bob.lee@lakeside.example", display_name="Bob Lee"))
    world.upload(CLEVER)
    world.send_mail()
    assert world.links.of_user(key("1", "teacher"))
    report = world.upload(district(numbers), name="next")
    assert (report["status"], report["reason"]["code"]) == ("held", "ids_changed")
    decide(world, report, "approve")
    report = world.latest()
    assert (report["users"]["removed"], report["users"]["created"], report["activations"]["queued"]) == (0, 0, 0)
    link = world.links.of_user(key(numbers.get("1", "1")))
    assert link
    assert link.account_id == "bob"
    assert world.activations.of_user(key(numbers.get("2", "2")))
    assert not [pk for pk, sk in world.table.items if pk.startswith(("TEACHER#", "STUDENT#")) and sk == "ROSTER"]
