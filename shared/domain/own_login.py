"""A student's own login: a Google account or an address of their own, by which the work outlives school.

It opens the account that it was added to, and says nothing of anybody's roster (M6): the platform's feed and the roster know
nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from shared.domain.clock import from_iso
from shared.domain.district import District
from shared.domain.federated_identity import FederatedIdentity, identity_hash
from shared.domain.link import Link
from shared.domain.roster import Role, RosterUser

MOST_OWN_LOGINS = 5
RECENT = timedelta(minutes=15)
"""So long after a login somebody may add or remove another one: a device that was left open adds none."""
CODE_FOR = timedelta(minutes=15)
CODE_DIGITS = 8
_ADDRESS = "address"
"""What stands for the issuer of a login by an address."""


class Way(StrEnum):
    """What somebody logs in with."""

    GOOGLE = "google"
    ADDRESS = "address"


class Asked(StrEnum):
    """What a mailed code is for."""

    ADD = "add"
    LOG_IN = "log_in"


@dataclass(frozen=True, slots=True)
class OwnLogin:
    """One own login of an account. ``login_id`` is the hash by which it is found; ``name`` what its owner knows it by, masked."""

    login_id: str
    way: Way
    name: str
    added_at: str
    address: str | None = None
    """Where it is told of other logins; none for Google, whose addresses change hands."""


def google_login_id(identity: FederatedIdentity) -> str:
    """The id of an own login with Google, which is the hash of the outside identity."""
    return identity_hash(*identity)


def address_login_id(address: str) -> str:
    """The id of an own login by this address (normalised)."""
    return identity_hash(_ADDRESS, address)


def is_recent(begun_at: str, now: datetime) -> bool:
    """Whether a session that began then may add or remove a login."""
    return from_iso(begun_at) > now - RECENT


def may_add(account_role: str, people: Iterable[tuple[RosterUser, District]]) -> bool:
    """Whether the holder of an account may add an own login: a student on a roster, all of whose districts allow it.

    ``people`` are the roster users that the account is linked to. A roster says no ages, so without the district's word
    nobody is asked for an address (``students_may_add_logins``).
    """
    active = [(user, district) for user, district in people if user.active]
    are_students = all(user.role is Role.STUDENT for user, _ in active)
    return (
        account_role != "teacher"
        and bool(active)
        and are_students
        and all(district.students_may_add_logins for _, district in active)
    )


def ends_with(link: Link, login: OwnLogin, *, by_person: bool) -> bool:
    """Whether an own login ends when this link is undone: what was added under a link that nobody proved goes with it.

    A login to the account (a link by consent, undone by the person who made it) proves who added it, and an account that was
    made with its link has no other way in: then it stays.
    """
    if link.linked_at is None or login.added_at < link.linked_at or (link.is_made and link.joined is None):
        return False
    is_proved = not link.by_rule and link.vouched_in is None
    return not (by_person and is_proved)
