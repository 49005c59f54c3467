"""Doubles of sources of rosters: what all of them have, asked within this process or served on loopback."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from threading import Thread
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

from shared.domain.fetching import unreachable
from shared.hubs.public_web import Answer


@dataclass(frozen=True, slots=True)
class Asked:
    """A request."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """Names in lower case."""
    body: str
    address: str


class Double(Protocol):
    """Answers requests."""

    def answer(self, asked: Asked) -> Answer: ...


def json_of(body: object, status: int = 200, /, **headers: str) -> Answer:
    """An answer of JSON; ``x_total_count`` is the header X-Total-Count."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, {"content-type": "application/json", **named}, json.dumps(body, ensure_ascii=False).encode())


@dataclass(slots=True)
class Quirks:
    """Which of the quirks are on (docs/fetching.md numbers them), and at which request those happen that come once."""

    on: frozenset[int] = frozenset()
    at: int = 1
    """The number, from 0, of the request for rows at which something happens."""
    seed: int = 0
    done: set[int] = field(default_factory=set)

    def __contains__(self, number: int) -> bool:
        return number in self.on

    def once(self, number: int, at: int) -> bool:
        """Whether this happens now, which it does once."""
        if number in self.on and at >= self.at and number not in self.done:
            self.done.add(number)
            return True
        return False

    @property
    def rng(self) -> Random:
        """The same draws each time."""
        return Random(self.seed)


class WithinProcess:
    """A web in which every address leads to a double (``shared.hubs.public_web.Web``)."""

    def __init__(self, double: Double) -> None:
        self.double = double
        self.asked: list[Asked] = []

    def send(
        self,
        method: str,
        address: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        seconds: float,  # noqa: ARG002 - of the protocol
    ) -> Answer:
        """As ``Web.send``."""
        parts = urlsplit(address)
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        lower = {name.lower(): value for name, value in headers.items()}
        asked = Asked(method, parts.path, query, lower, (body or b"").decode(), address)
        self.asked.append(asked)
        answer = self.double.answer(asked)
        if answer.status == 0:
            raise unreachable()
        return answer


class Server:
    """A double on a free port of loopback."""

    def __init__(self, double: Double) -> None:
        handler = type("Handler", (_Handler,), {"double": double})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    double: Double
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def _answer(self, method: str) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode()
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        headers = {name.lower(): value for name, value in self.headers.items()}
        address = f"http://{headers.get('host', '')}{self.path}"
        answer = self.double.answer(Asked(method, parts.path, query, headers, body, address))
        if answer.status == 0:
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody reads it."""


def packed(body: bytes) -> bytes:
    """With a byte order mark, and packed though no header says so (36)."""
    return gzip.compress(b"\xef\xbb\xbf" + body)
