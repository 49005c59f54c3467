"""Logs and metrics. Neither ever holds personal data or a secret, at no level: only ids, codes and numbers."""

from __future__ import annotations

import logging
import os
import traceback
from pathlib import Path

from aws_lambda_powertools import Logger, single_metric
from aws_lambda_powertools.metrics import MetricUnit

_OTHERS = ("boto3", "botocore", "http", "httpcore", "httpx", "requests", "s3transfer", "urllib3")
"""Libraries that log what they send and receive: passwords, codes and keys. No level lets them below WARNING."""

logger = Logger(service="account-linking", log_uncaught_exceptions=False, level=os.environ.get("AWS_LAMBDA_LOG_LEVEL"))

NAMESPACE = "AccountLinking"


def _set_levels() -> None:
    """Our own level is ``POWERTOOLS_LOG_LEVEL``; everybody else's is WARNING at least.

    Lambda stays at INFO, whatever our level: it takes a line without a level, as a metric's, for INFO. Powertools would
    follow Lambda, so the level is set past it. All other loggers are below the root, whose handler Lambda has set by now.
    """
    ours = logging.getLevelNamesMapping().get(os.environ.get("POWERTOOLS_LOG_LEVEL", "").upper(), logging.INFO)
    logging.getLogger(logger.name).setLevel(ours)
    for name in (None, *_OTHERS):
        other = logging.getLogger(name)
        other.setLevel(max(other.level, logging.WARNING))


_set_levels()


def metric(name: str, value: float = 1) -> None:
    """Count something for an alarm or a dashboard."""
    with single_metric(name=name, unit=MetricUnit.Count, value=value, namespace=NAMESPACE) as counter:
        counter.add_dimension("service", "account-linking")


def where(error: BaseException) -> list[str]:
    """Return where an error came from, without its text, which may hold people's data."""
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    return [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
