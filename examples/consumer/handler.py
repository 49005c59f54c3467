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
    """Note the event and have its effect in one transaction: both, or neither.

    A link that moved is a fact about two numbers. What is newer about one of them stays, and the other one is noted.
    """
    name = table().name
    expires = datetime.fromisoformat(detail["occurred_at"]) + REPEATS_WITHIN
    noted = {"PK": f"EVENT#{detail['event_id']}", "SK": "EVENT", "ttl": int(expires.timestamp())}
    facts = facts_of(kind, detail)
    while facts:
        try:
            table().meta.client.transact_write_items(
                TransactItems=[
                    {"Put": {"TableName": name, "Item": noted, "ConditionExpression": "attribute_not_exists(PK)"}},
                    *(put_if_newer(name, fact) for fact in facts),
                ]
            )
        except ClientError as error:
            reasons = [reason.get("Code") for reason in error.response.get("CancellationReasons", [])]
            if reasons[:1] == ["ConditionalCheckFailed"]:
                return "repeat"
            if "ConditionalCheckFailed" not in reasons:
                raise
            facts = [fact for fact, why in zip(facts, reasons[1:], strict=True) if why != "ConditionalCheckFailed"]
        else:
            return "done"
    return "outdated"


def facts_of(kind: str, detail: dict[str, Any]) -> list[dict[str, Any]]:
    """The items that an event says something about: a number, its account, and whether they are linked."""
    account_id = detail["made_account_id" if kind == "AccountsParted" else "account_id"]
    fact = {"SK": "ACCOUNT", "account_id": account_id, "as_of": detail["occurred_at"]}
    present = {**fact, "PK": person(detail, "sourced_id", "kind"), "is_linked": kind != "LinkUndone"}
    if kind != "LinkMoved":
        return [present]
    return [present, {**fact, "PK": person(detail, "former_sourced_id", "former_kind"), "is_linked": False}]


def person(detail: dict[str, Any], number: str, kind: str) -> str:
    """Equal numbers of two kinds are two people."""
    return f"{detail.get(kind, 'user').upper()}#{detail['district_id']}#{detail[number]}"


def put_if_newer(name: str, fact: dict[str, Any]) -> dict[str, Any]:
    return {
        "Put": {
            "TableName": name,
            "Item": fact,
            "ConditionExpression": "attribute_not_exists(PK) OR as_of < :as_of",
            "ExpressionAttributeValues": {":as_of": fact["as_of"]},
        }
    }
