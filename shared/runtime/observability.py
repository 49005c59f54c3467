"""Logs and metrics. Neither ever holds personal data, only ids, codes and numbers."""

from __future__ import annotations

import traceback
from pathlib import Path

from aws_lambda_powertools import Logger, single_metric
from aws_lambda_powertools.metrics import MetricUnit

logger = Logger(service="account-linking", log_uncaught_exceptions=False)

NAMESPACE = "AccountLinking"


def metric(name: str, value: float = 1) -> None:
    """Count something for an alarm or a dashboard."""
    with single_metric(name=name, unit=MetricUnit.Count, value=value, namespace=NAMESPACE) as counter:
        counter.add_dimension("service", "account-linking")


def where(error: BaseException) -> list[str]:
    """Return where an error came from, without its text, which may hold people's data."""
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    return [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
