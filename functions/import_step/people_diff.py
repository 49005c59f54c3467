"""What comparing one shard of people comes to."""

from __future__ import annotations

from dataclasses import dataclass, field

from msgspec.json import Decoder

from functions.import_step.hurt import HurtCount
from functions.import_step.one_person import Holder, has_address_of, holder_of
from functions.import_step.people_count import PeopleCount
from functions.import_step.records import PersonRecord, packed
from shared.domain.harm import Fate
from shared.domain.report import Counts, Note, Reject

_unpacked = Decoder(PersonRecord).decode


@dataclass(slots=True)
class PeopleDiff:
    """What one shard of people comes to."""

    users: Counts = field(default_factory=Counts)
    enrollments: Counts = field(default_factory=Counts)
    standing: bytearray = field(default_factory=bytearray)
    """Everybody afterwards, as the next snapshot holds them: lines in the order of their ids."""
    counted: PeopleCount = field(default_factory=PeopleCount)
    """What they come to, where the next night may pass people over."""
    stand: int = 0
    """How many they are."""
    aside: bytearray = field(default_factory=bytearray)
    """Everybody without a role for which anything is done, in the same way."""
    changes: list[tuple[PersonRecord | None, PersonRecord | None]] = field(default_factory=list)
    """(before, after) of those who differ, where None stands for not there; empty where there was no snapshot."""
    rejects: list[Reject] = field(default_factory=list)
    """Rows about people or classes that are not in the upload, in the order in which they were read."""
    notes: list[Note] = field(default_factory=list)
    put_off: int = 0
    put_off_enrollments: int = 0
    schools: dict[str, tuple[Fate, Fate]] = field(default_factory=dict)
    """By school: its people, and their enrollments, but for those of ``stood``."""
    stood: dict[str, tuple[int, int]] = field(default_factory=dict)
    """By school: the people who were counted together because they are as they were, and their enrollments."""
    enrolled: int = 0
    """How many enrollments there are afterwards."""
    reused: list[str] = field(default_factory=list)
    """Ids that name another person than before: given name, family name and address all differ."""
    holders: list[Holder] = field(default_factory=list)
    """Who has an address that another number has, too."""
    records_of_holders: bytearray = field(default_factory=bytearray)
    readdressed: int = 0
    """How many people have the same address in another domain of the district's."""
    hurt: HurtCount = field(default_factory=HurtCount)
    moved: list[str] = field(default_factory=list)
    """Everybody who stood without a kind, by the ``person_id`` that they have now that numbers have kinds."""
    strangers: list[tuple[PersonRecord | None, PersonRecord | None]] = field(default_factory=list)
    """Who is gone, (before, None), and who came, (None, after); both for a number that names somebody else now."""

    watched: set[str] | None = None
    """People whose rows are to be read every night, because something was said of them; None where somebody stands, or something
    was said, of whom it is not known."""

    def count_unchanged(self, count: PeopleCount) -> None:
        """Count people who are as they were."""
        self.counted += count
        self.stand += count.people
        self.users.read += count.people
        self.users.unchanged += count.people
        self.enrollments.read += count.enrolled
        self.enrollments.unchanged += count.enrolled
        self.enrolled += count.enrolled
        self.hurt.harm.stood += count.people
        self.hurt.harm.staff_stood += count.staff
        self.hurt.harm.administrators_stood += count.administrators
        for school, (people, enrolled) in count.schools.items():
            if people:
                stood = self.stood.get(school, (0, 0))
                self.stood[school] = stood[0] + people, stood[1] + enrolled

    def count_created(self, count: PeopleCount) -> None:
        """Count people who come where nothing stood before."""
        self.counted += count
        self.stand += count.people
        self.users.read += count.people
        self.users.created += count.people
        self.enrollments.read += count.enrolled
        self.enrollments.created += count.enrolled
        self.enrolled += count.enrolled
        self.hurt.harm.students_came += count.people - count.staff
        self.hurt.harm.administrators_came += count.administrators

    def note_holder(self, person: PersonRecord, *, stands: bool) -> None:
        """Keep somebody who may have other numbers."""
        if holder := holder_of(person, stands=stands):
            self.holders.append(holder)
            self.records_of_holders += packed(person)

    def fates(self, school: str) -> tuple[Fate, Fate]:
        """How the people of a school, and their enrollments, fare."""
        return self.schools.setdefault(school, (Fate(), Fate()))


def note_holder_of(line: bytes, addresses: set[int], result: PeopleDiff, *, stands: bool) -> None:
    """Keep the person of a packed record who has one of these addresses, and may have other numbers."""
    person = _unpacked(line)
    if has_address_of(person, addresses):
        result.note_holder(person, stands=stands)
