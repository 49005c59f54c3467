"""A worker opens one connection to a server that is not AWS, however many people log in, and keeps nothing else of them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR, socket

import pytest

from functions.user_migration.platform_login import HttpPlatformLogin
from shared.domain.errors import LoginRefused
from shared.hubs.clever import Clever
from shared.hubs.google import Google
from shared.hubs.hub import Binding
from shared.hubs.oidc import OidcProvider
from shared.hubs.public_web import PublicWeb

BINDING = Binding("state", "nonce", "verifier")
LOGINS = 5


class Server(ThreadingHTTPServer):
    """A hub that refuses every code, and a platform that knows ada; both would like to be remembered by a cookie."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.connections = 0
        self.requests = 0
        self.cookies: list[str] = []
        self.hangs_up = False
        """After each response, without a word of it."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def get_request(self) -> tuple[socket, tuple[str, int]]:
        self.connections += 1
        return super().get_request()


class _Request(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._respond(
            200,
            {
                "issuer": self.server.url,
                "authorization_endpoint": f"{self.server.url}/authorize",
                "token_endpoint": f"{self.server.url}/token",
                "jwks_uri": f"{self.server.url}/jwks",
            },
        )

    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/login" and json.loads(asked)["password"] == "right":
            self._respond(200, {"account_id": "ada"})
        else:
            self._respond(401 if self.path == "/login" else 400, {"error": "invalid_grant"})

    def _respond(self, status: int, values: object) -> None:
        self.server.requests += 1
        self.server.cookies += self.headers.get_all("Cookie", [])
        body = json.dumps(values).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Set-Cookie", "who=the-one-before")
        self.end_headers()
        self.wfile.write(body)
        if self.server.hangs_up:
            self.wfile.flush()
            self.connection.shutdown(SHUT_RDWR)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def hub(kind: type[OidcProvider | Clever]) -> Callable[[Server], Callable[[], object]]:
    """Logins at this hub, each with a code that it refuses."""

    def wired(server: Server) -> Callable[[], object]:
        made = kind(server.url, "us", lambda: "secret", "https://w/callback", lambda: datetime(2026, 9, 1, tzinfo=UTC))
        return lambda: made.prove("a code", BINDING)

    return wired


def platform(server: Server) -> Callable[[], object]:
    """Logins at the platform, every one with a wrong password."""
    login = HttpPlatformLogin(f"{server.url}/login", lambda: "key")
    return lambda: login.account_of("ada", "wrong")


@pytest.mark.parametrize(
    ("wire", "most"), [(hub(Google), 1), (hub(Clever), 2), (platform, 1)], ids=["OpenID Connect", "Clever", "platform"]
)
def test_all_logins_of_a_worker_go_over_one_connection(
    server: Server, wire: Callable[[Server], Callable[[], object]], most: int
) -> None:
    login = wire(server)
    for _ in range(LOGINS):
        with suppress(LoginRefused):
            login()
    assert server.requests >= LOGINS
    assert server.connections <= most
    assert server.cookies == []


@pytest.mark.parametrize("hangs_up", [False, True])
def test_all_pages_of_a_roster_source_come_over_one_connection(server: Server, *, hangs_up: bool) -> None:
    server.hangs_up = hangs_up
    web = PublicWeb(local=True)
    for _ in range(LOGINS):
        assert web.send("GET", f"{server.url}/users", headers={}, seconds=5).status == 200
    web.close()
    assert server.connections == (LOGINS if hangs_up else 1)
    assert server.cookies == []


def test_a_connection_that_has_ended_meanwhile_costs_nobody_the_login(server: Server) -> None:
    server.hangs_up = True
    login = HttpPlatformLogin(f"{server.url}/login", lambda: "key")
    assert [login.account_of("ada", "right") for _ in range(LOGINS)] == ["ada"] * LOGINS
