"""Sources on the local stack: fetched when told, four kinds at once; and files that came by SFTP (B10)."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from time import monotonic
from typing import Any

import pytest

from local.demo_steps import Journey, until
from local.doubles.classlink_rosters import PARTNER_TOKEN, ClassLinkRosters
from local.doubles.clever_rosters import CleverRosters
from local.doubles.oneroster import CLIENT_ID, CLIENT_SECRET, OneRoster
from local.doubles.roster_server import Server
from local.sample_district import SampleDistrict
from local.stack import LocalStack
from tests.builders import enrolled, roster, user

PEOPLE = [f"s{n}" for n in range(30)]
CLIENT = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}


def one_roster() -> dict[str, bytes]:
    files = roster(user("t1", "teacher"), *map(user, PEOPLE), enrollments="".join(map(enrolled, PEOPLE)))
    return {name: body.encode() if isinstance(body, str) else body for name, body in files.items()}


def clever() -> dict[str, bytes]:
    students = "".join(f"h1,{each},Person,Kim\n" for each in PEOPLE)
    return {
        "schools.csv": b"School_id,School_name,School_number\nh1,Lakeside Middle,1\n",
        "students.csv": b"School_id,Student_id,Last_name,First_name\n" + students.encode(),
        "teachers.csv": b"School_id,Teacher_id,Last_name,First_name,Teacher_email\nh1,t1,Person,Ada,t1@lakeside.example\n",
        "sections.csv": b"School_id,Section_id,Teacher_id,Name\nh1,c1,t1,Algebra\n",
        "enrollments.csv": b"School_id,Section_id,Student_id\n"
        + "".join(f"h1,c1,{each}\n" for each in PEOPLE).encode(),
    }


class Sources:
    """Districts, each with a source on this machine."""

    def __init__(self, stack: LocalStack, journey: Journey, opened: ExitStack) -> None:
        self._stack = stack
        self._journey = journey
        self._opened = opened
        self._name = stack.outputs["ImportStateMachineArn"].split(":")[6].removesuffix("-import")

    def add(self, kind: str) -> str:
        """Set up a source of this kind. Return its district."""
        district_id = f"source-{kind}"
        double, source, secret = self._made(kind, district_id)
        server = Server(double)
        self._opened.callback(server.stop)
        written = json.loads(json.dumps(source).replace("ORIGIN", server.origin))
        name = f"{self._name}/sources/{district_id}/sis"
        self._stack.client("secretsmanager").create_secret(Name=name, SecretString=json.dumps(secret))
        settings = {"name": kind, "email_domains": [f"{district_id}.example.org"], "time_zone": "America/New_York"}
        settings |= {
            "clever": {"clever_district_id": district_id},
            "classlink": {"classlink_tenant_id": district_id},
        }.get(kind, {})
        self._journey.put(f"districts/{district_id}/district.json", json.dumps(settings).encode())
        self._journey.put(f"sources/{district_id}/source.json", json.dumps(written).encode())
        return district_id

    @staticmethod
    def _made(kind: str, district_id: str) -> tuple[Any, Mapping[str, Any], Mapping[str, str]]:
        auth = {"kind": "oauth2", "token_url": "ORIGIN/token", "secret": "sis"}
        match kind:
            case "clever":
                source = {"kind": "clever", "base_url": "ORIGIN", "auth": {**auth, "token_url": "ORIGIN/oauth/tokens"}}
                return CleverRosters(clever(), district_id), source, CLIENT
            case "classlink":
                double = ClassLinkRosters(OneRoster(one_roster(), auth="bearer"), district_id)
                source = {"kind": "classlink", "base_url": "ORIGIN", "auth": {"kind": "bearer", "secret": "sis"}}
                return double, source, {"token": PARTNER_TOKEN}
            case "signed":
                source = {"kind": "oneroster", "base_url": "ORIGIN", "auth": {"kind": "oauth1", "secret": "sis"}}
                return OneRoster(one_roster(), auth="oauth1"), source, CLIENT
        return OneRoster(one_roster()), {"kind": "oneroster", "base_url": "ORIGIN", "auth": auth}, CLIENT

    def fetch(self, districts: list[str]) -> dict[str, tuple[float, dict[str, Any]]]:
        """Ask for all at once. Return seconds and report of each."""
        began = monotonic()
        for district_id in districts:
            self._journey.put(f"fetches/{district_id}/now.json", b"{}")
        found: dict[str, tuple[float, dict[str, Any]]] = {}

        def look() -> bool:
            for district_id in set(districts) - set(found):
                if report := self._journey.report(f"reports/{district_id}/latest.json"):
                    found[district_id] = monotonic() - began, report
            return len(found) == len(districts)

        until(look, seconds=150, name="the reports of what was fetched")
        return found


@pytest.mark.slow
@pytest.mark.parametrize(
    "kinds", [["oneroster"], ["signed", "classlink", "clever", "oneroster-again"]], ids=["one", "four"]
)
def test_sources_are_fetched_at_once_and_read_like_uploads(
    stack: LocalStack, sample: SampleDistrict, kinds: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with ExitStack() as opened:
        sources = Sources(stack, Journey(stack, sample), opened)
        found = sources.fetch([sources.add(kind) for kind in kinds])
    with capsys.disabled():
        for district_id, (seconds, report) in sorted(found.items()):
            told = f"{report['status']}, {report['users']['created']} people"
            sys.stdout.write(f"\n{district_id}: {told}, {seconds:.1f} s after it was asked for")
        sys.stdout.write("\n")
    for district_id, (_, report) in found.items():
        assert report["status"] == "completed", report
        assert report["upload"]["key"].startswith(f"rosters/{district_id}/fetched-")
        assert (report["users"]["created"], report["enrollments"]["created"]) == (
            len(PEOPLE) + 1,
            len(PEOPLE) + ("clever" in district_id),
        )


@pytest.mark.slow
def test_files_that_came_by_sftp_are_read_like_an_upload(stack: LocalStack, sample: SampleDistrict) -> None:
    journey, district_id = Journey(stack, sample), "sends-files"
    settings = {"name": "Sends files", "email_domains": ["sends-files.example.org"], "time_zone": "America/New_York"}
    journey.put(f"districts/{district_id}/district.json", json.dumps(settings).encode())
    for name, body in {**one_roster(), "_complete": b""}.items():
        journey.put(f"deliveries/{district_id}/{name}", body)
    report = until(lambda: journey.report(f"reports/{district_id}/latest.json"), seconds=120, name="its report")
    assert (report["status"], report["users"]["created"]) == ("completed", len(PEOPLE) + 1)
    assert report["upload"]["key"].startswith(f"rosters/{district_id}/delivered-")
