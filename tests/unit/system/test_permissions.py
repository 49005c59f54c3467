"""The transformed template is what is deployed: every role is scoped, and every call that a function makes is allowed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.domain.roster import NumberKind, RosterUserKey
from shared.stores.keys import user_pk
from tests.builders import account, roster, user
from tests.harness import CONFIGURATION_SET, zipped
from tests.pages_harness import PASSWORD, Website, in_a_made_account, lakeside, linked_teacher, log_in
from tests.permissions import Call, Recorder, roles, statements, statements_of_folder, transformed
from tests.template import RESOURCES

FUNCTIONS = sorted(name for name, made in RESOURCES.items() if made["Type"] == "AWS::Serverless::Function")
ANY_RESOURCE = {"ses:GetAccount", "xray:PutTraceSegments", "xray:PutTelemetryRecords"} | {
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
}
"""Actions that allow no other resource than ``*``."""


def test_no_role_has_a_managed_policy() -> None:
    """SAM adds some for event sources: ``AWSLambdaSQSQueueExecutionRole`` gives every queue of the account."""
    assert [name for name, role in roles().items() if role.get("ManagedPolicyArns")] == []
    assert [name for name, made in transformed().items() if made["Type"] == "AWS::IAM::ManagedPolicy"] == []


@pytest.mark.parametrize("name", sorted(roles()))
def test_every_role_names_its_actions_and_resources(name: str) -> None:
    """``*`` stands for a resource only where an action allows no other."""
    for statement in statements(roles()[name]):
        assert not [action for action in statement["Action"] if "*" in action], statement
        if "*" in statement["Resource"]:
            assert set(statement["Action"]) <= ANY_RESOURCE, statement
        assert statement["Effect"] == "Allow"
        assert "NotAction" not in statement
        assert "NotResource" not in statement


@pytest.mark.parametrize("name", sorted(roles()))
def test_every_role_is_taken_by_one_service(name: str) -> None:
    (trust,) = roles()[name]["AssumeRolePolicyDocument"]["Statement"]
    services = trust["Principal"]["Service"]
    assert len([services] if isinstance(services, str) else services) == 1
    assert set(trust["Principal"]) == {"Service"}


def test_every_function_has_a_role_of_its_own() -> None:
    taken = [transformed()[name]["Properties"]["Role"]["Fn::GetAtt"][0] for name in FUNCTIONS]
    assert len(set(taken)) == len(FUNCTIONS)


def test_a_function_reads_from_its_own_queue_and_no_other() -> None:
    for made in transformed().values():
        if made["Type"] != "AWS::Lambda::EventSourceMapping":
            continue
        function = made["Properties"]["FunctionName"]["Ref"]
        source = made["Properties"]["EventSourceArn"]
        folder = RESOURCES[function]["Properties"]["Handler"].split(".")[1]
        read = [
            s for s in statements_of_folder(folder) if {"sqs:ReceiveMessage", "dynamodb:GetRecords"} & {*s["Action"]}
        ]
        assert [statement["Resource"] for statement in read] == [[source]], function


@pytest.mark.parametrize("name", sorted(roles()))
def test_a_role_that_names_roster_users_names_those_of_every_kind(name: str) -> None:
    """Clever's students, teachers and staff lie under keys of their own."""
    kinds = {user_pk(RosterUserKey("*", "", kind)).rstrip("#") for kind in ("", *NumberKind)}
    for statement in statements(roles()[name]):
        keys = set(statement.get("Condition", {}).get("ForAllValues:StringLike", {}).get("dynamodb:LeadingKeys", ()))
        assert not keys & kinds or keys >= kinds, statement


@pytest.fixture(scope="module")
def recorder() -> Recorder:
    """What the functions call while a district begins, its people link, clean up and leave."""
    recorder = Recorder()
    web = lakeside(gate=recorder)
    world = web.world
    _people_come_and_go(web)
    world.notify_of_links()
    for mail in list(world.ses.sent):
        tags = {tag["Name"]: [tag["Value"]] for tag in mail["EmailTags"]}
        tags["ses:configuration-set"] = [CONFIGURATION_SET]
        for number, kind in enumerate(("Delivery", "Bounce", "Complaint")):
            told = {"messageId": f"{number}", "tags": tags, "destination": [mail["To"]]}
            world.record_feedback().record({"eventType": kind, "mail": told, "bounce": {"bounceType": "Permanent"}})
    world.put("previews/lakeside/roster.zip", zipped({"users.csv": "no roster"}))
    world.pass_time(days=20)
    world.queue_due_activations().run()
    world.send_mail()
    world.send_nudge().run()
    world.register(digest={"to": ["data@lakeside.example"]}, contacts=["data@lakeside.example"])
    world.send_digest().run()
    world.pass_time(days=8)
    world.send_digest().run()
    _rosters_pause(web)
    return recorder


def _rosters_pause(web: Website) -> None:
    world = web.world
    tomorrow = (world.now + timedelta(days=1)).date().isoformat()
    world.register(contacts=["data@lakeside.example"], pauses=[{"from": tomorrow, "to": tomorrow}])
    world.watch_pauses().run()
    world.pass_time(days=1)
    for name in ("one", "two"):
        world.upload(roster(user(name)), name=name)
    for _ in range(3):
        world.pass_time(days=1)
        world.watch_pauses().run()
        world.run_imports()


def _people_come_and_go(web: Website) -> None:
    web.cognito.users["zoe"] = (PASSWORD, "zoe")
    teacher = linked_teacher(web)
    teacher.open("/cleaning").press("Download class data", "Period 3")
    web.world.make_exports()
    assert teacher.response is not None
    teacher.open(str(teacher.response.url))
    teacher.open(teacher.links()["Save the file"])
    in_a_made_account(web)
    log_in(web.visitor().open("/login"), password="wrong")
    admin = web.visitor(sub="a", email="a1@lakeside.example", email_verified=True).open("/sso/lakeside")
    admin.press("Continue with Google").open("/console/lakeside")
    web.world.feed(account("ada", "ada@mail.example"), account("new", "t2@lakeside.example"))
    teacher.open("/home").press("Undo the link with Lakeside Schools")


def test_every_call_of_a_function_is_allowed_by_its_role(recorder: Recorder) -> None:
    assert recorder.folders() >= {"pages", "import_step", "roster_import", "accounts_feed", "activation_email"}
    assert recorder.folders() >= {"class_export", "link_notice", "cleanup_nudges", "cleanup_digest"}
    assert recorder.folders() >= {"import_pauses"}
    assert recorder.folders() >= {"mail_feedback", "activation_schedule"}
    assert recorder.denied() == []


def test_a_call_that_no_statement_names_is_noticed() -> None:
    assert not Call("pages", "dynamodb:Scan", "ACCOUNT#a").is_allowed
    assert not Call("class_export", "dynamodb:UpdateItem", "DISTRICT#lakeside").is_allowed
    assert not Call("pages", "s3:GetObject", "rosters/districts/lakeside/district.json").is_allowed
    assert Call("pages", "s3:GetObject", "exports/exports/1.zip").is_allowed
