"""Search for people of a district by name, in the files of what was last applied to it: nothing is written for it in the table."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from io import BytesIO
from itertools import islice

import msgspec
from botocore.exceptions import ClientError

from shared.domain.person_name import name_words
from shared.domain.roster import RosterUser, RosterUserKey
from shared.stores.import_files import Extent, ImportFiles, snapshot_key
from shared.stores.import_state import ImportStateStore, Snapshot
from shared.stores.keys import Item, names_key, pair, roster_key
from shared.stores.roster_users import roster_user_of
from shared.stores.sorted_names import NAMES, NameLine, NamePlaces, name_lines

MOST_SHARDS = 2
"""Files of people that a search reads, of some 32,000 people each, where names are not sorted; a larger district is searched by
number or address then."""
_MOST_READ = 2 * 1024 * 1024
"""Bytes of the sorted names that a search reads."""
_MOST_FOR_A_SLIP = 512 * 1024
"""Bytes that it reads for those who are there but for one letter."""
_FIELDS = 8
_FILE_PLACE = re.compile(r"([0-9A-Za-z-]{1,64})\.([0-9]{1,4})\.([0-9]{1,4})\.([0-9]{1,7})")
_ONE_EDIT_FROM = 4
"""Letters of a word in which one slip is forgiven."""


@dataclass(frozen=True, slots=True)
class PersonFound:
    """Somebody of the roster, as it was last applied."""

    key: RosterUserKey
    role: str
    name: str
    school_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PeopleFound:
    """What a search by name found."""

    people: list[PersonFound]
    has_more: bool = False
    """Whether more people may fit."""
    begins_right: bool = False
    """Whether only those were looked for whose name begins with the same letters."""
    is_too_large: bool = False
    """Whether the district is too large to be searched by name until its names are sorted."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What was last applied to a district, and where its names lie in their file, or those of what stood before it."""

    snapshot: Snapshot
    names_of: str = ""
    """The snapshot whose names these are; empty where names are not sorted."""
    places: bytes = b""


@dataclass(frozen=True, slots=True)
class FilePlace:
    """Where in the files of a snapshot a list goes on: a file, and how many of those who were looked for come before."""

    snapshot_id: str
    shards: int
    shard: int = 0
    after: int = 0

    def __str__(self) -> str:
        return f"{self.snapshot_id}.{self.shards}.{self.shard}.{self.after}"

    @classmethod
    def of(cls, text: str) -> FilePlace | None:
        """What an address names; None where it names nothing."""
        found = _FILE_PLACE.fullmatch(text)
        return cls(found[1], *map(int, found.groups()[1:])) if found else None


class PeopleSearch:
    """Reads the snapshot that stands."""

    def __init__(self, state: ImportStateStore, files: ImportFiles) -> None:
        self._state = state
        self._files = files

    def listed(
        self, district_id: str, is_wanted: Callable[[PersonFound], bool], at: FilePlace | None, most: int
    ) -> tuple[list[PersonFound], FilePlace | None]:
        """At most so many of those who are wanted, in the order of the files, and where the list goes on: one file is read, and
        what names the files where that is not said."""
        lines = self._lines_at(district_id, at) if at else None
        if lines is None and (at := self._first(district_id)):
            # It is said nowhere, or another snapshot stands since, and the files of that one are gone.
            lines = self._lines_at(district_id, at)
        if at is None or lines is None:
            return [], None
        wanted = filter(is_wanted, _people(lines, district_id))
        found = list(islice(wanted, at.after, at.after + most + 1))
        if len(found) > most:
            return found[:most], replace(at, after=at.after + most)
        return found, replace(at, shard=at.shard + 1, after=0) if at.shard + 1 < at.shards else None

    def _lines_at(self, district_id: str, at: FilePlace) -> Iterator[bytes] | None:
        """The lines of a file; None where there is none."""
        body = self._body_at(snapshot_key(district_id, at.snapshot_id, f"people-{at.shard}"))
        return None if body is None else iter(BytesIO(body))

    def _body_at(self, key: str, extent: Extent | None = None) -> bytes | None:
        """A file, or a part of it; None where there is none, of which S3 says nothing to who may not list the files."""
        try:
            return self._files.read(key, extent)
        except ClientError as error:
            if error.response["Error"]["Code"] in ("AccessDenied", "403"):
                return None
            raise

    def _first(self, district_id: str) -> FilePlace | None:
        standing = self._state.snapshot(district_id)
        return FilePlace(standing.snapshot_id, standing.shards) if standing else None

    def numbered(self, keys: list[RosterUserKey]) -> tuple[list[RosterUser], Applied | None]:
        """Those of these numbers of a district who are on the table, and what was last applied to it: one request."""
        district_id = keys[0].district_id
        where = names_key(district_id)
        standing, items = self._state.snapshot_and(district_id, [*map(roster_key, keys), where])
        names = next((each for each in items if pair(each) == pair(where)), None)
        return [roster_user_of(each) for each in items if each is not names], _applied(standing, names)

    def by_name(
        self,
        district_id: str,
        name: str,
        most: int,
        is_seen: Callable[[PersonFound], bool],
        applied: Applied | None = None,
    ) -> PeopleFound:
        """At most so many of the people who are seen and of whom each of these words begins a part of the name, give or take a
        letter. ``applied`` is what was last applied, where that is known."""
        applied = applied or self._applied(district_id)
        wanted = name_words(name)
        if applied is None or not wanted:
            return PeopleFound([])
        if applied.names_of and (found := self._in_sorted_names(applied, district_id, wanted, most, is_seen)):
            return found
        return self._in_files_of_people(applied.snapshot, district_id, wanted, most, is_seen)

    def _applied(self, district_id: str) -> Applied | None:
        return _applied(*_first_of(self._state.snapshot_and(district_id, [names_key(district_id)])))

    def _in_sorted_names(
        self, applied: Applied, district_id: str, wanted: list[str], most: int, is_seen: Callable[[PersonFound], bool]
    ) -> PeopleFound | None:
        """None where there is no such file any more."""
        (start, length), begins_right = _where_to_look(NamePlaces.unpacked(applied.places), wanted)
        read = min(length, _MOST_READ)
        body = self._body_at(snapshot_key(district_id, applied.names_of, NAMES), (start, read))
        if body is None or (read and not body):
            return None
        people = {line.person_id: line for line in _fitting(name_lines(body), wanted)}
        found = [person for line in people.values() if is_seen(person := _found_in(line, district_id))]
        found.sort(key=lambda each: (not _fits_exactly(each.name, wanted), each.name.casefold()))
        return PeopleFound(found[:most], read < length or len(found) > most, begins_right)

    def _in_files_of_people(
        self, standing: Snapshot, district_id: str, wanted: list[str], most: int, is_seen: Callable[[PersonFound], bool]
    ) -> PeopleFound:
        if standing.shards > MOST_SHARDS:
            return PeopleFound([], is_too_large=True)
        found: list[PersonFound] = []
        for shard in range(standing.shards):
            key = snapshot_key(district_id, standing.snapshot_id, f"people-{shard}")
            fitting = (each for each in _people(self._files.lines(key), district_id) if _fits(each.name, wanted))
            found += islice(filter(is_seen, fitting), most - len(found))
            if len(found) >= most:
                break
        return PeopleFound(sorted(found, key=lambda each: each.name.casefold()))


def _applied(standing: Snapshot | None, names: Item | None) -> Applied | None:
    if standing is None:
        return None
    usable = [standing.snapshot_id, *([standing.previous.snapshot_id] if standing.previous else [])]
    if names and names["snapshot_id"] in usable and standing.names_are_sorted:
        return Applied(standing, str(names["snapshot_id"]), bytes(names["places"]))
    return Applied(standing)


def _first_of(found: tuple[Snapshot | None, list[Item]]) -> tuple[Snapshot | None, Item | None]:
    standing, items = found
    return standing, next(iter(items), None)


def _where_to_look(places: NamePlaces, wanted: list[str]) -> tuple[Extent, bool]:
    """The part of the sorted names that has everybody who fits, by the word that the fewest names begin with; with whoever has a
    slip after the first letters of that word, as far as a search reads. And whether the first letters have to be right."""
    rarest = min(wanted, key=lambda word: (places.of(word)[1], -len(word)))
    if len(rarest) >= _ONE_EDIT_FROM:
        for letters in range(len(rarest)):
            part = places.of(rarest[:letters])
            if part[1] <= _MOST_FOR_A_SLIP:
                return part, letters > 0
    return places.of(rarest), len(rarest) >= _ONE_EDIT_FROM


def _fitting(lines: Iterator[NameLine], wanted: list[str]) -> Iterator[NameLine]:
    """Those whose name has a part for each of these words. Many people share their names."""
    words_of = cache(name_words)
    fits = cache(lambda word, each: _begins(word, each))
    for line in lines:
        words = words_of(line.given_name) + words_of(line.family_name)
        if all(any(fits(word, each) for word in words) for each in wanted):
            yield line


def _found_in(line: NameLine, district_id: str) -> PersonFound:
    key = RosterUserKey.of_person_id(district_id, line.person_id)
    return PersonFound(key, line.role or "", line.name, tuple(line.school_ids))


def _fits_exactly(name: str, wanted: list[str]) -> bool:
    words = name_words(name)
    return all(any(word.startswith(each) for word in words) for each in wanted)


def _fits(name: str, wanted: list[str]) -> bool:
    words = name_words(name)
    return all(any(_begins(word, each) for word in words) for each in wanted)


def _people(lines: Iterator[bytes], district_id: str) -> Iterator[PersonFound]:
    """``lines`` are records of people as a snapshot holds them, whose first fields have stayed the same from the beginning."""
    for line in lines:
        person_id, role, given, family, _email, _username, _ids, schools = msgspec.json.decode(line)[:_FIELDS]
        key = RosterUserKey.of_person_id(district_id, person_id)
        yield PersonFound(key, str(role or ""), f"{given} {family}".strip(), tuple(schools))


def _begins(word: str, wanted: str) -> bool:
    """Whether a word begins like this, or is this but for one letter."""
    if word.startswith(wanted):
        return True
    if len(wanted) < _ONE_EDIT_FROM or abs(len(word) - len(wanted)) > 1:
        return False
    same = next((i for i, (a, b) in enumerate(zip(word, wanted, strict=False)) if a != b), min(len(word), len(wanted)))
    rest, other = word[same:], wanted[same:]
    return rest[1:] == other[1:] or rest[1:] == other or rest == other[1:]
