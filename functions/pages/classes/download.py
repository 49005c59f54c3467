"""Class data to take along (B4): asked for here, made by a worker, fetched from where it lies."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from functions.pages import limits
from functions.pages.dependencies import Services
from functions.pages.http import Reply, Request, page, see_other
from functions.pages.request_context import RequestContexts
from shared.domain.clock import from_iso, to_iso
from shared.stores.class_exports import ClassNamed, Export
from shared.stores.keys import is_an_id

_LOOKED_AT_FOR = timedelta(minutes=10)
"""How long a page looks again by itself whether a file is made."""


class DownloadPages:
    """A page that shows an export looks again by itself until it is made, and then begins to fetch it: by the header
    ``Refresh``, which needs no JavaScript."""

    def __init__(self, services: Services, contexts: RequestContexts) -> None:
        self._services = services
        self._contexts = contexts

    def ask(self, request: Request, account_id: str, classes: Iterable[ClassNamed]) -> str:
        """Have the data of these classes gathered; answers the id of the export. Raises Throttled."""
        self._services.rate_limiter.hit(limits.DOWNLOAD, account_id)
        now = self._services.clock()
        wanted = tuple(dict.fromkeys(classes))
        export = Export(account_id, self._services.new_id(), wanted, request.language(), to_iso(now))
        self._services.exports.ask(export, now)
        self._services.export_queue.request(export)
        return export.export_id

    def asked_for(self, request: Request, account_id: str) -> Export | None:
        """The export that a page's address names, if it is this account's."""
        export_id = request.query.get("download", "")
        return (
            self._services.exports.get(account_id, export_id, self._services.clock()) if is_an_id(export_id) else None
        )

    def page(self, template: str, export: Export | None, **values: Any) -> Reply:
        """A page that tells how an export stands."""
        reply = page(template, export=export, **values)
        if export and export.made_at and not export.fetched_at:
            reply.headers["Refresh"] = f"0; url={_file_address(export)}"
        elif export and _is_being_made(export) and self._services.clock() < from_iso(export.asked_at) + _LOOKED_AT_FOR:
            reply.headers["Refresh"] = "2"
        return reply

    def fetch(self, request: Request, export_id: str) -> Reply:
        """Its classes are ticked off, and the browser is sent to the file."""
        account = self._contexts.of(request).account
        if account is None:
            return see_other("/login")
        now = self._services.clock()
        export = self._services.exports.get(account.account_id, export_id, now) if is_an_id(export_id) else None
        if export is None or not export.made_at:
            return page("sorry", status=404, code="not_found", retry_after=None)
        self._services.exports.fetched(export, now)
        return see_other(self._services.export_files.address(export))


def _is_being_made(export: Export) -> bool:
    return not export.made_at and not export.failed_at


def _file_address(export: Export) -> str:
    return f"/downloads/{export.export_id}"
