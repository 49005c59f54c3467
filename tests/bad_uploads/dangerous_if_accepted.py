"""Uploads that are answered wrong most easily: what is plausible and wrong, and what takes people away without a word."""

from __future__ import annotations

from collections.abc import Iterator

from tests.bad_uploads.case import At, Case, bad_file, bad_row, held, read, refused, row_refused
from tests.bad_uploads.damaged_files import header_alone, without_rows
from tests.bad_uploads.deltas import DELTA, delta, enrolled, user
from tests.bad_uploads.rows import quotes_and_commas
from tests.bad_uploads.valid_rosters import (
    CLEVER,
    EVERY_FORMAT,
    MANIFEST,
    ONE_ROSTER_1_1,
    ONE_ROSTER_1_2,
    SDS_V1,
    SDS_V2_1,
    Files,
)

_ONE = ONE_ROSTER_1_1
_USERS, _ENROLLMENTS = _ONE.students, _ONE.enrollments[0]


# What takes people, or their classes, away.


def files_without_rows() -> Iterator[Case]:
    for roster in EVERY_FORMAT:
        large = roster.grown()
        for sheet in (large.classes, *large.enrollments):
            for description, body in without_rows(sheet):
                yield held(large, f"{sheet.name} {description}", large.with_file(sheet.name, body), "header_only")
        yield from header_alone(roster, (sheet for sheet in roster.others if sheet.role_column))


def roles_that_nobody_knows() -> Iterator[Case]:
    for roster in EVERY_FORMAT:
        for sheet in roster.sheets:
            if column := sheet.role_column:
                wizard, nothing = (sheet.with_value(3, column, word) for word in ("wizard", ""))
                if sheet not in roster.enrollments:
                    yield bad_row(roster, sheet, "with a role that nobody knows", wizard, "unknown_role", 3, column)
                yield bad_row(roster, sheet, "without a role", nothing, "missing_value", 3, column)


def manifests_that_are_unclear() -> Iterator[Case]:
    """A delta that is taken for the whole roster removes everybody whom it does not name."""
    for description, manifest, line in (
        ("a kind of file that nobody knows", DELTA.replace("file.users,delta", "file.users,dleta"), 10),
        ("no kind for a file", DELTA.replace("file.users,delta", "file.users,"), 10),
        ("two answers for one file", DELTA + "file.users,bulk\n", 12),
    ):
        upload, at = delta(user("s7"), enrolled("s7"), manifest), At("manifest.csv", line, "value")
        yield refused(_ONE, f"a manifest with {description}", upload, "bad_manifest", at)


def files_that_were_there_before() -> Iterator[Case]:
    staff = "School_id,Staff_id,Staff_email,First_name,Last_name,Title\n"
    stands = CLEVER.with_file("staff.csv", staff + "o1,a1,gus@lakeside.example,Gus,Gray,Principal\n")
    yield read(CLEVER, "without staff.csv, which was there before", CLEVER.files, stands=stands)
    yield read(CLEVER, "staff.csv with its header alone", CLEVER.with_file("staff.csv", staff), stands=stands)


def classes_whose_teacher_stands_in_their_row() -> Iterator[Case]:
    """If that row is rejected, the teacher does not leave the class."""
    sections, enrollments = CLEVER.classes, CLEVER.enrollments[0]
    stands = CLEVER.but(enrollments="\n".join(enrollments.lines[:-1]))
    upload: Files = {**stands, "sections.csv": sections.with_line(3, sections.lines[2] + ",more")}
    description, at = "sections.csv line 3, a class without students, with a field too many", At("sections.csv", 3)
    yield row_refused(CLEVER, description, upload, "too_many_fields", at, stands=stands)


def two_formats_at_once() -> Iterator[Case]:
    upload = {**SDS_V1.files, **SDS_V2_1.files}
    yield refused(SDS_V2_1, "together with School Data Sync 1", upload, "two_formats", At("roster.zip"))
    upload = {**CLEVER.files, **_ONE.files}
    yield refused(CLEVER, "together with OneRoster", upload, "two_formats", At("roster.zip"))


# What takes one person for another.


def one_id_for_two_people() -> Iterator[Case]:
    """Whoever mixes them up mails a student as if that were a teacher."""
    teachers = CLEVER.sheet("teachers.csv")
    body = teachers.text + "o1,t2,3,fay@lakeside.example,Fay,Finn,Ms,fay,secret\n"
    yield bad_row(CLEVER, teachers, "with the id of another teacher", body, "id_of_another", 4, "Teacher_id")
    body = _USERS.text + "s3,,,true,o1,teacher,fay,,Fay,Finn,fay@lakeside.example,,secret\n"
    yield bad_row(_ONE, _USERS, "with the id of a student", body, "id_of_another", 7, "sourcedId")


def columns_twice() -> Iterator[Case]:
    """Which of two addresses is the official one is not ours to guess."""
    for roster, column in ((_ONE, "email"), (ONE_ROSTER_1_2, "email"), (CLEVER, "Student_email"), (SDS_V2_1, "email")):
        body = roster.students.with_column_twice(column)
        yield bad_file(roster, roster.students, f"with {column} twice", body, "column_twice", 1, column)


def two_encodings_in_one_file() -> Iterator[Case]:
    """One letter in another encoding is no reason to spoil everybody else's name."""
    for roster in EVERY_FORMAT:
        sheet = roster.students
        accented = sheet.text.replace("Dan", "José").encode()
        stands, upload = (
            roster.with_file(sheet.name, body) for body in (accented, accented.replace(b"Eve", b"Zo\xeb"))
        )
        description = f"{sheet.name} in UTF-8 with one letter of Windows"
        yield read(roster, description, upload, "mixed_encodings", changed=1, stands=stands)


# What is said of it, and where.


def classes_with_broken_rows() -> Iterator[Case]:
    """Their file is looked at for its dates, too: a row is rejected once all the same."""
    for roster in EVERY_FORMAT:
        yield from quotes_and_commas(roster, (roster.classes,))


def rejects_in_another_order() -> Iterator[Case]:
    """Whoever corrects a file goes through it from top to bottom."""
    body = _ENROLLMENTS.with_value(2, "classSourcedId", "nowhere").replace("c1,o1,s1", "nowhere,o1,s1")
    description = "with a class that nobody knows, and line 4 too"
    yield bad_row(_ONE, _ENROLLMENTS, description, body, "unknown_class", 2, "classSourcedId")


def files_that_are_missing() -> Iterator[Case]:
    for roster, name in ((SDS_V2_1, "users.csv"), (SDS_V2_1, "roles.csv"), (ONE_ROSTER_1_2, "roles.csv")):
        yield refused(roster, f"without {name}", roster.without(name), "missing_file", At(name))


def headers_with_broken_quotes() -> Iterator[Case]:
    for roster in EVERY_FORMAT:
        sheet = roster.students
        body = sheet.with_header(sheet.lines[0].replace(sheet.id_column, f'"{sheet.id_column}"s'))
        yield bad_file(roster, sheet, "with broken quotes in its header", body, "bad_quotes")
    upload, description = _ONE.but(manifest=MANIFEST.replace("propertyName", '"a"b')), "broken quotes in its header"
    yield refused(_ONE, f"a manifest with {description}", upload, "bad_quotes", At("manifest.csv", 1))


def fields_of_200_kilobytes() -> Iterator[Case]:
    for roster in EVERY_FORMAT:
        sheet = roster.students
        long = "x" * 200_000
        for description, value in (("with 200 KB in a field", long), ("with 200 KB in a field in quotes", f'"{long}"')):
            yield bad_row(
                roster, sheet, description, sheet.with_value(3, sheet.columns[-1], value), "field_too_long", 3
            )


def bytes_that_are_no_text() -> Iterator[Case]:
    dan, half = "Dan".encode("utf-16-le"), b"\x00\xd8a\0n\0"
    for roster in EVERY_FORMAT:
        sheet, last = roster.students, roster.students.last_line
        line = next(number for number, text in enumerate(sheet.lines, 1) if "Dan" in text)
        body = sheet.text.encode("utf-8-sig").replace(b"Dan", b"D\xe4n")
        yield bad_file(roster, sheet, "marked as UTF-8, with a letter that is not", body, "bad_encoding", line)
        body = sheet.text.encode("utf-16").replace(dan, half)
        yield bad_file(roster, sheet, "in UTF-16 with half a character", body, "bad_encoding", line)
        body = sheet.text.replace("\n", "\r").encode("utf-16").replace(dan, half)
        yield bad_file(
            roster, sheet, "in UTF-16, lines ending in CR, with half a character", body, "bad_encoding", line
        )
        yield bad_file(roster, sheet, "in UTF-32", sheet.text.encode("utf-32"), "bad_encoding")
        for codec in ("utf-16", "utf-16-le"):
            body = sheet.text.rstrip("\n").encode(codec)[:-1]
            yield bad_file(roster, sheet, f"in {codec}, cut off within a character", body, "bad_encoding", last)


def two_texts_joined() -> Iterator[Case]:
    for roster in EVERY_FORMAT:
        sheet, last = roster.students, roster.students.last_line
        body = ("\n".join(sheet.lines[:-1]) + "\n").encode("utf-16") + sheet.lines[-1].encode()
        body += b"\n" * (len(body) % 2)
        yield bad_row(roster, sheet, "in UTF-8, in a file in UTF-16", body, "too_few_fields", last)


def manifests_that_say_what_is_not_so() -> Iterator[Case]:
    for description, said, put in (
        ("names a file that is not there", "demographics,absent", "demographics,bulk"),
        ("calls a file absent that is there", "users,bulk", "users,absent"),
        ("has a version that nobody knows", "oneroster.version,1.1", "oneroster.version,banana"),
    ):
        upload = _ONE.but(manifest=MANIFEST.replace(said, put))
        yield read(_ONE, f"a manifest that {description}", upload, "manifest_disagrees", version="1.1")


def deltas() -> Iterator[Case]:
    for sheet, upload in (
        (_USERS, delta(user("s7") + user("s8", status="expelled"))),
        (_ENROLLMENTS, delta(enrollments=enrolled("s1") + enrolled("s3").replace("active", "expelled"))),
    ):
        description = f"a delta of {sheet.name}, line 3 with a status that nobody knows"
        yield row_refused(_ONE, description, upload, "unknown_status", At(sheet.name, 3, "status"))
    upload = delta(user("s7") + user("s8", status=""))
    yield read(_ONE, "a delta of users.csv, line 3 without a status", upload, "no_status")
    upload = delta(user("s7"), manifest=DELTA.replace("file.users,delta", "file.users,absent"))
    yield read(_ONE, "a delta of users.csv, which the manifest calls absent", upload, "manifest_disagrees")
    sheet = ONE_ROSTER_1_2.students
    row = sheet.lines[1].replace("Ann", "Anna").replace(",,,true", ",active,2026-09-02T08:00:00Z,true")
    upload = {"manifest.csv": DELTA.replace("1.1", "1.2"), "users.csv": f"{sheet.lines[0]}\n{row}\n"}
    yield read(ONE_ROSTER_1_2, "a delta of a user without a delta of the roles", upload, changed=1)


DANGEROUS_IF_ACCEPTED: tuple[Case, ...] = tuple(
    case
    for cases in (
        files_without_rows,
        roles_that_nobody_knows,
        manifests_that_are_unclear,
        files_that_were_there_before,
        classes_whose_teacher_stands_in_their_row,
        two_formats_at_once,
        one_id_for_two_people,
        columns_twice,
        two_encodings_in_one_file,
        classes_with_broken_rows,
        rejects_in_another_order,
        files_that_are_missing,
        headers_with_broken_quotes,
        fields_of_200_kilobytes,
        bytes_that_are_no_text,
        two_texts_joined,
        manifests_that_say_what_is_not_so,
        deltas,
    )
    for case in cases()
)
