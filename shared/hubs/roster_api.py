"""What every source of rosters has: collections that are asked for page by page, and a cheap look whether anything changed (B10).

A new vendor is one module with what differs: where its collections are, how its pages go on, and what of a row is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from shared.domain.clock import Clock
from shared.domain.fetching import TryLater, busy, login_refused, not_allowed, too_large, unreachable
from shared.domain.paging import Page, Pull
from shared.hubs.public_web import Answer, Web

type Row = dict[str, str | list[dict[str, str]]]
"""A row as far as it is kept: texts, and lists of parts that are texts. Passwords, phones and demographics never get so far."""
type Learnt = MutableMapping[str, str]
"""What was found out about a source in this fetch, so that it is not tried again."""

_TOO_MANY, _TROUBLE = 429, 500
_GATEWAY = (502, 503, 504)
_SECONDS_NOW, _SECONDS_AT_NIGHT = 10.0, 110.0
"""How long one answer may take."""
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
_TRIES_NOW, _TRIES_AT_NIGHT = 3, 6
_BEFORE_SMALLER = 2
"""Tries of a page before a smaller one is asked for."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A cheap look at a source. ``revision`` names the state of its data; empty where it has no such name."""

    revision: str


class RosterApi(Protocol):
    """A source of rosters."""

    collections: Sequence[str]
    """In the order in which they are fetched."""
    needed: frozenset[str]
    """Those without which there is no roster."""
    held_when_empty: frozenset[str]
    """Those whose end the import asks a person about."""
    page_size: int
    by_offset: bool

    def probe(self) -> Probe:
        """Look whether anything changed. Raises FetchFailed ``fetch_paused`` where its data must not be used."""
        ...

    def page(self, pull: Pull) -> tuple[Page, list[Row]] | None:
        """The next page of a collection: what ``Pull.take`` wants to know, and the rows. None where the source has no such
        collection. Raises FetchFailed and TryLater."""
        ...


@dataclass(slots=True)
class Asker:
    """Sends requests with patience: retries, pauses that the source asks for, and a count.

    ``until`` is the moment (seconds since 1970) at which a fetch that somebody waits for has to fail; 0 for one at night.
    """

    web: Web
    clock: Clock
    sleep: Callable[[float], None]
    jitter: Callable[[], float]
    """Between 0 and 1."""
    until: float = 0.0
    sent: int = 0
    cookies: dict[str, str] = field(default_factory=dict)
    """What the token's answer set, by host: some want it back."""

    def ask(
        self,
        method: str,
        address: str,
        *,
        headers: Callable[[], Mapping[str, str]],
        body: bytes | None = None,
        is_page: bool = False,
    ) -> Answer:
        """The answer of a host that had no trouble of its own. Raises FetchFailed and TryLater."""
        tries = 0
        while True:
            failed: TryLater
            given = headers()
            try:
                answer = self._send(method, address, given, body)
            except TryLater as error:
                failed, is_gateway = error, True
            else:
                if answer.status != _TOO_MANY and answer.status < _TROUBLE:
                    return answer
                is_gateway = answer.status in _GATEWAY
                wanted = answer.seconds_to_wait(self.clock)
                failed = busy(wanted) if answer.status == _TOO_MANY else _in_trouble(wanted)
            tries += 1
            if is_page and is_gateway and tries == _BEFORE_SMALLER:
                raise too_large()
            self._pause(failed, tries)

    def _send(self, method: str, address: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        seconds = _SECONDS_NOW if self.until else _SECONDS_AT_NIGHT
        self.sent += 1
        return self.web.send(method, address, headers=headers, body=body, seconds=seconds)

    def _pause(self, failed: TryLater, tries: int) -> None:
        """Wait as long as the source wants, or longer and longer. Raises the failure where that is too long."""
        if tries >= (_TRIES_NOW if self.until else _TRIES_AT_NIGHT):
            raise failed
        pause = failed.seconds
        if pause is None:
            pause = _FIRST_PAUSE * 2 ** (tries - 1) * (0.5 + self.jitter() / 2)
        if pause > _LONGEST_PAUSE or (self.until and self.clock().timestamp() + pause > self.until):
            raise failed
        self.sleep(pause)


def _in_trouble(seconds: float | None) -> TryLater:
    failed = unreachable()
    failed.seconds = seconds
    return failed


class Login(Protocol):
    """How this service proves who it is to a source."""

    def headers(self, method: str, address: str) -> Mapping[str, str]:
        """What goes with a request to the source's own host. Raises FetchFailed and TryLater."""
        ...

    def refused(self, answer: Answer) -> bool:
        """The source answered 401. Return whether another try is worth a request."""
        ...

    def accepted(self) -> None:
        """The source took a request."""
        ...


def get(asker: Asker, login: Login, address: str, name: str, *, is_page: bool = False) -> Answer:
    """What the source says at an address of its own. Raises FetchFailed where it refuses: ``name`` is what was asked for."""
    while True:
        answer = asker.ask("GET", address, headers=lambda: login.headers("GET", address), is_page=is_page)
        if answer.status == 401 and login.refused(answer):
            continue
        if answer.status == 401:
            raise login_refused()
        if answer.status == 403:
            raise not_allowed(name)
        login.accepted()
        return answer


def text(value: object) -> str:
    """A value of JSON as a cell has it."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return ""


def texts(value: object) -> list[str]:
    """The texts of a list; of anything else its own."""
    values = value if isinstance(value, list) else [value]
    return [found for each in values if (found := text(each))]


def number(value: object) -> int | None:
    """A count, however it is written."""
    written = text(value).strip()
    return int(written) if written.isdigit() and len(written) < 12 else None
