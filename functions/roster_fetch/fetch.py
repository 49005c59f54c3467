"""A fetch: what started it, and how far it is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal, NotRequired, Self, TypedDict

from msgspec import Struct, field

from shared.domain.clock import from_iso, to_iso
from shared.domain.paging import Pull
from shared.domain.report import Upload

PATIENCE_NOW = timedelta(seconds=45)
"""After so long a fetch that somebody asked for fails, if it has to (contract: within 60 s)."""


class Fetch(Struct, frozen=True):
    """What the state machine hands on. ``run_id`` is the id that its report has; ``now``: somebody asked for it."""

    run_id: str
    district_id: str
    upload: Upload
    now: bool
    started_at: str

    @classmethod
    def from_event(cls, event: Mapping[str, Any]) -> Self:
        return cls(
            event["run_id"], event["district_id"], Upload(**event["upload"]), bool(event["now"]), event["started_at"]
        )

    @property
    def fails_at(self) -> float:
        """The moment (seconds since 1970) at which it fails, if it has to; 0 at night."""
        return (from_iso(self.started_at) + PATIENCE_NOW).timestamp() if self.now else 0.0

    @property
    def name(self) -> str:
        """The folder that its files go to, under the district's."""
        moment = to_iso(from_iso(self.started_at)).replace("-", "").replace(":", "").replace(".", "")
        return f"fetched-{moment}"


class StepResult(TypedDict):
    """What the state machine does next."""

    next: Literal["wait", "pause", "pull", "write", "done"]
    status: NotRequired[str]
    requests: NotRequired[int]
    """That the source got for this fetch; it is in the log, and beside the source in the table."""
    rows: NotRequired[int]


class Progress(Struct):
    """How far a fetch is; kept after each page, so that a crash costs one."""

    revision: str = ""
    pulls: list[Pull] = field(default_factory=list)
    """Of the collections that were begun; the last one may not be over."""
    absent: list[str] = field(default_factory=list)
    """Collections that the source does not have."""
    learnt: dict[str, str] = field(default_factory=dict)
    requests: int = 0
    restarts: int = 0
    pause_until: float = 0.0
    """Seconds since 1970."""
    since: str = ""
    """What changed from this moment on is asked for; empty where everything is."""
    clock_at: str = ""
    """The source's own clock when the first page came."""
    checks_since: str = ""
    """When a night's changes were asked for, right behind which everything is fetched: what differs is what they did not tell."""

    @property
    def rows(self) -> int:
        return sum(pull.rows for pull in self.pulls)

    @property
    def counts(self) -> dict[str, int]:
        return {pull.collection: pull.rows for pull in self.pulls}
