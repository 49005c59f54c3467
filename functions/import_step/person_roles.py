"""A person after an upload, enrollments left aside: of a whole roster, of a delta, and of rows of roles that come alone."""

from __future__ import annotations

from msgspec.structs import replace

from functions.import_step.formats.format import Mode
from functions.import_step.plan import ImportPlan
from functions.import_step.records import PersonRecord, RoleRow, ToldRole
from functions.import_step.rows_by_person import RowsByPerson
from shared.domain.report import Kind


class ToldPeople:
    """What an upload says of people."""

    def __init__(self, seen: RowsByPerson, plan: ImportPlan) -> None:
        self._seen = seen
        self._plan = plan
        self._tells_roles_with_people = plan.tells_roles_with_people

    def of(self, key: str, person: PersonRecord | None, known: PersonRecord | None) -> PersonRecord | None:
        """The person as the upload has them, without enrollments; None where it says nothing of them."""
        plan, seen = self._plan, self._seen
        if self._tells_roles_with_people:
            return person
        if person and known and plan.mode(Kind.USERS) is Mode.BULK:
            person.take_roles([*(each for each in known.told_roles() if each.row_id), *person.told_roles()])
        elif person and known:
            person = known.after(person, seen.untold.get(key, ()))
        rows = seen.roles.get(key, [])
        if person is None and (known is None or key in seen.removed or plan.mode(Kind.USERS) is Mode.BULK):
            return None
        if plan.roles_mode is not Mode.BULK and not rows:
            return person
        base = person or known
        if base is None:
            return None
        told = replace(base)
        told.take_roles(self._roles_after(base, rows))
        return told

    def _roles_after(self, known: PersonRecord, rows: list[RoleRow]) -> list[ToldRole]:
        """What tells the person's role and schools once these rows are read. Of an active and a removed row of one id the
        active one counts."""
        came = [row.told() for row in rows if not row.removed]
        gone = {row.told() for row in rows if row.removed}
        ids = {each.row_id for each in came} | {each.row_id for each in gone}
        stood = known.told_roles()
        self._note_missing(known, stood, gone)
        if self._plan.roles_mode is Mode.BULK and Kind.USERS not in self._plan.keeps and not self._plan.additions_only:
            return [*(each for each in stood if not each.row_id), *came]
        # Whose role has no row of its own yet, loses it by what it is.
        values = set() if any(each.row_id for each in stood) else {(each.role, each.school_id) for each in gone}
        kept = [
            each
            for each in stood
            if each.row_id not in ids and (each.row_id or (each.role, each.school_id) not in values)
        ]
        return [*kept, *came]

    def _note_missing(self, known: PersonRecord, stood: list[ToldRole], gone: set[ToldRole]) -> None:
        """Note rows of roles that a delta deletes and that are not there."""
        ids = {each.row_id for each in stood}
        has_ids = any(ids)
        values = {(each.role, each.school_id) for each in stood}
        self._seen.not_there.roles |= {
            (known.sourced_id, each.row_id)
            for each in gone
            if each.row_id not in ids and (has_ids or (each.role, each.school_id) not in values)
        }
