"""Starting imports: one Step Functions execution each, named after the import, so that none starts twice."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from shared.domain.errors import RefusedTransition
from shared.domain.report import Report, Status, Upload
from shared.stores.import_state import ImportStateStore
from shared.stores.keys import Item, decision_key, import_key, snapshot_key
from shared.stores.reports import upload_attributes, upload_of
from shared.stores.table import DynamoTable, Put, Table, Update, without_none

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


class ImportStarter:
    """Starts the Import state machine, and knows which imports wait for a person."""

    def __init__(self, states: SFNClient, table: DynamoTable, state_machine_arn: str) -> None:
        self._states = states
        self._table = Table(table)
        self._arn = state_machine_arn
        self._state = ImportStateStore(table)

    def start(
        self,
        import_id: str,
        district_id: str,
        upload: Upload,
        *,
        preview: bool,
        started_at: str,
        approved: bool = False,
        roll_back: bool = False,
        resumed: bool = False,
    ) -> None:
        """Start an import, what comes of a decision about it, or one whose pause is over. Starting it again does nothing."""
        event = {
            "import_id": import_id,
            "district_id": district_id,
            **upload_attributes(upload),
            "preview": preview,
            "approved": approved,
            "roll_back": roll_back,
            **({"resumed": True} if resumed else {}),
            "started_at": started_at,
        }
        again = "-rolled-back" if roll_back else "-approved" if approved else "-resumed" if resumed else ""
        try:
            self._states.start_execution(
                stateMachineArn=self._arn,
                name=f"{import_id}{again}",
                input=json.dumps({"import": event}),
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
                raise

    def upload(self, district_id: str, import_id: str) -> Upload:
        """The upload that an import is of. Raises RefusedTransition ``unknown_import``."""
        item = self._record(district_id, import_id)
        if item is None:
            raise RefusedTransition("unknown_import", "No import of this id is known.")
        return upload_of(item)

    def status(self, district_id: str, import_id: str) -> Status | None:
        """How an import stands; None where nothing is known of it."""
        item = self._record(district_id, import_id)
        return Status(item["status"]) if item else None

    def is_held(self, district_id: str, import_id: str) -> bool:
        item = self._record(district_id, import_id)
        return item is not None and item["status"] == Status.HELD

    def waits_for_a_person(self, district_id: str, upload: Upload) -> bool:
        """Whether an import has to be decided before a delta that is this upload is applied."""
        return self._state.held_before(district_id, upload) is not None

    def check_held(self, district_id: str, import_id: str) -> None:
        """Raises RefusedTransition ``not_held`` when this import does not wait for a person."""
        if not self.is_held(district_id, import_id):
            raise RefusedTransition("not_held", "No import of this id waits for a decision.")

    def check_applied(self, district_id: str, import_id: str) -> None:
        """Raises RefusedTransition ``not_the_latest`` when this import is not the one that was applied last."""
        standing = self._table.get(snapshot_key(district_id))
        item = self._record(district_id, import_id)
        if not standing or not item or standing["import_id"] != import_id or item["status"] != Status.COMPLETED:
            raise RefusedTransition(
                "not_the_latest", "Only the import that was applied last can be rolled back, and only once."
            )

    def _record(self, district_id: str, import_id: str) -> Item | None:
        return self._table.get(import_key(district_id, import_id))

    def decided(self, district_id: str, import_id: str) -> str | None:
        """The decision about this import that was noted, if one was."""
        item = self._table.get(decision_key(district_id, import_id))
        return str(item["decision_id"]) if item else None

    def note_decision(self, district_id: str, import_id: str, decision_id: str, body: dict[str, str]) -> None:
        """Note a decision before it is carried out: when S3 sends its event again, it is the same one."""
        self._table.write(Put({**decision_key(district_id, import_id), "decision_id": decision_id, **body}))

    def note_status(self, district_id: str, import_id: str, status: Status) -> None:
        self._table.write(Update(import_key(district_id, import_id)).set(status=status.value))


@dataclass(frozen=True, slots=True)
class HeldImport:
    """What a notice says of an import; ``notified`` are hashes of the contacts who were mailed."""

    status: Status
    upload_key: str
    message: str
    notified: frozenset[str]
    code: str = ""
    """Why it waits, as a report's code."""


class ImportNotices:
    """Who was mailed about an import that waits for a person."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = Table(table)

    def of(self, district_id: str, import_id: str) -> HeldImport | None:
        item = self._table.get(import_key(district_id, import_id))
        if not item:
            return None
        reason = item.get("reason") or {}
        notified = frozenset(item.get("told") or ())
        return HeldImport(
            Status(item["status"]),
            upload_of(item).key,
            str(reason.get("message", "")),
            notified,
            str(reason.get("code", "")),
        )

    def note_notified(self, district_id: str, import_id: str, contact_hash: str) -> None:
        self._table.write(Update(import_key(district_id, import_id)).add(told={contact_hash}))


def import_record(report: Report) -> Item:
    """An import as the console and a later decision need it; the whole report lies in S3."""
    return without_none(
        {
            **import_key(report.district_id, report.import_id),
            "status": report.status.value,
            "preview": report.preview,
            "reason": report.reason,
            "started_at": report.started_at,
            "finished_at": report.finished_at,
            **upload_attributes(report.upload),
        }
    )
