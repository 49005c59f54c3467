"""Downloads of class data (B4): requested here, made by a worker, fetched from S3."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from functions.pages import limits
from functions.pages.dependencies import Services
from functions.pages.http import Reply, Request, not_found, see_other
from functions.pages.request_context import RequestContexts
from shared.domain.clock import from_iso, to_iso
from shared.stores.class_exports import ClassExport, ExportedClass
from shared.stores.keys import is_an_id

_REFRESHED_FOR = timedelta(minutes=10)
"""How long a page looks again by itself whether a file is made."""


class DownloadPages:
    """A page that shows an export looks again by itself until it is made, and then begins to fetch it: by the header
    ``Refresh``, which needs no JavaScript."""

    def __init__(self, services: Services, contexts: RequestContexts) -> None:
        self._services = services
        self._contexts = contexts
        self._contents = services.contents()

    def request_export(self, request: Request, account_id: str, classes: Iterable[ExportedClass]) -> str:
        """Have the data of these classes gathered. Return the id of the export. Raises Throttled."""
        self._services.rate_limiter.hit(limits.DOWNLOAD, account_id)
        now = self._services.clock()
        wanted = tuple(dict.fromkeys(classes))
        export = ClassExport(account_id, self._services.new_id(), wanted, request.language(), to_iso(now))
        self._services.exports.ask(export, now)
        self._services.export_queue.request(export)
        return export.export_id

    def export_named(self, request: Request, account_id: str) -> ClassExport | None:
        """The export that a page's address names, if it is this account's."""
        return self._export(account_id, request.query.get("download", ""))

    def refresh(self, reply: Reply, export: ClassExport | None) -> Reply:
        """The page that shows how this export stands: it looks again, or fetches the file once that is made."""
        if export and export.made_at and not export.fetched_at:
            reply.headers["Refresh"] = f"0; url={_file_address(export)}"
        elif export and self._is_being_made(export):
            reply.headers["Refresh"] = "2"
        return reply

    def fetch(self, request: Request, export_id: str) -> Reply:
        """Its classes are ticked off, and the browser is sent to the file.

        Only while each of them is still the account's to take: what was made for a link ends with it.
        """
        account = self._contexts.of(request).account
        if account is None:
            return self._contexts.to_login(request)
        export = self._export(account.account_id, export_id)
        now = self._services.clock()
        if export is None or not export.made_at:
            return not_found()
        if not self._contents.teaches_all(account.account_id, export.classes, now.date()):
            return not_found()
        self._services.exports.fetched(export, now)
        return see_other(self._services.export_files.address(export))

    def _export(self, account_id: str, export_id: str) -> ClassExport | None:
        if not is_an_id(export_id):
            return None
        return self._services.exports.get(account_id, export_id, self._services.clock())

    def _is_being_made(self, export: ClassExport) -> bool:
        is_recent = self._services.clock() < from_iso(export.asked_at) + _REFRESHED_FOR
        return not export.made_at and not export.failed_at and is_recent


def _file_address(export: ClassExport) -> str:
    return f"/downloads/{export.export_id}"
