"""The console's forecast: what a roster will come to, before anything of it has happened (B14)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from functions.pages.console.access import Access, ConsoleAccess
from functions.pages.console.moments import Moments
from functions.pages.dependencies import Services
from functions.pages.http import Reply, Request, page
from functions.pages.request_context import RequestContexts
from shared.domain.forecast import Forecast, MailPlan, OfRole, forecast
from shared.domain.forecast_tally import Found
from shared.domain.report import Status
from shared.runtime.i18n import long_date
from shared.stores.imports import ImportRecord

_LOOKED_AT = 25
"""The newest uploads among which one with a forecast is looked for."""
_TRIED = 3
"""Of these, so many reports are looked at."""
_DAYS_SHOWN = 14
WIDTH, HEIGHT, GAP = 600, 28, 2
"""Of a drawing, in its own units."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a whole, as a row of the table, and of the drawing as a piece from ``x`` on."""

    name: str
    number: int
    tone: str
    x: float = 0.0
    width: float = 0.0


class ForecastPage:
    """For who has the whole district, and operators."""

    def __init__(self, services: Services, contexts: RequestContexts) -> None:
        self._services = services
        self._access = ConsoleAccess(services, contexts)

    def show(self, request: Request, district_id: str) -> Reply:
        access = self._access.of_whole(request, district_id)
        if not isinstance(access, Access):
            return access
        records, _ = self._services.imports.newest(district_id, most=_LOOKED_AT)
        record, found = self._newest(district_id, records)
        district = access.district
        reply = page("console/forecast", audience=district, district=district.name, tab="imports", told=None)
        if record and found:
            state, _ = self._services.send_state.read()
            told = forecast(found, district, state.limits, self._services.clock())
            reply.values |= self._values(told, record, records, access)
        return reply

    def _newest(self, district_id: str, records: Sequence[ImportRecord]) -> tuple[ImportRecord | None, Found | None]:
        """The newest upload of which it is known what it will come to."""
        known = [each for each in records if each.status in (Status.COMPLETED, Status.HELD, Status.PAUSED)]
        for record in known[:_TRIED]:
            if found := self._services.reports.forecast(district_id, record.import_id):
                return record, found
        return None, None

    @staticmethod
    def _values(
        told: Forecast, record: ImportRecord, records: Sequence[ImportRecord], access: Access
    ) -> dict[str, object]:
        newer = [each for each in records if each.import_id > record.import_id]
        return {
            "told": told,
            "record": record,
            "is_overtaken": any(each.status is Status.COMPLETED and not each.preview for each in newer),
            "teachers": drawn(_of_teachers(told.teachers)),
            "students": drawn(_of_students(told.students)),
            "stuck": sum(told.teachers.stuck.values()) + told.students.locked_out,
            "bars": _bars(told.mail),
            "days": told.mail.days[:_DAYS_SHOWN],
            "more_days": max(0, told.mail.number_of_days - _DAYS_SHOWN),
            "settings": access.district,
            "when": Moments(access.district.zone),
            "long_date": long_date,
            "cost": sum(told.dollars.values()),
            "drawing": {"width": WIDTH, "height": HEIGHT},
        }


def _of_teachers(of: OfRole) -> list[Part]:
    parts = [
        Part("linked", of.linked, "drawn-good"),
        Part("by_rule", of.by_rule, "drawn-good"),
        Part("mailed", of.mailed, "drawn-link"),
        Part("mailed_before", of.mailed_before, "drawn-link"),
        Part("pilot", of.pilot, "drawn-warning"),
        *(Part(why, number, "drawn-problem") for why, number in of.stuck.items()),
    ]
    return [*parts, Part("others", of.people - sum(each.number for each in parts), "drawn-warning")]


def _of_students(of: OfRole) -> list[Part]:
    stuck = [Part(why, number, "drawn-problem") for why, number in of.stuck.items()]
    return [
        Part("linked", of.linked, "drawn-good"),
        Part("by_rule", of.by_rule, "drawn-good"),
        Part("by_id", of.by_id, "drawn-good"),
        Part("choosing", of.choosing, "drawn-link"),
        *stuck,
    ]


def drawn(parts: Sequence[Part]) -> list[Part]:
    """The parts that there are, side by side."""
    there = [part for part in parts if part.number > 0]
    whole = sum(part.number for part in there)
    room, x, placed = WIDTH - GAP * max(0, len(there) - 1), 0.0, list[Part]()
    for part in there:
        width = room * part.number / whole
        placed.append(Part(part.name, part.number, part.tone, round(x, 1), round(width, 1)))
        x += width + GAP
    return placed


def _bars(mail: MailPlan) -> list[tuple[float, float, float, float]]:
    """``x``, ``y``, width and height of a bar for each day."""
    most = max((each.mails for each in mail.days), default=0)
    step = WIDTH / max(len(mail.days), 7)
    bars = []
    for number, each in enumerate(mail.days):
        height = max(2.0, 80.0 * each.mails / most)
        bars.append((round(number * step, 1), round(80 - height, 1), round(step - GAP, 1), round(height, 1)))
    return bars
