"""Where a file may be cut, so that several workers read it: between records, and nowhere else."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from functions.import_step import csv_table, encoding
from functions.import_step.archive import WHOLE, Piece, RosterFile
from functions.import_step.csv_table import Table
from functions.import_step.encoding import PIECE, scan

LINES = [f"s{n},Ada,Lovelace" for n in range(20)]


def file(contents: bytes) -> RosterFile:
    return RosterFile("users.csv", len(contents), lambda start, _end: io.BytesIO(contents[start:]))


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("block", [7, 64, 1 << 20])
def test_a_plain_file_is_cut_behind_a_line_end(monkeypatch: pytest.MonkeyPatch, line_end: str, block: int) -> None:
    monkeypatch.setattr(encoding, "_BLOCK", block)
    contents = line_end.join([*LINES, ""]).encode()
    first, *rest = scan(file(contents), piece=100).pieces
    assert rest
    for before, piece in zip((first, *rest), rest, strict=False):
        assert before.end == piece.start
        assert contents[: piece.start].endswith(line_end.encode())
        assert piece.line == contents[: piece.start].count(b"\n") + 1
    assert rest[-1].end is None


@pytest.mark.parametrize(
    "doubtful", ["\r", '"two\nlines",', 'a "quote that does not close'], ids=["return", "line break", "open quote"]
)
def test_a_file_is_not_cut_where_the_end_of_a_record_is_not_sure(doubtful: str) -> None:
    contents = "\n".join([*LINES, doubtful + "x", *LINES]).encode()
    assert scan(file(contents), piece=100).pieces == (WHOLE,)


def test_a_worker_reads_64_mebibytes_at_a_time() -> None:
    """What it reads in a minute; fifteen minutes are Lambda's longest."""
    assert PIECE == 67_108_864


def test_a_file_with_as_many_letters_of_utf_8_as_other_bytes_is_utf_8() -> None:
    """Though its bytes are half-width Japanese, too."""
    found = scan(file("name\né".encode() + b"\xb1\n")).encoding
    assert found.codec == "utf-8"


def test_a_header_of_letters_of_several_bytes_is_read_whole_in_every_piece() -> None:
    names = ["sourcedId", *("é" * 50 + str(n) for n in range(18_000)), "email"]
    header = ",".join(names) + "\n"
    contents = (header + "s1" + "," * (len(names) - 1) + "a@x.example\n").encode()
    assert len(contents) > csv_table.LONGEST_LINE > len(header)
    later = replace(file(contents), piece=Piece(len(header.encode()), None, 2))
    assert Table(later, reject=lambda _: None, note=lambda _: None).has("email")
