"""When classes end, by a file's date columns. A date that can be read in two ways is noted and not used."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import chain

from functions.import_step.csv_table import Table
from functions.import_step.formats.dates import is_ambiguous, read_date, settle
from functions.import_step.formats.format import Sink
from shared.domain.report import Note

_MOST_KNOWN = 10_000
"""Dates that are kept as they were read; a school has far fewer."""


class Ends:
    """Reads the dates of a table's columns in the order that all of them together allow."""

    def __init__(self, table: Table, columns: Sequence[str], sink: Sink, *, is_exclusive: bool = False) -> None:
        """``is_exclusive``: the date itself is the day after the last one (OneRoster)."""
        present = [column for column in columns if table.has(column)]
        batches = table.whole().batches(present) if present else ()
        self._order = settle(chain.from_iterable(set(chain(*cells)) for _, cells in batches))
        self._file = table.shown
        self._sink = sink
        self._after_last = timedelta(days=0 if is_exclusive else 1)
        self._known: dict[str, str | None] = {"": None}

    def after(self, text: str) -> str | None:
        """Return the day after the last one, as YYYY-MM-DD; None when the text is no date."""
        if text not in self._known:
            if len(self._known) >= _MOST_KNOWN:
                self._known = {"": None}
            self._known[text] = self._read(text)
        elif text and self._known[text] is None:
            self._note(text)
        return self._known[text]

    def _read(self, text: str) -> str | None:
        day = read_date(text, self._order)
        if day is None:
            self._note(text)
            return None
        return (min(day, date.max - timedelta(days=1)) + self._after_last).isoformat()

    def _note(self, text: str) -> None:
        if is_ambiguous(text):
            code, message = (
                "ambiguous_date",
                "Dates that can be read in two ways were not used. Write them as YYYY-MM-DD.",
            )
        else:
            code, message = "no_date", "Values that are no dates were not used. Write dates as YYYY-MM-DD."
        self._sink.note(Note(code, message, self._file, 1))
