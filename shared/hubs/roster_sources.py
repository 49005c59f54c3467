"""A district's source, ready to be asked: which vendor it is, and how this service logs in there (B10)."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from shared.domain.clock import NewId
from shared.domain.district import District
from shared.domain.fetching import no_tenant, secret_missing
from shared.domain.roster_source import Source
from shared.hubs.classlink_rosters import direct, proxied
from shared.hubs.clever_rosters import CleverApi, district_token
from shared.hubs.oneroster_api import OneRosterApi, service_address
from shared.hubs.roster_api import Asker, Learnt, Login, RosterApi
from shared.hubs.source_logins import Bearer, ClientCredentials, SignedRequests

_SCOPES = ("roster-core.readonly", "roster.readonly")


def api_of(
    source: Source, secret: Mapping[str, str], district: District, asker: Asker, learnt: Learnt, new_id: NewId
) -> RosterApi:
    """The source's interface. ``secret`` is ``{"client_id", "client_secret"}`` or ``{"token"}``.

    Raises FetchFailed where the secret has not what the login needs, and where the source has not the tenant that the district's
    settings name: nothing else of it is asked then.
    """
    match source.kind:
        case "clever":
            tenant = district.clever_district_id
            if not tenant:
                raise no_tenant("clever_district_id")
            token = (
                _part(secret, "token")
                if source.auth.kind == "bearer"
                else district_token(asker, source, *_client(secret), tenant)
            )
            return CleverApi(asker, token, source, tenant)
        case "classlink":
            tenant = district.classlink_tenant_id
            if not tenant:
                raise no_tenant("classlink_tenant_id")
            if source.auth.kind == "bearer":
                return proxied(asker, source, _part(secret, "token"), tenant, learnt)
            return direct(asker, source, _login(source, secret, asker, learnt, new_id), learnt)
    return OneRosterApi(asker, _login(source, secret, asker, learnt, new_id), source, learnt)


def _login(source: Source, secret: Mapping[str, str], asker: Asker, learnt: Learnt, new_id: NewId) -> Login:
    match source.auth.kind:
        case "bearer":
            return Bearer(_part(secret, "token"))
        case "oauth1":
            return SignedRequests(*_client(secret), learnt, clock=asker.clock, new_id=new_id)
    return ClientCredentials(asker, _token_url(source), *_client(secret), _scopes(source), learnt)


def _token_url(source: Source) -> str:
    """Where tokens are given; of a provider that names no place, beside its service, as several vendors have it."""
    if source.auth.token_url:
        return source.auth.token_url
    base = source.base_url.partition("/ims/oneroster")[0]
    parts = urlsplit(base)
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}/token"


def _scopes(source: Source) -> tuple[str, ...]:
    """The scopes to try: that of the settings, or the standard's, of which some sources know only the second, or none."""
    if source.auth.scope:
        return (source.auth.scope,)
    _, version = service_address(source.base_url, source.version)
    root = f"https://purl.imsglobal.org/spec/or/v{version.replace('.', 'p')}/scope/"
    return (*(f"{root}{name}" for name in _SCOPES), "")


def _client(secret: Mapping[str, str]) -> tuple[str, str]:
    return _part(secret, "client_id"), _part(secret, "client_secret")


def _part(secret: Mapping[str, str], name: str) -> str:
    value = secret.get(name)
    if not isinstance(value, str) or not value or not value.isprintable():
        raise secret_missing()
    return value
