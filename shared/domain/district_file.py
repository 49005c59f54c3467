"""The form of ``districts/{district_id}/district.json``: what may stand in it, and what is said of what may not
(docs/district-settings.md).

It is compiled by pydantic, which takes longer than all that a request wants of a district: import it where such a file is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, time
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from shared.domain import district as district_settings
from shared.domain.district import (
    DISTRICT_ID,
    LONGEST_PAUSE,
    MOST_DOMAINS,
    WEEKDAYS,
    AnyProvider,
    District,
    is_anybodys,
)
from shared.domain.email_address import normalise
from shared.domain.errors import InvalidSettings
from shared.domain.settings_mistakes import BETWEEN, Mistake, of_errors

LONGEST_SETTINGS = 64_000
"""Bytes of a settings file."""
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_SHOWN = 20
"""Mistakes of a settings file that its report names."""
_DOMAIN = re.compile(r"(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}")

_OF_WINDOWS = ("additions_only", "pauses", "holidays", "terms")

_DEFAULT: Any = None
"""Stands where a file says nothing: the default is that of the settings themselves (``shared/domain/district.py``)."""


class Form(BaseModel):
    """What may stand in a part of the file. It makes the settings that ``makes`` names."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    makes: ClassVar[type]


class Window(Form):
    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)
    makes = district_settings.Window

    first: date = Field(alias="from")
    last: date = Field(alias="to")


class NudgeSettings(Form):
    makes = district_settings.NudgeSettings

    first_after_days: int = Field(_DEFAULT, ge=0, le=365)
    repeat_after_days: tuple[Annotated[int, Field(ge=1, le=365)], ...] = Field(_DEFAULT, max_length=3)
    quiet_hours: tuple[time, time] | tuple[()] = _DEFAULT
    school_days: tuple[str, ...] = _DEFAULT
    holidays: tuple[date | Window, ...] = _DEFAULT
    terms: tuple[Window, ...] = _DEFAULT

    @field_validator("school_days", mode="before")
    @classmethod
    def _whole_weekday_names(cls, value: object) -> tuple[str, ...]:
        if not isinstance(value, list | tuple):
            raise ValueError(Mistake.NO_WEEKDAYS.value)
        names = tuple(_weekday(str(day)) for day in value)
        return tuple(dict.fromkeys(names))


class DigestSettings(Form):
    makes = district_settings.DigestSettings

    to: tuple[str, ...] = _DEFAULT
    weekday: str = _DEFAULT

    @field_validator("weekday", mode="before")
    @classmethod
    def _whole_weekday_name(cls, value: object) -> str:
        return _weekday(str(value))


class ActivationSettings(Form):
    makes = district_settings.ActivationSettings

    valid_days: int = Field(_DEFAULT, ge=1, le=365)
    reminders_after_days: tuple[Annotated[int, Field(ge=1, le=365)], ...] = Field(_DEFAULT, max_length=6)
    in_school_hours: bool = _DEFAULT


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


class Settings(Form):
    makes = District

    district_id: str
    name: str = Field(min_length=1, max_length=200)
    email_domains: tuple[str, ...]
    shared_email_domains: tuple[str, ...] = _DEFAULT
    time_zone: str
    locale: str = _DEFAULT
    support_url: str | None = Field(_DEFAULT, max_length=1_000)
    identity_providers: tuple[AnyProvider, ...] = _DEFAULT
    removal_threshold_percent: float | None = Field(_DEFAULT, ge=0, le=100)
    removal_threshold_count: int | None = Field(_DEFAULT, ge=0, le=100_000_000)
    school_removal_threshold_percent: float | None = Field(_DEFAULT, ge=0, le=100)
    additions_only: tuple[Window, ...] = _DEFAULT
    school_year_starts: date | None = _DEFAULT
    activations_from: date | None = _DEFAULT
    schools: tuple[str, ...] = _DEFAULT
    contacts: tuple[str, ...] = _DEFAULT
    clever_district_id: TenantId | None = _DEFAULT
    classlink_tenant_id: TenantId | None = _DEFAULT
    microsoft_tenant_id: TenantId | None = _DEFAULT
    pauses: tuple[Window, ...] = _DEFAULT
    first_wave: int | None = Field(_DEFAULT, ge=1, le=100_000_000)
    teachers_may_vouch: bool = _DEFAULT
    students_may_add_logins: bool = _DEFAULT
    nudges: NudgeSettings = _DEFAULT
    activations: ActivationSettings = _DEFAULT
    digest: DigestSettings | None = _DEFAULT

    @field_validator("district_id")
    @classmethod
    def _is_a_district_id(cls, value: str) -> str:
        if not DISTRICT_ID.fullmatch(value):
            raise ValueError(Mistake.NO_DISTRICT_ID.value)
        return value

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


def settings_of(written: Mapping[str, Any]) -> District:
    """The settings that these values make, with their defaults. Raises ValidationError of pydantic."""
    made: District = _made(Settings.model_validate(written))
    return made


def _made(value: Any) -> Any:
    if isinstance(value, Form):
        return value.makes(**{name: _made(getattr(value, name)) for name in value.model_fields_set})
    return tuple(map(_made, value)) if isinstance(value, tuple) else value


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
            district = settings_of({**written, "district_id": district_id})
            wrong = [*_unusable(district)]
    except (ValidationError, RecursionError) as error:
        found = error.errors(include_url=False) if isinstance(error, ValidationError) else []
        wrong = of_errors(found) or [Mistake.TOO_DEEP.of("district.json")]
    if wrong:
        raise InvalidSettings("invalid_district", f"district.json cannot be used. {BETWEEN.join(wrong[:_SHOWN])}.")
    return district


def _unknown_settings(written: Mapping[str, object]) -> Iterator[str]:
    models: dict[str, type[BaseModel]] = {
        "": Settings,
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


def _windows(district: District) -> Iterator[tuple[str, district_settings.Window]]:
    """Each window of the settings, and how it is named in the file."""
    settings = {
        "additions_only": district.additions_only,
        "pauses": district.pauses,
        "nudges.holidays": district.nudges.holidays,
        "nudges.terms": district.nudges.terms,
    }
    for name, listed in settings.items():
        for place, window in enumerate(listed):
            if isinstance(window, district_settings.Window):
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
