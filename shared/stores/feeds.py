"""Accounts feeds: starting one, which one was loaded last under a name, and what all of them have in common."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from shared.domain.report import Upload
from shared.stores.keys import feed_key, feeds_key
from shared.stores.reports import upload_attributes, upload_of
from shared.stores.table import DynamoTable, Put, Table

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


@dataclass(frozen=True, slots=True)
class FeedState:
    """What the feeds came to. ``shards`` is how many the snapshot of their lines has.

    ``begun`` are (run id, shards) of those that began to write accounts and did not end: to whom that leads back has yet to be
    looked at. ``written_by`` is the run that wrote accounts last; the snapshot names it, too.
    """

    shards: int = 1
    begun: tuple[tuple[str, int], ...] = ()
    written_by: str = ""


class FeedStore:
    """``FEEDS`` and ``FEED#name``. Only the one feed that holds the lock writes them."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = Table(table)

    def state(self) -> FeedState:
        item = self._table.get(feeds_key()) or {}
        begun = tuple((str(run["run_id"]), int(run["shards"])) for run in item.get("begun", ()))
        return FeedState(int(item.get("shards", 1)), begun, str(item.get("written_by", "")))

    def note(self, state: FeedState) -> None:
        begun = [{"run_id": run_id, "shards": shards} for run_id, shards in state.begun]
        self._table.write(Put({**feeds_key(), "shards": state.shards, "begun": begun, "written_by": state.written_by}))

    def has_newer(self, name: str, upload: Upload) -> bool:
        """Whether a later file of this name was loaded already."""
        item = self._table.get(feed_key(name))
        return item is not None and upload_of(item).is_newer_than(upload)

    def note_loaded(self, name: str, upload: Upload) -> None:
        self._table.write(Put({**feed_key(name), **upload_attributes(upload)}))


class FeedStarter:
    """Starts the AccountsFeed state machine: one execution for each file that was put, so that none starts twice."""

    def __init__(self, states: SFNClient, state_machine_arn: str) -> None:
        self._states = states
        self._arn = state_machine_arn

    def start(self, run_id: str, name: str, upload: Upload, *, size: int, started_at: str) -> None:
        """``size`` is that of the file, in bytes. Starting it again does nothing."""
        feed = {"run_id": run_id, "name": name, **upload_attributes(upload), "size": size, "started_at": started_at}
        try:
            self._states.start_execution(stateMachineArn=self._arn, name=run_id, input=json.dumps({"feed": feed}))
        except ClientError as error:
            if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
                raise
