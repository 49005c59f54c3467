"""Logs and metrics: one logger and one way to count. Neither ever holds personal data, only ids, codes and numbers."""

from __future__ import annotations

from aws_lambda_powertools import Logger, single_metric
from aws_lambda_powertools.metrics import MetricUnit

logger = Logger(service="account-linking", log_uncaught_exceptions=False)

NAMESPACE = "AccountLinking"


def metric(name: str, value: float = 1) -> None:
    """Count something that an alarm or a dashboard looks at."""
    with single_metric(name=name, unit=MetricUnit.Count, value=value, namespace=NAMESPACE) as one:
        one.add_dimension("service", "account-linking")
