"""Rows that are read by whole blocks and columns are what a reader of single fields makes of them, byte for byte.

A difference would be somebody with another's name. So both ways are taken, and everything that leaves ``split`` is compared.
"""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.json import Encoder

from functions.import_step import compare_people, csv_table, even_lines, partition, plain_people
from functions.import_step.archive import WHOLE, Piece, RosterFile
from functions.import_step.csv_table import Table
from functions.import_step.encoding import scan
from functions.import_step.enrollment_rows import role_enrollments, without_shared_ids
from functions.import_step.enrollment_texts import classes_in, number_of_rows, rows_in
from functions.import_step.formats import oneroster
from functions.import_step.formats.format import recognise
from functions.import_step.shards import EnrollmentsBlock, EnrollmentsHead, PackedPeople, ShardWriter, written_blocks
from functions.import_step.steps.ingest import FORMATS
from shared.domain.email_address import normalise, normalise_all
from shared.domain.errors import UploadRejected
from shared.domain.report import Note, Reject
from tests.bad_uploads.accepted_with_notes import ACCEPTED_WITH_NOTES
from tests.bad_uploads.damaged_files import WHOLE_FILES
from tests.bad_uploads.dangerous_if_accepted import DANGEROUS_IF_ACCEPTED
from tests.bad_uploads.deltas import DELTAS
from tests.bad_uploads.rows import ROWS
from tests.bad_uploads.valid_rosters import EVERY_FORMAT
from tests.corpus.corpus import Corpus
from tests.depth import depth
from tests.harness import World
from tests.roster_facts import Roster, rosters

CASES = (*WHOLE_FILES, *ROWS, *DELTAS, *ACCEPTED_WITH_NOTES, *DANGEROUS_IF_ACCEPTED)
type Split = tuple[Any, ...]


def roster_files(files: Mapping[str, str | bytes]) -> list[RosterFile]:
    bodies = {name: body.encode() if isinstance(body, str) else body for name, body in files.items()}
    return [
        RosterFile(name, len(body), lambda start, _end, body=body: io.BytesIO(body[start:]))
        for name, body in bodies.items()
        if name.endswith(".csv")
    ]


def split_into(folder: Path, files: Mapping[str, str | bytes]) -> Split:
    """All that comes of an upload before people are compared: rows with their lines, rejects, notes, counts; or why it is
    refused."""
    folder.mkdir()
    try:
        encoded = [replace(file, encoding=scan(file).encoding) for file in roster_files(files)]
        form, upload = recognise(encoded, FORMATS)
        done = partition.split(form, replace(upload, on="2026-09-02"), form.stems(upload), 2, folder)
    except UploadRejected as error:
        return (error.code, error.message, error.file, error.line, error.column)
    blocks = [row_by_row(block) for block in written_blocks(done.people.read_bytes())]
    rest = [(folder / name).read_bytes() for name in ("classes", "class-ids", "rejects", "references")]
    sink = done.sink
    return (
        sorted(row for block in blocks for row in block), rest, done.seen, sink.rejected, sink.notes, sink.schools,
        sink.addresses, sink.named_schools, sink.rows, sink.references,
    )  # fmt: skip


def row_by_row(block: Any) -> list[str]:
    """The rows of a block, whatever stands together in it."""
    if isinstance(block, PackedPeople):
        return row_by_row(block.block())
    if isinstance(block, EnrollmentsBlock):
        rows = list(zip(block.rows(), marks_in_order(block), strict=True))
        head = (block.file, block.user_column, block.class_column, block.role, block.removed)
        return [f"{head} {row}" for row in rows]
    rows = zip(block.rows, block.lines, strict=True)
    return [f"{type(block).__name__} {block.file} {block.column} {getattr(block, 'untold', ())} {row}" for row in rows]


def marks_in_order(block: EnrollmentsBlock) -> list[int]:
    """What is kept of the ids of the rows, as they stand in the file."""
    texts = [rows_in((text,)) for text in block.texts]
    rows = [(number, mark) for number, of_text in enumerate(texts) for _, mark in of_text]
    in_order = sorted(zip(rows, block.places, strict=True), key=lambda each: (each[0][0], each[1]))
    return [mark for (_, mark), _ in in_order]


def read_field_by_field(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_table, "_plain", lambda _block, _delimiter: None)
    monkeypatch.setattr(oneroster, "_plain_people", lambda *_, **__: None)
    monkeypatch.setattr(partition.SplitSink, "_are_plain", lambda *_: False)


def then_both_ways_agree(folder: Path, files: Mapping[str, str | bytes]) -> None:
    by_blocks = split_into(folder / "blocks", files)
    with pytest.MonkeyPatch.context() as monkeypatch:
        read_field_by_field(monkeypatch)
        assert split_into(folder / "fields", files) == by_blocks


@pytest.mark.slow
@pytest.mark.parametrize("block", [200, 1 << 16])
def test_every_broken_upload_is_read_the_same_by_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(csv_table, "_BLOCK", block)
    for number, case in enumerate(CASES):
        if sum(map(len, case.upload.values())) < 300_000:
            (tmp_path / str(number)).mkdir()
            then_both_ways_agree(tmp_path / str(number), case.upload)


def test_every_roster_of_the_corpus_is_read_the_same_by_blocks(tmp_path: Path, corpus: Corpus) -> None:
    for number, roster in enumerate((*corpus.rosters, *corpus.loose)):
        (tmp_path / str(number)).mkdir()
        then_both_ways_agree(tmp_path / str(number), roster.files)


@pytest.mark.parametrize("roster", EVERY_FORMAT, ids=lambda roster: roster.format)
def test_csv_that_is_right_and_not_simple_is_read_the_same(tmp_path: Path, roster: Any, corpus: Corpus) -> None:
    for number, body in enumerate(corpus.csv_files.values()):
        for sheet in roster.sheets:
            folder = tmp_path / f"{number}-{sheet.name}"
            folder.mkdir()
            then_both_ways_agree(folder, roster.with_file(sheet.name, body))


def left_by(*uploads: Mapping[str, str | bytes]) -> dict[Any, Any]:
    """All that imports leave, but for working files."""
    world = World()
    world.register(removal_threshold_percent=100, removal_threshold_count=1_000)
    for number, files in enumerate(uploads):
        world.upload(files, name=f"upload-{number}")
    kept: dict[Any, Any] = {
        # What people come to is in no order.
        key: json.loads(body) if "/rows-count-" in key[1] else body
        for key, body in world.s3.objects.items()
        if not key[1].startswith("work/")
    }
    return {**kept, **world.table.items}


def then_packed_and_unpacked_people_agree(*uploads: Mapping[str, str | bytes]) -> None:
    as_they_lie = left_by(*uploads)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(compare_people, "_says_all_of_people", lambda _plan: False)
        assert left_by(*uploads) == as_they_lie


@pytest.mark.parametrize("roster", EVERY_FORMAT, ids=lambda roster: roster.format)
def test_people_whose_rows_stay_packed_become_the_same_records(roster: Any) -> None:
    then_packed_and_unpacked_people_agree(roster.files, roster.files)


@pytest.mark.deep
@given(st.lists(rosters("1.1"), min_size=1, max_size=3))
@settings(max_examples=depth(8, 100))
def test_people_of_any_roster_become_the_same_records(of: list[Roster]) -> None:
    then_packed_and_unpacked_people_agree(*(roster.files() for roster in of))


@pytest.mark.slow
def test_people_of_every_broken_upload_become_the_same_records() -> None:
    good = next(roster for roster in EVERY_FORMAT if roster.format == "OneRoster 1.1")
    for case in (*ROWS, *ACCEPTED_WITH_NOTES, *DANGEROUS_IF_ACCEPTED):
        if sum(map(len, case.upload.values())) < 100_000:
            then_packed_and_unpacked_people_agree(good.files, case.upload, good.files)


def test_most_people_are_never_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else nothing would be won."""
    taken: list[int] = []
    take = plain_people.take_plain_people

    def counted(*args: Any, **more: Any) -> plain_people.PlainPeople:
        found = take(*args, **more)
        taken.append(len(found.lines))
        return found

    monkeypatch.setattr(compare_people, "take_plain_people", counted)
    users = "".join(f"s{n},,o1,student,s{n},Ann,Lee,s{n}@lakeside.example,,\n" for n in range(9))
    enrollments = "".join(f"e{n},c1,o1,s{n},student\n" for n in range(9))
    columns = "sourcedId,status,orgSourcedIds,role,username,givenName,familyName,email,userIds,enabledUser\n"
    left_by(
        {
            "users.csv": columns + users,
            "classes.csv": "sourcedId,title,courseSourcedId,schoolSourcedId,termSourcedIds\nc1,Art,,o1,\n",
            "enrollments.csv": "sourcedId,classSourcedId,schoolSourcedId,userSourcedId,role\n" + enrollments,
            "orgs.csv": "sourcedId,name,type\no1,Lakeside,school\n",
        }
    )
    assert sum(taken) == 9


FIELDS = st.text(alphabet='ab,;"\t \r\n\0\x01\x02\x1f\x7fé\u200b\ufeff', max_size=4)
QUOTED = FIELDS.map(lambda text: '"' + text.replace('"', '""') + '"')
LINES = st.lists(st.one_of(FIELDS, QUOTED, st.sampled_from(["a", "", '""', '"a"'])), min_size=1, max_size=4).map(
    ",".join
)
BODIES = st.tuples(st.lists(LINES, max_size=8), st.sampled_from(["\n", "\r\n", "\r"]), st.booleans()).map(
    lambda drawn: "k,v,w" + "".join(drawn[1] + line for line in drawn[0]) + (drawn[1] if drawn[2] else "")
)


@given(BODIES, st.integers(2, 40))
@example('k,v,w\n"a","","b ""c"""\n', 40)
@example('k,v,w\n"""a""",b,c\nd,e,f\n', 7)
@example('k,v,w\n"a,"",b",c,d\n', 40)
@example("k,v,w\na,\0,c\n\0\n", 40)
@example('k,v,w\na,"b\nc",d\ne,"f",g\n', 9)
@example('k,v,w\na,b,"c', 40)
@example("k,v,w\n\n , ,\na,b,c", 40)
def test_any_file_is_read_the_same_by_blocks(body: str, block: int) -> None:
    then_a_file_is_read_the_same(body, block)


def then_a_file_is_read_the_same(body: str, block: int, piece: Piece = WHOLE) -> None:
    def read() -> tuple[Any, ...]:
        rejects: list[Reject] = []
        notes: list[Note] = []
        rows: list[Any] = []
        (file,) = roster_files({"users.csv": body})
        try:
            table = Table(replace(file, piece=piece), reject=rejects.append, note=notes.append)
            for lines, cells, ids in table.batches_with_ids(["k", "w", "none"], "v"):
                rows += zip(lines, *cells, ids or [b""] * len(lines), strict=True)
        except UploadRejected as error:
            rows.append((error.code, error.line, error.message))
        return rows, rejects, notes

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(csv_table, "_BLOCK", block)
        monkeypatch.setattr(even_lines, "_FEWEST", 2)
        by_blocks = read()
        read_field_by_field(monkeypatch)
        assert read() == by_blocks


def even_rows(*fields: Sequence[str]) -> st.SearchStrategy[list[str]]:
    """Rows with one of these in each field."""
    return st.lists(st.tuples(*map(st.sampled_from, fields)).map(",".join), min_size=2, max_size=8)


@given(
    st.one_of(
        even_rows("ad", "b", "xy"),
        even_rows("a", "bc", "x"),
        even_rows("é\xa0", "b", "xy"),
        even_rows("a", ['"b,c"', '"d,c"'], "x"),
    ),
    st.integers(0, 49),
    st.sampled_from(["", *',"\r\n\t \0\x01\x1cz']),
)
@example(["a,b,x", "d,b,x"], 6, ",")
@example(["a,b,x", "d,b,x"], 6, "\n")
@example(["a,b,x", "d,b,x"], 6, "\x01")
@example(["a,b,x", "d,b,x"], 6, " ")
@example(["a,b,x", "a,b,y"], 7, "z")
@example(["a,b,x", "a,b,x"], 11, "z")
@example(['a,b,"x,y"', 'a,b,"x,y"'], 0, "")
@example(['a,b,"x,y"', 'a,b,"y,y"'], 0, "")
@example(["a,b,xyz", 'a,b,"x,z"'], 0, "")
@example(["\xa0,b,x", "é,b,x"], 0, "")
def test_lines_of_one_shape_are_read_the_same_also_where_one_letter_differs(
    rows: list[str], place: int, letter: str
) -> None:
    """Given lines that are as long as each other, and a letter anywhere that makes something else of them."""
    body = "".join(f"{row}\n" for row in rows)
    at = place % len(body)
    body = body[:at] + (letter or body[at]) + body[at + 1 :]
    for header in ("k,v,w\n", "k,v,w,z\n"):
        then_a_file_is_read_the_same(f"{header}{body}", 1 << 16, Piece(len(header), None, 2))


def test_enrollments_with_ids_of_one_length_are_taken_by_their_places(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else nothing would be won of the largest file of a district."""
    taken = list[int]()
    take = even_lines.even_lines

    def counted(*args: Any) -> even_lines.EvenLines | None:
        found = take(*args)
        taken.append(len(found) if found else 0)
        return found

    monkeypatch.setattr(csv_table, "even_lines", counted)
    monkeypatch.setattr(csv_table, "_BLOCK", 2_000)
    rows = "".join(f"e{n:04},c{n % 7},o1,s{n:03},student,2027-06-04\n" for n in range(400))
    header = "sourcedId,classSourcedId,schoolSourcedId,userSourcedId,role,endDate\n"
    (file,) = roster_files({"enrollments.csv": header + rows})
    table = Table(file, reject=lambda _: None, note=lambda _: None)
    read = [
        row
        for _, cells, ids in table.batches_with_ids(["userSourcedId", "role"], "sourcedId")
        for row in zip(*cells, ids, strict=True)
    ]
    assert read == [(f"s{n:03}", "student", f"e{n:04}".encode()) for n in range(400)]
    assert sum(taken) > 300


@given(st.lists(st.one_of(
    st.sampled_from(["", "a@b.example", "A.B@B.Example", "a..b@b.example", "a@b", "é@b.example", " a@b.example"]),
    st.text(alphabet="aA.@-+_ é\n", max_size=8),
)))  # fmt: skip
def test_addresses_are_the_same_together_and_alone(addresses: list[str]) -> None:
    assert normalise_all(addresses) == list(map(normalise, addresses))


def test_most_of_a_file_of_quoted_names_is_read_by_blocks() -> None:
    """Else nothing would be won where names hold commas, quotes or accents."""
    row = 's{0},"Kim, Ann","William ""Bill""",José,""\n'
    text = "".join(row.format(number) for number in range(100))
    plain = csv_table._plain(text.encode(), ",")
    assert plain is not None
    found = csv_table.Block(plain, ",").columns([0, 1, 2, 4, -1], 5)
    assert found is not None
    assert [column[7] for column in found[0]] == ["s7", "Kim, Ann", 'William "Bill"', "", ""]


def test_a_letter_of_windows_that_has_no_width_is_left_out() -> None:
    """Given a file in UTF-8 in which a system put a soft hyphen of Windows behind an id."""
    (file,) = roster_files({"users.csv": "sourcedId,name\ns1,José\ns2,Zoë\n".encode() + b"s3\xad,Ann\n"})
    table = Table(replace(file, encoding=scan(file).encoding), reject=lambda _: None, note=lambda _: None)
    assert [row for _, row in table.rows(["sourcedId"])] == [("s1",), ("s2",), ("s3",)]


@given(st.text('"",a\n'))
def test_doubled_quotes_are_found_by_looking_for_single_ones(text: str) -> None:
    body = text.encode()
    assert csv_table._doubled_once(body.split(b'"'), b"!") == body.replace(b'""', b"!").split(b'"')


_HEAD = '"enrollments.csv","userSourcedId","classSourcedId","student",false'
_TEXTS = f'[["student",["c1","c2"],[{crc32(b"e1")},{crc32(b"e2")}],[]]]\n[["student",["c1"],[],[]]]'
EARLIER = (
    f'["e",{_HEAD},"s1\\tc2\\t2\\te2\\ns1\\tc1\\t3\\te1\\ns2\\tc1\\t9"]\n',
    f'["g",{_HEAD},["s1","s2"],[2,9],["c2\x7fe2\x7fc1\x7fe1","c1\x7f"]]\n',
    f'["n",{_HEAD},[2,9],22]\ns1\tc2\x7fe2\x7fc1\x7fe1\ns2\tc1\x7f\n',
    f'["m",{_HEAD},true,["s1","s2"],[2,9],{len(_TEXTS)},12]\n{_TEXTS}\1\0\0\0\0\0\0\0\0\0\0\0',
)
"""Two enrollments of one person, the second of which has the first class, and one of another without an id."""


@pytest.mark.parametrize("written", EARLIER, ids=["each", "together", "packed", "as texts"])
def test_enrollments_that_an_earlier_version_split_are_read(written: str) -> None:
    """Given shards of an import that was running when this version came."""
    (block,) = written_blocks(written.encode())
    assert isinstance(block, EnrollmentsBlock)
    assert list(block.rows()) == [("s1", "c2", 2), ("s1", "c1", 3), ("s2", "c1", 9)]
    assert marks_in_order(block) == [crc32(b"e2"), crc32(b"e1"), 0]
    assert block.numbers == [*map(number_of_rows, block.texts)]
    texts = [classes_in([text]) for text in block.texts]
    assert [sorted(classes) for classes in texts] == texts


@given(st.lists(st.tuples(
    st.sampled_from(["s1", "s1", "s2"]), st.sampled_from(["a", 'a"', "a\\", 'b","', "a b", "é", "],["]),
    st.sampled_from(["", "e1", "e2", "e3", "e4"]),
)), st.booleans())  # fmt: skip
@example([("s1", "a", "e1"), ("s1", "é", "e1")], True)
@example([("s1", "a", "e1"), ("s1", "a", "e2")], True)
def test_what_stands_in_a_text_are_the_rows_whatever_their_ids_are(
    rows: list[tuple[str, str, str]], has_ids: bool
) -> None:
    """And a text that is called plain is what a record of its rows has."""
    with tempfile.TemporaryDirectory() as folder:
        with ShardWriter(Path(folder), "people", 1) as writer:
            users, classes, ids = (list(column) for column in zip(*rows, strict=True)) if rows else ([], [], [])
            head = EnrollmentsHead("enrollments.csv", "userSourcedId", "classSourcedId", "student", False)
            row_ids = [*map(str.encode, ids)] if has_ids else ()
            writer.add_enrollments(head, users, users, classes, row_ids, range(2, 2 + len(rows)))
        blocks = [*written_blocks(writer.together()[0].read_bytes())]
    marks = [crc32(row_id.encode()) if has_ids else 0 for *_, row_id in rows]
    read = [row for block in blocks if isinstance(block, EnrollmentsBlock) for row in block.rows()]
    assert read == [(user, class_id, line) for line, (user, class_id, _) in enumerate(rows, 2)]
    for block in blocks:
        assert isinstance(block, EnrollmentsBlock)
        assert marks_in_order(block) == marks
        assert block.numbers == [*map(number_of_rows, block.texts)]
        for text in block.texts if block.is_plain else ():
            named = role_enrollments("student", sorted(rows_in([text])))
            assert Encoder().encode(without_shared_ids([named])) == text
