"""Functions in Lambda's own container, by `sam local`, pointed at the local stack: one of each kind of trigger."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.containers import engine_answers
from local.processes import Process, free_port
from local.sample_district import DISTRICT_ID, make
from local.stack import HOME, ROOT, LocalStack

pytestmark = pytest.mark.slow

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1", "AWS_MAX_ATTEMPTS": "1",
    "SAM_CLI_TELEMETRY": "0",
}  # fmt: skip


@pytest.fixture(scope="module")
def stack() -> Iterator[LocalStack]:
    if not engine_answers():
        pytest.skip("no container engine with the image of Lambda's Python is on this machine")
    with LocalStack(bind="0.0.0.0", stack_file=None) as running:
        yield running


@pytest.fixture(scope="module")
def arguments(stack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What every `sam local` command needs to know of the stack."""
    outputs = stack.outputs
    secrets = {s["Name"]: s["ARN"] for s in stack.client("secretsmanager").list_secrets()["SecretList"]}
    variables = {
        "AWS_ENDPOINT_URL": stack.endpoint_url.replace("127.0.0.1", "host.docker.internal"),
        "TABLE_NAME": outputs["TableName"], "ROSTER_BUCKET": outputs["RosterBucketName"],
        "REPORT_BUCKET": outputs["ReportBucketName"], "SNAPSHOT_BUCKET": outputs["SnapshotBucketName"],
        "IMPORT_STATE_MACHINE_ARN": outputs["ImportStateMachineArn"],
        "ACCOUNTS_FEED_STATE_MACHINE_ARN": outputs["AccountsFeedStateMachineArn"],
        "ACTIVATION_QUEUE_URL": outputs["ActivationQueueUrl"],
        "WEB_URL": stack.web_url, "USER_POOL_ID": outputs["UserPoolId"],
        "USER_POOL_CLIENT_ID": outputs["UserPoolClientId"], "CONFIGURATION_SET": "account-linking-mail",
        "TOKEN_SECRET_ARN": next(arn for name, arn in secrets.items() if "TokenSecret" in name),
        "OIDC_SECRET_ARN": next(arn for name, arn in secrets.items() if "OidcSecret" in name),
    }  # fmt: skip
    file = tmp_path_factory.mktemp("sam") / "environment.json"
    file.write_text(json.dumps({"Parameters": variables}))
    return [
        "--template", str(stack.built / "template.yaml"), "--env-vars", str(file), "--parameter-overrides",
        "Architecture=x86_64", "--skip-pull-image", "--add-host", "host.docker.internal:host-gateway",
    ]  # fmt: skip


def invoke(function: str, event: str, arguments: list[str]) -> Any:
    done = subprocess.run(
        [str(HOME / "sam-env/bin/sam"), "local", "invoke", function, "--event", str(ROOT / "events" / event), *arguments],
        env={**os.environ, **ENVIRONMENT}, capture_output=True, text=True, timeout=180,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    answer = next(line for line in reversed(done.stdout.splitlines()) if line.startswith(("{", "null")))
    parsed = json.loads(answer)
    assert not (isinstance(parsed, dict) and "errorType" in parsed), answer
    return parsed


def test_s3_a_district_is_registered(stack: LocalStack, arguments: list[str]) -> None:
    body = json.dumps(make().settings).encode()
    stack.client("s3").put_object(
        Bucket=stack.outputs["RosterBucketName"], Key=f"districts/{DISTRICT_ID}/district.json", Body=body
    )
    taken = invoke("RosterImportFunction", "s3-district.json", arguments)["taken"]
    assert taken == [{"kind": "settings", "district_id": DISTRICT_ID, "import_id": None}]


def test_s3_a_file_of_accounts_starts_a_feed(stack: LocalStack, arguments: list[str]) -> None:
    (run_id,) = invoke("AccountsFeedFunction", "s3-accounts.json", arguments)["started"]
    executions = stack.client("stepfunctions").list_executions(
        stateMachineArn=stack.outputs["AccountsFeedStateMachineArn"]
    )["executions"]
    assert run_id in [execution["name"] for execution in executions]


def test_step_functions_an_upload_is_opened(stack: LocalStack, arguments: list[str]) -> None:
    stack.client("s3").put_object(
        Bucket=stack.outputs["RosterBucketName"], Key=f"previews/{DISTRICT_ID}/monday.zip", Body=make().roster_zip()
    )
    assert invoke("ImportStepFunction", "states-open.json", arguments) == {"next": "split", "shards": [0]}


def test_sqs_a_request_for_an_unknown_activation_mails_nobody(arguments: list[str]) -> None:
    assert invoke("ActivationEmailFunction", "sqs-activation.json", arguments) == {"batchItemFailures": []}


def test_event_bridge_feedback_about_an_unknown_activation_changes_nothing(arguments: list[str]) -> None:
    assert invoke("MailFeedbackFunction", "ses-bounce.json", arguments) == {"is_new": False}


def test_dynamodb_stream_an_outbox_item_is_published(arguments: list[str]) -> None:
    assert invoke("EventPublisherFunction", "stream-outbox.json", arguments) == {"batchItemFailures": []}


def test_schedule_nothing_is_due(arguments: list[str]) -> None:
    assert invoke("CleanupNudgesFunction", "schedule.json", arguments) == {}
    assert invoke("ActivationScheduleFunction", "schedule.json", arguments) == {"requested": 0}


def test_http_api_pages_are_served(arguments: list[str], tmp_path: Path) -> None:
    port = free_port()
    command = [
        str(HOME / "sam-env/bin/sam"), "local", "start-api", "--port", str(port), "--warm-containers", "LAZY", *arguments
    ]  # fmt: skip
    api = Process(command, tmp_path / "start-api.log", ENVIRONMENT)
    try:
        url = f"http://127.0.0.1:{port}"

        def ready() -> bool:
            try:
                with urllib.request.urlopen(f"{url}/healthz", timeout=60) as answer:
                    return bool(answer.status == 200)
            except OSError:
                return False

        api.wait_until(ready, seconds=120, name="sam local start-api")
        with urllib.request.urlopen(f"{url}/login", timeout=60) as answer:
            assert "Continue with Google" in answer.read().decode()
    finally:
        api.stop()
