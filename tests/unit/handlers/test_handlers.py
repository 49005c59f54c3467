"""Each function as Lambda calls it: an event of events/, the environment of template.yaml, real clients (on moto)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.ses.models import ses_backends

from local.doubles.oneroster import CLIENT_ID, CLIENT_SECRET, OneRoster
from local.doubles.roster_server import WithinProcess
from shared.domain.account import Goal
from shared.domain.activation import ActivationState
from shared.domain.clock import to_iso
from shared.domain.funnel import Place
from shared.domain.report import Report, Status, Upload
from shared.domain.roster import Role, RosterUser, RosterUserKey
from shared.hubs.public_web import PublicWeb
from shared.runtime.dynamodb import typed
from shared.stores.class_work import Source
from shared.stores.counts import CountStore
from shared.stores.digests import RemainingClassesStore
from shared.stores.districts import DistrictStore
from shared.stores.fetches import FetchStore
from shared.stores.outbox import event_item
from shared.stores.seals import SheetStore
from shared.stores.skills import SkillStore
from shared.stores.trail import trail_item
from tests.account import ACCOUNT, REGION, STACK
from tests.builders import account, enrolled, roster, user
from tests.deployment import WEB, Deployment, deployed, event
from tests.harness import STARTS, World, zipped
from tests.pages_harness import lakeside, linked_teacher
from tests.state_machine import FEED, FETCH
from tests.template import RESOURCES
from tests.two_accounts import link, student

ACTIVATION_ID = "0123456789abcdef0123456789abcdef"
TEACHER = RosterUserKey("riverbend", "t0001")
RIVERBEND = {"name": "Riverbend", "email_domains": ["riverbend.example"], "time_zone": "America/Chicago"}


@pytest.fixture
def stack() -> Iterator[Deployment]:
    with deployed(STARTS) as found:
        yield found


def riverbend(*people: str, enrollments: str = "") -> World:
    """A district with a teacher, t0001, whose activation mail is asked for."""
    world = World()
    world.new_id = lambda: ACTIVATION_ID  # type: ignore[method-assign]
    world.register("riverbend", **RIVERBEND)
    teacher = user("t0001", "teacher", email="teacher@riverbend.example")
    report = world.upload(roster(teacher, *people, enrollments=enrollments), "riverbend")
    assert report["status"] == "completed"
    return world


def mails() -> list[Any]:
    """What moto's SES was given to send."""
    sent: list[Any] = ses_backends[ACCOUNT][REGION].sent_messages
    return sent


def recipients() -> list[str]:
    return [address for mail in mails() for address in mail.destinations["ToAddresses"]]


def test_a_district_file_registers_the_district(stack: Deployment) -> None:
    stack.put("RosterBucket", "districts/riverbend/district.json", json.dumps(RIVERBEND).encode())
    answer = stack.invoke("RosterImportFunction", event("s3-district"))
    assert [(one["kind"], one["district_id"]) for one in answer["taken"]] == [("settings", "riverbend")]
    registered = DistrictStore(stack.table).get("riverbend")
    assert registered
    assert registered.name == "Riverbend"


def test_a_roster_starts_an_import_and_the_same_event_again_starts_none(stack: Deployment) -> None:
    stack.begin_with(riverbend())
    for _ in range(2):
        (taken,) = stack.invoke("RosterImportFunction", event("s3-roster"))["taken"]
        assert (taken["kind"], taken["district_id"]) == ("roster", "riverbend")
    states = boto3.client("stepfunctions")
    (execution,) = states.list_executions(stateMachineArn=stack.id_of("ImportStateMachine"))["executions"]
    started = json.loads(states.describe_execution(executionArn=execution["executionArn"])["input"])
    assert started["import"]["import_id"] == taken["import_id"]
    assert started["import"]["upload"]["key"] == "rosters/riverbend/monday.zip"


def test_an_upload_of_an_unknown_kind_starts_no_import(stack: Deployment) -> None:
    stack.begin_with(riverbend())
    (taken,) = stack.invoke("RosterImportFunction", event("s3-unknown-key"))["taken"]
    assert (taken["kind"], taken["district_id"]) == ("unknown", "riverbend")
    report = json.loads(stack.object("ReportBucket", f"reports/riverbend/{taken['import_id']}/report.json"))
    assert report["upload"]["key"] == "rosters/riverbend/holiday photo.jpg"
    machine = stack.id_of("ImportStateMachine")
    assert boto3.client("stepfunctions").list_executions(stateMachineArn=machine)["executions"] == []


def test_a_file_of_accounts_starts_one_feed_whose_steps_load_and_report_it(stack: Deployment) -> None:
    # Given a file with one account and one line that is none
    line = account("acc-1", "ada@mail.example")
    stack.put("RosterBucket", "accounts/existing.jsonl", f"{json.dumps(line)}\nno JSON\n".encode())
    # When its event comes twice
    (run_id,) = stack.invoke("AccountsFeedFunction", event("s3-accounts"))["started"]
    assert stack.invoke("AccountsFeedFunction", event("s3-accounts")) == {"started": [run_id]}
    states, machine = boto3.client("stepfunctions"), stack.id_of("AccountsFeedStateMachine")
    (execution,) = states.list_executions(stateMachineArn=machine)["executions"]
    started = json.loads(states.describe_execution(executionArn=execution["executionArn"])["input"])
    assert started["feed"]["run_id"] == run_id
    del started["feed"]["upload"]["version_id"], started["feed"]["upload"]["sequencer"]
    started["feed"]["upload"]["etag"] = ""
    # Then the state machine that it starts loads the account, and writes the report
    position = FEED.start(started)
    while FEED.has_calls(position):
        position = FEED.run(position, lambda call: stack.invoke("AccountsFeedFunction", call))
    report = json.loads(stack.object("ReportBucket", "reports/_accounts/existing/report.json"))
    assert [report[n] for n in ("status", "read", "created", "rejected")] == ["completed", 2, 1, 1]
    assert (report["rejects"][0]["line"], report["rejects"][0]["column"]) == (2, 2)
    found = stack.table.scan()["Items"]
    assert [one["PK"] for one in found if one.get("username") == "acc-1"]


def test_a_fetch_that_is_asked_for_puts_its_roster_where_uploads_are(
    stack: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a district with a source
    made = roster(user("t1", "teacher"), user("s1"), enrollments=enrolled("s1"))
    provider = OneRoster({name: body.encode() if isinstance(body, str) else body for name, body in made.items()})
    web = WithinProcess(provider)
    monkeypatch.setattr(PublicWeb, "send", lambda _self, *given, **named: web.send(*given, **named))
    stack.begin_with(riverbend())
    secret = json.dumps({"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET})
    boto3.client("secretsmanager").create_secret(Name=f"{STACK}/sources/riverbend/sis", SecretString=secret)
    auth = {"kind": "oauth2", "secret": f"{STACK}/sources/riverbend/sis"}
    source = {"kind": "oneroster", "base_url": "https://sis.example", "auth": auth, "at": "02:30"}
    stack.put("RosterBucket", "sources/riverbend/source.json", json.dumps(source).encode())
    arrived = deepcopy(event("s3-fetch"))
    arrived["Records"][0]["s3"]["object"]["key"] = "sources/riverbend/source.json"
    assert stack.invoke("RosterFetchFunction", arrived)["taken"][0]["kind"] == "source"
    # When a fetch is asked for, and its event comes twice
    (taken,) = stack.invoke("RosterFetchFunction", event("s3-fetch"))["taken"]
    assert stack.invoke("RosterFetchFunction", event("s3-fetch"))["taken"] == [taken]
    states, machine = boto3.client("stepfunctions"), stack.id_of("RosterFetchStateMachine")
    (execution,) = states.list_executions(stateMachineArn=machine)["executions"]
    position = FETCH.start(json.loads(states.describe_execution(executionArn=execution["executionArn"])["input"]))
    while FETCH.has_calls(position):
        position = FETCH.run(position, lambda call: stack.invoke("RosterFetchFunction", call))
    # Then its files lie there, and the next night's fetch is due
    assert position.data["answer"]["status"] == "completed"
    put = [key.rpartition("/")[2] for key in stack.keys("RosterBucket") if "/fetched-" in key]
    assert {"_complete", "manifest.csv", "users.csv", "enrollments.csv"} <= set(put)
    assert stack.invoke("RosterFetchFunction", event("schedule")) == {"started": 0, "delivered": 0}
    # And a source without its secret is told
    boto3.client("secretsmanager").delete_secret(
        SecretId=f"{STACK}/sources/riverbend/sis", ForceDeleteWithoutRecovery=True
    )
    call = {"step": "open", "fetch": position.data["fetch"]}
    assert stack.invoke("RosterFetchFunction", call)["status"] == "failed"
    report = json.loads(stack.object("ReportBucket", f"reports/riverbend/{taken['run_id']}/report.json"))
    assert report["reason"]["code"] == "fetch_secret"


def test_files_that_came_by_sftp_become_a_roster_where_uploads_are(stack: Deployment) -> None:
    # Given a district whose files came one by one, of which one first broke off
    stack.begin_with(riverbend())
    files = roster(user("t1", "teacher"), user("s1"), enrollments=enrolled("s1"))
    for name, body in {**files, "_complete": ""}.items():
        stack.put("RosterBucket", f"deliveries/riverbend/{name}", body.encode() if isinstance(body, str) else body)
    told = {"file-path": f"/{stack.id_of('RosterBucket')}/deliveries/riverbend/users.csv", "etag": "of-a-part"}
    broken = {"source": "aws.transfer", "detail-type": "SFTP Server File Upload Failed", "detail": told}
    assert stack.invoke("RosterFetchFunction", broken) == {"broken": "riverbend"}
    # When S3 tells of the last one
    arrived = deepcopy(event("s3-fetch"))
    arrived["Records"][0]["s3"]["object"]["key"] = "deliveries/riverbend/_complete"
    assert stack.invoke("RosterFetchFunction", arrived)["taken"][0]["kind"] == "delivery"
    # Then they lie together where uploads are, and the schedule takes them no second time
    put = [key.rpartition("/")[2] for key in stack.keys("RosterBucket") if "/delivered-" in key]
    assert set(put) == {*files, "_complete"}
    assert stack.invoke("RosterFetchFunction", event("schedule")) == {"started": 0, "delivered": 0}


def test_a_file_of_skills_is_learned_and_reported(stack: Deployment) -> None:
    stack.put("RosterBucket", "skills/platform.jsonl", b'{"skill_id": "s-1", "title": "Slope"}\nno JSON\n')
    came = event("s3-accounts")
    came["Records"][0]["s3"]["object"]["key"] = "skills/platform.jsonl"

    assert stack.invoke("AccountsFeedFunction", came) == {"started": ["platform"]}

    report = json.loads(stack.object("ReportBucket", "reports/_skills/platform/report.json"))
    assert [report[n] for n in ("status", "read", "created", "rejected")] == ["completed", 2, 1, 1]
    assert SkillStore(stack.table).catalogue().title("s-1") == "Slope"


def test_a_file_whose_name_is_no_name_of_a_feed_starts_none(stack: Deployment) -> None:
    """A report lies under its feed's name: one that leads to another folder, or is hard to see, names none."""
    came = event("s3-accounts")
    record = came["Records"][0]
    came["Records"] = []
    for name in ("..jsonl", "...jsonl", ".jsonl", "a%2Fb.jsonl", "a%0Ab.jsonl", f"{'a' * 201}.jsonl", "new.csv"):
        came["Records"].append(deepcopy(record))
        came["Records"][-1]["s3"]["object"]["key"] = f"accounts/{name}"
        came["Records"].append(deepcopy(record))
        came["Records"][-1]["s3"]["object"]["key"] = f"skills/{name}"
    assert stack.invoke("AccountsFeedFunction", came) == {"started": []}


def test_a_step_of_an_import_reads_the_upload_and_leaves_its_files(stack: Deployment) -> None:
    stack.begin_with(riverbend())
    stack.put("RosterBucket", "previews/riverbend/monday.zip", zipped(roster(user("t0001", "teacher"))))
    result = stack.invoke("ImportStepFunction", event("states-open"))
    assert result["next"] == "split"
    assert stack.keys("SnapshotBucket")


def test_of_a_batch_of_requests_only_the_failed_one_comes_again(stack: Deployment) -> None:
    stack.begin_with(riverbend())
    batch = event("sqs-activation")
    broken = deepcopy(batch["Records"][0])
    broken |= {
        "messageId": "broken",
        "body": json.dumps({"district_id": "riverbend"}),
    }
    batch["Records"].append(broken)
    assert stack.invoke("ActivationEmailFunction", batch) == {"batchItemFailures": [{"itemIdentifier": "broken"}]}
    assert recipients() == ["teacher@riverbend.example"]
    (mail,) = mails()
    assert f"{WEB}/activate/" in mail.body


def test_the_schedule_asks_for_the_reminders_that_are_due(stack: Deployment) -> None:
    world = riverbend()
    world.send_mail()
    stack.begin_with(world)
    assert stack.invoke("ActivationScheduleFunction", event("schedule")) == {"requested": 0}
    stack.now = world.now.replace(month=10)
    assert stack.invoke("ActivationScheduleFunction", event("schedule")) == {"requested": 1}
    (request,) = stack.messages("ActivationQueue")
    assert (request["sourced_id"], "follow_up" in request) == ("t0001", True)


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("ses-send", ActivationState.SENT),
        ("ses-delivery", ActivationState.DELIVERED),
        ("ses-bounce", ActivationState.BOUNCED),
        ("ses-suppressed", ActivationState.BOUNCED),
        ("ses-reject", ActivationState.BOUNCED),
        ("ses-complaint", ActivationState.COMPLAINED),
        ("ses-open", ActivationState.SENT),
        ("ses-click", ActivationState.SENT),
        ("ses-soft-bounce", ActivationState.SENT),
        ("ses-delivery-delay", ActivationState.SENT),
    ],
)
def test_what_ses_reports_is_recorded_in_the_activation(stack: Deployment, name: str, state: ActivationState) -> None:
    world = riverbend()
    world.send_mail()
    stack.begin_with(world)
    before = stack.item(**_activation_key(stack))
    stack.invoke("MailFeedbackFunction", event(name))
    after = stack.item(**_activation_key(stack))
    assert before
    assert after
    assert after["state"] == state.value
    assert (before == after) is (name == "ses-send")


def test_what_ses_reports_to_the_queue_is_recorded_and_what_breaks_comes_again(stack: Deployment) -> None:
    world = riverbend()
    world.send_mail()
    stack.begin_with(world)
    batch = event("sqs-mail-event")
    batch["Records"].append({**batch["Records"][0], "messageId": "broken", "body": "no event"})

    assert stack.invoke("MailFeedbackFunction", batch) == {"batchItemFailures": [{"itemIdentifier": "broken"}]}

    activation = stack.item(**_activation_key(stack))
    assert activation
    assert activation["state"] == ActivationState.DELIVERED.value


def _activation_key(stack: Deployment) -> dict[str, str]:
    (found,) = [one for one in stack.table.scan()["Items"] if one["SK"] == "ACTIVATION"]
    return {"pk": found["PK"], "sk": found["SK"]}


def test_a_held_import_is_mailed_once_to_the_contacts_of_the_district(stack: Deployment) -> None:
    world = World()
    world.register("riverbend", **RIVERBEND, contacts=["pat@riverbend.example"])
    world.upload(roster(*(user(f"s{n}") for n in range(30))), "riverbend")
    report = world.upload(roster(user("s0")), "riverbend", name="cut-off")
    stack.begin_with(world)
    held = event("bus-import-held")
    held["detail"]["import_id"] = report["import_id"]
    assert [stack.invoke("HeldImportMailFunction", held) for _ in range(2)] == [{"notified": 1}, {"notified": 0}]
    assert recipients() == ["pat@riverbend.example"]


def test_a_link_is_told_to_both_sides_and_a_broken_event_comes_again(stack: Deployment) -> None:
    web = lakeside()
    linked_teacher(web)
    stack.begin_with(web.world)
    (detail,) = [
        json.loads(i["detail"]) for i in web.world.table.items.values() if i.get("detail_type") == "AccountLinked"
    ]
    batch = event("sqs-link-notice")
    body = json.loads(batch["Records"][0]["body"]) | {"detail": detail}
    batch["Records"][0]["body"] = json.dumps(body)
    batch["Records"].append({**batch["Records"][0], "messageId": "broken", "body": "{}"})
    assert stack.invoke("LinkNoticeFunction", batch) == {"batchItemFailures": [{"itemIdentifier": "broken"}]}
    assert sorted(recipients()) == ["ada@mail.example", "t1@lakeside.example"]


def test_a_class_is_exported_and_a_broken_request_comes_again(stack: Deployment) -> None:
    web = lakeside()
    linked_teacher(web).open("/classes/own/settings").press("Download class data")
    stack.begin_with(web.world)
    stack.now = web.world.now
    batch = event("sqs-export")
    batch["Records"][0]["body"] = web.world.export_requests.messages[0]
    batch["Records"].append({**batch["Records"][0], "messageId": "broken", "body": "{}"})
    assert stack.invoke("ClassExportFunction", batch) == {"batchItemFailures": [{"itemIdentifier": "broken"}]}
    (key,) = stack.keys("ExportBucket")
    assert stack.object("ExportBucket", key).startswith(b"PK")


def test_the_schedule_sends_the_nudges_that_are_due(stack: Deployment) -> None:
    web = lakeside()
    linked_teacher(web)
    stack.begin_with(web.world)
    assert stack.invoke("CleanupNudgesFunction", event("schedule")) == {}
    stack.now = datetime(2026, 9, 21, 15, tzinfo=UTC)
    assert stack.invoke("CleanupNudgesFunction", event("schedule")) == {"sent": 1}
    assert len(recipients()) == 1


def test_the_schedule_looks_at_receipts_and_counts_what_is_lost(stack: Deployment) -> None:
    # Given a teacher and a student of one old class, of which a goal was recreated
    world = World()
    world.register()
    own = {"class_id": "own", "name": "Algebra", "student_account_ids": ["kid"]}
    world.feed(student("kid"), account("ada", "ada@mail.example", classes=[own]))
    link(world, "kid")
    link(world, "ada", RosterUserKey("lakeside", "t1"))
    created = event_item(world.new_id(), "GoalCreated", {}, world.now)
    goal, source = Goal("new", "Equations", ("a",)), Source("ada", "own", "goal:g1")
    world.work.add_goal("lakeside", "d1", goal, event=created, created_at=to_iso(world.now), source=source)
    stack.begin_with(world)
    # When all is there, and when the class is not
    assert stack.invoke("ReceiptCheckFunction", event("schedule")) == {"links": 2, "differences": 0}
    stack.table.delete_item(Key={"PK": "ACCOUNT#ada", "SK": "CLASS#own"})
    # Then both miss it
    assert stack.invoke("ReceiptCheckFunction", event("schedule")) == {"links": 2, "differences": 2}


def test_the_schedule_plans_a_digest_and_sends_it_on_monday(stack: Deployment) -> None:
    world = World()
    world.register("riverbend", **RIVERBEND, digest={"to": ["data@riverbend.example"]})
    teacher = RosterUser("riverbend", "t0001", Role.TEACHER, "Ada", "Lovelace")
    RemainingClassesStore(world.table).note(teacher, 3)
    stack.begin_with(world)
    assert stack.invoke("CleanupDigestFunction", event("schedule")) == {"planned": 1}
    stack.now = datetime(2026, 9, 14, 12, tzinfo=UTC)
    assert stack.invoke("CleanupDigestFunction", event("schedule")) == {"sent": 1}
    assert recipients() == ["data@riverbend.example"]


def failed_for_two_nights(world: World) -> None:
    fetches, at = FetchStore(world.table), "2026-09-01T07:30:00.000Z"
    body = {"kind": "oneroster", "base_url": "https://sis.example", "auth": {"kind": "bearer", "secret": "sis"}}
    fetches.put_source("riverbend", json.dumps(body), world.now)
    for began_at in ("2026-08-31T07:30:00.000Z", at):
        fetches.note_failed_night("riverbend", began_at)
    fetches.note("riverbend", status="failed", code="fetch_busy", run_id="run")
    upload, reason = Upload("sources/riverbend/source.json", "", at), {"code": "fetch_busy", "message": "It is busy."}
    report = Report(
        import_id="run", district_id="riverbend", upload=upload, status=Status.FAILED, started_at=at, finished_at=at,
        reason=reason,
    )  # fmt: skip
    world.reports.write(report)


def test_the_schedule_tells_of_a_pause_and_of_a_roster_that_does_not_come(stack: Deployment) -> None:
    world = World()
    contacts, pauses = ["data@riverbend.example"], [{"from": "2026-09-02", "to": "2026-09-03"}]
    world.register("riverbend", **{**RIVERBEND, "contacts": contacts, "pauses": pauses})
    failed_for_two_nights(world)
    stack.begin_with(world)
    stack.now = datetime(2026, 9, 1, 15, tzinfo=UTC)
    told = {"told": 1, "started": 0, "told_of_sources": 1}
    assert stack.invoke("ImportPausesFunction", event("schedule")) == told
    assert recipients() == contacts * 2


def test_an_event_of_the_outbox_is_published_and_a_broken_one_comes_again(stack: Deployment) -> None:
    bus = boto3.client("events")
    ours = json.dumps({"source": ["account-linking"], "detail-type": ["AccountLinked"]})
    arn = bus.describe_event_bus(Name="default")["Arn"]
    bus.create_archive(ArchiveName="all", EventSourceArn=arn, EventPattern=ours)
    batch = event("stream-outbox")
    broken = deepcopy(batch["Records"][0])
    del broken["dynamodb"]["NewImage"]["detail"]
    broken["dynamodb"]["SequenceNumber"] = "4421584500000000017450439092"
    batch["Records"].append(broken)
    answer = stack.invoke("EventPublisherFunction", batch)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "4421584500000000017450439092"}]}
    assert bus.describe_archive(ArchiveName="all")["EventCount"] == 1


def test_people_and_links_of_the_stream_are_counted_once(stack: Deployment) -> None:
    world = World()
    world.register("riverbend", **RIVERBEND)
    world.users.write([(None, RosterUser("riverbend", "s0001", Role.STUDENT, "Kim", "Person", school_ids=("o1",)))])
    world.links.record_match(RosterUserKey("riverbend", "s0001"), "acc-1")
    stack.begin_with(world)
    for _ in range(2):
        assert stack.invoke("TableStreamFunction", event("stream-people")) is None
    put_right = stack.item("USER#riverbend#s0001", "LINK")
    assert put_right
    assert put_right["stands_as"].startswith("s")
    kept = CountStore(stack.table).of_district("riverbend")
    assert kept.is_whole
    assert kept.counts.places(Role.STUDENT)[Place.ROSTERED] == 1


@pytest.mark.parametrize(
    ("function", "name"),
    [
        ("ActivationEmailFunction", "sqs-activation"),
        ("ClassExportFunction", "sqs-export"),
        ("EventPublisherFunction", "stream-outbox"),
        ("LinkNoticeFunction", "sqs-link-notice"),
    ],
)
def test_a_batch_that_is_broken_as_a_whole_comes_again_and_is_no_crash(
    stack: Deployment, function: str, name: str
) -> None:
    batch = event(name)
    del batch["Records"][1:]
    record = batch["Records"][0]
    if "dynamodb" in record:
        del record["dynamodb"]["NewImage"]["detail"]
        identifier = record["dynamodb"]["SequenceNumber"]
    else:
        record["body"] = "{}"
        identifier = record["messageId"]
    assert stack.invoke(function, batch) == {"batchItemFailures": [{"itemIdentifier": identifier}]}


def test_the_api_answers_get_and_head(stack: Deployment) -> None:
    request = event("http-healthz")
    answer = stack.invoke("PagesFunction", request)
    assert (answer["statusCode"], answer["body"]) == (200, '{"ok": true}')
    request["requestContext"]["http"]["method"] = "HEAD"
    assert stack.invoke("PagesFunction", request)["body"] == ""


def test_a_login_that_the_user_pool_accepts_leads_home_with_a_session(stack: Deployment) -> None:
    world = World()
    world.feed(account("acc-1", "ada@mail.example"))
    stack.begin_with(world)
    pools = boto3.client("cognito-idp")
    pools.admin_create_user(
        UserPoolId=stack.id_of("UserPool"),
        Username="ada",
        UserAttributes=[{"Name": "custom:account_id", "Value": "acc-1"}],
    )
    pools.admin_set_user_password(
        UserPoolId=stack.id_of("UserPool"), Username="ada", Password="correct horse", Permanent=True
    )
    answer = stack.invoke("PagesFunction", event("http-login"))
    assert (answer["statusCode"], answer["headers"]["Location"]) == (303, "/home")
    assert any("HttpOnly" in cookie and "Secure" in cookie for cookie in answer["cookies"])


def test_every_function_is_called_here_or_where_it_needs_a_service_of_anothers() -> None:
    called = set(re.findall(r'invoke\("(\w+)"', Path(__file__).read_text()))
    functions = {name for name, one in RESOURCES.items() if one["Type"] == "AWS::Serverless::Function"}
    assert functions - called == {"UserMigrationFunction"}


def test_an_entry_of_a_trail_is_sealed_by_the_hour(stack: Deployment) -> None:
    item = trail_item("riverbend", "2026-09-01T15:00:00.000Z", "e1", action="approve", by="kim", reason="as meant")
    stack.table.put_item(Item=item)
    batch = event("stream-people")
    told = batch["Records"][0]["dynamodb"]
    told["NewImage"] = {name: typed(value) for name, value in item.items()}
    told["Keys"] = {name: told["NewImage"][name] for name in ("PK", "SK")}
    for _ in range(2):
        stack.invoke("TableStreamFunction", {"Records": batch["Records"][:1]})
    for _ in range(2):
        stack.now += timedelta(hours=2)
        stack.invoke("TableStreamFunction", event("schedule"))
    assert stack.keys("SnapshotBucket") == ["trail-seals/riverbend/00000001.json"]
    seal = json.loads(stack.object("SnapshotBucket", "trail-seals/riverbend/00000001.json"))
    assert SheetStore(stack.table).head("riverbend") == (1, seal["hash"])
    assert len(seal["sheets"]) == 1
