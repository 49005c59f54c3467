"""Faults of single calls, and the gate that injects them. Every service call of a simulation passes this gate."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Any

from botocore.exceptions import ClientError, ReadTimeoutError

from tests.fakes.dynamodb import Effect, error


class Killed(BaseException):
    """The worker died. No handler can swallow this."""


class FaultMode(StrEnum):
    """How one call fails."""

    DIES_BEFORE = "dies before"
    DIES_AFTER = "effect, then dies"
    NO_REPLY = "effect, but no reply"
    LATE = "no reply, effect later"
    THROTTLED = "throttled"
    PARTIAL = "partial"


ALL_MODES = tuple(FaultMode)
_THROTTLE = {
    "dynamodb": "ProvisionedThroughputExceededException", "ses": "TooManyRequestsException", "sqs": "ThrottlingException",
    "s3": "SlowDown", "states": "ThrottlingException", "events": "ThrottlingException",
    "cognito-idp": "TooManyRequestsException", "oidc": "ThrottlingException",
}  # fmt: skip
_READS = {"GetItem", "BatchGetItem", "Query", "GetObject", "GetAccount", "AdminInitiateAuth"}
_BATCHES = {"BatchWriteItem", "SendMessageBatch"}


@dataclass(slots=True)
class Call:
    """One call, for the trace."""

    number: int
    service: str
    operation: str
    target: str
    worker: str = ""
    fault: str | None = None


@dataclass
class FaultInjector:
    """The gate. ``plan`` names the calls that fail, by number; ``rate`` is the share that fails at random, by seed."""

    random: Random = field(default_factory=lambda: Random(0))
    plan: dict[int, FaultMode] = field(default_factory=dict)
    rate: float = 0.0
    most_faults: int = 0
    calls: list[Call] = field(default_factory=list)
    faults: int = 0
    edit_request: Callable[[str, dict[str, Any]], dict[str, Any]] | None = None
    """Changes a request before it is made: it removes a guard, or takes note of the request."""
    before_call: Callable[[str, dict[str, Any]], None] | None = None
    """May let other workers run first."""
    worker: str = ""
    """Who makes the call, for the trace."""
    enabled: bool = False
    malformed: list[str] = field(default_factory=list)
    """Edited requests that the service refused as malformed, which is never what an edit means."""
    _late: list[tuple[int, Effect]] = field(default_factory=list)

    def __call__(self, service: str, operation: str, request: dict[str, Any], effect: Effect) -> dict[str, Any]:
        if self.edit_request is not None:
            self.edit_request(operation, request)
            effect = self._noting_malformed(operation, effect)
        if not self.enabled:
            return effect()
        if self.before_call is not None:
            self.before_call(operation, request)
        call = Call(len(self.calls), service, operation, _target(request), self.worker)
        self.calls.append(call)
        self._apply_late_effects()
        mode = self._mode(call)
        if mode is None:
            return effect()
        self.faults += 1
        call.fault = mode.value
        return self._fail(mode, call, request, effect)

    def _noting_malformed(self, operation: str, effect: Effect) -> Effect:
        def noting() -> dict[str, Any]:
            try:
                return effect()
            except ClientError as refused:
                if refused.response["Error"]["Code"] == "ValidationException":
                    self.malformed.append(f"{operation}: {refused}")
                raise

        return noting

    def at_rest(self) -> None:
        """Apply every effect that is still delayed."""
        for _, effect in self._late:
            _apply(effect)
        self._late.clear()

    def _mode(self, call: Call) -> FaultMode | None:
        mode = self.plan.get(call.number)
        if mode is None and self.rate and self.faults < self.most_faults and self.random.random() < self.rate:
            mode = self.random.choice(ALL_MODES)
        if mode is FaultMode.PARTIAL and call.operation not in _BATCHES:
            return FaultMode.DIES_AFTER if self.rate else None
        if mode is FaultMode.LATE and call.operation in _READS:
            return FaultMode.NO_REPLY
        return mode

    def _fail(self, mode: FaultMode, call: Call, request: dict[str, Any], effect: Effect) -> dict[str, Any]:
        match mode:
            case FaultMode.DIES_BEFORE:
                raise Killed
            case FaultMode.DIES_AFTER:
                effect()
                raise Killed
            case FaultMode.NO_REPLY:
                effect()
                raise ReadTimeoutError(endpoint_url=call.service)
            case FaultMode.LATE:
                self._late.append((call.number + self.random.randint(1, 12), effect))
                raise ReadTimeoutError(endpoint_url=call.service)
            case FaultMode.THROTTLED:
                raise error(_THROTTLE[call.service], call.operation)
            case FaultMode.PARTIAL:
                return _half(call.operation, request, effect)

    def _apply_late_effects(self) -> None:
        now = len(self.calls)
        due = [effect for number, effect in self._late if number <= now]
        self._late = [(number, effect) for number, effect in self._late if number > now]
        for effect in due:
            _apply(effect)


def _apply(effect: Effect) -> None:
    """Apply a late effect. Nobody is there to learn that it was refused."""
    with suppress(Exception):
        effect()


def _half(operation: str, request: dict[str, Any], effect: Effect) -> dict[str, Any]:
    """Take half of a batch and return the rest, as the service does."""
    if operation == "BatchWriteItem":
        ((table, writes),) = request["RequestItems"].items()
        kept, left = writes[: len(writes) // 2], writes[len(writes) // 2 :]
        request["RequestItems"] = {table: kept}
        if kept:
            effect()
        return {"UnprocessedItems": {table: left}}
    entries = request["Entries"]
    left = entries[len(entries) // 2 :]
    del entries[len(entries) // 2 :]
    effect()
    return {"Failed": [{"Id": e["Id"], "Code": "InternalError", "SenderFault": False} for e in left]}


def _target(request: dict[str, Any]) -> str:
    """Return a short name of what a call is about."""
    if "Key" in request and isinstance(request["Key"], dict):
        return f"{request['Key']['PK']} / {request['Key']['SK']}"
    if "Item" in request:
        return f"{request['Item']['PK']} / {request['Item']['SK']}"
    if "TransactItems" in request:
        return f"{len(request['TransactItems'])} items"
    return str(request.get("Key") or request.get("name") or "")
