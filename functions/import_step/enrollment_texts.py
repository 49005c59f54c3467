"""Enrollments that follow each other as one text: what the snapshot has of somebody with no others. Most are never taken apart.

Such a text is JSON: ``[["student",["c1","c2"],[7,9],[]]]``: the role, the classes in order, and a checksum of each row's own id;
none where no row has one.
"""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

from msgspec.json import Decoder, Encoder

_AND = '","'
_AND_IN_BYTES = _AND.encode()
_encode = Encoder().encode
_taken_apart = Decoder(tuple[tuple[str, list[str], list[int], list[None]]]).decode


def marks_of(row_ids: Sequence[str]) -> list[int]:
    """What is kept of the ids of rows: a checksum of each, 0 for none."""
    return [*map(crc32, map(str.encode, row_ids))]


def text_of(role: str, classes: Sequence[str], marks: Sequence[int] = ()) -> bytes:
    """The text of one person's enrollments. ``marks`` are ``marks_of`` the rows; none where they have no ids.

    >>> text_of("student", ["c2", "c1"], [9, 7])
    b'[["student",["c1","c2"],[7,9],[]]]'
    """
    order = sorted(range(len(classes)), key=classes.__getitem__)
    in_order = [marks[place] for place in order] if marks else []
    return _encode([(role, [classes[place] for place in order], in_order, ())])


def texts_of_runs(
    role: str, classes: Sequence[str], marks: Sequence[int], starts: Sequence[int], ends: Sequence[int]
) -> tuple[list[str], list[int]]:
    """The texts of enrollments from each start up to its end, not encoded yet; and of all rows, in the order in which texts have
    them, how many of the same text stood before."""
    # What JSON writes otherwise than it stands.
    ids = [_encode(each)[1:-1].decode() for each in classes] if b"\\" in _encode(classes) else classes
    numbers = _encode(marks)[1:-1].decode().split(",") if marks else []
    head = f'[[{_encode(role).decode()},["'
    if len(starts) == len(classes):
        numbers = numbers or [""] * len(ids)
        return [f'{head}{id_}"],[{number}],[]]]' for id_, number in zip(ids, numbers, strict=True)], [0] * len(ids)
    texts: list[str] = []
    places: list[int] = []
    for start, end in zip(starts, ends, strict=True):
        run, its_ids, its_numbers = classes[start:end], ids[start:end], numbers[start:end]
        order = sorted(range(end - start), key=run.__getitem__)
        places += order
        in_order = ",".join([its_numbers[place] for place in order]) if numbers else ""
        texts.append(f'{head}{_AND.join([its_ids[place] for place in order])}"],[{in_order}],[]]]')
    return texts, places


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
    return text.count(_AND_IN_BYTES) + 1
