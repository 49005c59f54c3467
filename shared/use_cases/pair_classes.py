"""A linked teacher's grassroots classes, and where their students are now (B3): read anew each time."""

from __future__ import annotations

from collections.abc import Iterable

from shared.domain.account import GrassrootsClass
from shared.domain.clock import Clock
from shared.domain.district import District
from shared.domain.pairing import Pairing, pair
from shared.domain.roster import RosterUser
from shared.stores.district_classes import DistrictClassStore
from shared.stores.links import LinkStore


class PairClasses:
    """Costs grow with the classes of the teacher, not with the district."""

    def __init__(self, links: LinkStore, district_classes: DistrictClassStore, *, clock: Clock) -> None:
        self._links = links
        self._district_classes = district_classes
        self._clock = clock

    def paired(self, grassroots: Iterable[GrassrootsClass], user: RosterUser, district: District) -> list[Pairing]:
        """What has become of each of these classes, for the person of a district that their owner is linked to."""
        classes = list(grassroots)
        accounts = dict.fromkeys(account for taught in classes for account in taught.student_account_ids)
        return pair(
            classes,
            self._district_classes.get_many(user.district_id, user.teaches, with_students=True).values(),
            self._links.linked_users(user.district_id, accounts),
            self._clock().astimezone(district.zone).date(),
        )
