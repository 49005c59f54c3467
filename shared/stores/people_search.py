"""Search for people of a district by name, in what was last applied to it: no index is written for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

import msgspec
from botocore.exceptions import ClientError

from shared.domain.person_name import name_words
from shared.domain.roster import RosterUser, RosterUserKey
from shared.stores.import_files import ImportFiles, snapshot_key
from shared.stores.import_state import ImportStateStore, Snapshot
from shared.stores.keys import roster_key
from shared.stores.roster_users import roster_user_of

MOST_SHARDS = 2
"""Files of people that a search reads, of some 32,000 people each; a larger district is searched by number or address."""
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
        """The lines of a file; None where there is none, of which S3 says nothing to who may not list the files."""
        try:
            return self._files.lines(snapshot_key(district_id, at.snapshot_id, f"people-{at.shard}"))
        except ClientError as error:
            if error.response["Error"]["Code"] in ("AccessDenied", "403"):
                return None
            raise

    def _first(self, district_id: str) -> FilePlace | None:
        standing = self._state.snapshot(district_id)
        return FilePlace(standing.snapshot_id, standing.shards) if standing else None

    def numbered(self, keys: list[RosterUserKey]) -> tuple[list[RosterUser], Snapshot | None]:
        """Those of these numbers of a district who are on the table, and what was last applied to it: one request."""
        standing, items = self._state.snapshot_and(keys[0].district_id, map(roster_key, keys))
        return [roster_user_of(item) for item in items], standing

    def by_name(
        self, district_id: str, name: str, most: int, standing: Snapshot | None = None
    ) -> list[PersonFound] | None:
        """People of whom each of these words begins a part of the name, give or take a letter; None where the district is too
        large for it. ``standing`` is what was last applied, where that is known."""
        standing = standing or self._state.snapshot(district_id)
        wanted = name_words(name)
        if standing is None or not wanted:
            return []
        if standing.shards > MOST_SHARDS:
            return None
        found: list[PersonFound] = []
        for shard in range(standing.shards):
            key = snapshot_key(district_id, standing.snapshot_id, f"people-{shard}")
            found += _matching(self._files.lines(key), district_id, wanted, most - len(found))
            if len(found) >= most:
                break
        return sorted(found, key=lambda each: each.name.casefold())


def _matching(lines: Iterator[bytes], district_id: str, wanted: list[str], most: int) -> Iterator[PersonFound]:
    """The first of those whose name has a part for each of these words."""
    found = (person for person in _people(lines, district_id) if _fits(person.name, wanted))
    return islice(found, max(0, most))


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
