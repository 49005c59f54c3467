"""The working files of a fetch: how far it is, and the rows of each page, without what was dropped at the door."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from functions.roster_fetch.fetch import Progress
from shared.domain.paging import Pull
from shared.hubs.roster_api import Row
from shared.stores.import_files import ImportFiles, work_key

_ROWS = msgspec.json.Decoder(list[Row])
_PROGRESS = msgspec.json.Decoder(Progress)


class FetchFiles:
    """Files of one fetch. What was never written reads as nothing."""

    def __init__(self, files: ImportFiles, district_id: str, run_id: str) -> None:
        self._files = files
        self._district_id = district_id
        self._run_id = run_id

    def _key(self, name: str) -> str:
        return work_key(self._district_id, self._run_id, name)

    def _page_key(self, pull: Pull, page: int) -> str:
        return self._key(f"fetched-{pull.collection}-{pull.tries}-{page}")

    def put_page(self, pull: Pull, rows: Sequence[Row]) -> None:
        """Keep the rows of the page that was taken last."""
        self._files.write(self._page_key(pull, pull.pages), msgspec.json.encode(rows))

    def rows(self, pull: Pull) -> Iterator[Row]:
        """The rows of a collection, page by page."""
        for page in range(1, pull.pages + 1):
            yield from _ROWS.decode(self._files.read(self._page_key(pull, page)))

    def put_progress(self, progress: Progress) -> None:
        self._files.write(self._key("progress"), msgspec.json.encode(progress))

    def progress(self) -> Progress | None:
        body = self._files.read(self._key("progress"))
        return _PROGRESS.decode(body) if body else None
