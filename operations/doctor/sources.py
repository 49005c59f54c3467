"""Whether districts' rosters can be fetched: each source is asked for its first page, as a fetch would ask it (B10).

Nothing is written, and of the rows that come only their number is said. It is asked from this machine: a source that lets only
some addresses in may refuse it, and let the stack in.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from itertools import islice
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from operations.doctor.facts import Facts
from operations.doctor.finding import Finding, State, in_order, wrong
from shared.domain.clock import new_id
from shared.domain.district import District
from shared.domain.errors import AccountLinkingError, InvalidSettings
from shared.domain.fetching import FetchFailed, PullChanged, TryLater
from shared.domain.paging import Pull
from shared.domain.roster_source import Source, parse_source, secret_name
from shared.hubs.public_web import checked_addresses
from shared.hubs.roster_api import Asker, RosterApi
from shared.hubs.roster_sources import api_of
from shared.stores.fetches import FetchStore
from shared.stores.uploads import Uploads

type Step = tuple[str, Finding]

_SHOWN = 5
"""Districts that one line tells of."""
_MOST = 50
"""Sources that are tried at once; DISTRICT= tries any one."""
_ROWS = 100
"""Asked for in a page."""
_PATIENCE = timedelta(seconds=45)
_LOGIN = frozenset({"fetch_login_refused", "fetch_switched_off", "fetch_secret", "fetch_tenant"})
_FIELDS: Mapping[str, tuple[str, ...]] = {"bearer": ("token",), "oauth1": ("client_id", "client_secret")}


def sources(facts: Facts) -> Finding:
    """Every source lets this service in, and gives its first page."""
    tried, faults = list[str](), list[Step]()
    for district_id in islice(facts.districts_with_a_source, _MOST):
        *_, (name, last) = steps(facts, district_id)
        if last.state is State.WRONG:
            faults.append((f"{district_id}: {name}: {last.found}", last))
        else:
            tried.append(f"{district_id}: {last.found}")
    left = len(facts.districts_with_a_source) - _MOST
    more = f"; {left} more were not tried (DISTRICT= tries one)" if left > 0 else ""
    if faults:
        told = "; ".join(found for found, _ in faults[:_SHOWN])
        also = f"; and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
        return wrong(f"{told}{also}{more}", " ".join(dict.fromkeys(fault.todo for _, fault in faults[:_SHOWN])))
    if not tried:
        return in_order("no district has a source to fetch from")
    also = f"; and {len(tried) - _SHOWN} more" if len(tried) > _SHOWN else ""
    return in_order(f"{'; '.join(tried[:_SHOWN])}{also}{more}")


def steps(facts: Facts, district_id: str) -> Iterator[Step]:
    """What a fetch needs, in its order, up to the first thing that is wrong."""
    found = _settings(facts, district_id)
    if isinstance(found, Finding):
        yield "settings", found
        return
    source, district = found
    yield (
        "settings",
        in_order(f"{source.kind} at {urlsplit(source.base_url).hostname}, fetched at {source.at:%H:%M}"),
    )
    secret = _secret(facts, district_id, source)
    if isinstance(secret, Finding):
        yield "secret", secret
        return
    yield "secret", in_order(f"{secret_name(_prefix(facts), district_id, source)} is there")
    hosts = _hosts(facts, source)
    yield "host", hosts
    if hosts.state is State.IN_ORDER:
        yield from _asked(facts, source, secret, district)


def _settings(facts: Facts, district_id: str) -> tuple[Source, District] | Finding:
    uploads = Uploads(facts.stack.s3(), facts.stack.outputs["RosterBucketName"])
    body = uploads.find(f"sources/{district_id}/source.json")
    district = next((each for each in facts.districts if each.district_id == district_id), None)
    if body is None:
        return wrong("there is no source.json", f"Write sources/{district_id}/source.json (docs/fetching.md).")
    if district is None:
        return wrong(
            "the district is not registered", f"Run `make register-district DISTRICT={district_id} FILE=district.json`."
        )
    try:
        return parse_source(district_id, body, secrets=_prefix(facts), local=facts.stack.is_local), district
    except InvalidSettings as error:
        return wrong(error.message, f"Write sources/{district_id}/source.json again; until then nothing is fetched.")


def _prefix(facts: Facts) -> str:
    return f"{facts.stack.deployed_name}/sources/"


def _secret(facts: Facts, district_id: str, source: Source) -> Mapping[str, str] | Finding:
    """The secret, or what it lacks; its values are in no finding."""
    name = secret_name(_prefix(facts), district_id, source)
    todo = f"Run `make set-secret STACK={facts.stack.name} SECRET=sources/{district_id}/{source.auth.secret}`."
    try:
        values = json.loads(facts.client("secretsmanager").get_secret_value(SecretId=name)["SecretString"])
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("ResourceNotFoundException", "InvalidRequestException"):
            raise
        return wrong(f"there is no secret {name}", todo)
    except ValueError:
        return wrong(f"the secret {name} is no JSON", todo)
    needed = _FIELDS.get(source.auth.kind, ("client_id", "client_secret"))
    if missing := [field for field in needed if not (isinstance(values, dict) and values.get(field))]:
        return wrong(f"the secret {name} has no {' and no '.join(missing)}", todo)
    return dict(values)


def _hosts(facts: Facts, source: Source) -> Finding:
    """Every host that the settings name is a public one."""
    hosts = {urlsplit(address).hostname or "" for address in (source.base_url, source.auth.token_url) if address}
    for host in sorted(hosts):
        try:
            given = (facts.resolve,) if facts.resolve else ()
            checked_addresses(host, 443, *given, local=facts.stack.is_local)
        except TryLater:
            return wrong(f"{host} has no address", "Is the name right in source.json? If so, ask the source's owner.")
        except FetchFailed:
            return wrong(
                f"{host} leads to an address that is not public, and nothing is sent there",
                "Write a public host into source.json; a source within a network is reached by no fetch.",
            )
    return in_order(f"{' and '.join(sorted(hosts))}: public")


def _asked(facts: Facts, source: Source, secret: Mapping[str, str], district: District) -> Iterator[Step]:
    until = (facts.clock() + _PATIENCE).timestamp()
    asker = Asker(facts.web, facts.clock, facts.sleep, lambda: 1.0, until=until)
    step = "login"
    try:
        api = api_of(source, secret, district, asker, {}, new_id)
        api.probe()
        step = "first page"
        counted = _first_pages(api)
    except (FetchFailed, TryLater, PullChanged) as error:
        yield ("login" if error.code in _LOGIN else step), _refusal(error)
        return
    yield "login", in_order("it lets this service in")
    yield "first page", in_order(f"{source.kind} at {urlsplit(source.base_url).hostname} gives {counted}")
    yield from _last(facts, district.district_id)


def _first_pages(api: RosterApi) -> str:
    """How many rows the first page has of each collection without which there is no roster. Raises FetchFailed and TryLater."""
    counted = []
    for collection in (name for name in api.collections if name in api.needed):
        found = api.page(Pull(collection, min(_ROWS, api.page_size), api.by_offset))
        page, rows = found or (None, [])
        total = f" of {page.total:,}" if page and page.total is not None else ""
        counted.append(f"{len(rows):,}{total} {collection}")
    return ", ".join(counted)


def _last(facts: Facts, district_id: str) -> Iterator[Step]:
    """A source that can be fetched from, and whose last fetch failed, is fetched again."""
    state = FetchStore(facts.table).state(district_id)
    if state.status == "failed":
        yield (
            "last fetch",
            wrong(
                f"it failed at {state.ended_at} with {state.code}, and the source answers now",
                f"Press `Fetch now`: {facts.page_settings['WEB_URL']}/console/{district_id}/source",
            ),
        )


def _refusal(error: AccountLinkingError) -> Finding:
    """What is wrong, and what to do: the words of a report."""
    found, _, todo = error.message.partition(". ")
    return wrong(f"{found} ({error.code})", todo or "docs/fetching.md says more.")
