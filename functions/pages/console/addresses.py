"""Addresses of people in the console: any number of a roster as a part of an address."""

from __future__ import annotations

import base64
import re

from shared.domain.roster import RosterUserKey

_PLAIN = re.compile(r"[A-Za-z0-9._-]+")
NO_KIND = "person"
"""Stands for the kind of a number where a format has one set of numbers."""


def person_address(user: RosterUserKey) -> str:
    """Where a person is shown. A number that an address cannot hold as it is, is encoded after a ``~``."""
    number = user.sourced_id
    if not _PLAIN.fullmatch(number):
        number = "~" + base64.urlsafe_b64encode(number.encode()).decode().rstrip("=")
    return f"/console/{user.district_id}/people/{user.kind or NO_KIND}/{number}"


def sourced_id_of(part: str) -> str:
    """The number that a part of an address names; the part itself where it is not encoded."""
    if not part.startswith("~"):
        return part
    try:
        return base64.urlsafe_b64decode(part[1:] + "=" * (-len(part[1:]) % 4)).decode()
    except ValueError:
        return part
