"""Addresses of people in the console: any number of a roster as a part of an address."""

from __future__ import annotations

import base64
import re

from shared.domain.roster import NumberKind, RosterUserKey
from shared.stores.keys import is_an_id

_PLAIN = re.compile(r"[A-Za-z0-9._-]+")
NO_KIND = "person"
"""Stands for the kind of a number where a format has one set of numbers."""


def person_address(user: RosterUserKey) -> str:
    """Where a person is shown."""
    return f"/console/{user.district_id}/people/{person_part(user)}"


def person_part(user: RosterUserKey) -> str:
    """A person within a district, as an address or a form names them: the kind of the number, and the number.

    A number that an address cannot hold as it is, is encoded after a ``~``.
    """
    number = user.sourced_id
    if not _PLAIN.fullmatch(number):
        number = "~" + base64.urlsafe_b64encode(number.encode()).decode().rstrip("=")
    return f"{user.kind or NO_KIND}/{number}"


def person_of_part(district_id: str, part: str) -> RosterUserKey | None:
    """Whom a form names; None for nobody that there can be."""
    kind, _, number = part.partition("/")
    sourced_id = sourced_id_of(number)
    if kind not in (NO_KIND, *NumberKind) or not is_an_id(sourced_id):
        return None
    return RosterUserKey(district_id, sourced_id, "" if kind == NO_KIND else kind)


def sourced_id_of(part: str) -> str:
    """The number that a part of an address names; the part itself where it is not encoded."""
    if not part.startswith("~"):
        return part
    try:
        return base64.urlsafe_b64decode(part[1:] + "=" * (-len(part[1:]) % 4)).decode()
    except ValueError:
        return part
