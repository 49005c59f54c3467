"""Search for people of a district by name, in what was last applied to it: no index is written for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from shared.domain.person_name import name_words
from shared.domain.roster import RosterUserKey
from shared.stores.import_files import ImportFiles, snapshot_key
from shared.stores.import_state import ImportStateStore

MOST_SHARDS = 2
"""Files of people that a search reads, of some 32,000 people each; a larger district is searched by number or address."""
_FIELDS = 8
_ONE_EDIT_FROM = 4
"""Letters of a word in which one slip is forgiven."""


@dataclass(frozen=True, slots=True)
class PersonFound:
    """Somebody of the roster, as it was last applied."""

    key: RosterUserKey
    role: str
    name: str
    school_ids: tuple[str, ...]


class PeopleSearch:
    """Reads the snapshot that stands."""

    def __init__(self, state: ImportStateStore, files: ImportFiles) -> None:
        self._state = state
        self._files = files

    def by_name(self, district_id: str, name: str, most: int) -> list[PersonFound] | None:
        """People of whom each of these words begins a part of the name, give or take a letter; None where the district is too
        large for it."""
        standing = self._state.snapshot(district_id)
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
    """``lines`` are records of people as a snapshot holds them, whose first fields have stayed the same from the beginning."""
    for line in lines:
        if most <= 0:
            return
        person_id, role, given, family, _email, _username, _ids, schools = msgspec.json.decode(line)[:_FIELDS]
        words = name_words(f"{given} {family}")
        if all(any(_begins(word, each) for word in words) for each in wanted):
            most -= 1
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
