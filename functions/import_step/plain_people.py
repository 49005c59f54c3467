"""People of one plain row each who are as they stood, or come where nothing stood: nobody unpacks anything of them.

What a row says becomes a part of the snapshot's line as it lies, and the enrollments another one. Everybody else is left to be
compared (``compare_people``), and comes to the same line.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field
from zlib import crc32

from msgspec.json import Encoder

from functions.import_step.enrollment_texts import BETWEEN
from functions.import_step.one_person import may_have_address_of
from functions.import_step.people_count import PeopleCount
from functions.import_step.people_diff import PeopleDiff, note_holder_of
from functions.import_step.records import TEACHING, packed_record
from functions.import_step.rows_by_person import Kinds, RowsByPerson
from shared.domain.roster import Role

_encode = Encoder().encode
type _Enrolled = tuple[bytes, int]
"""Enrollments as a packed record has them, and how many they are."""
_NONE: _Enrolled = (b"[]", 0)
type _Alike = dict[Kinds, list[int]]
"""Of people, by role and schools: how many, and their enrollments."""


@dataclass(slots=True)
class PlainPeople:
    """Those who were taken."""

    lines: dict[str, bytes] = field(default_factory=dict)
    """Their packed records, by id."""
    stood: _Alike = field(default_factory=dict)
    came: _Alike = field(default_factory=dict)

    def count_into(self, result: PeopleDiff) -> None:
        """Count all of them."""
        result.count_unchanged(_count(self.stood))
        result.count_created(_count(self.came))


def take_plain_people(
    seen: RowsByPerson,
    before: dict[str, bytes],
    result: PeopleDiff,
    *,
    others: Container[str],
    is_first: bool,
    shared: set[int],
) -> PlainPeople:
    """Take those whom the rows say to be as in ``before``, the packed records that stand, and where it ``is_first``, and nothing
    stood, all who come. They are in ``seen`` and ``before`` no more; of the ``others`` nobody is taken.

    Who has one of the ``shared`` addresses is noted.
    """
    taken = PlainPeople()
    if not seen.packed:
        return taken
    named = [(f'[[{_encode(role).decode()},["', role, by_person) for role, by_person in seen.enrollments.items()]
    # In the order in which rows came: so they lie in memory.
    for key, (text, kind) in [*seen.packed.items()]:
        stood = before.get(key)
        enrolled = None
        if (stood is not None or is_first) and kind[0] is not None and key not in others:
            enrolled = _enrolled(key, named, kind[0])
        line = packed_record(text, enrolled[0]) if enrolled else b""
        if not enrolled or (stood is not None and stood != line):
            seen.unpack((key,))
            continue
        del seen.packed[key]
        for _, _, by_person in named:
            by_person.pop(key, None)
        before.pop(key, None)
        taken.lines[key] = line if stood is None else stood
        alike = taken.came if stood is None else taken.stood
        counts = alike.get(kind)
        if counts is None:
            counts = alike[kind] = [0, 0]
        counts[0] += 1
        counts[1] += enrolled[1]
        if shared and may_have_address_of(text, shared):
            note_holder_of(line, shared, result, stands=stood is not None)
    return taken


def _enrolled(key: str, named: list[tuple[str, str, dict[str, list[str]]]], acts_as: Role) -> _Enrolled | None:
    """A person's enrollments; None where they are to be looked at: with several roles, or if they say that somebody teaches who
    does not."""
    enrolled: _Enrolled | None = _NONE
    for head, role, by_person in named:
        if texts := by_person.get(key):
            if enrolled is not _NONE or (role in TEACHING and acts_as is not Role.TEACHER):
                return None
            enrolled = _packed(head, BETWEEN.join(texts))
    return enrolled


def _packed(head: str, text: str) -> _Enrolled | None:
    """The enrollments of a text with one role, behind what says so; None where a row is to be looked at: a class that is there
    twice, rows that have one id, an id that JSON writes otherwise."""
    if '"' in text or "\\" in text:
        return None
    ids = text.split(BETWEEN)
    row_ids = dict(zip(ids[::2], ids[1::2], strict=True))
    classes = sorted(row_ids)
    marks = [*map(crc32, map(str.encode, map(row_ids.__getitem__, classes)))]
    number = len(marks)
    if 2 * number != len(ids):
        return None
    if not any(marks):
        marks = []
    elif len(set(marks)) != number:
        return None
    return f'{head}{'","'.join(classes)}"],{_encode(marks).decode()},[]]]'.encode(), number


def _count(alike: _Alike) -> PeopleCount:
    count = PeopleCount()
    for (role, schools), (people, enrolled) in alike.items():
        count.add_alike(role, schools, people, enrolled)
    return count
