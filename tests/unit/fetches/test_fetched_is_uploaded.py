"""A fetched roster has a file's guarantees: the same report as the same files uploaded, but for times, key and format (B10)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from benchmarks.districts import Shape, write
from local.doubles.classlink_rosters import ClassLinkRosters
from local.doubles.clever_rosters import CleverRosters
from local.doubles.oneroster import OneRoster
from local.doubles.roster_rows import by_role, clever_rows
from tests.corpus import others, own
from tests.corpus.sheet import csv_files
from tests.fetching import CLASSLINK, CLEVER, ONEROSTER, ONEROSTER_1_2, TENANT, FetchWorld, with_double

COUNTED = ("status", "reason", "users", "classes", "enrollments", "matching", "activations")
OF_FILES_ALONE = {
    "part_not_usable", "status_in_bulk", "manifest_not_read", "files_not_read", "repeated_enrollments",
}  # fmt: skip
"""What can be said of a file's form, and not of rows that come by an API."""


def told(report: dict[str, Any]) -> dict[str, Any]:
    """A report without times, keys, the format, and where a row stands."""
    rejects = sorted((each["code"], each["column"] or "", each.get("value") or "") for each in report["rejects"])
    notes = sorted((each["code"], each.get("count")) for each in report["notes"] if each["code"] not in OF_FILES_ALONE)
    return {**{name: report.get(name) for name in COUNTED}, "rejects": rejects, "notes": notes}


def uploaded(files: Mapping[str, bytes]) -> tuple[FetchWorld, dict[str, Any]]:
    world = FetchWorld(is_metered=False)
    world.register(clever_district_id=TENANT, classlink_tenant_id=TENANT)
    return world, world.upload(files)


def standing(world: FetchWorld) -> set[tuple[str, str, str]]:
    """Who stands, and in which classes."""
    return {
        (pk, str(item.get("given_name")), str((item.get("attends"), item["active"])))
        for (pk, sk), item in world.table.items.items()
        if sk == "ROSTER"
    }


def by_version(files: Mapping[str, bytes]) -> str:
    return "1.2" if any(name.lower().endswith("roles.csv") for name in files) else "1.1"


OWN, OTHERS = own.make(), others.find()
CORPORA = [(OWN, ()), *([(OTHERS, (pytest.mark.slow,))] if OTHERS else [])]
"""Others' sets where they are on the machine."""
ONEROSTER_SETS = [
    pytest.param(each.files, id=f"{corpus}: {each.name}", marks=marks)
    for corpus, marks in CORPORA
    for each in corpus.rosters
    if "users.csv" in each.files and "manifest.csv" in each.files and "1.0" not in each.name
]
CLEVER_SETS = [pytest.param(corpus.clever.files, id=str(corpus), marks=marks) for corpus, marks in CORPORA]


@pytest.mark.parametrize("files", ONEROSTER_SETS)
def test_a_set_that_is_fetched_from_oneroster_is_as_if_it_was_uploaded(files: Mapping[str, bytes]) -> None:
    version = by_version(files)
    world = with_double(OneRoster(files, version), ONEROSTER_1_2 if version == "1.2" else ONEROSTER)

    fetched = world.fetch()

    other, report = uploaded(files)
    assert told(fetched) == told(report)
    assert standing(world) == standing(other)


@pytest.mark.parametrize("files", [each for each in ONEROSTER_SETS if by_version(each.values[0]) == "1.1"])
def test_a_set_that_is_fetched_from_classlink_is_as_if_it_was_uploaded(files: Mapping[str, bytes]) -> None:
    world = with_double(ClassLinkRosters(OneRoster(files, auth="bearer"), TENANT), CLASSLINK)
    assert told(world.fetch()) == told(uploaded(files)[1])


@pytest.mark.parametrize("files", CLEVER_SETS)
def test_a_set_that_is_fetched_from_clever_is_as_if_it_was_uploaded(files: Mapping[str, bytes]) -> None:
    world = with_double(CleverRosters(files, TENANT), CLEVER)

    fetched = world.fetch()

    other, report = uploaded(files)
    assert told(fetched) == told(report)
    assert standing(world) == standing(other)


@pytest.mark.parametrize("form", ["oneroster-1.1", "oneroster-1.2", "clever"])
def test_a_generated_district_that_is_fetched_is_as_if_it_was_uploaded(form: str, tmp_path: Path) -> None:
    write(Shape(200, seed=7, format=form), tmp_path)
    files = csv_files(tmp_path)
    if form == "clever":
        world = with_double(CleverRosters(files, TENANT), CLEVER)
    else:
        version = form.removeprefix("oneroster-")
        world = with_double(OneRoster(files, version), ONEROSTER_1_2 if version == "1.2" else ONEROSTER)

    fetched = world.fetch()

    other, report = uploaded(files)
    assert told(fetched) == told(report)
    assert standing(world) == standing(other)
    # And what was uploaded before stands when it is fetched: nobody is new, nobody is mailed again.
    other.web = world.web
    other.put_source(CLEVER if form == "clever" else ONEROSTER_1_2 if "1.2" in form else ONEROSTER)
    again = other.fetch()
    assert again["users"]["unchanged"] == again["users"]["read"] > 100
    assert again["activations"] == {"queued": 0, "withheld": 0}


def test_no_password_phone_or_birthday_is_kept_anywhere(tmp_path: Path) -> None:
    write(Shape(100, seed=3, format="clever"), tmp_path)
    files = csv_files(tmp_path)
    world = with_double(CleverRosters(files, TENANT), CLEVER)
    births = {
        str(row["dob"])
        for each in by_role(clever_rows(files, TENANT)["users"], "student")
        for row in each["roles"].values()
    }

    world.fetch()

    kept = b"".join(
        body for (bucket, _), body in world.s3.objects.items() if bucket in ("rosters", "snapshots", "reports")
    )
    assert not [each for each in births if each and each.encode() in kept]
    assert b"district_password" not in kept


def test_a_strict_provider_of_1_2_is_asked_for_what_it_knows_alone() -> None:
    """REST has other names for preferred names than the CSV binding, and no orgs and role of a user."""
    files = {
        "manifest.csv": b"propertyName,value\nmanifest.version,1.0\noneroster.version,1.2\n",
        "orgs.csv": b"sourcedId,status,dateLastModified,name,type,identifier\no1,,,Lakeside Middle,school,1\n",
        "users.csv": b"sourcedId,status,dateLastModified,enabledUser,username,givenName,familyName,preferredGivenName,"
        b"preferredFamilyName,email\ns1,,,true,s1,Alexandra,Person,Alex,Byrne,s1@lakeside.example\n",
        "roles.csv": b"sourcedId,status,dateLastModified,userSourcedId,roleType,role,orgSourcedId\nr1,,,s1,primary,student,o1\n",
        "classes.csv": b"sourcedId,status,dateLastModified,title,classType,schoolSourcedId\nc1,,,Algebra,scheduled,o1\n",
        "enrollments.csv": b"sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,userSourcedId,role\n"
        b"e1,,,c1,o1,s1,student\n",
    }
    world = with_double(OneRoster(files, "1.2"), ONEROSTER_1_2)
    world.fetch()
    asked = [each.query for each in world.within.asked if each.path.endswith("/users")]
    assert asked
    assert all("fields" in query for query in asked)
    other, _ = uploaded(files)
    assert standing(world) == standing(other)
    (item,) = [item for (_, sk), item in world.table.items.items() if sk == "ROSTER"]
    (same,) = [item for (_, sk), item in other.table.items.items() if sk == "ROSTER"]
    assert item == same
    assert item["given_name"] == "Alex"
