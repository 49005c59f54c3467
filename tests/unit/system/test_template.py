"""The template: what fails has a place to go, what holds state outlives the stack, and parameters are checked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import fields

from functions.link_notice.notify_link_change import LEASE
from shared.runtime import aws
from shared.runtime import settings as all_settings
from tests.template import RESOURCES, TEMPLATE

ROOT = Path(__file__).parents[3]
FUNCTIONS = {name: one["Properties"] for name, one in RESOURCES.items() if one["Type"] == "AWS::Serverless::Function"}


def sources(function: dict[str, Any]) -> set[str]:
    return {event["Type"] for event in function.get("Events", {}).values()}


def of_s3() -> set[str]:
    told = RESOURCES["RosterBucket"]["Properties"]["NotificationConfiguration"]["LambdaConfigurations"]
    return {one["Function"]["Fn::GetAtt"][0] for one in told}


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_asynchronous_call_has_a_dead_letter_queue(name: str) -> None:
    function = FUNCTIONS[name]
    if name in of_s3() or sources(function) & {"EventBridgeRule", "ScheduleV2", "Schedule", "S3"}:
        assert function["DeadLetterQueue"]["TargetArn"]["Fn::GetAtt"][0] == "FailedEventsQueue"
    for event in function.get("Events", {}).values():
        properties = event["Properties"]
        match event["Type"]:
            case "SQS":
                queue = RESOURCES[properties["Queue"]["Fn::GetAtt"][0]]["Properties"]
                assert "deadLetterTargetArn" in queue["RedrivePolicy"]
                assert properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
                timeout = function.get("Timeout", TEMPLATE["Globals"]["Function"]["Timeout"])
                assert queue["VisibilityTimeout"] >= 6 * timeout
            case "DynamoDB":
                assert "OnFailure" in properties["DestinationConfig"]
            case "EventBridgeRule" | "ScheduleV2":
                assert "Arn" in properties["DeadLetterConfig"]


def test_a_notice_lease_ends_between_its_workers_end_and_the_next_event() -> None:
    """Else two workers would send it, or the one that comes next would find it under way for ever."""
    worker = FUNCTIONS["LinkNoticeFunction"]["Timeout"]
    again = RESOURCES["LinkNoticeQueue"]["Properties"]["VisibilityTimeout"]

    assert worker < LEASE.total_seconds() < again


@pytest.mark.parametrize(
    "queue",
    [
        n
        for n, one in RESOURCES.items()
        if one["Type"] == "AWS::SQS::Queue" and "RedrivePolicy" not in one["Properties"]
    ],
)
def test_every_dead_letter_queue_keeps_for_two_weeks(queue: str) -> None:
    assert RESOURCES[queue]["Properties"]["MessageRetentionPeriod"] == 14 * 86_400


def test_every_function_is_told_of_in_the_outputs() -> None:
    assert {f"{name}Name" for name in FUNCTIONS} <= set(TEMPLATE["Outputs"])


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_function_is_given_the_settings_that_it_reads(name: str) -> None:
    """Every setting without a default is in its environment."""
    folder = ROOT / "functions" / FUNCTIONS[name]["Handler"].split(".")[1]
    text = "".join(path.read_text() for path in folder.glob("*.py"))
    (settings,) = {getattr(all_settings, found) for found in re.findall(r"(\w+Settings)\.from_environment\(\)", text)}
    own = {each.lower() for each in FUNCTIONS[name].get("Environment", {}).get("Variables", {})}
    common = {each.lower() for each in TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]}
    needed = {field.name for field in fields(settings) if field.required}
    assert needed <= own | common
    assert own <= set(settings.__struct_fields__), "what a function is given and does not read"


def test_whoever_gives_an_address_of_the_pages_knows_their_origin() -> None:
    """Also in a report of an import, where the setting has a default: the code then leads to a page (M2)."""
    variables = {name: one.get("Environment", {}).get("Variables", {}) for name, one in FUNCTIONS.items()}
    given = {name: each["WEB_URL"] for name, each in variables.items() if "WEB_URL" in each}
    assert given.keys() >= {"RosterImportFunction", "ImportStepFunction", "ImportPausesFunction"}
    assert {str(origin) for origin in given.values()} == {str(TEMPLATE["Outputs"]["WebUrl"]["Value"])}


def test_nobody_can_give_themselves_an_account_id() -> None:
    """Cognito's public SignUp is off, the id is immutable, and no client may write it."""
    pool, client = (RESOURCES[name]["Properties"] for name in ("UserPool", "UserPoolClient"))
    assert pool["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"] is True
    assert [one["Mutable"] for one in pool["Schema"] if one["Name"] == "account_id"] == [False]
    clients = [one["Properties"] for one in RESOURCES.values() if one["Type"] == "AWS::Cognito::UserPoolClient"]
    assert all("custom:account_id" not in one["WriteAttributes"] for one in clients)
    assert client["ExplicitAuthFlows"] == ["ALLOW_ADMIN_USER_PASSWORD_AUTH"], (
        "no flow that a browser can start by itself"
    )
    assert client["PreventUserExistenceErrors"] == "ENABLED"


def test_platform_passwords_are_asked_for_only_where_their_address_is_set() -> None:
    """Then by one function alone, which Cognito alone may call, and which reads accounts and one secret."""
    whole = ("UserMigrationFunction", "UserMigrationFunctionRole", "UserMigrationPermission", "PlatformLoginSecret")
    assert {RESOURCES[name]["Condition"] for name in whole} == {"HasPlatformLogin"}
    assert TEMPLATE["Parameters"]["PlatformLoginUrl"]["Default"] == ""
    condition, trigger, nothing = RESOURCES["UserPool"]["Properties"]["LambdaConfig"]["Fn::If"]
    assert condition == "HasPlatformLogin"
    assert trigger == {"UserMigration": {"Fn::GetAtt": ["UserMigrationFunction", "Arn"]}}
    assert nothing == {"Ref": "AWS::NoValue"}
    permission = RESOURCES["UserMigrationPermission"]["Properties"]
    assert permission["Principal"] == "cognito-idp.amazonaws.com"
    assert permission["SourceArn"] == {"Fn::GetAtt": ["UserPool", "Arn"]}
    function = FUNCTIONS["UserMigrationFunction"]
    assert function["Timeout"] == 5, "Cognito waits no longer"
    read, secret = RESOURCES["UserMigrationFunctionRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"][
        2:
    ]
    assert read["Action"] == ["dynamodb:BatchGetItem"]
    assert read["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"] == ["ACCOUNT#*"]
    assert (secret["Action"], secret["Resource"]) == (["secretsmanager:GetSecretValue"], {"Ref": "PlatformLoginSecret"})


STATEFUL = ("AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::SecretsManager::Secret", "AWS::Cognito::UserPool")


@pytest.mark.parametrize("name", [name for name, one in RESOURCES.items() if one["Type"] in STATEFUL])
def test_what_holds_state_outlives_the_stack_but_not_a_failed_creation(name: str) -> None:
    """``Retain`` would leave buckets of a first try behind, and their names would stop the second one."""
    if name == "ExportBucket":  # a day's zips, made anew on request
        assert "DeletionPolicy" not in RESOURCES[name]
    else:
        assert RESOURCES[name]["DeletionPolicy"] == "RetainExceptOnCreate"
        assert RESOURCES[name]["UpdateReplacePolicy"] == "Retain"


def test_table_and_user_pool_refuse_to_be_deleted_where_that_is_asked_for() -> None:
    """Not at first: a creation that fails has to delete what it made."""
    assert TEMPLATE["Parameters"]["DeletionProtection"]["Default"] == "false"
    assert TEMPLATE["Conditions"]["IsProtected"] == {"Fn::Equals": [{"Ref": "DeletionProtection"}, "true"]}
    assert RESOURCES["Table"]["Properties"]["DeletionProtectionEnabled"] == {"Fn::If": ["IsProtected", True, False]}
    assert RESOURCES["UserPool"]["Properties"]["DeletionProtection"]["Fn::If"] == ["IsProtected", "ACTIVE", "INACTIVE"]


@pytest.mark.parametrize("name", [name for name, one in RESOURCES.items() if one["Type"] == "AWS::S3::Bucket"])
def test_everything_in_a_bucket_ends(name: str) -> None:
    """Pieces of uploads that were never finished, too, which nobody sees."""
    rules = RESOURCES[name]["Properties"]["LifecycleConfiguration"]["Rules"]
    assert any("AbortIncompleteMultipartUpload" in rule for rule in rules)
    assert any("ExpirationInDays" in rule for rule in rules)
    if "VersioningConfiguration" in RESOURCES[name]["Properties"]:
        assert any("NoncurrentVersionExpiration" in rule and "Prefix" not in rule for rule in rules)


@pytest.mark.parametrize("name", sorted(TEMPLATE["Parameters"]))
def test_every_parameter_is_checked_before_anything_is_made(name: str) -> None:
    parameter = TEMPLATE["Parameters"][name]
    assert {"AllowedPattern", "AllowedValues", "MinValue"} & {*parameter}
    assert parameter["Description"]
    if pattern := parameter.get("AllowedPattern"):
        assert re.fullmatch(pattern, str(parameter["Default"])), "its own default"


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("SenderEmail", "teachers.example.org"),
        ("SupportUrl", "http://support.example.org"),
        ("SupportUrl", 'https://support.example.org/"><script>'),
        ("WebUrl", "https://accounts.example.org/path"),
        ("GoogleClientId", "id with spaces"),
        ("CertificateArn", "arn:aws:iam::123456789012:server-certificate/old"),
        ("DomainName", "https://accounts.example.org"),
        ("AlarmEmail", "people on call"),
        ("BrandName", "Acme\nBcc: all@example.org"),
    ],
)
def test_a_parameter_refuses_what_would_break_later(name: str, wrong: str) -> None:
    assert not re.fullmatch(TEMPLATE["Parameters"][name]["AllowedPattern"], wrong)


def test_the_access_log_names_no_path_and_no_query() -> None:
    """Tokens of mails are in paths."""
    log = RESOURCES["HttpApiStage"]["Properties"]["AccessLogSettings"]["Format"]
    named = set(re.findall(r"\$context\.(\w+)", log))
    assert named == {
        "requestId", "requestTimeEpoch", "httpMethod", "routeKey", "status", "responseLatency", "integrationLatency",
        "integrationStatus", "responseLength",
    }  # fmt: skip
    assert "RetentionInDays" in RESOURCES["AccessLogGroup"]["Properties"]


def test_what_the_stage_takes_and_what_cognito_costs_are_parameters() -> None:
    stage = RESOURCES["HttpApiStage"]["Properties"]["DefaultRouteSettings"]
    assert stage == {"ThrottlingBurstLimit": {"Ref": "RequestBurst"}, "ThrottlingRateLimit": {"Ref": "RequestRate"}}
    assert RESOURCES["UserPool"]["Properties"]["UserPoolTier"] == {"Ref": "UserPoolTier"}
    assert TEMPLATE["Parameters"]["UserPoolTier"]["Default"] == "LITE", (
        "the default of Cognito costs three times as much"
    )


def test_events_of_mails_go_through_a_queue_that_ses_alone_can_reach() -> None:
    """EventBridge is told of a mail at best once. Topic and queue are told at least once."""
    destination = RESOURCES["MailEventsToTopic"]["Properties"]["EventDestination"]
    assert destination["SnsDestination"] == {"TopicARN": {"Ref": "MailEventTopic"}}
    assert "EventBridgeDestination" not in destination
    (publish,) = RESOURCES["MailEventTopicPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert publish["Principal"] == {"Service": "ses.amazonaws.com"}
    assert publish["Condition"]["ArnEquals"]["aws:SourceArn"]["Fn::Sub"].endswith("/${AWS::StackName}-mail")
    subscription = RESOURCES["MailEventSubscription"]["Properties"]
    assert subscription["RawMessageDelivery"] is True
    assert subscription["Endpoint"] == {"Fn::GetAtt": ["MailEventQueue", "Arn"]}
    assert "deadLetterTargetArn" in subscription["RedrivePolicy"]
    (send,) = RESOURCES["MailEventQueuePolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert send["Condition"] == {"ArnEquals": {"aws:SourceArn": {"Ref": "MailEventTopic"}}}


def test_a_sender_that_ses_knows_already_is_taken_as_it_is() -> None:
    """SES refuses to make an identity twice: after a verification by hand, or in a second stack of the account."""
    conditions = TEMPLATE["Conditions"]
    assert conditions["MakesSender"] == {"Fn::Equals": [{"Ref": "SenderExists"}, "false"]}
    for name, condition in (("SenderIdentity", "MakesSenderAddress"), ("SenderDomainIdentity", "MakesSenderDomain")):
        assert RESOURCES[name]["Condition"] == condition
        assert {"Condition": "MakesSender"} in conditions[condition]["Fn::And"]


def test_a_sender_of_its_own_domain_is_aligned_and_its_records_are_told() -> None:
    identity = RESOURCES["SenderDomainIdentity"]["Properties"]
    assert identity["EmailIdentity"] == {"Ref": "SenderDomain"}
    assert identity["MailFromAttributes"]["MailFromDomain"] == {"Fn::Sub": "mail.${SenderDomain}"}
    records = {name: one["Value"]["Fn::Sub"] for name, one in TEMPLATE["Outputs"].items() if name.endswith("Record")}
    records |= {n: o["Value"]["Fn::Sub"] for n, o in TEMPLATE["Outputs"].items() if n.startswith("SenderDkimRecord")}
    assert [record.split(" ")[1] for record in records.values()].count("CNAME") == 3
    assert "amazonses.com" in records["SenderMxRecord"]
    assert records["SenderSpfRecord"].startswith("mail.${SenderDomain} TXT")
    assert records["SenderDmarcRecord"].startswith("_dmarc.${SenderDomain} TXT")
    sender = {"Fn::If": ["HasSenderDomain", {"Fn::Sub": "${SenderName}@${SenderDomain}"}, {"Ref": "SenderEmail"}]}
    given = [f.get("Environment", {}).get("Variables", {}).get("SENDER", sender) for f in FUNCTIONS.values()]
    assert all(one == sender for one in given)
    assert TEMPLATE["Outputs"]["Sender"]["Value"] == sender


def test_a_download_is_signed_for_the_bucket_in_its_own_region(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside us-east-1, S3 would send the browser on to a host for which the signature does not count."""
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "a"),
        ("AWS_SECRET_ACCESS_KEY", "b"),
        ("AWS_DEFAULT_REGION", "eu-west-1"),
    ):
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    for cached in (aws.client, aws.session):
        cached.cache_clear()
    try:
        url = aws.client("s3").generate_presigned_url("get_object", Params={"Bucket": "exports", "Key": "1.zip"})
    finally:
        for cached in (aws.client, aws.session):
            cached.cache_clear()
    assert url.startswith("https://exports.s3.eu-west-1.amazonaws.com/1.zip?X-Amz-Algorithm=AWS4-HMAC-SHA256")


def test_a_restored_table_takes_the_place_of_the_stacks_own() -> None:
    """Everything that names the table names the restored one then; the stack's own stays outside of the stack."""
    assert RESOURCES["Table"]["Condition"] == "MakesTable"
    assert TEMPLATE["Conditions"]["MakesTable"] == {"Fn::Equals": [{"Ref": "RestoredTableName"}, ""]}
    body = json.loads(json.dumps(TEMPLATE))

    def named(value: Any) -> Iterator[str]:
        """Where the stack's own table is named, but under the condition that there is one."""
        match value:
            case {"Fn::If": ["MakesTable", _own, restored]}:
                yield from named(restored)
            case {"Ref": "Table"} | {"Fn::GetAtt": ["Table", _]}:
                yield json.dumps(value)
            case {"Fn::Sub": str(text)} if "${Table" in text:
                yield text
            case dict():
                for each in value.values():
                    yield from named(each)
            case list():
                for each in value:
                    yield from named(each)

    assert [*named(body)] == []
    assert TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]["TABLE_NAME"] == {
        "Fn::If": ["MakesTable", {"Ref": "Table"}, {"Ref": "RestoredTableName"}]
    }


def test_what_outlives_the_stack_can_be_imported_by_itself() -> None:
    """Without what leads to functions, it names nothing that would have to be made first (docs/runbooks/restore.md)."""
    runbook = (Path(__file__).parents[3] / "docs/runbooks/restore.md").read_text()
    left_out = ("NotificationConfiguration", "LambdaConfig", "DependsOn")
    kept = {name: one for name, one in RESOURCES.items() if "Retain" in one.get("DeletionPolicy", "")}
    named = json.dumps({name: _without(one, left_out) for name, one in kept.items()})
    references = set(re.findall(r'"Ref": "(\w+)"|"Fn::GetAtt": \["(\w+)"', named))
    assert {name for pair in references for name in pair if name in RESOURCES} == set()
    for name in (*kept, *left_out):
        assert f"`{name}`" in runbook, name


def _without(value: Any, names: tuple[str, ...]) -> Any:
    if isinstance(value, dict):
        return {key: _without(each, names) for key, each in value.items() if key not in names}
    return [_without(each, names) for each in value] if isinstance(value, list) else value


def test_a_deleted_snapshot_can_be_had_again_as_long_as_the_tables_past() -> None:
    bucket = RESOURCES["SnapshotBucket"]["Properties"]
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    ends = [
        r["NoncurrentVersionExpiration"]["NoncurrentDays"]
        for r in bucket["LifecycleConfiguration"]["Rules"]
        if "Prefix" not in r and "NoncurrentVersionExpiration" in r
    ]
    assert ends == [35]


def test_what_belongs_together_is_asked_for_together() -> None:
    """Else a domain without a certificate would be left out without a word, and a restored table would publish no event."""
    asked = {
        (
            rule["RuleCondition"]["Fn::Not"][0]["Fn::Equals"][0]["Ref"],
            one["Assert"]["Fn::Not"][0]["Fn::Equals"][0]["Ref"],
        )
        for rule in TEMPLATE["Rules"].values()
        for one in rule["Assertions"]
    }
    assert asked == {("DomainName", "CertificateArn"), ("RestoredTableName", "RestoredTableStream")}


def test_the_pages_may_be_called_before_they_are_asked() -> None:
    assert RESOURCES["HttpApiIntegration"]["DependsOn"] == "PagesPermission"
