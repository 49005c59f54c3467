"""People over time: who may have come back under another id, who shares an address. Reported, never guessed (M7, M19, B11)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from functions.import_step.records import Record
from functions.import_step.shards import shard_of
from shared.stores.import_files import packed

_LEFT, _CAME, _HOLDS = "left", "came", "holds"


class Identities:
    """What one shard of people says of identities, for the shards that bring equal addresses and ids together."""

    def __init__(
        self, changes: Iterable[tuple[Record | None, Record | None]], everybody: Iterable[Record] = ()
    ) -> None:
        """``changes`` is empty where nobody stood before, so that nobody can have come back. ``everybody`` is given where
        addresses are to be compared, too."""
        self._changes = changes
        self._everybody = everybody

    def parts(self, shards: int) -> list[bytearray]:
        parts = [bytearray() for _ in range(shards)]
        for proof, what in self._said():
            parts[shard_of(proof, shards)] += packed([proof, *what])
        return parts

    def _said(self) -> Iterator[tuple[str, tuple[str, str, str]]]:
        for person in self._everybody:
            if person[4]:
                yield person[4], (_HOLDS, person[0], person[1])
        for old, new in self._changes:
            if old and new:
                continue
            for what, record in ((_LEFT, old), (_CAME, new)):
                if record:
                    for proof in filter(None, (record[4], *record[6])):
                        yield proof, (what, record[0], record[1])


class Proof:
    """All that is said of a share of the addresses and Clever ids."""

    def __init__(self, said: Iterable[Any]) -> None:
        self._by_proof: dict[str, list[tuple[str, str, str]]] = {}
        for proof, what, sourced_id, role in said:
            self._by_proof.setdefault(proof, []).append((what, sourced_id, role))

    def proposals(self) -> list[dict[str, str]]:
        """Ids that are gone while another one of the same role came with the same address or Clever id."""
        found = set()
        for said in self._by_proof.values():
            left = [(sourced_id, role) for what, sourced_id, role in said if what == _LEFT]
            came = [(sourced_id, role) for what, sourced_id, role in said if what == _CAME]
            if len(left) == len(came) == 1 and left[0][1] == came[0][1]:
                found.add((left[0][0], came[0][0]))
        return [{"from": old, "to": new} for old, new in sorted(found)]

    def shared_addresses(self) -> list[str]:
        """Addresses that several people of the upload have."""
        return sorted(p for p, said in self._by_proof.items() if sum(what == _HOLDS for what, _, _ in said) > 1)
