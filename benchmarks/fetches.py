"""What a fetch of a large district costs: requests, time, memory of a worker (B8, B10).

The steps are the product's own, in a process of their own; S3 is a folder, and the source answers at once within it. A source
adds its own time to each request: what is printed is ours alone.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.figures import Figures
from benchmarks.folder_s3 import FolderS3
from benchmarks.memory import peak_memory
from shared.hubs.public_web import Answer
from tests.fetching import CLEVER, ONEROSTER, TENANT, FetchWorld
from tests.state_machine import FETCH

_ENROLLMENTS, _CLASS = 7, 30
"""Classes of a student, and students of a class (docs/cost.md)."""
_MOST_MEMORY = 256
_PAGE = 5_000
_DOLLARS_OF_A_GB_SECOND, _DOLLARS_OF_1000_PUTS = 0.0000133334, 0.005
_MEMORY_OF_THE_FUNCTION = 1.769


class LargeDistrict:
    """A district that is made up as it is asked for: nothing of it is in memory."""

    def __init__(self, people: int, kind: str) -> None:
        self.people = people
        self.classes = people * _ENROLLMENTS // _CLASS
        self.kind = kind
        self.requests = 0

    def send(self, _method: str, address: str, *, headers: Mapping[str, str], **_: Any) -> Answer:
        """As ``Web.send``."""
        del headers
        self.requests += 1
        path, _, text = address.partition("?")
        query = dict(pair.partition("=")[::2] for pair in text.split("&") if pair)
        name = path.rpartition("/")[2]
        if name == "token":
            return _json({"access_token": "t", "expires_in": 3600})
        if self.kind == "clever":
            return self._clever(name, query)
        size = {"orgs": 1, "classes": self.classes, "users": self.people, "enrollments": self.people * _ENROLLMENTS}
        total = size.get(name, 0)
        offset, limit = int(query["offset"]), int(query["limit"])
        rows = [self._row(name, n) for n in range(offset, min(total, offset + limit))]
        return _json({name: rows}, {"x-total-count": str(total)})

    def _row(self, name: str, n: int) -> Mapping[str, object]:
        row: dict[str, object] = {"sourcedId": f"{name[0]}{n:08d}", "status": "active"}
        match name:
            case "users":
                role = "teacher" if n % 16 == 0 else "student"
                return row | {
                    "enabledUser": "true", "orgs": [{"sourcedId": "o00000000"}], "role": role, "username": f"user{n}",
                    "userIds": [], "givenName": f"Given{n % 977}", "familyName": f"Family{n % 7919}",
                    "email": f"user{n}@lakeside.example", "grades": ["07"],
                }  # fmt: skip
            case "classes":
                return row | {"title": f"Class {n}", "classType": "scheduled", "school": {"sourcedId": "o00000000"}}
            case "enrollments":
                place = {
                    "class": {"sourcedId": f"c{n // _CLASS:08d}"},
                    "user": {"sourcedId": f"u{n % self.people:08d}"},
                }
                return row | place | {"school": {"sourcedId": "o00000000"}, "role": "student", "primary": "false"}
        return row | {"name": "Lakeside", "type": "school"}

    def _clever(self, name: str, query: Mapping[str, str]) -> Answer:
        if name == "tokens":
            return _json({"data": [{"owner": {"id": TENANT}, "access_token": "t"}]})
        if name == "districts":
            return _json({"data": [{"data": {"id": TENANT, "state": "running", "last_sync": "2026-09-01"}}]})
        if name == "events":
            return Answer(403, {}, b"{}")
        size = {"schools": 1, "sections": self.classes, "student": self.people, "teacher": self.people // 16}
        kind = query.get("role", name)
        total, limit = size.get(kind, 0), int(query["limit"])
        begin = int(query["starting_after"][-8:]) + 1 if "starting_after" in query else 0
        rows = [{"data": self._clever_row(kind, n)} for n in range(begin, min(total, begin + limit))]
        more = begin + limit < total
        last = f"{path_of(kind)}?starting_after={begin + limit - 1:024d}"
        return _json({"data": rows, "links": [{"rel": "next", "uri": last}] if more else []})

    def _clever_row(self, kind: str, n: int) -> Mapping[str, object]:
        row: dict[str, object] = {"id": f"{n:024d}", "sis_id": f"{kind[0]}{n}"}
        if kind in ("student", "teacher"):
            of = {kind: {"sis_id": f"{kind[0]}{n}", "school": f"{0:024d}", "schools": [f"{0:024d}"], "grade": "7"}}
            return row | {
                "name": {"first": f"Given{n % 977}", "last": f"Family{n % 7919}"},
                "email": f"{n}@x.example",
                "roles": of,
            }
        if kind == "sections":
            students = [f"{(n * _CLASS + k) % self.people:024d}" for k in range(_CLASS)]
            return row | {
                "name": f"Class {n}",
                "school": f"{0:024d}",
                "teacher": f"{n % max(1, self.people // 16):024d}",
                "students": students,
            }
        return row | {"name": "Lakeside", "school_number": "1"}


def path_of(kind: str) -> str:
    """Where Clever has a collection."""
    return "/v3.1/users" if kind in ("student", "teacher") else f"/v3.1/{kind}"


def _json(body: object, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(200, headers or {}, msgspec.json.encode(body))


def fetch(people: int, kind: str) -> dict[str, float]:
    """Fetch a district in this process. Return what it took."""
    with tempfile.TemporaryDirectory() as folder:
        source = LargeDistrict(people, kind)
        world = FetchWorld(source, is_metered=False)
        world.register(clever_district_id=TENANT)
        world.put_source(CLEVER if kind == "clever" else ONEROSTER)
        world.ask()
        execution = json.loads(world.states.started.popitem()[1])
        objects, s3 = world.s3.objects, FolderS3(Path(folder))
        for (bucket, key), body in objects.items():
            s3.put_object(Bucket=bucket, Key=key, Body=body)
        world.s3 = s3  # type: ignore[assignment]
        began, cpu = time.monotonic(), time.process_time()
        position = FETCH.start(execution)
        while FETCH.has_calls(position):
            position = FETCH.run(position, world.run_fetch_step)
        assert position.data["answer"]["status"] == "completed"
        rows = sum(_lines(Path(folder) / "rosters"))
        return {
            "requests": source.requests,
            "seconds": time.monotonic() - began,
            "cpu": time.process_time() - cpu,
            "memory": peak_memory() / 1e6,
            "s3": s3.requests,
            "rows": rows,
        }


def _lines(folder: Path) -> Iterator[int]:
    for path in folder.iterdir():
        if "fetched-" in path.name:
            with path.open("rb") as opened:
                yield sum(1 for _ in opened)


def measure(figures: Figures, people: int) -> None:
    """Requests, seconds, memory and dollars of a whole fetch, at a page of 5,000 rows."""
    for kind in ("oneroster", "clever"):
        command = [sys.executable, "-m", "benchmarks.fetches", str(people), kind]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
        name = f"fetch of {people:,} people, {kind}"
        pages = found["rows"] / _PAGE
        figures.add(f"{name}: requests at a page of {_PAGE:,}", found["requests"], "requests", limit=pages * 1.05 + 20)
        figures.add(f"{name}: our own time", found["seconds"], "s")
        figures.add(f"{name}: memory of a worker", found["memory"], "MB", limit=_MOST_MEMORY)
        dollars = (
            found["cpu"] * _MEMORY_OF_THE_FUNCTION * _DOLLARS_OF_A_GB_SECOND
            + found["s3"] / 1000 * _DOLLARS_OF_1000_PUTS
        )
        figures.add(f"{name}: cost, without the source's own time", dollars, "$")


if __name__ == "__main__":
    sys.stdout.write(json.dumps(fetch(int(sys.argv[1]), sys.argv[2])) + "\n")
