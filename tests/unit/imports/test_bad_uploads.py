"""Whatever is uploaded, the answer is a report that says where and what to do, and what stood before still stands (M2)."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import pytest

from functions.import_step import plan
from functions.import_step.csv_table import AROUND_A_VALUE
from functions.import_step.encoding import scan
from functions.import_step.steps import ingest as reading
from shared.domain.roster import RosterUser, RosterUserKey
from shared.stores.keys import user_of_pk
from tests.bad_uploads import archives, naughty_strings
from tests.bad_uploads.accepted_with_notes import ACCEPTED_WITH_NOTES
from tests.bad_uploads.archives import Archive
from tests.bad_uploads.case import Case
from tests.bad_uploads.damaged_files import WHOLE_FILES
from tests.bad_uploads.dangerous_if_accepted import DANGEROUS_IF_ACCEPTED
from tests.bad_uploads.deltas import DELTAS
from tests.bad_uploads.rows import ROWS
from tests.bad_uploads.stored_state import stored_state
from tests.bad_uploads.valid_rosters import CLEVER, EVERY_FORMAT, ONE_ROSTER_1_1, Files, Roster, Sheet
from tests.conftest import ROOT
from tests.corpus.corpus import Corpus
from tests.harness import World
from tests.ledger import Account, Standing, without_balance

CASES = (*WHOLE_FILES, *ROWS, *DELTAS, *ACCEPTED_WITH_NOTES)
ARCHIVES = (
    *archives.NO_ARCHIVES,
    *archives.DAMAGED,
    *archives.READ_ALL_THE_SAME,
    *archives.HOSTILE,
    *archives.BOMBS,
)
MOST_MEMORY = 256 << 20

KNOCK_ON = {"unknown_user", "unknown_class"}
"""What is said of rows that name a person or a class whose own row was rejected."""
PUT_OFF = {
    "users": "removals_put_off",
    "classes": "class_removals_put_off",
    "enrollments": "enrollment_removals_put_off",
}
ADVICE = re.compile(
    r"(?:^|[.;] )(Add|Close|Correct|Double|Export|Fill|Give|Leave|Put|Save|Shorten|Split|Upload|Write|Zip)\b"
)
"""The sentence that tells what to do begins with it."""
USABLE_ID = re.compile(r"[^\x00-\x1f\x7f]{1,255}")
FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Outcome:
    """What came of an upload."""

    report: dict[str, Any]
    rejects: list[dict[str, str]]
    """All of them, from the file that the report names."""
    before: dict[str, RosterUser]
    after: dict[str, RosterUser]
    is_as_before: bool
    """Nothing is different from before the upload, except that there is one more report."""
    again: str
    """How the upload that stood before is answered when it comes once more."""
    out_of_balance: list[Account]
    """The files some of whose rows are neither acted on nor rejected nor noted."""


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_broken_upload_is_answered_with_where_it_is_broken(case: Case) -> None:
    then_it_is_answered_right(case, when_uploaded(case))


@pytest.mark.parametrize("case", DANGEROUS_IF_ACCEPTED, ids=str)
def test_an_upload_that_is_easily_misread_is_answered_with_where_it_is_broken(case: Case) -> None:
    then_it_is_answered_right(case, when_uploaded(case))


def test_a_teacher_with_a_students_number_is_mailed_and_the_student_is_not() -> None:
    """A student is never mailed (M12), whatever a later row says of somebody else."""
    world = a_district_where(CLEVER.files)
    mailed = len(world.sqs.messages)
    teachers = CLEVER.sheet("teachers.csv").text + "o1,s3,3,fay@lakeside.example,Fay,Finn,Ms,fay,secret\n"
    world.upload(CLEVER.but(teachers=teachers))
    assert [json.loads(message)["kind"] for message in world.sqs.messages[mailed:]] == ["teacher"]
    assert world.activations.of_user(RosterUserKey("lakeside", "s3", "student")) is None


def test_every_reject_says_what_to_do(archive_answers: dict[str, dict[str, Any]]) -> None:
    reports = [when_uploaded(case).report for case in (*CASES, *DANGEROUS_IF_ACCEPTED)]
    reports += [outcome["report"] for outcome in archive_answers.values() if "report" in outcome]
    messages = {(reject["code"], reject["message"]) for report in reports for reject in report["rejects"]}
    assert sorted({code: text for code, text in messages if not ADVICE.search(text)}.items()) == []


def test_lines_are_counted_right_in_files_that_are_read_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "PIECE", 50)
    monkeypatch.setattr(reading, "scan", partial(scan, piece=50))
    for case in ROWS:
        if case.name.startswith(ONE_ROSTER_1_1.format) and "thousands" not in case.name:
            then_it_is_answered_right(case, when_uploaded.__wrapped__(case))


@pytest.mark.parametrize(
    ("codec", "given", "family"),
    [
        ("cp1252", "Íñigo", "Ibáñez Muñoz"),
        ("cp1252", "José", "Peña"),
        ("cp1252", "Þórður", "Jökulsson"),
        ("cp932", "さくら", "佐藤"),
        ("cp932", "太郎", "ﾀﾅｶ"),
        ("utf-16-be", "Zoë", "Łódź"),
    ],
)
def test_names_of_a_small_file_are_read_in_the_encoding_that_they_are_in(codec: str, given: str, family: str) -> None:
    sheet = ONE_ROSTER_1_1.students
    body = sheet.text.replace("Eve,Egan", f"{given},{family}").encode(codec)
    upload = ONE_ROSTER_1_1.with_file(sheet.name, body)
    outcome = when_uploaded(Case("names", ONE_ROSTER_1_1.files, upload, "completed"))
    assert (outcome.after["s3"].given_name, outcome.after["s3"].family_name) == (given, family)
    assert [note["code"] for note in outcome.report["notes"]] == ["encoding_assumed"]


def test_letters_of_two_encodings_in_one_file_are_all_read() -> None:
    sheet = ONE_ROSTER_1_1.students
    body = sheet.text.replace("Cleo", "Chloé").replace("Dan", "花子").encode().replace(b"Eve", b"Zo\xeb")
    upload = ONE_ROSTER_1_1.with_file(sheet.name, body)
    outcome = when_uploaded(Case("mixed", ONE_ROSTER_1_1.files, upload, "completed"))
    assert [outcome.after[key].given_name for key in ("s1", "s2", "s3")] == ["Chloé", "花子", "Zoë"]
    assert [note["code"] for note in outcome.report["notes"]] == ["mixed_encodings"]


@pytest.mark.parametrize("roster", EVERY_FORMAT, ids=lambda roster: roster.format)
def test_an_upload_that_is_read_in_pieces_has_the_same_report(roster: Roster, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = with_a_row_too_wide_in_every_file(roster.grown())
    whole = when_uploaded.__wrapped__(Case("whole", roster.files, upload, "completed"))
    monkeypatch.setattr(plan, "PIECE", 200)
    monkeypatch.setattr(reading, "scan", partial(scan, piece=200))
    cut = when_uploaded.__wrapped__(Case("cut", roster.files, upload, "completed"))
    assert without_times(cut.report) == without_times(whole.report)
    assert (cut.rejects, cut.after) == (whole.rejects, whole.after)
    assert {reject["file"] for reject in cut.rejects} == {sheet.name for sheet in roster.sheets}


def with_a_row_too_wide_in_every_file(roster: Roster) -> Files:
    """A row that is rejected behind all others, and in the last piece."""
    wide = {sheet.name: sheet.text + f"{sheet.lines[-1]},more\n" for sheet in roster.sheets}
    return {**roster.files, **wide}


def without_times(report: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in report.items() if not name.endswith("_at")}


def test_a_placeholder_address_costs_the_last_person_no_more_than_the_first() -> None:
    """Where a district has no addresses, everybody's may be the same."""
    few, many = (reads_of_people_who_share_an_address(number) for number in (50, 200))
    assert many < 5 * few


def reads_of_people_who_share_an_address(number: int) -> float:
    world = World()
    world.register()
    sheet = ONE_ROSTER_1_1.students
    rows = [sheet.with_value(4, "sourcedId", f"x{n}").splitlines()[3] for n in range(number)]
    world.upload(ONE_ROSTER_1_1.but(users=sheet.text + "\n".join(rows)))
    return world.table.meter.read_units


@pytest.mark.parametrize("archive", ARCHIVES, ids=str)
def test_an_archive_that_no_roster_is_packed_in_is_refused(
    archive: Archive, archive_answers: dict[str, dict[str, Any]]
) -> None:
    then_the_archive_is_answered_right(archive, archive_answers[archive.name])


@pytest.mark.parametrize("archive", archives.DANGEROUS_IF_ACCEPTED, ids=str)
def test_an_archive_that_is_easily_misread_is_refused(
    archive: Archive, archive_answers: dict[str, dict[str, Any]]
) -> None:
    then_the_archive_is_answered_right(archive, archive_answers[archive.name])


@pytest.mark.parametrize("roster", EVERY_FORMAT, ids=lambda roster: roster.format)
def test_lines_are_counted_right_behind_csv_that_is_right_and_not_simple(roster: Roster, corpus: Corpus) -> None:
    for name, body in corpus.csv_files.items():
        case = naughty_strings.beside(roster, name, body)
        then_it_is_answered_right(case, when_uploaded(case))


@pytest.mark.parametrize("roster", EVERY_FORMAT, ids=lambda roster: roster.format)
def test_any_other_csv_in_the_place_of_a_file_is_refused(roster: Roster, corpus: Corpus) -> None:
    for name, body in corpus.csv_files.items():
        for sheet in roster.sheets:
            case = naughty_strings.instead(roster, sheet, name, body)
            then_it_is_answered_right(case, when_uploaded(case))


@pytest.mark.parametrize(
    ("roster", "sheet", "columns"),
    [
        pytest.param(roster, sheet, columns, id=f"{roster.format}: {sheet.name} {', '.join(columns)}")
        for roster in EVERY_FORMAT
        for sheet in roster.sheets
        for columns in (*([column] for column in sheet.keys), sheet.columns_but_keys)
        if columns
    ],
)
def test_naughty_strings_in_every_column_are_read_or_rejected_where_they_stand(
    roster: Roster, sheet: Sheet, columns: list[str], corpus: Corpus
) -> None:
    body, lines = naughty_strings.with_values(sheet, columns, corpus.strings)
    upload = roster.with_file(sheet.name, body)
    if sheet in roster.people and sheet.name == "users.csv":
        ids = (
            [value for (value,) in lines.values()]
            if columns == [sheet.id_column]
            else [f"x{n}" for n in range(len(lines))]
        )
        usable = [each for each in ids if USABLE_ID.fullmatch(each.strip(AROUND_A_VALUE))]
        upload = {**upload, **naughty_strings.with_roles(roster, usable)}
    outcome = when_uploaded(Case("naughty", roster.files, upload, "completed"))
    assert (outcome.report["status"], outcome.out_of_balance) == ("completed", [])
    assert all(outcome.after[key].active for key in outcome.before)
    for reject in outcome.rejects:
        if reject["file"] == "roles.csv" != sheet.name:
            assert reject["code"] in KNOCK_ON
            continue
        assert reject["file"] == sheet.name
        assert not reject["value"].startswith(FORMULA)
        put_in = {value.strip(AROUND_A_VALUE)[:80] for value in lines[int(reject["line"])]}
        assert not reject["value"] or {reject["value"], reject["value"].removeprefix("'")} & put_in
    if columns == [sheet.id_column]:
        unusable = {
            str(line) for line, (value,) in lines.items() if not USABLE_ID.fullmatch(value.strip(AROUND_A_VALUE))
        }
        twice = {reject["line"] for reject in outcome.rejects if reject["code"] == "class_twice"}
        assert {reject["line"] for reject in outcome.rejects} - twice == unusable
    if columns[0] in (sheet.class_column, sheet.user_column) and not sheet.id_column:
        assert {reject["line"] for reject in outcome.rejects} == set(map(str, lines))


@pytest.mark.parametrize("roster", [ONE_ROSTER_1_1, CLEVER], ids=lambda roster: roster.format)
def test_an_address_that_is_none_is_read_as_if_there_were_none(roster: Roster, corpus: Corpus) -> None:
    sheet = next(sheet for sheet in roster.people if "t1" in sheet.text)
    column = next(column for column in sheet.columns if column.lower().endswith("email"))
    known = corpus.addresses
    body, _ = naughty_strings.with_values(sheet, [column], [address.text for address in known])
    outcome = when_uploaded(Case("addresses", roster.files, roster.with_file(sheet.name, body), "completed"))
    assert (outcome.report["status"], outcome.rejects) == ("completed", [])
    used = {
        person.official_email
        for person in outcome.after.values()
        if person.sourced_id.startswith("x") and person.official_email
    }
    assert used <= {address.text.strip().lower() for address in known if address.is_valid}
    assert corpus.usable_address in used
    (note,) = (note for note in outcome.report["notes"] if note["code"] == "email_not_usable")
    with_one = sum(
        person.official_email is not None for person in outcome.after.values() if person.sourced_id.startswith("x")
    )
    as_another = sum(note["count"] for note in outcome.report["notes"] if note["code"] == "several_numbers")
    assert note["count"] == sum(bool(address.text.strip()) for address in known) - with_one - as_another


@pytest.fixture(scope="session")
def archive_answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What came of each archive, uploaded in a process of its own."""
    folder = tmp_path_factory.mktemp("archives")
    every = (*ARCHIVES, *archives.DANGEROUS_IF_ACCEPTED)
    paths = [folder / f"{number}.zip" for number, _ in enumerate(every)]
    for path, archive in zip(paths, every, strict=True):
        path.write_bytes(archive.build())
    command = [sys.executable, "-m", "tests.bad_uploads.isolated_process", *map(str, paths)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    return {archive.name: json.loads(line) for archive, line in zip(every, lines, strict=True)}


@cache
def _prepared(stands: tuple[tuple[str, str | bytes], ...]) -> World:
    world = World(is_metered=False)
    world.register()
    if stands:
        report = world.upload(dict(stands), name="good")
        assert (report["status"], report["rejects"]) == ("completed", [])
    return world


def a_district_where(stands: Files) -> World:
    """A district in which this upload stands."""
    world = World(is_metered=False)
    world.begin_like(_prepared(tuple(stands.items())))
    world.sqs.messages = list(_prepared(tuple(stands.items())).sqs.messages)
    return world


@cache
def when_uploaded(case: Case) -> Outcome:
    world = a_district_where(case.stands)
    before, people_before, standing = stored_state(world), people(world), Standing.of(world)
    report = world.upload(case.upload)
    assert report == world.latest()
    key = report.get("rejects_key")
    text = world.s3.objects["reports", key].decode("utf-8-sig") if key else ""
    rejects = list(csv.DictReader(io.StringIO(text, newline="")))
    is_as_before, people_after = stored_state(world) == before, people(world)
    out_of_balance = without_balance(world, report, case.upload, standing) if report["status"] == "completed" else []
    is_to_come_again = report["status"] == "rejected" and case.stands
    again = world.upload(case.stands, name="again")["status"] if is_to_come_again else "unchanged"
    return Outcome(report, rejects, people_before, people_after, is_as_before, again, out_of_balance)


def people(world: World) -> dict[str, RosterUser]:
    users = world.users.get_many(user_of_pk(pk) for pk, sk in world.table.items if sk == "ROSTER")
    return {user.key.person_id: user for user in users.values()}


def then_it_is_answered_right(case: Case, outcome: Outcome) -> None:
    report = outcome.report
    assert report["status"] == case.status, (case.name, report.get("reason"), report["rejects"][:3])
    assert outcome.out_of_balance == []
    if case.status == "rejected":
        then_nothing_has_happened(outcome)
    elif case.status == "held":
        then_it_waits_for_a_person(case, outcome)
        return
    else:
        then_nobody_is_lost(case, outcome)
    then_it_says_where(case, outcome)
    assert set(case.notes) <= {note["code"] for note in report["notes"]}, report["notes"]
    if case.version:
        assert report["format"]["version"] == case.version


def then_nothing_has_happened(outcome: Outcome) -> None:
    assert outcome.is_as_before
    assert outcome.again == "unchanged", "a rejected upload supersedes nothing and leaves no lock"


def then_it_waits_for_a_person(case: Case, outcome: Outcome) -> None:
    assert outcome.report["reason"]["code"] == case.code
    assert outcome.before == outcome.after


def then_nobody_is_lost(case: Case, outcome: Outcome) -> None:
    gone = {key for key in outcome.before if not outcome.after[key].active}
    assert len(gone) == outcome.report["users"]["removed"] == case.removed, gone
    assert outcome.report["users"]["changed"] == case.changed
    assert outcome.report["classes"]["removed"] == 0
    for key in outcome.before.keys() - gone:
        assert set(outcome.before[key].teaches) <= set(outcome.after[key].teaches), key
        assert set(outcome.before[key].attends) <= set(outcome.after[key].attends), key
    if case.code and outcome.report["format"]["mode"] == "bulk":
        then_it_says_how_many_removals_were_put_off(outcome)


def then_it_says_how_many_removals_were_put_off(outcome: Outcome) -> None:
    everybody = outcome.before.values()
    stood = {
        "users": len(everybody),
        "classes": len({c for person in everybody for c in (*person.teaches, *person.attends)}),
        "enrollments": sum(len(person.teaches) + len(person.attends) for person in everybody),
    }
    notes = {note["code"]: note.get("count") for note in outcome.report["notes"]}
    for kind, number in stood.items():
        counts = outcome.report[kind]
        missing = number - counts["unchanged"] - counts["changed"]
        assert notes.get(PUT_OFF[kind], 0) == missing, (kind, outcome.report["notes"])


def then_it_says_where(case: Case, outcome: Outcome) -> None:
    found = [(r["code"], r["file"].lower(), r["line"], r["column"]) for r in outcome.report["rejects"]]
    at = case.at
    if at is None:
        assert found == []
        return
    assert found[:1] == [(case.code, at.file.lower(), at.line, at.column)], found[:3]
    assert len(outcome.rejects) == len(found)
    assert {code for code, *_ in found[1:]} <= KNOCK_ON, found[1:4]
    for reject in outcome.report["rejects"][1:]:
        if value := reject.get("value", "").partition("\n")[0]:
            assert value in lines_of(case.upload, reject["file"])[reject["line"] - 1]
    if case.status == "rejected":
        assert len(found) == 1
        assert outcome.report["reason"]["code"] == case.code
    else:
        assert len(found) == sum(outcome.report[kind]["rejected"] for kind in PUT_OFF)


def lines_of(upload: Files, name: str) -> list[str]:
    body = upload[name]
    return re.split("\r\n|\r|\n", body if isinstance(body, str) else body.decode("utf-8", "replace"))


def then_the_archive_is_answered_right(archive: Archive, outcome: dict[str, Any]) -> None:
    assert "raised" not in outcome, outcome["raised"]
    report = outcome["report"]
    if archive.code is None:
        assert report["status"] == "unchanged"
        return
    (reject,) = report["rejects"]
    assert (report["status"], reject["line"]) == ("rejected", archive.line)
    assert reject["code"] in archive.code.split(" or "), reject
    assert reject["file"] == archive.file or archive.file is None
    assert (outcome["is_as_before"], outcome["again"]) == (True, "unchanged")
    assert outcome["peak"] < MOST_MEMORY, f"{outcome['peak'] >> 20} MB"
