"""A zip is fetched and unpacked once by whoever reads it, however many pieces its files have: counted, not timed (B8)."""

from __future__ import annotations

import io
import json
import zipfile
from collections import Counter
from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest

from functions.import_step import archive, csv_table, encoding, plan
from functions.import_step.encoding import scan
from functions.import_step.plan import Import
from functions.import_step.steps import ingest
from shared.stores.uploads import Uploads
from tests.builders import enrolled, roster, user
from tests.harness import World

PIECE = 8_000


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Bytes that are unpacked, and downloads of zips; files are cut into small pieces."""
    found: Counter[str] = Counter()
    read, fetch = zipfile.ZipExtFile.read, Uploads.open

    def counting(self: zipfile.ZipExtFile, size: int | None = -1) -> bytes:
        data = read(self, size)
        found["unpacked"] += len(data)
        return data

    def fetching(self: Uploads, key: str, **more: Any) -> Any:
        found["fetched"] += key.endswith(".zip")
        return fetch(self, key, **more)

    monkeypatch.setattr(zipfile.ZipExtFile, "read", counting)
    monkeypatch.setattr(Uploads, "open", fetching)
    monkeypatch.setattr(plan, "PIECE", PIECE)
    monkeypatch.setattr(ingest, "scan", partial(scan, piece=PIECE))
    monkeypatch.setattr(archive, "_CHUNK", 256)
    monkeypatch.setattr(encoding, "_BLOCK", 1_000)
    monkeypatch.setattr(csv_table, "_BLOCK", 500)
    return found


def district(people: int) -> dict[str, str | bytes]:
    users = (user(f"s{n:05}") for n in range(people))
    return roster(*users, enrollments="".join(enrolled(f"s{n:05}") for n in range(people)))


def zipped(files: Mapping[str, str | bytes], compression: int = zipfile.ZIP_DEFLATED, *, is_64: bool = False) -> bytes:
    """A zip; with ``is_64`` each file's sizes stand in the record that is for files of more than 4 GiB."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", compression) as target:
        for name, text in files.items():
            with target.open(name, "w", force_zip64=is_64) as entry:
                entry.write(text.encode() if isinstance(text, str) else text)
    return body.getvalue()


@pytest.mark.parametrize(
    ("compression", "is_64", "is_turned"),
    [
        (zipfile.ZIP_DEFLATED, False, False),
        (zipfile.ZIP_DEFLATED, False, True),
        (zipfile.ZIP_STORED, False, True),
        (zipfile.ZIP_DEFLATED, True, True),
    ],
    ids=["deflated", "last first", "stored", "zip64"],
)
def test_each_byte_of_a_zip_takes_as_many_steps_in_a_large_one(
    counted: Counter[str], compression: int, *, is_64: bool, is_turned: bool
) -> None:
    steps = []
    for people in (400, 1_200):
        world = World()
        world.register()
        counted.clear()
        files = district(people)
        if is_turned:
            files = dict(reversed(files.items()))
        report = world.report(world.put("rosters/lakeside/a.zip", zipped(files, compression, is_64=is_64)))
        assert (report["status"], report["users"]["created"]) == ("completed", people)
        steps.append(counted["unpacked"] / sum(map(len, files.values())))
        assert counted["fetched"] == 2, "one to look at it, one to read it"
    small, large = steps
    assert large <= small
    assert large < 4, "two passes, and a header for each piece, which is no smaller than a piece here"


def test_a_zip_in_pieces_is_the_same_as_loose_files(counted: Counter[str]) -> None:
    found = []
    for is_loose in (False, True):
        world = World()
        world.register()
        files = district(300) | {
            "enrollments.csv": str(district(300)["enrollments.csv"]) + "e,,,c1,o1,nobody,student\n"
        }
        if is_loose:
            for name, body in files.items():
                key = f"rosters/lakeside/a/{name}"
                world.s3.put_object(Bucket="rosters", Key=key, Body=body.encode() if isinstance(body, str) else body)
            report = world.report(world.put("rosters/lakeside/a/_complete", b""))
        else:
            report = world.report(world.put("rosters/lakeside/a.zip", zipped(files)))
        found.append([report[name] for name in ("status", "users", "enrollments", "rejects", "notes")])
    assert found[0] == found[1]
    assert found[0][3][0]["line"] == 302


def test_parts_that_are_read_together_are_read_again_when_a_worker_breaks_off(counted: Counter[str]) -> None:
    world = World()
    world.register()
    upload = world.arrive("rosters/lakeside/monday.zip", zipped(district(300)))
    import_ = Import("i", "lakeside", upload, started_at="2026-09-01")
    steps = world.steps()
    opened = steps.run("open", import_)
    assert opened["shards"] == [0]
    steps.run("split", import_, 0)
    before = dict(world.s3.objects)
    steps.run("split", import_, 0)
    assert world.s3.objects == before


def test_an_import_that_the_version_before_opened_reads_part_by_part(counted: Counter[str]) -> None:
    """Given a zip in several parts, opened by a version whose map goes over each of them."""
    world = World()
    world.register()
    upload = world.arrive("rosters/lakeside/monday.zip", zipped(district(300)))
    import_, steps = Import("i", "lakeside", upload, started_at="2026-09-01"), world.steps()
    steps.run("open", import_)
    (key,) = [key for key in world.s3.objects if key[1].endswith("opened.jsonl")]
    body = world.s3.objects[key]
    assert len(json.loads(body)["parts"]) > 1
    world.s3.objects[key] = body.replace(b'"together":64', b'"together":1')
    steps.run("split", import_, 0)
    assert len([key for _, key in world.s3.objects if "people-part-" in key]) == 1
