"""Fetches in memory: a world whose districts have sources, and doubles in their place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from functions.roster_fetch.fetch import Fetch, StepResult
from functions.roster_fetch.fetch_steps import FetchSteps, Outside
from functions.roster_fetch.receive_source import ReceiveSource, Taken
from functions.roster_fetch.start_due import StartDue
from functions.roster_fetch.take_deliveries import TakeDeliveries
from local.doubles.classlink_rosters import PARTNER_TOKEN
from local.doubles.oneroster import CLIENT_ID, CLIENT_SECRET
from local.doubles.roster_server import WithinProcess
from shared.domain.report import Upload
from shared.hubs.public_web import Web
from shared.stores.delivered_files import DeliveredFiles
from shared.stores.deliveries import DeliveryStore
from shared.stores.fetched_rosters import FetchedRosters
from shared.stores.fetches import FetchStarter, FetchStore
from shared.stores.import_files import ImportFiles
from shared.stores.imports import ImportHistory
from shared.stores.uploads import Uploads
from tests.account import ACCOUNT, REGION, STACK
from tests.harness import World
from tests.state_machine import FETCH

SECRETS = f"{STACK}/sources/"
_MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{STACK}-roster-fetch"
HOST = "https://sis.example"
TENANT = "tenant-of-lakeside"
OAUTH2: Mapping[str, Any] = {"kind": "oauth2", "token_url": f"{HOST}/token", "secret": "oneroster"}
OAUTH1: Mapping[str, Any] = {"kind": "oauth1", "secret": "oneroster"}
ONEROSTER: Mapping[str, Any] = {"kind": "oneroster", "base_url": f"{HOST}/ims/oneroster/v1p1", "auth": OAUTH2}
ONEROSTER_1_2: Mapping[str, Any] = {**ONEROSTER, "base_url": HOST, "version": "1.2"}
CLASSLINK: Mapping[str, Any] = {
    "kind": "classlink", "base_url": HOST, "auth": {"kind": "bearer", "secret": f"{SECRETS}lakeside/classlink"},
}  # fmt: skip
CLEVER: Mapping[str, Any] = {
    "kind": "clever", "base_url": HOST, "auth": {"kind": "oauth2", "token_url": f"{HOST}/oauth/tokens", "secret": "clever"},
}  # fmt: skip

CLEVER_FILES: Mapping[str, bytes] = {
    "schools.csv": b"School_id,School_name,School_number\nh1,Lakeside Middle,1\n",
    "students.csv": b"School_id,Student_id,Last_name,First_name\nh1,s1,Person,Kim\n",
    "teachers.csv": b"School_id,Teacher_id,Last_name,First_name,Teacher_email\nh1,t1,Person,Ada,t1@lakeside.example\n",
    "sections.csv": b"School_id,Section_id,Teacher_id,Name\nh1,c1,t1,Algebra\n",
    "enrollments.csv": b"School_id,Section_id,Student_id\nh1,c1,s1\n",
}
"""A district of one teacher and one student, as Clever's files have it."""


class Crashed(BaseException):
    """The worker is gone."""


class FetchWorld(World):
    """A world with sources. ``page`` is how many rows are asked for in a page, if not as many as the vendor takes."""

    def __init__(self, web: Web | None = None, **given: Any) -> None:
        super().__init__(**given)
        self.web: Web | None = web
        self.waited: list[float] = []
        client = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        self.secrets: dict[str, Mapping[str, str]] = {
            f"{SECRETS}lakeside/oneroster": client,
            f"{SECRETS}lakeside/clever": client,
            f"{SECRETS}lakeside/classlink": {"token": PARTNER_TOKEN},
        }
        self.read: list[str] = []
        """Names of the secrets that were read."""
        self.fetches = FetchStore(self.table)
        self.starter = FetchStarter(self.states, _MACHINE)
        self.local = False

    @property
    def within(self) -> WithinProcess:
        """The web of doubles within this process, with what it was asked."""
        assert isinstance(self.web, WithinProcess)
        return self.web

    def receive_source(self) -> ReceiveSource:
        return ReceiveSource(
            self.fetches, self.starter, self.districts, self.reports, read=Uploads(self.s3, "rosters").find,
            alarm=self._alarm, clock=self.clock, secrets=SECRETS, local=self.local,
        )  # fmt: skip

    def start_due(self) -> int:
        due = StartDue(self.fetches, self.starter, self.districts, clock=self.clock, secrets=SECRETS, local=self.local)
        return due.run()

    def deliveries(self) -> TakeDeliveries:
        return TakeDeliveries(
            DeliveryStore(self.table), DeliveredFiles(self.s3, "rosters"), self.reports, self.districts, alarm=self._alarm,
            clock=self.clock,
        )  # fmt: skip

    def look_at_deliveries(self, **time: float) -> None:
        """Let the schedule look, each quarter of an hour, for so long."""
        ends = self.now + timedelta(**time)
        while self.now < ends:
            self.pass_time(minutes=15)
            self.deliveries().run()
            self.take_fetched()

    def people_who_stand(self) -> set[str]:
        """Teachers, and the students who are in their class."""
        standing = [(pk, item) for (pk, sk), item in self.table.items.items() if sk == "ROSTER" and item["active"]]
        return {pk.rpartition("#")[2] for pk, item in standing if item["role"] == "teacher" or item.get("attends")}

    def fetch_steps(self) -> FetchSteps:
        assert self.web is not None
        outside = Outside(
            self.web, self._secret, self._pause, lambda: 1.0, self.clock, self.new_id, SECRETS, self.local
        )
        return FetchSteps(
            self.fetches, self.districts, Uploads(self.s3, "rosters"), ImportFiles(self.s3, "snapshots"),
            FetchedRosters(self.s3, "rosters"), self.reports, ImportHistory(self.table), outside,
        )  # fmt: skip

    def _secret(self, name: str) -> Mapping[str, str] | None:
        self.read.append(name)
        return self.secrets.get(name)

    def _pause(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.sleep(seconds)

    # What operators write.

    def put_source(self, source: Mapping[str, Any] | bytes, district_id: str = "lakeside") -> Taken:
        body = source if isinstance(source, bytes) else json.dumps(source).encode()
        return self.receive_source().receive(self.arrive(f"sources/{district_id}/source.json", body))

    def ask(self, district_id: str = "lakeside", name: str = "now") -> Upload:
        """Ask for a fetch, which is started and not yet run."""
        upload = self.arrive(f"fetches/{district_id}/{name}.json", b"{}")
        self.receive_source().receive(upload)
        return upload

    def fetch(self, district_id: str = "lakeside") -> dict[str, Any]:
        """Fetch now, and import what was fetched. Return the newest report."""
        self.ask(district_id)
        self.run_fetches()
        return self.latest(district_id)

    def night(self) -> None:
        """The next night's fetches, and their imports."""
        self.pass_time(days=1)
        self.start_due()
        self.run_fetches()

    def run_fetches(self) -> None:
        """Run what was started, and what comes of it."""
        while self.states.started:
            name = next(iter(self.states.started))
            execution = json.loads(self.states.started.pop(name))
            self.run_fetch(execution["fetch"])
            self.take_fetched()

    def run_fetch(self, event: dict[str, Any]) -> str:
        """Run a fetch as its state machine does. Return how it ended, or ``wait``."""
        position = FETCH.start({"fetch": event})
        while FETCH.kind(position) not in ("Succeed", "Fail"):
            if FETCH.kind(position) == "Wait":
                if position.data["answer"]["next"] == "wait":
                    return "wait"
                self.pass_time(seconds=60)
                position = FETCH.after(position)
                continue
            position = FETCH.run(position, self.run_fetch_step)
        answer = position.data["answer"]
        return str(answer.get("status") or answer["next"])

    def run_fetch_step(self, call: dict[str, Any]) -> StepResult:
        return self.fetch_steps().run(call["step"], Fetch.from_event(call["fetch"]))

    def take_fetched(self) -> None:
        """Let S3 tell of fetched rosters, and import them."""
        for bucket, key in list(self.s3.objects):
            is_zip = "/delivered-" in key and key.endswith(".zip")
            if bucket == "rosters" and key not in self.told and (key.endswith("/_complete") or is_zip):
                self.told.add(key)
                self.put(key, self.s3.objects[bucket, key])

    @property
    def told(self) -> set[str]:
        """Rosters whose arrival was taken."""
        return self.__dict__.setdefault("_told", set())


def with_double(double: Any, source: Mapping[str, Any], **settings: Any) -> FetchWorld:
    """A world with the district ``lakeside``, whose source is this double."""
    world = FetchWorld(WithinProcess(double), is_metered=False)
    world.register(clever_district_id=TENANT, classlink_tenant_id=TENANT, **settings)
    world.put_source(source)
    return world
