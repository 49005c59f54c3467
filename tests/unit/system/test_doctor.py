"""`make doctor`: what it says of a stack in order, and of each thing that is not."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from argparse import Namespace
from collections.abc import Callable, Mapping
from copy import deepcopy
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from operations.doctor import command, web
from operations.doctor.command import CHECKS, as_json, examine, is_wrong
from operations.doctor.dns import DnsUnreachable
from operations.doctor.facts import Facts
from operations.doctor.finding import State
from operations.doctor.preview import DISTRICT
from operations.doctor.web import Response
from operations.stack import Stack
from shared.domain.district_file import settings_of
from shared.domain.funnel import Counts
from shared.stores.counts import CountStore
from shared.stores.districts import DistrictStore
from shared.stores.hub_returns import HubReturnStore
from shared.stores.import_state import ImportStateStore, Snapshot
from tests.fakes.dynamodb import MemoryTable

NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)
WEB = "https://link.example.org"
TOPIC = "arn:aws:sns:us-east-1:123456789012:alarms"
GOOGLE = "https://accounts.google.com"
RESOURCES = {
    "PagesFunction": ("AWS::Lambda::Function", "pages"),
    "NudgesSchedule": ("AWS::Scheduler::Schedule", "nudges"),
    "ExportDeadLetterQueue": ("AWS::SQS::Queue", "https://sqs/export-dead"),
    "ExportQueue": ("AWS::SQS::Queue", "https://sqs/export"),
    "PageFailedAlarm": ("AWS::CloudWatch::Alarm", "page-failed"),
}
OUTPUTS = {
    "SnapshotBucketName": "snapshots",
    "PagesFunctionName": "pages",
    "ActivationEmailFunctionName": "pages",
    "WebUrl": WEB,
    "TableName": "table",
    "RosterBucketName": "rosters",
    "ReportBucketName": "reports",
    "ImportStateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:production-import",
}
PAGES = {
    "FunctionName": "pages",
    "Runtime": "python3.13",
    "Architectures": ["arm64"],
    "LastUpdateStatus": "Successful",
    "Layers": [{"Arn": "layer:1"}],
    "Environment": {
        "Variables": {
            "SENDER": "no-reply@accounts.example.org",
            "WEB_URL": WEB,
            "GOOGLE_ISSUER": GOOGLE,
            "GOOGLE_CLIENT_ID": "id",
            "CLEVER_ISSUER": "https://clever.com",
            "CLEVER_CLIENT_ID": "not-set",
            "TOKEN_SECRET_ARN": "token",
            "OIDC_SECRET_ARN": "oidc",
        }
    },
}
KEY_POLICY = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "cloudwatch.amazonaws.com"}}]}
IN_ORDER: dict[str, Any] = {
    "cloudformation.describe_stacks": {
        "Stacks": [
            {
                "StackStatus": "UPDATE_COMPLETE",
                "Parameters": [
                    {"ParameterKey": "Architecture", "ParameterValue": "arm64"},
                    {"ParameterKey": "Version", "ParameterValue": "abc"},
                ],
            }
        ]
    },
    "cloudformation.list_stack_resources": {
        "StackResourceSummaries": [
            {"LogicalResourceId": name, "PhysicalResourceId": physical, "ResourceType": kind}
            for name, (kind, physical) in RESOURCES.items()
        ]
    },
    "lambda.get_function_configuration": PAGES,
    "lambda.get_layer_version_by_arn": {"Content": {"Location": "https://layer/arm64"}},
    "lambda.get_account_settings": {"AccountLimit": {"UnreservedConcurrentExecutions": 1000}},
    "secretsmanager.get_secret_value": {"SecretString": json.dumps({"current": "k" * 64, "google_client_secret": "s"})},
    "sesv2.get_email_identity": {
        "VerifiedForSendingStatus": True,
        "DkimAttributes": {"Status": "SUCCESS", "Tokens": ["t1"]},
        "MailFromAttributes": {"MailFromDomain": "mail.accounts.example.org"},
    },
    "sesv2.get_account": {
        "ProductionAccessEnabled": True,
        "SendingEnabled": True,
        "EnforcementStatus": "HEALTHY",
        "SendQuota": {"Max24HourSend": 50_000.0, "MaxSendRate": 14.0, "SentLast24Hours": 10.0},
    },
    "scheduler.get_schedule": {"State": "ENABLED"},
    "sqs.get_queue_attributes": {"Attributes": {"ApproximateNumberOfMessages": "0"}},
    "cloudwatch.describe_alarms": {
        "MetricAlarms": [
            {"AlarmName": "page-failed", "AlarmActions": [TOPIC], "ActionsEnabled": True, "StateValue": "OK"}
        ]
    },
    "sns.list_subscriptions_by_topic": {"Subscriptions": [{"SubscriptionArn": f"{TOPIC}:1"}]},
    "sns.get_topic_attributes": {"Attributes": {"KmsMasterKeyId": "key"}},
    "kms.get_key_policy": {"Policy": json.dumps(KEY_POLICY)},
    "sts.get_caller_identity": {"ResponseMetadata": {"HTTPHeaders": {"date": "Tue, 01 Sep 2026 12:00:03 GMT"}}},
    "dynamodb.describe_continuous_backups": {
        "ContinuousBackupsDescription": {
            "PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": "ENABLED"}
        }
    },
    "dynamodb.describe_table": {"Table": {"DeletionProtectionEnabled": True}},
}  # fmt: skip
DNS = {
    ("t1._domainkey.accounts.example.org", "CNAME"): ["t1.dkim.amazonses.com"],
    ("mail.accounts.example.org", "MX"): ["10 feedback-smtp.us-east-1.amazonses.com"],
    ("mail.accounts.example.org", "TXT"): ["v=spf1 include:amazonses.com ~all"],
    ("_dmarc.example.org", "TXT"): ["v=DMARC1; p=quarantine"],
}
HTTP: dict[str, Any] = {
    f"{WEB}/healthz": (200, b"ok"),
    f"{GOOGLE}/.well-known/openid-configuration": {"issuer": GOOGLE, "token_endpoint": "https://google/token"},
    "https://google/token": {"error": "invalid_grant"},
    "https://layer/arm64": (200, "m.cpython-313-aarch64-linux-gnu.so"),
    "https://layer/x86_64": (200, "m.cpython-313-x86_64-linux-gnu.so"),
}


class World:
    """A stack on AWS in which all is in order, until a test changes something."""

    def __init__(self) -> None:
        self.aws = deepcopy(IN_ORDER)
        self.dns: dict[tuple[str, str], list[str]] = deepcopy(DNS)
        self.http = dict(HTTP)
        self.is_online = True
        self.report: dict[str, Any] | None = {"status": "completed", "users": {"read": 3}}
        self.uploads: list[str] = []
        self.deleted: list[str] = []
        self.table = MemoryTable()
        self.districts: list[str] = []
        self.sources: list[str] = []

    def facts(self, endpoint_url: str | None = None) -> Facts:
        tables = SimpleNamespace(Table=lambda _name: self.table)
        session: Any = SimpleNamespace(client=self._client, resource=lambda _service, endpoint_url: tables)
        stack = Stack("production", "123456789012", "us-east-1", OUTPUTS, session, endpoint_url)
        return Facts(stack, self._lookup, self._fetch, lambda: NOW, sleep=lambda _seconds: None, version="abc")

    def _client(self, service: str, endpoint_url: str | None) -> Any:
        return _S3(self) if service == "s3" else _Client(service, self.aws)

    def _lookup(self, name: str, kind: str) -> list[str]:
        if not self.is_online:
            raise DnsUnreachable(name)
        return self.dns.get((name, kind), [])

    def _fetch(self, url: str, _form: Mapping[str, str] | None) -> Response:
        found = self.http.get(url, (0, b"nobody is there"))
        if isinstance(found, dict):
            return Response(200, json.dumps(found).encode())
        status, body = found
        return Response(status, _zip_of(body) if isinstance(body, str) else body)


class _Client:
    """Any client of boto3: each operation returns, or raises, what the world says."""

    def __init__(self, service: str, responses: Mapping[str, Any], paged: str = "") -> None:
        self._service = service
        self._responses = responses
        self._paged = paged

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**_request: Any) -> Any:
            response = self._responses[f"{self._service}.{operation}"]
            if isinstance(response, Exception):
                raise response
            return response

        return call

    def get_paginator(self, operation: str) -> _Client:
        return _Client(self._service, self._responses, operation)

    def paginate(self, **request: Any) -> list[Any]:
        return [getattr(self, self._paged)(**request)]


class _S3:
    def __init__(self, world: World) -> None:
        self._world = world

    def get_paginator(self, _operation: str) -> Any:
        named = {"districts/": self._world.districts, "sources/": self._world.sources}

        def paginate(*, Prefix: str, **_request: Any) -> list[dict[str, Any]]:
            return [{"CommonPrefixes": [{"Prefix": f"{Prefix}{district_id}/"} for district_id in named[Prefix]]}]

        return SimpleNamespace(paginate=paginate)

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> None:
        self._world.uploads.append(Key)

    def delete_object(self, *, Bucket: str, Key: str) -> None:
        self._world.deleted.append(Key)

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        if Key.startswith("sources/"):
            return {"Body": io.BytesIO(b'{"kind": "oneroster"}')}
        if self._world.report is None:
            raise ClientError({"Error": {"Code": "NoSuchKey", "Message": ""}}, "GetObject")
        report = {"upload": {"key": self._world.uploads[-1]}, **self._world.report}
        return {"Body": io.BytesIO(json.dumps(report).encode())}


def _zip_of(name: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(name, "")
    return packed.getvalue()


@pytest.fixture
def world() -> World:
    return World()


def test_of_a_stack_in_order_every_check_says_so(world: World) -> None:
    found = dict(examine(world.facts()))

    assert {name: finding.found for name, finding in found.items() if finding.state is not State.IN_ORDER} == {}
    assert list(found) == [check.name for check in CHECKS]


def test_a_preview_takes_away_what_it_put(world: World) -> None:
    dict(examine(world.facts()))
    assert sorted(world.deleted) == sorted(world.uploads)
    assert all(f"/{DISTRICT}/" in key for key in world.uploads)


def test_what_does_not_apply_locally_is_said_with_a_reason(world: World) -> None:
    world.is_online = False
    world.aws["sns.list_subscriptions_by_topic"] = {"Subscriptions": []}

    found = dict(examine(world.facts("http://127.0.0.1:4566")))

    said = {name for name, finding in found.items() if finding.state is State.NOT_APPLICABLE}
    assert said == {"backups", "pages", "dkim", "mail from", "dmarc", "alarm mail", "alarm key"}
    assert not is_wrong(found)
    assert all(finding.found for finding in found.values())


NOT_FOUND = ClientError({"Error": {"Code": "NotFoundException", "Message": ""}}, "GetEmailIdentity")
DENIED = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetAccount")


def _answers(operation: str, response: Any) -> Callable[[World], None]:
    def change(world: World) -> None:
        world.aws[operation] = response

    return change


def _says(operation: str, **changes: Any) -> Callable[[World], None]:
    def change(world: World) -> None:
        world.aws[operation] = {**world.aws[operation], **changes}

    return change


def _stack_is(status: str) -> Callable[[World], None]:
    return _answers("cloudformation.describe_stacks", {"Stacks": [{"StackStatus": status}]})


def _setting(name: str, value: str) -> Callable[[World], None]:
    variables = {**PAGES["Environment"]["Variables"], name: value}
    return _says("lambda.get_function_configuration", Environment={"Variables": variables})


def _alarm(**changes: Any) -> Callable[[World], None]:
    alarm = {**IN_ORDER["cloudwatch.describe_alarms"]["MetricAlarms"][0], **changes}
    return _answers("cloudwatch.describe_alarms", {"MetricAlarms": [alarm]})


def _has_a_slip(world: World) -> None:
    _has_district(world)
    world.sources = ["lakeside"]


def _late_seal(world: World) -> None:
    world.table.put_item(Item={"PK": "SEALS_DUE", "SK": "2026-08-31T20#lakeside"})


def _cut_seals(world: World) -> None:
    world.report = None
    world.table.put_item(Item={"PK": "SEALED#_platform", "SK": "HEAD", "number": 3, "seal": "f" * 64})


def _page(url: str, response: Any) -> Callable[[World], None]:
    def change(world: World) -> None:
        world.http[url] = response

    return change


def _no_records(kind: str) -> Callable[[World], None]:
    def change(world: World) -> None:
        world.dns = {name: records for name, records in world.dns.items() if kind not in name[0] + name[1]}

    return change


def _report(report: dict[str, Any] | None) -> Callable[[World], None]:
    return lambda world: setattr(world, "report", report)


def _has_district(world: World, **settings: Any) -> None:
    body = {
        "district_id": "lakeside",
        "name": "Lakeside",
        "email_domains": ["lakeside.example"],
        "time_zone": "UTC",
        **settings,
    }
    DistrictStore(world.table).put(settings_of(body))
    world.districts = ["lakeside"]


def _went_to_google(world: World, begun: int, returned: int) -> None:
    returns = HubReturnStore(world.table, lambda: NOW)
    for number in range(begun):
        returns.began("lakeside", "google", str(number))
    for number in range(returned):
        returns.returned("lakeside", "google", str(number), 1)


def _google_keeps_three(world: World) -> None:
    _has_district(world, identity_providers=["google"])
    _went_to_google(world, begun=5, returned=2)


def _is_counted(numbers: dict[str, int] | None) -> Callable[[World], None]:
    """A district where three people stand, and these are counted; None for one that an earlier version began."""

    def make(world: World) -> None:
        _has_district(world)
        ImportStateStore(world.table).advance(
            "lakeside",
            Snapshot("s", 1, "", {"users": 3}, {}),
            {"PK": "DISTRICT#lakeside", "SK": "IMPORT#i"},
            {"PK": "OUTBOX#e", "SK": "EVENT"},
        )
        if numbers is not None:
            CountStore(world.table).correct("lakeside", Counts(numbers), NOW)

    return make


TOKEN = "https://google/token"
QUOTA = {"Max24HourSend": 1000.0, "MaxSendRate": 14.0, "SentLast24Hours": 900.0}
FAULTS: list[tuple[str, Callable[[World], None], str, str]] = [
    ("counts", _is_counted(None), "lakeside: not counted from the beginning", "make recount"),
    ("counts", _is_counted({"tabcdefr": 4}), "4 people are counted, and 3 stand", "make recount"),
    ("counts", _is_counted({"tabcdefr": 4, "tabcdefl": -1}), "a number below zero", "make recount"),
    ("hub returns", _google_keeps_three, "3 of 5 browsers that went to Google", "admin.google.com"),
    ("stack", _stack_is("UPDATE_ROLLBACK_COMPLETE"), "ROLLBACK", "make deploy"),
    ("stack", _stack_is("ROLLBACK_COMPLETE"), "ROLLBACK", "Delete the stack"),
    ("stack", _stack_is("UPDATE_IN_PROGRESS"), "IN_PROGRESS", "Wait"),
    (
        "clock",
        _answers(
            "sts.get_caller_identity", {"ResponseMetadata": {"HTTPHeaders": {"date": "Tue, 01 Sep 2026 12:09:00 GMT"}}}
        ),
        "-540 s",
        "time service",
    ),
    (
        "architecture",
        _says("lambda.get_function_configuration", Architectures=["x86_64"]),
        "some functions for x86_64",
        "make deploy",
    ),
    (
        "architecture",
        _page("https://layer/arm64", HTTP["https://layer/x86_64"]),
        "layer was built for x86_64",
        "ARCHITECTURE=arm64",
    ),
    (
        "versions",
        _says("lambda.get_function_configuration", Runtime="python3.12"),
        "Not on python3.13: pages",
        "make deploy",
    ),
    ("versions", _says("lambda.get_function_configuration", LastUpdateStatus="Failed"), "pages", "make deploy"),
    (
        "concurrency",
        _answers("lambda.get_account_settings", {"AccountLimit": {"UnreservedConcurrentExecutions": 10}}),
        "10 functions",
        "L-B99A9384",
    ),
    (
        "backups",
        _answers("dynamodb.describe_continuous_backups", {"ContinuousBackupsDescription": {}}),
        "is off",
        "make deploy",
    ),
    ("backups", _answers("dynamodb.describe_table", {"Table": {}}), "not protected", "once more"),
    ("pages", _page(f"{WEB}/healthz", (502, b"")), "says 502", "certificate"),
    (
        "token secret",
        _answers("secretsmanager.get_secret_value", {"SecretString": ""}),
        "cannot be used",
        "rotate-keys",
    ),
    ("hub clients", _setting("GOOGLE_CLIENT_ID", "not-set"), "No hub is set up", "GOOGLE_CLIENT_ID="),
    (
        "hub clients",
        _answers("secretsmanager.get_secret_value", {"SecretString": json.dumps({"current": "k" * 64})}),
        "google: its client secret",
        "make set-secret SECRET=google",
    ),
    ("hub clients", _page(TOKEN, {"error": "invalid_client"}), "does not take", "make set-secret"),
    ("hub clients", _page(TOKEN, {"error": "redirect_uri_mismatch"}), "callback", f"Register {WEB}/callback/google"),
    ("hub clients", _page(f"{GOOGLE}/.well-known/openid-configuration", (0, b"")), "does not answer", "GoogleIssuer"),
    ("sender", _answers("sesv2.get_email_identity", NOT_FOUND), "does not know", "SENDER_DOMAIN"),
    (
        "sender",
        _says("sesv2.get_email_identity", VerifiedForSendingStatus=False),
        "not verified accounts.example.org",
        "t1._domainkey",
    ),
    (
        "dkim",
        _answers("sesv2.get_email_identity", NOT_FOUND),
        "signed by amazonses.com",
        "SENDER_DOMAIN=accounts.example.org",
    ),
    ("dkim", _no_records("CNAME"), "lacks records", "t1._domainkey.accounts.example.org CNAME t1.dkim.amazonses.com"),
    (
        "dkim",
        _says("sesv2.get_email_identity", DkimAttributes={"Status": "PENDING", "Tokens": ["t1"]}),
        "PENDING",
        "Wait",
    ),
    ("mail from", _says("sesv2.get_email_identity", MailFromAttributes={}), "no MAIL FROM", "SENDER_DOMAIN"),
    (
        "mail from",
        _no_records("MX"),
        "lacks records",
        "mail.accounts.example.org MX 10 feedback-smtp.us-east-1.amazonses.com",
    ),
    ("mail from", _no_records("TXT"), "lacks records", "v=spf1 include:amazonses.com"),
    ("dmarc", _no_records("_dmarc"), "no DMARC", "_dmarc.accounts.example.org TXT"),
    ("sandbox", _says("sesv2.get_account", ProductionAccessEnabled=False), "sandbox", "production access"),
    ("sandbox", _says("sesv2.get_account", SendingEnabled=False), "stopped", "mail-stopped.md"),
    ("sandbox", _says("sesv2.get_account", EnforcementStatus="PROBATION"), "reviews", "mail-stopped.md"),
    ("send quota", _says("sesv2.get_account", SendQuota=QUOTA), "900 of 1,000", "Ask for more"),
    ("schedules", _answers("scheduler.get_schedule", {"State": "DISABLED"}), "nudges", "Switch them on"),
    (
        "dead letters",
        _answers("sqs.get_queue_attributes", {"Attributes": {"ApproximateNumberOfMessages": "2"}}),
        "2 in ExportDeadLetterQueue",
        "make redrive",
    ),
    (
        "sources",
        _has_a_slip,
        "lakeside: settings: source.json cannot be used. base_url",
        "Write sources/lakeside/source.json",
    ),
    ("audit", _late_seal, "wait for their seal since 2026-08-31T20:00", "make verify-audit"),
    ("audit", _cut_seals, "The newest seal of _platform, 3", "make verify-audit"),
    ("alarms", _alarm(AlarmActions=[]), "page-failed", "make deploy"),
    ("alarms", _alarm(ActionsEnabled=False), "page-failed", "enable-alarm-actions"),
    ("alarms", _alarm(StateValue="ALARM", AlarmDescription="see docs/runbooks/x"), "see docs/runbooks/x", "runbook"),
    ("alarm mail", _answers("sns.list_subscriptions_by_topic", {"Subscriptions": []}), "nobody", "ALARM_EMAIL="),
    (
        "alarm mail",
        _answers("sns.list_subscriptions_by_topic", {"Subscriptions": [{"SubscriptionArn": "PendingConfirmation"}]}),
        "confirmed",
        "Subscription Confirmation",
    ),
    (
        "alarm key",
        _answers("sns.get_topic_attributes", {"Attributes": {"KmsMasterKeyId": "alias/aws/sns"}}),
        "alias/aws/sns",
        "make deploy",
    ),
    (
        "alarm key",
        _answers("kms.get_key_policy", {"Policy": json.dumps({"Statement": []})}),
        "does not let CloudWatch in",
        "kms:GenerateDataKey*",
    ),
    ("preview", _report(None), "No report", "import-failed.md"),
    (
        "preview",
        _report({"status": "rejected", "users": {"read": 0}, "reason": {"code": "x"}}),
        "says rejected",
        "import-failed.md",
    ),
    ("send quota", _answers("sesv2.get_account", DENIED), "AccessDenied", "credentials"),
    ("dkim", lambda world: setattr(world, "is_online", False), "No name server", "online"),
]


@pytest.mark.parametrize(
    ("name", "change", "found", "todo"), FAULTS, ids=[f"{n}-{found}"[:40] for n, _, found, _ in FAULTS]
)
def test_what_is_wrong_is_found_and_says_what_to_do(
    world: World, name: str, change: Callable[[World], None], found: str, todo: str
) -> None:
    change(world)

    finding = dict(examine(world.facts()))[name]

    assert finding.state is State.WRONG
    assert found in finding.found
    assert todo in finding.todo


def test_every_check_is_seen_to_fail() -> None:
    assert {name for name, *_ in FAULTS} == {check.name for check in CHECKS}


def test_a_deployment_of_another_version_is_told(world: World) -> None:
    facts = world.facts()
    newer = Facts(facts.stack, facts.lookup, facts.fetch, facts.clock, sleep=facts.sleep, version="def")

    finding = dict(examine(newer))["versions"]

    assert (finding.state, finding.found) == (State.WRONG, "Deployed is abc; this working copy is def")


@pytest.mark.parametrize("is_json", [True, False])
@pytest.mark.parametrize("messages", ["0", "2"])
def test_the_exit_code_and_both_forms_say_whether_all_is_in_order(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], messages: str, is_json: bool
) -> None:
    world.aws["sqs.get_queue_attributes"] = {"Attributes": {"ApproximateNumberOfMessages": messages}}
    facts = world.facts()
    monkeypatch.setattr(command, "Facts", lambda *_, **__: facts)

    code = command.run(facts.stack, Namespace(json=is_json, district=None))

    printed = capsys.readouterr().out
    assert code == (0 if messages == "0" else 1)
    if is_json:
        assert json.loads(printed) == as_json(facts.stack, dict(examine(facts)))
        assert json.loads(printed)["in_order"] is (messages == "0")
    else:
        assert ("✗ dead letters" in printed) is (messages == "2")


def test_a_hub_that_wants_basic_gets_it() -> None:
    request = web._request(web.with_basic("https://clever.com/oauth/tokens", "us", "p:w@d"), {"code": "x"})
    assert request.full_url == "https://clever.com/oauth/tokens"
    assert base64.b64decode(str(request.get_header("Authorization")).removeprefix("Basic ")) == b"us:p:w@d"


def _hub_returns(world: World) -> tuple[State, str]:
    found = dict(examine(world.facts()))["hub returns"]
    return found.state, f"{found.found} {found.todo}"


def test_whom_google_keeps_is_said_with_its_likely_cause_and_steps(world: World) -> None:
    _google_keeps_three(world)
    state, said = _hub_returns(world)
    assert state is State.WRONG
    for words in (
        "lakeside: 3 of 5 browsers that went to Google did not come back",
        "your Google administrator has not allowed this app for under-18s",
        "client id id",
        "admin.google.com",
        f"{WEB}/console/lakeside/logins",
    ):
        assert words in said


@pytest.mark.parametrize(("begun", "returned"), [(2, 0), (40, 37), (3, 4)])
def test_a_few_who_give_up_are_no_trouble(world: World, begun: int, returned: int) -> None:
    _has_district(world, identity_providers=["google"])
    _went_to_google(world, begun, returned)
    assert _hub_returns(world)[0] is State.IN_ORDER


def test_a_hub_that_a_district_uses_without_a_client_id_is_said(world: World) -> None:
    _has_district(world, clever_district_id="c-1")
    state, said = _hub_returns(world)
    assert state is State.WRONG
    assert "lakeside uses Clever, for which no client id is set" in said
    assert "CLEVER_CLIENT_ID" in said
