"""What the people of a shard of a snapshot come to: a night counts those whom it passes over by it (``standing_people``)."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from functions.import_step.records import PersonRecord
from shared.domain.roster import Role


class PeopleCount(Struct):
    """What people of a shard come to."""

    people: int = 0
    staff: int = 0
    enrolled: int = 0
    """Their enrollments."""
    administrators: int = 0
    """To whom the console of the whole district is open."""
    schools: dict[str, list[int]] = {}
    """By school: its people, and their enrollments."""
    size: int = 0
    """How many bytes their lines are: by it a night sees that these are the people who were counted. 0 where that is not noted."""

    def is_of(self, lines: bytes) -> bool:
        """Whether it is these people who were counted."""
        return len(lines) == self.size if self.size else lines.count(b"\n") == self.people

    def add(self, person: PersonRecord, times: int = 1) -> None:
        """Count a person; ``times`` -1 takes one away."""
        self._add(person.role, person.school_ids, times, times * person.number_of_enrollments())
        if person.role is not Role.STUDENT:
            self.administrators += times * person.administers_district

    def add_alike(self, role: Role | None, schools: Iterable[str], people: int, enrolled: int) -> None:
        """Count people of one plain row each (``PersonRow.is_plain``) who have the same role and schools, and so many enrollments
        together."""
        self._add(role, schools, people, enrolled)
        if role is Role.ADMINISTRATOR:
            self.administrators += people

    def _add(self, role: Role | None, schools: Iterable[str], people: int, enrolled: int) -> None:
        self.people += people
        self.enrolled += enrolled
        if role is not Role.STUDENT:
            self.staff += people
        for school in schools:
            of_school = self.schools.get(school)
            if of_school is None:
                of_school = self.schools[school] = [0, 0]
            of_school[0] += people
            of_school[1] += enrolled

    def __iadd__(self, other: PeopleCount) -> PeopleCount:
        self.people += other.people
        self.staff += other.staff
        self.enrolled += other.enrolled
        self.administrators += other.administrators
        for school, (people, enrollments) in other.schools.items():
            of_school = self.schools.setdefault(school, [0, 0])
            of_school[0] += people
            of_school[1] += enrollments
        return self

    def copy(self) -> PeopleCount:
        """The same, to be changed."""
        count = PeopleCount(schools={})
        count += self
        return count
