"""The people behind a number of the overview: those of a role at a place of the funnel, of all schools or of one (B7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from functions.pages.console.access import Access
from functions.pages.console.addresses import person_address
from functions.pages.dependencies import Services
from functions.pages.http import Reply, page
from shared.domain.funnel import Place, place_of
from shared.domain.roster import Role

if TYPE_CHECKING:
    from shared.stores.people_search import PersonFound
    from shared.stores.request_context import Person

PAGE = 33
"""People with their links and mails whom one request brings: so many are looked at for a page."""
ANY = "any"
_LONGEST_SCHOOL = 1_000


@dataclass(frozen=True, slots=True)
class PersonAt:
    """Somebody in the list, and how far they are."""

    address: str
    name: str
    sourced_id: str
    kind: str
    place: Place


def people_at(services: Services, access: Access, query: Mapping[str, str]) -> Reply:
    """A page of them, in three calls with that of the session: a file of what was last applied, and what is true of these now."""
    from shared.stores.people_search import FilePlace  # few visitors of the console's people come to a list

    place, role, school = query.get("place", ANY), query.get("role", ""), query.get("school", "")[:_LONGEST_SCHOOL]
    wanted = Role(role) if role in (Role.TEACHER, Role.STUDENT) else Role.STUDENT

    def is_wanted(person: PersonFound) -> bool:
        home = min(person.school_ids, default="")
        is_seen = access.schools is None or home in access.schools
        return person.role == wanted and is_seen and school in ("", home)

    begins = FilePlace.of(query.get("from", ""))
    found, following = services.people_search.listed(access.district_id, is_wanted, begins, PAGE)
    people = services.request_contexts.people(each.key for each in found) if found else {}
    rows = [_row(people[each.key]) for each in found if each.key in people]
    asked = {"place": place, "role": wanted.value, "school": school}
    reply = page(
        "console/people_at", audience=access.district, district=access.district.name, access=access, tab="people"
    )
    reply.values |= {
        "rows": [row for row in rows if row and place in (ANY, row.place)],
        "looked_at": len(found),
        "place": place,
        "role": wanted.value,
        "next_page": urlencode({**asked, "from": str(following)}) if following else "",
    }
    return reply


def _row(person: Person) -> PersonAt | None:
    """Nobody who has left, or is a student no more, since the roster was applied."""
    user = person.user
    if user is None or not user.active:
        return None
    place = place_of(person.link, person.activation)
    return PersonAt(person_address(user.key), user.display_name, user.sourced_id, user.kind, place)
