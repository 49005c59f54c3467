"""A linked teacher's grassroots classes, and where their students are now (B3): read anew each time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from shared.domain.account import GrassrootsClass
from shared.domain.clock import Clock
from shared.domain.district import District
from shared.domain.pairing import ENOUGH_STUDENTS, Moved, Pairing, Verdict, pair, words_of
from shared.domain.roster import DistrictClass, RosterUser
from shared.stores.accounts import AccountStore
from shared.stores.district_classes import DistrictClassStore
from shared.stores.links import LinkStore
from shared.stores.roster_users import RosterUserStore

if TYPE_CHECKING:
    from shared.domain.pairing_by_names import NamePair


class PairClasses:
    """Costs grow with the classes of the teacher, not with the district."""

    def __init__(self, links: LinkStore, district_classes: DistrictClassStore, *, clock: Clock) -> None:
        self._links = links
        self._district_classes = district_classes
        self._clock = clock

    def paired(self, grassroots: Iterable[GrassrootsClass], user: RosterUser, district: District) -> list[Pairing]:
        """What has become of each of these classes, for the person of a district that their owner is linked to."""
        return self._paired(list(grassroots), list(self._classes(user).values()), user, district)

    def paired_by_names_too(
        self,
        grassroots: Iterable[GrassrootsClass],
        user: RosterUser,
        district: District,
        accounts: AccountStore,
        users: RosterUserStore,
        taught: Mapping[str, DistrictClass] | None = None,
    ) -> list[Pairing]:
        """The same; of classes of which too few students are linked yet, also by the names of the teacher's own students on both
        sides (B13). Two reads more, for each hundred students. ``taught`` are the person's classes with their students, where
        they were read before."""
        classes = list((self._classes(user) if taught is None else taught).values())
        found = self._paired(list(grassroots), classes, user, district)
        unsaid = [place for place, each in enumerate(found) if each.linked < ENOUGH_STUDENTS and each.size]
        if not (unsaid and classes):
            return found
        by_names = _by_names([found[place].grassroots for place in unsaid], classes, accounts, users)
        for place, named in zip(unsaid, by_names, strict=True):
            if named:
                found[place] = _with_names(found[place], named, classes)
        return found

    def _classes(self, user: RosterUser) -> dict[str, DistrictClass]:
        return self._district_classes.get_many(user.district_id, user.teaches, with_students=True)

    def _paired(
        self, old: list[GrassrootsClass], classes: list[DistrictClass], user: RosterUser, district: District
    ) -> list[Pairing]:
        accounts = dict.fromkeys(account for taught in old for account in taught.student_account_ids)
        return pair(
            old,
            classes,
            self._links.linked_users(user.district_id, accounts),
            self._clock().astimezone(district.zone).date(),
        )


def _by_names(
    old: Sequence[GrassrootsClass], classes: Sequence[DistrictClass], accounts: AccountStore, users: RosterUserStore
) -> list[NamePair | None]:
    """The pair of each old class by names; None where there is none."""
    # Few pages pair by names, whose tables are slow to import.
    from shared.domain.pairing_by_names import NamedClass, pair_by_names

    held = accounts.get_many(account for taught in old for account in taught.student_account_ids)
    rows = users.get_many({key for each in classes for key in each.student_keys})
    people: Mapping[str, tuple[str, str]] = {
        key.person_id: (row.given_name, row.family_name) for key, row in rows.items()
    }
    found = pair_by_names(
        [NamedClass(words_of(each.name), each.student_account_ids) for each in old],
        [
            NamedClass(
                words_of(f"{each.title} {each.course_title or ''}"), tuple(key.person_id for key in each.student_keys)
            )
            for each in classes
        ],
        {account_id: account.display_name for account_id, account in held.items()},
        people,
    )
    of_old = {each.old: each for each in found}
    return [of_old.get(number) for number in range(len(old))]


def _with_names(pairing: Pairing, named: NamePair, classes: Sequence[DistrictClass]) -> Pairing:
    """The pairing with the class that names lead to: the teacher is asked, whatever was said before."""
    from shared.domain.pairing_by_names import Strength

    if not named.names:
        return pairing
    into = (Moved(classes[named.into], named.names),)
    is_offered = named.strength is Strength.STRONG
    return replace(pairing, verdict=Verdict.ASK, into=into, names=named.names, is_offered=is_offered)
