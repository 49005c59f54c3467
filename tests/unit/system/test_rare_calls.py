"""What functions do seldom, each once: permissions that the everyday tests do not need (docs/permissions.md)."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import pytest
import requests

from functions.pages import bootstrap
from shared.hubs.clever import Clever
from shared.hubs.oidc import OidcProvider
from shared.stores.keys import pair, tenant_key
from shared.stores.pauses import PausedImport, PauseStore
from tests.builders import account, roster, user
from tests.deployment import Deployment, deployed, event
from tests.fakes.dynamodb import Effect
from tests.harness import STARTS, World, zipped
from tests.iam.boto import as_role_of
from tests.iam.guard import GUARD


@pytest.fixture
def stack() -> Iterator[Deployment]:
    with deployed(STARTS) as found:
        yield found


@pytest.fixture
def world() -> World:
    found = World()
    found.register()
    return found


@pytest.mark.parametrize("folder", ["rosters", "previews"])
def test_an_upload_of_a_bucket_with_versions_is_read_as_it_was(world: World, folder: str) -> None:
    upload = world.arrive(f"{folder}/lakeside/roster.zip", zipped(roster(user("t1", "teacher"))))
    taken = world.receive_upload().receive(replace(upload, version_id="v1"))
    world.run_imports()
    assert world.report(taken)["status"] == "completed"


def test_a_file_of_accounts_of_a_bucket_with_versions_is_read_as_it_was(world: World) -> None:
    upload = world.arrive("accounts/accounts.jsonl", json.dumps(account("ada", "ada@mail.example")).encode())
    world.take_feed(replace(upload, version_id="v1"), size=1_000)
    world.run_imports()
    assert world.report_of_feed()["created"] == 1


def test_a_mail_that_is_sent_late_is_decided_by_clever_ids_too(world: World) -> None:
    world.upload(roster(user("t1", "teacher", ids="{Clever:cid-1}")))
    world.send_mail()
    assert len(world.ses.sent) == 1


def test_a_tenant_that_settings_name_no_more_is_free(world: World) -> None:
    world.register(microsoft_tenant_id="tenant-1")
    assert pair(tenant_key("microsoft", "tenant-1")) in world.table.items
    world.register()
    assert pair(tenant_key("microsoft", "tenant-1")) not in world.table.items


def test_a_digest_of_a_district_that_is_gone_is_planned_no_more(world: World) -> None:
    world.register(digest={"to": ["data@lakeside.example"]})
    del world.table.items["DISTRICT#lakeside", "SETTINGS"]
    world.send_digest().run()
    assert not [pk for pk, _ in world.table.items if pk == "DIGESTS"]


def test_an_import_that_is_noted_while_its_district_is_left_is_found() -> None:
    paused: list[PausedImport] = []

    def gate(_service: str, operation: str, request: dict[str, Any], effect: Effect) -> dict[str, Any]:
        answer = effect()
        if paused and operation == "DeleteItem" and request["Key"]["PK"] == "PAUSES":
            with GUARD.acting("ImportStepFunctionRole"):
                store.keep("lakeside", paused.pop())
                del world.table.items["PAUSES", "lakeside"]
        return answer

    world = World(gate=gate)
    world.register(pauses=[{"from": "2026-09-01", "to": "2026-09-01"}])
    store = PauseStore(world.table)
    paused.append(PausedImport("import-1", world.arrive("rosters/lakeside/r.zip", b""), is_delta=False))
    world.pass_time(days=2)
    world.watch_pauses().run()
    assert [sk for pk, sk in world.table.items if pk == "PAUSES"] == ["lakeside"]


def test_the_client_secrets_of_the_hubs_are_read(stack: Deployment) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in stack.environment("PagesFunction").items():
            patch.setenv(name, value)
        with as_role_of("PagesFunction"):
            site = bootstrap.wire()
            found = {
                name: cast(OidcProvider | Clever, hub)._client_secret() for name, hub in site.services.hubs.items()
            }
    assert found == {"google": "g", "clever": "c", "classlink": "l", "microsoft": "m"}


def test_whoever_the_platform_knows_is_migrated(stack: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.feed(account("ada", "ada@mail.example"))
    stack.begin_with(world)

    response = requests.Response()
    response.status_code, response.raw = 200, io.BytesIO(json.dumps({"account_id": "ada"}).encode())
    monkeypatch.setattr(requests.Session, "post", lambda _session, _url, **_asked: response)
    stack._ids["PlatformLoginUrl"] = "https://platform.example/login"
    trigger = event("cognito-login") | {"userName": "ada"}
    answer = stack.invoke("UserMigrationFunction", trigger)
    assert answer["response"]["userAttributes"]["custom:account_id"] == "ada"
