"""Reports in the report bucket; ``latest.json`` is the newest upload's and never goes back to an older one."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from botocore.exceptions import ClientError

from shared.domain.report import REJECTS_SHOWN, Reject, Report, Status, Upload, help_page, with_help
from shared.runtime.csv_safety import safe_cell
from shared.stores.keys import FEEDS, Item, latest_report_key
from shared.stores.table import DynamoTable, Put, Table
from shared.stores.uploads import GONE

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from shared.domain.forecast_tally import Found

MOST_REJECTS = 100_000
"""The most rows that rejects.csv lists; where there are more, it is one mistake in all of them."""
MOST_PEOPLE = 100_000
ID_COLUMNS = ("kind", "oldSourcedId", "newSourcedId", "because")
"""Of id-changes.csv: those of a map of old and new numbers, as which it can be corrected and uploaded."""
_FORECAST = "forecast.json"
_ADDRESS_WORKS = 300
"""Seconds."""
_LONGEST_ROW = 400
"""Bytes of a row of people.csv that a page reads for each that it shows."""
PEOPLE_COLUMNS = ("what", "kind", "sourcedId", "role", "schools")
"""Of people.csv: how somebody is hurt, or, in a preview, ``created`` or ``changed``; the kind of the number; ids, and no names."""


class LineRejected(Protocol):
    """A line of the accounts feed that was left out."""

    line: int
    column: str | int | None
    code: str
    message: str


class ReportStore:
    """Writes reports, and keeps which upload is the newest of a district.

    ``web_url`` is the origin of the pages, one of which explains each code of an upload; empty where it is not known.
    """

    def __init__(self, table: DynamoTable, s3: S3Client, bucket: str, web_url: str) -> None:
        self._table = Table(table)
        self._s3 = s3
        self._bucket = bucket
        self._web_url = web_url

    def write(
        self,
        report: Report,
        all_rejects: Iterable[Reject] = (),
        id_changes: Iterable[tuple[str, ...]] = (),
        hurt: Iterable[tuple[str, ...]] = (),
    ) -> None:
        """The report, ``rejects.csv``, ``id-changes.csv`` and ``people.csv`` where there are any, and the latest pointer.
        May be run again.

        ``id_changes`` are (kind, old number, new number, what says so); ``hurt`` are whom a held import would hurt, as
        ``PEOPLE_COLUMNS`` name them.
        """
        folder = f"reports/{report.district_id}/{report.import_id}"
        rejects = list(islice(all_rejects, MOST_REJECTS)) or report.rejects
        if rejects:
            report.rejects = rejects[:REJECTS_SHOWN]
            report.rejects_key = f"{folder}/rejects.csv"
            self._put(report.rejects_key, rejects_csv(rejects, self._web_url), "text/csv; charset=utf-8")
        changes = iter(id_changes)
        if (change := next(changes, None)) is not None:
            report.id_changes_key = f"{folder}/id-changes.csv"
            self._put_rows(report.id_changes_key, chain([ID_COLUMNS, change], changes))
        if people := list(islice(hurt, MOST_PEOPLE)):
            report.people_key = f"{folder}/people.csv"
            self._put(report.people_key, _csv([PEOPLE_COLUMNS, *people]), "text/csv; charset=utf-8")
        self._put_json(f"{folder}/report.json", report.to_json(self._web_url))
        self._point_latest_at(report)

    def write_settings(self, report: Report) -> None:
        """Write the answer to a settings or decision file; the latest report of an upload stays. May be run again."""
        key = f"reports/{report.district_id}/_settings/{report.import_id}/report.json"
        self._put_json(key, report.to_json(self._web_url))

    def amend(self, district_id: str, import_id: str, status: Status, reason: Mapping[str, Any]) -> None:
        """Change the status and reason in a report, after a person decided."""
        key = f"reports/{district_id}/{import_id}/report.json"
        body = json.loads(self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read())
        self._put_json(key, {**body, "status": status.value, "reason": with_help(reason, self._web_url)})
        latest = self._table.get(latest_report_key(district_id))
        if latest and latest["import_id"] == import_id:
            self._copy_latest(district_id, import_id)

    def latest(self, district_id: str) -> dict[str, Any] | None:
        """The report of the district's newest upload, as its JSON says it; None before the first."""
        return self._json(f"reports/{district_id}/latest.json")

    def _json(self, key: str) -> dict[str, Any] | None:
        try:
            found = self._s3.get_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] in GONE:
                return None
            raise
        body: dict[str, Any] = json.loads(found["Body"].read())
        return body

    def of(self, district_id: str, import_id: str) -> dict[str, Any] | None:
        """The report of an import or a preview, as its JSON says it; None where there is none."""
        return self._json(f"{_folder(district_id, import_id)}/report.json")

    def write_forecast(self, district_id: str, found: Found) -> None:
        """Keep what a roster was found to come to. May be run again."""
        self._put_json(f"{_folder(district_id, found.import_id)}/{_FORECAST}", found.to_json())

    def forecast(self, district_id: str, import_id: str) -> Found | None:
        """What a preview, or a roster whose mails wait, was found to come to; None where nothing is kept of it."""
        from shared.domain.forecast_tally import Found  # few reports are looked at for it

        body = self._json(f"{_folder(district_id, import_id)}/{_FORECAST}")
        return Found.of_json(body) if body else None

    def people(self, district_id: str, import_id: str, most: int) -> list[dict[str, str]]:
        """The first rows of ``people.csv``: whom an import would hurt, then, of a preview, who else is new or changes."""
        return self._rows(f"{_folder(district_id, import_id)}/people.csv", most)

    def id_changes(self, district_id: str, import_id: str, most: int) -> list[dict[str, str]]:
        """The first rows of ``id-changes.csv``: numbers before and after."""
        return self._rows(f"{_folder(district_id, import_id)}/id-changes.csv", most)

    def _rows(self, key: str, most: int) -> list[dict[str, str]]:
        try:
            body = self._s3.get_object(Bucket=self._bucket, Key=key, Range=f"bytes=0-{most * _LONGEST_ROW}")[
                "Body"
            ].read()
        except ClientError as error:
            if error.response["Error"]["Code"] in GONE:
                return []
            raise
        lines = body.decode("utf-8-sig", "ignore").splitlines()
        rows = csv.DictReader(lines[: most + 1])
        return [row for row in rows if None not in row.values()]

    def address(self, district_id: str, import_id: str, name: str) -> str:
        """Where a file of a report can be fetched by whoever has the address, for a few minutes."""
        params = {"Bucket": self._bucket, "Key": f"{_folder(district_id, import_id)}/{name}"}
        return str(self._s3.generate_presigned_url("get_object", Params=params, ExpiresIn=_ADDRESS_WORKS))

    def write_accounts(self, name: str, body: dict[str, Any], all_rejects: Iterable[LineRejected]) -> None:
        """The report on a file of the accounts feed. May be run again."""
        self.write_lines(FEEDS, name, body, all_rejects)

    def write_lines(self, kind: str, name: str, body: dict[str, Any], all_rejects: Iterable[LineRejected]) -> None:
        """The report on a file with an object a line, and ``rejects.csv`` where there are any. May be run again.

        ``kind`` is ``FEEDS`` or ``SKILLS``.

        It is in English, for no district's language is the platform's; ``help`` leads to the words of each code in any language.
        """
        folder = f"reports/{kind}/{name}"
        rejects = list(islice(all_rejects, MOST_REJECTS))
        pages = {code: help_page(code, self._web_url) for code in {reject.code for reject in rejects}}
        shown = [
            {"line": r.line, "column": r.column, "code": r.code, "message": r.message, "help": pages[r.code]}
            for r in rejects[:REJECTS_SHOWN]
        ]
        body["notes"] = [with_help(note, self._web_url) for note in body["notes"]]
        if "reason" in body:
            body["reason"] = with_help(body["reason"], self._web_url)
        body["rejects"] = shown
        if rejects:
            body["rejects_key"] = f"{folder}/rejects.csv"
            rows = ((r.line, r.column, r.code, r.message, pages[r.code]) for r in rejects)
            table = _csv(chain([("line", "column", "code", "message", "help")], rows))
            self._put(body["rejects_key"], table, "text/csv; charset=utf-8")
        self._put_json(f"{folder}/report.json", body)

    def write_accounts_progress(self, name: str, body: dict[str, Any]) -> None:
        """How far the file of this name is, beside the report of the one before."""
        self._put_json(f"reports/{FEEDS}/{name}/progress.json", body)

    def _point_latest_at(self, report: Report) -> None:
        self._copy_latest(report.district_id, self._note_latest(report), preview=report.preview)

    def _copy_latest(self, district_id: str, latest: str, *, preview: bool = False) -> None:
        """Copy the latest report to its place, until no other one has become the latest meanwhile."""
        name = "latest-preview" if preview else "latest"
        while True:
            key = f"reports/{district_id}/{latest}/report.json"
            body = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
            self._put(f"reports/{district_id}/{name}.json", body, "application/json")
            noted = self._table.get(latest_report_key(district_id, preview=preview))
            if noted is None or noted["import_id"] == latest:
                return
            latest = str(noted["import_id"])

    def _note_latest(self, report: Report) -> str:
        """Which import's report is the latest, this one taken into account."""
        key = latest_report_key(report.district_id, preview=report.preview)
        while True:
            item = self._table.get(key)
            if item and upload_of(item).is_newer_than(report.upload):
                return str(item["import_id"])
            version = int(item["version"]) if item else 0
            latest = {
                **key,
                "import_id": report.import_id,
                "version": version + 1,
                **upload_attributes(report.upload),
            }
            is_unchanged = "attribute_not_exists(PK) OR version = :version"
            if self._table.attempt(Put(latest).when(is_unchanged, version=version)):
                return report.import_id

    def _put_json(self, key: str, body: dict[str, Any]) -> None:
        self._put(key, json.dumps(body, ensure_ascii=False, indent=1).encode(), "application/json")

    def _put(self, key: str, body: bytes, content_type: str) -> None:
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=body, ContentType=content_type)

    def _put_rows(self, key: str, rows: Iterable[tuple[str, ...]]) -> None:
        """As ``_put`` of ``_csv``, by way of a file: of a state that has new numbers a row for each person."""
        from tempfile import TemporaryFile  # few reports have such rows

        with TemporaryFile() as file:
            text = io.TextIOWrapper(file, "utf-8-sig", newline="")
            _write_csv(text, rows)
            text.detach()
            file.seek(0)
            self._s3.put_object(Bucket=self._bucket, Key=key, Body=file, ContentType="text/csv; charset=utf-8")


def _folder(district_id: str, import_id: str) -> str:
    return f"reports/{district_id}/{import_id}"


def rejects_csv(rejects: Iterable[Reject], web_url: str) -> bytes:
    """The rejects as a spreadsheet reads them right. ``web_url``: see ``help_page``."""
    head = ("file", "line", "column", "code", "message", "value", "help")
    rows = ((r.file, r.line, r.column, r.code, r.message, r.value, help_page(r.code, web_url)) for r in rejects)
    return _csv(chain([head], rows))


def _csv(rows: Iterable[Iterable[str | int | None]]) -> bytes:
    """UTF-8 with a BOM, so that spreadsheets read it right, and with formulas made harmless (ASVS 1.2.10)."""
    text = io.StringIO()
    _write_csv(text, rows)
    return text.getvalue().encode("utf-8-sig")


def _write_csv(text: TextIO, rows: Iterable[Iterable[str | int | None]]) -> None:
    writer = csv.writer(text)
    for row in rows:
        writer.writerow([safe_cell(value) for value in row])


def upload_attributes(upload: Upload) -> Item:
    """An upload as attributes of an item."""
    return {"upload": {k: v for k, v in _upload_dict(upload).items() if v is not None}}


def upload_of(item: Item) -> Upload:
    return Upload(**item["upload"])


def _upload_dict(upload: Upload) -> dict[str, str | None]:
    return {
        "key": upload.key,
        "etag": upload.etag,
        "event_time": upload.event_time,
        "sequencer": upload.sequencer,
        "version_id": upload.version_id,
    }
