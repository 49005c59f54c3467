"""Who may deliver by SFTP: each district its own folder and nothing else, and none where the stack has no SFTP."""

from __future__ import annotations

import json
from argparse import ArgumentError, Namespace
from fnmatch import fnmatchcase
from typing import Any

import boto3
import pytest

from operations import sftp_user
from operations.stack import Stack
from shared.domain.errors import InvalidSettings
from tests.cloudformation import holds
from tests.fakes.dynamodb import error
from tests.template import RESOURCES, TEMPLATE

KEY = f"ssh-ed25519 {'A' * 68} sender@river"
OUTPUTS = {
    "RosterBucketName": "rosters",
    "ImportStateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:production-import",
    "SftpServerId": "s-1",
    "SftpUserRoleArn": "arn:aws:iam::123456789012:role/production-sftp-us-east-1",
}


class Transfer:
    """AWS Transfer, as far as users go."""

    def __init__(self) -> None:
        self.users: dict[str, dict[str, Any]] = {}

    def create_user(self, *, UserName: str, SshPublicKeyBody: str, **user: Any) -> None:
        if UserName in self.users:
            raise error("ResourceExistsException", "CreateUser")
        self.users[UserName] = {**user, "keys": [SshPublicKeyBody]}

    def update_user(self, *, UserName: str, **user: Any) -> None:
        self.users[UserName] |= user

    def import_ssh_public_key(self, *, ServerId: str, UserName: str, SshPublicKeyBody: str) -> None:
        assert ServerId == "s-1"
        if SshPublicKeyBody in self.users[UserName]["keys"]:
            raise error("ResourceExistsException", "ImportSshPublicKey")
        self.users[UserName]["keys"].append(SshPublicKeyBody)

    def describe_user(self, *, ServerId: str, UserName: str) -> None:
        assert ServerId == "s-1"
        if UserName not in self.users:
            raise error("ResourceNotFoundException", "DescribeUser")

    def delete_user(self, *, ServerId: str, UserName: str) -> None:
        assert ServerId == "s-1"
        del self.users[UserName]


@pytest.fixture
def transfer(monkeypatch: pytest.MonkeyPatch) -> Transfer:
    made = Transfer()
    monkeypatch.setattr(Stack, "client", lambda _stack, _service: made)
    return made


def stack(**outputs: str) -> Stack:
    return Stack("production", "123456789012", "us-east-1", {**OUTPUTS, **outputs}, boto3.Session())


def test_a_sender_reaches_the_districts_own_folder_and_nothing_else(
    transfer: Transfer, capsys: pytest.CaptureFixture[str]
) -> None:
    other = KEY.replace("A", "B")
    for key in (KEY, KEY, other):
        assert sftp_user.run(stack(), Namespace(district="river", key=key)) == 0
    assert "district-river@s-1.server.transfer.us-east-1.amazonaws.com" in capsys.readouterr().out

    (user,) = transfer.users.values()
    assert user["keys"] == [KEY, other]
    assert user["HomeDirectoryMappings"] == [{"Entry": "/", "Target": "/rosters/deliveries/river"}]
    document = json.loads(user["Policy"])
    allowed = [one for each in document["Statement"] if "s3:PutObject" in each["Action"] for one in each["Resource"]]
    assert [any(fnmatchcase(f"arn:aws:s3:::rosters/{key}", one) for one in allowed) for key in (
        "deliveries/river/users.csv", "deliveries/riverbend/users.csv", "rosters/river/x.zip", "sources/river/source.json",
    )] == [True, False, False, False]  # fmt: skip
    listed = document["Statement"][1]["Condition"]["StringLike"]["s3:prefix"]
    assert not any(fnmatchcase("deliveries/riverbend/", one) for one in listed)

    assert sftp_user.remove(stack(), "river")
    assert not sftp_user.remove(stack(), "river")


def test_without_sftp_nobody_is_made_and_what_to_do_is_said(transfer: Transfer) -> None:
    with pytest.raises(InvalidSettings, match="SFTP=true"):
        sftp_user.run(stack(SftpServerId=""), Namespace(district="river", key=KEY))
    assert not sftp_user.remove(stack(SftpServerId=""), "river")
    assert transfer.users == {}


@pytest.mark.parametrize("key", ["-----BEGIN OPENSSH PRIVATE KEY-----", "secret", f"{KEY}\nssh-ed25519 AAAA"])
def test_what_is_no_public_key_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(ArgumentError) as told:
        sftp_user.check(Namespace(key=key))
    assert key not in str(told.value)


def test_sftp_is_off_and_costs_nothing_until_it_is_asked_for() -> None:
    parameter = TEMPLATE["Parameters"]["Sftp"]
    assert parameter["Default"] == "false"
    assert "$0.30 an hour" in parameter["Description"]
    made = {name: one for name, one in RESOURCES.items() if name.startswith("Sftp")}
    assert {one["Type"] for one in made.values()} >= {"AWS::Transfer::Server", "AWS::IAM::Role", "AWS::Events::Rule"}
    assert {one.get("Condition") for one in made.values()} == {"OnAwsWithSftp"}
    for emulator, sftp, wanted in (("false", "false", False), ("false", "true", True), ("true", "true", False)):
        chosen = {"Emulator": emulator, "Sftp": sftp}
        assert (
            holds(
                "OnAwsWithSftp",
                TEMPLATE["Conditions"],
                lambda part, of=chosen: of[part["Ref"]] if isinstance(part, dict) else part,
            )
            is wanted
        )
