"""`make doctor` tries districts' sources as a fetch would: each step is in order, or it is said what is wrong and what to do."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.doubles.classlink_rosters import ClassLinkRosters
from local.doubles.clever_rosters import CleverRosters
from local.doubles.oneroster import OneRoster
from local.doubles.roster_server import Quirks, WithinProcess
from operations.doctor import command, sources
from operations.doctor.facts import Facts
from operations.doctor.finding import State
from operations.stack import Stack
from tests.account import ACCOUNT, REGION, STACK
from tests.builders import enrolled, roster, user
from tests.fetching import CLASSLINK, CLEVER, CLEVER_FILES, ONEROSTER, SECRETS, TENANT, FetchWorld, with_double
from tests.harness import WEB

OUTPUTS = {
    "RosterBucketName": "rosters", "TableName": "table", "PagesFunctionName": "pages",
    "ImportStateMachineArn": f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{STACK}-import",
}  # fmt: skip
PUBLIC, PRIVATE = "203.0.114.7", "10.0.0.7"


def files() -> dict[str, bytes]:
    made = roster(user("t1", "teacher"), user("s1", given="Kim"), user("s2"), enrollments=enrolled("s1"))
    return {name: body.encode() if isinstance(body, str) else body for name, body in made.items()}


def looked_at(double: Any, source: Any, **settings: Any) -> FetchWorld:
    world = with_double(double, source, **settings)
    world.within.asked.clear()
    return world


@pytest.fixture
def world() -> FetchWorld:
    return looked_at(OneRoster(files()), ONEROSTER)


def facts_of(world: FetchWorld, address: str = PUBLIC) -> Facts:
    def secret(SecretId: str) -> dict[str, str]:
        if SecretId not in world.secrets:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": ""}}, "GetSecretValue")
        return {"SecretString": json.dumps(world.secrets[SecretId])}

    configuration = {"Environment": {"Variables": {"WEB_URL": WEB}}}
    clients: dict[str, Any] = {
        "s3": world.s3,
        "secretsmanager": SimpleNamespace(get_secret_value=secret),
        "lambda": SimpleNamespace(get_function_configuration=lambda **_: configuration),
    }
    session: Any = SimpleNamespace(
        client=lambda service, endpoint_url: clients[service],
        resource=lambda _service, endpoint_url: SimpleNamespace(Table=lambda _name: world.table),
    )
    stack = Stack(STACK, ACCOUNT, REGION, OUTPUTS, session, None)
    return Facts(
        stack, clock=world.clock, sleep=world.sleep, sources_web=world.web, resolve=lambda _host, _port: [address]
    )


def steps(world: FetchWorld, address: str = PUBLIC) -> dict[str, str]:
    """Each step with what was found, and what to do where it is wrong."""
    found = sources.steps(facts_of(world, address), "lakeside")
    return {name: f"{each.found} → {each.todo}" if each.todo else each.found for name, each in found}


def test_each_step_of_a_source_in_order_says_so(world: FetchWorld) -> None:
    # When
    before = dict(world.s3.objects), dict(world.table.items)
    found = steps(world)
    # Then
    assert found == {
        "settings": "oneroster at sis.example, fetched at 02:30",
        "secret": f"{SECRETS}lakeside/oneroster is there",
        "host": "sis.example: public",
        "login": "it lets this service in",
        "first page": "oneroster at sis.example gives 1 of 1 orgs, 1 of 1 classes, 3 of 3 users, 1 of 1 enrollments",
    }
    # And nothing was written, and nobody's name is said
    assert (dict(world.s3.objects), dict(world.table.items)) == before
    assert "Kim" not in str(found)
    assert len(world.within.asked) <= 6


@pytest.mark.parametrize(
    ("double", "source"),
    [(CleverRosters(CLEVER_FILES, TENANT), CLEVER), (ClassLinkRosters(OneRoster(files()), TENANT), CLASSLINK)],
)
def test_other_vendors_are_tried_too(double: Any, source: Any) -> None:
    found = steps(looked_at(double, source))
    assert "first page" in found, found
    assert "→" not in str(found)


def no_secret(world: FetchWorld) -> None:
    world.secrets.clear()


def another_kind_of_secret(world: FetchWorld) -> None:
    world.secrets[f"{SECRETS}lakeside/oneroster"] = {"token": "hidden-token"}


def a_wrong_secret(world: FetchWorld) -> None:
    world.secrets[f"{SECRETS}lakeside/oneroster"] = {"client_id": "us", "client_secret": "hidden-secret"}


def a_slip(world: FetchWorld) -> None:
    world.put_source({**ONEROSTER, "kind": "onerooster"})


def another_districts_secret(world: FetchWorld) -> None:
    world.put_source({**ONEROSTER, "auth": {"kind": "bearer", "secret": f"{SECRETS}hilltop/sis"}})


def no_envelope(world: FetchWorld) -> None:
    world.web = WithinProcess(OneRoster(files(), quirks=Quirks(frozenset({3}), at=0)))


def no_source(world: FetchWorld) -> None:
    del world.s3.objects["rosters", "sources/lakeside/source.json"]


@pytest.mark.parametrize(
    ("change", "step", "said"),
    [
        (no_secret, "secret", "there is no secret production/sources/lakeside/oneroster → Run `make set-secret"),
        (another_kind_of_secret, "secret", "has no client_id and no client_secret → Run `make set-secret"),
        (a_wrong_secret, "login", "refuses the client id and secret, or the token (fetch_login_refused) → Correct"),
        (a_slip, "settings", "kind: "),
        (another_districts_secret, "settings", "auth.secret: "),
        (no_envelope, "first page", "(fetch_no_envelope) → Have its owner look at it."),
        (no_source, "settings", "there is no source.json → Write sources/lakeside/source.json"),
    ],
)
def test_the_first_thing_that_is_wrong_is_said_with_what_to_do(
    world: FetchWorld, change: Callable[[FetchWorld], None], step: str, said: str
) -> None:
    change(world)
    found = steps(world)
    *_, last = found
    assert last == step, found
    assert said.replace("production/", f"{STACK}/") in found[step]
    assert "→" in found[step]
    assert "hidden" not in str(found)


def test_nothing_is_sent_to_a_host_that_is_not_public(world: FetchWorld) -> None:
    found = steps(world, PRIVATE)
    assert "sis.example leads to an address that is not public" in found["host"]
    assert world.within.asked == []


def test_a_tenant_that_the_settings_do_not_name_is_said() -> None:
    world = looked_at(CleverRosters(CLEVER_FILES, TENANT), CLEVER)
    world.register()
    found = steps(world)
    assert "district.json names no clever_district_id" in found["login"]
    assert world.within.asked == []


def test_a_source_that_answers_again_after_a_failure_is_to_be_fetched(world: FetchWorld) -> None:
    world.fetches.note("lakeside", status="failed", code="fetch_unreachable", ended_at="2026-09-01T07:30:00Z")
    found = steps(world)
    assert found["last fetch"].startswith("it failed at 2026-09-01T07:30:00Z with fetch_unreachable")
    assert f"{WEB}/console/lakeside/source" in found["last fetch"]


def test_one_line_tells_of_all_sources(world: FetchWorld) -> None:
    # Given two districts with a source, and one without
    world.register("hilltop", email_domains=["hilltop.example"])
    world.register("oakdale", email_domains=["oakdale.example"])
    world.put_source(ONEROSTER, "hilltop")
    world.secrets[f"{SECRETS}hilltop/oneroster"] = world.secrets[f"{SECRETS}lakeside/oneroster"]
    # When all is well
    found = sources.sources(facts_of(world))
    # Then
    assert found.state is State.IN_ORDER
    assert found.found.startswith("hilltop: oneroster at sis.example gives 1 of 1 orgs")
    assert "; lakeside: oneroster" in found.found
    assert "oakdale" not in found.found
    # When one is not
    del world.secrets[f"{SECRETS}hilltop/oneroster"]
    found = sources.sources(facts_of(world))
    assert (found.state, found.found) == (
        State.WRONG, f"hilltop: secret: there is no secret {SECRETS}hilltop/oneroster",
    )  # fmt: skip
    assert "SECRET=sources/hilltop/oneroster" in found.todo


def test_a_district_is_tried_alone_line_by_line(
    world: FetchWorld, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = facts_of(world)
    monkeypatch.setattr(command, "Facts", lambda *_, **__: facts)
    assert command.run(facts.stack, Namespace(json=False, district="lakeside")) == 0
    assert [line[:12].rstrip() for line in capsys.readouterr().out.splitlines()] == [
        "✓ settings", "✓ secret", "✓ host", "✓ login", "✓ first page",
    ]  # fmt: skip
    world.secrets.clear()
    assert command.run(facts.stack, Namespace(json=False, district="lakeside")) == 1
    assert "✗ secret" in capsys.readouterr().out
