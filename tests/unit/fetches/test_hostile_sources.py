"""What a district configures reaches only what is its own: hostile sources are refused, nothing is sent, in words."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from typing import Any

import pytest

from local.doubles.clever_rosters import CleverRosters
from local.doubles.oneroster import OneRoster
from local.doubles.roster_server import Asked, WithinProcess, json_of
from shared.domain.errors import InvalidSettings
from shared.domain.fetching import FetchFailed
from shared.domain.roster_source import is_usable_address, parse_source
from shared.hubs.public_web import Answer, PublicWeb, same_host
from tests.builders import enrolled, roster, user
from tests.fetching import CLEVER, HOST, ONEROSTER, SECRETS, TENANT, FetchWorld, with_double

NOT_PUBLIC = [
    "http://sis.example", "ftp://sis.example", "https://localhost/x", "https://127.0.0.1", "https://[::1]/", "https://10.0.0.7",
    "https://192.168.1.1", "https://172.16.9.9", "https://169.254.169.254/latest/meta-data", "https://[fd00::1]",
    "https://[fe80::1]", "https://100.64.0.1", "https://0.0.0.0", "https://[::ffff:169.254.169.254]", "https://[64:ff9b::a00:1]",
    "https://[2002:a00:1::]", "https://224.0.0.1", "https://user:pw@sis.example", "https://sis.example/#x", "https://a b",
    "https://sis.example\\@evil.example", "https://", "//sis.example", "https://api.localhost", "https://[::127.0.0.1]",
    "https://sis.example:0", "https://sis.example:99999", "https://sis.example/?x=1", "javascript:alert(1)", "",
]  # fmt: skip


def files() -> dict[str, bytes]:
    made = roster(user("t1", "teacher"), user("s1"), enrollments=enrolled("s1"))
    return {name: body.encode() if isinstance(body, str) else body for name, body in made.items()}


def parse(source: Mapping[str, Any], *, local: bool = False) -> Any:
    return parse_source("lakeside", json.dumps(source).encode(), secrets=SECRETS, local=local)


@pytest.mark.parametrize("address", NOT_PUBLIC)
@pytest.mark.parametrize("place", ["base_url", "token_url"])
def test_an_address_that_is_not_public_and_https_is_refused_when_it_is_written(place: str, address: str) -> None:
    source = {**ONEROSTER, "auth": {**ONEROSTER["auth"]}}
    (source if place == "base_url" else source["auth"])[place] = address
    with pytest.raises(InvalidSettings, match="https://"):
        parse(source)


def test_http_on_loopback_is_for_a_local_stack_alone() -> None:
    local = {
        **ONEROSTER,
        "base_url": "http://127.0.0.1:9000",
        "auth": {**ONEROSTER["auth"], "token_url": "http://localhost:9000/token"},
    }
    assert parse(local, local=True).base_url == "http://127.0.0.1:9000"
    with pytest.raises(InvalidSettings):
        parse(local)
    assert not is_usable_address("http://10.0.0.7", local=True)


@pytest.mark.parametrize(
    "secret",
    [
        f"{SECRETS}riverbend/sis", "account-linking/token-key/now", f"{SECRETS}lakeside/../riverbend/sis", f"{SECRETS}lakeside/a/b",
        "arn:aws:secretsmanager:us-east-1:1:secret:x", "", " ", 7, None, f"{SECRETS}lakeside/",
    ],
)  # fmt: skip
def test_another_secret_than_the_districts_own_is_refused(secret: object) -> None:
    with pytest.raises(InvalidSettings, match=r"auth\.secret"):
        parse({**ONEROSTER, "auth": {**ONEROSTER["auth"], "secret": secret}})


def test_a_source_with_another_districts_secret_reads_none_and_is_told() -> None:
    world = with_double(OneRoster(files()), ONEROSTER)
    world.secrets[f"{SECRETS}riverbend/sis"] = {"client_id": "x", "client_secret": "y"}
    hostile = {**ONEROSTER, "auth": {**ONEROSTER["auth"], "secret": f"{SECRETS}riverbend/sis"}}
    world.put_source(hostile)
    report = world.fetch()
    assert (report["status"], report["reason"]["code"]) == ("failed", "fetch_secret")
    world.put_source({**ONEROSTER, "base_url": "https://169.254.169.254"})
    report = world.fetch()
    assert (report["status"], report["reason"]["code"]) == ("failed", "fetch_refused_address")
    assert world.read == []
    assert world.within.asked == []


PRIVATE = [
    "10.1.2.3",
    "127.0.0.1",
    "169.254.169.254",
    "::1",
    "fd00:ec2::254",
    "::ffff:10.0.0.1",
    "192.168.0.9",
    "100.64.1.1",
    "0.0.0.0",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_a_name_that_resolves_to_a_private_address_is_not_connected_to(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected: list[object] = []
    monkeypatch.setattr(socket, "create_connection", lambda to, *_: connected.append(to))
    web = PublicWeb(resolve=lambda *_: ["93.184.216.34", address])
    with pytest.raises(FetchFailed) as refused:
        web.send("GET", "https://sis.example/orgs", headers={"Authorization": "Bearer x"}, seconds=5)
    assert refused.value.code == "fetch_refused_address"
    assert connected == []


def test_a_connection_goes_to_the_address_that_was_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that resolves otherwise a moment later changes nothing."""
    answers = iter([["93.184.216.34"], ["127.0.0.1"]])
    connected: list[Any] = []

    def connect(to: Any, *_: Any) -> None:
        connected.append(to)
        raise OSError

    monkeypatch.setattr(socket, "create_connection", connect)
    web = PublicWeb(resolve=lambda *_: next(answers))
    with pytest.raises(Exception, match="fetch_unreachable"):
        web.send("GET", "https://sis.example/orgs", headers={}, seconds=5)
    assert connected == [("93.184.216.34", 443)]


@pytest.mark.parametrize(
    "link", ["https://evil.example/x", "//evil.example/x", "https://sis.example:8443/x", "https://u@sis.example/x", ""]
)
def test_a_link_to_another_host_is_refused(link: str) -> None:
    with pytest.raises(FetchFailed) as refused:
        same_host("https://sis.example/orgs", link)
    assert refused.value.code == "fetch_foreign_address"


@pytest.mark.parametrize(
    ("link", "leads"),
    [
        ("/next?offset=5", "https://sis.example/next?offset=5"),
        ("http://sis.example/next", "https://sis.example/next"),
        ("?offset=5", "https://sis.example/orgs?offset=5"),
    ],
)
def test_a_link_within_the_host_is_followed_as_https(link: str, leads: str) -> None:
    assert same_host("https://sis.example/orgs", link) == leads


class Elsewhere:
    """Answers in a hostile way what ``double`` would."""

    def __init__(self, double: Any, answer: Any) -> None:
        self.double = double
        self._answer = answer

    def answer(self, asked: Asked) -> Answer:
        given = self.double.answer(asked)
        return self._answer(asked, given)


def hostile(world: FetchWorld, answer: Any) -> dict[str, Any]:
    assert isinstance(world.web, WithinProcess)
    world.web = WithinProcess(Elsewhere(world.web.double, answer))
    return world.fetch()


def test_pages_without_an_end_are_refused() -> None:
    world = with_double(OneRoster(files()), ONEROSTER)

    def endless(asked: Asked, given: Answer) -> Answer:
        if not asked.path.endswith("/users"):
            return given
        offset = int(asked.query["offset"])
        found = [{"sourcedId": f"u{offset + n:09}", "givenName": "x", "familyName": "y"} for n in range(2)]
        return json_of({"users": found}, 200, link=f'<{asked.path}?offset={offset + 1}>; rel="next"')

    report = hostile(world, endless)
    assert (report["status"], report["reason"]["code"]) == ("failed", "fetch_endless")
    assert len(world.within.asked) < 1_100


def test_a_page_that_comes_again_and_again_is_refused() -> None:
    world = with_double(OneRoster(files()), ONEROSTER)

    def again(asked: Asked, given: Answer) -> Answer:
        if not asked.path.endswith("/users"):
            return given
        found = [{"sourcedId": f"u{n}", "givenName": "x", "familyName": "y"} for n in range(3)]
        return json_of({"users": found}, 200, link=f'<{asked.path}?offset=0>; rel="next"')

    report = hostile(world, again)
    assert (report["status"], report["reason"]["code"]) == ("failed", "fetch_repeated")


def test_clevers_next_link_to_another_host_is_not_followed() -> None:
    world = with_double(
        CleverRosters(
            {
                "schools.csv": b"School_id,School_name,School_number\nh1,A,1\nh2,B,2\n",
                "students.csv": b"School_id,Student_id,Last_name,First_name\n",
            },
            TENANT,
        ),
        CLEVER,
    )

    def lure(asked: Asked, given: Answer) -> Answer:
        if not asked.path.endswith("/schools"):
            return given
        body = given.json()
        assert isinstance(body, dict)
        return json_of(
            {**body, "links": [{"rel": "next", "uri": "https://evil.example/v3.1/schools?starting_after=x"}]}
        )

    report = hostile(world, lure)
    assert report["reason"]["code"] == "fetch_foreign_address"
    assert {asked.address.split("/")[2] for asked in world.within.asked} == {"sis.example"}


@pytest.mark.parametrize("kind", ["clever", "classlink"])
def test_only_the_tenant_that_the_settings_name_is_fetched(kind: str) -> None:
    from local.doubles.classlink_rosters import ClassLinkRosters
    from tests.fetching import CLASSLINK

    double: Any = (
        CleverRosters({}, "another")
        if kind == "clever"
        else ClassLinkRosters(OneRoster(files(), auth="bearer"), "another")
    )
    world = with_double(double, CLEVER if kind == "clever" else CLASSLINK)
    report = world.fetch()
    assert report["reason"]["code"] in ("fetch_tenant", "fetch_switched_off")
    assert not [each for each in world.within.asked if "users" in each.path]
    world.register(clever_district_id=None, classlink_tenant_id=None)
    before = len(world.within.asked)
    assert world.fetch()["reason"]["code"] == "fetch_tenant"
    assert len(world.within.asked) == before


def test_a_token_goes_to_no_other_host_than_its_own() -> None:
    world = with_double(OneRoster(files()), ONEROSTER)
    world.put_source({**ONEROSTER, "auth": {**ONEROSTER["auth"], "token_url": "https://login.example/token"}})
    world.fetch()
    for asked in world.within.asked:
        host = asked.address.split("/")[2]
        is_token = asked.path == "/token"
        assert host == ("login.example" if is_token else HOST.removeprefix("https://"))
        assert asked.headers["authorization"].startswith("Basic " if is_token else "Bearer ")
