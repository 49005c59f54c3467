"""The command line of people on call: which stack it is about, what it asks, and what it does there (on moto)."""

from __future__ import annotations

import inspect
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

import operations.stack
from operations import redrive
from operations.__main__ import COMMANDS, DONE, REFUSED, WRONG_USE, Confirm, main
from operations.redrive import Redrive
from operations.stack import Stack, StackNotFound, local_stack, named_stack
from shared.domain.account import Account
from shared.domain.clock import to_iso, utc_now
from shared.domain.trail_check import verify
from shared.domain.trail_seal import Line, digest_of
from shared.stores.account_batches import AccountBatches, AccountChange
from shared.stores.accounts import AccountStore
from shared.stores.keys import PLATFORM, feed_key, import_key, source_key
from shared.stores.outbox import event_item
from shared.stores.seals import SealFiles, SheetStore
from shared.stores.trail import TrailStore, trail_item
from shared.stores.trail_evidence import TrailEvidence
from shared.use_cases.seal_trail import SealTrail, Written
from tests.harness import World
from tests.template import RESOURCES, TEMPLATE
from tests.two_accounts import link, points, student

ROOT = Path(__file__).parents[3]
REGION = "eu-west-1"
GOOGLE = "https://accounts.google.com"
DECISION = [
    "decide",
    "--district",
    "riverbend",
    "--import",
    "20260901T1",
    "--action",
    "approve",
    "--by",
    "Kim",
    "--reason",
    "meant",
]


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An AWS account of nobody's, in which a stack called ``production`` is deployed; no local stack runs."""
    for variable in ("STACK", "STACK_NAME", "AWS_PROFILE", "AWS_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setattr(operations.stack, "LOCAL_STACK_FILE", Path("/nowhere/stack.json"))
    with mock_aws():
        boto3.client("s3").create_bucket(Bucket="rosters", CreateBucketConfiguration={"LocationConstraint": REGION})
        boto3.client("dynamodb").create_table(
            TableName="table",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("PK", "SK")],
            KeySchema=[
                {"AttributeName": "PK", "KeyType": "HASH"},
                {"AttributeName": "SK", "KeyType": "RANGE"},
            ],
            BillingMode="PAY_PER_REQUEST",
        )
        monkeypatch.setattr(boto3.Session, "client", _client_of(boto3.Session.client))
        yield


def _client_of(original: Any) -> Any:
    """Moto has no CloudFormation without tools that this project does not need, and no function without a container."""

    def client(session: boto3.Session, service: str, **settings: Any) -> Any:
        if service == "cloudformation":
            return SimpleNamespace(describe_stacks=lambda StackName: _describe(StackName, str(session.region_name)))
        if service == "lambda":
            variables = {"Variables": {"GOOGLE_ISSUER": GOOGLE}}
            return SimpleNamespace(get_function_configuration=lambda FunctionName: {"Environment": variables})
        return original(session, service, **settings)

    return client


def _describe(name: str, region: str) -> dict[str, Any]:
    if name != "production":
        raise ClientError({"Error": {"Code": "ValidationError", "Message": "no such stack"}}, "DescribeStacks")
    outputs = {
        "RosterBucketName": "rosters",
        "SnapshotBucketName": "snapshots",
        "TableName": "table",
        "PagesFunctionName": "pages",
    }
    return {
        "Stacks": [
            {
                "StackId": f"arn:aws:cloudformation:{region}:123456789012:stack/production/1f2e",
                "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()],
            }
        ]
    }


@pytest.fixture
def running_locally(aws: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A local stack runs, too. Its endpoint is one that moto answers."""
    running = {
        "pid": os.getpid(),
        "endpoint_url": "https://s3.us-east-1.amazonaws.com",
        "region": "us-east-1",
        "outputs": {
            "RosterBucketName": "local-rosters",
            "TableName": "table",
            "ImportStateMachineArn": "arn:aws:states:us-east-1:000000000000:stateMachine:import",
        },
    }
    file = tmp_path / "stack.json"
    file.write_text(json.dumps(running))
    monkeypatch.setattr(operations.stack, "LOCAL_STACK_FILE", file)
    return running


@pytest.fixture
def ada(aws: None) -> AccountStore:
    """The store of ``production``, in which Ada has an account."""
    table = boto3.resource("dynamodb").Table("table")
    AccountBatches(table, GOOGLE).write([AccountChange(Account("ada", "teacher", "Ada", "ada"))])
    return AccountStore(table, GOOGLE)


def decision_in(bucket: str) -> dict[str, str] | None:
    s3 = boto3.client("s3")
    try:
        found: dict[str, str] = json.loads(
            s3.get_object(Bucket=bucket, Key="decisions/riverbend/20260901T1.json")["Body"].read()
        )
    except ClientError:
        return None
    return found


def on_a_terminal(monkeypatch: pytest.MonkeyPatch, reply: str) -> None:
    terminal = io.StringIO(f"{reply}\n")
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", terminal)


@pytest.mark.usefixtures("running_locally")
@pytest.mark.parametrize("variable", ["STACK", "STACK_NAME"])
def test_a_named_stack_wins_over_a_running_local_one(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert named_stack("production").name == "production"
    monkeypatch.setenv(variable, "production")
    assert named_stack(None).name == "production"


def test_an_option_wins_over_the_variables(running_locally: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STACK", "production")
    stack = named_stack("local")
    assert (stack.name, stack.endpoint_url) == ("local", running_locally["endpoint_url"])


@pytest.mark.usefixtures("running_locally")
def test_without_a_name_it_is_the_running_local_stack_and_that_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="local-rosters")

    assert main(DECISION) == DONE

    assert decision_in("local-rosters") == {"action": "approve", "by": "Kim", "reason": "meant"}
    assert "Stack: local (account 000000000000, region us-east-1, https://" in capsys.readouterr().err


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    ("name", "advice"),
    [(None, "Name the stack"), ("local", "make local"), ("prodution", "There is no stack prodution")],
)
def test_a_stack_that_is_not_there_is_said_with_a_way_on(
    name: str | None, advice: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["redrive", *(["--stack", name] if name else [])]) == WRONG_USE
    assert advice in capsys.readouterr().err


@pytest.mark.usefixtures("aws")
def test_a_stack_file_whose_writer_is_gone_is_no_running_stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    (tmp_path / "stack.json").write_text(json.dumps({"pid": gone.pid}))
    monkeypatch.setattr(operations.stack, "LOCAL_STACK_FILE", tmp_path / "stack.json")
    with pytest.raises(StackNotFound):
        named_stack(None)


@pytest.mark.usefixtures("aws")
def test_the_target_is_shown_apart_from_what_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "--stack", "production", "--district", "riverbend", "--person", "t1"]) == DONE
    printed = capsys.readouterr()
    assert printed.err == f"Stack: production (account 123456789012, region {REGION})\n"
    assert printed.out.startswith("at,fact,actor,")


@pytest.mark.usefixtures("aws")
def test_the_region_is_the_one_of_aws_own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    assert named_stack("production").region == REGION
    monkeypatch.setenv("AWS_REGION", "ap-southeast-2")
    assert named_stack("production").region == "ap-southeast-2"


def test_delete_person_does_nothing_off_a_terminal_without_yes(
    ada: AccountStore, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["delete-person", "--account", "ada", "--stack", "production"]) == WRONG_USE
    assert ada.get("ada") is not None
    printed = capsys.readouterr().err
    assert "production (account 123456789012" in printed
    assert "delete all that is held about account ada" in printed
    assert "--yes" in printed


@pytest.mark.usefixtures("running_locally")
def test_delete_person_wants_yes_on_the_local_stack_too() -> None:
    assert main(["delete-person", "--account", "ada"]) == WRONG_USE


def test_delete_person_deletes_with_yes(ada: AccountStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["delete-person", "--account", "ada", "--stack", "production", "--yes"]) == DONE
    assert ada.get("ada") is None
    printed = capsys.readouterr().out
    assert "items are deleted" in printed
    assert "  ACCOUNT\n" in printed
    assert printed.endswith("Looked for again: nothing is left.\n")
    assert "ada" not in printed


@pytest.mark.parametrize(
    ("reply", "code", "is_kept"), [("yes", DONE, False), ("y", REFUSED, True), ("", REFUSED, True)]
)
def test_delete_person_asks_on_a_terminal(
    ada: AccountStore, monkeypatch: pytest.MonkeyPatch, reply: str, code: int, is_kept: bool
) -> None:
    on_a_terminal(monkeypatch, reply)
    assert main(["delete-person", "--account", "ada", "--stack", "production"]) == code
    assert (ada.get("ada") is not None) is is_kept


@pytest.mark.usefixtures("aws")
def test_a_decision_on_aws_wants_yes_off_a_terminal() -> None:
    assert main([*DECISION, "--stack", "production"]) == WRONG_USE
    assert decision_in("rosters") is None
    assert main([*DECISION, "--stack", "production", "--yes"]) == DONE
    assert decision_in("rosters") is not None


def test_the_commands_that_ask_are_those_that_change_what_others_meet() -> None:
    asks = {command.name: command.confirm for command in COMMANDS if command.confirm is not Confirm.NEVER}
    on_aws = ("register-district", "data-manager-role", "sftp-user", "decide", "resume-mail", "after-restore")
    assert asks == {
        **dict.fromkeys(on_aws, Confirm.ON_AWS),
        "delete-person": Confirm.ALWAYS,
        "offboard": Confirm.ALWAYS,
    }
    assert all((command.confirm is Confirm.NEVER) == (command.question(_any_arguments()) == "") for command in COMMANDS)


def _any_arguments() -> Any:
    return SimpleNamespace(
        account="a",
        district="d",
        person="p",
        import_id="i",
        action="reject",
        principal="arn",
        replaced="t",
        key="ssh-ed25519 AAAA sender",
    )


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    "person",
    [[], ["--district", "riverbend"], ["--person", "t1"], ["--account", "a", "--person", "t1"]],
    ids=["nobody", "no person", "no district", "both ways"],
)
def test_a_person_is_named_in_one_way(person: list[str]) -> None:
    assert main(["export-person", *person, "--stack", "production"]) == WRONG_USE


def test_export_person_prints_json_alone(ada: AccountStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export-person", "--account", "ada", "--stack", "production"]) == DONE
    assert {item["PK"] for item in json.loads(capsys.readouterr().out)["items"]} == {"ACCOUNT#ada"}


@pytest.mark.usefixtures("aws")
def test_reconcile_says_what_is_lost_by_ids_and_what_it_cost(capsys: pytest.CaptureFixture[str]) -> None:
    # Given a student who is linked
    world = World()
    world.register()
    world.feed(student("kid", mastery=points(a=60)))
    link(world, "kid")
    table = boto3.resource("dynamodb").Table("table")
    for item in world.table.items.values():
        table.put_item(Item=item)
    # When all is there
    assert main(["reconcile", "--stack", "production"]) == DONE
    out = capsys.readouterr().out
    assert "✓ 1 links looked at, 0 of them without a receipt: 0 differences" in out
    assert re.search(r"read units: [1-9]\d*, \$0.00", out)
    # And when it is not
    table.delete_item(Key={"PK": "ACCOUNT#kid", "SK": "ACCOUNT"})
    assert main(["reconcile", "--stack", "production", "--district", "lakeside"]) == REFUSED
    assert "lakeside account kid: account_gone" in capsys.readouterr().out
    assert main(["reconcile", "--stack", "production", "--district", "elsewhere"]) == DONE


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["resume-mail", "--by", "Kim", "--reason", "mended", "--yes"], "Sending has not stopped."),
        (["decide", *DECISION[1:], "--yes"], "AWS refused"),
    ],
    ids=["a rule", "AWS"],
)
def test_a_refusal_is_said_in_a_sentence(arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    boto3.client("s3").delete_bucket(Bucket="rosters")
    assert main([*arguments, "--stack", "production"]) == REFUSED
    assert reason in capsys.readouterr().err


@pytest.mark.parametrize("blank", ["", "  "])
def test_a_blank_argument_is_no_argument(blank: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["resume-mail", "--by", "Kim", "--reason", blank])
    assert ended.value.code == WRONG_USE


def test_every_command_has_a_make_target_that_hands_values_over_unread() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for command in COMMANDS:
        assert f"\n{command.name}: setup ## " in makefile
    reason = 'it\'s $(id) "fine" `now`'
    ran = subprocess.run(
        ["make", "-s", "-o", "setup", "resume-mail", "PYTHON=@printf '<%s>'", "BY=-Kim", "STACK=x", "YES=1"],
        cwd=ROOT, env={**os.environ, "REASON": reason}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert ran.stdout == f"<-m><operations><resume-mail><--yes><--by=-Kim><--reason={reason}>"


def test_the_local_stack_is_reached_with_any_credentials(running_locally: dict[str, Any]) -> None:
    stack = local_stack(running_locally)
    assert isinstance(stack, Stack)
    credentials = stack.session.get_credentials()
    assert credentials is not None
    assert credentials.access_key == "test"


QUEUES = ("Activation", "Export", "LinkNotice", "MailEvent")


@pytest.fixture
def dead_letters(aws: None, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """A stack with queues and a state machine."""
    monkeypatch.setattr(redrive, "POLL_SECONDS", 0)
    sqs, states = boto3.client("sqs"), boto3.client("stepfunctions")
    urls = {
        f"{name}Url": sqs.create_queue(QueueName=name)["QueueUrl"]
        for queue in QUEUES
        for name in (f"{queue}Queue", f"{queue}DeadLetterQueue")
    }
    failed = sqs.create_queue(QueueName="failed")["QueueUrl"]
    definition = '{"StartAt": "x", "States": {"x": {"Type": "Pass", "End": true}}}'
    role = "arn:aws:iam::123456789012:role/import"
    machine, feed, fetch = (
        states.create_state_machine(name=name, definition=definition, roleArn=role)["stateMachineArn"]
        for name in ("import", "accounts-feed", "roster-fetch")
    )
    outputs = {
        **urls, "FailedEventsQueueUrl": failed, "TableName": "table", "ImportStateMachineArn": machine,
        "AccountsFeedStateMachineArn": feed, "RosterFetchStateMachineArn": fetch,
        "RosterImportFunctionName": "roster-import", "EventPublisherFunctionName": "event-publisher",
    }  # fmt: skip
    return Stack("production", "123456789012", REGION, outputs, boto3.Session())


class Functions:
    """Lambda's client: records what is invoked, which fails while ``is_broken``."""

    def __init__(self) -> None:
        self.invoked: list[tuple[str, dict[str, Any]]] = []
        self.is_broken = False

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, str]:
        self.invoked.append((FunctionName, json.loads(Payload)))
        return {"FunctionError": "Unhandled"} if self.is_broken else {}


@pytest.fixture
def functions(monkeypatch: pytest.MonkeyPatch) -> Functions:
    functions = Functions()
    monkeypatch.setattr(Stack, "functions", lambda _stack: functions)
    return functions


def waiting(url: str) -> list[str]:
    """The bodies of the messages that can be received from a queue now."""
    found = boto3.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
    return [message["Body"] for message in found.get("Messages", [])]


@pytest.mark.usefixtures("functions")
def test_redrive_puts_requests_back_into_their_queue(dead_letters: Stack) -> None:
    for queue in QUEUES:
        url = dead_letters.outputs[f"{queue}DeadLetterQueueUrl"]
        boto3.client("sqs").send_message(QueueUrl=url, MessageBody=f"for {queue}")

    assert Redrive(dead_letters).run() == {
        "mail requests": 1,
        "exports": 1,
        "notices of links": 1,
        "events of mails": 1,
    }

    for queue in QUEUES:
        assert waiting(dead_letters.outputs[f"{queue}QueueUrl"]) == [f"for {queue}"]
        assert waiting(dead_letters.outputs[f"{queue}DeadLetterQueueUrl"]) == []


@pytest.mark.parametrize(("is_broken", "done"), [(False, {"events of RosterImport": 1}), (True, {"failed": 1})])
def test_redrive_hands_an_event_to_its_function(
    dead_letters: Stack, functions: Functions, is_broken: bool, done: dict[str, int]
) -> None:
    functions.is_broken = is_broken
    event = {"Records": [{"s3": {"object": {"key": "rosters/riverbend/monday.zip"}}}]}
    boto3.client("sqs").send_message(
        QueueUrl=dead_letters.outputs["FailedEventsQueueUrl"], MessageBody=json.dumps(event)
    )

    assert Redrive(dead_letters).run() == done

    assert functions.invoked == [("roster-import", event)]


def test_redrive_publishes_the_events_of_a_lost_batch_alone(dead_letters: Stack, functions: Functions) -> None:
    lost, others = datetime(2026, 9, 1, 12, tzinfo=UTC), datetime(2026, 9, 2, 12, tzinfo=UTC)
    for event_id, moment in (("lost", lost), ("other", others)):
        dead_letters.table().put_item(Item=event_item(event_id, "AccountLinked", {}, moment))
    batch = {"approximateArrivalOfFirstRecord": lost.isoformat(), "approximateArrivalOfLastRecord": lost.isoformat()}
    boto3.client("sqs").send_message(
        QueueUrl=dead_letters.outputs["FailedEventsQueueUrl"], MessageBody=json.dumps({"DDBStreamBatchInfo": batch})
    )

    assert Redrive(dead_letters).run() == {"events for the platform": 1}

    ((function, published),) = functions.invoked
    assert function == "event-publisher"
    assert "lost" in published["Records"][0]["dynamodb"]["NewImage"]["PK"]["S"]


@pytest.mark.usefixtures("functions")
def test_redrive_starts_an_import_that_broke_off_again_and_only_once(dead_letters: Stack) -> None:
    states, arn = boto3.client("stepfunctions"), dead_letters.outputs["ImportStateMachineArn"]
    for import_id, status in (("broken", "failed"), ("over", "completed")):
        ids = {"import": {"district_id": "riverbend", "import_id": import_id}}
        execution = states.start_execution(stateMachineArn=arn, name=import_id, input=json.dumps(ids))
        states.stop_execution(executionArn=execution["executionArn"])
        dead_letters.table().put_item(Item={**import_key("riverbend", import_id), "status": status})

    assert Redrive(dead_letters).run() == {"imports": 1}
    assert Redrive(dead_letters).run() == {}

    names = {execution["name"] for execution in states.list_executions(stateMachineArn=arn)["executions"]}
    assert names == {"broken", "over", "broken-again1"}


@pytest.mark.usefixtures("functions")
@pytest.mark.parametrize(
    ("loaded", "started"),
    [("", 1), ("1A", 1), ("1B", 0), ("1C", 0)],
    ids=["none", "an older one", "this", "a later one"],
)
def test_redrive_starts_a_feed_that_broke_off_unless_its_file_was_overtaken(
    dead_letters: Stack, loaded: str, started: int
) -> None:
    states, arn = boto3.client("stepfunctions"), dead_letters.outputs["AccountsFeedStateMachineArn"]
    upload = {"key": "accounts/a.jsonl", "etag": "e", "event_time": "2026-09-01T00:00:00.000Z"}
    feed = {"run_id": "r", "name": "a", "upload": {**upload, "sequencer": "1B"}, "size": 1, "started_at": "x"}
    execution = states.start_execution(stateMachineArn=arn, name="r", input=json.dumps({"feed": feed}))
    states.stop_execution(executionArn=execution["executionArn"])
    if loaded:
        item = {**feed_key("a"), "upload": {**upload, "sequencer": loaded}}
        dead_letters.table().put_item(Item=item)

    assert Redrive(dead_letters).run()["feeds of accounts"] == started
    assert Redrive(dead_letters).run() == {}


@pytest.mark.parametrize(("status", "started"), [("failed", 1), ("completed", 0)])
def test_redrive_starts_the_last_fetch_again_that_broke_off(dead_letters: Stack, status: str, started: int) -> None:
    states, arn = boto3.client("stepfunctions"), dead_letters.outputs["RosterFetchStateMachineArn"]
    fetch = {"run_id": "r", "district_id": "riverbend"}
    execution = states.start_execution(stateMachineArn=arn, name="r", input=json.dumps({"fetch": fetch}))
    states.stop_execution(executionArn=execution["executionArn"])
    dead_letters.table().put_item(Item={**source_key("riverbend"), "run_id": "r", "status": status})
    assert Redrive(dead_letters).run()["fetches of rosters"] == started


def test_redrive_knows_every_queue_and_state_machine_of_the_template() -> None:
    outputs = TEMPLATE["Outputs"]
    dead = {name for name, one in RESOURCES.items() if one["Type"] == "AWS::SQS::Queue" and "DeadLetter" in name}
    assert dead == {f"{queue}DeadLetterQueue" for queue in redrive._QUEUES}
    machines = {name for name, one in RESOURCES.items() if one["Type"] == "AWS::Serverless::StateMachine"}
    source = inspect.getsource(redrive)
    for output in (*(f"{name}Arn" for name in machines), *(f"{name}Url" for name in dead), "FailedEventsQueueUrl"):
        assert output in outputs
        assert output.removesuffix("Url") in dead or f'"{output}"' in source, output


# A table that was restored.


@pytest.fixture
def replaced(aws: None) -> Any:
    """The table that ``table`` takes the place of, and a snapshot that was deleted since."""
    boto3.client("s3").create_bucket(Bucket="snapshots", CreateBucketConfiguration={"LocationConstraint": REGION})
    boto3.client("s3").put_bucket_versioning(Bucket="snapshots", VersioningConfiguration={"Status": "Enabled"})
    for name in ("people-0", "classes-0"):
        place = {"Bucket": "snapshots", "Key": f"snapshots/riverbend/monday/{name}.jsonl"}
        boto3.client("s3").put_object(**place, Body=b"")
        boto3.client("s3").delete_object(**place)
    described = boto3.client("dynamodb").describe_table(TableName="table")["Table"]
    made = {name: described[name] for name in ("AttributeDefinitions", "KeySchema")}
    boto3.client("dynamodb").create_table(TableName="replaced", BillingMode="PAY_PER_REQUEST", **made)
    boto3.resource("dynamodb").Table("table").put_item(
        Item={"PK": "DISTRICT#riverbend", "SK": "SNAPSHOT", "snapshot_id": "monday"}
    )
    return boto3.resource("dynamodb").Table("replaced")


def test_a_restored_table_gets_its_snapshots_and_what_was_mailed(
    replaced: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    mailed = {"activation_id": "a", "email": "t1@river.example", "state": "sent", "token_version": 1}
    replaced.put_item(Item={"PK": "USER#riverbend#t1", "SK": "ACTIVATION", **mailed})
    assert main(["after-restore", "--stack", "production", "--replaced", "replaced", "--yes"]) == DONE
    told = capsys.readouterr().out
    assert "1  activation mails that went out since" in told
    assert "2  files of snapshots that came back" in told
    found = boto3.resource("dynamodb").Table("table").get_item(Key={"PK": "USER#riverbend#t1", "SK": "ACTIVATION"})
    assert found["Item"]["state"] == "sent"


@pytest.mark.usefixtures("replaced")
def test_a_snapshot_that_cannot_be_had_again_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    boto3.resource("dynamodb").Table("table").put_item(
        Item={"PK": "DISTRICT#riverbend", "SK": "SNAPSHOT", "snapshot_id": "gone"}
    )
    assert main(["after-restore", "--stack", "production", "--replaced", "replaced", "--yes"]) == REFUSED
    assert "riverbend gone" in capsys.readouterr().out


@pytest.mark.usefixtures("replaced")
def test_the_stacks_own_table_is_not_the_one_that_was_replaced(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["after-restore", "--stack", "production", "--replaced", "table", "--yes"]) == REFUSED
    assert "Name the one before it" in capsys.readouterr().err


def test_a_command_is_noted_with_who_when_and_why_before_it_is_done(aws: None) -> None:
    assert main(["resume-mail", "--stack", "production", "--by", "Kim", "--reason", "mended", "--yes"]) == REFUSED
    assert main(["export-person", "--stack", "production", "--account", "ada"]) == DONE
    assert main(["audit", "--stack", "production", "--district", "riverbend", "--person", "t1"]) == DONE
    entries = TrailStore(boto3.resource("dynamodb").Table("table")).all(PLATFORM)
    assert [(each.action, each.by, each.reason, each.about) for each in entries] == [
        ("resume_mail", "Kim", "mended", ""),
        ("export_person", "arn:aws:sts::123456789012:user/moto", "Asked for on the command line", "ada"),
    ]


def test_a_deletion_says_nothing_of_who_was_deleted(aws: None) -> None:
    # Given a person with an entry in the trail, which the stream brought
    table = boto3.resource("dynamodb").Table("table")
    boto3.client("s3").create_bucket(Bucket="snapshots", CreateBucketConfiguration={"LocationConstraint": REGION})
    fact = {"PK": "USER#riverbend#t1", "SK": "AUDIT#2026-09-01T15:00:00.000Z#1", "fact": "linked", "account_id": "ada"}
    table.put_item(Item=fact)
    line = Line(fact["PK"], fact["SK"], digest_of(fact), "2026-09-01T15:00:00.000Z")
    SheetStore(table).collect("riverbend", "2026-09-01T15", [line])
    # When the person is deleted
    command = ["delete-person", "--stack", "production", "--district", "riverbend", "--person", "t1", "--yes"]
    assert main([*command, "--reason", "their parents asked"]) == DONE
    # Then the trail fits, and names nobody
    trail = TrailEvidence(table, SealFiles(boto3.client("s3"), "snapshots")).read()["riverbend"]
    assert verify(trail, datetime(2026, 9, 1, 16, tzinfo=UTC)).findings == []
    (entry,) = TrailStore(table).all("riverbend")
    assert (entry.action, entry.reason, entry.person) == ("delete_person", "their parents asked", "")
    assert not any("riverbend#t1" in str(item) for item in table.scan()["Items"])


def test_verify_audit_says_what_was_done_to_a_trail(aws: None, capsys: pytest.CaptureFixture[str]) -> None:
    table = boto3.resource("dynamodb").Table("table")
    boto3.client("s3").create_bucket(Bucket="snapshots", CreateBucketConfiguration={"LocationConstraint": REGION})
    assert main(["verify-audit", "--stack", "production"]) == DONE
    assert capsys.readouterr().out == "There is no trail yet.\n"
    now = utc_now()
    entry = trail_item("riverbend", to_iso(now), "e1", action="approve", by="kim", reason="as meant")
    table.put_item(Item=entry)
    trail = SealTrail(SheetStore(table), SealFiles(boto3.client("s3"), "snapshots"), lambda: now)
    trail.collect([Written(entry, to_iso(now))])
    assert main(["verify-audit", "--stack", "production", "--district", "riverbend"]) == DONE
    assert capsys.readouterr().out == "✓ riverbend: 1 not yet sealed\n"
    table.delete_item(Key={"PK": entry["PK"], "SK": entry["SK"]})
    assert main(["verify-audit", "--stack", "production", "--json"]) == REFUSED
    (found,) = json.loads(capsys.readouterr().out)["districts"]["riverbend"]["findings"]
    assert (found["kind"], found["what"]) == ("removed", f"DISTRICT#riverbend / {entry['SK']}")
