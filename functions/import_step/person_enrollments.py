"""The enrollments of each person, as an upload has them and as they stand after it."""

from __future__ import annotations

from functions.import_step.enrollment_rows import (
    EnrollmentRow,
    after_delta,
    enrollments_of,
    pairs_of,
    role_enrollments,
    rows_of,
    without_shared_ids,
)
from functions.import_step.enrollment_texts import rows_in
from functions.import_step.formats.format import Mode
from functions.import_step.people_diff import PeopleDiff
from functions.import_step.plan import ImportPlan
from functions.import_step.records import PersonRecord, RoleEnrollments
from functions.import_step.rows_by_person import RowsByPerson
from shared.domain.report import Kind


class Enrollments:
    """Each person's enrollments in the upload. Those that were never taken belong to people who were left out."""

    def __init__(self, seen: RowsByPerson) -> None:
        self._named = sorted(seen.enrollments.items())
        self._ended = sorted(seen.ended.items())
        self._latest: tuple[str, list[RoleEnrollments]] = ("", [])
        self.repeated_of: set[str] = set()
        """Who is in a class twice with one role."""

    def of(self, key: str) -> list[RoleEnrollments]:
        """Return the person's enrollments, sorted. A second call in a row for the same person returns the same."""
        latest_key, named = self._latest
        if key == latest_key:
            return named
        named = []
        for role, by_person in self._named:
            if texts := by_person.pop(key, None):
                rows = rows_in(texts)
                row_ids = dict(rows)
                if len(row_ids) == len(rows):
                    classes = sorted(row_ids)
                    marks = [*map(row_ids.__getitem__, classes)]
                    named.append(RoleEnrollments(role, classes, marks if any(marks) else []))
                else:
                    self.repeated_of.add(key)
                    named.append(role_enrollments(role, sorted(rows)))
        named = without_shared_ids(named)
        self._latest = (key, named)
        return named

    def ended(self, key: str) -> set[EnrollmentRow]:
        """Those that the upload marks as removed."""
        return {
            (class_id, role, row_id)
            for role, by_person in self._ended
            for class_id, row_id in rows_in(by_person.get(key, []))
        }

    def left(self) -> set[str]:
        """Whose were never taken."""
        return {user for _, by_person in self._named for user, classes in by_person.items() if classes}


class EnrollmentComparison:
    """Compares the enrollments of person by person, and counts them."""

    def __init__(self, named: Enrollments, seen: RowsByPerson, plan: ImportPlan, result: PeopleDiff) -> None:
        self._of_upload = named
        self._seen = seen
        self._plan = plan
        self._result = result
        self._replaces = plan.mode(Kind.ENROLLMENTS) is Mode.BULK

    def count(self, key: str, person: PersonRecord, old: PersonRecord | None, known: PersonRecord | None) -> None:
        counts = self._result.enrollments
        named = self._of_upload.of(key)
        if self._replaces and (old is None or old.enrollments == named):
            person.enrollments = named
            number = person.number_of_enrollments()
            counts.read += number
            if old is None:
                counts.created += number
            else:
                counts.unchanged += number
        else:
            stood = rows_of(known.enrollments) if known else set()
            if old is None and stood:
                # They were read before, when nothing was done for the person.
                counts.read += len(pairs_of(stood))
                counts.created += len(pairs_of(stood))
            person.enrollments = self._after(key, rows_of(named), stood)
        self._result.enrolled += person.number_of_enrollments()

    def _after(self, key: str, named: set[EnrollmentRow], stood: set[EnrollmentRow]) -> list[RoleEnrollments]:
        counts = self._result.enrollments
        ended = self._of_upload.ended(key)
        not_there: set[EnrollmentRow] = set()
        if self._replaces:
            missing = pairs_of(stood) - pairs_of(named)
            kept = set() if self._plan.may_remove(Kind.ENROLLMENTS) else missing - pairs_of(ended)
            self._result.put_off_enrollments += len(kept)
            rows = named | {row for row in stood if row[:2] in kept}
        else:
            rows, not_there = after_delta(stood, named, ended)
            self._seen.not_there.enrollments |= {(key, class_id) for class_id, *_ in not_there}
        before, after = pairs_of(stood), pairs_of(rows)
        unchanged = len(pairs_of(named) & before) + len(not_there)
        counts.created += len(after - before)
        counts.removed += len(before - after)
        counts.unchanged += unchanged
        counts.read += len(after - before) + unchanged + (0 if self._replaces else len(before - after))
        return enrollments_of(rows)

    def aside(self, key: str, known: PersonRecord | None) -> list[RoleEnrollments]:
        named = rows_of(self._of_upload.of(key))
        if named:
            self._seen.unused.of_people.add(key)
        if not self._replaces and known:
            named, _ = after_delta(rows_of(known.enrollments), named, self._of_upload.ended(key))
        return enrollments_of(named)
