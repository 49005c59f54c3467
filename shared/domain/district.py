"""A district: the settings of ``districts/{district_id}/district.json`` (docs/district-settings.md)."""

from __future__ import annotations

import re
from datetime import date, time
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from shared.domain.errors import InvalidSettings

DISTRICT_ID = re.compile(r"[a-z0-9-]{1,64}")

type Provider = Literal["clever", "google"]

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
            raise ValueError("must be a list of weekday names")
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
        raise ValueError(f"{text!r} is no weekday; write for example 'monday' or 'mon'")
    return matches[0]


class District(BaseModel):
    """A district's settings, with their defaults."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    district_id: str
    name: str = Field(min_length=1, max_length=200)
    email_domains: tuple[str, ...]
    time_zone: str
    locale: str = "en"
    support_url: str | None = None
    identity_providers: tuple[Provider, ...] = ("clever", "google")
    removal_threshold_percent: float = Field(10, ge=0, le=100)
    removal_threshold_count: int = Field(50, ge=0)
    school_removal_threshold_percent: float = Field(50, ge=0, le=100)
    additions_only: tuple[Window, ...] = ()
    school_year_starts: date | None = None
    activations_from: date | None = None
    schools: tuple[str, ...] = ()
    contacts: tuple[str, ...] = ()
    clever_district_id: str | None = None
    nudges: NudgeSettings = NudgeSettings()
    activations: ActivationSettings = ActivationSettings()
    digest: DigestSettings | None = None

    def takes_additions_only(self, day: date) -> bool:
        """Whether nothing is removed on this day, on the district's own calendar."""
        return any(day in window for window in self.additions_only)

    @field_validator("district_id")
    @classmethod
    def _is_a_district_id(cls, value: str) -> str:
        if not DISTRICT_ID.fullmatch(value):
            raise ValueError("must be 1 to 64 of a–z, 0–9 and -")
        return value

    @field_validator("email_domains")
    @classmethod
    def _lower_case_domains(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(domain.strip().lower().removeprefix("@") for domain in value)

    @field_validator("time_zone")
    @classmethod
    def _is_a_time_zone(cls, value: str) -> str:
        if value not in _time_zones():
            raise ValueError("must be an IANA time zone, for example America/Chicago")
        return value

    @field_validator("support_url")
    @classmethod
    def _is_a_web_address(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("https://", "http://", "mailto:")):
            raise ValueError("must start with https:// or mailto:")
        return value

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)


def parse_district(district_id: str, body: bytes) -> District:
    """Return the settings of a ``district.json``.

    Raises InvalidSettings, whose message names each setting that is wrong and how to write it, and no value.
    """
    try:
        settings = _Body.model_validate_json(body)
        return District.model_validate({**settings.model_dump(exclude_unset=True), "district_id": district_id})
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, e['loc'])) or 'the file'}: {e['msg']}" for e in error.errors(include_url=False)
        )
        raise InvalidSettings("invalid_district", f"district.json cannot be used. {wrong}.") from None


class _Body(BaseModel):
    """Any JSON object: District says what must be in it."""

    model_config = ConfigDict(extra="allow")
