"""Which version of OneRoster an upload without a manifest is: its files and the columns of users.csv tell it."""

from __future__ import annotations

import pytest

from tests.builders import roster, user
from tests.harness import World

TEACHER = {
    "sourcedId": "t1",
    "status": "active",
    "givenName": "Ann",
    "familyName": "Lee",
    "email": "t1@lakeside.example",
}


def without_a_manifest(*, roles: str = "", **more: str) -> dict[str, str | bytes]:
    """A teacher's roster, with more columns in users.csv."""
    files = roster()
    del files["manifest.csv"]
    row = TEACHER | {"orgSourcedIds": "o1", "username": "t1", "enabledUser": "true", "dateLastModified": ""} | more
    files["users.csv"] = f"{','.join(row)}\n{','.join(row.values())}\n"
    return {**files, "roles.csv": roles} if roles else files


ROLES = "sourcedId,userSourcedId,roleType,role,orgSourcedId\nr1,t1,primary,teacher,o1\n"
UPLOADS = {
    "users.csv of 1.0 has one user id": ("1.0", without_a_manifest(role="teacher", userId="u1")),
    "users.csv of 1.1 has several": ("1.1", without_a_manifest(role="teacher", userIds="{Clever:u1}")),
    "users.csv with both is of 1.1": ("1.1", without_a_manifest(role="teacher", userId="u1", userIds="")),
    "users.csv with neither is of 1.1": ("1.1", without_a_manifest(role="teacher")),
    "roles.csv came with 1.2": ("1.2", without_a_manifest(userIds="", roles=ROLES)),
}


@pytest.mark.parametrize(("version", "files"), UPLOADS.values(), ids=UPLOADS)
def test_the_files_tell_the_version(version: str, files: dict[str, str | bytes]) -> None:
    world = World()
    world.register()
    report = world.upload(files)
    assert (report["format"]["name"], report["format"]["version"]) == ("oneroster", version)


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_manifest_tells_the_version_whatever_the_columns_say(version: str) -> None:
    files = roster(user("t1", "teacher"))
    files["manifest.csv"] = f"propertyName,value\nmanifest.version,1.0\noneroster.version,{version}\n"
    world = World()
    world.register()
    assert world.upload(files)["format"]["version"] == version
