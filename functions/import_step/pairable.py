"""Which grassroots classes will pair once those are linked whom the rule links: counted in a preview, for its forecast (B14).

Names of these accounts' classes and people stay in working files: only how many pair is told, as nobody is linked yet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date

from msgspec import Struct

from functions.import_step.records import ClassRecord, MembersRecord
from functions.import_step.working_files import Document
from shared.domain.account import GrassrootsClass
from shared.domain.activation import may_be_mailed
from shared.domain.nudge import left_to_clean_up
from shared.domain.pairing import Verdict, pair
from shared.domain.roster import DistrictClass, Role, RosterUser
from shared.runtime.parallel import each
from shared.stores.grassroots_classes import GrassrootsClassStore


class OldClass(Struct, array_like=True, gc=False):
    """A grassroots class, as far as pairing looks at it."""

    class_id: str
    owner: str
    name: str
    last_activity_at: str | None
    students: list[str]
    """Accounts."""

    def grassroots(self) -> GrassrootsClass:
        return GrassrootsClass(
            self.class_id,
            self.owner,
            self.name,
            last_activity_at=self.last_activity_at,
            student_account_ids=tuple(self.students),
        )


class Taught(Struct, array_like=True, gc=False):
    """The district classes of a teacher whom the rule links, and the grassroots classes."""

    teaches: list[str]
    classes: list[OldClass]
    may_be_mailed: bool


class Attends(Struct, array_like=True, gc=False):
    """The account of somebody whom the rule links, the number on the roster, and the district classes attended."""

    account_id: str
    number: str
    attends: list[str]


class Pairable(Struct):
    """What pairing needs to know of the people of one shard."""

    taught: list[Taught] = []
    attends: list[Attends] = []


PAIRABLE = Document("pairable", Pairable)


def pairable(matched: Sequence[tuple[RosterUser, str]], store: GrassrootsClassStore, *, at_once: int) -> Pairable:
    """The same of people whom the rule links, each with the account: a read for each teacher."""
    teachers = [(user, account) for user, account in matched if user.role is Role.TEACHER]
    owned = each(lambda of: left_to_clean_up(store.owned(of[1])), teachers, at_once=at_once)
    return Pairable(
        [
            Taught(list(user.teaches), [_old(one) for one in classes], may_be_mailed(user))
            for (user, _), classes in zip(teachers, owned, strict=True)
            if classes
        ],
        [Attends(account, user.sourced_id, list(user.attends)) for user, account in matched],
    )


def _old(one: GrassrootsClass) -> OldClass:
    return OldClass(one.class_id, one.owner_account_id, one.name, one.last_activity_at, list(one.student_account_ids))


def paired(
    taught: Iterable[Taught],
    attending: Iterable[Attends],
    classes: Iterable[ClassRecord],
    district_id: str,
    today: date,
) -> tuple[dict[str, int], int]:
    """How many grassroots classes have which ``Verdict``, and how many of their teachers one that a nudge will name."""
    teachers = list(taught)
    accounts = {account for teacher in teachers for one in teacher.classes for account in one.students}
    linked, members = dict[str, str](), dict[str, list[str]]()
    for person in attending:
        if person.account_id in accounts:
            linked[person.account_id] = person.number
            for class_id in person.attends:
                members.setdefault(class_id, []).append(person.number)
    of_district = dict(_with_members({each for one in teachers for each in one.teaches}, classes, members, district_id))
    verdicts: Counter[str] = Counter()
    nudged = 0
    for teacher in teachers:
        own = [of_district[class_id] for class_id in teacher.teaches if class_id in of_district]
        found = Counter(
            one.verdict for one in pair((each.grassroots() for each in teacher.classes), own, linked, today)
        )
        verdicts.update(verdict.value for verdict in found.elements())
        nudged += teacher.may_be_mailed and any(verdict is not Verdict.LEFT_ALONE for verdict in found)
    return dict(verdicts), nudged


def _with_members(
    wanted: set[str], classes: Iterable[ClassRecord], members: Mapping[str, list[str]], district_id: str
) -> Iterator[tuple[str, DistrictClass]]:
    """Those district classes, with those of their students whom the rule links."""
    for record in classes if wanted else ():
        if record.sourced_id in wanted:
            of_class = MembersRecord(record.sourced_id, [], sorted(members.get(record.sourced_id, ())))
            yield record.sourced_id, record.district_class(district_id, of_class, by_kind=False)
