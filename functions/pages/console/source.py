"""Where a district's roster is fetched from: what it is, how fetches go, what is wrong; and the button that fetches now (B10).

A page shows no secret, and no address but the host's name. Asking for a fetch is in the trail before it is done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal
from urllib.parse import urlsplit

from functions.pages import limits
from functions.pages.console.access import Access, ConsoleAccess
from functions.pages.console.moments import Moments
from functions.pages.dependencies import Services
from functions.pages.http import Reply, Request, page, see_other
from functions.pages.request_context import RequestContexts
from shared.domain.clock import from_iso, to_iso
from shared.domain.roster_source import TITLES, Source, source_taken
from shared.runtime.report_words import retold
from shared.stores.fetches import SourceState
from shared.stores.imports import ImportRecord
from shared.stores.table import Put
from shared.stores.trail import trail_item

type WhoMends = Literal["source", "support", "nobody"]

_PEOPLE = ("users", "students", "teachers", "staff")
_CLASSES = ("classes", "sections")
_BY_SUPPORT = frozenset(
    {"fetch_secret", "fetch_tenant", "fetch_refused_address", "fetch_foreign_address", "fetch_no_source"}
)
_BY_NOBODY = frozenset({"fetch_busy", "fetch_unreachable", "fetch_stopped"})
"""What may pass by itself until the next fetch."""
_AMONG = 25
"""The newest imports among which the one that a fetch led to is looked for."""
_IMPORT_BEGINS_WITHIN = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class SourceShown:
    """A district's source as its people read it."""

    title: str
    host: str
    state: SourceState
    is_at_work: bool
    is_asked: bool
    """Whether a fetch was asked for that has not begun."""
    refused: str
    """Why nobody may fetch now, as a code; empty where somebody may."""

    @property
    def is_in_trouble(self) -> bool:
        return self.state.status == "failed" and not self.is_at_work

    @property
    def who_mends(self) -> WhoMends:
        if self.state.code in _BY_SUPPORT:
            return "support"
        return "nobody" if self.state.code in _BY_NOBODY else "source"

    @property
    def people(self) -> int:
        return self._rows(*_PEOPLE)

    @property
    def classes(self) -> int:
        return self._rows(*_CLASSES)

    @property
    def expected_rows(self) -> int:
        """How many rows the last whole fetch had; 0 before there was one."""
        return sum((self.state.counts or {}).values())

    def _rows(self, *collections: str) -> int:
        return sum((self.state.counts or {}).get(name, 0) for name in collections)


def source_of(services: Services, access: Access, state: SourceState | None = None) -> SourceShown | None:
    """The source of somebody's district, read here or before; None where it has none, or where they have not the whole district."""
    if not access.is_whole:
        return None
    state = state or services.fetches.state(access.district_id)
    if not state.body:
        return None
    source, now = source_taken(state.body), services.clock()
    is_at_work = state.status == "fetching" and services.fetches.is_at_work(access.district_id, now)
    is_asked = state.waits_to_begin(now)
    return SourceShown(
        TITLES[source.kind],
        urlsplit(source.base_url).hostname or "",
        state,
        is_at_work,
        is_asked and not is_at_work,
        _why_not(services, access, source, is_at_work=is_at_work, is_asked=is_asked),
    )


def _why_not(services: Services, access: Access, source: Source, *, is_at_work: bool, is_asked: bool) -> str:
    district = access.district
    tenants = {"clever": district.clever_district_id, "classlink": district.classlink_tenant_id}
    if is_at_work or is_asked:
        return "at_work" if is_at_work else "asked"
    if not tenants.get(source.kind, source.kind):
        return "no_tenant"
    return "paused" if district.pause_on(services.clock().astimezone(district.zone).date()) else ""


class SourcePage:
    """For who has the whole district."""

    def __init__(self, services: Services, contexts: RequestContexts) -> None:
        self._services = services
        self._access = ConsoleAccess(services, contexts)

    def show(self, request: Request, district_id: str) -> Reply:
        access = self._access.of_whole(request, district_id)
        return self._page(access) if isinstance(access, Access) else access

    def fetch(self, request: Request, district_id: str) -> Reply:
        """Fetch everything now, as an object under ``fetches/`` does."""
        access = self._access.of_whole(request, district_id)
        if not isinstance(access, Access):
            return access
        self._services.rate_limiter.hit(limits.FETCH, district_id)
        source = source_of(self._services, access)
        problem = source.refused if source else "no_source"
        if source and not problem and not self._ask(access, source.state):
            problem = "asked"
        return self._page(access, problem=problem) if problem else see_other(f"/console/{access.district_id}/source")

    def _ask(self, access: Access, before: SourceState) -> bool:
        now, entry_id = self._services.clock(), self._services.new_id()
        noted = trail_item(
            access.district_id, to_iso(now), entry_id, action="fetch", by=access.by, reason="Asked for on the console"
        )
        if not self._services.fetches.ask(access.district_id, before, now, Put(noted)):
            return False
        self._services.fetch_requests.put(access.district_id, f"console-{entry_id}")
        return True

    def _page(self, access: Access, *, problem: str = "") -> Reply:
        district, source = access.district, source_of(self._services, access)
        led_to = self._led_to(access, source.state) if source else None
        failed = self._report_of(access, source)
        begins = bool(source and not led_to and self._is_about_to_be_read(source.state))
        reply = page(
            "console/source",
            status=409 if problem else 200,
            audience=district,
            district=district.name,
            access=access,
            tab="imports",
        )
        reply.values |= {
            "source": source,
            "led_to": led_to,
            "reason": (failed or {}).get("reason"),
            "said_in": (failed or {}).get("language") or "en",
            "is_read_soon": begins,
            "when": Moments(district.zone),
            "pause": district.pause_on(self._services.clock().astimezone(district.zone).date()),
            "retold": retold,
            "problem": problem,
        }
        if source and not problem and (source.is_at_work or source.is_asked or begins):
            reply.headers["Refresh"] = "5"
        return reply

    def _led_to(self, access: Access, state: SourceState) -> ImportRecord | None:
        """The import of the last whole fetch."""
        if not state.folder or state.status == "failed":
            return None
        fetched = f"rosters/{access.district_id}/{state.folder}/"
        records, _ = self._services.imports.newest(access.district_id, most=_AMONG)
        return next((each for each in records if each.upload_key.startswith(fetched)), None)

    def _report_of(self, access: Access, source: SourceShown | None) -> Mapping[str, Any] | None:
        """The report of a fetch that failed."""
        if source is None or not source.is_in_trouble:
            return None
        return self._services.reports.of(access.district_id, source.state.run_id)

    def _is_about_to_be_read(self, state: SourceState) -> bool:
        """Whether the files of a fetch that is over lie there, and their import has not ended yet."""
        if state.status != "completed" or not state.ended_at:
            return False
        return self._services.clock() - from_iso(state.ended_at) < _IMPORT_BEGINS_WITHIN
