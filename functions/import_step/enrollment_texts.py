"""Enrollments that follow each other as one text: what the snapshot has of somebody with no others. Most are never taken apart.

Such a text is JSON: ``[["student",["c1","c2"],[7,9],[]]]``: the role, the classes in order, and a checksum of each row's own id;
none where no row has one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice, repeat
from operator import eq
from typing import NamedTuple
from zlib import crc32

from msgspec.json import Decoder, Encoder

_AND = b'","'
_encode = Encoder().encode
_encode_lines = Encoder().encode_lines
_taken_apart = Decoder(tuple[tuple[str, list[str], list[int], list[None]]]).decode


def marks_of(row_ids: Iterable[bytes]) -> list[int]:
    """What is kept of the ids of rows, in UTF-8: a checksum of each, 0 for none."""
    return [*map(crc32, row_ids)]


def text_of(role: str, classes: Sequence[str], marks: Sequence[int] = ()) -> bytes:
    """The text of one person's enrollments. ``marks`` are ``marks_of`` the rows; none where they have no ids.

    >>> text_of("student", ["c2", "c1"], [9, 7])
    b'[["student",["c1","c2"],[7,9],[]]]'
    """
    order = sorted(range(len(classes)), key=classes.__getitem__)
    in_order = [marks[place] for place in order] if marks else []
    return _encode([(role, [classes[place] for place in order], in_order, ())])


class Runs(NamedTuple):
    """Enrollments that follow each other, one person's at a time."""

    texts: Sequence[bytes]
    places: Iterable[Sequence[int]]
    """Of each text, how many of its rows stood before each of them, in the order in which it has them."""
    name_each_class_once: bool
    """In each text; it may be false of such, too."""


def runs_of(
    role: str, classes: Sequence[str], marks: Sequence[int], starts: Sequence[int], ends: Sequence[int]
) -> Runs:
    """The texts of enrollments from each start up to its end."""
    if len(starts) == len(classes):
        alone = zip(repeat(role), zip(classes), zip(marks) if marks else repeat(()), repeat(()))
        return Runs(_lines_of(zip(alone)), repeat((0,)), True)
    enrolled, places, in_order = [], [], []
    for start, end in zip(starts, ends, strict=True):
        run, of_rows = classes[start:end], marks[start:end]
        order = sorted(range(end - start), key=run.__getitem__)
        places.append(order)
        named = [run[place] for place in order]
        in_order += named
        enrolled.append(((role, named, [of_rows[place] for place in order] if of_rows else (), ()),))
    # The last class of a run may be the first of the next: then it is said of runs that name each once, too.
    repeated = any(map(eq, in_order, islice(in_order, 1, None)))
    return Runs(_lines_of(enrolled), places, not repeated)


def _lines_of(enrolled: Iterable[object]) -> list[bytes]:
    lines = _encode_lines([*enrolled]).split(b"\n")
    lines.pop()
    return lines


def classes_in(texts: Sequence[bytes]) -> list[str]:
    """The classes of texts, as often as they are there.

    >>> classes_in([b'[["student",["c1","c2"],[7,9],[]]]', b'[["student",["c1"],[],[]]]'])
    ['c1', 'c2', 'c1']
    """
    return [class_id for text in texts for class_id in _taken_apart(text)[0][1]]


def rows_in(texts: Sequence[bytes]) -> list[tuple[str, int]]:
    """Class and mark of each row.

    >>> rows_in([b'[["student",["c1","c2"],[7,9],[]]]', b'[["student",["c1"],[],[]]]'])
    [('c1', 7), ('c2', 9), ('c1', 0)]
    """
    rows: list[tuple[str, int]] = []
    for text in texts:
        ((_, classes, marks, _),) = _taken_apart(text)
        rows += zip(classes, marks or [0] * len(classes), strict=True)
    return rows


def number_of_rows(text: bytes) -> int:
    """Of how many enrollments a text is."""
    # To look for one letter takes half as long as for three. Each class has two quotes, and the role.
    return text.count(_AND) + 1 if b"\\" in text else text.count(b'"') // 2 - 1
