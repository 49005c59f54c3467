"""What an import or a preview finds of each person, counted under a few words, for the forecast of what is to come (B14)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from shared.domain.district import District
from shared.domain.email_address import domain_of
from shared.domain.roster import RosterUser


class Standing(StrEnum):
    """What the rule says of somebody, as far as it may be said: of an address outside the district's own domains nothing is."""

    LINKED = "linked"
    BY_RULE = "by_rule"
    """The account will be linked at the district login, without a question (M6)."""
    BY_ID = "by_id"
    """The same because the login's id is the account's own: Clever's, which the roster names, or Google's, where the account has
    the official address. With another hub, or another Google account, the person proves it."""
    AMBIGUOUS = "ambiguous"
    UNMATCHED = "unmatched"


class Address(StrEnum):
    """What an official address is good for."""

    OWN = "own"
    """In a domain that is this district's alone."""
    SHARED_DOMAIN = "shared_domain"
    """In a domain that several districts share: good for mail and login."""
    OUTSIDE = "outside"
    SHARED = "shared"
    """Several people of the district have it."""
    NONE = "none"


class Mailing(StrEnum):
    """What comes of a teacher's activation mail."""

    GOES = "goes"
    WAITS = "waits"
    """It goes out when the district's day and hours come."""
    PILOT = "pilot"
    """It waits until the pilot is over, or the person's school belongs to it."""
    BEFORE = "before"
    """It went out before."""
    NOT_DUE = "not_due"
    """Nobody mails this person: no teacher, no address of their own, or no mail needed."""


type Tally = dict[str, int]
"""How many people there are of each kind: ``role/standing/address/mailing``."""


def counted_as(district: District, user: RosterUser, standing: Standing, mailing: Mailing, *, is_shared: bool) -> str:
    """Under which words of a tally somebody is counted."""
    return f"{user.role}/{standing}/{_address(district, user, is_shared=is_shared)}/{mailing}"


def waits_for_mail(tally: Tally) -> bool:
    """Whether mails wait for the district's day or hours."""
    return any(key.endswith(f"/{Mailing.WAITS}") for key in tally)


def added(one: Tally, other: Tally) -> Tally:
    """Two tallies together."""
    return dict(Counter(one) + Counter(other)) if one and other else one or other


def _address(district: District, user: RosterUser, *, is_shared: bool) -> Address:
    if not user.official_email:
        return Address.NONE
    if is_shared:
        return Address.SHARED
    domain = domain_of(user.official_email)
    if domain in district.own_domains:
        return Address.OWN
    return Address.SHARED_DOMAIN if domain in district.login_domains else Address.OUTSIDE


@dataclass(frozen=True, slots=True)
class Found:
    """What an import or a preview found, as it lies beside its report."""

    import_id: str
    made_at: str
    """ISO 8601, UTC."""
    is_preview: bool
    tally: Tally
    classes: Mapping[str, int] = field(default_factory=dict)
    """Grassroots classes of teachers whom the rule links, by what a nudge will say of them (``Verdict``)."""
    nudged: int = 0
    """How many of these teachers have a class that a nudge will name."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of_json(cls, body: Mapping[str, Any]) -> Found:
        return cls(
            **{name: body[name] for name in ("import_id", "made_at", "is_preview", "tally", "classes", "nudged")}
        )
