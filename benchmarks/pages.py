"""What each page asks of AWS, and its own work: the pages in memory, on a teacher's and a student's way (B8)."""

from __future__ import annotations

import io
import logging
import time
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from statistics import median
from typing import Any
from unittest import mock

import httpx

from benchmarks.figures import Figures
from functions.pages.routes import Router, routes
from tests.fakes.dynamodb import Effect
from tests.pages_harness import Website, activated, lakeside, log_in

_TIMES = 10
_MOST_CPU = 5
"""Milliseconds of a page, without those of AWS' client."""
MOST_REQUESTS = {
    "GET /home": 10,
    "GET /callback/<provider>": 18,
    "POST /login": 5,
    "GET /activate/<token>": 2,
    "GET /classes/<reference>": 19,
    "GET /cleaning": 13,
    "GET /sso/<district_id>": 1,
    "POST /sso/<district_id>/<provider>": 2,
}
"""Requests to AWS. No page may come to cost more than it does."""
_MOST_OF_OTHERS = 5


@dataclass
class PageCost:
    """Of one page: how many requests to AWS it made each time, and how many milliseconds of CPU were its own."""

    requests: list[int] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)


class _Gate:
    """Counts requests to AWS, and the time in which they are answered here."""

    def __init__(self) -> None:
        self.requests = 0
        self.seconds = 0.0

    def __call__(self, _service: str, _operation: str, _request: dict[str, Any], effect: Effect) -> dict[str, Any]:
        self.requests += 1
        began = time.process_time()
        try:
            return effect()
        finally:
            self.seconds += time.process_time() - began


def costs(times: int = _TIMES) -> dict[str, PageCost]:
    """Each page by its route, such as ``GET /home``, over so many teachers and students who link."""
    found: dict[str, PageCost] = {}
    logging.disable()
    try:
        with redirect_stdout(io.StringIO()):
            for _ in range(times):
                _walk(found)
    finally:
        logging.disable(logging.NOTSET)
    return dict(sorted(found.items()))


def route_of(router: Router, method: str, path: str) -> str:
    """The route of a request; of an address that is none, its method alone."""
    route = router.find(method, path)
    return f"{route.route.method} {route.route.address}" if route else method


def _walk(found: dict[str, PageCost]) -> None:
    gate = _Gate()
    web = lakeside(gate=gate)
    router = Router(routes(web.site))
    answer = web.send

    def measured(request: httpx.Request) -> httpx.Response:
        requests, seconds, began = gate.requests, gate.seconds, time.process_time()
        response = answer(request)
        cost = found.setdefault(route_of(router, request.method, request.url.path), PageCost())
        cost.requests.append(gate.requests - requests)
        cost.cpu_ms.append(1000 * (time.process_time() - began - (gate.seconds - seconds)))
        return response

    with mock.patch.object(web, "send", measured):
        _teacher(web)
        claims = {"sub": "google-s9", "email": "s9@lakeside.example", "email_verified": True}
        web.visitor(**claims).open("/sso/lakeside").press("Continue with Google")


def _teacher(web: Website) -> None:
    page = log_in(activated(web).press("Log into my existing account")).press("Link my accounts")
    page.open("/classes/c1?district=lakeside").open("/classes/own").open("/classes/own/settings").open("/cleaning")


def most_requests(route: str) -> int:
    """How many requests to AWS a page may make."""
    return MOST_REQUESTS.get(route, _MOST_OF_OTHERS)


def measure(figures: Figures, _people: int) -> None:
    """The pages of a teacher and a student."""
    for route, cost in costs().items():
        figures.add(f"{route}: requests to AWS", max(cost.requests), "requests", limit=most_requests(route))
        figures.add(f"{route}: CPU of its own", median(cost.cpu_ms), "ms", limit=_MOST_CPU)
