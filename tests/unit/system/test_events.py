"""What the platform is told: every event that is put on the bus is as docs/events describes it, and holds ids only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from tests.account import STACK_ARN
from tests.builders import roster, user
from tests.harness import roll_back
from tests.pages_harness import CLEVER_DISTRICT, Website, lakeside, linked_teacher, log_in
from tests.template import RESOURCES

SCHEMAS = {
    path.name.removesuffix(".schema.json"): json.loads(path.read_text())
    for path in (Path(__file__).parents[3] / "docs/events").glob("*.schema.json")
}
KINDS = {
    "AccountLinked", "LinkUndone", "AccountCreated", "GoalCreated", "AssignmentCreated", "ClassDeleted", "ClassRestored",
    "ImportFinished", "ImportHeld", "LinkMoved", "LoginAdopted", "AccountsJoined", "AccountsParted",
    "OwnLoginAdded", "OwnLoginRemoved",
}  # fmt: skip
PERSONAL = ("Ada", "Kid", "Zoe", "Kim", "Person", "@", "cid-1", "google-ada", "Period 3", "Algebra", "Essay")
"""Names, addresses, outside ids and titles of Lakeside."""


def a_year_of_lakeside() -> Website:
    """All that the platform is told of: links, an undo, accounts joined and parted, work in a class, a tidied class, imports."""
    web = lakeside()
    _own_login_comes_and_goes(web)
    teacher = linked_teacher(web)
    ada = web.visitor(sub="g-ada-at-school", email="t1@lakeside.example", email_verified=True)
    ada.open("/sso/lakeside").press("Continue with Google")
    settings = teacher.open("/classes/own/settings").press("Delete class").press("Restore class")
    district_class = settings.open(settings.open("/home").links()["Algebra"])
    district_class.press("Create goal", title="Essay of Ada", skills="a, b")
    district_class.press("New assignment").press("Create assignment", title="Essay of Kim")
    district_class.press("New assignment").press("Create assignment", title="Quiz", content="quiz")
    student = web.visitor(sub="cid-2", district=CLEVER_DISTRICT).open("/sso/lakeside").press("Continue with Clever")
    student.press("I don't have an account yet").press("I have an older account")
    log_in(student, "kid").press("Link my accounts").press("Undo the link with Lakeside Schools").press("Undo the link")
    teacher.open("/home").press("Undo the link with Lakeside Schools").press("Undo the link")
    wrong = web.world.upload(roster(user("t1", "teacher"), user("s1")), name="wrong")
    roll_back(web.world, wrong["import_id"])
    web.world.upload(roster(user("t1", "teacher"), *(user(f"s{n}") for n in range(60))), name="grown")
    held = web.world.upload(roster(user("t1", "teacher")), name="shrunk")
    assert held["status"] == "held"
    zoe = {"sub": "g-zoe", "email": "s9@lakeside.example", "email_verified": True}
    for number in ("s9", "s10"):
        everybody = [user("t1", "teacher"), *(user(f"s{n}") for n in range(60) if n not in (9, 10))]
        web.world.upload(
            roster(*everybody, user(number, given="Zoe", email="s9@lakeside.example")), name=f"zoe-{number}"
        )
        web.visitor(**zoe).open("/sso/lakeside").press("Continue with Google")
    return web


def _own_login_comes_and_goes(web: Website) -> None:
    web.world.register(clever_district_id=CLEVER_DISTRICT, students_may_add_logins=True)
    kid = web.visitor(sub="cid-1", district=CLEVER_DISTRICT).open("/sso/lakeside").press("Continue with Clever")
    google = web.visitor(sub="g-kid", email="kid@gmail.example", hd=None)
    google.http.cookies = kid.press("I don't have an account yet").http.cookies
    google.open("/ways-in").press("Add a Google account").press("Remove")


@pytest.fixture(scope="module")
def told() -> list[tuple[str, dict[str, Any]]]:
    """(detail type, detail) of every event on the bus after that year."""
    world = a_year_of_lakeside().world
    for (pk, _), item in sorted(world.table.items.items()):
        if pk.startswith("OUTBOX#"):
            world.publish_events().publish(item)
    assert {entry["Source"] for entry in world.events.entries} == {"account-linking"}
    assert {tuple(entry["Resources"]) for entry in world.events.entries} == {(STACK_ARN,)}, "which stack it is of"
    return [(entry["DetailType"], json.loads(entry["Detail"])) for entry in world.events.entries]


def test_every_kind_of_event_has_a_schema_and_comes_about(told: list[tuple[str, dict[str, Any]]]) -> None:
    assert set(SCHEMAS) == KINDS
    assert {kind for kind, _ in told} == KINDS


def test_every_event_on_the_bus_is_as_its_schema_says(told: list[tuple[str, dict[str, Any]]]) -> None:
    for kind, detail in told:
        Draft202012Validator(SCHEMAS[kind]).validate(detail)
    ids = [detail["event_id"] for _, detail in told]
    assert len(set(ids)) == len(ids)


def test_no_event_holds_more_of_a_person_than_ids(told: list[tuple[str, dict[str, Any]]]) -> None:
    for kind, detail in told:
        assert not [one for one in PERSONAL if one in json.dumps(detail)], (kind, detail)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_schema_is_valid_has_an_example_and_refuses_what_it_does_not_know(kind: str) -> None:
    schema = SCHEMAS[kind]
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    assert schema["title"] == kind
    (example,) = schema["examples"]
    validator.validate(example)
    for broken in (
        {**example, "display_name": "Ada"},
        *({k: v for k, v in example.items() if k != gone} for gone in example),
    ):
        with pytest.raises(ValidationError):
            validator.validate(broken)


def test_whoever_listens_inside_listens_for_events_that_exist() -> None:
    functions = [one["Properties"] for one in RESOURCES.values() if one["Type"] == "AWS::Serverless::Function"]
    patterns = [
        event["Properties"]["Pattern"]
        for function in functions
        for event in function.get("Events", {}).values()
        if event["Type"] == "EventBridgeRule"
    ]
    ours = [pattern for pattern in patterns if pattern["source"] == ["account-linking"]]
    assert ours
    assert all(set(pattern["detail-type"]) <= KINDS for pattern in ours)
