"""What each item says of how far its person is: the counts that it adds, and what the next one in the stream changes of them.

An item is counted by itself, from its old and its new image. So a link, an activation and what somebody is stuck for carry as
whom their person is counted (``stands_as``): the writer puts it there, and where it is another one by now it is put right
(``as_counted``), which is a change of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from shared.domain.activation import ActivationState
from shared.domain.funnel import CountKey, Place, Standing, at_place, place_of_link, place_of_mail, standing, stuck_as
from shared.domain.link import LinkState
from shared.domain.roster import Role, RosterUserKey
from shared.stores.keys import Item, is_stuck, is_user_pk, stuck_of, user_of_pk

STANDS_AS = "stands_as"
"""The attribute that says as whom the person of an item is counted."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What an item says: as whom its person is counted, and what is counted (a place, or ``!`` and a kind of stuck)."""

    stands_as: Standing = ""
    what: str = ""

    @property
    def counts(self) -> dict[CountKey, int]:
        """What it adds. Whoever is further than on the roster is not among those who are there alone."""
        if not (self.stands_as and self.what):
            return {}
        if self.what.startswith("!"):
            return {stuck_as(self.stands_as, self.what[1:]): 1}
        place = Place(self.what)
        further = {} if place is Place.ROSTERED else {at_place(self.stands_as, Place.ROSTERED): -1}
        return {at_place(self.stands_as, place): 1, **further}


def facts_of(item: Item | None) -> Facts:
    """What an item says; nothing where there is none, or of one that is not counted."""
    if not item:
        return Facts()
    read = _READ.get(str(item["SK"])) if is_user_pk(str(item["PK"])) else None
    if read:
        return read(item)
    return Facts(str(item.get(STANDS_AS, "")), f"!{item['code']}") if is_stuck(str(item["PK"])) else Facts()


def person_of_item(item: Item) -> RosterUserKey | None:
    """Whom a counted item is about; None for any other item."""
    if is_stuck(str(item["PK"])):
        return stuck_of(item)
    is_counted = is_user_pk(str(item["PK"])) and str(item["SK"]) in _READ
    return user_of_pk(str(item["PK"])) if is_counted else None


def difference(before: Facts, after: Facts) -> dict[CountKey, int]:
    """What a change of an item adds and takes away."""
    changed = Counter(after.counts)
    changed.subtract(before.counts)
    return {key: number for key, number in changed.items() if number}


def as_counted(user: Item | None, link: Item | None, activation: Item | None, stuck: Item | None) -> list[Item]:
    """The items of a person that have to be counted otherwise, each with what it should say under ``stands_as`` (empty for
    nothing): where the roster says something else of them, and where the link says more than the activation."""
    who, further = facts_of(user).stands_as, facts_of(link).what
    gets_on = further in (Place.LINKED, Place.CLEANED_UP)
    wanted = ((link, who), (activation, "" if further else who), (stuck, "" if gets_on else who))
    return [
        {**item, STANDS_AS: stands_as}
        for item, stands_as in wanted
        if item and (facts := facts_of(item)).what and facts.stands_as != stands_as
    ]


def _roster(item: Item) -> Facts:
    who = standing(Role(item["role"]), item.get("school_ids", ()), active=bool(item["active"]))
    return Facts(who, Place.ROSTERED)


def _link(item: Item) -> Facts:
    place = place_of_link(LinkState(item["state"]), cleaned_up=bool(item.get("cleaned_up")))
    return Facts(str(item.get(STANDS_AS, "")), place or "")


def _activation(item: Item) -> Facts:
    sent, opened, used = (bool(item.get(name)) for name in ("sent_at", "opened_at", "used_at"))
    place = place_of_mail(ActivationState(item["state"]), is_sent=sent, is_opened=opened, is_used=used)
    return Facts(str(item.get(STANDS_AS, "")), place or "")


_READ: Mapping[str, Callable[[Item], Facts]] = {"ROSTER": _roster, "LINK": _link, "ACTIVATION": _activation}
