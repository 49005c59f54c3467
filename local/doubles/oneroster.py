"""A double of a OneRoster provider, 1.1 and 1.2, with its quirks (docs/fetching.md numbers them)."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import replace
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs

from local.doubles.roster_rows import Row, Rows, oneroster_rows
from local.doubles.roster_server import Asked, Quirks, json_of, packed
from shared.domain.clock import Clock, utc_now
from shared.hubs.public_web import Answer

CLIENT_ID, CLIENT_SECRET, TOKEN = "client-of-tests", "secret of tests", "token-of-tests"  # nosec
_SERVICE = {"1.1": "/ims/oneroster/v1p1", "1.2": "/ims/oneroster/rostering/v1p2"}
_SKEW = 300
"""Seconds that a signed request may be off."""
_MAX = 10_000


class OneRoster:
    """A provider of one district's files."""

    def __init__(
        self,
        files: Mapping[str, bytes],
        version: str = "1.1",
        quirks: Quirks | None = None,
        *,
        auth: str = "oauth2",
        clamp: int = _MAX,
        clock: Clock = utc_now,
        root: str = "",
    ) -> None:
        """``clamp`` is the most rows of a page, which quirk 5 leaves unsaid; ``root`` stands before the service's path."""
        self.version = version
        self.quirks = quirks or Quirks()
        self.auth = auth
        self.clamp = clamp
        self.clock = clock
        self.tokens = [TOKEN]
        self.asked_for_rows = 0
        self.revision = "7"
        self._prefix = f"{root}{_SERVICE[version]}/"
        self.rows: Rows = oneroster_rows(files, version)
        self._bend()

    def _bend(self) -> None:
        """What is odd about the data itself."""
        for number, bend in _BENT.items():
            if number in self.quirks:
                bend(self.rows)
        for user in self.rows["users"]:
            # Whoever does not ask for fields gets these, too.
            user |= {"password": "sesame-canary", "phone": "555-canary", "sms": "555-canary"}

    def answer(self, asked: Asked) -> Answer:
        if asked.path.endswith("/token"):
            return self._token(asked)
        if not asked.path.startswith(self._prefix):
            return self._error(404, "unknownobject")
        if refused := self._refused(asked):
            return refused
        collection = asked.path.removeprefix(self._prefix)
        if collection not in self.rows:
            return self._error(404, "unknownobject")
        number, self.asked_for_rows = self.asked_for_rows, self.asked_for_rows + 1
        return self._odd(number, collection) or self._page(asked, collection, number)

    # Who asks.

    def _token(self, asked: Asked) -> Answer:
        form = {name: values[0] for name, values in parse_qs(asked.body).items()}
        given = {"basic": _basic(asked), "form": _pair(form), "query": _pair(asked.query)}
        style = ("form", "query", "basic")[self.quirks.seed % 3] if 34 in self.quirks else "basic"
        if given[style] != (CLIENT_ID, CLIENT_SECRET):
            return json_of({"error": "invalid_client"}, 401)
        body: dict[str, Any] = {"access_token": self.tokens[-1], "token_type": "bearer"}
        if 35 not in self.quirks:
            body["expires_in"] = 3600
        elif self.quirks.seed % 2:
            body["expires_in"] = "3600"
        cookie = {"set_cookie": "node=3; Path=/"} if 34 in self.quirks else {}
        return json_of(body, 200, **cookie)

    def _refused(self, asked: Asked) -> Answer | None:
        given = asked.headers.get("authorization", "")
        if 14 in self.quirks and self.asked_for_rows >= self.quirks.at:
            return self._error(401, "unauthorisedrequest")
        if self.quirks.once(13, self.asked_for_rows):
            self.tokens.append(f"{TOKEN}-{len(self.tokens)}")
        if self.auth == "oauth1":
            return None if self._is_signed(asked, given) else self._error(401, "unauthorisedrequest")
        return None if given == f"Bearer {self.tokens[-1]}" else self._error(401, "unauthorisedrequest")

    def _is_signed(self, asked: Asked, given: str) -> bool:
        from oauthlib.oauth1.rfc5849 import signature  # type: ignore[import-untyped]  # it ships no types
        from oauthlib.oauth1.rfc5849.utils import parse_authorization_header  # type: ignore[import-untyped]

        if not given.startswith("OAuth "):
            return False
        said = dict(parse_authorization_header(given))
        if abs(self.clock().timestamp() - int(said["oauth_timestamp"])) > _SKEW:
            return False
        parameters = signature.collect_parameters(
            uri_query=asked.address.partition("?")[2], headers={"Authorization": given}, exclude_oauth_signature=True
        )
        base = signature.signature_base_string(
            asked.method,
            signature.base_string_uri(asked.address),
            signature.normalize_parameters(parameters),
        )
        method = said["oauth_signature_method"]
        signing = {
            "HMAC-SHA1": signature.sign_hmac_sha1_with_client,
            "HMAC-SHA256": signature.sign_hmac_sha256_with_client,
        }[method]
        if self.quirks.seed % 2 and method == "HMAC-SHA256":
            return False

        class Client:
            client_secret = CLIENT_SECRET
            resource_owner_secret = ""

        right = str(signing(base, Client()))
        return said["oauth_consumer_key"] == CLIENT_ID and right == _unquoted(said["oauth_signature"])

    def _error(self, status: int, minor: str) -> Answer:
        info = {"imsx_codeMajor": "failure", "imsx_severity": "error", "imsx_description": minor}
        date = format_datetime(self.clock(), usegmt=True)
        told = {"imsx_codeMinorFieldName": "TargetEndSystem", "imsx_codeMinorFieldValue": minor}
        return json_of({**info, "imsx_CodeMinor": {"imsx_codeMinorField": [told]}}, status, date=date)

    # What comes.

    def _odd(self, number: int, collection: str) -> Answer | None:
        """What is no page at all."""
        quirks = self.quirks
        if quirks.once(1, number):
            return replace(self._error(200, "internal_server_error"), status=200)
        if quirks.once(2, number):
            return json_of({})
        if quirks.once(3, number):
            return Answer(200, {"content-type": "text/html"}, b"<!doctype html><h1>Log in</h1>")
        if quirks.once(15, number):
            wait = ("2", format_datetime(self.clock(), usegmt=True), "")[quirks.seed % 3]
            later = {"retry_after": wait} if wait else {}
            return json_of({}, 429, **later)
        if quirks.once(16, number):
            return Answer(502, {}, b"bad gateway")
        if quirks.once(17, number):
            if quirks.seed % 2:
                return Answer(0, {})
            return Answer(200, {}, json.dumps({collection: self.rows[collection]}).encode()[:-7])
        return None

    def _page(self, asked: Asked, collection: str, number: int) -> Answer:
        quirks = self.quirks
        if 27 in quirks and "filter" in asked.query and quirks.seed % 2:
            return self._error(400, "invalid_filter_field")
        if self.version == "1.2" and collection == "users" and not _known(asked.query.get("fields", "")):
            return self._error(400, "invalid_selection_field")
        limit, offset = int(asked.query.get("limit", "100")), int(asked.query.get("offset", "0"))
        if limit > self.clamp and 5 not in quirks:
            return self._error(400, "invaliddata")
        rows = self._listed(asked, collection)
        total = len(rows) + (3 if 7 in quirks else 0) + (1 if quirks.once(10, number) else 0)
        page = self._cut(rows, offset, min(limit, self.clamp), number)
        if 28 not in quirks and "fields" in asked.query:
            wanted = asked.query["fields"].split(",")
            page = [{name: row[name] for name in wanted if name in row} for row in page]
        headers = self._headers(asked, offset, limit, len(page), total, number)
        body: object = {collection: page}
        if 18 in quirks and len(page) == 1:
            body = {collection: page[0]}
        if 19 in quirks and number >= quirks.at:
            body = page
        answer = json_of(body, 200, **headers)
        return replace(answer, body=packed(answer.body)) if 36 in quirks else answer

    def _listed(self, asked: Asked, collection: str) -> list[Row]:
        rows = self.rows[collection]
        if asked.query.get("sort") == "sourcedId":
            rows = sorted(rows, key=lambda row: row["sourcedId"])
        if 27 not in self.quirks and (filtered := asked.query.get("filter", "")):
            name, operator, value = filtered.split("'")[0].strip(" <>="), filtered, filtered.split("'")[1]
            rows = [row for row in rows if (row[name] > value if ">" in operator else row[name] == value)]
        return rows

    def _cut(self, rows: list[Row], offset: int, limit: int, number: int) -> list[Row]:
        quirks = self.quirks
        if quirks.once(9, number) and offset and len(rows) > offset:
            rows = [*rows[1:], rows[0]]
        if 4 in quirks and number == quirks.at and limit > 2:
            limit = limit // 2
        if 8 in quirks and offset and number == quirks.at:
            offset -= 1
        return rows[offset : offset + limit]

    def _headers(self, asked: Asked, offset: int, limit: int, given: int, total: int, number: int) -> dict[str, str]:
        quirks = self.quirks
        headers: dict[str, str] = {"date": format_datetime(self.clock(), usegmt=True)}
        if 6 not in quirks:
            headers["x_total_count"] = str(total)
        if quirks.once(11, number):
            self.revision = "8"
        if 11 in quirks:
            headers["x_perm_rev"] = self.revision
        if 12 in quirks and offset + given < total:
            path = f"{asked.path}?limit={limit}&offset={offset + given + quirks.seed % 2}"
            host = asked.address.partition("://")[2].partition("/")[0]
            links = (path, f"http://{host}{path}", f"https://{host}{path}", f"https://elsewhere.example{path}")
            headers["link"] = f'<{links[quirks.seed % 4]}>; rel="next"'
        return headers


_USER_OF_1_2 = frozenset({
    "sourcedId", "status", "dateLastModified", "metadata", "userMasterIdentifier", "username", "userIds", "enabledUser",
    "givenName", "familyName", "middleName", "preferredFirstName", "preferredMiddleName", "preferredLastName", "pronouns", "roles",
    "userProfiles", "primaryOrg", "identifier", "email", "sms", "phone", "agents", "grades", "password", "resources",
})  # fmt: skip
"""What a user of 1.2 may be asked for; those of 1.1 have other fields."""


def _known(fields: str) -> bool:
    return {each for each in fields.split(",") if each} <= _USER_OF_1_2


def _basic(asked: Asked) -> tuple[str, str]:
    given = asked.headers.get("authorization", "")
    if not given.startswith("Basic "):
        return "", ""
    name, _, secret = base64.b64decode(given.removeprefix("Basic ")).decode().partition(":")
    return name, secret


def _pair(values: Mapping[str, str]) -> tuple[str, str]:
    return values.get("client_id", ""), values.get("client_secret", "")


def _unquoted(text: str) -> str:
    from urllib.parse import unquote

    return unquote(text)


def _enabled_oddly(rows: Rows) -> None:
    for number, user in enumerate(rows["users"]):
        was = str(user.get("enabledUser", "true")).lower() != "false"
        user["enabledUser"] = (was, str(was).upper(), str(was).lower())[number % 3]


def _roles_oddly(rows: Rows) -> None:
    for user in rows["users"]:
        if "role" in user:
            user["role"] = str(user["role"]).capitalize()


def _unknown_org(rows: Rows) -> None:
    for user in rows["users"][:3]:
        user.setdefault("orgs", []).append({"sourcedId": "no-such-org", "type": "org"})


def _outside_the_share(rows: Rows) -> None:
    if rows["enrollments"]:
        stray = deepcopy(rows["enrollments"][0])
        rows["enrollments"].append(
            {**stray, "sourcedId": "zz-stray", "user": {"sourcedId": "zz-nobody", "type": "user"}}
        )


def _deleted_rows(rows: Rows) -> None:
    """Somebody who left, still enrolled."""
    if not (rows["users"] and rows["enrollments"]):
        return
    left = {**deepcopy(rows["users"][0]), "sourcedId": "zz-left", "status": "tobedeleted"}
    rows["users"].append(left)
    stale = {**deepcopy(rows["enrollments"][0]), "sourcedId": "zz-left-1"}
    rows["enrollments"].append({**stale, "user": {"sourcedId": "zz-left", "type": "user"}})


def _odd_dates(rows: Rows) -> None:
    for listed in rows.values():
        for number, row in enumerate(listed):
            row["dateLastModified"] = ("2026-09-01T02:00:00", "2031-01-01T00:00:00.000Z", "2026-09-01T02:00:00.000Z")[
                number % 3
            ]


def _no_user_ids(rows: Rows) -> None:
    for number, user in enumerate(rows["users"]):
        if not user.get("userIds"):
            user["userIds"] = None
        elif number % 2:
            user["userIds"] = [*user["userIds"], user["userIds"][0]]


def _spaces_around_addresses(rows: Rows) -> None:
    for user in rows["users"]:
        if user.get("email"):
            user["email"] = f" {user['email']} "


def _no_terms(rows: Rows) -> None:
    for each in rows["classes"]:
        each.pop("terms", None)


_BENT: Mapping[int, Callable[[Rows], None]] = {
    20: _enabled_oddly, 21: _roles_oddly, 22: _unknown_org, 23: _outside_the_share, 24: _deleted_rows, 26: _odd_dates,
    29: _spaces_around_addresses, 33: _no_terms, 37: _no_user_ids,
}  # fmt: skip
