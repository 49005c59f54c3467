"""Errors of AWS that say: not now, too many requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_CODES = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionConflictException",
    }
)
_REASONS = frozenset({"ProvisionedThroughputExceeded", "ThrottlingError", "TransactionConflict"})
"""Why a transaction is cancelled that would be made at another moment: its own code says no more than that it was."""


def is_throttled(error: Exception) -> bool:
    """Whether an error is a service's refusal of what is too much at this moment."""
    response = getattr(error, "response", None)
    return isinstance(response, dict) and says_too_much(response)


def says_too_much(response: Mapping[str, Any]) -> bool:
    """Whether a service's answer is such a refusal."""
    reasons = {reason.get("Code") for reason in response.get("CancellationReasons") or ()}
    return response.get("Error", {}).get("Code") in _CODES or not reasons.isdisjoint(_REASONS)
