"""What makes a stack ready for a district: its secrets, its registration, the role of its data managers (on moto)."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
from argparse import ArgumentError, Namespace
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from operations import __main__ as command_line
from operations import data_manager_role, register_district, set_secret
from operations.__main__ import DONE, REFUSED, WRONG_USE
from operations.stack import Stack
from shared.domain.district_file import parse_district
from shared.domain.errors import InvalidSettings
from shared.stores.districts import DistrictStore
from shared.stores.keys import PLATFORM, district_pk
from shared.stores.trail import TrailStore

ROOT = Path(__file__).parents[3]
REGION = "us-east-1"
OUTPUTS = {
    "RosterBucketName": "rosters",
    "ReportBucketName": "reports",
    "SnapshotBucketName": "snapshots",
    "TableName": "table",
    "PagesFunctionName": "pages",
    "ImportStateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:production-import",
}
SETTINGS = {"name": "Riverbend", "email_domains": ["riverbend.example"], "time_zone": "UTC"}


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        session = boto3.Session(region_name=REGION)
        for bucket in ("rosters", "reports", "snapshots", "exports"):
            session.client("s3").create_bucket(Bucket=bucket)
        session.client("s3").put_bucket_versioning(Bucket="rosters", VersioningConfiguration={"Status": "Enabled"})
        session.client("dynamodb").create_table(
            TableName="table",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("PK", "SK")],
            KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}],
            BillingMode="PAY_PER_REQUEST",
        )
        arn = session.client("secretsmanager").create_secret(Name="oidc", SecretString='{"clever_client_secret": "c"}')
        variables = {f"{hub}_{name}": "x" for hub in ("GOOGLE", "CLEVER") for name in ("ISSUER", "CLIENT_ID")}
        variables |= {"OIDC_SECRET_ARN": arn["ARN"], "USER_POOL_CLIENT_ID": "not a hub", "EXPORT_BUCKET": "exports"}
        pages = SimpleNamespace(get_function_configuration=lambda **_: {"Environment": {"Variables": variables}})
        monkeypatch.setattr(Stack, "functions", lambda _stack: pages)
        yield Stack("production", "123456789012", REGION, OUTPUTS, session)


def secret(name: str) -> Any:
    found = boto3.client("secretsmanager", region_name=REGION).get_secret_value(SecretId=name)
    return json.loads(found["SecretString"])


def piped(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def test_a_hubs_secret_comes_by_a_pipe_and_leaves_the_others(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    piped(monkeypatch, "hush\n")
    assert set_secret.run(stack, Namespace(secret="google")) == 0
    assert secret("oidc") == {"clever_client_secret": "c", "google_client_secret": "hush"}


@pytest.mark.parametrize(("name", "said"), [("google", " \n"), ("yahoo", "hush"), ("user_pool", "hush")])
def test_what_is_no_secret_or_no_hub_changes_nothing(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, name: str, said: str
) -> None:
    piped(monkeypatch, said)
    with pytest.raises(InvalidSettings):
        set_secret.run(stack, Namespace(secret=name))
    assert secret("oidc") == {"clever_client_secret": "c"}


def test_a_sources_secret_is_made_and_set_again_under_the_stacks_own_name(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    for token in ("one", "two"):
        piped(monkeypatch, json.dumps({"token": token}))
        set_secret.run(stack, Namespace(secret="sources/riverbend/sis"))
    assert secret("production/sources/riverbend/sis") == {"token": "two"}


@pytest.mark.parametrize("said", ["plain", "[]", '{"token": "t", "more": 1}', '{"client_id": "c"}'])
def test_a_sources_secret_has_the_form_that_sources_read(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    piped(monkeypatch, said)
    with pytest.raises(InvalidSettings, match="JSON"):
        set_secret.run(stack, Namespace(secret="sources/riverbend/sis"))


@pytest.mark.parametrize("name", ["sources/riverbend", "sources/../token", "other/riverbend/sis", "sources/a/b/c"])
def test_a_name_elsewhere_is_no_secret_of_a_source(name: str) -> None:
    with pytest.raises(ArgumentError):
        set_secret.check(Namespace(secret=name))


def test_a_typed_secret_is_not_shown() -> None:
    ours, theirs = pty.openpty()
    code = "from operations.set_secret import typed; print(len(typed()))"
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, start_new_session=True
    ) as process:  # fmt: skip
        os.close(theirs)
        shown = b""
        while b"not shown" not in shown:
            shown += os.read(ours, 1000)
        os.write(ours, b"hush-hush\n")
        assert process.stdout is not None
        assert process.stdout.read() == b"9\n"
        shown += os.read(ours, 1000)
    os.close(ours)
    assert b"hush" not in shown


def settings_file(folder: Path, **changes: Any) -> Path:
    file = folder / "district.json"
    file.write_text(json.dumps({**SETTINGS, **changes}))
    return file


def test_a_slip_in_the_settings_is_told_before_anything_is_put(stack: Stack, tmp_path: Path) -> None:
    file = settings_file(tmp_path, email_domain=["x.example"])
    with pytest.raises(InvalidSettings, match="did you mean email_domains"):
        register_district.run(stack, Namespace(district="riverbend", file=file))
    with pytest.raises(InvalidSettings, match="1 to 64"):
        register_district.run(stack, Namespace(district="../x", file=settings_file(tmp_path)))
    assert "Contents" not in stack.s3().list_objects_v2(Bucket="rosters")


def test_a_district_is_registered_once_the_service_says_so(
    stack: Stack, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def the_service_reads(_seconds: float) -> None:
        body = stack.s3().get_object(Bucket="rosters", Key="districts/riverbend/district.json")["Body"].read()
        DistrictStore(stack.table()).put(parse_district("riverbend", body))

    monkeypatch.setattr(register_district.time, "sleep", the_service_reads)
    assert register_district.run(stack, Namespace(district="riverbend", file=settings_file(tmp_path))) == 0
    assert "s3://rosters/rosters/riverbend/" in capsys.readouterr().out


def test_a_refusal_of_the_service_is_shown_with_its_place(
    stack: Stack, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def the_service_refuses(_seconds: float) -> None:
        stack.s3().put_object(Bucket="reports", Key="reports/riverbend/_settings/20260901/report.json", Body=b"{}")

    monkeypatch.setattr(register_district.time, "sleep", the_service_refuses)
    assert register_district.run(stack, Namespace(district="riverbend", file=settings_file(tmp_path))) == 1
    assert "reports/riverbend/_settings/20260901/report.json says why" in capsys.readouterr().out


def test_silence_is_told_with_a_way_on(
    stack: Stack, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(register_district.time, "sleep", lambda _: None)
    monkeypatch.setattr(register_district, "SECONDS", 2)
    assert register_district.run(stack, Namespace(district="riverbend", file=settings_file(tmp_path))) == 1
    assert "make doctor" in capsys.readouterr().out


def may(document: Any, action: str, resource: str, prefix: str = "") -> bool:
    """Whether a policy allows a call: what IAM does, as far as these policies go."""
    return any(
        action in statement["Action"]
        and any(fnmatchcase(resource, pattern) for pattern in statement["Resource"])
        and all(
            any(fnmatchcase(prefix, pattern) for pattern in wanted["s3:prefix"])
            for wanted in statement.get("Condition", {}).values()
        )
        for statement in document["Statement"]
    )


def test_data_managers_reach_their_own_prefixes_and_nothing_else(stack: Stack) -> None:
    arguments = Namespace(district="river", principal="arn:aws:iam::210987654321:root", external_id="word")
    assert data_manager_role.run(stack, arguments) == 0
    assert data_manager_role.run(stack, arguments) == 0

    iam = stack.client("iam")
    role = iam.get_role(RoleName="production-data-river")["Role"]["AssumeRolePolicyDocument"]["Statement"][0]
    (name,) = iam.list_role_policies(RoleName="production-data-river")["PolicyNames"]
    document = iam.get_role_policy(RoleName="production-data-river", PolicyName=name)["PolicyDocument"]
    assert (role["Principal"], role["Condition"]["StringEquals"]) == (
        {"AWS": "arn:aws:iam::210987654321:root"},
        {"sts:ExternalId": "word"},
    )
    s3 = "arn:aws:s3:::"
    for prefix in ("rosters", "previews", "id-maps", "fetches"):
        assert may(document, "s3:PutObject", f"{s3}rosters/{prefix}/river/monday.zip")
        assert may(document, "s3:ListBucket", f"{s3}rosters", f"{prefix}/river/")
        assert not may(document, "s3:PutObject", f"{s3}rosters/{prefix}/riverbend/monday.zip")
        assert not may(document, "s3:ListBucket", f"{s3}rosters", f"{prefix}/")
    assert may(document, "s3:GetObject", f"{s3}reports/reports/river/latest.json")
    assert not may(document, "s3:GetObject", f"{s3}reports/reports/riverbend/latest.json")
    assert not may(document, "s3:ListBucket", f"{s3}reports", "")
    for prefix in ("districts", "accounts", "skills", "sources", "decisions"):
        assert not may(document, "s3:PutObject", f"{s3}rosters/{prefix}/river/x.json")
    assert not may(document, "s3:GetObject", f"{s3}rosters/rosters/river/monday.zip")

    assert data_manager_role.remove(stack, "river")
    assert not data_manager_role.remove(stack, "river")


def test_the_roles_of_two_long_names_differ(stack: Stack) -> None:
    names = {data_manager_role.role_name(stack, f"{'a' * 62}{end}") for end in "bc"}
    assert len(names) == 2
    assert {len(name) for name in names} == {64}


@pytest.fixture
def riverbend(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """A district with settings, several versions of a roster, a deleted one, a report, a source's secret and a role."""
    DistrictStore(stack.table()).put(parse_district("riverbend", json.dumps(SETTINGS).encode()))
    s3 = stack.s3()
    for body in (b"monday", b"tuesday"):
        s3.put_object(Bucket="rosters", Key="rosters/riverbend/roster.zip", Body=body)
    s3.delete_object(Bucket="rosters", Key="rosters/riverbend/roster.zip")
    s3.put_object(Bucket="rosters", Key="rosters/riverbend-2/roster.zip", Body=b"another district's")
    s3.put_object(Bucket="reports", Key="reports/riverbend/latest.json", Body=b"{}")
    stack.client("secretsmanager").create_secret(Name="production/sources/riverbend/sis", SecretString="{}")
    data_manager_role.run(stack, Namespace(district="riverbend", principal="arn:aws:iam::1:root", external_id=""))
    monkeypatch.setattr(command_line, "named_stack", lambda _name: stack)
    return stack


def held(stack: Stack) -> tuple[int, int, int, int]:
    """Items, versions and marks of files, secrets and roles that there are, but for what the platform notes of its own."""
    s3 = stack.s3()
    listed = [s3.list_object_versions(Bucket=bucket) for bucket in ("rosters", "reports", "snapshots")]
    files = sum(len(found.get("Versions", ())) + len(found.get("DeleteMarkers", ())) for found in listed)
    secrets = stack.client("secretsmanager").list_secrets()["SecretList"]
    items = [item for item in stack.table().scan()["Items"] if item["PK"] != district_pk(PLATFORM)]
    return len(items), files, len(secrets), len(stack.client("iam").list_roles()["Roles"])


OFFBOARD = ["offboard", "--district", "riverbend", "--stack", "production"]


@pytest.mark.parametrize(
    ("arguments", "code"), [(["--preview"], DONE), ([], WRONG_USE), (["--district", "River Bend"], REFUSED)]
)
def test_offboarding_is_shown_and_wants_a_yes(
    riverbend: Stack,
    arguments: list[str],
    code: int,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    piped(monkeypatch, "yes\n")
    before = held(riverbend)
    assert command_line.main([*OFFBOARD, *arguments]) == code
    assert held(riverbend) == before
    if code != REFUSED:
        assert "3  rosters/" in capsys.readouterr().out


def test_offboarding_takes_every_version_secret_and_role_and_lists_them(
    riverbend: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_line.main([*OFFBOARD, "--yes", "--json"]) == DONE
    assert held(riverbend) == (0, 1, 1, 0)
    (entry,) = TrailStore(riverbend.table()).all(PLATFORM)
    assert (entry.action, entry.about, bool(entry.by), bool(entry.reason)) == ("offboard", "riverbend", True, True)
    foreseen, went = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert went["went"].items() >= {"rosters/": 3, "reports/": 1, "secrets of its sources": 1}.items()
    assert foreseen["would_go"]["SETTINGS"] == 1
    assert command_line.main([*OFFBOARD, "--yes", "--json"]) == DONE
    assert json.loads(capsys.readouterr().out.splitlines()[1])["went"] == {}
