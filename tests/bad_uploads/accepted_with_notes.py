"""Uploads that look broken and are plain all the same: they are read, and where something was assumed, a note says so."""

from __future__ import annotations

from collections.abc import Iterator

from tests.bad_uploads.archives import PNG
from tests.bad_uploads.case import Case, all_with_line_ends, odd_file, read
from tests.bad_uploads.valid_rosters import EVERY_FORMAT, MANIFEST, ONE_ROSTER_1_1, SDS_V2_1, Files, Roster


def packed_oddly(one: Roster) -> Iterator[Case]:
    forks: Files = {f"__MACOSX/._{name}": b"\0\5\x16\7" + PNG for name in one.files}
    in_folder: Files = {f"Roster 2026/{name}": body for name, body in one.files.items()}
    in_folders: Files = {f"export/2026/09/{name}": body for name, body in one.files.items()}
    shouted: Files = {name.upper(): body for name, body in one.files.items()}
    for what, upload in (
        ("in a folder", in_folder),
        ("three folders deep", in_folders),
        ("packed by a Mac", {**one.files, **forks, ".DS_Store": b"\0\0\0\1Bud1"}),
        ("with a picture and a read-me beside it", {**one.files, "logo.png": PNG, "README.txt": "hello"}),
        ("with its names in capitals", shouted),
    ):
        yield read(one, what, upload, status="unchanged")
    yield read(one, "with a CSV file that no roster has", one.with_file("buses.csv", "line,stop\n1,Main St\n"))
    yield read(one, "with a picture that is called CSV", one.with_file("photo.csv", PNG))


def written_oddly(one: Roster) -> Iterator[Case]:
    sheet = one.students
    header = sheet.lines[0]
    for what, body in (
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
        yield odd_file(one, sheet, what, body)


def in_quotes(text: str) -> str:
    return "\n".join(",".join(f'"{cell}"' for cell in line.split(",")) for line in text.splitlines())


def with_columns_more(lines: list[str], number: int) -> str:
    names = ",".join(f"metadata.{n}" for n in range(number))
    return "\n".join([f"{lines[0]},{names}", *(line + "," * number for line in lines[1:])])


def the_whole_upload_oddly(one: Roster) -> Iterator[Case]:
    for mark, what in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        upload: Files = {name: str(body).replace(",", mark) for name, body in one.files.items()}
        yield read(one, f"with {what} instead of commas everywhere", upload)
    for end, what in (("\r\n", "CRLF"), ("\r", "CR")):
        yield read(one, f"with lines that end in {what}", all_with_line_ends(one.files, end))
    for codec in ("utf-8-sig", "utf-16"):
        yield read(one, f"in {codec}", {name: str(body).encode(codec) for name, body in one.files.items()})
    unmarked: Files = {name: str(body).encode("utf-16-le") for name, body in one.files.items()}
    yield read(one, "in UTF-16 without a byte order mark", unmarked, "encoding_assumed")


def one_letter_in_another_encoding(one: Roster) -> Iterator[Case]:
    sheet = one.students
    body = sheet.text.replace("Eve", "Zo?").encode()
    for what, letter in (
        ("of Windows", b"\xeb"),
        ("of no encoding", b"\xff"),
        ("that even Windows does not have", b"\x81"),
    ):
        letters = body.replace(b"?", letter)
        yield odd_file(one, sheet, f"with a letter {what}", letters, "encoding_assumed", changed=1)


def names_in_quotes(one: Roster) -> Iterator[Case]:
    sheet = one.students
    for what, name in (
        ("quotes within a field that has none around it", 'Eve "Evie"'),
        ("doubled quotes", '"Eve ""Evie"""'),
        ("a comma in quotes", '"Eve, Evie"'),
        ("a line break in quotes", '"Eve\nEvie"'),
    ):
        yield odd_file(one, sheet, f"with {what}", sheet.text.replace("Eve", name), changed=1)


def manifests() -> Iterator[Case]:
    one = ONE_ROSTER_1_1
    for what, manifest in (
        ("an empty manifest", ""),
        ("a manifest without a header", MANIFEST.partition("\n")[2]),
        ("a manifest with its header alone", "propertyName,value\n"),
        ("a manifest that names no file", "propertyName,value\noneroster.version,1.1\n"),
        ("a manifest in capitals", MANIFEST.replace("bulk", "BULK")),
        ("a manifest of a later version", MANIFEST.replace("manifest.version,1.0", "manifest.version,9")),
    ):
        yield read(one, f"with {what}", one.but(manifest=manifest), version="1.1")
    yield read(one, "without its manifest", one.without("manifest.csv"), version="1.1")


def rows_marked_as_deleted() -> Iterator[Case]:
    one, sheet = ONE_ROSTER_1_1, ONE_ROSTER_1_1.students
    enrollments = "\n".join(one.enrollments[0].lines[:-1])
    for word in ("tobedeleted", "toBeDeleted", "inactive"):
        upload = one.but(users=sheet.with_value(6, "status", word), enrollments=enrollments)
        yield read(one, f"users.csv in bulk with a row marked {word}", upload, "status_in_bulk", removed=1)
    active = sheet.text.replace(",,,true", ",active,2026-09-01T08:00:00Z,true")
    yield odd_file(one, sheet, "in bulk with every row marked active", active)


def people_for_whom_nothing_is_done() -> Iterator[Case]:
    one, sheet = ONE_ROSTER_1_1, ONE_ROSTER_1_1.students
    rows = (f"{role},,,true,o1,{role},{role},,Gil,Gray,,," for role in ("guardian", "parent", "relative", "Contact"))
    yield odd_file(
        one, sheet, "with people who neither teach nor learn", sheet.text + "\n".join(rows), "guardians_left_out"
    )


def without_what_is_optional() -> Iterator[Case]:
    for one in EVERY_FORMAT:
        for name in one.optional:
            yield read(one, f"without {name}", one.without(name))
    for name in ("courses.csv", "academicSessions.csv"):
        yield read(SDS_V2_1, f"with no bytes in {name}", SDS_V2_1.with_file(name, ""))


ODD_BUT_PLAIN: tuple[Case, ...] = (
    *(
        case
        for one in EVERY_FORMAT
        for cases in (
            packed_oddly(one),
            written_oddly(one),
            the_whole_upload_oddly(one),
            one_letter_in_another_encoding(one),
            names_in_quotes(one),
        )
        for case in cases
    ),
    *manifests(),
    *rows_marked_as_deleted(),
    *people_for_whom_nothing_is_done(),
    *without_what_is_optional(),
)
