"""Who of a district's roster holds an address or a Clever id: two dozen holders to an item, found by a hash of what they hold.

``HOLDERS#d#part / last hash``: an item, a pack, has all whose hashes come after the pack before it, up to its own. So one query
finds the only pack that can have somebody, however many there are.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby, islice

from shared.domain.errors import Conflict
from shared.domain.roster import RosterUserKey
from shared.stores.keys import (
    Item,
    Key,
    holder_sk,
    holders_of_district,
    key_of,
    pack_key,
    pack_pk,
    pair,
    user_of_holder,
)
from shared.stores.table import ABSENT, DynamoTable, Pace, Put, Table

PARTS = 4
"""Partitions of a district's packs: together they take as much as a new table does."""
_DIGITS = 24
_SPAN: int = 16**_DIGITS
_FULL = 1_000
"""Bytes of a pack's holders: the item stays within a write unit."""
_FRESH = 850
"""Bytes of a new pack's holders, so that some come without a split."""
_FEW = 8
"""Holders of one address that stand in a pack. Those of an address that more share have an item each."""
_MANY = ("",)
_SPLIT_AT_ONCE = 20
_TRIES = 20

type Holding = tuple[str, RosterUserKey]
"""An identifier, by the partition of its accounts (``EMAIL#address``, ``CLEVER#id``), and who holds it."""
type Entries = dict[str, tuple[str, ...]]
"""By identifier: the ``person_id`` of each holder, or ``_MANY``."""


@dataclass(frozen=True, slots=True)
class Packed:
    """What a pack says of an identifier."""

    users: tuple[RosterUserKey, ...] = ()
    is_all: bool = False
    """Whether nobody else of the district holds it; otherwise holders may be noted one by one."""


@dataclass(slots=True)
class Written:
    """What became of changes. ``shared`` has each identifier among them that several hold, with the first of these."""

    writes: int = 0
    shared: dict[str, tuple[RosterUserKey, ...]] = field(default_factory=dict)
    is_all: bool = True
    """Whether all holders of all identifiers among them are known."""


@dataclass(slots=True)
class _Change:
    """Who comes to hold an identifier, and who holds it no more, by ``person_id``."""

    given: tuple[str, ...] = ()
    taken: tuple[str, ...] = ()


type _Changes = list[tuple[str, str, _Change]]
"""(hash, identifier, change), in the order of the hashes."""
_GIVEN, _TAKEN = "+", "-"
_SIZE = 6
"""Digits of the length of an identifier, in the text of a change: ids may hold any character."""
_FEW_ENTRIES = 1_000
"""Of so many it is seen at once whether all fit into an item."""


@dataclass(slots=True)
class _Pack:
    key: Key
    entries: Entries
    version: int
    is_whole: bool
    """Whether no holder is noted one by one unless an entry says so: those of a district that was first imported by packs."""


def task_of(identifier: str, tasks: int) -> int:
    """Which of so many tasks writes the packs of this identifier: each has hashes that follow each other."""
    return int(_hash(identifier), 16) * tasks // _SPAN


class RosterHolders:
    """Packs are changed on condition that nobody else has changed them, and split in a transaction: nobody is ever missing."""

    def __init__(self, table: DynamoTable, pace: Pace | None = None) -> None:
        self._table = Table(table, pace)

    def packed(self, district_id: str, identifier: str) -> Packed:
        """What the pack says: one request."""
        hashed = _hash(identifier)
        pack = next(self._packs(district_id, _part(hashed), hashed, page_size=1), None)
        if pack is None:
            return Packed()
        people = pack.entries.get(identifier, ())
        if people == _MANY:
            return Packed()
        return Packed(_keys(district_id, people), pack.is_whole)

    def of(self, district_id: str, identifier: str, *, most: int | None = None) -> list[RosterUserKey]:
        """Everybody of the district who holds it; of more than ``most`` some. A second request where holders may be noted one by
        one."""
        packed = self.packed(district_id, identifier)
        if packed.is_all:
            return [*packed.users]
        alone = self._alone(district_id, identifier, most)
        return list(dict.fromkeys([*packed.users, *alone]))

    def _alone(self, district_id: str, identifier: str, most: int | None) -> list[RosterUserKey]:
        of_district = holders_of_district(district_id)
        if most is None:
            items: Iterable[Item] = self._table.query(identifier, of_district)
        else:
            items = self._table.page(identifier, of_district, most=most).items
        return [user_of_holder(item["SK"]) for item in items]

    def write(
        self,
        district_id: str,
        given: Iterable[Holding] = (),
        taken: Iterable[Holding] = (),
        *,
        is_first: bool = False,
        task: int = 0,
        tasks: int = 1,
    ) -> Written:
        """Let these hold what they are given, and no more what is taken from them. May be run again.

        ``is_first`` says that nothing of the district's roster was written before; then all identifiers of the task come
        together. Raises Conflict where others change the same packs again and again.
        """
        done = Written()
        # One text for each: of a first import these are all people of a shard, and objects would take three times as much.
        texts = [_text_of_change(*holding, _GIVEN) for holding in given]
        texts += [_text_of_change(*holding, _TAKEN) for holding in taken]
        texts.sort()
        for part in range(PARTS):
            first, last = max(_bound(part, PARTS), _bound(task, tasks)), min(_end(part, PARTS), _end(task, tasks))
            start, end = (bisect_left(texts, f"{_bound(each, PARTS):0{_DIGITS}x}") for each in (part, part + 1))
            end = end if part + 1 < PARTS else len(texts)
            if first < last and (is_first or start < end):
                writer = _PartWriter(self._table, district_id, part, is_first, done)
                of_part = partial(_changes_of, texts, start, end)
                if not (is_first and writer.begin(of_part(), f"{first:0{_DIGITS}x}", f"{last:0{_DIGITS}x}")):
                    writer.merge([*of_part()])
        return done

    def _packs(self, district_id: str, part: int, first: str, page_size: int | None = None) -> Iterator[_Pack]:
        return _packs(self._table, district_id, part, first, page_size)


class _PartWriter:
    """Writes the changes of one partition."""

    def __init__(self, table: Table, district_id: str, part: int, is_first: bool, done: Written) -> None:
        self._table = table
        self._district_id = district_id
        self._part = part
        self._is_first = is_first
        self._done = done

    def begin(self, changes: Iterable[tuple[str, str, _Change]], first: str, last: str) -> bool:
        """Write the first packs between two hashes. False where there are some already."""
        stored = next(_packs(self._table, self._district_id, self._part, first, 1), None)
        if stored and stored.key["SK"] <= last:
            return False
        self._done.writes += self._table.write_all(([item], ()) for item in self._first_items(changes, last))
        return True

    def _first_items(self, changes: Iterable[tuple[str, str, _Change]], last: str) -> Iterator[Item]:
        """Packs one after the other, and before a pack those of it who are noted one by one."""
        alone: list[Item] = []

        def entries() -> Iterator[tuple[str, tuple[str, ...]]]:
            for _, identifier, change in changes:
                self._note(identifier, change.given)
                if len(change.given) > _FEW:
                    alone.extend(map(key_of, self._alone(identifier, change.given)))
                if change.given:
                    yield identifier, _MANY if len(change.given) > _FEW else tuple(sorted({*change.given}))

        before: Entries | None = None
        for piece in _pieces_of(entries()):
            yield from alone
            alone.clear()
            if before is not None:
                yield self._item(_last_hash(before), before, is_whole=True)
            before = piece
        yield from alone
        yield self._item(last, before or {}, is_whole=True)

    def merge(self, changes: _Changes) -> None:
        """Change the packs that there are."""
        for _ in range(_TRIES):
            if not changes:
                return
            changes = self._merge(changes)
        raise Conflict("holders_changed", "Holders of addresses were changed in the meantime.")

    def _merge(self, changes: _Changes) -> _Changes:
        """Return the changes that have to be made again, because somebody else was faster."""
        left: _Changes = []
        waiting = changes
        for pack in _packs(self._table, self._district_id, self._part, changes[0][0]):
            here = [change for change in waiting if change[0] <= pack.key["SK"]]
            waiting = waiting[len(here) :]
            if here and not self._change(pack, here):
                left += here
            if not waiting:
                return left
        # No pack goes so far: begin one that does.
        end = f"{_end(self._part, PARTS):0{_DIGITS}x}"
        self._table.attempt(Put(self._item(end, {}, is_whole=self._is_first)).when(ABSENT))
        return [*left, *waiting]

    def _change(self, pack: _Pack, changes: _Changes) -> bool:
        entries = dict(pack.entries)
        alone: set[tuple[str, str]] = set()
        gone: set[tuple[str, str]] = set()
        for _, identifier, change in changes:
            people = entries.get(identifier, ())
            if people == _MANY:
                alone.update(self._alone(identifier, change.given))
                gone.update(self._alone(identifier, {*change.taken}.difference(change.given)))
                continue
            after = {*people}.difference(change.taken).union(change.given)
            if not pack.is_whole:
                self._done.is_all = False
                gone.update(self._alone(identifier, {*change.taken}.difference(people, change.given)))
            if len(after) > _FEW:
                alone.update(self._alone(identifier, after))
            entries.pop(identifier, None)
            if after:
                entries[identifier] = _MANY if len(after) > _FEW else tuple(sorted(after))
        self._done.writes += self._table.write_many(map(key_of, sorted(alone)))
        if entries != pack.entries and not self._put(pack, entries):
            return False
        self._done.writes += self._table.write_many(deletes=map(key_of, sorted(gone)))
        self._note_all(entries, changes)
        return True

    def _put(self, pack: _Pack, entries: Entries) -> bool:
        """Put what a pack has now, as several where it is too much. False where it has changed since it was read."""
        *pieces, rest = _pieces(entries)
        stored = dict(pack.entries)
        version = pack.version
        while True:
            some, pieces = pieces[:_SPLIT_AT_ONCE], pieces[_SPLIT_AT_ONCE:]
            moved = {identifier for piece in some for identifier in piece}
            stored = {each: people for each, people in stored.items() if each not in moved}
            version += 1
            own = self._item(pack.key["SK"], stored if pieces else rest, is_whole=pack.is_whole, version=version)
            split = [self._item(_last_hash(piece), piece, is_whole=pack.is_whole) for piece in some]
            is_as_read = Put(own).when("version = :version", version=version - 1)
            if not self._table.attempt(*(Put(item).when(ABSENT) for item in split), is_as_read):
                return False
            self._done.writes += len(split) + 1
            if not pieces:
                return True

    def _note_all(self, entries: Entries, changes: _Changes) -> None:
        for _, identifier, change in changes:
            people = entries.get(identifier, ())
            if people == _MANY:
                items = self._table.page(identifier, holders_of_district(self._district_id), most=_FEW).items
                people = tuple(user_of_holder(item["SK"]).person_id for item in items)
            if change.given:
                self._note(identifier, people)

    def _note(self, identifier: str, people: Iterable[str]) -> None:
        """Keep who shares an identifier."""
        if len(first := sorted(people)[:_FEW]) > 1:
            self._done.shared[identifier] = _keys(self._district_id, first)

    def _alone(self, identifier: str, people: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Where holders are noted one by one."""
        return ((identifier, holder_sk(user)) for user in _keys(self._district_id, people))

    def _item(self, end: str, entries: Entries, *, is_whole: bool, version: int = 1) -> Item:
        return {
            **pack_key(self._district_id, self._part, end),
            "holders": _text_of(entries),
            "version": version,
            "is_whole": is_whole or None,
        }


def _packs(table: Table, district_id: str, part: int, first: str, page_size: int | None = None) -> Iterator[_Pack]:
    """The packs from the one on that has this hash."""
    for item in table.query(pack_pk(district_id, part), between=(first, "~"), page_size=page_size):
        entries = {
            identifier: tuple(people) for identifier, *people in json.loads(zlib.decompress(bytes(item["holders"])))
        }
        yield _Pack(key_of(pair(item)), entries, int(item["version"]), bool(item.get("is_whole")))


def _hash(identifier: str) -> str:
    return hashlib.sha256(identifier.encode()).hexdigest()[:_DIGITS]


def _part(hashed: str) -> int:
    return int(hashed[0], 16) * PARTS // 16


def _bound(number: int, of: int) -> int:
    """The first hash of one of so many equal shares of them."""
    return number * _SPAN // of


def _end(number: int, of: int) -> int:
    return _bound(number + 1, of) - 1


def _keys(district_id: str, people: Iterable[str]) -> tuple[RosterUserKey, ...]:
    return tuple(RosterUserKey.of_person_id(district_id, person) for person in people)


def _last_hash(piece: Mapping[str, object]) -> str:
    return max(map(_hash, piece))


def _text_of(entries: Mapping[str, Sequence[str]]) -> bytes:
    listed = [[identifier, *people] for identifier, people in sorted(entries.items())]
    return zlib.compress(json.dumps(listed, separators=(",", ":")).encode())


def _pieces(entries: Entries) -> Iterator[Entries]:
    """Entries in the order of their hashes, as many together as fit into an item; at least one piece."""
    return _pieces_of(iter(sorted(entries.items(), key=lambda entry: _hash(entry[0]))))


def _pieces_of(entries: Iterator[tuple[str, tuple[str, ...]]]) -> Iterator[Entries]:
    """The same of entries that come in this order. Few of them are held."""
    waiting = [*islice(entries, _FEW_ENTRIES)]
    if len(waiting) < _FEW_ENTRIES and len(_text_of(dict(waiting))) <= _FULL:
        yield dict(waiting)
        return
    number = 24
    while waiting:
        piece = dict(waiting[:number])
        size = len(_text_of(piece))
        if size > _FRESH and len(piece) > 1:
            number = max(1, min(len(piece) - 1, len(piece) * _FRESH // size))
            continue
        yield piece
        number = max(1, len(piece) * _FRESH // size)
        del waiting[: len(piece)]
        waiting += islice(entries, max(0, number - len(waiting)))


def _text_of_change(identifier: str, user: RosterUserKey, sign: str) -> str:
    return f"{_hash(identifier)}{len(identifier):0{_SIZE}}{identifier}{sign}{user.person_id}"


def _changes_of(texts: list[str], start: int, end: int) -> Iterator[tuple[str, str, _Change]]:
    """The changes of these texts, which are in order, from one up to another."""
    for about, those in groupby((texts[place] for place in range(start, end)), key=_without_person):
        change, behind = _Change(), len(about)
        for text in those:
            if text[behind] == _GIVEN:
                change.given += (text[behind + 1 :],)
            else:
                change.taken += (text[behind + 1 :],)
        yield about[:_DIGITS], about[_DIGITS + _SIZE :], change


def _without_person(text: str) -> str:
    begin = _DIGITS + _SIZE
    return text[: begin + int(text[_DIGITS:begin])]
