"""Whom an import hurts: who is removed, is made somebody else, or loses classes (M3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from functions.import_step.records import PersonRecord
from shared.domain.harm import Harm
from shared.domain.ordinary_nights import Hurt
from shared.domain.roster import Role

_BOTH = 2
_FEW, _FEW_OF = 3, 0.002
"""So many people of a shard lose classes on any night: it is not looked at whether those classes were over."""


def _change_of(old: PersonRecord, new: PersonRecord) -> Hurt | None:
    """Whether the person is another, or has another name; what is new in place of nothing hurts nobody.

    How a name is written, in capitals or in another form of Unicode, does not matter.
    """
    names = (old.given_name, old.family_name) != (new.given_name, new.family_name) and sum(
        before != after for before, after in zip(_names(old), _names(new), strict=True)
    )
    if (
        names == _BOTH
        or old.role != new.role
        or (old.email is not None and old.email != new.email)
        or not set(old.clever_ids) <= set(new.clever_ids)
    ):
        return Hurt.ALTERED
    return Hurt.RENAMED if names else None


def _names(person: PersonRecord) -> tuple[str, str]:
    read = person.in_one_form()
    return read.given_name.casefold(), read.family_name.casefold()


def hurt(old: PersonRecord, new: PersonRecord | None, over: frozenset[str] = frozenset()) -> Hurt | None:
    """How a person who stood is hurt; None where nothing is lost. ``over`` are classes that ended: nobody loses those."""
    if new is None:
        return Hurt.REMOVED
    if change := _change_of(old, new):
        return change
    if old.enrollments == new.enrollments:
        return None
    before, after = old.pairs(), new.pairs()
    lost = sum(class_id not in over for class_id, _ in before - after)
    return Hurt.FEWER_CLASSES if lost > len(after - before) else None


@dataclass(slots=True)
class HurtCount:
    """Counts whom one shard of an import hurts, by school, too."""

    harm: Harm = field(default_factory=Harm)
    _fewer: list[tuple[PersonRecord, PersonRecord]] = field(default_factory=list)

    def unchanged(self, person: PersonRecord) -> None:
        """Count somebody who stood, and is not hurt."""
        self.harm.stood += 1
        if person.role is not Role.STUDENT:
            self.harm.staff_stood += 1
            self.harm.administrators_stood += person.administers_district

    def came(self, person: PersonRecord) -> None:
        """Count somebody who did not stand."""
        self.harm.students_came += person.role is Role.STUDENT
        self.harm.administrators_came += person.administers_district

    def left_out(self, person: PersonRecord) -> None:
        """Count somebody who stays, without a role that counts."""
        self.unchanged(person)
        self.harm.administrators_gone += person.administers_district

    def changed(self, old: PersonRecord, new: PersonRecord | None) -> Hurt | None:
        """Count somebody who stood. Return how the person is hurt, where that is known at once: ``counted_fewer`` tells the
        rest."""
        self.unchanged(old)
        administers = new is not None and new.administers_district
        self.harm.administrators_gone += old.administers_district and not administers
        self.harm.administrators_came += administers and not old.administers_district
        how = hurt(old, new)
        match how:
            case Hurt.REMOVED:
                is_student = old.role is Role.STUDENT
                self.harm.students_removed += is_student
                self.harm.staff_removed += not is_student
                self.harm.teachers_removed += old.role is Role.TEACHER
            case Hurt.ALTERED:
                self.harm.altered += 1
            case Hurt.RENAMED:
                self.harm.renamed += 1
            case Hurt.FEWER_CLASSES if new is not None:
                self._fewer.append((old, new))
                return None
            case None if new is not None and old.enrollments != new.enrollments:
                self.harm.swapped += bool(old.pairs() - new.pairs())
        return how

    def counted_fewer(self, over: Callable[[], frozenset[str]]) -> list[PersonRecord]:
        """Who stays and has fewer classes; where they are many, those whose classes are over are left out."""
        ended = over() if len(self._fewer) > max(_FEW, _FEW_OF * self.harm.stood) else frozenset[str]()
        found = [old for old, new in self._fewer if hurt(old, new, ended) is Hurt.FEWER_CLASSES]
        self.harm.thinned += len(found)
        return found
