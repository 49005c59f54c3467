"""Logs and metrics. Neither ever holds personal data or a secret, at no level: only ids, codes and numbers."""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from pathlib import Path

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from shared.runtime.start_up import imported

_OTHERS = ("boto3", "botocore", "http", "httpcore", "httpx", "oauthlib", "requests", "s3transfer", "urllib3")
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


class _Counts:
    """What one invocation counts, from whichever thread: one line tells all of it, in CloudWatch's embedded metric format."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, float] = {}

    def add(self, name: str, value: float) -> None:
        with self._lock:
            self._counts[name] = self._counts.get(name, 0) + value

    def write(self) -> None:
        """Write what was counted since the last time; nothing where nothing was."""
        with self._lock:
            counted, self._counts = self._counts, {}
        if not counted:
            return
        definition = {
            "Namespace": NAMESPACE,
            "Dimensions": [["stack"]],
            "Metrics": [{"Name": name, "Unit": "Count"} for name in sorted(counted)],
        }
        blob = {
            "_aws": {"Timestamp": time.time_ns() // 1_000_000, "CloudWatchMetrics": [definition]},
            "stack": os.environ.get("STACK_NAME", ""),
            **counted,
        }
        sys.stdout.write(json.dumps(blob) + "\n")
        sys.stdout.flush()


_counts = _Counts()


def metric(name: str, value: float = 1) -> None:
    """Count something for an alarm or a dashboard; written at the end of the invocation (``observed``)."""
    _counts.add(name, value)


def observed[E, R](handler: Callable[[E, LambdaContext], R]) -> Callable[[E, LambdaContext], R]:
    """Make a function of Lambda a handler whose log lines name the request, and whose metrics are one line an invocation.

    What an earlier invocation of the worker noted for its own lines is forgotten first.
    """

    @wraps(handler)
    def counted(event: E, context: LambdaContext) -> R:
        imported()
        try:
            return handler(event, context)
        finally:
            _counts.write()

    wrapped: Callable[[E, LambdaContext], R] = logger.inject_lambda_context(counted, clear_state=True)
    return wrapped


_work = threading.local()
"""Whether this thread is in an ``about``."""


@contextmanager
def about(**ids: str | None) -> Iterator[None]:
    """Name these ids in every line that this thread writes meanwhile: which import, activation or link it is about.

    What is found out on the way is added by ``also_about``.
    """
    before = logger.thread_safe_get_current_keys()
    outer, _work.is_under_way = getattr(_work, "is_under_way", False), True
    logger.thread_safe_append_keys(**_known(ids))
    try:
        yield
    finally:
        _work.is_under_way = outer
        logger.thread_safe_clear_keys()
        logger.thread_safe_append_keys(**before)


def also_about(**ids: str | None) -> None:
    """Name these ids, too, until the present ``about`` ends; outside of one, nothing is named."""
    if getattr(_work, "is_under_way", False):
        logger.thread_safe_append_keys(**_known(ids))


def _known(ids: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in ids.items() if value}


def where(error: BaseException) -> list[str]:
    """Return where an error came from, without its text, which may hold people's data."""
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    return [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
