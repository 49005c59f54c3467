"""OpenSSH's own client sends to the double of AWS Transfer, and what lands in the bucket becomes an upload, or nothing (B10)."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from local.doubles.sftp import Journal
from tests.builders import enrolled, roster, user
from tests.fakes.aws import etag
from tests.fetching import FetchWorld
from tests.tree import ROOT

CLIENT = shutil.which("sftp")
HOME = "deliveries/lakeside"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CLIENT is None, reason="OpenSSH's client sftp is not on this machine"),
]


class Sender:
    """A district's files on its own machine, and the bucket that they are sent to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.journal = folder / "journal"
        self.world = FetchWorld(is_metered=False)
        self.world.register()
        self._told = 0

    def write(self, *people: str) -> list[str]:
        """Write the roster of these people. Return the names of its files."""
        files = roster(user("t1", "teacher"), *map(user, people), enrollments="".join(map(enrolled, people)))
        for name, body in files.items():
            (self.folder / name).write_bytes(body.encode() if isinstance(body, str) else body)
        return list(files)

    def sftp(self, *commands: str) -> None:
        """Run the client's own commands, and let the bucket tell of what came."""
        assert CLIENT is not None
        server = f"{sys.executable} -m local.doubles.sftp {self.journal} {HOME}"
        batch = self.folder / "batch"
        batch.write_text("".join(f"{command}\n" for command in commands))
        subprocess.run(
            [CLIENT, "-D", server, "-b", str(batch)],
            check=True,
            capture_output=True,
            cwd=self.folder,
            env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        )
        self.arrive()

    def arrive(self) -> None:
        """What happened to the bucket happens to the world's."""
        changes = [json.loads(line) for line in self.journal.read_text().splitlines()][self._told :]
        self._told += len(changes)
        for change in changes:
            self._change(change)
        self.world.take_fetched()

    def _change(self, change: dict[str, Any]) -> None:
        objects, key = self.world.s3.objects, change["key"]
        if change["op"] == "delete":
            objects.pop(("rosters", key), None)
            return
        is_put = change["op"] == "put"
        body = base64.b64decode(change["body"]) if is_put else objects["rosters", change["from"]]
        self.world.s3.put_object(Bucket="rosters", Key=key, Body=body)
        self.world.deliveries().note(key)
        if is_put and change["is_cut"]:
            self.world.deliveries().note_broken(f"/rosters/{key}", etag(body))

    def wait(self, **time: float) -> None:
        self.world.look_at_deliveries(**time)

    @property
    def people(self) -> set[str]:
        return self.world.people_who_stand()


@pytest.fixture
def sender(tmp_path: Path) -> Sender:
    made = Sender(tmp_path)
    names = made.write("s1", "s2")
    made.sftp(*(f"put {name}" for name in names))
    made.wait(hours=24)
    assert made.people == {"t1", "s1", "s2"}
    return made


def hidden(names: Sequence[str]) -> list[str]:
    """As clients send that rename when a file is there."""
    return [line for name in names for line in (f"put {name} {name}.part", f"-rm {name}", f"rename {name}.part {name}")]


def test_files_that_are_renamed_and_a_word_behind_them(sender: Sender) -> None:
    names = sender.write("s1", "s2", "s3")
    (sender.folder / "_complete").touch()
    sender.sftp(*hidden(names), "ls -l", "put _complete")
    assert sender.people == {"t1", "s1", "s2", "s3"}


def test_a_client_that_is_killed_within_a_file_removes_nobody(sender: Sender) -> None:
    names = sender.write("s1")
    sender.sftp(*(f"put {name}" for name in names if name != "enrollments.csv"))
    # The connection ends between the packets of enrollments.csv.
    journal = Journal(sender.journal)
    body = (sender.folder / "enrollments.csv").read_bytes()
    journal.put(f"{HOME}/enrollments.csv", body[: len(body) // 2], is_cut=True)
    sender.arrive()
    sender.wait(hours=24)
    assert sender.people == {"t1", "s1", "s2"}
    assert sender.world.latest()["reason"]["code"] == "delivery_incomplete"

    names = sender.write("s1", "s2", "s3")
    sender.sftp(*(f"put {name}" for name in names))
    sender.wait(hours=1)
    assert sender.people == {"t1", "s1", "s2", "s3"}


def test_what_a_killed_connection_leaves_open_is_put_as_far_as_it_came(tmp_path: Path) -> None:
    """By the protocol's own packets: INIT, OPEN for writing, WRITE, and no CLOSE."""
    packets = [
        bytes([1]) + (3).to_bytes(4),
        bytes([3]) + (1).to_bytes(4) + (9).to_bytes(4) + b"users.csv" + (0x1A).to_bytes(4) + (0).to_bytes(4),
        bytes([6]) + (2).to_bytes(4) + (1).to_bytes(4) + b"1" + (0).to_bytes(8) + (3).to_bytes(4) + b"a,b",
    ]
    sent = b"".join(len(packet).to_bytes(4) + packet for packet in packets)
    subprocess.run(
        [sys.executable, "-m", "local.doubles.sftp", str(tmp_path / "journal"), HOME],
        input=sent, check=True, capture_output=True, cwd=ROOT,
    )  # fmt: skip
    (change,) = [json.loads(line) for line in (tmp_path / "journal").read_text().splitlines()]
    assert (change["op"], base64.b64decode(change["body"]), change["is_cut"]) == ("put", b"a,b", True)
