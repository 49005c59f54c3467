"""A forecast as ``make drill`` prints it and keeps it (docs/forecast.md)."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from shared.domain.district import District
from shared.domain.forecast import Forecast, OfRole

RESULT = Path(".local/drill.json")
_DAYS_SHOWN = 10


def tell(told: Forecast, district: District) -> None:
    """Print it, and write ``.local/drill.json``."""
    sys.stdout.writelines(table(told, district))
    RESULT.parent.mkdir(exist_ok=True)
    body = {"district": district.district_id, **told.to_json()}
    RESULT.write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")


def table(told: Forecast, district: District) -> Iterator[str]:
    """What is printed, line by line."""
    yield f"{district.name} ({district.district_id}): what {_upload(told)} will come to. None of it has happened.\n\n"
    for name, of in (("teachers", told.teachers), ("students", told.students)):
        yield from (_row(f"{name}, {label}", number) for label, number in _of_role(of))
    yield from _mail(told, district)
    for verdict, label in (("obsolete", "gone over"), ("ask", "to ask about"), ("left_alone", "left alone")):
        yield _row(f"old classes {label}", told.found.classes.get(verdict, 0))
    yield _row("students in the busiest minute of a first half hour", told.morning.a_minute)
    yield _row("students at the login at one time", told.morning.at_once)
    yield _row("dollars besides what the stack costs anyway", f"{sum(told.dollars.values()):,.2f}")


def _upload(told: Forecast) -> str:
    return f"{'preview' if told.found.is_preview else 'upload'} {told.found.import_id}"


def _of_role(of: OfRole) -> Iterator[tuple[str, int]]:
    yield "in all", of.people
    if of.linked:
        yield "linked already", of.linked
    yield "linked by rule at the first login", of.by_rule
    yield "linked by the id of a login used before", of.by_id
    yield "who meet the choice", of.choosing
    yield "of whom an account is offered to", of.ambiguous
    if of.mailed:
        yield "mailed", of.mailed
    for name, number in (("mailed before", of.mailed_before), ("outside the pilot", of.pilot)):
        if number:
            yield name, number
    for why, number in of.stuck.items():
        yield f"stuck: {why}", number
    if of.outside:
        yield "with an address outside the district's domains", of.outside


def _mail(told: Forecast, district: District) -> Iterator[str]:
    mail = told.mail
    yield _row("activation mails", mail.mails)
    if mail.first_wave:
        yield _row("of these at first", mail.first_wave)
    if mail.starts:
        yield _row("first of them", _moment(mail.starts, district.zone))
        yield _row("last of them", _moment(mail.ends, district.zone) if mail.ends else "not within a year")
        for each in mail.days[:_DAYS_SHOWN]:
            yield _row(f"  on {each.day}", each.mails)
        if mail.number_of_days > _DAYS_SHOWN:
            yield _row("  and on so many more days", mail.number_of_days - _DAYS_SHOWN)
    limit = f"{mail.rate:g} a second, {mail.per_day or 'any number'} a day"
    yield _row("mail service's limits", f"{limit}{' (assumed)' if mail.is_assumed else ''}")
    yield _row("reminders at most", told.reminders)
    yield _row("nudges at most", told.nudges)


def _moment(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}"


def _row(label: str, value: int | str) -> str:
    return f"{label:<56} {value if isinstance(value, str) else format(value, ','):>28}\n"
