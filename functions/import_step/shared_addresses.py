"""Addresses that several people share or give up: in a preview before the table knows it, and who is looked at again (M7)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from functions.import_step.records import Bearer, PersonRecord, packed
from functions.import_step.shards import shard_of
from shared.domain.roster import Role, names_agree

_LEFT, _CAME, _HOLDS = "left", "came", "holds"
_LOST, _LOOKED_AT = "lost", "looked_at"
"""Of somebody who stays: an address that was given up, and the one of somebody who is matched anew."""


def bearers(
    changes: Iterable[tuple[PersonRecord | None, PersonRecord | None]],
    everybody: Iterable[PersonRecord],
    shards: int,
) -> list[bytearray]:
    """Who of one shard of people has which address: lines of ``Bearer``, a part for each shard of classes, where equal
    addresses come together.

    ``changes`` is empty where nobody stood before, so that nobody can have left. ``everybody`` is given where addresses
    are to be compared, too.
    """
    parts = [bytearray() for _ in range(shards)]
    for bearer in _bearers(changes, everybody):
        parts[shard_of(bearer.identifier, shards)] += packed(bearer)
    return parts


def _bearers(
    changes: Iterable[tuple[PersonRecord | None, PersonRecord | None]], everybody: Iterable[PersonRecord]
) -> Iterator[Bearer]:
    for person in everybody:
        if person.email and not person.is_off:
            yield Bearer(person.email, _HOLDS, person.sourced_id, person.role, person.given_name, person.family_name)
    for old, new in changes:
        if old and new:
            yield from _of_who_stays(old, new)
            continue
        for state, record in ((_LEFT, old), (_CAME, new)):
            if record and record.email:
                yield Bearer(record.email, state, record.sourced_id, record.role)


def _of_who_stays(old: PersonRecord, new: PersonRecord) -> Iterator[Bearer]:
    if old.is_matched_like(new):
        return
    if old.email and old.email != new.email:
        yield Bearer(old.email, _LOST, old.sourced_id, old.role)
    if new.email:
        yield Bearer(new.email, _LOOKED_AT, new.sourced_id, new.role)


class Identifiers:
    """A share of the addresses, each with everybody who has, had or gives it up."""

    def __init__(self, everybody: Iterable[Bearer]) -> None:
        self._bearers: dict[str, list[Bearer]] = {}
        for bearer in everybody:
            self._bearers.setdefault(bearer.identifier, []).append(bearer)

    def shared_addresses(self) -> list[str]:
        """Addresses that several people of the upload have."""
        return sorted(
            identifier
            for identifier, everybody in self._bearers.items()
            if _are_several([bearer for bearer in everybody if bearer.state == _HOLDS])
        )

    def given_up(self) -> dict[str, list[str]]:
        """By address that somebody gave up or left with: all those whom this import looks at without it, and those who left.

        Whoever else has the address is looked at again: it may be an own one now (M7).
        """
        return {
            identifier: sorted({bearer.sourced_id for bearer in everybody if bearer.state != _HOLDS})
            for identifier, everybody in sorted(self._bearers.items())
            if any(bearer.state in (_LEFT, _LOST) for bearer in everybody)
        }


def _are_several(holders: list[Bearer]) -> bool:
    """Whether those who hold an address are more than one human: a teacher may have an administrator's row, too."""
    teachers = [holder for holder in holders if holder.role is Role.TEACHER]
    if len(teachers) != 1:
        return len(holders) > 1
    teacher = teachers[0]
    return any(
        holder is not teacher
        and not (
            holder.role is Role.ADMINISTRATOR
            and names_agree((holder.given_name, holder.family_name), (teacher.given_name, teacher.family_name))
        )
        for holder in holders
    )
