"""Starting imports: one Step Functions execution each, named after the import, so that none starts twice."""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import ClientError

from shared.errors import RefusedTransition
from shared.report import Status, Upload
from shared.stores.reports import upload_attributes, upload_of
from shared.stores.table import district_pk


class ImportStarter:
    """Starts the Import state machine, and knows which imports wait for a person."""

    def __init__(self, states: Any, table: Any, state_machine_arn: str) -> None:
        self._states = states
        self._table = table
        self._arn = state_machine_arn

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
    ) -> None:
        """Start an import, or its roll-back. Starting it again does nothing."""
        one = {
            "import_id": import_id,
            "district_id": district_id,
            **upload_attributes(upload),
            "preview": preview,
            "approved": approved,
            "roll_back": roll_back,
            "started_at": started_at,
        }
        try:
            self._states.start_execution(
                stateMachineArn=self._arn,
                name=f"{import_id}-rolled-back" if roll_back else f"{import_id}-approved" if approved else import_id,
                input=json.dumps({"import": one}),
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
                raise

    def held(self, district_id: str, import_id: str) -> Upload:
        """The upload of an import that waits for a person. Raises RefusedTransition ``not_held``."""
        key = {"PK": district_pk(district_id), "SK": f"IMPORT#{import_id}"}
        item = self._table.get_item(Key=key, ConsistentRead=True).get("Item")
        if not item or item["status"] != Status.HELD:
            raise RefusedTransition("not_held", "No import of this id waits for a decision.")
        return upload_of(item)

    def applied(self, district_id: str, import_id: str) -> Upload:
        """The upload of the import that was applied last. Raises RefusedTransition ``not_the_latest``."""
        key = {"PK": district_pk(district_id), "SK": "SNAPSHOT"}
        standing = self._table.get_item(Key=key, ConsistentRead=True).get("Item")
        key = {"PK": district_pk(district_id), "SK": f"IMPORT#{import_id}"}
        item = self._table.get_item(Key=key, ConsistentRead=True).get("Item")
        if not standing or not item or standing["snapshot_id"] != import_id or item["status"] != Status.COMPLETED:
            raise RefusedTransition(
                "not_the_latest", "Only the import that was applied last can be rolled back, and only once."
            )
        return upload_of(item)

    def note_status(self, district_id: str, import_id: str, status: Status) -> None:
        self._table.update_item(
            Key={"PK": district_pk(district_id), "SK": f"IMPORT#{import_id}"},
            UpdateExpression="SET #status = :status",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={":status": status.value},
        )
