"""Clever's Data API v3.1 as a source of rosters, with the token that a district has given this service."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs, urlsplit

from shared.domain.fetching import FetchFailed, no_tenant, paused, switched_off, unreadable
from shared.domain.paging import Page, Pull
from shared.domain.roster_source import Source
from shared.hubs.public_web import Answer, same_host
from shared.hubs.roster_api import Asker, Probe, Row, get, text, texts
from shared.hubs.source_logins import Bearer, basic, query

_CLEVER_HOST = "api.clever.com"
_TOKENS = "https://clever.com/oauth/tokens"
_USABLE = ("running", "success", "")
_ROLES = {"students": "student", "teachers": "teacher", "staff": "staff", "district_admins": "district_admin"}


class CleverApi:
    """A district's data at Clever. Contacts are not asked for."""

    collections: Sequence[str] = (
        "schools",
        "terms",
        "courses",
        "students",
        "teachers",
        "staff",
        "district_admins",
        "sections",
    )
    needed = frozenset({"schools", "students", "teachers", "sections"})
    held_when_empty = frozenset({"students", "teachers", "sections"})
    page_size = 5_000
    by_offset = False

    def __init__(self, asker: Asker, token: str, source: Source, tenant_id: str) -> None:
        self._asker = asker
        self._login = Bearer(token)
        self._tenant_id = tenant_id
        self._is_looked_up = source.auth.kind == "oauth2"
        self._address = data_address(source.base_url)

    def probe(self) -> Probe:
        """Whether the district's data may be used, when it was synced last, and the newest event: at most two requests."""
        answer = self._get(f"{self._address}/districts", "districts")
        if answer.status == 404 and self._is_looked_up:
            return Probe("")
        districts = _rows(answer, "districts")
        own = next((each for each in districts if text(each.get("id")) == self._tenant_id), None)
        if own is None or len(districts) != 1:
            # A token of another district, or of several.
            raise no_tenant("clever_district_id")
        if text(own.get("state")).lower() not in _USABLE or text(own.get("error")):
            raise paused()
        synced = text(own.get("last_sync"))
        return Probe(f"{synced}/{self._newest_event()}" if synced else "")

    def _newest_event(self) -> str:
        """The id of the newest event; empty where the district's events are not switched on."""
        try:
            answer = self._get(f"{self._address}/events?{query(limit='1', ending_before='last')}", "events")
            events = _rows(answer, "events")
        except FetchFailed as error:
            if error.code in ("fetch_not_allowed", "fetch_no_envelope"):
                return ""
            raise
        return text(events[-1].get("id")) if events else ""

    def page(self, pull: Pull) -> tuple[Page, list[Row]] | None:
        """As ``RosterApi.page``."""
        role = _ROLES.get(pull.collection)
        asked = {"limit": str(pull.limit), **({"role": role} if role else {})}
        asked |= {"starting_after": pull.after} if pull.after else {}
        address = f"{self._address}/{'users' if role else pull.collection}?{query(**asked)}"
        answer = get(self._asker, self._login, address, pull.collection, is_page=True)
        if answer.status == 404 and pull.collection not in self.needed and not pull.pages:
            return None
        rows = _rows(answer, pull.collection)
        link = _next(answer, address)
        ids = [text(row.get("id")) for row in rows]
        after = parse_qs(urlsplit(link).query).get("starting_after", [""])[0]
        return Page(ids, more=bool(link), link=link, after=after), [_kept(pull.collection, row) for row in rows]

    def _get(self, address: str, name: str) -> Answer:
        return get(self._asker, self._login, address, name)


def data_address(base_url: str) -> str:
    """The address of the Data API, with or without its version."""
    base = base_url.rstrip("/")
    return base if re.search(r"/v3\.[0-9]+$", base) else f"{base}/v3.1"


def district_token(asker: Asker, source: Source, client_id: str, client_secret: str, tenant_id: str) -> str:
    """The token that this district has given this service; it changes when the district allows it anew. Raises FetchFailed."""
    parts = urlsplit(source.base_url)
    tokens = source.auth.token_url or (
        _TOKENS if parts.hostname == _CLEVER_HOST else f"{parts.scheme}://{parts.netloc}/oauth/tokens"
    )
    address = f"{tokens}?{query(owner_type='district', district=tenant_id)}"
    answer = get(asker, _Application(client_id, client_secret), address, "tokens")
    try:
        body = answer.json()
    except ValueError:
        raise unreadable("tokens") from None
    found = body.get("data") if isinstance(body, dict) and answer.status == 200 else None
    if not isinstance(found, list):
        raise unreadable("tokens")
    for each in found:
        owner = each.get("owner") if isinstance(each, dict) else None
        if isinstance(owner, dict) and owner.get("id") == tenant_id and text(each.get("access_token")):
            return text(each["access_token"])
    raise switched_off()


class _Application(Bearer):
    """This service's own client id and secret at Clever."""

    def __init__(self, client_id: str, client_secret: str) -> None:
        super().__init__("")
        self._header = basic(client_id, client_secret)

    def headers(self, method: str, address: str) -> Mapping[str, str]:  # noqa: ARG002 - of the protocol
        return {"Authorization": self._header}


def _rows(answer: Answer, name: str) -> list[Mapping[str, object]]:
    """The rows of a list, each of which is wrapped."""
    try:
        body = answer.json()
    except ValueError:
        raise unreadable(name) from None
    found = body.get("data") if isinstance(body, dict) and answer.status == 200 else None
    rows = (
        [each.get("data") if isinstance(each, dict) else None for each in found] if isinstance(found, list) else [None]
    )
    if not all(isinstance(row, dict) for row in rows):
        raise unreadable(name)
    return [row for row in rows if isinstance(row, dict)]


def _next(answer: Answer, address: str) -> str:
    body = answer.json()
    links = body.get("links") if isinstance(body, dict) else None
    for link in links if isinstance(links, list) else ():
        if isinstance(link, dict) and link.get("rel") == "next":
            return same_host(address, text(link.get("uri")))
    return ""


def _kept(collection: str, row: Mapping[str, object]) -> Row:
    kept: Row = {"id": text(row.get("id"))}
    if collection in _ROLES:
        return kept | _person(row, _ROLES[collection])
    for name in _FIELDS[collection]:
        value = row.get(name)
        kept[name] = " ".join(texts(value)) if isinstance(value, list) else text(value)
    return kept


_FIELDS = {
    "schools": ("sis_id", "name", "school_number", "state_id"),
    "terms": ("name", "start_date", "end_date"),
    "courses": ("name", "number"),
    "sections": (
        "sis_id", "name", "school", "course", "term_id", "teacher", "teachers", "students", "period", "subject", "grade",
        "section_number",
    ),
}  # fmt: skip


def _person(row: Mapping[str, object], role: str) -> Row:
    """A person in one role: names, address, numbers, schools."""
    roles, name = row.get("roles"), row.get("name")
    told = roles.get(role) if isinstance(roles, dict) else None
    of_role: Mapping[str, object] = told if isinstance(told, dict) else {}
    named: Mapping[str, object] = name if isinstance(name, dict) else {}
    credentials = of_role.get("credentials")
    login = credentials.get("district_username") if isinstance(credentials, dict) else None
    schools = dict.fromkeys((text(of_role.get("school")), *texts(of_role.get("schools"))))
    return {
        "sis_id": text(of_role.get("sis_id")) or text(of_role.get("staff_id")),
        "number": text(of_role.get(f"{role}_number")),
        "state_id": text(of_role.get("state_id")),
        "schools": " ".join(filter(None, schools)),
        "grade": text(of_role.get("grade")),
        "title": text(of_role.get("title")),
        "first": text(named.get("first")),
        "middle": text(named.get("middle")),
        "last": text(named.get("last")),
        "email": text(row.get("email")),
        "username": text(login),
    }
