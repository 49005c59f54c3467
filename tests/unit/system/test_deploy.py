"""`make deploy`: what it needs, what it asks, what it hands to SAM, and what it leaves a person to do."""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from operations import deploy
from operations.deploy import (
    Deployment,
    SettingMissing,
    commands,
    gathered,
    next_steps,
    template_parameters,
    variable_of,
    with_sender_that_exists,
)
from operations.doctor.facts import Facts
from operations.doctor.finding import Finding, State
from operations.stack import Stack

KNOWN = (
    "SenderDomain",
    "SenderEmail",
    "SenderExists",
    "DomainName",
    "CertificateArn",
    "Emulator",
    "GoogleClientId",
    "CleverClientId",
    "AlarmEmail",
    "Architecture",
    "Version",
    "DeletionProtection",
)
NEW = {"STACK": "production", "SENDER_DOMAIN": "school.example"}


def nothing_yet(_name: str) -> None:
    return None


def standing(_name: str) -> Mapping[str, str]:
    return {"SenderEmail": "no-reply@school.example", "Architecture": "x86_64", "GoogleClientId": "g"}


def asked(answers: Mapping[str, str]) -> tuple[deploy.Ask, list[str]]:
    questions: list[str] = []

    def ask(question: str) -> str:
        questions.append(question)
        return next((answer for word, answer in answers.items() if word in question), "")

    return ask, questions


def test_a_parameter_is_a_variable() -> None:
    assert variable_of("GoogleClientId") == "GOOGLE_CLIENT_ID"
    assert {variable_of(name) for name in template_parameters()} >= {
        "SENDER_EMAIL",
        "ALARM_EMAIL",
        "LOG_RETENTION_DAYS",
    }


def test_off_a_terminal_all_that_is_missing_is_named_at_once() -> None:
    with pytest.raises(SettingMissing, match=r"STACK=.*SENDER_DOMAIN=.*SENDER_EMAIL="):
        gathered({}, KNOWN, nothing_yet, None)


def test_a_first_deployment_needs_a_name_and_a_sender_alone() -> None:
    found = gathered(NEW, KNOWN, nothing_yet, None)
    assert (found.stack, found.architecture) == ("production", "arm64")
    assert {**found.parameters, "Version": ""} == {
        "SenderDomain": "school.example",
        "Architecture": "arm64",
        "Emulator": "false",
        "Version": "",
    }


def test_on_a_terminal_what_is_missing_is_asked_for() -> None:
    ask, questions = asked({"Name": "production", "sent from": "school.example", "alarms": "ops@school.example"})
    found = gathered({"GOOGLE_CLIENT_ID": "g"}, KNOWN, nothing_yet, ask)
    assert found.stack == "production"
    assert found.parameters.items() >= {"SenderDomain": "school.example", "AlarmEmail": "ops@school.example"}.items()
    assert not any("Google" in question for question in questions)
    assert "CleverClientId" not in found.parameters


def test_an_address_is_a_sender_too() -> None:
    ask, _ = asked({"sent from": "it@school.example"})
    found = gathered({"STACK": "s"}, KNOWN, nothing_yet, ask)
    assert found.parameters.items() >= {"SenderEmail": "it@school.example", "SenderDomain": ""}.items()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"SENDER_EMAIL": "it@school.example"}, {"SenderEmail": "it@school.example", "SenderDomain": ""}),
        ({"SENDER_DOMAIN": "new.example"}, {"SenderDomain": "new.example"}),
        ({}, {}),
    ],
)
def test_a_new_sender_takes_the_place_of_the_one_before(given: dict[str, str], expected: dict[str, str]) -> None:
    found = gathered({"STACK": "production", **given}, KNOWN, standing, None)
    assert {name: v for name, v in found.parameters.items() if name.startswith("Sender")} == expected


@pytest.mark.parametrize("given", [{"DOMAIN_NAME": "link.example"}, {"CERTIFICATE_ARN": "arn:aws:acm:x"}])
def test_a_domain_of_the_pages_wants_its_certificate(given: dict[str, str]) -> None:
    with pytest.raises(SettingMissing, match="CERTIFICATE_ARN"):
        gathered({**NEW, **given}, KNOWN, nothing_yet, None)


@pytest.mark.parametrize(
    ("is_known", "before", "expected"),
    [
        (True, {}, {"SenderExists": "true"}),
        (False, {}, {"SenderExists": "false"}),
        (True, {"SenderDomain": "school.example"}, {}),
        (True, {"SenderDomain": "other.example"}, {"SenderExists": "true"}),
    ],
    ids=["by hand", "new", "of this stack", "changed"],
)
def test_a_sender_that_ses_knows_is_used_as_it_is(
    is_known: bool, before: dict[str, str], expected: dict[str, str]
) -> None:
    def look(*, EmailIdentity: str) -> None:
        assert EmailIdentity == "school.example"
        if not is_known:
            raise ClientError({"Error": {"Code": "NotFoundException", "Message": ""}}, "GetEmailIdentity")

    ses = SimpleNamespace(get_email_identity=look)
    deployment = with_sender_that_exists(Deployment("s", "arm64", {"SenderDomain": "school.example"}), before, ses)
    assert {name: v for name, v in deployment.parameters.items() if name == "SenderExists"} == expected


def test_a_stack_that_stands_keeps_what_is_not_given() -> None:
    ask, questions = asked({})
    found = gathered({"STACK": "production"}, KNOWN, standing, ask)
    assert questions == []
    assert {**found.parameters, "Version": ""} == {
        "Architecture": "x86_64",
        "DeletionProtection": "true",
        "Emulator": "false",
        "Version": "",
    }


def test_build_and_deployment_are_for_one_architecture() -> None:
    deployment = Deployment("production", "x86_64", {"Architecture": "x86_64", "BrandName": 'Learn "it"'})
    build, sent = commands(deployment, "eu-west-1", confirm=False)
    assert build[build.index("--parameter-overrides") + 1] == "Architecture=x86_64"
    assert sent[sent.index("--parameter-overrides") + 1 :] == ['Architecture="x86_64"', 'BrandName="Learn \\"it\\""']
    assert {"--no-confirm-changeset", "--resolve-s3", "eu-west-1"} <= set(sent)

    environments: list[Mapping[str, str]] = []

    def run(_command: Sequence[str], environment: Mapping[str, str]) -> int:
        environments.append(environment)
        return 0

    assert deploy.deploy(deployment, "eu-west-1", run, confirm=False) == 0
    assert {environment["ARCHITECTURE"] for environment in environments} == {"x86_64"}


def test_what_was_not_built_is_not_deployed() -> None:
    ran: list[str] = []

    def run(command: Sequence[str], _environment: Mapping[str, str]) -> int:
        ran.append(command[1])
        return 1

    assert deploy.deploy(Deployment("s", "arm64", {}), "eu-west-1", run, confirm=False) == 1
    assert ran == ["build"]


@pytest.mark.parametrize(
    "keys", [[], ["districts/riverbend/district.json"], ["districts/doctor-preview/district.json"]]
)
def test_it_ends_with_what_a_person_has_to_do(keys: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    listed = SimpleNamespace(list_objects_v2=lambda **_: {"Contents": [{"Key": key} for key in keys]})
    session: Any = SimpleNamespace(client=lambda service, endpoint_url: listed)
    outputs = {"WebUrl": "https://link.example", "RosterBucketName": "rosters"}
    facts = Facts(Stack("production", "1", "eu-west-1", outputs, session), sleep=lambda _: None)
    found = {"sandbox": Finding(State.WRONG, "in its sandbox", "Ask"), "alarms": Finding(State.IN_ORDER, "on")}
    monkeypatch.setattr(deploy, "examine", lambda _facts, _checks: found.items())

    steps = "\n".join(next_steps(facts))

    assert "https://link.example/callback/google" in steps
    assert "1. sandbox" in steps
    assert "→ Ask" in steps
    assert "alarms" not in steps
    assert ("register-district" in steps) is (keys != ["districts/riverbend/district.json"])
    assert "make doctor STACK=production" in steps


def test_without_credentials_nothing_is_done_and_it_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(**_: str) -> None:
        raise ClientError({"Error": {"Code": "ExpiredToken", "Message": "expired"}}, "DescribeStacks")

    client = SimpleNamespace(describe_stacks=refuse)
    monkeypatch.setenv("STACK", "production")
    monkeypatch.setattr(
        deploy, "session", lambda: SimpleNamespace(region_name="eu-west-1", client=lambda _name: client)
    )
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    assert deploy.main() == deploy.MISSING
    assert "AWS_PROFILE" in capsys.readouterr().err


def test_on_a_new_machine_all_that_is_missing_is_named_without_asking_aws(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for variable in ("STACK", "SENDER_DOMAIN", "SENDER_EMAIL"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(deploy, "session", lambda: SimpleNamespace(region_name=None))
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    assert deploy.main() == deploy.MISSING
    said = capsys.readouterr().err
    assert all(
        name in said for name in ("AWS_REGION=", "STACK=", "SENDER_DOMAIN=", "SENDER_EMAIL=", "Nothing was done")
    )
