"""The ids of all classes are looked at once for the upload, and not by each shard of people (B8)."""

from __future__ import annotations

from typing import Any

import pytest

from functions.import_step import shards
from tests.builders import enrolled, roster, user
from tests.fakes.dynamodb import Effect
from tests.harness import World

PEOPLE = 80


def reads_of_class_ids(per_shard: int, monkeypatch: pytest.MonkeyPatch, more: str = "") -> int:
    """How often a file of class ids is read, where a shard has so many people."""
    reads = 0

    def gate(_service: str, operation: str, request: dict[str, Any], effect: Effect) -> dict[str, Any]:
        nonlocal reads
        reads += operation == "GetObject" and "class-ids" in request["Key"]
        return effect()

    monkeypatch.setattr(shards, "PEOPLE_PER_SHARD", per_shard)
    world = World(gate=gate)
    world.register()
    people = (user(f"s{n}") for n in range(PEOPLE))
    report = world.upload(roster(*people, enrollments="".join(enrolled(f"s{n}") for n in range(PEOPLE)) + more))
    assert (report["status"], report["users"]["created"]) == ("completed", PEOPLE)
    assert report["rejects"] == [] or more
    return reads


def test_no_shard_reads_the_ids_of_all_classes_where_each_named_one_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    assert reads_of_class_ids(10, monkeypatch) == reads_of_class_ids(10_000, monkeypatch) <= 2


def test_where_a_row_names_none_of_them_each_shard_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = "e,,,nowhere,o1,s1,student\n"
    few, many = (reads_of_class_ids(people, monkeypatch, nowhere) for people in (10_000, 10))
    assert many > few
