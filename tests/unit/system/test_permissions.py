"""Permissions are proved, both ways: every call of a function is allowed by its role, and all that a role allows is used.

``tests/iam`` has the roles of the transformed template, and what the tests made each function call (``make permissions``).
While any test runs, the services in memory and moto refuse what the role of the function under test does not allow.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared.domain.roster import NumberKind, RosterUserKey
from shared.stores.keys import user_pk
from tests.iam import page
from tests.iam.deployed import stack, transformed
from tests.iam.grants import Grant
from tests.iam.guard import GUARD, without_action
from tests.iam.proof import UNUSED, missing, platform_uses, recorded, unused, used_grants
from tests.pages_harness import lakeside, linked_teacher
from tests.tree import ROOT

USES = [*recorded(), *platform_uses()]
ANY_RESOURCE = {"ses:GetAccount", "xray:PutTraceSegments", "xray:PutTelemetryRecords"} | {
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
}
"""Actions that allow no other resource than ``*``."""


def of_type(kind: str) -> dict[str, dict[str, Any]]:
    return stack().of_type(kind)


ROLES = sorted(of_type("AWS::IAM::Role"))
FUNCTIONS = sorted(of_type("AWS::Lambda::Function"))


# The roles themselves.


def test_no_role_has_a_managed_policy() -> None:
    """SAM adds some for event sources: ``AWSLambdaSQSQueueExecutionRole`` gives every queue of the account."""
    assert [name for name in ROLES if of_type("AWS::IAM::Role")[name].get("ManagedPolicyArns")] == []
    kinds = {made["Type"] for made in transformed()["Resources"].values()}
    assert not kinds & {"AWS::IAM::ManagedPolicy", "AWS::IAM::Policy", "AWS::IAM::RolePolicy"}


@pytest.mark.parametrize("name", ROLES)
def test_every_role_names_its_actions_and_resources(name: str) -> None:
    """``*`` stands for a resource only where an action allows no other."""
    for statement in stack().roles[name]:
        assert not [action for action in statement.actions if "*" in action], statement
        if "*" in statement.resources:
            assert set(statement.actions) <= ANY_RESOURCE, statement
        keeps_off = {pattern for condition in statement.conditions for pattern in condition.patterns}
        assert statement.effect == "Allow" or keeps_off == {"SEALED#*", "SEALS_DUE"}


@pytest.mark.parametrize("name", ROLES)
def test_every_role_is_taken_by_one_service(name: str) -> None:
    (trust,) = of_type("AWS::IAM::Role")[name]["AssumeRolePolicyDocument"]["Statement"]
    services = trust["Principal"]["Service"]
    assert len([services] if isinstance(services, str) else services) == 1
    assert set(trust["Principal"]) == {"Service"}


def test_every_function_has_a_role_of_its_own() -> None:
    assert len({one["Role"] for one in of_type("AWS::Lambda::Function").values()}) == len(FUNCTIONS)


@pytest.mark.parametrize("name", ROLES)
def test_a_role_that_names_roster_users_names_those_of_every_kind(name: str) -> None:
    """Clever's students, teachers and staff lie under keys of their own."""
    kinds = {f"{user_pk(RosterUserKey('*', '', kind)).rstrip('#')}" for kind in ("", *NumberKind)}
    for statement in stack().roles[name]:
        keys = {pattern for condition in statement.conditions for pattern in condition.patterns}
        assert not keys & kinds or keys >= kinds, statement


def test_whoever_a_rule_or_a_bucket_calls_lets_it_in() -> None:
    """Targets of EventBridge and S3 are no matter of a role: the function or the queue itself has to say so."""
    invokers = {(one["FunctionName"], one.get("SourceArn")) for one in of_type("AWS::Lambda::Permission").values()}
    queues = json.dumps([one["PolicyDocument"] for one in of_type("AWS::SQS::QueuePolicy").values()])
    for name, rule in of_type("AWS::Events::Rule").items():
        for target in rule["Targets"]:
            for arn in filter(None, [target["Arn"], target.get("DeadLetterConfig", {}).get("Arn")]):
                if ":function:" in arn:
                    function = arn.partition(":function:")[2].partition(":")[0]
                    sources = {source for known, source in invokers if function in known}
                    assert any(str(source).endswith(f"rule/{name}") for source in sources), (name, arn)
                else:
                    assert f'"{arn}"' in queues, (name, arn)


# The proof.


def test_the_role_of_every_function_is_known_and_recorded() -> None:
    assert set(stack().role_of_folder.values()) <= set(stack().roles)
    assert {use.role for use in recorded()} == set(stack().role_of_folder.values())


def test_every_call_of_a_function_is_allowed_by_its_role() -> None:
    assert missing(USES, stack().roles) == []


def test_what_a_role_allows_is_used_or_has_a_reason() -> None:
    """Where something new is allowed or called: ``make permissions TESTS=…`` records the tests that use it."""
    left = unused(used_grants(USES))
    assert {str(grant) for grant in left} == {str(grant) for grant in UNUSED}


def test_every_use_names_a_test_that_is_there() -> None:
    for use in recorded():
        path, _, name = use.test.partition("::")
        assert f"def {name}(" in (ROOT / path).read_text(), f"{use.test}: make permissions"


ACTIONS = sorted({(grant.role, grant.action) for grant in used_grants(USES)})


@pytest.mark.parametrize(("role", "action"), ACTIONS, ids=[f"{role} without {action}" for role, action in ACTIONS])
def test_taking_one_action_out_of_a_role_is_noticed(role: str, action: str) -> None:
    taken = {**stack().roles, role: without_action(stack().roles[role], action)}
    refused = missing(USES, taken)
    assert {(use.role, use.request.action) for use in refused} == {(role, action)}


def test_without_one_action_the_page_that_needs_it_fails() -> None:
    """End to end: the double refuses, the page fails, and the refusal names the action."""
    web = lakeside()
    teacher = linked_teacher(web)
    teacher.open("/cleaning").press("Download class data", "Period 3")
    web.world.make_exports()
    assert teacher.response is not None
    with GUARD.without("PagesFunctionRole", "dynamodb:BatchWriteItem") as refused:
        page_of_export = teacher.open(str(teacher.response.url))
        assert page_of_export.open(page_of_export.links()["Save the file"]).status == 500
    assert {use.request.action for use in refused} == {"dynamodb:BatchWriteItem"}


def test_the_page_of_permissions_is_in_step() -> None:
    assert page.PAGE.read_text() == page.text(), "make permissions"


def test_a_reason_is_given_for_a_grant_that_there_is() -> None:
    granted = {Grant(g.role, g.action, g.resource, g.pattern) for g in unused([])}
    assert set(UNUSED) <= granted
