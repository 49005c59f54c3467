"""One version at a time: an import ends with the code that it began with, and new pages take over by and by."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cloudformation import transform_of
from tests.iam.deployed import transformed
from tests.template import RESOURCES, TEMPLATE

MADE: dict[str, Any] = transformed()["Resources"]


def deployed_as(**changes: Any) -> dict[str, Any]:
    """The transformed resources with these parameters; ``code`` and ``environment`` change what is deployed."""
    template = json.loads(json.dumps(TEMPLATE))
    if "environment" in changes:
        template["Globals"]["Function"]["Environment"]["Variables"]["MORE"] = changes["environment"]
    parameters = {name: value for name, value in changes.items() if name in TEMPLATE["Parameters"]}
    made: dict[str, Any] = transform_of(template, parameters, code=changes.get("code", "key"))["Resources"]
    return made


def version_of(made: dict[str, Any], function: str) -> str:
    (name,) = (
        name
        for name, one in made.items()
        if one["Type"] == "AWS::Lambda::Version" and one["Properties"]["FunctionName"] == {"Ref": function}
    )
    return name


@pytest.mark.parametrize(
    ("machine", "function"),
    [("ImportStateMachine", "ImportStepFunction"), ("AccountsFeedStateMachine", "AccountsFeedFunction")],
)
def test_an_import_or_a_feed_ends_with_the_version_it_began_with(machine: str, function: str) -> None:
    """A running execution keeps its definition; that names a version, which a deployment leaves in place."""
    made = MADE
    version = version_of(made, function)
    assert made[machine]["Properties"]["DefinitionSubstitutions"] == {f"{function}Arn": {"Ref": version}}
    assert made[version]["DeletionPolicy"] == "Retain"
    (own,) = made[f"{machine}Role"]["Properties"]["Policies"]
    (call,) = [s for s in own["PolicyDocument"]["Statement"] if "lambda:InvokeFunction" in s["Action"]]
    assert {"Fn::Sub": f"${{{function}.Arn}}:*"} in call["Resource"]


@pytest.mark.parametrize("change", [{"code": "other"}, {"environment": "other"}])
@pytest.mark.parametrize("function", ["ImportStepFunction", "PagesFunction"])
def test_code_and_settings_each_make_another_version(function: str, change: dict[str, str]) -> None:
    """So do dependencies, of which each function's code holds the list (tests/unit/system/test_build.py)."""
    assert version_of(deployed_as(), function) != version_of(deployed_as(**change), function)


def test_the_pages_are_reached_by_their_alias_alone() -> None:
    made = MADE
    assert made["HttpApiIntegration"]["Properties"]["IntegrationUri"]["Fn::Sub"].endswith(
        "/functions/${PagesFunction.Arn}:live/invocations"
    )
    assert made["PagesPermission"]["Properties"]["FunctionName"] == {"Ref": "PagesFunctionAliaslive"}
    assert made["PagesFunctionAliaslive"]["Properties"]["Name"] == "live"


def test_a_gradual_deployment_goes_back_when_its_alarms_are_raised() -> None:
    made = deployed_as(PagesDeployment="Canary10Percent5Minutes")
    (group,) = [one["Properties"] for one in made.values() if one["Type"] == "AWS::CodeDeploy::DeploymentGroup"]
    assert group["AutoRollbackConfiguration"]["Enabled"] is True
    assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
    alarms = [one["Name"]["Ref"] for one in group["AlarmConfiguration"]["Alarms"]]
    assert alarms == ["PageFailedAlarm", "PagesVersionFailingAlarm"]
    assert "Canary10Percent5Minutes" in json.dumps(group["DeploymentConfigName"])
    watched = {one["Name"]: one["Value"] for one in made[alarms[1]]["Properties"]["Dimensions"]}
    assert watched["ExecutedVersion"] == {"Fn::GetAtt": [version_of(made, "PagesFunction"), "Version"]}
    assert all("Condition" not in made[name] for name in alarms)


def test_a_deployment_at_once_makes_nothing_that_the_local_stack_lacks() -> None:
    assert [name for name, one in MADE.items() if "CodeDeploy" in one["Type"]] == []
    assert TEMPLATE["Parameters"]["PagesDeployment"]["Default"] == "AllAtOnce"


def test_rules_hear_the_events_of_their_own_stack_alone() -> None:
    """Two stacks of one account share the default bus. SES' events name the configuration set, which the code compares; those of
    AWS Transfer name the server."""
    patterns = [one["Properties"]["EventPattern"] for one in MADE.values() if one["Type"] == "AWS::Events::Rule"]
    ours = [pattern for pattern in patterns if pattern["source"] == ["account-linking"]]
    (of_transfer,) = (pattern for pattern in patterns if pattern["source"] == ["aws.transfer"])
    assert of_transfer["detail"] == {"server-id": [{"Fn::GetAtt": ["SftpServer", "ServerId"]}]}
    assert len(ours) == len(patterns) - 2
    assert all(pattern["resources"] == [{"Ref": "AWS::StackId"}] for pattern in ours)
    environment = RESOURCES["EventPublisherFunction"]["Properties"]["Environment"]["Variables"]
    assert environment["STACK_ARN"] == {"Ref": "AWS::StackId"}
