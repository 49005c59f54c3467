"""The other services in memory, as far as the use cases call them; every call goes through the gate."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from botocore.exceptions import ReadTimeoutError
from joserfc import jwt
from joserfc.jwk import OctKey

from tests.fakes.dynamodb import BotoFake, Effect, Gate, error, ungated

PRESIGNED = "https://files.example"


class MemoryS3(BotoFake):  # type: ignore[misc]
    """Buckets of objects."""

    def __init__(self, *, gate: Gate = ungated) -> None:
        self.objects: dict[tuple[str, str], bytes] = {}
        self._gate = gate

    def put_object(self, *, Bucket: str, Key: str, Body: bytes | str, **_: Any) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            self.objects[Bucket, Key] = Body.encode() if isinstance(Body, str) else bytes(Body)
            return {"ETag": etag(self.objects[Bucket, Key])}

        return self._gate("s3", "PutObject", {"Bucket": Bucket, "Key": Key}, effect)

    def get_object(self, *, Bucket: str, Key: str, Range: str = "", IfMatch: str = "", **_: Any) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            if (Bucket, Key) not in self.objects:
                raise error("NoSuchKey", "GetObject")
            body = self.objects[Bucket, Key]
            if IfMatch and etag(body) != IfMatch:
                raise error("PreconditionFailed", "GetObject")
            if Range:
                start, _, end = Range.removeprefix("bytes=").partition("-")
                if int(start) >= len(body):
                    raise error("InvalidRange", "GetObject")
                body = body[int(start) : int(end) + 1 if end else None]
            return {"Body": _Body(body)}

        return self._gate("s3", "GetObject", {"Bucket": Bucket, "Key": Key}, effect)

    def upload_file(self, path: str, bucket: str, key: str, **_: Any) -> None:
        self.put_object(Bucket=bucket, Key=key, Body=Path(path).read_bytes())

    def generate_presigned_url(self, _operation: str, *, Params: dict[str, str], ExpiresIn: int) -> str:
        """Signed by nobody; whoever opens it is given the object (tests/pages_harness.py)."""
        return f"{PRESIGNED}/{Params['Bucket']}/{Params['Key']}?X-Amz-Expires={ExpiresIn}"

    def get_paginator(self, name: str) -> Any:
        assert name == "list_objects_v2"
        return self

    def paginate(self, *, Bucket: str, Prefix: str) -> Iterator[dict[str, Any]]:
        found = [(k, body) for (b, k), body in sorted(self.objects.items()) if b == Bucket and k.startswith(Prefix)]
        yield {"Contents": [{"Key": k, "Size": len(body), "ETag": etag(body)} for k, body in found]}


class _Body(io.BytesIO):
    def iter_lines(self) -> Iterator[bytes]:
        return iter(self.getvalue().splitlines())


def etag(body: bytes) -> str:
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


class MemoryQueue(BotoFake):  # type: ignore[misc]
    """One queue; a test or the simulation takes its messages out."""

    def __init__(self, *, gate: Gate = ungated) -> None:
        self.messages: list[str] = []
        self._gate = gate

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, str]]) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            self.messages += [entry["MessageBody"] for entry in Entries]
            return {"Successful": [{"Id": entry["Id"]} for entry in Entries]}

        return self._gate("sqs", "SendMessageBatch", {"Entries": Entries}, effect)

    def send_message(self, *, QueueUrl: str, MessageBody: str) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            self.messages.append(MessageBody)
            return {"MessageId": str(len(self.messages))}

        return self._gate("sqs", "SendMessage", {"MessageBody": MessageBody}, effect)


class MemoryStates(BotoFake):  # type: ignore[misc]
    """Executions that were started, by name; 90 days after its end a name is free again."""

    NAMES_KEPT = 90 * 86_400

    def __init__(self, *, gate: Gate = ungated, now: Callable[[], float] = lambda: 0.0) -> None:
        self.started: dict[str, str] = {}
        self._taken: dict[str, float] = {}
        self._gate = gate
        self._now = now

    def start_execution(self, *, stateMachineArn: str, name: str, input: str) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            if name in self._taken and self._now() - self._taken[name] < self.NAMES_KEPT:
                raise error("ExecutionAlreadyExists", "StartExecution")
            self._taken[name] = self._now()
            self.started[name] = input
            return {"executionArn": f"arn:{name}"}

        return self._gate("states", "StartExecution", {"name": name}, effect)


class MemorySes(BotoFake):  # type: ignore[misc]
    """Mails that were accepted, in order. ``account`` is what it says of the account, but for how many were sent.

    What goes to one of ``silent_for`` is accepted, and the answer never comes.
    """

    def __init__(self, *, gate: Gate = ungated) -> None:
        self.sent: list[dict[str, Any]] = []
        self.silent_for: set[str] = set()
        self.account: dict[str, Any] = {
            "SendingEnabled": True,
            "EnforcementStatus": "HEALTHY",
            "SendQuota": {"MaxSendRate": 1_000.0, "Max24HourSend": 50_000.0, "SentLast24Hours": 0.0},
        }
        self._gate = gate

    def get_account(self) -> dict[str, Any]:
        return self._gate("ses", "GetAccount", {}, lambda: self.account)

    def send_email(self, *, Destination: dict[str, list[str]], **request: Any) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            (to,) = Destination["ToAddresses"]
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
        self._gate = gate

    def put_events(self, *, Entries: list[dict[str, str]]) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            self.entries += Entries
            return {"FailedEntryCount": 0, "Entries": [{"EventId": str(len(self.entries))}]}

        return self._gate("events", "PutEvents", {"name": Entries[0]["DetailType"]}, effect)


class MemoryCognito(BotoFake):  # type: ignore[misc]
    """What a login asks of Cognito. ``users`` is (password, account id) by username.

    ``challenges`` is what is asked beside the password, (challenge, right answer), one after the other, by username;
    ``codes`` is what was sent to whoever forgot a password.
    """

    def __init__(self, *, gate: Gate = ungated) -> None:
        self.users: dict[str, tuple[str, str]] = {}
        self.challenges: dict[str, list[tuple[str, str]]] = {}
        self.codes: dict[str, str] = {}
        self.calls: list[str] = []
        self._gate = gate

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
        claims = {"custom:account_id": self.users[name][1]}
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
