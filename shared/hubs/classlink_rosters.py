"""ClassLink's Roster Server as a source of rosters: OneRoster 1.1 behind a proxy, with a bearer for each district."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from shared.domain.fetching import login_refused, no_tenant, switched_off, unreadable
from shared.domain.roster_source import Source
from shared.hubs.oneroster_api import OneRosterApi, service_address
from shared.hubs.public_web import Answer
from shared.hubs.roster_api import Asker, Learnt, Login, Probe, get, text
from shared.hubs.source_logins import Bearer, query

_A_PAGE_OF_APPLICATIONS = 100
_MOST_PAGES_OF_APPLICATIONS = 200
_PAGE = 1_000
"""The most rows that the servers behind the proxy are known to give without cutting a page short."""


class Applications:
    """The districts that share this service with their partner's token."""

    def __init__(self, asker: Asker, source: Source, token: str) -> None:
        self._asker = asker
        self._login = Bearer(token)
        self._address = f"{_root(source.base_url)}/applications"

    def of(self, tenant_id: str) -> tuple[str, str]:
        """The path part and the bearer of a district. Raises FetchFailed where it is not there, or switched off."""
        offset = 0
        for _ in range(_MOST_PAGES_OF_APPLICATIONS):
            address = f"{self._address}?{query(limit=str(_A_PAGE_OF_APPLICATIONS), offset=str(offset))}"
            listed = _listed(self._get(address))
            for each in listed:
                if text(each.get("tenant_id")) == tenant_id:
                    return _usable(each)
            if not listed:
                break
            offset += len(listed)
        raise no_tenant("classlink_tenant_id")

    def _get(self, address: str) -> Answer:
        """The list lies beside the proxy, or at the root of its host."""
        answer = get(self._asker, self._login, address, "applications")
        if answer.status != 404:
            return answer
        parts = urlsplit(address)
        self._address = f"{parts.scheme}://{parts.netloc}/applications"
        return get(self._asker, self._login, f"{self._address}?{parts.query}", "applications")


def _listed(answer: Answer) -> list[Mapping[str, object]]:
    try:
        body = answer.json()
    except ValueError:
        raise unreadable("applications") from None
    found = body.get("applications") if isinstance(body, dict) and answer.status == 200 else None
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise unreadable("applications")
    return found


def _usable(application: Mapping[str, object]) -> tuple[str, str]:
    """Booleans are texts there, so "false" would pass for true."""
    is_on = text(application.get("enabled")).lower() in ("true", "1")
    is_active = text(application.get("tenant_status")).lower() in ("active", "")
    path, bearer = text(application.get("oneroster_application_id")), text(application.get("bearer"))
    if not (is_on and is_active and path and bearer):
        raise switched_off()
    if not path.isprintable() or set(path) & set("/?#\\ "):
        raise unreadable("applications")
    return path, bearer


def _root(base_url: str) -> str:
    return base_url.partition("/ims/oneroster")[0].rstrip("/")


class _DistrictBearer:
    """A district's bearer at the proxy, which ClassLink may change at any time."""

    def __init__(self, applications: Applications, tenant_id: str) -> None:
        self._applications = applications
        self._tenant_id = tenant_id
        self.path, self._bearer = applications.of(tenant_id)

    def headers(self, method: str, address: str) -> Mapping[str, str]:  # noqa: ARG002 - of the protocol
        return {"Authorization": f"Bearer {self._bearer}"}

    def refused(self, answer: Answer) -> bool:  # noqa: ARG002 - of the protocol
        """Another bearer is tried; the same one means that the district has switched this service off."""
        before, (_, self._bearer) = self._bearer, self._applications.of(self._tenant_id)
        if self._bearer == before:
            raise switched_off()
        return True

    def accepted(self) -> None:
        """As ``Login.accepted``."""


class ClassLinkApi(OneRosterApi):
    """A district's data at ClassLink: through the proxy, or its own server where ``login`` signs requests."""

    page_size = _PAGE

    def probe(self) -> Probe:
        """The revision of data and permissions (x-perm-rev), for one request."""
        answer = get(self._asker, self._login, f"{self._address}/orgs?{query(limit='1', offset='0')}", "orgs")
        if answer.status == 401:
            raise login_refused()
        return Probe(answer.headers.get("x-perm-rev", ""))


def proxied(asker: Asker, source: Source, token: str, tenant_id: str, learnt: Learnt) -> ClassLinkApi:
    """A district's data through ClassLink's proxy. Raises FetchFailed."""
    bearer = _DistrictBearer(Applications(asker, source, token), tenant_id)
    # The id arrives escaped, and goes into the address as it came.
    base, _ = service_address(f"{_root(source.base_url)}/{bearer.path}", source.version or "1.1")
    return ClassLinkApi(asker, bearer, replace(source, base_url=base), learnt)


def direct(asker: Asker, source: Source, login: Login, learnt: Learnt) -> ClassLinkApi:
    """A district's data from its own server."""
    return ClassLinkApi(asker, login, replace(source, version=source.version or "1.1"), learnt)
