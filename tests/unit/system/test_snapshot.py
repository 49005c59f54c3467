"""Workers of the pages that begin from one snapshot share nothing that each of them has to have of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cloudformation import transform_of
from tests.template import TEMPLATE
from tests.tree import ROOT

SNAPSHOT = """
import datetime, gc, json, os, socket, sys, threading, time
drawn = []
real = os.urandom
os.urandom = lambda size: drawn.append(size) or real(size)
sys.path[:0] = json.loads(sys.argv[1])
from functions.pages import handler
from functions.pages.bootstrap import Site
from shared.runtime import aws, secrets, tokens
from botocore.client import BaseClient
from botocore.session import Session
from random import Random

ours = {name: module for name, module in sys.modules.items() if name.split(".")[0] in ("functions", "shared")}
alone = (BaseClient, Session, socket.socket, Site, secrets.Secrets, tokens.TokenKeys, aws._OnFirstUse)

def is_of_now(value):
    if not isinstance(value, datetime.datetime):
        return False
    return abs((value - datetime.datetime.now(value.tzinfo)).days) < 7

def is_read_from_a_clock(value):
    if type(value) is float:
        return any(abs(value - clock()) < 600 for clock in (time.time, time.monotonic))
    return type(value) is int and abs(value - time.time()) < 86_400

cached = [
    f"{name}.{attribute}"
    for name, module in ours.items()
    for attribute, value in vars(module).items()
    if hasattr(value, "cache_info") and value.cache_info().currsize
]
print(json.dumps({
    "drawn": drawn,
    "alive": sorted({type(each).__name__ for each in gc.get_objects() if isinstance(each, alone)}),
    "moments": [f"{n}.{a}" for n, m in ours.items() for a, v in vars(m).items() if is_of_now(v)],
    "clocks": [f"{n}.{a}" for n, m in ours.items() for a, v in vars(m).items() if is_read_from_a_clock(v)],
    "threads": threading.active_count() - 1,
    "random": [n for n, m in ours.items() for v in vars(m).values() if v is sys.modules["random"] or isinstance(v, Random)],
    "cached": cached,
    "modules": len(ours),
}))
"""
"""What is in memory when a snapshot would be taken: after the import of the handler."""
DRAW = """
import json, os, sys
sys.path[:0] = json.loads(sys.argv[1])
from functions.pages import handler, http
from shared.domain.clock import new_id, new_secret
for _ in range(3):
    if not os.fork():
        print(json.dumps([new_id(), new_secret(), http.secrets.token_urlsafe(16)]), flush=True)
        os._exit(0)
    os.wait()
"""
"""Copies of one memory, each of which then draws an id, a secret and a nonce."""


def run(script: str) -> list[Any]:
    paths = [str(ROOT), str(Path(pytest.__file__).parents[1])]
    done = subprocess.run(
        [os.path.realpath(sys.executable), "-I", "-S", "-c", script, json.dumps(paths)],
        env={"AWS_DEFAULT_REGION": "us-east-1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_snapshot_holds_modules_and_nothing_else() -> None:
    """No randomness, client, connection, credentials, secret, key or moment of before is in a worker that begins from it."""
    (found,) = run(SNAPSHOT)
    assert found.pop("modules") > 20
    nothing: list[str] = []
    assert found.pop("threads") == 0, "a thread would not go on in a copy"
    assert found == dict.fromkeys(("drawn", "alive", "moments", "clocks", "random", "cached"), nothing)


def test_each_worker_of_a_snapshot_draws_its_own() -> None:
    drawn = run(DRAW)
    assert len({secret for copy in drawn for secret in copy}) == 9


def test_the_pages_begin_from_a_snapshot_where_that_is_wanted() -> None:
    """Of each published version, which are what the API calls (test_versions.py)."""
    made = transform_of(json.loads(json.dumps(TEMPLATE)), {"PagesSnapStart": "true"}, code="key")
    assert made["Resources"]["PagesFunction"]["Properties"]["SnapStart"] == {
        "Fn::If": ["PagesBeginFromSnapshot", {"ApplyOn": "PublishedVersions"}, {"Ref": "AWS::NoValue"}]
    }
    assert TEMPLATE["Conditions"]["PagesBeginFromSnapshot"] == {"Fn::Equals": [{"Ref": "PagesSnapStart"}, "true"]}
    assert TEMPLATE["Parameters"]["PagesSnapStart"]["Default"] == "false"
