"""Who comes to hold an address or a Clever id, and who holds it no more: told by shards of people, written by tasks of hashes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from msgspec import Struct

from functions.import_step.records import PersonRecord, packed
from shared.domain.roster import RosterUserKey, number_of
from shared.stores.roster_holders import Holding, task_of
from shared.stores.roster_users import RosterUserStore

type Change = tuple[PersonRecord | None, PersonRecord | None]


class Holdings(Struct, array_like=True, gc=False):
    """What people of one shard come to hold, or hold no more: an identifier and who holds it (``person_id``) by turns."""

    are_given: bool
    texts: list[str]

    def of(self, district_id: str) -> Iterator[Holding]:
        """Each with the key of who holds it."""
        for identifier, person in zip(self.texts[::2], self.texts[1::2], strict=True):
            yield identifier, RosterUserKey.of_person_id(district_id, person)


class SharedIdentifiers(Struct):
    """What a task knows of the identifiers that somebody has come to hold with this import."""

    is_all: bool
    """Whether it knows all of their holders."""
    holders: dict[str, list[str]]
    """Of those that several hold: who they are (``person_id``), the first of them."""


def holdings(changes: Iterable[Change], noted_as: Callable[[str], str], tasks: int) -> list[bytearray]:
    """A part for each task. ``noted_as`` says under which id somebody is noted until now."""
    texts: dict[bool, list[list[str]]] = {are_given: [[] for _ in range(tasks)] for are_given in (True, False)}
    for old, new in changes:
        before = set(_holdings(old, noted_as(old.sourced_id))) if old else set()
        after = set(_holdings(new, new.sourced_id)) if new else set()
        for are_given, held in ((True, after - before), (False, before - after)):
            for holding in sorted(held):
                texts[are_given][task_of(holding[0], tasks)] += holding
    parts = [bytearray() for _ in range(tasks)]
    for are_given, by_task in texts.items():
        for part, of_task in zip(parts, by_task, strict=True):
            if of_task:
                part += packed(Holdings(are_given, of_task))
    return parts


def _holdings(person: PersonRecord, person_id: str) -> Iterator[tuple[str, str]]:
    if not person.is_off:
        for identifier in RosterUserStore.identifiers(person.email, person.clever_ids):
            yield identifier, person_id


def noted_as(former: Mapping[str, str], *, gets_kinds: bool) -> Callable[[str], str]:
    """Under which id people were noted before an import gives them another one (``former``), or the kind of their number."""

    def noted(person_id: str) -> str:
        before = former.get(person_id, person_id)
        return number_of(before) if gets_kinds else before

    return noted
