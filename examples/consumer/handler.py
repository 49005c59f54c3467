"""A consumer of the events: keeps which account each roster user is linked to, whatever comes twice or too late.

Its table has the keys ``PK`` and ``SK``: an item for each event that was acted on, and one for each roster user.
"""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError
from jsonschema import Draft202012Validator

REPEATS_WITHIN = timedelta(days=90)
"""How long an event is remembered; longer than any queue or archive of ours may bring it again."""


@cache
def table() -> Any:
    return boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])


@cache
def validator(kind: str) -> Draft202012Validator:
    """The schema as it was published in docs/events; the build puts it beside this file."""
    schemas = Path(os.environ.get("SCHEMAS", Path(__file__).parent / "schemas"))
    return Draft202012Validator(json.loads((schemas / f"{kind}.schema.json").read_text()))


def lambda_handler(event: dict[str, Any], _context: object) -> str:
    """Answers ``done``, ``repeat`` or ``outdated``. Raises ValidationError for what is no such event."""
    kind, detail = event["detail-type"], event["detail"]
    validator(kind).validate(detail)
    return act(kind, detail)


def act(kind: str, detail: dict[str, Any]) -> str:
    """Note the event and have its effect in one transaction: both, or neither."""
    name = table().name
    expires = datetime.fromisoformat(detail["occurred_at"]) + REPEATS_WITHIN
    noted = {"PK": f"EVENT#{detail['event_id']}", "SK": "EVENT", "ttl": int(expires.timestamp())}
    linked = {
        # Equal numbers of two kinds are two people.
        "PK": f"{detail.get('kind', 'user').upper()}#{detail['district_id']}#{detail['sourced_id']}",
        "SK": "ACCOUNT",
        "account_id": detail["made_account_id" if kind == "AccountsParted" else "account_id"],
        "is_linked": kind != "LinkUndone",
        "as_of": detail["occurred_at"],
    }
    try:
        table().meta.client.transact_write_items(
            TransactItems=[
                {"Put": {"TableName": name, "Item": noted, "ConditionExpression": "attribute_not_exists(PK)"}},
                {
                    "Put": {
                        "TableName": name,
                        "Item": linked,
                        "ConditionExpression": "attribute_not_exists(PK) OR as_of < :as_of",
                        "ExpressionAttributeValues": {":as_of": detail["occurred_at"]},
                    }
                },
            ]
        )
    except ClientError as error:
        reasons = [reason.get("Code") for reason in error.response.get("CancellationReasons", [])]
        if reasons[:1] == ["ConditionalCheckFailed"]:
            return "repeat"
        if reasons[1:] == ["ConditionalCheckFailed"]:
            return "outdated"
        raise
    return "done"
