"""OneRoster REST 1.1 and 1.2 as a source of rosters (docs/fetching.md says what vendors make of it)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from email.utils import parsedate_to_datetime
from urllib.parse import quote

from shared.domain.changes import NotByDate, check_dates
from shared.domain.clock import to_iso
from shared.domain.fetching import unreadable, unusable_page
from shared.domain.paging import Misaligned, Page, Pull
from shared.domain.roster_source import Source, Version
from shared.hubs.public_web import Answer, same_host
from shared.hubs.roster_api import Asker, Learnt, Login, Probe, Row, get, number, text, texts
from shared.hubs.source_logins import query

_SERVICE = {"1.1": "/ims/oneroster/v1p1", "1.2": "/ims/oneroster/rostering/v1p2"}
_AS_PASTED = re.compile(r"(?P<root>.*?)/ims/oneroster(?:/|$).*", re.IGNORECASE)
_WITH_VERSION = re.compile(r".*/v[0-9][0-9p.]*")
_NEXT = re.compile(r"<([^<>]*)>\s*((?:;[^,<]*)*)")
_TOTALS = ("x-total-count", "total-count")
_TOTALS_OF_BODIES = ("totalCount", "total")

_FIELDS: Mapping[str, Sequence[str]] = {
    "orgs": ("sourcedId", "status", "name", "type", "identifier", "parent"),
    "academicSessions": ("sourcedId", "status", "title", "type", "startDate", "endDate", "parent", "schoolYear"),
    "courses": ("sourcedId", "status", "title", "courseCode", "org", "schoolYear"),
    "classes": ("sourcedId", "status", "title", "grades", "course", "classCode", "classType", "school", "terms"),
    "users": (
        "sourcedId", "status", "enabledUser", "orgs", "role", "username", "userIds", "givenName", "familyName", "middleName",
        "identifier", "email", "grades",
    ),
    "enrollments": ("sourcedId", "status", "class", "school", "user", "role", "primary", "beginDate", "endDate"),
}  # fmt: skip
"""What is asked for, and kept: no password, phone, agent or birthday among it."""
DATE = "dateLastModified"
_FIELDS_OF_1_2 = ("roles", "preferredFirstName", "preferredLastName", "primaryOrg")
_NOT_OF_1_2 = ("orgs", "role")
_CSV_NAMES = {"preferredFirstName": "preferredGivenName", "preferredLastName": "preferredFamilyName"}
"""Where the CSV binding has another name than REST."""
_REFERENCES = {
    "parent": "parentSourcedId", "org": "orgSourcedId", "course": "courseSourcedId", "school": "schoolSourcedId",
    "class": "classSourcedId", "user": "userSourcedId", "primaryOrg": "primaryOrgSourcedId",
}  # fmt: skip
_LISTS_OF_REFERENCES = {"terms": "termSourcedIds", "orgs": "orgSourcedIds"}


def service_address(base_url: str, version: Version | None) -> tuple[str, Version]:
    """The address of the service and its version, whichever part of it an administrator pasted.

    >>> service_address("https://sis.example/ims/oneroster/v1p2/", None)
    ('https://sis.example/ims/oneroster/rostering/v1p2', '1.2')
    """
    base = base_url.rstrip("/")
    is_of_1_2 = "v1p2" in base.lower()
    chosen: Version = version or ("1.2" if is_of_1_2 else "1.1")
    if pasted := _AS_PASTED.fullmatch(base):
        return f"{pasted['root']}{_SERVICE[chosen]}", chosen
    if _WITH_VERSION.fullmatch(base):
        # An older service under an address of its own.
        return base, chosen
    return f"{base}{_SERVICE[chosen]}", chosen


class OneRosterApi:
    """A OneRoster provider."""

    collections: Sequence[str] = ("orgs", "academicSessions", "courses", "classes", "users", "enrollments")
    needed = frozenset({"orgs", "classes", "users", "enrollments"})
    held_when_empty = frozenset({"classes", "users", "enrollments"})
    page_size = 5_000
    by_offset = True

    def __init__(self, asker: Asker, login: Login, source: Source, learnt: Learnt) -> None:
        self._asker = asker
        self._login = login
        self._learnt = learnt
        self.has_dates = source.nightly == "changes"
        """Whether rows are asked when they changed."""
        self.since = ""
        """Ask for what changed from this moment on; everything, where it is empty."""
        self.clock_at = ""
        """The source's own clock at its first answer."""
        self._address, self.version = service_address(source.base_url, source.version)

    def probe(self) -> Probe:
        """OneRoster has no name for the state of its data."""
        return Probe("")

    def page(self, pull: Pull) -> tuple[Page, list[Row]] | None:
        """As ``RosterApi.page``. Raises NotByDate where the source does not keep to ``since``."""
        answer, address = self._asked(pull)
        self.clock_at = self.clock_at or _clock_of(answer) or to_iso(self._asker.clock())
        if answer.status == 404 and pull.collection not in self.needed and not pull.pages:
            return None
        rows, total = self._rows(answer, pull.collection)
        link = _next_link(answer.headers.get("link", ""), address)
        kept = [self._kept(pull.collection, row) for row in rows]
        if self.since:
            check_dates((str(row[DATE]) for row in kept), self.since)
        page = Page(
            [text(row.get("sourcedId")) for row in kept],
            total,
            more=bool(link),
            link=link,
            revision=answer.headers.get("x-perm-rev", ""),
        )
        return page, kept

    def _asked(self, pull: Pull) -> tuple[Answer, str]:
        """The answer, without what the source does not understand of the question."""
        while True:
            address = f"{self._address}/{pull.collection}?{self._query(pull)}"
            answer = get(self._asker, self._login, address, pull.collection, is_page=True)
            if answer.status not in (400, 413, 422):
                return answer, address
            if pull.overlap:
                # It wants offsets that are pages.
                raise Misaligned(pull.collection)
            refused = next((name for name in ("no_fields", "no_sort") if name not in self._learnt), None)
            if self.since and (refused is None or b"filter" in answer.body[:2_000]):
                raise NotByDate
            if refused is None:
                # It wants fewer rows, or nothing that is asked for.
                raise unusable_page(pull.collection)
            said = answer.body[:2_000]
            self._learnt["no_sort" if b"sort" in said and "no_sort" not in self._learnt else refused] = "1"

    def _query(self, pull: Pull) -> str:
        asked = {"limit": str(pull.limit), "offset": str(pull.offset)}
        if "no_sort" not in self._learnt:
            asked |= {"sort": "sourcedId", "orderBy": "asc"}
        if "no_fields" not in self._learnt:
            asked["fields"] = ",".join(self._fields(pull.collection))
        if self.since:
            asked["filter"] = f"{DATE}>'{self.since}'"
        return query(**asked)

    def _fields(self, collection: str) -> Sequence[str]:
        fields = _FIELDS[collection]
        if collection == "users" and self.version == "1.2":
            # A provider may refuse what a user of 1.2 does not have.
            fields = (*(name for name in fields if name not in _NOT_OF_1_2), *_FIELDS_OF_1_2)
        return (*fields, DATE) if self.has_dates else fields

    def _rows(self, answer: Answer, collection: str) -> tuple[list[Mapping[str, object]], int | None]:
        """The rows of an answer, which has to be a roster's (an error, a page for people and a cut one are not)."""
        try:
            body = answer.json()
        except ValueError:
            raise unreadable(collection) from None
        found = body.get(collection) if isinstance(body, dict) and answer.status == 200 else None
        rows = [found] if isinstance(found, dict) else found
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise unreadable(collection)
        totals = [number(answer.headers.get(name)) for name in _TOTALS]
        totals += [number(body.get(name)) for name in _TOTALS_OF_BODIES] if isinstance(body, dict) else []
        return rows, next((total for total in totals if total is not None), None)

    def _kept(self, collection: str, row: Mapping[str, object]) -> Row:
        """A row as its CSV file has it, without anything that was not asked for."""
        kept: Row = {}
        for name in self._fields(collection):
            value = row.get(name)
            if name in _REFERENCES:
                kept[_REFERENCES[name]] = _id_of(value)
            elif name in _LISTS_OF_REFERENCES:
                kept[_LISTS_OF_REFERENCES[name]] = ",".join(filter(None, map(_id_of, _listed(value))))
            elif name in _SPECIAL:
                kept |= _SPECIAL[name](value)
            else:
                kept[_CSV_NAMES.get(name, name)] = ",".join(texts(value)) if isinstance(value, list) else text(value)
        return kept


def _clock_of(answer: Answer) -> str:
    """What the source's clock says; empty where it says nothing."""
    try:
        return to_iso(parsedate_to_datetime(answer.headers.get("date", "")))
    except ValueError:
        return ""


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _id_of(value: object) -> str:
    return text(value.get("sourcedId")) if isinstance(value, dict) else text(value)


def _school_year(value: object) -> Row:
    """Of a course a reference, of a session a number."""
    return {"schoolYearSourcedId": _id_of(value)} if isinstance(value, dict) else {"schoolYear": text(value)}


def _user_ids(value: object) -> Row:
    pairs = [
        (text(each.get("type")), text(each.get("identifier"))) for each in _listed(value) if isinstance(each, dict)
    ]
    return {"userIds": ",".join(f"{{{kind}:{number}}}" for kind, number in dict.fromkeys(pairs) if number)}


def _roles(value: object) -> Row:
    return {
        "roles": [
            {
                "roleType": text(each.get("roleType")),
                "role": text(each.get("role")),
                "beginDate": text(each.get("beginDate")),
                "endDate": text(each.get("endDate")),
                "orgSourcedId": _id_of(each.get("org")),
            }
            for each in _listed(value)
            if isinstance(each, dict)
        ]
    }


_SPECIAL: Mapping[str, Callable[[object], Row]] = {
    "schoolYear": _school_year, "userIds": _user_ids, "roles": _roles,
}  # fmt: skip


def _next_link(header: str, address: str) -> str:
    """The address of the next page, where the source names one; it is never gone to. Raises FetchFailed for another host."""
    for target, parameters in _NEXT.findall(header):
        if re.search(r'rel\s*=\s*"?[^";,]*\bnext\b', parameters):
            return same_host(address, target.strip())
    return ""


def escaped(sourced_id: str) -> str:
    """An id within the path of an address."""
    return quote(sourced_id, safe="")
