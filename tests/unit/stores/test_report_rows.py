"""Of a state that has new numbers a report lists each person, and is not held in memory for it (B8)."""

from __future__ import annotations

import csv
import tracemalloc
from collections.abc import Iterator
from unittest import mock

from shared.domain.report import Report, Status
from shared.stores.reports import ID_COLUMNS, ReportStore
from tests.fakes.aws import MemoryS3
from tests.fakes.dynamodb import MemoryTable

_KEY = ("reports", "reports/lakeside/i/id-changes.csv")


def changes(number: int) -> Iterator[tuple[str, ...]]:
    return (("student", f"=old-{n:08}", f"ñew-{n:08}", "id_map.csv") for n in range(number))


def written(number: int) -> tuple[MemoryS3, int]:
    """What was put, and the most memory meanwhile, in bytes."""
    s3 = MemoryS3()
    store = ReportStore(MemoryTable(), s3, "reports", "")
    report = mock.Mock(
        Report,
        district_id="lakeside",
        import_id="i",
        rejects=[],
        status=Status.REJECTED,
        to_json=lambda _web_url: {},
    )
    with mock.patch.object(store, "_point_latest_at"):
        tracemalloc.start()
        store.write(report, id_changes=changes(number))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return s3, peak


def test_rows_of_new_numbers_are_a_spreadsheets_with_formulas_made_harmless() -> None:
    body = written(2)[0].objects[_KEY]
    assert body.startswith(b"\xef\xbb\xbfkind,")
    assert body.count(b"\xef\xbb\xbf") == 1
    rows = list(csv.reader(body.decode("utf-8-sig").splitlines()))
    assert rows[0] == list(ID_COLUMNS)
    assert rows[2] == ["student", "'=old-00000001", "ñew-00000001", "id_map.csv"]


def test_very_many_of_them_are_not_held() -> None:
    """But for the body itself, which the simulated bucket keeps."""
    s3, peak = written(10_000)
    assert peak < 1.5 * len(s3.objects[_KEY]) + 300_000


def test_without_any_there_is_no_such_file() -> None:
    assert _KEY not in written(0)[0].objects
