"""What each function may do: the roles of the transformed template, held against the calls that the code makes."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from types import FrameType, SimpleNamespace
from typing import Any

from samtranslator.translator.transform import transform

from tests.fakes.dynamodb import Effect
from tests.template import TEMPLATE

_SERVICES = {"ses": "ses", "states": "states", "cognito-idp": "cognito-idp", "events": "events", "sqs": "sqs"}
_UNSIGNED = {"cognito-idp:ForgotPassword", "cognito-idp:ConfirmForgotPassword"}
"""Calls that anybody may make: Cognito asks for no permission."""
_SAME_PERMISSION = {"sqs:SendMessageBatch": "sqs:SendMessage"}


@cache
def transformed() -> dict[str, Any]:
    """The resources that CloudFormation makes: the template after SAM's transform."""
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    template = json.loads(json.dumps(TEMPLATE))
    for resource in template["Resources"].values():
        for name in {"CodeUri", "ContentUri", "DefinitionUri"} & set(resource.get("Properties", {})):
            resource["Properties"][name] = "s3://code/key"
    made: dict[str, Any] = transform(template, {}, SimpleNamespace(load=dict))["Resources"]
    return made


def roles() -> dict[str, dict[str, Any]]:
    """The properties of every role, by logical id."""
    return {name: made["Properties"] for name, made in transformed().items() if made["Type"] == "AWS::IAM::Role"}


def statements(role: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {**statement, "Action": _listed(statement["Action"]), "Resource": _listed(statement["Resource"])}
        for policy in role.get("Policies", ())
        for statement in _listed(policy["PolicyDocument"]["Statement"])
    ]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@cache
def statements_of_folder(folder: str) -> list[dict[str, Any]]:
    """The statements of the function whose handler lies in this folder of ``functions``."""
    (role,) = (
        made["Properties"]["Role"]["Fn::GetAtt"][0]
        for made in transformed().values()
        if made["Type"] == "AWS::Lambda::Function" and made["Properties"]["Handler"].split(".")[1] == folder
    )
    return statements(roles()[role])


@dataclass(frozen=True, slots=True)
class Call:
    """One permission that a call needs: an action, and the partition key or the object that it is about."""

    folder: str
    action: str
    subject: str

    @property
    def is_allowed(self) -> bool:
        return any(self._is_allowed_by(statement) for statement in statements_of_folder(self.folder))

    def _is_allowed_by(self, statement: Mapping[str, Any]) -> bool:
        if self.action not in statement["Action"]:
            return False
        if self.action.startswith("s3:"):
            return any(fnmatchcase(self.subject, _object_of(resource)) for resource in statement["Resource"])
        keys = statement.get("Condition", {}).get("ForAllValues:StringLike", {}).get("dynamodb:LeadingKeys")
        return keys is None or any(fnmatchcase(self.subject, key) for key in keys)


def _object_of(resource: Any) -> str:
    """``reports/reports/*`` for the ARN of such objects: the harness calls a bucket by what its name ends with."""
    text = str(resource["Fn::Sub"] if isinstance(resource, dict) else resource)
    return text.partition("${AWS::StackName}-")[2].replace("-${AWS::AccountId}-${AWS::Region}", "")


@dataclass
class Recorder:
    """The gate: notes what each function calls, whether or not it succeeds."""

    calls: set[Call] = field(default_factory=set)

    def __call__(self, service: str, operation: str, request: dict[str, Any], effect: Effect) -> dict[str, Any]:
        if folder := _running_function():
            self.calls |= {Call(folder, action, subject) for action, subject in _needed(service, operation, request)}
        return effect()

    def folders(self) -> set[str]:
        return {call.folder for call in self.calls}

    def denied(self) -> list[Call]:
        return sorted((call for call in self.calls if not call.is_allowed), key=str)


def _running_function() -> str | None:
    """The folder of the function whose code is running, also while its threads do; None for the test's own code."""
    main = threading.main_thread().ident
    frames: list[FrameType | None] = [sys._getframe(), sys._current_frames().get(main or 0)]
    for begin in frames:
        found, frame = None, begin
        while frame is not None:
            name = str(frame.f_globals.get("__name__", ""))
            if name.startswith("functions.") and not name.startswith("functions.pages.http"):
                found = name.split(".")[1]
            frame = frame.f_back
        if found:
            return found
    return None


def _needed(service: str, operation: str, request: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(action, subject) of every permission that a call needs."""
    if service == "dynamodb":
        yield from _needed_of_table(operation, request)
    elif service == "s3":
        yield f"s3:{operation}", f"{request['Bucket']}/{request['Key']}"
    elif service in _SERVICES:
        action = f"{_SERVICES[service]}:{operation}"
        if action not in _UNSIGNED:
            yield _SAME_PERMISSION.get(action, action), ""


def _needed_of_table(operation: str, request: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    match operation:
        case "TransactWriteItems":
            for write in request["TransactItems"]:
                ((kind, inner),) = write.items()
                action = "ConditionCheckItem" if kind == "ConditionCheck" else f"{kind}Item"
                yield f"dynamodb:{action}", _key(inner)
        case "BatchGetItem":
            for keys in request["RequestItems"].values():
                yield from (("dynamodb:BatchGetItem", key["PK"]) for key in keys["Keys"])
        case "BatchWriteItem":
            for writes in request["RequestItems"].values():
                yield from (("dynamodb:BatchWriteItem", _key(next(iter(write.values())))) for write in writes)
        case "Query":
            name = request["KeyConditionExpression"].split(" ")[2]
            yield "dynamodb:Query", request["ExpressionAttributeValues"][name]
        case _:
            yield f"dynamodb:{operation}", _key(request)


def _key(request: Mapping[str, Any]) -> str:
    return str((request.get("Key") or request["Item"])["PK"])
