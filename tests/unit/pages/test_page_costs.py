"""What each page asks of AWS is counted, and `make load` shows it beside how long people wait (B8)."""

from __future__ import annotations

from datetime import timedelta

import httpx

from benchmarks.load import Responses, pages
from benchmarks.pages import MOST_REQUESTS, costs, most_requests


def test_no_page_asks_more_of_aws_than_it_did() -> None:
    found = {route: max(cost.requests) for route, cost in costs(times=1).items()}
    assert {route: most for route, most in found.items() if most > most_requests(route)} == {}
    assert MOST_REQUESTS.keys() <= found.keys()


def test_make_load_shows_each_page_with_its_percentiles() -> None:
    # Given responses of two pages, of which one comes slowly once in twenty
    responses = Responses()
    for n in range(40):
        path, seconds = ("/home", 0.1) if n % 2 else ("/classes/c1", 2.0 if n == 38 else 0.2)
        response = httpx.Response(200, request=httpx.Request("GET", f"https://link.example{path}"))
        response.elapsed = timedelta(seconds=seconds)
        responses.note(response)
    # When
    lines = [line.split() for line in pages(responses, {"GET /home": 9})]
    # Then
    assert ["GET", "/home", "20", "100", "100", "9"] in lines
    (of_class,) = [line for line in lines if line[1].startswith("/classes/")]
    assert of_class[2:] == ["20", "200", "2000", "–"]
