"""The end of a district's contract: links end, people keep accounts and progress, and the district's data goes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import batched

from shared.domain.clock import Clock, NewId
from shared.domain.errors import RefusedTransition
from shared.domain.link import LinkState
from shared.domain.roster import RosterUserKey
from shared.runtime.parallel import each
from shared.stores.class_exports import file_key_of
from shared.stores.district_data import DistrictData, kind_of
from shared.stores.district_files import DistrictFiles
from shared.stores.districts import DistrictStore
from shared.stores.keys import EXPORTS, Item, user_of_pk
from shared.stores.links import LinkStore

ENDED = "links that ended"
_ROUNDS = 3
"""What was still on its way while the first one ran is found by the next."""
_TRIES = 3
_SOME = 500
"""Links or items that are held at a time."""


class OffboardDistrict:
    """Each part may be run again, after it was cut or done."""

    def __init__(
        self,
        data: DistrictData,
        files: DistrictFiles,
        districts: DistrictStore,
        links: LinkStore,
        *,
        export_bucket: str,
        clock: Clock,
        new_id: NewId,
        at_once: int = 16,
    ) -> None:
        self._data = data
        self._files = files
        self._districts = districts
        self._links = links
        self._export_bucket = export_bucket
        self._clock = clock
        self._new_id = new_id
        self._at_once = at_once

    def preview(self, district_id: str) -> Counter[str]:
        """What would go: items of the table by kind, and files by folder; nothing is changed."""
        found = Counter[str]()
        for item in self._data.items(district_id):
            found[kind_of(item)] += 1
            found[ENDED] += _is_linked(item)
        return +(found + self._files.count(district_id))

    def run(self, district_id: str) -> Counter[str]:
        """Do it. Return what went, by kind and folder, and how many links ended.

        First the district is taken off, so that nothing begins and nobody is mailed; then links end, each with an event for the
        platform; then everything is deleted. Raises RefusedTransition ``import_under_way``, or ``links_contended`` where others
        change links at the same time; run it again then.
        """
        if self._data.is_importing(district_id, self._clock()):
            raise RefusedTransition(
                "import_under_way", "An import works on this district now. Wait until it is over, and run this again."
            )
        gone = self._files.delete(district_id, only="districts") + self._files.delete(district_id, only="sources")
        self._districts.forget(district_id)
        gone[ENDED] = self._end_links(district_id)
        for _ in range(_ROUNDS):
            more = self._delete_items(district_id) + self._files.delete(district_id)
            gone += more
            if not more:
                break
        return +gone

    def _end_links(self, district_id: str) -> int:
        linked = (user_of_pk(str(item["PK"])) for item in self._data.items(district_id) if _is_linked(item))
        return sum(sum(each(self._end, some, at_once=self._at_once)) for some in batched(linked, _SOME, strict=False))

    def _end(self, user: RosterUserKey) -> bool:
        """Whether a link stood and ended. Raises RefusedTransition ``links_contended``."""
        for _ in range(_TRIES):
            link = self._links.of_user(user)
            if link is None or not link.is_linked:
                return False
            if self._links.end(link, event_id=self._new_id(), now=self._clock()):
                return True
        raise RefusedTransition("links_contended", "Others change links of this district now. Run this again.")

    def _delete_items(self, district_id: str) -> Counter[str]:
        found = Counter[str]()

        def noted() -> Iterator[Item]:
            for item in self._data.items(district_id):
                found[kind_of(item)] += 1
                if str(item["SK"]).startswith(EXPORTS):
                    self._files.delete_one(self._export_bucket, file_key_of(item))
                yield item

        for some in batched(batched(noted(), _SOME, strict=False), self._at_once, strict=False):
            for _number in each(self._data.delete, some, at_once=self._at_once):
                pass
        return found


def _is_linked(item: Item) -> bool:
    return bool(item["SK"] == "LINK" and item["state"] == LinkState.LINKED.value)
