"""The local stack: an emulator of AWS, to which ``template.yaml`` is deployed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any, Self

import boto3

from local.doubles.classlink import ClassLink
from local.doubles.clever import Clever
from local.doubles.google import Google
from local.doubles.hub import HubDouble
from local.doubles.microsoft import Microsoft
from local.processes import Process, StackError, end_group, port_to_use
from local.proxy import Server, mail_handler, pages_handler
from shared.stores.districts import DistrictStore
from shared.stores.keys import district_of_pk
from shared.stores.roster_users import RosterUserStore
from shared.stores.table import Table

ROOT = Path(__file__).parent.parent
HOME = ROOT / ".local"
STACK_FILE = HOME / "stack.json"
REGION = "us-east-1"
STACK_NAME = "account-linking"
SENDER = "no-reply@accounts.example.org"
CLIENT_ID = "local"
"""This service's client id at every hub."""
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION}

type Say = Callable[[str], None]


class LocalStack:
    """Start everything on ``with``, and end it afterwards. ``say`` is called with each step that takes time."""

    def __init__(
        self,
        *,
        say: Say = print,
        endpoint_port: str | None = None,
        web_port: str | None = None,
        bind: str = "127.0.0.1",
        stack_file: Path | None = STACK_FILE,
        persistent: bool = False,
    ) -> None:
        """With ``persistent``, what the emulator holds outlives ``restart_emulator``."""
        self._say = say
        self._endpoint_port = endpoint_port
        self._web_port = web_port
        self._bind = bind
        self._stack_file = stack_file
        self._persistent = persistent
        self._running = ExitStack()
        self._emulator: Process | None = None
        self._launch_emulator: Callable[[], Process] | None = None
        self.endpoint_url = ""
        self.web_url = ""
        self.mail_url = ""
        self.built = Path()
        """Where the artifacts of this run are, for `sam local`."""
        self.outputs: dict[str, str] = {}

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._running.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._say("Ending: stopping what was started, and removing its files …")
        self._running.close()

    def client(self, service: str) -> Any:
        return boto3.client(  # type: ignore[call-overload]
            service,
            endpoint_url=self.endpoint_url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def resource(self, service: str) -> Any:
        return boto3.resource(  # type: ignore[call-overload]
            service,
            endpoint_url=self.endpoint_url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def _start(self) -> None:
        endpoint_port = port_to_use(self._endpoint_port, "ENDPOINT_PORT")
        web_port = port_to_use(self._web_port, "WEB_PORT")
        if web_port == endpoint_port:
            raise StackError("ENDPOINT_PORT and WEB_PORT must differ.")
        folder = HOME / f"run-{os.getpid()}-{endpoint_port}"
        (folder / "tmp").mkdir(parents=True)
        self._running.callback(_remove, folder)
        self.endpoint_url = f"http://127.0.0.1:{endpoint_port}"
        self._start_emulator(endpoint_port, folder)
        hubs = self._start_hubs()
        web = self._serve(Server(web_port, pages_handler(self.endpoint_url, lambda: self.outputs["HttpApiId"])))
        self.web_url = web.url
        for hub in hubs:
            hub.register(CLIENT_ID, "", f"{web.url}/callback/{hub.name}", home=f"{web.url}/login")
        self.mail_url = self._serve(Server(0, mail_handler(self.endpoint_url))).url
        self.built = folder / "build"
        build(self._say, self.built)
        self._deploy({hub.name: hub.issuer for hub in hubs})
        self._write_stack_file()

    def _serve(self, server: Server) -> Server:
        server.start()
        self._running.callback(server.stop)
        return server

    def _start_emulator(self, port: int, folder: Path) -> None:
        self._say("Starting the emulator …")
        python = HOME / "stack-env/bin/python"
        if not python.exists():
            raise StackError("The emulator is not installed. Run `make local` or `make demo`, which install it.")
        environment = {
            **CREDENTIALS,
            "BIND_HOST": self._bind,
            "GATEWAY_PORT": str(port),
            "IOT_MTLS_ENABLED": "0",
            "TMPDIR": str(folder / "tmp"),
            "S3_DATA_DIR": str(folder / "s3"),
            "LOG_LEVEL": "WARNING",
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "PYTHONDONTWRITEBYTECODE": "",
        }
        if self._persistent:
            environment |= {"PERSIST_STATE": "1", "STATE_DIR": str(folder / "state"), "S3_PERSIST": "1"}
        self._launch_emulator = lambda: Process([str(python), "-m", "ministack"], folder / "emulator.log", environment)
        self._emulator = self._launch_emulator()
        self._running.callback(self._stop_emulator)
        self._wait_for_emulator()

    def _stop_emulator(self) -> None:
        if self._emulator is not None:
            self._emulator.stop(patience=2)

    def _wait_for_emulator(self) -> None:
        assert self._emulator is not None
        self._emulator.wait_until(
            lambda: _is_up(f"{self.endpoint_url}/_ministack/health"), seconds=60, name="The emulator"
        )

    def restart_emulator(self) -> None:
        """Kill all services and functions in the middle of their work, and start them again with their data."""
        assert self._emulator is not None
        assert self._launch_emulator is not None
        self._emulator.stop(patience=30)
        self._emulator = self._launch_emulator()
        self._wait_for_emulator()

    def workers(self, function: str) -> list[int]:
        """Return the process ids in which this function (named as in the template) runs now."""
        return self._emulator.children(naming=f"{STACK_NAME}-{function}-") if self._emulator else []

    def _start_hubs(self) -> tuple[HubDouble, ...]:
        hubs = Google(), Clever(district_of=self._clever_district_of), ClassLink(), Microsoft()
        for hub in hubs:
            hub.start()
            self._running.callback(hub.stop)
        return hubs

    def _clever_district_of(self, clever_id: str) -> str | None:
        """Return the Clever district of a person. Clever itself knows it; here the table does."""
        table = self.resource("dynamodb").Table(self.outputs["TableName"])
        districts, users = DistrictStore(table), RosterUserStore(table)
        named = (district_of_pk(item["PK"]) for item in Table(table).scan() if item["SK"] == "SETTINGS")
        found = (districts.find(each) for each in named if users.by_clever_id(each, clever_id))
        return next((district.clever_district_id for district in found if district), None)

    def _deploy(self, issuers: Mapping[str, str]) -> None:
        self._say("Deploying the template …")
        self.client("s3").create_bucket(Bucket="artifacts")
        self.client("sesv2").create_email_identity(EmailIdentity=SENDER)
        parameters = {
            "Architecture": "x86_64",
            "Emulator": "true",
            "WebUrl": self.web_url,
            **{f"{name.capitalize()}Issuer": issuer for name, issuer in issuers.items()},
            **{f"{name.capitalize()}ClientId": CLIENT_ID for name in issuers},
            "SenderEmail": SENDER,
            "NudgeSchedule": "rate(1 minute)",
            "ActivationSchedule": "rate(1 minute)",
        }
        command = [
            str(HOME / "sam-env/bin/sam"),
            "deploy",
            "--template-file",
            str(self.built / "template.yaml"),
            "--stack-name",
            STACK_NAME,
            "--s3-bucket",
            "artifacts",
            "--capabilities",
            "CAPABILITY_IAM",
            "--no-confirm-changeset",
            "--no-fail-on-empty-changeset",
            "--no-progressbar",
            "--region",
            REGION,
            "--config-env",
            "none",
            "--parameter-overrides",
            *(f'{name}="{value}"' for name, value in parameters.items()),
        ]
        run(command, {**CREDENTIALS, "AWS_ENDPOINT_URL": self.endpoint_url, "SAM_CLI_TELEMETRY": "0"}, "sam deploy")
        stacks = self.client("cloudformation").describe_stacks(StackName=STACK_NAME)["Stacks"]
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in stacks[0]["Outputs"]}

    def description(self) -> dict[str, Any]:
        """What `stack.json` holds: others rely on these names."""
        return {
            "pid": os.getpid(),
            "endpoint_url": self.endpoint_url,
            "region": REGION,
            "web_url": self.web_url,
            "mail_url": self.mail_url,
            "outputs": self.outputs,
        }

    def _write_stack_file(self) -> None:
        if self._stack_file is None:
            return
        partial = self._stack_file.with_suffix(".partial")
        partial.write_text(json.dumps(self.description(), indent=1))
        partial.replace(self._stack_file)
        self._running.callback(self._stack_file.unlink, missing_ok=True)


def running_stack() -> dict[str, Any] | None:
    """Return what `stack.json` holds when the local stack that wrote it still runs, else None."""
    try:
        found: dict[str, Any] = json.loads(STACK_FILE.read_text())
        os.kill(int(found["pid"]), 0)
    except (OSError, ValueError, KeyError):
        return None
    return found


def build(say: Say, target: Path, architecture: str = "x86_64") -> None:
    """`sam build` for a processor, into a folder of this run."""
    say("Building …")
    command = [
        str(HOME / "sam-env/bin/sam"),
        "build",
        "--build-in-source",
        "--template-file",
        str(ROOT / "template.yaml"),
        "--build-dir",
        str(target),
        "--parameter-overrides",
        f"Architecture={architecture}",
    ]
    run(command, {**CREDENTIALS, "ARCHITECTURE": architecture, "SAM_CLI_TELEMETRY": "0"}, "sam build")


def run(command: list[str], environment: dict[str, str], name: str) -> None:
    """Raises StackError with the end of its output when it fails. An end in the middle ends all that it started."""
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate()
    except BaseException:
        end_group(process)
        raise
    if process.returncode:
        raise StackError(f"{name} failed:\n" + "\n".join(output.splitlines()[-25:]))


def _remove(folder: Path) -> None:
    """Remove a run's folder, which has thousands of files for each worker of a function: several at a time."""
    parts = [part for each in folder.iterdir() if each.is_dir() for part in each.iterdir() if part.is_dir()]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(partial(shutil.rmtree, ignore_errors=True), parts))
    shutil.rmtree(folder, ignore_errors=True)


def _is_up(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as response:
            return bool(response.status == 200)
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def end_on_sigterm() -> None:
    """Make SIGTERM do what Ctrl-C does."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)


def main() -> int:
    end_on_sigterm()
    if running := running_stack():
        print(
            f"A local stack runs already: {running['web_url']} (process {running['pid']}). End that one first.",
            file=sys.stderr,
        )
        return 1
    try:
        with LocalStack(endpoint_port=os.environ.get("ENDPOINT_PORT"), web_port=os.environ.get("WEB_PORT")) as stack:
            print(
                f"Ready.\n  pages  {stack.web_url}\n  mail   {stack.mail_url}\n  AWS    {stack.endpoint_url}\nCtrl-C ends it."
            )
            Event().wait()
    except KeyboardInterrupt:
        print("Ended.")
        return 0
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
