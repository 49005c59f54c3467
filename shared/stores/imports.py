"""Starting imports: one Step Functions execution each, named after the import, so that none starts twice."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from shared.domain.errors import RefusedTransition
from shared.domain.report import Report, Status, Upload
from shared.stores.import_state import ImportStateStore
from shared.stores.keys import IMPORTS, Item, decision_key, district_pk, import_key, pair, snapshot_key
from shared.stores.reports import upload_attributes, upload_of
from shared.stores.table import DynamoTable, Put, Table, Update, without_none
from shared.stores.trail import trail_item

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


@dataclass(frozen=True, slots=True)
class TakenDecision:
    """What a person decided about an import."""

    action: str
    by: str
    reason: str
    at: str = ""
    """ISO 8601, UTC; empty of one that an earlier version noted."""


def _taken(item: Item) -> TakenDecision:
    return TakenDecision(item["action"], item["by"], item["reason"], str(item.get("at", "")))


@dataclass(frozen=True, slots=True)
class ImportRecord:
    """What became of an upload, as the list of imports shows it."""

    import_id: str
    status: Status
    preview: bool
    upload_key: str
    started_at: str
    finished_at: str
    reason: Mapping[str, str]
    users: Mapping[str, int]
    """The six counts of people; empty where an earlier version noted it, or nothing was read."""
    queued: int
    losses: Mapping[str, int]
    shown: str = ""
    """Of a preview: what it showed, as a digest."""

    @property
    def name(self) -> str:
        """The name under which it was uploaded."""
        return self.upload_key.rstrip("/").removesuffix("/_complete").rpartition("/")[2]


def _import_record_of(item: Item) -> ImportRecord:
    return ImportRecord(
        item["SK"].removeprefix(IMPORTS),
        Status(item["status"]),
        bool(item.get("preview")),
        upload_of(item).key,
        str(item.get("started_at", "")),
        str(item.get("finished_at", "")),
        item.get("reason") or {},
        {name: int(number) for name, number in (item.get("users") or {}).items()},
        int(item.get("queued") or 0),
        {role: int(number) for role, number in (item.get("losses") or {}).items()},
        str(item.get("shown", "")),
    )


class ImportHistory:
    """Reads what became of a district's uploads."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = Table(table)

    def newest(self, district_id: str, *, before: str = "", most: int = 25) -> tuple[list[ImportRecord], str]:
        """The newest imports and previews, or those before one, and the id of the last where there may be more: one read."""
        pk = district_pk(district_id)
        after = import_key(district_id, before) if before else None
        page = self._table.page(pk, IMPORTS, most=most, after=after, newest_first=True)
        return [_import_record_of(item) for item in page.items], page.last["SK"].removeprefix(
            IMPORTS
        ) if page.last else ""

    def of(self, district_id: str, import_id: str) -> tuple[ImportRecord | None, TakenDecision | None, str]:
        """An import, what was decided about it, and the id of the import that stands: one read."""
        keys = import_key(district_id, import_id), decision_key(district_id, import_id), snapshot_key(district_id)
        found = self._table.batch_get(keys)
        record, decision, standing = (found.get(pair(key)) for key in keys)
        return (
            _import_record_of(record) if record else None,
            _taken(decision) if decision else None,
            str(standing["import_id"]) if standing else "",
        )

    def standing(self, district_id: str) -> tuple[dict[str, int], str]:
        """How many people, classes and enrollments stand, and the district's day on which they were read; nothing before the
        first roster."""
        item = self._table.get(snapshot_key(district_id), consistent=False)
        return standing_of(item) if item else ({}, "")


def standing_of(snapshot: Item) -> tuple[dict[str, int], str]:
    """How many stand by the note of a snapshot, and the district's day on which they were read."""
    return {kind: int(number) for kind, number in snapshot["standing"].items()}, str(snapshot.get("on", ""))


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
        commit: str = "",
    ) -> None:
        """Start an import, what comes of a decision about it, or one whose pause is over. Starting it again does nothing.

        ``commit`` is the decision by which a preview is applied.
        """
        event = {
            "import_id": import_id,
            "district_id": district_id,
            **upload_attributes(upload),
            "preview": preview,
            "approved": approved,
            "roll_back": roll_back,
            **({"resumed": True} if resumed else {}),
            **({"commit": commit[-8:]} if commit else {}),
            "started_at": started_at,
        }
        again = (
            f"-commit-{commit[-8:]}"
            if commit
            else "-rolled-back"
            if roll_back
            else "-approved"
            if approved
            else "-resumed"
            if resumed
            else ""
        )
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
        return item is not None and item["status"] == Status.HELD and not item.get("preview")

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

    def check_shown(self, district_id: str, import_id: str) -> None:
        """Raises RefusedTransition ``not_a_preview`` when this is no preview that can be applied."""
        item = self._record(district_id, import_id)
        can_be_applied = item and item.get("preview") and item["status"] in (Status.COMPLETED, Status.HELD)
        if not can_be_applied:
            raise RefusedTransition("not_a_preview", "No preview of this id waits to be applied.")

    def _record(self, district_id: str, import_id: str) -> Item | None:
        return self._table.get(import_key(district_id, import_id))

    def decided(self, district_id: str, import_id: str) -> str | None:
        """The decision about this import that was noted, if one was."""
        item = self._table.get(decision_key(district_id, import_id))
        return str(item["decision_id"]) if item else None

    def note_decision(
        self, district_id: str, import_id: str, decision_id: str, body: dict[str, str], *, at: str
    ) -> None:
        """Note a decision before it is carried out, and in the district's trail: when it comes again, it is the same one."""
        noted = {**decision_key(district_id, import_id), "decision_id": decision_id, **body, "at": at}
        entry = trail_item(district_id, at, decision_id, import_id=import_id, **body)
        self._table.write(Put(noted), Put(entry))

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
    losses: Mapping[str, int] = field(default_factory=dict)
    """Whom it would remove, by role."""


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
            {role: int(number) for role, number in (item.get("losses") or {}).items()},
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
            "users": asdict(report.users) if report.users.read or report.users.removed else None,
            "queued": report.activations.get("queued") or None,
            "losses": report.losses,
            **upload_attributes(report.upload),
        }
    )
