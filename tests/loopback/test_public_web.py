"""Sources over HTTP on this machine: what a web within the process cannot show (B10)."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from threading import Thread
from time import monotonic, sleep
from typing import Any

import pytest

from local.doubles.oneroster import OneRoster
from local.doubles.roster_server import Asked, Quirks, Server, json_of
from shared.domain.fetching import FetchFailed, TryLater
from shared.hubs.public_web import Answer, PublicWeb
from tests.builders import enrolled, roster, user
from tests.fetching import OAUTH1, FetchWorld

type Serve = Callable[[Any], Server]


@pytest.fixture
def serve() -> Iterator[Serve]:
    running: list[Server] = []

    def start(double: Any) -> Server:
        running.append(Server(double))
        return running[-1]

    yield start
    for server in running:
        server.stop()


class Says:
    """Answers everything alike."""

    def __init__(self, answer: Answer) -> None:
        self.given = answer
        self.asked: list[Asked] = []

    def answer(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        return self.given


def get(origin: str, *, local: bool = True, seconds: float = 5) -> Answer:
    with closing(PublicWeb(local)) as web:
        return web.send("GET", f"{origin}/x", headers={"Authorization": "Bearer t"}, seconds=seconds)


@pytest.mark.parametrize("kind", ["oauth2", "oauth1"])
@pytest.mark.parametrize(("quirk", "seed"), [(0, 0), (34, 0), (34, 1), (34, 2), (35, 1), (36, 0), (16, 0)])
def test_a_roster_is_fetched_over_http_whatever_the_login_wants(serve: Serve, kind: str, quirk: int, seed: int) -> None:
    made = roster(user("t1", "teacher"), user("s/1 %"), enrollments=enrolled("s/1 %"))
    files = {name: body.encode() if isinstance(body, str) else body for name, body in made.items()}
    double = OneRoster(files, quirks=Quirks(frozenset({quirk}), seed=seed), auth=kind)
    web = PublicWeb(local=True)
    world = FetchWorld(web, is_metered=False)
    double.clock = world.clock
    origin = serve(double).origin
    world.local = True
    world.register()
    auth = (
        dict(OAUTH1) if kind == "oauth1" else {"kind": "oauth2", "token_url": f"{origin}/token", "secret": "oneroster"}
    )
    world.put_source({"kind": "oneroster", "base_url": origin, "auth": auth})

    with closing(web):
        report = world.fetch()

    assert (report["status"], report["users"]["read"]) == ("completed", 2), report


def test_loopback_is_refused_where_this_is_no_local_stack(serve: Serve) -> None:
    double = Says(json_of({}))
    with pytest.raises(FetchFailed, match="fetch_refused_address"):
        get(serve(double).origin, local=False)
    assert double.asked == []


def test_a_redirect_to_another_host_gets_no_request(serve: Serve) -> None:
    other = Says(json_of({}))
    away = Says(Answer(302, {"location": f"{serve(other).origin}/x"}))
    with pytest.raises(FetchFailed, match="fetch_foreign_address"):
        get(serve(away).origin)
    assert (len(away.asked), other.asked) == (1, [])


def test_a_circle_of_redirects_ends(serve: Serve) -> None:
    circle = Says(Answer(302, {"location": "/x"}))
    with pytest.raises(FetchFailed, match="fetch_foreign_address"):
        get(serve(circle).origin)
    assert len(circle.asked) == 4


def test_a_connection_that_ends_in_mid_answer_is_tried_later(serve: Serve) -> None:
    with pytest.raises(TryLater, match="fetch_unreachable"):
        get(serve(Says(Answer(0, {}))).origin)


@pytest.mark.parametrize("part", [b"HTTP/1.1 200 OK\r\nX-", b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n"])
def test_a_host_that_sends_a_byte_now_and_then_is_not_waited_for(part: bytes) -> None:
    listening = socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        taken, _ = listening.accept()
        with taken, suppress(OSError):
            taken.sendall(part)
            for _ in range(40):
                sleep(0.1)
                taken.sendall(b"a")

    dripping = Thread(target=drip)
    dripping.start()
    began = monotonic()
    with listening, pytest.raises(TryLater, match="fetch_unreachable"):
        get(f"http://127.0.0.1:{listening.getsockname()[1]}", seconds=0.5)
    assert monotonic() - began < 2
    dripping.join()


def test_a_name_with_several_addresses_is_tried_at_each(serve: Serve) -> None:
    port = serve(Says(json_of({"a": 1}))).origin.rpartition(":")[2]
    with closing(PublicWeb(local=True, resolve=lambda *_: ["127.0.0.2", "127.0.0.1"])) as web:
        answer = web.send("GET", f"http://localhost:{port}/x", headers={}, seconds=5)
    assert answer.json() == {"a": 1}


def test_an_answer_that_unpacks_to_more_than_any_page_is_refused() -> None:
    import gzip

    with pytest.raises(FetchFailed, match="fetch_too_large"):
        Answer(200, {}, gzip.compress(b" " * (65 << 20))).json()
