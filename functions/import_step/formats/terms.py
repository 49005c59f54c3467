"""When classes end, by a file's date columns. A date that can be read in two ways is noted and not used."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import chain

from functions.import_step.csv_table import Table
from functions.import_step.formats.dates import DateOrder, is_ambiguous, read_date, settle
from functions.import_step.formats.format import Sink
from shared.domain.report import Note

_MOST_KNOWN = 10_000
"""Dates that are kept as they were read; a school has far fewer."""


class Ends:
    """Reads the dates of a table's columns in the order that all of them together allow."""

    def __init__(
        self,
        table: Table,
        columns: Sequence[str],
        sink: Sink,
        *,
        is_exclusive: bool = False,
        otherwise: DateOrder = DateOrder.UNSETTLED,
    ) -> None:
        """``is_exclusive``: an end is the day after the last one (OneRoster). ``otherwise`` is the order of a format whose dates
        all are of one country, where the columns themselves settle none."""
        self._table = table
        self._columns = [column for column in columns if table.has(column)]
        self._sink = sink
        self._otherwise = otherwise
        self._order: DateOrder | None = None
        self._after_last = timedelta(days=0 if is_exclusive else 1)
        self._known: dict[str, date | None] = {"": None}

    def after(self, text: str, line: int, count: int = 1) -> str | None:
        """Return the day after the last one, as YYYY-MM-DD; None when the text is no date. ``count`` rows say the same, and
        ``line`` is the first of them."""
        day = self._day(text, line, count)
        return (min(day, date.max - timedelta(days=1)) + self._after_last).isoformat() if day else None

    def first(self, text: str, line: int) -> str | None:
        """Return the first day, as YYYY-MM-DD; None when the text is no date."""
        day = self._day(text, line, 1)
        return day.isoformat() if day else None

    def _day(self, text: str, line: int, count: int) -> date | None:
        if text not in self._known:
            if len(self._known) >= _MOST_KNOWN:
                self._known = {"": None}
            self._known[text] = read_date(text, self._settled() if is_ambiguous(text) else DateOrder.EITHER)
        day = self._known[text]
        if day is None and text:
            self._note(text, line, count)
        return day

    def _settled(self) -> DateOrder:
        """The order of the columns: they are read once more, where a date of theirs can be read in two ways."""
        if self._order is None:
            batches = self._table.whole().batches(self._columns) if self._columns else ()
            order = settle(chain.from_iterable(set(chain(*cells)) for _, cells in batches))
            self._order = self._otherwise if order is DateOrder.UNSETTLED else order
        return self._order

    def _note(self, text: str, line: int, count: int) -> None:
        if is_ambiguous(text):
            code, message = (
                "ambiguous_date",
                "Dates that can be read in two ways were not used. Write them as YYYY-MM-DD.",
            )
        else:
            code, message = "no_date", "Values that are no dates were not used. Write dates as YYYY-MM-DD."
        self._sink.note(Note(code, message, self._table.shown, count, line))
