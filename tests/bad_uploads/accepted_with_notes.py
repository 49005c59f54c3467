"""Uploads that look broken and are plain all the same: they are read, and where something was assumed, a note says so."""

from __future__ import annotations

from collections.abc import Iterator

from tests.bad_uploads.archives import PNG
from tests.bad_uploads.case import Case, all_with_line_ends, noted_file, read
from tests.bad_uploads.valid_rosters import EVERY_FORMAT, MANIFEST, ONE_ROSTER_1_1, SDS_V2_1, Files, Roster


def packed_oddly(roster: Roster) -> Iterator[Case]:
    forks: Files = {f"__MACOSX/._{name}": b"\0\5\x16\7" + PNG for name in roster.files}
    in_folder: Files = {f"Roster 2026/{name}": body for name, body in roster.files.items()}
    in_folders: Files = {f"export/2026/09/{name}": body for name, body in roster.files.items()}
    shouted: Files = {name.upper(): body for name, body in roster.files.items()}
    for description, upload in (
        ("in a folder", in_folder),
        ("three folders deep", in_folders),
        ("packed by a Mac", {**roster.files, **forks, ".DS_Store": b"\0\0\0\1Bud1"}),
        ("with a picture and a read-me beside it", {**roster.files, "logo.png": PNG, "README.txt": "hello"}),
        ("with its names in capitals", shouted),
    ):
        yield read(roster, description, upload, status="unchanged")
    yield read(roster, "with a CSV file that no roster has", roster.with_file("buses.csv", "line,stop\n1,Main St\n"))
    yield read(roster, "with a picture that is called CSV", roster.with_file("photo.csv", PNG))


def written_oddly(roster: Roster) -> Iterator[Case]:
    sheet = roster.students
    header = sheet.lines[0]
    for description, body in (
        ("with every field in quotes", in_quotes(sheet.text)),
        ("without a line break at its end", sheet.text.rstrip("\n")),
        ("with blank lines and lines of commas", sheet.text.replace("\n", "\n\n,,,,,\n \n")),
        ("with two byte order marks", "\ufeff\ufeff" + sheet.text),
        ("with its columns in capitals", sheet.with_header(header.upper())),
        ("with invisible characters in its header", sheet.with_header(header.replace(",", " \u200b,\u00a0"))),
        ("with blank columns at its end", "\n".join(f"{line},," for line in sheet.lines)),
        ("with 10,000 columns more", with_columns_more(sheet.lines, 10_000)),
        ("with the same row many times", sheet.text + f"{sheet.lines[1]}\n" * 3),
    ):
        yield noted_file(roster, sheet, description, body)


def in_quotes(text: str) -> str:
    return "\n".join(",".join(f'"{cell}"' for cell in line.split(",")) for line in text.splitlines())


def with_columns_more(lines: list[str], number: int) -> str:
    names = ",".join(f"metadata.{n}" for n in range(number))
    return "\n".join([f"{lines[0]},{names}", *(line + "," * number for line in lines[1:])])


def the_whole_upload_oddly(roster: Roster) -> Iterator[Case]:
    for mark, description in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        upload: Files = {name: str(body).replace(",", mark) for name, body in roster.files.items()}
        yield read(roster, f"with {description} instead of commas everywhere", upload)
    for end, description in (("\r\n", "CRLF"), ("\r", "CR")):
        yield read(roster, f"with lines that end in {description}", all_with_line_ends(roster.files, end))
    for codec in ("utf-8-sig", "utf-16"):
        yield read(roster, f"in {codec}", {name: str(body).encode(codec) for name, body in roster.files.items()})
    unmarked: Files = {name: str(body).encode("utf-16-le") for name, body in roster.files.items()}
    yield read(roster, "in UTF-16 without a byte order mark", unmarked, "encoding_assumed")


def one_letter_in_another_encoding(roster: Roster) -> Iterator[Case]:
    sheet = roster.students
    body = sheet.text.replace("Eve", "Zo?").encode()
    for description, letter in (
        ("of Windows", b"\xeb"),
        ("of no encoding", b"\xff"),
        ("that even Windows does not have", b"\x81"),
    ):
        letters = body.replace(b"?", letter)
        yield noted_file(roster, sheet, f"with a letter {description}", letters, "encoding_assumed", changed=1)


def names_in_quotes(roster: Roster) -> Iterator[Case]:
    sheet = roster.students
    for description, name in (
        ("quotes within a field that has none around it", 'Eve "Evie"'),
        ("doubled quotes", '"Eve ""Evie"""'),
        ("a comma in quotes", '"Eve, Evie"'),
        ("a line break in quotes", '"Eve\nEvie"'),
    ):
        yield noted_file(roster, sheet, f"with {description}", sheet.text.replace("Eve", name), changed=1)


def manifests() -> Iterator[Case]:
    roster = ONE_ROSTER_1_1
    for description, manifest in (
        ("an empty manifest", ""),
        ("a manifest without a header", MANIFEST.partition("\n")[2]),
        ("a manifest with its header alone", "propertyName,value\n"),
        ("a manifest that names no file", "propertyName,value\noneroster.version,1.1\n"),
        ("a manifest in capitals", MANIFEST.replace("bulk", "BULK")),
        ("a manifest of a later version", MANIFEST.replace("manifest.version,1.0", "manifest.version,9")),
    ):
        yield read(roster, f"with {description}", roster.but(manifest=manifest), version="1.1")
    yield read(roster, "without its manifest", roster.without("manifest.csv"), version="1.1")


def rows_marked_as_deleted() -> Iterator[Case]:
    roster, sheet = ONE_ROSTER_1_1, ONE_ROSTER_1_1.students
    enrollments = "\n".join(roster.enrollments[0].lines[:-1])
    for word in ("tobedeleted", "toBeDeleted", "inactive"):
        upload = roster.but(users=sheet.with_value(6, "status", word), enrollments=enrollments)
        yield read(roster, f"users.csv in bulk with a row marked {word}", upload, "status_in_bulk", removed=1)
    active = sheet.text.replace(",,,true", ",active,2026-09-01T08:00:00Z,true")
    yield noted_file(roster, sheet, "in bulk with every row marked active", active)


def people_for_whom_nothing_is_done() -> Iterator[Case]:
    roster, sheet = ONE_ROSTER_1_1, ONE_ROSTER_1_1.students
    rows = (f"{role},,,true,o1,{role},{role},,Gil,Gray,,," for role in ("guardian", "parent", "relative", "Contact"))
    yield noted_file(
        roster, sheet, "with people who neither teach nor learn", sheet.text + "\n".join(rows), "guardians_left_out"
    )


def without_what_is_optional() -> Iterator[Case]:
    for roster in EVERY_FORMAT:
        for name in roster.optional:
            yield read(roster, f"without {name}", roster.without(name))
    for name in ("courses.csv", "academicSessions.csv"):
        yield read(SDS_V2_1, f"with no bytes in {name}", SDS_V2_1.with_file(name, ""))


ACCEPTED_WITH_NOTES: tuple[Case, ...] = (
    *(
        case
        for roster in EVERY_FORMAT
        for cases in (
            packed_oddly(roster),
            written_oddly(roster),
            the_whole_upload_oddly(roster),
            one_letter_in_another_encoding(roster),
            names_in_quotes(roster),
        )
        for case in cases
    ),
    *manifests(),
    *rows_marked_as_deleted(),
    *people_for_whom_nothing_is_done(),
    *without_what_is_optional(),
)
