"""A new student information system: a whole import with all numbers and class ids new, through the real steps (B11, B8)."""

from __future__ import annotations

import csv
import io
import json
import sys
from typing import Any

from benchmarks.figures import Figures
from shared.domain.id_changes import IdChange, Known
from shared.domain.roster import Role
from tests.builders import CLASSES, ENROLLMENTS, USERS, account
from tests.harness import World, decide
from tests.renumbered import District, renumbered
from tests.renumbered import figures as share_of

PEOPLE = 100_000
MATCHED = 500
"""So many teachers have an account of their own."""


def measure(figures: Figures, people: int = PEOPLE) -> None:
    """Every teacher was mailed or is matched; then everybody has another number."""
    district = renumbered(people, seed=1)
    world = _before(district)
    units, waiting = _units(world), len(world.sqs.messages)
    report = world.upload(_roster(district.new), name="new-system")
    name = f"{len(district.old):,} people with new numbers"
    code = report.get("reason", {}).get("code")
    figures.holds(f"{name} wait", code, holds=(report["status"], code) == ("held", "ids_changed"))
    decide(world, report, "approve")
    report = world.latest()
    changes = _changes(world, report)
    precision, found = share_of(district, changes)
    figures.add(f"{name}: pairs that are wrong", 100 * (1 - precision), "%", limit=0.1)
    figures.add(f"{name}: people who are not found", 100 * (1 - found), "%", limit=1)
    leavers = len(district.old) - len(changes)
    figures.add(
        f"{name}: removed of those who are found", max(0, report["users"]["removed"] - leavers), "people", limit=0
    )
    mails = len(world.sqs.messages) - waiting
    figures.add(f"{name}: mails to others than they are due to", mails - _due(district, changes), "mails", limit=0)
    figures.add(f"{name}: write units per person", (_units(world) - units) / len(district.old), "units", limit=12)


def _due(district: District, changes: list[IdChange]) -> int:
    """How many mails are due: to teachers who are new, or who were not found; and to those whose address is another one."""
    old = {known.person_id: known for known in district.old}
    before = {change.new: old[change.old] for change in changes}
    return sum(
        known.person_id not in before or before[known.person_id].official_email != known.official_email
        for known in district.new
        if known.role is Role.TEACHER
    )


def _before(district: District) -> World:
    world = World()
    world.register(email_domains=["x.org"], first_wave=10**8)
    teachers = [known for known in district.old if known.role is Role.TEACHER and known.official_email]
    for known in teachers[:MATCHED]:
        name = f"{known.given_name} {known.family_name}"
        world.feed(account(f"of-{known.person_id}", known.official_email or "", display_name=name))
    report = world.upload(_roster(district.old), name="old-system")
    if report["status"] != "completed":
        raise RuntimeError(json.dumps(report.get("reason")))
    return world


def _units(world: World) -> int:
    return sum(world.table.meter.write_units.values())


def _changes(world: World, report: dict[str, Any]) -> list[IdChange]:
    """The pairs of id-changes.csv."""
    body = world.s3.objects["reports", report["id_changes_key"]].decode("utf-8-sig")
    rows = csv.DictReader(io.StringIO(body))
    return [
        IdChange(row["oldSourcedId"], row["newSourcedId"], row["because"]) for row in rows if row["kind"] != "class"
    ]


def _roster(everybody: list[Known]) -> dict[str, str | bytes]:
    """These people as OneRoster 1.1 CSV."""
    users, enrollments, classes = [USERS], [ENROLLMENTS], dict[str, str]()
    for known in everybody:
        school, role = known.school_ids[0], known.role.value
        users.append(
            f"{known.person_id},,,true,{school},{role},{known.username or known.person_id},,{known.given_name},"
            f"{known.family_name},{known.official_email or ''},\n"
        )
        for class_id in known.class_ids:
            classes[class_id] = school
            enrollments.append(f"e-{class_id}-{known.person_id},,,{class_id},{school},{known.person_id},{role}\n")
    rows = [f"{class_id},,,Class {class_id[1:]},k,scheduled,{school},t1\n" for class_id, school in classes.items()]
    schools = sorted(set(classes.values()))
    return {
        "manifest.csv": "propertyName,value\nmanifest.version,1.0\noneroster.version,1.1\n",
        "orgs.csv": "sourcedId,status,dateLastModified,name,type\n" + "".join(f"{s},,,{s},school\n" for s in schools),
        "users.csv": "".join(users),
        "classes.csv": CLASSES + "".join(rows),
        "enrollments.csv": "".join(enrollments),
    }


if __name__ == "__main__":
    made = Figures()
    measure(made, int(sys.argv[1]) if len(sys.argv) > 1 else PEOPLE)
