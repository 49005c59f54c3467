"""A robot that goes over the site as mail scanners do: it opens addresses, follows what it finds, presses buttons (B6)."""

from __future__ import annotations

import re
from collections import Counter
from random import Random
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin, urlparse

import httpx

from tests.builders import roster, user
from tests.fakes.dynamodb import Effect
from tests.harness import GOOGLE, WEB
from tests.pages_harness import Website, lakeside, linked_teacher, routes

_READS = {"GetItem", "BatchGetItem", "Query", "GetObject", "AdminInitiateAuth", "Token", "ForgotPassword"}
"""What changes nothing: the last sends a code to the account's own address, for whoever knows its username."""
_ASKS_FOR_A_CODE = "OwnCodeAsked"
"""A message that has a code mailed to the own login of whoever's address it is: as harmless."""
_FIELDS = ("email", "username", "password", "account_id", "sourced_id", "district_id", "title", "skills", "lang")
_TEXTS = ("", "scanner", "scanner@filter.example", "1 OR 1=1", "ada", "t1", "lakeside", "../..", "ſ" * 9)
_KNOWN = {"provider": "google", "district_id": "lakeside", "reference": "own"}
_BUTTONS = ("existing", "new", "again")


class Watch:
    """The gate of a world: notes every call that could change something; the counters of the limits are excepted."""

    def __init__(self) -> None:
        self.writes: list[str] = []
        self.is_on = False

    def __call__(self, service: str, operation: str, request: dict[str, Any], effect: Effect) -> dict[str, Any]:
        is_counter = str(request.get("Key", {}).get("PK", "")).startswith("LIMIT#") if service == "dynamodb" else False
        is_harmless = operation in _READS or is_counter or _ASKS_FOR_A_CODE in request.get("MessageBody", "")
        if self.is_on and not is_harmless:
            self.writes.append(f"{service} {operation} {request}")
        return effect()


def addresses(web: Website) -> dict[str, str]:
    """Every kind of address that the mails carry, and some that they never did."""
    world = web.world
    used = world.address_in_mail_to("t1@lakeside.example")
    expired = world.address_in_mail_to("t2@lakeside.example")
    linked_teacher(web)
    world.pass_time(days=31)
    more = (user("t3", "teacher"), user("s1"), user("s2"), user("s9"), user("a1", "administrator"))
    world.upload(roster(user("t1", "teacher"), user("t2", "teacher"), *more), name="next")
    world.send_mail()
    fresh = world.address_in_mail_to("t3@lakeside.example")
    forged = fresh[:-4] + ("AAAA" if not fresh.endswith("AAAA") else "BBBB")
    return {"fresh": fresh, "used": used, "expired": expired, "forged": forged, "nonsense": f"{WEB}/activate/nothing"}


class Scanner:
    """A robot with the cookies of a browser and no login: a sequence is a few requests, as the dice have it."""

    def __init__(self, web: Website, targets: dict[str, str], dice: Random) -> None:
        self._web = web
        self._targets = targets
        self._dice = dice
        self._routes = routes()
        self._cookies: dict[str, str] = {}
        self._state = ""
        self.seen: Counter[tuple[str, int]] = Counter()

    def sequence(self) -> None:
        self._cookies.clear()
        self._forget_the_limits()
        kind, address = self._dice.choice(list(self._targets.items()))
        self._send(self._dice.choice(("GET", "GET", "HEAD")), address, kind)
        if self._dice.random() < 0.5:
            self._send("POST", f"{WEB}/activate/{self._dice.choice(_BUTTONS)}", kind)
        if self._dice.random() < 0.7:
            self._anywhere()

    def _anywhere(self) -> None:
        method, path = self._dice.choice(self._routes)
        method = "HEAD" if method == "GET" and self._dice.random() < 0.3 else method
        self._send(method, WEB + re.sub(r"<(\w+)>", self._filled, path), path)
        if path.startswith("/login/google"):
            self._send("GET", f"{WEB}/callback/google", "/callback/<provider>")

    def _filled(self, found: re.Match[str]) -> str:
        is_known = found[1] in _KNOWN and self._dice.random() < 0.7
        return _KNOWN[found[1]] if is_known else f"x{self._dice.randrange(1000)}"

    def _send(self, method: str, address: str, name: str) -> None:
        if "/callback/" in address:
            # It knows the state of a login that it began itself, and invents the rest.
            address += "?" + urlencode({"state": self._state, "code": f"code-{self._dice.randrange(10)}"})
        fields = {one: self._dice.choice(_TEXTS) for one in self._dice.sample(_FIELDS, 3)}
        cookies = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        headers = {"Cookie": cookies} if cookies else {}
        data = fields if method == "POST" else None
        answer = self._web.send(httpx.Request(method, address, data=data, headers=headers))
        self.seen[f"{method} {name}", answer.status_code] += 1
        assert answer.status_code < 500, (method, address)
        for cookie in answer.headers.get_list("set-cookie"):
            key, _, value = cookie.partition(";")[0].partition("=")
            self._cookies[key] = value
        location = answer.headers.get("Location", "")
        if location.startswith(GOOGLE):
            self._state = parse_qs(urlparse(location).query)["state"][0]
        elif location and method == "GET":
            self._send("GET", urljoin(WEB, location), location)

    def _forget_the_limits(self) -> None:
        """As if it came from everywhere and had all the time in the world."""
        items = self._web.world.table.items
        for key in [key for key in items if key[0].startswith("LIMIT#")]:
            del items[key]


def scanned(sequences: int, seed: str = "scanner") -> tuple[Watch, Scanner, Website]:
    """The site after a robot went over it."""
    watch = Watch()
    web = lakeside(gate=watch)
    scanner = Scanner(web, addresses(web), Random(seed))
    watch.is_on = True
    for _ in range(sequences):
        scanner.sequence()
    watch.is_on = False
    return watch, scanner, web
