"""A double of Clever's Data API v3.1 and of the tokens that districts give to an application."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from local.doubles.oneroster import CLIENT_ID, CLIENT_SECRET
from local.doubles.roster_rows import Row, Rows, by_role, clever_id, clever_rows
from local.doubles.roster_server import Asked, Quirks, json_of
from shared.hubs.public_web import Answer
from shared.hubs.source_logins import basic

DISTRICT_TOKEN = "district-token"  # nosec
_MAX = 10_000


class CleverRosters:
    """One district, shared with one application."""

    def __init__(self, files: Mapping[str, bytes], district_id: str, quirks: Quirks | None = None) -> None:
        self.district_id = district_id
        self.quirks = quirks or Quirks()
        self.rows: Rows = clever_rows(files, district_id)
        self.state = "paused" if 42 in self.quirks else "running"
        self.last_sync = "2026-09-01T06:00:00.000Z"
        self.events: list[str] = []
        self.is_shared = True
        self.asked_for_rows = 0
        self._bend()

    def _bend(self) -> None:
        if 38 in self.quirks:
            for section in self.rows["sections"][:3]:
                section["students"].append(clever_id("student", "not shared"))
        if 39 in self.quirks:
            for term in self.rows["terms"]:
                again = clever_id("term", f"again {term['id']}")
                for section in self.rows["sections"]:
                    if section.get("term_id") == term["id"]:
                        section["term_id"] = again
                term["id"] = again
        if 41 in self.quirks and (students := by_role(self.rows["users"], "student")):
            again = clever_id("student", f"again {students[0]['id']}")
            for section in self.rows["sections"]:
                section["students"] = [again if each == students[0]["id"] else each for each in section["students"]]
            students[0]["id"] = again

    def answer(self, asked: Asked) -> Answer:
        if asked.path == "/oauth/tokens":
            return self._tokens(asked)
        if asked.headers.get("authorization") != f"Bearer {DISTRICT_TOKEN}":
            return json_of({"error": "unauthorized"}, 401)
        name = asked.path.removeprefix("/v3.1/")
        if name == "districts":
            district = {"id": self.district_id, "state": self.state, "last_sync": self.last_sync, "error": ""}
            return json_of({"data": [{"data": district}], "links": []})
        if name == "events":
            return self._events()
        number, self.asked_for_rows = self.asked_for_rows, self.asked_for_rows + 1
        if self.quirks.once(15, number):
            return json_of({"error": "too many requests"}, 429, x_ratelimit_reset="2")
        if self.quirks.once(16, number):
            return Answer(502, {}, b"bad gateway")
        if self.quirks.once(3, number):
            return Answer(200, {}, b"<h1>Log in</h1>")
        return self._page(asked, name)

    def _tokens(self, asked: Asked) -> Answer:
        if asked.headers.get("authorization") != basic(CLIENT_ID, CLIENT_SECRET):
            return json_of({"error": "unauthorized"}, 401)
        token = {"owner": {"type": "district", "id": self.district_id}, "access_token": DISTRICT_TOKEN, "scopes": []}
        other = {"owner": {"type": "district", "id": "another"}, "access_token": "of-another", "scopes": []}
        is_asked = asked.query.get("district") in (None, self.district_id)
        return json_of({"data": [other, *([token] if self.is_shared and is_asked else [])], "links": []})

    def _events(self) -> Answer:
        if 40 not in self.quirks:
            return json_of({"error": "events are not enabled"}, 403)
        return json_of(
            {"data": [{"data": {"id": each, "type": "users.updated"}} for each in self.events[-1:]], "links": []}
        )

    def _page(self, asked: Asked, name: str) -> Answer:
        limit = int(asked.query.get("limit", "100"))
        if limit > _MAX:
            return json_of({"error": "limit is too large"}, 413)
        rows = self._listed(asked, name)
        if rows is None:
            return json_of({"error": "Resource not found"}, 404)
        after = asked.query.get("starting_after")
        begin = next((n + 1 for n, row in enumerate(rows) if row["id"] == after), 0)
        page = rows[begin : begin + limit]
        links: list[dict[str, Any]] = [{"rel": "self", "uri": asked.path}]
        if begin + limit < len(rows):
            role = f"&role={asked.query['role']}" if "role" in asked.query else ""
            links.append({"rel": "next", "uri": f"{asked.path}?limit={limit}{role}&starting_after={page[-1]['id']}"})
        return json_of({"data": [{"data": row, "uri": f"{asked.path}/{row['id']}"} for row in page], "links": links})

    def _listed(self, asked: Asked, name: str) -> list[Row] | None:
        if name == "users":
            return by_role(self.rows["users"], asked.query.get("role", "student"))
        return self.rows.get(name)
