"""Rosters of the simulated districts, and their arrival."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from shared.domain.report import Upload
from simulation.simulator import CANARY, Simulation
from tests.builders import CLASSES, ENROLLMENTS, USERS
from tests.fakes.aws import etag
from tests.harness import zipped

CLASSES_OF_ALL = "c1,,,Algebra,k1,scheduled,o1,t1\n"


def person(key: str, *, given: str = "Kim", ids: str = "", email: str = "", status: str = "") -> str:
    """A row of users.csv; the key says whether it is a teacher."""
    role = "teacher" if key.startswith("t") else "student"
    address = email or f"{key}@lakeside.example"
    return f"{key},{status},,true,o1,{role},{key},{ids},{given},{CANARY},{address},{CANARY}-pw\n"


def roster(
    people: Iterable[str], *, enrolled: str = "", classes: str = CLASSES_OF_ALL, in_classes: tuple[str, ...] = ("c1",)
) -> bytes:
    """A OneRoster 1.1 zip with these people, and who of them is in these classes."""
    rows = [
        f"e{of}{who},,,{of},o1,{who},{'teacher' if who.startswith('t') else 'student'}\n"
        for of in in_classes
        for who in enrolled.split()
    ]
    return zipped(
        {
            "manifest.csv": "propertyName,value\nmanifest.version,1.0\noneroster.version,1.1\n",
            "users.csv": USERS + "".join(people),
            "classes.csv": CLASSES + classes,
            "enrollments.csv": ENROLLMENTS + "".join(rows),
        }
    )


def upload(
    sim: Simulation, name: str, body: bytes, *, after: float, district_id: str = "lakeside", told: float = 0
) -> Upload:
    """Have a roster put into the bucket so many seconds after the start, of which S3 tells ``told`` seconds later."""
    key = f"rosters/{district_id}/{name}.zip"
    sim.world.s3.objects["rosters", key] = body
    when = (sim.began + timedelta(seconds=after)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    uploaded = Upload(key, etag(body), when, f"{int(after):016X}")
    sim.send("s3", uploaded, after=after + told)
    return uploaded
