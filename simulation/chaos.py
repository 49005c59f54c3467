"""What can go wrong with a call, and the gate at which it does. Every service call of the laboratory passes here."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Any

from botocore.exceptions import ReadTimeoutError

from tests.fakes.dynamodb import Effect, error


class Killed(BaseException):
    """The worker died. No handler can swallow this."""


class Mode(StrEnum):
    """How one call goes wrong."""

    DIES_BEFORE = "dies before"
    DIES_AFTER = "effect, then dies"
    NO_REPLY = "effect, but no reply"
    LATE = "no reply, effect later"
    THROTTLED = "throttled"
    PARTIAL = "partial"


ALL_MODES = tuple(Mode)
_THROTTLE = {
    "dynamodb": "ProvisionedThroughputExceededException", "ses": "TooManyRequestsException", "sqs": "ThrottlingException",
    "s3": "SlowDown", "states": "ThrottlingException", "events": "ThrottlingException",
    "cognito-idp": "TooManyRequestsException", "oidc": "ThrottlingException",
}  # fmt: skip
_READS = {"GetItem", "BatchGetItem", "Query", "GetObject", "GetAccount", "AdminInitiateAuth"}
_BATCHES = {"BatchWriteItem", "SendMessageBatch"}


@dataclass(slots=True)
class Call:
    """One call that was made, for the trace."""

    number: int
    service: str
    operation: str
    what: str
    worker: str = ""
    fault: str | None = None


@dataclass
class Chaos:
    """The gate. ``plan`` says which calls go wrong, by their number; ``rate`` lets a seeded die decide."""

    random: Random = field(default_factory=lambda: Random(0))
    plan: dict[int, Mode] = field(default_factory=dict)
    rate: float = 0.0
    most_faults: int = 0
    calls: list[Call] = field(default_factory=list)
    faults: int = 0
    loosened: Callable[[str, dict[str, Any]], dict[str, Any]] | None = None
    """Takes a guard out of a request, for the laboratory's own test."""
    before_call: Callable[[str, dict[str, Any]], None] | None = None
    """May let other workers go first."""
    worker: str = ""
    """Whose call it is, for the trace."""
    enabled: bool = False
    _late: list[tuple[int, Effect]] = field(default_factory=list)

    def __call__(self, service: str, operation: str, request: dict[str, Any], effect: Effect) -> dict[str, Any]:
        if self.loosened is not None:
            self.loosened(operation, request)
        if not self.enabled:
            return effect()
        if self.before_call is not None:
            self.before_call(operation, request)
        call = Call(len(self.calls), service, operation, _what(request), self.worker)
        self.calls.append(call)
        self._land_late_effects()
        mode = self._mode(call)
        if mode is None:
            return effect()
        self.faults += 1
        call.fault = mode.value
        return self._go_wrong(mode, call, request, effect)

    def at_rest(self) -> None:
        """Whatever was still under way arrives now."""
        for _, effect in self._late:
            _land(effect)
        self._late.clear()

    def _mode(self, call: Call) -> Mode | None:
        mode = self.plan.get(call.number)
        if mode is None and self.rate and self.faults < self.most_faults and self.random.random() < self.rate:
            mode = self.random.choice(ALL_MODES)
        if mode is Mode.PARTIAL and call.operation not in _BATCHES:
            return Mode.DIES_AFTER if self.rate else None
        if mode is Mode.LATE and call.operation in _READS:
            return Mode.NO_REPLY
        return mode

    def _go_wrong(self, mode: Mode, call: Call, request: dict[str, Any], effect: Effect) -> dict[str, Any]:
        match mode:
            case Mode.DIES_BEFORE:
                raise Killed
            case Mode.DIES_AFTER:
                effect()
                raise Killed
            case Mode.NO_REPLY:
                effect()
                raise ReadTimeoutError(endpoint_url=call.service)
            case Mode.LATE:
                self._late.append((call.number + self.random.randint(1, 12), effect))
                raise ReadTimeoutError(endpoint_url=call.service)
            case Mode.THROTTLED:
                raise error(_THROTTLE[call.service], call.operation)
            case Mode.PARTIAL:
                return _half(call.operation, request, effect)

    def _land_late_effects(self) -> None:
        now = len(self.calls)
        due = [effect for number, effect in self._late if number <= now]
        self._late = [(number, effect) for number, effect in self._late if number > now]
        for effect in due:
            _land(effect)


def _land(effect: Effect) -> None:
    """A late effect has nobody to tell that it was refused."""
    with suppress(Exception):
        effect()


def _half(operation: str, request: dict[str, Any], effect: Effect) -> dict[str, Any]:
    """Half of a batch is taken, the rest is handed back, as the service would."""
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


def _what(request: dict[str, Any]) -> str:
    """A short name of what a call is about."""
    if "Key" in request and isinstance(request["Key"], dict):
        return f"{request['Key']['PK']} / {request['Key']['SK']}"
    if "Item" in request:
        return f"{request['Item']['PK']} / {request['Item']['SK']}"
    if "TransactItems" in request:
        return f"{len(request['TransactItems'])} items"
    return str(request.get("Key") or request.get("name") or "")
