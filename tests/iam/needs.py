"""The permissions that a call needs, and those that AWS needs to run a function for us.

Actions, resources and condition keys are those of the service authorization reference. Names of the harness (``reports``,
``queue``) stand for what template.yaml calls so.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from tests.account import ACCOUNT, REGION, STACK
from tests.iam.deployed import DeployedStack, arn
from tests.iam.policy import Request

_TABLE = arn("dynamodb", "table/Table")
_QUEUES = {"queue": "ActivationQueue", "exports": "ExportQueue", "notices": "LinkNoticeQueue"}
_ANY_OF_THE_SERVICE = {
    "ses:GetAccount": "*",
    "cognito-idp:AdminInitiateAuth": arn("cognito-idp", "userpool/UserPool"),
    "cognito-idp:AdminRespondToAuthChallenge": arn("cognito-idp", "userpool/UserPool"),
    "events:PutEvents": arn("events", "event-bus/default"),
}
_UNSIGNED = {"cognito-idp:ForgotPassword", "cognito-idp:ConfirmForgotPassword"}
"""Calls that anybody may make: Cognito asks for no permission."""
_DEFINITIONS = Path(__file__).parents[2] / "statemachine"


class UnknownCall(AssertionError):
    """Nobody has said which permissions this call needs: look it up in the service authorization reference."""


def needs_of_call(service: str, operation: str, request: Mapping[str, Any]) -> Iterator[Request]:
    """What a call of a fake or of a client asks for. Raises UnknownCall."""
    action = f"{service}:{operation}"
    match service:
        case "dynamodb":
            yield from _of_table(operation, request)
        case "s3":
            yield from _of_bucket(operation, request)
        case "sqs" if operation in ("SendMessage", "SendMessageBatch"):
            name = request["QueueUrl"].rpartition("/")[2].removeprefix(f"{STACK}-")
            yield Request("sqs:SendMessage", arn("sqs", _QUEUES.get(name, name)))
        case "ses" if operation == "SendEmail":
            sender = request["FromEmailAddress"]
            context = (("ses:FromAddress", (sender,)),)
            yield Request("ses:SendEmail", arn("ses", f"identity/{sender}"), context)
            name = request["ConfigurationSetName"]
            yield Request("ses:SendEmail", arn("ses", f"configuration-set/{_full(name)}"), context)
        case "states" if operation == "StartExecution":
            name = str(request.get("stateMachineArn", "")).partition(":stateMachine:")[2]
            yield Request("states:StartExecution", arn("states", f"stateMachine:{name or f'{STACK}-import'}"))
        case "secretsmanager" if operation == "GetSecretValue":
            name = request["SecretId"].rpartition(":secret:")[2]
            # An ARN ends in letters of Secrets Manager's own; a source's secret is asked for by its name.
            name = name if "/sources/" in name else name.partition("-")[0]
            yield Request("secretsmanager:GetSecretValue", arn("secretsmanager", f"secret:{name}"))
        case _ if action in _ANY_OF_THE_SERVICE:
            yield Request(action, _ANY_OF_THE_SERVICE[action])
        case _ if action not in _UNSIGNED:
            raise UnknownCall(action)


def _full(name: str) -> str:
    return name if name.startswith(STACK) else f"{STACK}-{name}"


def bucket_arn(bucket: str) -> str:
    """The ARN of a bucket, by its name in the stack or in the harness."""
    return f"arn:aws:s3:::{bucket if bucket.startswith(STACK) else f'{STACK}-{bucket}-{ACCOUNT}-{REGION}'}"


def _of_bucket(operation: str, request: Mapping[str, Any]) -> Iterator[Request]:
    bucket = bucket_arn(request["Bucket"])
    match operation:
        case "ListObjectsV2":
            yield Request("s3:ListBucket", bucket, (("s3:prefix", (request.get("Prefix", ""),)),))
        case "GetObject" | "HeadObject":
            action = "s3:GetObjectVersion" if request.get("VersionId") else "s3:GetObject"
            yield Request(action, f"{bucket}/{request['Key']}")
        case "PutObject" | "CreateMultipartUpload" | "UploadPart" | "CompleteMultipartUpload":
            yield Request("s3:PutObject", f"{bucket}/{request['Key']}")
        case "CopyObject":
            source = request["CopySource"]
            from_bucket, from_key = (source["Bucket"], source["Key"]) if isinstance(source, dict) else _two(source)
            yield Request("s3:GetObject", f"{bucket_arn(from_bucket)}/{from_key}")
            yield Request("s3:PutObject", f"{bucket}/{request['Key']}")
        case "DeleteObjects":
            keys = request.get("Keys") or [one["Key"] for one in request["Delete"]["Objects"]]
            yield from (Request("s3:DeleteObject", f"{bucket}/{key}") for key in keys)
        case "DeleteObject" | "AbortMultipartUpload":
            yield Request(f"s3:{operation}", f"{bucket}/{request['Key']}")
        case _:
            raise UnknownCall(f"s3:{operation}")


def _two(source: str) -> tuple[str, str]:
    """Bucket and key of a copy's source, as it is sent."""
    bucket, _, key = unquote(source).partition("/")
    return bucket, key


def tells_missing_from_forbidden(bucket: str) -> Request:
    """What S3 asks before it says 404 of a key; else it says 403. The read of an object has no prefix, so a permission to list
    that holds for prefixes only does not count."""
    return Request("s3:ListBucket", bucket_arn(bucket))


def _of_table(operation: str, request: Mapping[str, Any]) -> Iterator[Request]:
    match operation:
        case "TransactWriteItems":
            by_action: dict[str, list[str]] = {}
            for write in request["TransactItems"]:
                ((kind, inner),) = write.items()
                name = "ConditionCheckItem" if kind == "ConditionCheck" else f"{kind}Item"
                by_action.setdefault(name, []).append(_key(inner))
            for name, keys in by_action.items():
                yield _on_table(name, keys)
        case "BatchGetItem":
            for batch in request["RequestItems"].values():
                yield _on_table(operation, (_plain(key["PK"]) for key in batch["Keys"]))
        case "BatchWriteItem":
            for writes in request["RequestItems"].values():
                yield _on_table(operation, (_key(next(iter(write.values()))) for write in writes))
        case "Query":
            name = request["KeyConditionExpression"].split(" ")[2]
            yield _on_table(operation, [_plain(request["ExpressionAttributeValues"][name])])
        case "GetItem" | "PutItem" | "UpdateItem" | "DeleteItem":
            yield _on_table(operation, [_key(request)])
        case "Scan":
            yield Request("dynamodb:Scan", _TABLE)
        case _:
            raise UnknownCall(f"dynamodb:{operation}")


def _on_table(operation: str, keys: Iterable[Any]) -> Request:
    """All keys of one call are one request: one statement has to allow them all."""
    return Request(f"dynamodb:{operation}", _TABLE, (("dynamodb:LeadingKeys", tuple(dict.fromkeys(map(str, keys)))),))


def _key(request: Mapping[str, Any]) -> str:
    return _plain((request.get("Key") or request["Item"])["PK"])


def _plain(key: Any) -> str:
    """A key as our fakes are given it, or with its type, as a client of AWS is."""
    return str(key["S"] if isinstance(key, Mapping) else key)


# What AWS does in a role's name, without any code of ours.


def needs_of_platform(stack: DeployedStack) -> Iterator[tuple[str, Request, str]]:
    """(role, what AWS asks for in its name, who asks)."""
    for function in stack.of_type("AWS::Lambda::Function").values():
        yield from _of_function(function)
    for mapping in stack.of_type("AWS::Lambda::EventSourceMapping").values():
        yield from _of_mapping(stack, mapping)
    for machine in stack.of_type("AWS::StepFunctions::StateMachine").values():
        yield from _of_machine(machine)
    for schedule in stack.of_type("AWS::Scheduler::Schedule").values():
        target = schedule["Target"]
        role = _last(target["RoleArn"])
        yield role, Request("lambda:InvokeFunction", target["Arn"]), "EventBridge Scheduler"
        if "DeadLetterConfig" in target:
            yield role, Request("sqs:SendMessage", target["DeadLetterConfig"]["Arn"]), "EventBridge Scheduler"


def _of_function(function: Mapping[str, Any]) -> Iterator[tuple[str, Request, str]]:
    role = _last(function["Role"])
    stream = arn("logs", f"log-group:{function['LoggingConfig']['LogGroup']}:log-stream:2026/11/26/[1]0")
    yield from ((role, Request(f"logs:{name}", stream), "logs") for name in ("CreateLogStream", "PutLogEvents"))
    if function.get("TracingConfig", {}).get("Mode") == "Active":
        for name in ("PutTraceSegments", "PutTelemetryRecords"):
            yield role, Request(f"xray:{name}", "*"), "tracing"
    if "DeadLetterConfig" in function:
        yield role, Request("sqs:SendMessage", function["DeadLetterConfig"]["TargetArn"]), "dead letters"


_POLLED = {
    "sqs": ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes"),
    "dynamodb": ("DescribeStream", "GetRecords", "GetShardIterator"),
}


def _of_mapping(stack: DeployedStack, mapping: Mapping[str, Any]) -> Iterator[tuple[str, Request, str]]:
    name = mapping["FunctionName"].partition("function:")[2].partition(":")[0] or mapping["FunctionName"]
    role = _last(stack.of_type("AWS::Lambda::Function")[name]["Role"])
    source = mapping["EventSourceArn"]
    service = source.split(":")[2]
    for operation in _POLLED[service]:
        yield role, Request(f"{service}:{operation}", source), "event source"
    if service == "dynamodb":
        yield role, Request("dynamodb:ListStreams", source), "event source"
    if failed := mapping.get("DestinationConfig", {}).get("OnFailure"):
        yield role, Request("sqs:SendMessage", failed["Destination"]), "dead letters"


def _of_machine(machine: Mapping[str, Any]) -> Iterator[tuple[str, Request, str]]:
    """As "IAM policies for using Distributed Map states" says, and for tracing "AWS X-Ray and Step Functions"."""
    role, name = _last(machine["RoleArn"]), machine["StateMachineName"]
    text = (_DEFINITIONS / f"{name.removeprefix(f'{STACK}-')}.asl.json").read_text()
    for variable in _tasks(json.loads(text)):
        function = machine["DefinitionSubstitutions"][variable.strip("${}")]
        yield role, Request("lambda:InvokeFunction", function), "states"
    if '"DISTRIBUTED"' in text:
        yield role, Request("states:StartExecution", arn("states", f"stateMachine:{name}")), "distributed map"
        for operation in ("DescribeExecution", "StopExecution"):
            execution = arn("states", f"execution:{name}/Split:1")
            yield role, Request(f"states:{operation}", execution), "distributed map"
    if machine.get("TracingConfiguration", {}).get("Enabled"):
        for operation in ("PutTraceSegments", "PutTelemetryRecords", "GetSamplingRules", "GetSamplingTargets"):
            yield role, Request(f"xray:{operation}", "*"), "tracing"


def _tasks(definition: Mapping[str, Any]) -> Iterator[str]:
    """The resource of every Task; refuses a Map that reads or writes S3, which wants permissions of its own."""
    for state in definition["States"].values():
        if {"ItemReader", "ResultWriter"} & set(state):
            raise UnknownCall("a Map with a reader or writer of its own")
        if state["Type"] == "Task":
            yield state["Resource"]
        elif "ItemProcessor" in state:
            yield from _tasks(state["ItemProcessor"])


def _last(role_arn: str) -> str:
    return role_arn.rpartition("/")[2]
