"""``make start-up``: how long each function needs before it answers, as built, against boto3 and one client in the same run.

Each worker is a process of its own that sees what Lambda's would: the function's artifact, the layer, and of the runtime boto3
alone, all of it with bytecode. AWS is a world in memory behind HTTP on this machine. What counts is the processor's time from the
first import until the first event is answered; for the pages, until the page behind the mail's button is rendered. The clock is
shown, too: it tells more of what else this machine does. What the interpreter needs to begin is the same for all, and left out.
Rounds run through all functions in turn, so that a busy minute is everybody's.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from benchmarks.aws_over_http import aws_over_http
from benchmarks.figures import Figures
from local.stack import ROOT, build
from tests.builders import account, enrolled, roster, user
from tests.harness import GOOGLE, WEB, World
from tests.template import RESOURCES

RESULT = ROOT / ".local/start-up.json"
MOST_OF_PAGES, MOST_OF_OTHERS = 1.35, 1.2
"""Times what boto3 and one client need."""
_RUNTIME = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six")
"""What Lambda's Python brings along, beside the standard library."""
_ARCHITECTURE = "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"
EVENTS = {
    "AccountsFeedFunction": "s3-accounts",
    "ActivationEmailFunction": "sqs-activation",
    "ActivationScheduleFunction": "schedule",
    "ClassExportFunction": "sqs-export",
    "CleanupDigestFunction": "schedule",
    "CleanupNudgesFunction": "schedule",
    "EventPublisherFunction": "stream-outbox",
    "TableStreamFunction": "stream-people",
    "HeldImportMailFunction": "bus-import-held",
    "ImportPausesFunction": "schedule",
    "ImportStepFunction": "states-open",
    "LinkNoticeFunction": "sqs-link-notice",
    "MailFeedbackFunction": "sqs-mail-event",
    "ReceiptCheckFunction": "schedule",
    "RosterFetchFunction": "schedule",
    "RosterImportFunction": "s3-roster",
    "UserMigrationFunction": "cognito-login",
}
"""Of events/: the first event of each function."""
PAGES = "PagesFunction"


@dataclass
class Worker:
    """What was measured of the workers of one function: milliseconds of processor until they were ready, and until they had
    answered; milliseconds by the clock until then; the most memory (MB); modules that were imported."""

    ready: list[float] = field(default_factory=list)
    answered: list[float] = field(default_factory=list)
    by_the_clock: list[float] = field(default_factory=list)
    memory: float = 0
    modules: int = 0

    def note(self, run: Mapping[str, Any]) -> None:
        self.ready.append(run["ready_ms"])
        self.answered.append(run["answered_ms"])
        self.by_the_clock.append(run["clock_ms"])
        self.memory = max(self.memory, run["memory_mb"])
        self.modules = len(run["modules"])


class StartUps:
    """Runs workers of the functions that were built into a folder."""

    def __init__(self, built: Path, runtime: Path, world: World, endpoint: str) -> None:
        self._built = built
        self._runtime = runtime
        self._world = world
        self.environment = environment(endpoint)

    def floor(self) -> dict[str, Any]:
        return self._run([self._runtime], "", [])

    def run(self, function: str, *, further_pages: int = 0) -> dict[str, Any]:
        """One worker, from its first import to its answer; of the pages it may be asked for the same page again.

        Raises RuntimeError where the answer is none, since another time would be measured then.
        """
        module = RESOURCES[function]["Properties"]["Handler"].rpartition(".")[0]
        paths = [self._built / function, self._built / "DependencyLayer/python", self._runtime]
        events = self.clicks() if function == PAGES else [_event(EVENTS[function])]
        events += further_pages * events[-1:]
        run = self._run(paths, module, events)
        if function == PAGES:
            *_, page = run["answers"]
            if page["statusCode"] != 200 or "Log into my existing account" not in page["body"]:
                raise RuntimeError(f"The page behind the mail's button was not rendered: {page}")
        return run

    def clicks(self) -> list[dict[str, Any]]:
        """The mail's button: its address, and the page to which that sends the browser."""
        address = urlsplit(self._world.address_in_mail_to("t1@lakeside.example")).path
        return [_request(address), _request("/activate")]

    def _run(self, paths: list[Path], module: str, events: list[dict[str, Any]]) -> dict[str, Any]:
        command = [os.path.realpath(sys.executable), "-I", "-S", "-B", str(Path(__file__).with_name("cold_start.py"))]
        command += [":".join(map(str, paths)), *([module] if module else [])]
        lines = "".join(json.dumps(event) + "\n" for event in events)
        done = subprocess.run(command, input=lines, env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{module} did not start:\n{done.stderr}")
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found


def _event(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / f"events/{name}.json").read_text())
    return found


def _request(path: str) -> dict[str, Any]:
    event = _event("http-login")
    event["requestContext"]["http"] |= {"method": "GET", "path": path}
    return {**event, "rawPath": path, "cookies": []}


def environment(endpoint: str) -> dict[str, str]:
    """The variables of every function; its AWS answers at ``endpoint``."""
    given = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_LAMBDA_FUNCTION_NAME": "start-up",
        "LANG": "C.UTF-8",
        "POWERTOOLS_SERVICE_NAME": "account-linking",
        "STACK_NAME": "start-up",
        "STACK_ARN": "stack",
        "CONFIGURATION_SET": "mails",
        "SENDER": "no-reply@example.org",
        "TABLE_NAME": "table",
        "WEB_URL": WEB,
        "GOOGLE_ISSUER": GOOGLE,
        "GOOGLE_CLIENT_ID": "google",
        "CLEVER_ISSUER": "https://clever.com",
        "CLEVER_CLIENT_ID": "clever",
        "USER_POOL_ID": "us-east-1_pool",
        "USER_POOL_CLIENT_ID": "client",
        "TOKEN_SECRET_ARN": "token",
        "OIDC_SECRET_ARN": "oidc",
        "PLATFORM_LOGIN_SECRET_ARN": "platform",
        "PLATFORM_LOGIN_URL": f"{endpoint}/login",
        "IMPORT_STATE_MACHINE_ARN": "imports",
        "ACCOUNTS_FEED_STATE_MACHINE_ARN": "feed",
        "ROSTER_FETCH_STATE_MACHINE_ARN": "fetches",
        "SOURCE_SECRETS": "start-up/sources/",
    }
    buckets = {f"{name.upper()}_BUCKET": f"{name}s" for name in ("roster", "report", "snapshot", "export")}
    names = ("ACTIVATION", "EXPORT", "LINK_NOTICE")
    queues = {f"{name}_QUEUE_URL": f"{endpoint}/123456789012/{name.lower()}" for name in names}
    return {**given, **buckets, **queues}


@contextmanager
def started(built: Path) -> Iterator[StartUps]:
    """Workers of what was built into this folder, beside a district whose teacher was mailed just now."""
    world = World()
    world.now = datetime.now(UTC)
    world.register()
    world.feed(account("ada", "ada@mail.example", role="teacher"))
    world.upload(
        roster(user("t1", "teacher", given="Ada"), user("s1"), enrollments=enrolled("t1", "teacher") + enrolled("s1"))
    )
    world.send_mail()
    with tempfile.TemporaryDirectory() as name, aws_over_http(world) as endpoint:
        runtime = Path(name)
        for package in _RUNTIME:
            source = Path(str(import_module(package).__file__))
            source = source.parent if source.name == "__init__.py" else source
            (runtime / source.name).symlink_to(source)
        yield StartUps(built, runtime, world, endpoint)


def main() -> int:
    parser = argparse.ArgumentParser(prog="make start-up", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--built", type=Path, help="measure what was built into this folder")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        built = arguments.built or Path(name)
        if arguments.built is None:
            build(lambda _: None, built, _ARCHITECTURE)
        with started(built.resolve()) as start_ups:
            floor, workers = _measure(start_ups, arguments.rounds)
    figures = Figures(result=RESULT)
    figures.add("boto3 and a client", median(floor.answered), "ms of CPU")
    for function, worker in workers.items():
        most = MOST_OF_PAGES if function == PAGES else MOST_OF_OTHERS
        figures.against(f"{function}: answered", median(worker.answered), "ms of CPU", median(floor.answered), most)
        figures.add(f"{function}: ready for an event", median(worker.ready), "ms of CPU")
        figures.add(f"{function}: answered, by the clock", median(worker.by_the_clock), "ms")
        figures.add(f"{function}: memory", worker.memory, "MB")
        figures.add(f"{function}: modules", worker.modules, "modules")
    return 0 if figures.keep() else 1


def _measure(start_ups: StartUps, rounds: int) -> tuple[Worker, dict[str, Worker]]:
    floor, workers = Worker(), {function: Worker() for function in (PAGES, *EVENTS)}
    start_ups.floor()  # the files are in the disk's cache from here on
    for _ in range(rounds):
        floor.note(start_ups.floor())
        for function, worker in workers.items():
            worker.note(start_ups.run(function))
    return floor, workers


if __name__ == "__main__":
    sys.exit(main())
