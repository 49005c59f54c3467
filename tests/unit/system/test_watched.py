"""What is watched: nothing that can fail is without an alarm, every alarm reaches somebody, and has a runbook."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from functions.activation_email import handler as activation_email
from functions.mail_feedback import handler as mail_feedback
from shared.domain.roster import RosterUserKey
from shared.runtime.observability import NAMESPACE, _counts, about, logger, metric, observed
from tests.builders import account, roster, user
from tests.deployment import Context, deployed, event
from tests.harness import CONFIGURATION_SET, STARTS, World
from tests.iam.deployed import transformed
from tests.pages_harness import Website, lakeside, linked_teacher
from tests.template import RESOURCES, TEMPLATE
from tests.tree import texts

ROOT = Path(__file__).parents[3]
MADE: dict[str, Any] = transformed()["Resources"]


def of_type(kind: str) -> dict[str, dict[str, Any]]:
    return {name: made["Properties"] for name, made in MADE.items() if made["Type"] == kind}


ALARMS = of_type("AWS::CloudWatch::Alarm")


def metrics_of(alarm: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The metrics that an alarm looks at, each with namespace, name and dimensions."""
    for one in alarm.get("Metrics", ()):
        if "MetricStat" in one:
            yield one["MetricStat"]["Metric"]
    if "MetricName" in alarm:
        yield alarm


def watched(namespace: str, *names: str) -> set[str]:
    """The resources that some alarm watches by one of these metrics."""
    return {
        found
        for alarm in ALARMS.values()
        for one in metrics_of(alarm)
        if one["Namespace"] == namespace and one["MetricName"] in names
        for dimension in one.get("Dimensions", ())
        if dimension["Name"] != "ExecutedVersion"
        for found in re.findall(r'(?:"Ref": |"Fn::GetAtt": \[)"(\w+)"', json.dumps(dimension["Value"]))
    }


def test_every_function_has_an_alarm_on_its_errors() -> None:
    """One that cannot load writes no line and counts nothing by itself."""
    assert watched("AWS/Lambda", "Errors") == {*of_type("AWS::Lambda::Function")}


def test_every_function_but_cognitos_has_an_alarm_on_throttles() -> None:
    assert {*of_type("AWS::Lambda::Function")} - watched("AWS/Lambda", "Throttles") == {"UserMigrationFunction"}


def test_every_function_with_a_dead_letter_queue_has_an_alarm_on_lost_events() -> None:
    asked = {name for name, made in of_type("AWS::Lambda::Function").items() if "DeadLetterConfig" in made}
    assert watched("AWS/Lambda", "DeadLetterErrors") == asked


def test_every_queue_has_an_alarm_on_its_oldest_message_or_on_any() -> None:
    queues = of_type("AWS::SQS::Queue")
    working = {name for name, one in queues.items() if "RedrivePolicy" in one}
    assert watched("AWS/SQS", "ApproximateAgeOfOldestMessage") == working
    assert watched("AWS/SQS", "ApproximateNumberOfMessagesVisible") == {*queues} - working


def test_every_rule_has_an_alarm_on_events_that_it_cannot_hand_on() -> None:
    rules = {*of_type("AWS::Events::Rule")}
    assert watched("AWS/Events", "FailedInvocations") == rules
    assert watched("AWS/Events", "InvocationsFailedToBeSentToDlq") == rules


def test_every_schedule_has_an_alarm_on_its_silence() -> None:
    targets = [one["Target"]["Arn"] for one in of_type("AWS::Scheduler::Schedule").values()]
    called = {arn["Fn::GetAtt"][0] if "Fn::GetAtt" in arn else arn["Ref"].removesuffix("Aliaslive") for arn in targets}
    assert watched("AWS/Lambda", "Invocations") - {"UserMigrationFunction"} == called
    assert ALARMS["SchedulesSilentAlarm"]["TreatMissingData"] == "breaching"


def test_every_state_machine_has_alarms_on_all_ends_but_success() -> None:
    machines = {*of_type("AWS::StepFunctions::StateMachine")}
    for end in ("ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted"):
        assert watched("AWS/States", end) == machines


def test_every_stream_has_an_alarm_on_its_age() -> None:
    readers = {
        one["FunctionName"]["Ref"]
        for one in of_type("AWS::Lambda::EventSourceMapping").values()
        if "StreamArn" in json.dumps(one["EventSourceArn"])
    }
    assert watched("AWS/Lambda", "IteratorAge") == readers


def test_the_pages_have_alarms_on_errors_time_and_refusals() -> None:
    assert watched("AWS/ApiGateway", "5xx") == watched("AWS/ApiGateway", "Latency") == {"HttpApi"}
    (refused,) = of_type("AWS::Logs::MetricFilter").values()
    assert refused["MetricTransformations"][0]["MetricName"] == ALARMS["RequestsRefusedAlarm"]["MetricName"]


@pytest.mark.parametrize("name", sorted(ALARMS))
def test_every_alarm_tells_the_topic_and_names_its_runbook(name: str) -> None:
    alarm = ALARMS[name]
    assert alarm["AlarmActions"] == [{"Ref": "AlarmTopic"}]
    (runbook,) = re.findall(r"; see (docs/runbooks/[a-z-]+\.md)\.$", alarm["AlarmDescription"])
    assert name.removesuffix("Alarm") in (ROOT / runbook).read_text()


def test_alarms_can_be_published_to_their_topic() -> None:
    """CloudWatch may not use the key ``alias/aws/sns``."""
    assert "KmsMasterKeyId" not in (RESOURCES["AlarmTopic"].get("Properties") or {})


@pytest.mark.parametrize("name", sorted(ALARMS))
def test_alarms_of_one_stack_do_not_hear_another(name: str) -> None:
    for one in metrics_of(ALARMS[name]):
        named = json.dumps([one["MetricName"], one.get("Dimensions", ())])
        assert '"Ref"' in named or "Fn::GetAtt" in named or "${AWS::StackName}" in named


@pytest.mark.parametrize("name", sorted(n for n, one in ALARMS.items() if "Metrics" in one))
def test_an_alarm_that_calculates_takes_at_most_ten_metrics(name: str) -> None:
    """More CloudWatch does not take; and the emulator of the local stack knows no calculation at all."""
    assert len(ALARMS[name]["Metrics"]) <= 10
    assert MADE[name]["Condition"].startswith("OnAws")
    assert TEMPLATE["Conditions"]["OnAws"] == {"Fn::Equals": [{"Ref": "Emulator"}, "false"]}
    assert TEMPLATE["Parameters"]["Emulator"]["Default"] == "false"


@cache
def counted() -> frozenset[str]:
    """How the names begin that the code counts."""
    source = "".join(text for path, text in texts().items() if path.startswith(("functions/", "shared/")))
    found = set(re.findall(r'(?:metric|count)\(f?"(\w+)', source)) | set(re.findall(r'"([A-Z]\w+)" if ', source))
    return frozenset(found | set(re.findall(r'else "([A-Z]\w+)"\)', source)))


def is_counted(name: str) -> bool:
    return any(name.startswith(begin) for begin in counted())


def test_every_metric_of_an_alarm_is_counted_by_the_code() -> None:
    ours = {
        one["MetricName"]
        for alarm in ALARMS.values()
        for one in metrics_of(alarm)
        if one["Namespace"] == NAMESPACE and isinstance(one["MetricName"], str)
    }
    assert {name for name in ours if not is_counted(name)} == set()


def test_an_invocation_writes_all_that_it_counts_in_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STACK_NAME", "spring")

    @observed
    def handler(_event: object, _context: Any) -> None:
        metric("NudgesSent", 3)
        metric("NudgesSent")
        metric("MailThrottled")
        raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        handler({}, Context("Some"))

    (blob,) = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    assert (blob["stack"], blob["NudgesSent"], blob["MailThrottled"]) == ("spring", 4, 1)
    (told,) = blob["_aws"]["CloudWatchMetrics"]
    assert (told["Namespace"], told["Dimensions"]) == ("AccountLinking", [["stack"]])
    assert [one["Name"] for one in told["Metrics"]] == ["MailThrottled", "NudgesSent"]
    _counts.write()
    assert capsys.readouterr().out == "", "nothing is counted twice"


def test_ids_are_named_in_each_line_until_the_work_is_done() -> None:
    with about(import_id="i-1", activation_id=None):
        assert logger.thread_safe_get_current_keys() == {"import_id": "i-1"}
    assert logger.thread_safe_get_current_keys() == {}


def test_one_page_shows_funnel_imports_mail_logins_errors_and_cost() -> None:
    (dashboard,) = of_type("AWS::CloudWatch::Dashboard").values()
    text, _names = dashboard["DashboardBody"]["Fn::Sub"]
    widgets = [one["properties"] for one in json.loads(text)["widgets"]]
    titles = " ".join(one["title"] for one in widgets)
    assert all(word in titles for word in ("Funnel", "Imports", "Mail", "Logins", "Errors", "Cost"))
    shown = [metric for one in widgets for metric in one["metrics"]]
    assert all("${" in json.dumps(metric) for metric in shown), "of this stack alone"
    ours = {name for namespace, name, *_ in shown if namespace == NAMESPACE and "$" not in name}
    assert ours == {name for name in ours if is_counted(name)}
    logical = set(re.findall(r"\$\{(\w+)[.}]", text)) - {"Name"}
    assert logical <= {*MADE}


def test_an_unusual_cost_is_mailed_where_a_figure_for_it_is_given() -> None:
    (subscription,) = of_type("AWS::CE::AnomalySubscription").values()
    assert subscription["Subscribers"] == [{"Type": "EMAIL", "Address": {"Ref": "AlarmEmail"}}]
    assert MADE["CostSubscription"]["Condition"] == MADE["CostMonitor"]["Condition"] == "WatchesCost"
    assert {"Condition": "OnAws"} in TEMPLATE["Conditions"]["WatchesCost"]["Fn::And"], "the emulator has no such type"


class Lines(logging.Handler):
    """The log lines of a while, each with the ids that it names."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        ids = {**logger.get_current_keys(), **logger.thread_safe_get_current_keys(), **vars(record)}
        self.lines.append({**ids, "message": record.getMessage()})


@pytest.fixture
def lines() -> Iterator[list[dict[str, Any]]]:
    handler = Lines()
    ours = logging.getLogger(logger.name)
    level = ours.level
    ours.addHandler(handler)
    ours.setLevel(logging.INFO)
    yield handler.lines
    ours.setLevel(level)
    ours.removeHandler(handler)


def test_the_lines_of_a_mail_name_its_activation(lines: list[dict[str, Any]]) -> None:
    """Given a mail that was asked for, and SES' word about it, then each line names the activation."""
    with deployed(STARTS) as stack:
        stack.invoke("MailFeedbackFunction", event("sqs-mail-event"))
        stack.invoke("ActivationEmailFunction", event("sqs-activation"))
    for message in ("mail feedback", "activation"):
        (line,) = [line for line in lines if line["message"] == message]
        assert line["activation_id"] == "0123456789abcdef0123456789abcdef"


_CONTEXT: Any = Context("Some")


def test_one_id_leads_from_the_upload_to_the_mail_and_to_the_link(lines: list[dict[str, Any]]) -> None:
    """Given a teacher who was invited, mailed, reminded and linked, then each step's line names import and activation."""
    world = World()
    world.register()
    world.feed(account("ada", "ada@mail.example"))
    import_id = world.upload(roster(user("t1", "teacher")))["import_id"]
    activation = world.activations.of_user(RosterUserKey("lakeside", "t1"))
    assert activation is not None
    requests = [*world.sqs.messages]
    cases = activation_email.UseCases(world.send_activation(), world.send_reminder())
    with (
        mock.patch.object(activation_email, "use_cases", return_value=cases),
        mock.patch.object(mail_feedback, "record_feedback", return_value=world.record_feedback()),
    ):
        _mail(requests)
        world.pass_time(days=8)
        world.sqs.messages.clear()
        world.queue_due_activations().run()
        _mail(world.sqs.messages)
        for mail in world.ses.sent:
            tags = {tag["Name"]: [tag["Value"]] for tag in mail["EmailTags"]}
            tags["ses:configuration-set"] = [CONFIGURATION_SET]
            told = {"eventType": "Delivery", "mail": {"messageId": mail["MessageId"], "tags": tags}}
            mail_feedback.lambda_handler({"detail": told}, _CONTEXT)
    web = Website(world)
    web.cognito.users = {"ada": ("correct horse", "ada")}
    linked_teacher(web)

    expected = (import_id, activation.activation_id)
    for message in ("activation", "reminder", "mail feedback", "linked"):
        found = [(line.get("import_id"), line.get("activation_id")) for line in lines if line["message"] == message]
        assert found, message
        assert set(found) == {expected}, message
    shown = {line["route"] for line in lines if line["message"] == "page" and line.get("import_id") == expected[0]}
    assert {"GET /activate", "POST /link"} <= shown
    assert logger.thread_safe_get_current_keys() == {}, "nothing is left for the next request"


def _mail(requests: list[str]) -> None:
    records = [{"messageId": str(number), "body": body} for number, body in enumerate(requests)]
    failed = activation_email.lambda_handler({"Records": records}, _CONTEXT)
    assert failed == {"batchItemFailures": []}


def test_an_activation_that_no_import_is_noted_for_is_logged_by_its_own_id(lines: list[dict[str, Any]]) -> None:
    """An earlier version noted no import."""
    web = lakeside()
    web.world.table.items["USER#lakeside#t1", "ACTIVATION"].pop("import_id")
    linked_teacher(web)
    (linked,) = [line for line in lines if line["message"] == "linked"]
    assert linked["activation_id"]
    assert "import_id" not in linked
    assert linked["district_id"] == "lakeside"


def test_another_mail_on_request_belongs_to_the_import_that_invited_first() -> None:
    world = lakeside().world
    key = RosterUserKey("lakeside", "t1")
    before = world.activations.of_user(key)
    again = world.resend_activation().resend(key)
    assert before is not None
    assert again.import_id == before.import_id is not None
