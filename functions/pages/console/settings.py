"""The console's settings: what district.json says, in words and to read; and the district's trail as a file (B7)."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from functions.pages.console.access import Access, ConsoleAccess
from functions.pages.console.moments import Moments
from functions.pages.dependencies import Services
from functions.pages.http import Reply, Request, page
from functions.pages.request_context import RequestContexts
from shared.domain.trail_seal import EntryKey
from shared.runtime.csv_safety import safe_cell
from shared.stores.keys import district_pk
from shared.stores.trail import TrailEntry

_COLUMNS = ("at", "action", "by", "reason", "import_id", "person")


class SettingsPage:
    """Nothing is changed here: the platform's operators write the file."""

    def __init__(self, services: Services, contexts: RequestContexts) -> None:
        self._services = services
        self._access = ConsoleAccess(services, contexts)

    def show(self, request: Request, district_id: str) -> Reply:
        access = self._access.of(request, district_id)
        if not isinstance(access, Access):
            return access
        district = access.district
        entries, more = self._services.trail.newest(district_id) if access.is_whole else ([], "")
        reply = page("console/settings", audience=district, district=district.name, access=access, tab="settings")
        today = self._services.clock().astimezone(district.zone).date()
        reply.values |= {
            "settings": district,
            "when": Moments(district.zone),
            "today": today,
            "pause": district.pause_on(today),
            "entries": entries,
            "more": bool(more),
        }
        return reply

    def trail(self, request: Request, district_id: str) -> Reply:
        """Everything that was done, by whom and why, as a spreadsheet reads it right."""
        access = self._access.of_whole(request, district_id)
        if not isinstance(access, Access):
            return access
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow((*_COLUMNS, "sealed"))
        digests, sealed = self._services.sheets.sealed_digests(district_id, district_pk(district_id))
        for entry in self._services.trail.all(district_id):
            is_sealed = _is_sealed(entry, digests, sealed)
            writer.writerow([*(safe_cell(str(getattr(entry, name))) for name in _COLUMNS), is_sealed])
        reply = Reply(body="\ufeff" + text.getvalue(), content_type="text/csv; charset=utf-8")
        reply.headers["Content-Disposition"] = f'attachment; filename="{access.district_id}-trail.csv"'
        return reply


def _is_sealed(entry: TrailEntry, digests: Mapping[EntryKey, AbstractSet[str]], sealed: AbstractSet[EntryKey]) -> str:
    """``no`` is what the stream did not bring: it is new, or older than the seals; ``make verify-audit`` looks closer."""
    said = digests.get(entry.key)
    if not said:
        return "no"
    if said != {entry.digest}:
        return "changed"
    return "yes" if entry.key in sealed else "not yet"
