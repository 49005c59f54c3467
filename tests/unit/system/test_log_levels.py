"""No log level has a secret written: not by this service, and not by the libraries that carry its requests."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests import tree
from tests.log_canaries import CANARIES
from tests.template import TEMPLATE

LEVELS = TEMPLATE["Parameters"]["LogLevel"]["AllowedValues"]


def log_at(level: str) -> str:
    """What a function of the pages writes while people log in, in a process of its own."""
    credentials = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "us-east-1"}
    environment = {**os.environ, **credentials, "AWS_EC2_METADATA_DISABLED": "true"}
    process = subprocess.run(
        [sys.executable, "-m", "tests.log_canaries", level],
        env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert process.returncode == 0, process.stderr[-2000:]
    return process.stdout + process.stderr


@pytest.mark.parametrize(
    "level", [pytest.param(each, marks=[] if each in ("DEBUG", "ERROR") else pytest.mark.slow) for each in LEVELS]
)
def test_no_password_code_token_or_key_is_logged_at_any_level(level: str) -> None:
    log = log_at(level)
    assert [name for name, canary in CANARIES.items() if canary in log] == []
    assert "COOKIE __Host-session True" in log, "somebody did log in"
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    levels = {line["level"] for line in lines if "level" in line}
    assert ("INFO" in levels) == (level in ("DEBUG", "INFO")), "this service's own lines follow the level"


def test_the_levels_are_those_that_aws_knows_and_lambda_stays_at_info() -> None:
    """At WARN Lambda would drop every metric, which has no level."""
    assert LEVELS == ["DEBUG", "INFO", "WARN", "ERROR", "FATAL"]
    assert TEMPLATE["Globals"]["Function"]["LoggingConfig"]["ApplicationLogLevel"] == "INFO"
    assert TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]["POWERTOOLS_LOG_LEVEL"] == {"Ref": "LogLevel"}


@pytest.mark.parametrize("handler", sorted(path for path in tree.texts() if path.endswith("/handler.py")))
def test_every_function_takes_its_logger_where_the_levels_are_set(handler: str) -> None:
    if handler.startswith("functions/"):
        assert "from shared.runtime.observability import" in tree.texts()[handler]
