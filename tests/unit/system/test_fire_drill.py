"""`make drill`: a forecast printed and kept, of a stack and of files alone (B14)."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any, cast

import pytest

from operations import drill
from operations.stack import Stack
from shared.stores.table import DynamoTable
from simulation import fire_drill
from tests.builders import account, roster, user
from tests.harness import World, zipped

FILES = roster(
    user("t1", "teacher"), user("t2", "teacher"), user("t3", "teacher", email=""), *(user(f"s{n}") for n in range(9))
)
ACCOUNTS = [account("a1", "t1@lakeside.example"), account("a2", "s1@lakeside.example", role="student")]


class MemoryStack:
    """A stack whose services are a world's; what is put into its buckets is taken at once."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.outputs = {"ReportBucketName": "reports", "RosterBucketName": "rosters", "WebUrl": "https://link.example"}

    def table(self) -> DynamoTable:
        return self.world.table

    def s3(self) -> Any:
        return self

    def client(self, _service: str) -> Any:
        return self.world.ses

    def put_object(self, *, Key: str, Body: bytes, **_: Any) -> None:
        self.world.put(Key, Body)

    def get_object(self, **request: Any) -> Any:
        return self.world.s3.get_object(**request)


@pytest.fixture
def world() -> World:
    made = World()
    made.register()
    made.feed(*ACCOUNTS)
    return made


def kept() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(".local/drill.json").read_text())
    return found


def run(world: World, path: Path | None = None) -> int:
    stack = cast(Stack, MemoryStack(world))
    return drill.run(stack, Namespace(district="lakeside", roster=path), sleep=lambda _: None)


def test_a_stacks_newest_preview_is_foretold(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(world) == 1
    world.put("previews/lakeside/check.zip", zipped(FILES))
    assert run(world) == 0
    told = kept()
    assert (told["teachers"]["by_rule"], told["teachers"]["mailed"], told["teachers"]["stuck"]["no_address"]) == (
        1,
        1,
        1,
    )
    assert (told["mail"]["rate"], told["mail"]["per_day"], told["mail"]["is_assumed"]) == (1_000.0, 50_000, False)
    printed = capsys.readouterr().out
    assert "teachers, linked by rule at the first login" in printed
    assert "lakeside.example" not in printed


def test_a_roster_that_is_given_is_previewed_first_and_nothing_more(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "roster.zip"
    path.write_bytes(zipped(FILES))
    assert run(world, path) == 0
    assert kept()["students"]["people"] == 9
    assert not [key for key in world.table.items if key[1] in ("ROSTER", "LINK", "ACTIVATION")]


@pytest.mark.parametrize("has_settings", [True, False])
def test_files_alone_give_the_same_forecast(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, has_settings: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    world.put("previews/lakeside/check.zip", zipped(FILES))
    run(world)
    on_a_stack = kept()
    folder = tmp_path / "roster"
    folder.mkdir()
    for name, body in FILES.items():
        (folder / name).write_text(str(body))
    Path("accounts.jsonl").write_text("".join(json.dumps(line) + "\n" for line in ACCOUNTS))
    arguments = ["--roster", "roster", "--accounts", "accounts.jsonl", "--rate", "14", "--per-day", "50000"]
    if has_settings:
        Path("district.json").write_text(
            '{"name": "Lakeside", "email_domains": ["lakeside.example"], "time_zone": "America/Chicago"}'
        )
        arguments += ["--settings", "district.json"]
    monkeypatch.setattr(sys, "argv", ["fire_drill", *arguments])
    assert fire_drill.main() == 0
    told = kept()
    assert [told[name] for name in ("teachers", "students", "reminders")] == [
        on_a_stack[name] for name in ("teachers", "students", "reminders")
    ]
