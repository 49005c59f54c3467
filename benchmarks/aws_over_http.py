"""AWS for a function in a process of its own: a world in memory behind HTTP, on this machine's loopback alone."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from tests.harness import TOKEN_KEY, World

_TYPES = {"S", "N", "B", "SS", "NS", "M", "L", "NULL", "BOOL"}
_ANSWERS: dict[str, dict[str, Any]] = {
    "AmazonSQS.SendMessage": {"MessageId": "1", "MD5OfMessageBody": ""},
    "AmazonSQS.SendMessageBatch": {"Successful": [], "Failed": []},
    "AWSStepFunctions.StartExecution": {"executionArn": "arn:aws:states:execution", "startDate": 1_788_274_800},
    "AWSEvents.PutEvents": {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]},
}
"""What services without a state of their own answer."""
_SES_ACCOUNT = {
    "ProductionAccessEnabled": True,
    "SendingEnabled": True,
    "SendQuota": {"Max24HourSend": 50_000.0, "MaxSendRate": 14.0, "SentLast24Hours": 0.0},
}


@contextmanager
def aws_over_http(world: World) -> Iterator[str]:
    """The address of a server that answers from this world; it also takes every platform login."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._respond(*_found(world, self.path))

        def do_HEAD(self) -> None:
            self._respond(404, b"")

        def do_PUT(self) -> None:
            self._body()
            self._respond(200, b"")

        def do_POST(self) -> None:
            body, target = self._body(), self.headers.get("X-Amz-Target", "")
            try:
                status, answer = 200, _answer(world, self.path, target, json.loads(body or b"{}"))
            except ClientError as error:
                code = str(error.response["Error"]["Code"])
                reasons = error.response.get("CancellationReasons")
                status, answer = 400, {"__type": code, "message": code, "CancellationReasons": reasons}
            self._respond(status, json.dumps(answer, default=_base64).encode())

        def _body(self) -> bytes:
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))

        def _respond(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _found(world: World, path: str) -> tuple[int, bytes]:
    """What an object of S3 holds, or what SES says of the account."""
    if path.startswith("/v2/email/account"):
        return 200, json.dumps(_SES_ACCOUNT).encode()
    bucket, _, key = unquote(urlsplit(path).path).lstrip("/").partition("/")
    body = world.s3.objects.get((bucket, key))
    return (404, b"<Error><Code>NoSuchKey</Code></Error>") if body is None else (200, body)


def _answer(world: World, path: str, target: str, request: dict[str, Any]) -> dict[str, Any]:
    service, _, operation = target.partition(".")
    if service == "DynamoDB_20120810":
        return _of_table(world, operation, _plain(request))
    if target == "secretsmanager.GetSecretValue":
        is_object = "oidc" in request["SecretId"]
        return {"ARN": request["SecretId"], "SecretString": "{}" if is_object else TOKEN_KEY.decode()}
    if path.startswith("/v2/email/"):
        return {"MessageId": "1"}
    return _ANSWERS.get(target, {"account_id": "ada"})


def _of_table(world: World, operation: str, request: dict[str, Any]) -> dict[str, Any]:
    method = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in operation).lstrip("_")
    client = world.table.meta.client
    if method in ("update_item", "query", "scan", "get_item", "put_item", "delete_item"):
        request.pop("TableName")
        response = getattr(world.table, method)(**request)
    else:
        response = getattr(client, method)(**request)
    return {name: _typed(name, value) for name, value in response.items()}


def _plain(value: Any) -> Any:
    """A request as the table in memory takes it: values without their types."""
    if isinstance(value, dict):
        if value.keys() == {"B"}:
            return base64.b64decode(value["B"])
        if len(value) == 1 and value.keys() <= _TYPES:
            return TypeDeserializer().deserialize(value)
        return {name: _plain(inner) for name, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value


def _typed(name: str, value: Any) -> Any:
    """A part of a response, its items with the types of their values."""
    match name:
        case "Item" | "Attributes" | "LastEvaluatedKey":
            return _item(value)
        case "Items":
            return [_item(item) for item in value]
        case "Responses":
            return {table: [_item(item) for item in items] for table, items in value.items()}
    return value


def _item(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: TypeSerializer().serialize(value) for name, value in item.items()}


def _base64(value: bytes) -> str:
    """Bytes as DynamoDB's JSON has them."""
    return base64.b64encode(value).decode()
