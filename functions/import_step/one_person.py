"""One person under several numbers: found by name and address, and read as one (M7, formats that write a row for each school).

A first comparison notes who has an address that another number of the upload has, too. Where two of them are one person, the
people are compared once more: whoever stands keeps the number, else the first one does, and what the others' rows say is theirs.
"""

from __future__ import annotations

import zlib
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import compress, islice
from operator import eq
from unicodedata import normalize

from msgspec import Struct

from functions.import_step.enrollment_texts import text_of
from functions.import_step.records import Decoded, PersonRecord
from shared.domain.roster import Role

_MOST_WITH_ONE_ADDRESS = 20
"""Numbers with one address; one that more have is an office's, or stands for none."""
_MOST_OF_A_DELTA = 50_000
"""Addresses that a delta names: every worker compares the people of its shard with them."""
_MOST_NUMBERS, _MOST_ENROLLMENTS = 8, 400
"""Of one person, and of one number of theirs: what they come to must fit into one item of the table."""


class Holder(Struct, array_like=True, gc=False):
    """Somebody who has an address that another number has, too."""

    sourced_id: str
    who: str
    """Address, role and name in one text: equal for rows about one person."""
    clever_ids: list[str]
    stands: bool
    """Whether the snapshot has this number."""


class OnePerson(Struct, array_like=True):
    """A person under several numbers."""

    kept: str
    others: list[str]


def in_order(marks: array[int]) -> bytes:
    """Hashes of addresses of a part, 32 bits for each: parts are sorted by several workers, and merged by one."""
    return array("I", sorted(marks)).tobytes()


def addresses_of_several(marks: Iterable[bytes]) -> dict[int, int]:
    """The hashes of addresses that several rows have, and how many rows; by the hashes of all rows, part by part (``in_order``)."""
    together = array("I")
    for part in marks:
        together.frombytes(part)
    # As numbers of another kind, of which each is exact, they are compared in two thirds of the time.
    merged = sorted(array("d", together))
    again = compress(merged, map(eq, merged, islice(merged, 1, None)))
    return {mark: 1 + times for mark, times in Counter(map(int, again)).items()}


def addresses_of_a_few(rows: Mapping[int, int]) -> list[int]:
    """Those of these addresses that may be one person's under several numbers; how many rows have each is given."""
    return sorted(address for address, number in rows.items() if number <= _MOST_WITH_ONE_ADDRESS)


def all_addresses(marks: Iterable[bytes]) -> list[int]:
    """The hashes of the addresses that a delta names, each once; none where they are very many: a delta of a whole district
    says by itself who goes and who comes."""
    found: set[int] = set()
    for part in marks:
        found.update(array("I", part))
    return sorted(found) if len(found) <= _MOST_OF_A_DELTA else []


def has_address_of(person: PersonRecord, addresses: set[int]) -> bool:
    return bool(person.email and person.role and zlib.crc32(person.email.encode()) in addresses and not person.is_off)


class _Address(Struct, array_like=True, gc=False):
    """What of a packed record is needed to see whether the person has an address; the rest is passed over."""

    sourced_id: str
    role: Role | None
    given_name: str
    family_name: str
    email: str | None


_ADDRESS: Decoded[_Address] = Decoded(_Address)


def may_have_address_of(line: bytes, addresses: set[int]) -> bool:
    """Whether a packed record, or the line of a row, names one of these addresses."""
    email = _ADDRESS.decode(line).email
    return bool(email) and zlib.crc32(str(email).encode()) in addresses


def holder_of(person: PersonRecord, *, stands: bool) -> Holder | None:
    """The person as somebody who may have other numbers; None where too much would come together."""
    if person.number_of_enrollments() > _MOST_ENROLLMENTS:
        return None
    name = normalize("NFC", f"{person.given_name} {person.family_name}").casefold()
    return Holder(person.sourced_id, f"{person.email}\t{person.role}\t{name}", person.clever_ids, stands)


def people_of_several_numbers(holders: Iterable[Holder], *, of_delta: bool = False) -> list[OnePerson]:
    """Who has several numbers: equal name, role and address, and no Clever ids that contradict. A delta joins nobody
    who stands with somebody else who does: it does not say that it names both.

    >>> rows = [Holder("b", "x", [], False), Holder("a", "x", [], False), Holder("c", "y", [], False)]
    >>> people_of_several_numbers(rows)
    [OnePerson(kept='a', others=['b'])]
    """
    by_who: dict[str, list[Holder]] = {}
    for holder in holders:
        by_who.setdefault(holder.who, []).append(holder)
    found = []
    for _, rows in sorted(by_who.items()):
        named = [set(row.clever_ids) for row in rows if row.clever_ids]
        if not 1 < len(rows) <= _MOST_NUMBERS or (named and not set.intersection(*named)):
            continue
        kept, *others = sorted(rows, key=lambda row: (not row.stands, row.sourced_id))
        joined = [other.sourced_id for other in others if not (of_delta and other.stands)]
        if joined:
            found.append(OnePerson(kept.sourced_id, joined))
    return found


def together_with(known: Iterable[OnePerson], found: Iterable[OnePerson]) -> list[OnePerson]:
    """People under several numbers, those that were known and those that a delta shows; one person is there once.

    >>> together_with([OnePerson("a", ["b"])], [OnePerson("a", ["c"]), OnePerson("d", ["e"])])
    [OnePerson(kept='a', others=['b', 'c']), OnePerson(kept='d', others=['e'])]
    """
    others: dict[str, list[str]] = {}
    for one in (*known, *found):
        others.setdefault(one.kept, []).extend(one.others)
    return [OnePerson(kept, list(dict.fromkeys(numbers))) for kept, numbers in others.items()]


def sharers_of_teachers(holders: Iterable[Holder], people: Iterable[OnePerson]) -> list[str]:
    """Who has an address that somebody else has, too, and one of them is a teacher: the numbers of all of them, sorted (M7).

    ``people`` are those under several numbers, who are one each. An administrator of a teacher's name is that teacher.
    """
    kept = {other: one.kept for one in people for other in one.others}
    by_address: dict[str, dict[str, tuple[str, str]]] = {}
    for holder in holders:
        address, role, name = holder.who.split("\t", 2)
        by_address.setdefault(address, {})[kept.get(holder.sourced_id, holder.sourced_id)] = (role, name)
    found: set[str] = set()
    for numbers in by_address.values():
        names_of_teachers = {name for role, name in numbers.values() if role == Role.TEACHER}
        several = {
            number
            for number, (role, name) in numbers.items()
            if not (role == Role.ADMINISTRATOR and name in names_of_teachers)
        }
        if names_of_teachers and len(several) > 1:
            found |= several
    return sorted(found)


def join(person: PersonRecord, others: Iterable[PersonRecord], enrollments: dict[str, dict[str, list[bytes]]]) -> None:
    """Let a person have the schools, roles and classes of the other numbers; ``enrollments`` are those of the upload, by role and
    person, as texts (``enrollment_texts``), here without the ids of the rows."""
    for other in others:
        person.join(other)
        for each in other.enrollments:
            texts = enrollments.setdefault(each.role, {}).setdefault(person.sourced_id, [])
            if each.class_ids:
                texts.append(text_of(each.role, each.class_ids))
