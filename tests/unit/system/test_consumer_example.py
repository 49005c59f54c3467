"""The example of a consumer takes what the product tells, twice and in any order, and acts once (docs/events.md)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import boto3
import pytest
from jsonschema.exceptions import ValidationError
from moto import mock_aws

from examples.consumer import handler
from tests.builders import roster, user
from tests.harness import World
from tests.pages_harness import in_a_made_account, lakeside, linked_teacher, log_in

SCHEMAS = Path(__file__).parents[3] / "docs/events"


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, value in {
        "TABLE_NAME": "linked", "SCHEMAS": str(SCHEMAS), "AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    with mock_aws():
        made = boto3.resource("dynamodb").create_table(
            TableName="linked",
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in ("PK", "SK")],
        )
        handler.table.cache_clear()
        yield made
        handler.table.cache_clear()


def told(world: World, *kinds: str) -> list[dict[str, Any]]:
    """The events of these kinds, as EventBridge delivers them, the oldest first."""
    for (pk, _), item in world.table.items.items():
        if pk.startswith("OUTBOX#"):
            world.publish_events().publish(item)
    entries = [entry for entry in world.events.entries if entry["DetailType"] in kinds]
    events = [{"detail-type": entry["DetailType"], "detail": json.loads(entry["Detail"])} for entry in entries]
    return sorted(events, key=lambda event: event["detail"]["occurred_at"])


@pytest.fixture(scope="module")
def history() -> list[dict[str, Any]]:
    """Linked, undone, and linked again to a new account."""
    web = lakeside()
    page = linked_teacher(web)
    web.world.pass_time(minutes=1)
    page.press("Undo the link with Lakeside Schools").press("Undo the link")
    web.world.pass_time(minutes=1)
    claims = {"sub": "t1", "email": "t1@lakeside.example", "email_verified": True}
    page = web.visitor(**claims).open("/sso/lakeside").press("Continue with Google")
    page.press("I don't have an account yet")
    return told(web.world, "AccountLinked", "LinkUndone")


@pytest.fixture(scope="module")
def joined_and_parted() -> list[dict[str, Any]]:
    """A student starts anew, finds the older account, and parts both again."""
    web = lakeside()
    page = in_a_made_account(web)
    web.world.pass_time(minutes=1)
    log_in(page.press("I have an older account"), "kid").press("Link my accounts")
    web.world.pass_time(minutes=1)
    page.press("Undo the link with Lakeside Schools").press("Undo the link")
    return told(web.world, "AccountLinked", "LinkUndone", "AccountsParted")


def kept(table: Any, sourced_id: str = "t1") -> dict[str, Any]:
    item = table.get_item(Key={"PK": f"USER#lakeside#{sourced_id}", "SK": "ACCOUNT"})["Item"]
    return {name: item[name] for name in ("account_id", "is_linked")}


def test_what_comes_in_order_is_done(table: Any, history: list[dict[str, Any]]) -> None:
    linked, undone, again = history
    assert handler.lambda_handler(linked, None) == "done"
    assert kept(table) == {"account_id": "ada", "is_linked": True}
    assert handler.lambda_handler(undone, None) == "done"
    assert kept(table) == {"account_id": "ada", "is_linked": False}
    assert handler.lambda_handler(again, None) == "done"
    assert kept(table) == {"account_id": again["detail"]["account_id"], "is_linked": True}


def test_a_repeat_has_no_effect_not_even_with_another_time(table: Any, history: list[dict[str, Any]]) -> None:
    linked, undone, _ = history
    later = {**linked, "detail": {**linked["detail"], "occurred_at": "2030-01-01T00:00:00.000Z"}}
    answers = [handler.lambda_handler(event, None) for event in (linked, linked, undone, linked, undone, later)]
    assert answers == ["done", "repeat", "done", "repeat", "repeat", "repeat"]
    assert kept(table) == {"account_id": "ada", "is_linked": False}


def test_in_any_order_and_twice_the_newest_fact_stands(table: Any, history: list[dict[str, Any]]) -> None:
    newest = history[-1]["detail"]["account_id"]
    for order in permutations(history):
        for event in (*order, *order):
            handler.lambda_handler(event, None)
        assert kept(table) == {"account_id": newest, "is_linked": True}
        with table.batch_writer() as batch:
            for item in table.scan()["Items"]:
                batch.delete_item(Key={"PK": item["PK"], "SK": item["SK"]})


def test_accounts_that_are_parted_leave_the_roster_user_with_the_made_one(
    table: Any, joined_and_parted: list[dict[str, Any]]
) -> None:
    made, joined, undone, parted = joined_and_parted
    for order in ((made, joined, undone, parted), (parted, undone, joined, made), (undone, made, parted, joined)):
        for event in order:
            handler.lambda_handler(event, None)
        assert kept(table, "s1") == {"account_id": made["detail"]["account_id"], "is_linked": True}
        with table.batch_writer() as batch:
            for item in table.scan()["Items"]:
                batch.delete_item(Key={"PK": item["PK"], "SK": item["SK"]})


@pytest.fixture(scope="module")
def moved() -> list[dict[str, Any]]:
    """A student is linked, and is on the roster under another number later."""
    web = lakeside()
    claims = {"sub": "g-zoe", "email": "s9@lakeside.example", "email_verified": True}
    web.visitor(**claims).open("/sso/lakeside").press("Continue with Google")
    people = [user("t1", "teacher"), user("t2", "teacher"), user("s1"), user("s2")]
    web.world.upload(roster(*people, user("s9-new", given="Zoe", email="s9@lakeside.example")), name="renumbered")
    web.visitor(**claims).open("/sso/lakeside").press("Continue with Google")
    return told(web.world, "AccountLinked", "LinkMoved")


def test_a_link_that_moved_is_that_of_the_new_number_in_any_order(table: Any, moved: list[dict[str, Any]]) -> None:
    assert [event["detail-type"] for event in moved] == ["AccountLinked", "LinkMoved"]
    for order in permutations(moved):
        for event in (*order, *order):
            handler.lambda_handler(event, None)
        assert kept(table, "s9-new") == {"account_id": "zoe", "is_linked": True}
        assert kept(table, "s9") == {"account_id": "zoe", "is_linked": False}
        with table.batch_writer() as batch:
            for item in table.scan()["Items"]:
                batch.delete_item(Key={"PK": item["PK"], "SK": item["SK"]})


def test_who_has_the_former_number_by_now_keeps_it_when_a_move_comes_late(
    table: Any, moved: list[dict[str, Any]]
) -> None:
    linked, move = moved
    another = {"event_id": "later", "occurred_at": "2030-01-01T00:00:00.000Z", "account_id": "bob"}
    assert handler.lambda_handler({**linked, "detail": {**linked["detail"], **another}}, None) == "done"
    assert handler.lambda_handler(move, None) == "done"
    assert kept(table, "s9-new") == {"account_id": "zoe", "is_linked": True}
    assert kept(table, "s9") == {"account_id": "bob", "is_linked": True}


def test_the_example_listens_to_every_event_of_a_link() -> None:
    rule = (Path(handler.__file__).parent / "template.yaml").read_text()
    for kind in ("AccountLinked", "LinkMoved", "LinkUndone", "AccountsParted"):
        assert kind in rule, kind


def test_what_is_not_as_the_schema_says_is_refused_and_leaves_nothing(
    table: Any, history: list[dict[str, Any]]
) -> None:
    strange = {**history[0], "detail": {**history[0]["detail"], "display_name": "Ada"}}
    with pytest.raises(ValidationError):
        handler.lambda_handler(strange, None)
    assert table.scan()["Items"] == []
