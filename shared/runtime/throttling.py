"""Errors of AWS that say: not now, too many requests."""

from __future__ import annotations

_CODES = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)


def is_throttled(error: Exception) -> bool:
    """Whether an error is a service's refusal of what is too much at this moment."""
    response = getattr(error, "response", None)
    return isinstance(response, dict) and response.get("Error", {}).get("Code") in _CODES
