"""A district's imports, from the upload to the report (M1–M8), on services in memory."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared.domain.activation import ActivationState
from shared.domain.link import LinkState
from shared.domain.report import Upload
from shared.domain.roster import Role, RosterUserKey
from shared.stores.import_state import ImportStateStore
from tests.builders import ENROLLMENTS, USERS, account, enrolled, key, roster, user
from tests.corpus.corpus import RosterSet
from tests.harness import World, run_import, zipped


@pytest.fixture
def world() -> World:
    made = World()
    made.register()
    return made


def test_a_first_roster_creates_everybody_and_invites_unmatched_teachers(world: World) -> None:
    report = world.upload(
        roster(user("t1", "teacher"), user("s1"), enrollments=enrolled("t1", "teacher") + enrolled("s1"))
    )
    assert report["status"] == "completed"
    assert report["users"] == {"read": 2, "created": 2, "changed": 0, "removed": 0, "unchanged": 0, "rejected": 0}
    assert report["matching"] == {"matched": 0, "ambiguous": 0, "unmatched_teachers": 1, "unmatched_students": 1}
    assert report["activations"] == {"queued": 1, "withheld": 0}
    assert len(world.sqs.messages) == 1
    teacher = world.users.get(key("t1"))
    assert teacher is not None
    assert (teacher.role, teacher.teaches) == (Role.TEACHER, ("c1",))


def test_passwords_are_dropped_at_the_door(world: World) -> None:
    world.upload(roster(user("t1", "teacher"), user("s1")))
    everything = repr(world.table.items) + repr({k: v for k, v in world.s3.objects.items() if k[0] != "rosters"})
    assert "secret-" not in everything


@pytest.mark.parametrize("as_what", ["zip anew", "another name", "loose files", "nested folder"])
def test_the_same_contents_again_change_nothing_and_mail_nobody(world: World, as_what: str) -> None:
    """M4: equal file contents, whatever the zip's bytes, name or key; and at most three write units."""
    files = roster(user("t1", "teacher"), user("s1"))
    world.upload(files)
    before, mailed = dict(world.table.items), len(world.sqs.messages)
    world.table.meter.write_units.clear()
    if as_what == "loose files":
        for name, body in files.items():
            world.put(f"rosters/lakeside/loose/{name}", str(body).encode())
        report = world.report(world.put("rosters/lakeside/loose/_complete", b""))
    elif as_what == "nested folder":
        report = world.upload({f"roster/{name}": body for name, body in reversed(files.items())}, name="nested")
    else:
        report = world.upload(dict(reversed(files.items())), name="monday" if as_what == "another name" else "roster")
    assert report["status"] == "unchanged"
    assert report["users"]["unchanged"] == report["users"]["read"] == 2
    assert len(world.sqs.messages) == mailed
    changed = {k[0] for k in world.table.items if world.table.items[k] != before.get(k)}
    assert changed == {"DISTRICT#lakeside"}
    assert sum(world.table.meter.write_units.values()) <= 3


def test_a_verified_address_is_matched_an_unverified_one_is_only_a_candidate(world: World) -> None:
    """M6, M7."""
    world.feed(account("ada", "t1@lakeside.example"), account("squatter", "t2@lakeside.example", verified=False))
    report = world.upload(roster(user("t1", "teacher"), user("t2", "teacher")))
    assert report["matching"] == {"matched": 1, "ambiguous": 1, "unmatched_teachers": 0, "unmatched_students": 0}
    assert report["activations"]["queued"] == 1, "the ambiguous teacher is mailed all the same"
    link = world.links.of_user(key("t1"))
    assert link is not None
    assert (link.state, link.account_id) == (LinkState.MATCHED, "ada")
    assert world.links.of_user(key("t2")) is None


def test_a_clever_id_of_a_column_is_a_candidate_and_a_sourced_id_never_is(world: World) -> None:
    world.feed(
        account("lib", "private@mail.example", clever_id="abc123"), account("other", "x@mail.example", clever_id="s2")
    )
    report = world.upload(roster(user("s1", ids="{Clever:abc123}"), user("s2")))
    assert report["matching"] == {"matched": 0, "ambiguous": 1, "unmatched_teachers": 0, "unmatched_students": 1}
    assert world.links.of_user(key("s1")) is None
    assert world.links.of_user(key("s2")) is None


def test_an_account_that_comes_later_is_matched_and_the_waiting_mail_withdrawn(world: World) -> None:
    world.upload(roster(user("t1", "teacher")))
    world.feed(account("ada", "t1@lakeside.example"))
    link = world.links.of_user(key("t1"))
    assert link is not None
    assert link.state is LinkState.MATCHED
    activation = world.activations.of_user(key("t1"))
    assert activation is not None
    assert activation.state is ActivationState.WITHDRAWN


def test_a_teacher_without_an_address_and_teachers_who_share_one_are_withheld(world: World) -> None:
    both = "office@lakeside.example"
    report = world.upload(
        roster(
            user("t1", "teacher", email=""),
            user("t2", "teacher", email=both),
            user("t3", "teacher", email=both, given="Bo"),
        )
    )
    assert report["activations"] == {"queued": 0, "withheld": 3}
    assert report["matching"]["ambiguous"] == 2
    assert world.sqs.messages == []


def test_activations_wait_for_the_day_that_the_district_set(world: World) -> None:
    world.register(activations_from="2026-09-15")
    report = world.upload(roster(user("t1", "teacher")))
    assert report["activations"] == {"queued": 0, "withheld": 1}
    assert world.sqs.messages == []


def test_a_bad_row_rejects_that_row_and_removes_nobody(world: World) -> None:
    """M2: who is missing may be the row that could not be read."""
    world.upload(roster(*(user(f"s{n}") for n in range(5))))
    report = world.upload(roster(user("s0"), user("s1"), ",,,true,o1,student,x,,No,Id,x@lakeside.example,p\n"))
    assert report["status"] == "completed"
    assert report["users"] == {"read": 3, "created": 0, "changed": 0, "removed": 0, "unchanged": 2, "rejected": 1}
    (reject,) = report["rejects"]
    assert (reject["file"], reject["line"], reject["column"], reject["code"]) == (
        "users.csv",
        4,
        "sourcedId",
        "missing_value",
    )
    assert {note["code"]: note.get("count") for note in report["notes"]}["removals_put_off"] == 3
    assert all(world.users.get(key(f"s{n}")).active for n in range(5))


def test_a_missing_person_loses_only_classes_and_gets_no_second_mail_on_return(world: World) -> None:
    """M5, M8."""
    full = roster(user("t1", "teacher"), user("s1"), enrollments=enrolled("t1", "teacher"))
    world.upload(full)
    report = world.upload(roster(user("s1")))
    assert report["users"]["removed"] == 1
    gone = world.users.get(key("t1"))
    assert gone is not None
    assert (gone.active, gone.teaches) == (False, ())
    mailed = len(world.sqs.messages)
    activation = world.activations.of_user(key("t1"))
    assert activation is not None
    world.activations.claim(activation, now=world.now, lease=world.now - world.now)
    world.activations.mark_sent(activation, "m1", now=world.now)
    report = world.upload(full, name="back")
    assert report["users"]["created"] == 1
    back = world.users.get(key("t1"))
    assert back is not None
    assert (back.active, back.teaches) == (True, ("c1",))
    assert len(world.sqs.messages) == mailed


def test_an_import_over_the_threshold_writes_nothing_until_a_person_approves(world: World) -> None:
    """M3."""
    world.upload(roster(*(user(f"s{n}") for n in range(30))))
    before = dict(world.table.items)
    report = world.upload(roster(*(user(f"s{n}") for n in range(20))), name="half")
    assert (report["status"], report["reason"]["code"]) == ("held", "too_many_removed")
    assert "10 of 30 students" in report["reason"]["message"]
    assert {k: v for k, v in world.table.items.items() if k[0].startswith(("USER#", "CLASS#"))} == {
        k: v for k, v in before.items() if k[0].startswith(("USER#", "CLASS#"))
    }
    decision = b'{"action": "approve", "by": "kim", "reason": "graduates"}'
    world.put(f"decisions/lakeside/{report['import_id']}.json", decision)
    assert world.latest()["status"] == "completed"
    assert world.latest()["users"]["removed"] == 10


def test_a_held_import_that_a_person_rejects_stays_without_effect(world: World) -> None:
    world.upload(roster(*(user(f"s{n}") for n in range(30))))
    report = world.upload(roster(user("s0")), name="one")
    world.put(
        f"decisions/lakeside/{report['import_id']}.json", b'{"action": "reject", "by": "kim", "reason": "cut off"}'
    )
    assert (world.latest()["status"], world.latest()["reason"]["code"]) == ("rejected", "rejected_by_person")
    world.put(f"decisions/lakeside/{report['import_id']}.json", b'{"action": "approve", "by": "kim", "reason": "oops"}')
    assert world.users.get(key("s9")).active


def test_an_older_upload_that_comes_late_is_superseded(world: World) -> None:
    newer = roster(user("s1"), user("s2"))
    late = world.arrive("rosters/lakeside/monday.zip", zipped(roster(user("s1"))))
    world.upload(newer, name="tuesday")
    taken = world.receive_upload().receive(late)
    world.run_imports()
    assert world.report(taken)["status"] == "superseded"
    assert world.latest()["upload"]["key"] == "rosters/lakeside/tuesday.zip"
    assert world.users.get(key("s2")).active


def test_s3_tells_of_an_upload_twice_and_it_is_imported_once(world: World) -> None:
    upload = world.arrive("rosters/lakeside/r.zip", zipped(roster(user("t1", "teacher"))))
    for _ in range(2):
        taken = world.receive_upload().receive(upload)
        world.run_imports()
    assert world.report(taken)["status"] == "completed"
    assert len(world.sqs.messages) == 1


def test_a_preview_says_what_would_happen_and_leaves_no_trace(world: World) -> None:
    def traces() -> dict[tuple[str, str], Any]:
        return {k: v for k, v in world.table.items.items() if k[1] != "LATEST_PREVIEW" and not v.get("preview")}

    world.feed(account("ada", "t1@lakeside.example"))
    before = traces()
    world.put("previews/lakeside/r.zip", zipped(roster(user("t1", "teacher"), user("t2", "teacher"))))
    report = world.latest(name="latest-preview")
    assert (report["preview"], report["status"]) == (True, "completed")
    assert report["matching"]["matched"] == 1
    assert report["activations"]["queued"] == 1
    assert traces() == before
    assert world.sqs.messages == []


def test_one_roster_delta_adds_changes_and_removes_what_it_names(world: World) -> None:
    world.upload(roster(user("s1"), user("s2"), user("s3"), enrollments=enrolled("s1") + enrolled("s2")))
    delta = {
        "manifest.csv": "propertyName,value\nmanifest.version,1.0\noneroster.version,1.1\n"
        "file.users,delta\nfile.enrollments,delta\n",
        "users.csv": USERS
        + user("s2", given="Kimberly", status="active")
        + user("s3", status="tobedeleted")
        + user("s4", status="active"),
        "enrollments.csv": ENROLLMENTS + enrolled("s4"),
    }
    report = world.upload(delta, name="delta")
    assert report["format"]["mode"] == "delta"
    assert report["users"] == {"read": 3, "created": 1, "changed": 1, "removed": 1, "unchanged": 0, "rejected": 0}
    assert world.users.get(key("s1")).attends == ("c1",)
    assert world.users.get(key("s4")).attends == ("c1",)
    assert not world.users.get(key("s3")).active


def test_guardians_are_read_and_left_out_and_several_rows_are_one_person(world: World) -> None:
    report = world.upload(
        roster(user("p1", "guardian"), user("t1", "teacher"), user("t1", "administrator"), user("s1"))
    )
    assert report["users"]["read"] == 2
    notes = {note["code"]: note.get("count") for note in report["notes"]}
    assert (notes["guardians_left_out"], notes["several_rows_per_person"]) == (1, 1)
    assert world.users.get(key("t1")).role is Role.TEACHER


@pytest.mark.parametrize(
    ("files", "code", "where"),
    [
        ({"readme.txt": "hello"}, "no_csv_files", ("roster.zip", None, None)),
        ({"contacts.csv": "name,phone\n"}, "unknown_format", ("contacts.csv", None, None)),
        ({**roster(user("s1")), "users.csv": ""}, "empty_file", ("users.csv", 1, None)),
        ({**roster(user("s1")), "users.csv": USERS}, "no_rows", ("users.csv", 1, None)),
        ({**roster(user("s1")), "users.csv": USERS.replace("givenName", "name") + user("s1")}, "missing_column",
         ("users.csv", 1, "givenName")),
        ({**roster(user("s1")), "users.csv": USERS + user("s1") + 'u2,,,true,o1,student,"open\n'}, "unclosed_quote",
         ("users.csv", 3, None)),
        ({"users.csv": USERS + user("s1")}, "missing_file", ("classes.csv", None, None)),
    ],
)  # fmt: skip
def test_a_bad_upload_is_rejected_with_place_and_advice_and_changes_nothing(
    world: World, files: dict[str, str | bytes], code: str, where: tuple[str, int | None, str | None]
) -> None:
    world.upload(roster(user("s1"), user("s2")), name="good")
    before = {k: v for k, v in world.table.items.items() if not k[0].startswith("DISTRICT#")}
    report = world.upload(files)
    assert (report["status"], report["reason"]["code"]) == ("rejected", code)
    (reject,) = report["rejects"]
    assert (reject["file"], reject["line"], reject["column"]) == where
    assert {k: v for k, v in world.table.items.items() if not k[0].startswith("DISTRICT#")} == before
    assert world.latest()["status"] == "rejected"
    again = world.upload(roster(user("s1"), user("s2")), name="good-again")
    assert again["status"] == "unchanged", "a rejected upload supersedes nothing and leaves no lock"


@pytest.mark.parametrize("name", ["../../etc/passwd.csv", "/users.csv", "C:/users.csv"])
def test_a_zip_with_paths_that_lead_outside_is_refused(world: World, name: str) -> None:
    report = world.upload({name: "x"})
    assert (report["status"], report["reason"]["code"]) == ("rejected", "unsafe_path")


def test_a_zip_bomb_is_refused_before_it_is_unpacked(world: World) -> None:
    report = world.upload({"users.csv": b"\0" * 60_000_000})
    assert (report["status"], report["reason"]["code"]) == ("rejected", "zip_bomb")


@pytest.mark.parametrize(("more", "status"), [(0, "completed"), (1, "rejected")], ids=["10 MiB", "a byte more"])
def test_a_zip_that_unpacks_to_little_may_shrink_as_it_likes(world: World, more: int, status: str) -> None:
    files = roster(user("s1"), user("s2"))
    others = sum(len(text.encode()) for text in files.values())
    report = world.upload({**files, "notes.txt": bytes(10 * 1024**2 - others + more)})
    assert report["status"] == status


@pytest.mark.parametrize(
    "key_of_upload",
    [
        "rosters/lakeside/photo.jpg/x/y",
        "rosters/lakeside/",
        "districts/lakeside/other.json",
        "decisions/lakeside/x.txt",
    ],
)
def test_an_unknown_key_is_answered_where_a_district_can_be_told(world: World, key_of_upload: str) -> None:
    report = world.report(world.put(key_of_upload, b"x"))
    assert (report["status"], report["reason"]["code"]) == ("rejected", "unknown_key")


@pytest.mark.parametrize("key_of_upload", ["rosters/UPPER/r.zip", "rosters/\n/r.zip", "x"])
def test_a_key_that_names_no_district_is_an_alarm_and_nothing_else(world: World, key_of_upload: str) -> None:
    before = dict(world.s3.objects)
    world.put(key_of_upload, b"x")
    assert world.alarms == 1
    assert {k for k in world.s3.objects if k[0] == "reports"} == {k for k in before if k[0] == "reports"}


def test_a_roster_may_come_before_its_district_is_loaded() -> None:
    world = World()
    world.s3.put_object(
        Bucket="rosters",
        Key="districts/lakeside/district.json",
        Body=b'{"name": "L", "email_domains": ["lakeside.example"], "time_zone": "America/Chicago"}',
    )
    assert world.upload(roster(user("s1")))["status"] == "completed"


def test_an_invalid_district_is_answered_with_what_is_wrong(world: World) -> None:
    taken = world.put("districts/lakeside/district.json", b'{"name": "L", "time_zone": "Mars"}')
    report = world.report(taken)
    assert report["reason"]["code"] == "invalid_district"
    assert "email_domains" in report["reason"]["message"]
    assert "time_zone" in report["reason"]["message"]


def test_every_roster_of_the_corpus_is_read_whole(world: World, roster_set: RosterSet) -> None:
    report = world.upload(dict(roster_set.files))
    assert report["status"] == "completed"
    assert (report["users"]["read"], report["classes"]["read"]) == (roster_set.people, roster_set.classes)
    assert roster_set.enrollments in (None, report["enrollments"]["read"])
    assert roster_set.invited in (None, report["activations"]["queued"])
    assert report["rejects"] == []


def school_data_sync(**files: str) -> dict[str, str | bytes]:
    whole: dict[str, str | bytes] = {
        "School.csv": "SIS ID,Name\n1,North\n",
        "Section.csv": "SIS ID,School SIS ID,Section Name\nc1,1,Algebra\n",
        "Student.csv": "SIS ID,School SIS ID,Username,First Name,Last Name,Status\ns1,1,s1,Kim,Lee,Active\n",
        "Teacher.csv": "SIS ID,School SIS ID,Username\nt1,1,Ann@lakeside.example\n",
        "StudentEnrollment.csv": "Section SIS ID,SIS ID\nc1,s1\n",
        "TeacherRoster.csv": "Section SIS ID,SIS ID\nc1,t1\n",
    }
    return {**whole, **{f"{name}.csv": body for name, body in files.items()}}


def test_in_school_data_sync_a_username_that_is_an_address_is_the_official_one(world: World) -> None:
    report = world.upload(school_data_sync())
    assert report["format"] == {"name": "sds", "version": "1", "mode": "bulk"}
    assert report["activations"] == {"queued": 1, "withheld": 0}
    teacher = world.users.get(RosterUserKey("lakeside", "t1", "teacher"))
    assert teacher is not None
    assert (teacher.official_email, teacher.given_name) == ("ann@lakeside.example", "Ann")
    assert teacher.teaches == ("c1",)


def test_in_school_data_sync_whoever_is_inactive_is_left_out_with_a_note(world: World) -> None:
    rows = "SIS ID,School SIS ID,Username,Status\ns1,1,s1,Active\ns2,1,s2,Inactive\n"
    report = world.upload(school_data_sync(Student=rows))
    assert report["users"]["read"] == 2
    assert "status_in_bulk" in [note["code"] for note in report["notes"]]


def test_an_incomplete_school_data_sync_says_which_file_is_missing(world: World) -> None:
    files = school_data_sync()
    del files["TeacherRoster.csv"]
    report = world.upload(files)
    assert (report["status"], report["reason"]["code"]) == ("rejected", "missing_file")
    assert "teacherroster.csv" in report["reason"]["message"].lower()


def test_an_older_upload_that_looked_too_early_does_not_replace_a_newer_one() -> None:
    """Both read that nothing was noted; the newer one writes first."""
    older, newer = (Upload(f"rosters/lakeside/{name}.zip", name, "2026-09-01T15:00:00Z", name) for name in "AB")
    waiting = [newer]

    def gate(_service: str, operation: str, _request: Any, effect: Any) -> Any:
        if operation == "PutItem" and waiting:
            ImportStateStore(world.table).note_valid("lakeside", "import-of-b", waiting.pop())
        return effect()

    world = World(gate=gate)
    assert ImportStateStore(world.table).note_valid("lakeside", "import-of-a", older) is False
    assert world.table.items["DISTRICT#lakeside", "NEWEST"]["import_id"] == "import-of-b"


def test_an_import_that_was_overtaken_before_its_lock_looks_again() -> None:
    """Another import ended between the look at the snapshot and the lock."""
    locks: list[str] = []

    def gate(_service: str, operation: str, request: Any, effect: Any) -> Any:
        answer = effect()
        if operation == "PutItem" and request["Item"].get("SK") == "LOCK":
            locks.append(request["Item"]["import_id"])
            if len(locks) == 2:
                snapshot = world.table.items["DISTRICT#lakeside", "SNAPSHOT"]
                world.table.items["DISTRICT#lakeside", "SNAPSHOT"] = {**snapshot, "import_id": "another"}
        return answer

    world = World(gate=gate)
    world.register()
    world.upload(roster(user("s1")))
    files = zipped(roster(user("s1"), user("s2")))
    taken = world.receive_upload().receive(world.arrive("rosters/lakeside/next.zip", files))
    (started,) = world.states.started.values()
    event = json.loads(started)["import"]
    assert run_import(world.steps(), event) == "wait"
    world.run_imports()
    report = world.report(taken)
    assert report["users"]["created"] == 1
    assert locks[1:] == [report["import_id"]] * 2, "it gave the lock back and took it again"


def test_rejects_are_in_the_order_of_files_in_a_zip_with_a_folder_too() -> None:
    files = roster(user("s1"), user("s2", "wizard"), enrollments=enrolled("nobody"))
    found = []
    for folder in ("", "a/roster/"):
        world = World()
        world.register()
        found.append(world.upload({f"{folder}{name}": body for name, body in files.items()})["rejects"])
    flat, nested = found
    assert len({reject["file"] for reject in flat}) == 2
    assert nested == flat
