"""The other services in memory, as far as the use cases call them; every call goes through the gate."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from botocore.exceptions import ClientError, ReadTimeoutError
from joserfc import jwt
from joserfc.jwk import OctKey

from tests.fakes.dynamodb import BotoFake, Effect, Gate, error, ungated
from tests.iam.guard import GUARD, missing_or_forbidden
from tests.state_machine import STATE_LIMIT

_LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
PRESIGNED = "https://files.example"


def _guarded(gate: Gate) -> Gate:
    """The gate behind IAM, which refuses what the function under test may not do."""

    def call(service: str, operation: str, request: dict[str, Any], effect: Effect) -> dict[str, Any]:
        GUARD.check(service, operation, request)
        return gate(service, operation, request, effect)

    return call


def body_of(body: bytes | str | IO[bytes]) -> bytes:
    """What is put; of a file what is in it from where it stands."""
    if isinstance(body, str):
        return body.encode()
    return bytes(body) if isinstance(body, bytes | bytearray | memoryview) else body.read()


class MemoryS3(BotoFake):  # type: ignore[misc]
    """Buckets of objects."""

    def __init__(self, *, gate: Gate = ungated, now: Callable[[], datetime] = lambda: _LONG_AGO) -> None:
        self.objects: dict[tuple[str, str], bytes] = {}
        self._put_at: dict[tuple[str, str], datetime] = {}
        self._gate = _guarded(gate)
        self._now = now

    def put_object(
        self, *, Bucket: str, Key: str, Body: bytes | str | IO[bytes], ContentType: str = "", IfNoneMatch: str = ""
    ) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            if IfNoneMatch == "*" and (Bucket, Key) in self.objects:
                raise error("PreconditionFailed", "PutObject")
            self.objects[Bucket, Key] = body_of(Body)
            self._put_at[Bucket, Key] = self._now()
            return {"ETag": etag(self.objects[Bucket, Key])}

        return self._gate("s3", "PutObject", {"Bucket": Bucket, "Key": Key}, effect)

    def get_object(
        self, *, Bucket: str, Key: str, Range: str = "", IfMatch: str = "", VersionId: str = ""
    ) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            if (Bucket, Key) not in self.objects:
                raise _no_such_key(Bucket)
            body = self.objects[Bucket, Key]
            if IfMatch and etag(body) != IfMatch:
                raise error("PreconditionFailed", "GetObject")
            if Range:
                start, _, end = Range.removeprefix("bytes=").partition("-")
                if int(start) >= len(body):
                    raise error("InvalidRange", "GetObject")
                body = body[int(start) : int(end) + 1 if end else None]
            return {"Body": _Body(body)}

        request = {"Bucket": Bucket, "Key": Key, "VersionId": VersionId}
        return self._gate("s3", "GetObject", request, effect)

    def copy_object(
        self,
        *,
        Bucket: str,
        Key: str,
        CopySource: dict[str, str],
        CopySourceIfMatch: str,
        TaggingDirective: str,
    ) -> dict[str, Any]:
        # Else S3 wants to read and write tags, which no role may.
        assert TaggingDirective == "REPLACE"
        source = CopySource["Bucket"], CopySource["Key"]

        def effect() -> dict[str, Any]:
            if source not in self.objects:
                raise error("NoSuchKey", "CopyObject")
            if etag(self.objects[source]) != CopySourceIfMatch:
                raise error("PreconditionFailed", "CopyObject")
            self.objects[Bucket, Key] = self.objects[source]
            self._put_at[Bucket, Key] = self._now()
            return {}

        return self._gate("s3", "CopyObject", {"Bucket": Bucket, "Key": Key, "CopySource": CopySource}, effect)

    def upload_file(self, path: str, bucket: str, key: str, **_: Any) -> None:
        self.put_object(Bucket=bucket, Key=key, Body=Path(path).read_bytes())

    def generate_presigned_url(self, _operation: str, *, Params: dict[str, str], ExpiresIn: int) -> str:
        """Signed by nobody; whoever opens it is given the object (tests/pages_harness.py), in the signer's name."""
        GUARD.check("s3", "GetObject", Params)
        return f"{PRESIGNED}/{Params['Bucket']}/{Params['Key']}?X-Amz-Expires={ExpiresIn}"

    def generate_presigned_post(
        self, bucket: str, key: str, *, Fields: dict[str, str], Conditions: list[Any], ExpiresIn: int
    ) -> dict[str, Any]:
        """Signed by nobody; what is posted there is put (tests/pages_harness.py), in the signer's name."""
        GUARD.check("s3", "PutObject", {"Bucket": bucket, "Key": key})
        return {
            "url": f"{PRESIGNED}/{bucket}",
            "fields": {**Fields, "key": key, "policy": f"{ExpiresIn} {len(Conditions)}"},
        }

    def get_paginator(self, name: str) -> Any:
        if name == "list_object_versions":
            return _Versions(self.objects, self._gate)
        assert name == "list_objects_v2"
        return self

    def paginate(self, *, Bucket: str, Prefix: str, Delimiter: str = "") -> Iterator[dict[str, Any]]:
        """With a delimiter only what stands before it, as folders."""
        GUARD.check("s3", "ListObjectsV2", {"Bucket": Bucket, "Prefix": Prefix})
        if Delimiter:
            keys = (k.removeprefix(Prefix) for b, k in self.objects if b == Bucket and k.startswith(Prefix))
            folders = sorted({k.partition(Delimiter)[0] for k in keys if Delimiter in k})
            yield {"CommonPrefixes": [{"Prefix": f"{Prefix}{folder}{Delimiter}"} for folder in folders]}
            return
        found = [(k, body) for (b, k), body in sorted(self.objects.items()) if b == Bucket and k.startswith(Prefix)]
        yield {
            "Contents": [
                {
                    "Key": k,
                    "Size": len(body),
                    "ETag": etag(body),
                    "LastModified": self._put_at.get((Bucket, k), self._now()),
                }
                for k, body in found
            ]
        }

    def delete_objects(self, *, Bucket: str, Delete: dict[str, Any]) -> dict[str, Any]:
        keys = [one["Key"] for one in Delete["Objects"]]

        def effect() -> dict[str, Any]:
            for key in keys:
                self.objects.pop((Bucket, key), None)
            return {}

        return self._gate("s3", "DeleteObjects", {"Bucket": Bucket, "Keys": keys}, effect)


class _Versions(BotoFake):  # type: ignore[misc]
    """Lists the versions of objects: each has one."""

    def __init__(self, objects: dict[tuple[str, str], bytes], gate: Gate) -> None:
        self._objects = objects
        self._gate = gate

    def paginate(self, *, Bucket: str, Prefix: str) -> Iterator[dict[str, Any]]:
        def effect() -> dict[str, Any]:
            keys = sorted(key for bucket, key in self._objects if bucket == Bucket and key.startswith(Prefix))
            return {"Versions": [{"Key": key, "VersionId": "null"} for key in keys]}

        yield self._gate("s3", "ListObjectVersions", {"Bucket": Bucket, "Prefix": Prefix}, effect)


def _no_such_key(bucket: str) -> ClientError:
    """404 for whoever may list the bucket, and 403 for everybody else."""
    return error("NoSuchKey", "GetObject") if GUARD.tells_missing(bucket) else missing_or_forbidden()


class _Body(io.BytesIO):
    def iter_lines(self) -> Iterator[bytes]:
        return iter(self.getvalue().splitlines())


def etag(body: bytes) -> str:
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


MESSAGE_LIMIT = 256 * 1024
"""Bytes of an SQS message, of a batch of them, and of an event; AWS takes more by now, and nothing here needs it."""
BATCH = 10
"""Entries of a batch for SQS or EventBridge."""


class MemoryQueue(BotoFake):  # type: ignore[misc]
    """One queue; a test or the simulation takes its messages out."""

    def __init__(self, *, gate: Gate = ungated) -> None:
        self.messages: list[str] = []
        self._gate = _guarded(gate)

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, str]]) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            _check_batch("SendMessageBatch", [entry["Id"] for entry in Entries])
            _check_message("SendMessageBatch", "".join(entry["MessageBody"] for entry in Entries))
            self.messages += [entry["MessageBody"] for entry in Entries]
            return {"Successful": [{"Id": entry["Id"]} for entry in Entries]}

        return self._gate("sqs", "SendMessageBatch", {"QueueUrl": QueueUrl, "Entries": Entries}, effect)

    def send_message(self, *, QueueUrl: str, MessageBody: str) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            _check_message("SendMessage", MessageBody)
            self.messages.append(MessageBody)
            return {"MessageId": str(len(self.messages))}

        return self._gate("sqs", "SendMessage", {"QueueUrl": QueueUrl, "MessageBody": MessageBody}, effect)


def _check_batch(operation: str, ids: list[str]) -> None:
    if not ids:
        raise error("AWS.SimpleQueueService.EmptyBatchRequest", operation)
    if len(ids) > BATCH:
        raise error("AWS.SimpleQueueService.TooManyEntriesInBatchRequest", operation)
    if len(set(ids)) != len(ids):
        raise error("AWS.SimpleQueueService.BatchEntryIdsNotDistinct", operation)


def _check_message(operation: str, body: str) -> None:
    if not body or len(body.encode()) > MESSAGE_LIMIT:
        raise error("InvalidParameterValue", operation, "a message is from 1 byte to 256 KB long")


class MemoryStates(BotoFake):  # type: ignore[misc]
    """Executions that were started, by name; 90 days after its end a name is free again."""

    NAMES_KEPT = 90 * 86_400

    def __init__(self, *, gate: Gate = ungated, now: Callable[[], float] = lambda: 0.0) -> None:
        self.started: dict[str, str] = {}
        self._taken: dict[str, float] = {}
        self._gate = _guarded(gate)
        self._now = now

    def start_execution(self, *, stateMachineArn: str, name: str, input: str) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            if len(input.encode()) > STATE_LIMIT:
                raise error("InvalidExecutionInput", "StartExecution", "over 256 KB")
            if not re.fullmatch(r"[0-9A-Za-z_-]{1,80}", name):
                raise error("InvalidName", "StartExecution")
            if name in self._taken and self._now() - self._taken[name] < self.NAMES_KEPT:
                raise error("ExecutionAlreadyExists", "StartExecution")
            self._taken[name] = self._now()
            self.started[name] = input
            return {"executionArn": f"arn:{name}"}

        return self._gate("states", "StartExecution", {"name": name, "stateMachineArn": stateMachineArn}, effect)


NOT_VERIFIED = "Email address is not verified. The following identities failed the check"


class MemorySes(BotoFake):  # type: ignore[misc]
    """Mails that were accepted, in order. ``account`` is what it says of the account, but for how many were sent.

    What goes to one of ``silent_for`` is accepted, and the answer never comes. In the ``sandbox`` only who is named there gets
    mail.
    """

    def __init__(self, *, gate: Gate = ungated) -> None:
        self.sent: list[dict[str, Any]] = []
        self.silent_for: set[str] = set()
        self.sandbox: set[str] | None = None
        self.account: dict[str, Any] = {
            "SendingEnabled": True,
            "EnforcementStatus": "HEALTHY",
            "SendQuota": {"MaxSendRate": 1_000.0, "Max24HourSend": 50_000.0, "SentLast24Hours": 0.0},
        }
        self._gate = _guarded(gate)

    def get_account(self) -> dict[str, Any]:
        return self._gate("ses", "GetAccount", {}, lambda: self.account)

    def send_email(self, *, Destination: dict[str, list[str]], **request: Any) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            (to,) = Destination["ToAddresses"]
            if self.sandbox is not None and to not in self.sandbox:
                raise error("MessageRejected", "SendEmail", f"{NOT_VERIFIED} in region US-EAST-1: {to}")
            message_id = f"message-{len(self.sent) + 1}"
            self.sent.append({"To": to, "MessageId": message_id, **request})
            if to in self.silent_for:
                raise ReadTimeoutError(endpoint_url="ses")
            return {"MessageId": message_id}

        return self._gate("ses", "SendEmail", request, effect)


class MemoryEvents(BotoFake):  # type: ignore[misc]
    """The event bus: entries that were put, in order."""

    def __init__(self, *, gate: Gate = ungated) -> None:
        self.entries: list[dict[str, str]] = []
        self._gate = _guarded(gate)

    def put_events(self, *, Entries: list[dict[str, str]]) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            size = sum(len(str(value).encode()) for entry in Entries for value in entry.values())
            if not 1 <= len(Entries) <= BATCH or size > MESSAGE_LIMIT:
                raise error("ValidationException", "PutEvents", "1 to 10 entries of 256 KB together")
            self.entries += Entries
            return {"FailedEntryCount": 0, "Entries": [{"EventId": str(len(self.entries))}]}

        return self._gate("events", "PutEvents", {"name": Entries[0]["DetailType"]}, effect)


class MemoryCognito(BotoFake):  # type: ignore[misc]
    """What a login asks of Cognito. ``users`` is (password, account id) by username.

    ``operators`` are the usernames of that group.

    ``challenges`` is what is asked beside the password, (challenge, right answer), one after the other, by username;
    ``codes`` is what was sent to whoever forgot a password.
    """

    def __init__(self, *, gate: Gate = ungated) -> None:
        self.users: dict[str, tuple[str, str]] = {}
        self.challenges: dict[str, list[tuple[str, str]]] = {}
        self.codes: dict[str, str] = {}
        self.operators: set[str] = set()
        self.calls: list[str] = []
        self._gate = _guarded(gate)

    def admin_initiate_auth(self, *, AuthParameters: dict[str, str], **_: Any) -> dict[str, Any]:
        name = AuthParameters["USERNAME"]

        def effect() -> dict[str, Any]:
            password = self.users.get(name, (None, None))[0]
            if password is None or password != AuthParameters["PASSWORD"]:
                raise error("NotAuthorizedException", "AdminInitiateAuth")
            return self._next(name, 0)

        return self._called("AdminInitiateAuth", effect)

    def admin_respond_to_auth_challenge(
        self, *, ChallengeName: str, Session: str, ChallengeResponses: dict[str, str], **_: Any
    ) -> dict[str, Any]:
        name, _space, asked = Session.partition(" ")

        def effect() -> dict[str, Any]:
            challenge, answer = self.challenges[name][int(asked)]
            said = [text for key, text in ChallengeResponses.items() if key != "USERNAME"]
            if (ChallengeName, ChallengeResponses["USERNAME"], said) != (challenge, name, [answer]):
                raise error("CodeMismatchException", "AdminRespondToAuthChallenge")
            return self._next(name, int(asked) + 1)

        return self._called("AdminRespondToAuthChallenge", effect)

    def _next(self, name: str, asked: int) -> dict[str, Any]:
        challenges = self.challenges.get(name, [])
        if asked < len(challenges):
            return {"ChallengeName": challenges[asked][0], "Session": f"{name} {asked}"}
        account_id = self.users[name][1]
        claims: dict[str, Any] = {"cognito:username": name} | ({"custom:account_id": account_id} if account_id else {})
        if name in self.operators:
            claims["cognito:groups"] = ["operators"]
        return {"AuthenticationResult": {"IdToken": jwt.encode({"alg": "HS256"}, claims, OctKey.generate_key())}}

    def forgot_password(self, *, Username: str, **_: Any) -> dict[str, Any]:
        """Of whom it does not know, it says the same (PreventUserExistenceErrors)."""

        def effect() -> dict[str, Any]:
            if Username in self.users:
                self.codes[Username] = f"{len(self.calls):06d}"
            return {"CodeDeliveryDetails": {"DeliveryMedium": "EMAIL"}}

        return self._called("ForgotPassword", effect)

    def confirm_forgot_password(
        self, *, Username: str, ConfirmationCode: str, Password: str, **_: Any
    ) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            if Username not in self.codes or self.codes[Username] != ConfirmationCode:
                raise error("CodeMismatchException", "ConfirmForgotPassword")
            if len(Password) < 8:
                raise error("InvalidPasswordException", "ConfirmForgotPassword")
            del self.codes[Username]
            self.users[Username] = (Password, self.users[Username][1])
            return {}

        return self._called("ConfirmForgotPassword", effect)

    def _called(self, operation: str, effect: Effect) -> dict[str, Any]:
        def noted() -> dict[str, Any]:
            self.calls.append(operation)
            return effect()

        return self._gate("cognito-idp", operation, {}, noted)
