"""The fire drill on a stack: what a district's newest preview, or a roster that is given, will come to (B14)."""

from __future__ import annotations

import io
import sys
import time
import zipfile
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from operations.arguments import filled
from operations.forecast_table import tell
from operations.stack import Stack
from shared.domain.forecast import forecast
from shared.domain.forecast_tally import Found
from shared.domain.report import Status
from shared.mail.send_slots import account_limits
from shared.stores.districts import DistrictStore
from shared.stores.imports import ImportHistory, ImportRecord
from shared.stores.reports import ReportStore

SECONDS = 600
"""How long the report of a preview is waited for."""
_PAUSE = 2
_SHOWN = (Status.COMPLETED, Status.HELD, Status.PAUSED)


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--district", required=True, type=filled, metavar="DISTRICT_ID", help="the district's id")
    parser.add_argument(
        "--roster",
        type=Path,
        metavar="PATH",
        help="a zip, or a folder of CSV files, to be previewed first; without it the newest upload is foretold",
    )


def run(stack: Stack, arguments: Namespace, sleep: Callable[[float], None] = time.sleep) -> int:
    """Print the forecast; nothing of it happens. Return 1 where there is none."""
    table = stack.table()
    reports = ReportStore(table, stack.s3(), stack.outputs["ReportBucketName"], stack.outputs.get("WebUrl", ""))
    history = ImportHistory(table)
    if arguments.roster:
        key = _preview(stack, arguments.district, arguments.roster)
        found = _wait(history, reports, arguments.district, key, sleep)
    else:
        records, _ = history.newest(arguments.district)
        found = _newest(reports, arguments.district, records)
    if found is None:
        sys.stderr.write("There is no forecast: no preview, and no roster whose mails wait. Give one: ROSTER=path.\n")
        return 1
    district = DistrictStore(table).get(arguments.district)
    limits = account_limits(stack.client("sesv2"))
    tell(forecast(found, district, limits, datetime.now(UTC)), district)
    return 0


def packed(path: Path) -> bytes:
    """A roster as a zip: the file itself, or the CSV files of a folder."""
    if path.is_file():
        return path.read_bytes()
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        for each in sorted(path.glob("*.csv")):
            archive.write(each, each.name)
    return body.getvalue()


def _preview(stack: Stack, district_id: str, path: Path) -> str:
    """Put a roster where it is only looked at. Return its key."""
    key = f"previews/{district_id}/drill-{datetime.now(UTC):%Y%m%dT%H%M%S%f}.zip"
    stack.s3().put_object(Bucket=stack.outputs["RosterBucketName"], Key=key, Body=packed(path))
    return key


def _wait(
    history: ImportHistory, reports: ReportStore, district_id: str, key: str, sleep: Callable[[float], None]
) -> Found | None:
    for _ in range(SECONDS // _PAUSE):
        records, _more = history.newest(district_id)
        if record := next((each for each in records if each.upload_key == key), None):
            if record.status not in _SHOWN:
                sys.stderr.write(f"The roster was {record.status}: {record.reason.get('message', '')}\n")
            return _newest(reports, district_id, [record])
        sleep(_PAUSE)
    return None


def _newest(reports: ReportStore, district_id: str, records: list[ImportRecord]) -> Found | None:
    known = (each for each in records if each.status in _SHOWN)
    return next((found for each in known if (found := reports.forecast(district_id, each.import_id))), None)
