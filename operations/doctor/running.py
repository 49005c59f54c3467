"""Whether the stack runs as it was deployed, and tells somebody when it does not."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from operations.doctor.facts import Facts
from operations.doctor.finding import Finding, in_order, not_applicable, wrong
from operations.doctor.web import Response

NEEDED_CONCURRENCY = 100
"""An import's shards (40), mail and exports (26), and pages beside them."""
MOST_SKEW = 60
"""Seconds. AWS refuses what was signed five minutes off."""
RUNTIME = "python3.13"
_ASKED_ABOUT = 100
"""Alarms that one call describes."""
_LOOPBACK = ("127.0.0.1", "localhost")
_CLOUDWATCH = "cloudwatch.amazonaws.com"


def stack(facts: Facts) -> Finding:
    """The last deployment went through."""
    status = str(facts.described["StackStatus"])
    if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "IMPORT_COMPLETE"):
        return in_order(status)
    if status.endswith("_IN_PROGRESS"):
        return wrong(status, "Wait until the deployment is over, and ask again.")
    if status == "ROLLBACK_COMPLETE":
        return wrong(
            status, "The first deployment failed. Delete the stack (README, Remove), mend the cause, deploy again."
        )
    return wrong(
        status,
        "The last deployment failed: aws cloudformation describe-stack-events says why. Mend it, and `make deploy` again.",
    )


def concurrency(facts: Facts) -> Finding:
    """A new account runs few functions at once."""
    limit = int(facts.client("lambda").get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"])
    found = f"{limit:,} functions may run at once"
    if limit >= NEEDED_CONCURRENCY:
        return in_order(found)
    return wrong(
        f"{found}; an import beside pages and mail wants {NEEDED_CONCURRENCY}",
        "Ask for more: aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384 "
        "--desired-value 1000",
    )


def architecture(facts: Facts) -> Finding:
    """The functions and the compiled code of their layer are for one processor."""
    wanted = facts.parameters.get("Architecture", "arm64")
    others = sorted({name for function in facts.functions for name in function.get("Architectures", ())} - {wanted})
    if others:
        return wrong(f"The stack is for {wanted}, some functions for {', '.join(others)}", "Run `make deploy` again.")
    if facts.stack.is_local:
        return in_order(f"{wanted}; the layer is the one that this machine built")
    compiled = {found for layer in _layers(facts) for found in _compiled_for(layer)}
    if compiled - {wanted}:
        return wrong(
            f"The stack is for {wanted}, and its layer was built for {', '.join(sorted(compiled - {wanted}))}",
            f"Run `make deploy ARCHITECTURE={wanted}`, which builds and deploys for the same one.",
        )
    return in_order(wanted)


def versions(facts: Facts) -> Finding:
    """All functions run the version that this working copy has."""
    odd = sorted(f["FunctionName"] for f in facts.functions if f["Runtime"] != RUNTIME)
    if odd:
        return wrong(f"Not on {RUNTIME}: {', '.join(odd)}", "Run `make deploy` again.")
    failed = sorted(f["FunctionName"] for f in facts.functions if f.get("LastUpdateStatus") == "Failed")
    if failed:
        return wrong(f"The last update failed of {', '.join(failed)}", "Run `make deploy` again.")
    deployed = facts.parameters.get("Version", "")
    if facts.stack.is_local or not deployed:
        return in_order(f"{len(facts.functions)} functions on {RUNTIME}")
    if deployed != facts.version:
        return wrong(
            f"Deployed is {deployed}; this working copy is {facts.version}",
            "Deploy this one, or check out the one that is deployed: what people on call run has to fit it.",
        )
    return in_order(f"{deployed}, {len(facts.functions)} functions on {RUNTIME}")


def schedules(facts: Facts) -> Finding:
    """What runs by itself is switched on: activations, nudges, digests, pauses."""
    names = [resource.name for resource in facts.of_type("AWS::Scheduler::Schedule")]
    if not names:
        return wrong("There is no schedule: nothing is mailed that is not asked for", "Run `make deploy` again.")
    client = facts.client("scheduler")
    off = [name for name in names if client.get_schedule(Name=name)["State"] != "ENABLED"]
    if off:
        return wrong(
            f"Switched off: {', '.join(off)}",
            "Switch them on: console of EventBridge, Schedules; or run `make deploy` again.",
        )
    return in_order(f"{len(names)} schedules are on")


def dead_letters(facts: Facts) -> Finding:
    """Nothing failed for good."""
    client = facts.client("sqs")
    queues = [
        queue for queue in facts.of_type("AWS::SQS::Queue") if re.search("DeadLetter|FailedEvents", queue.logical_id)
    ]
    waiting = {
        queue.logical_id: int(
            client.get_queue_attributes(QueueUrl=queue.name, AttributeNames=["ApproximateNumberOfMessages"])[
                "Attributes"
            ]["ApproximateNumberOfMessages"]
        )
        for queue in queues
    }
    found = [f"{number} in {name}" for name, number in sorted(waiting.items()) if number]
    if found:
        return wrong(
            f"Failed for good: {', '.join(found)}", "Follow docs/runbooks/dead-letters.md, then `make redrive`."
        )
    return in_order(f"{len(queues)} dead-letter queues are empty")


def alarms(facts: Facts) -> Finding:
    """Each alarm is on and tells somebody, and none is raised."""
    found = list(_alarms(facts))
    rules = " ".join(str(alarm.get("AlarmRule", "")) for alarm in found)
    silent = [
        alarm["AlarmName"]
        for alarm in found
        if not (alarm.get("AlarmActions") or alarm["AlarmName"] in rules) or not alarm.get("ActionsEnabled")
    ]
    if not found or silent:
        return wrong(
            f"Alarms that tell nobody: {', '.join(silent) or 'there is none'}",
            "Run `make deploy` again; switch actions on with aws cloudwatch enable-alarm-actions.",
        )
    if raised := [alarm for alarm in found if alarm["StateValue"] == "ALARM"]:
        told = "; ".join(f"{alarm['AlarmName']}: {alarm.get('AlarmDescription', '')}" for alarm in raised)
        return wrong(f"Raised: {told}", "Follow the runbook that the alarm names.")
    return in_order(f"{len(found)} alarms are on, none is raised")


def alarm_mail(facts: Facts) -> Finding:
    """Somebody confirmed that alarms are to reach them."""
    client = facts.client("sns")
    states = [
        subscription["SubscriptionArn"]
        for topic in _alarm_topics(facts)
        for page in client.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
        for subscription in page["Subscriptions"]
    ]
    confirmed = [arn for arn in states if arn.startswith("arn:")]
    if confirmed:
        return in_order(f"alarms reach {len(confirmed)} subscribers")
    if states:
        return wrong(
            "Nobody has confirmed to get alarms",
            "Open the mail “AWS Notification - Subscription Confirmation”, and confirm.",
        )
    return wrong("Alarms reach nobody", "Run `make deploy ALARM_EMAIL={address}`, and confirm the mail that comes.")


def alarm_key(facts: Facts) -> Finding:
    """CloudWatch may use the key of the topic; with AWS' own key for SNS every alarm is silent."""
    for topic in _alarm_topics(facts):
        key = facts.client("sns").get_topic_attributes(TopicArn=topic)["Attributes"].get("KmsMasterKeyId", "")
        if key.endswith("alias/aws/sns"):
            return wrong(
                "The topic of the alarms is under alias/aws/sns, which CloudWatch may not use",
                "Run `make deploy` again.",
            )
        if key and not _lets_cloudwatch_in(facts, key):
            return wrong(
                f"The policy of key {key} does not let CloudWatch in",
                f"Allow kms:Decrypt and kms:GenerateDataKey* to {_CLOUDWATCH} in it, or run `make deploy` again.",
            )
    return in_order("CloudWatch can publish to the topic of the alarms")


def clock(facts: Facts) -> Finding:
    """This machine's clock is right: signatures and tokens depend on it."""
    headers = facts.client("sts").get_caller_identity()["ResponseMetadata"]["HTTPHeaders"]
    if "date" not in headers:
        return not_applicable("the endpoint says no time")
    there: datetime = parsedate_to_datetime(headers["date"])
    skew = (facts.clock() - there).total_seconds()
    if abs(skew) > MOST_SKEW:
        return wrong(f"This machine's clock is {skew:+.0f} s off", "Switch on the time service of this machine (NTP).")
    return in_order(f"{skew:+.0f} s beside AWS' own")


def backups(facts: Facts) -> Finding:
    """The table can be brought back as it was, and is not deleted by a slip."""
    name = facts.stack.outputs["TableName"]
    client = facts.client("dynamodb")
    backup = client.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    if backup.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus") != "ENABLED":
        return wrong("Point-in-time recovery of the table is off", "Run `make deploy` again.")
    if not client.describe_table(TableName=name)["Table"].get("DeletionProtectionEnabled"):
        return wrong(
            "The table is not protected against deletion",
            "Run `make deploy` once more: it protects what a first deployment made.",
        )
    return in_order("point-in-time recovery and deletion protection are on")


def pages(facts: Facts) -> Finding:
    """The pages answer at the address that mails name."""
    url = facts.stack.outputs["WebUrl"]
    if facts.stack.is_local and urlsplit(url).hostname not in _LOOPBACK:
        return not_applicable("the emulator serves no public address")
    response = facts.fetch(f"{url}/healthz", None)
    if response.status == 200:
        return in_order(url)
    return wrong(
        f"{url}/healthz says {_said(response)}",
        "Does DNS lead this name to the API, and is its certificate issued? If so, see docs/runbooks/pages.md.",
    )


def _said(response: Response) -> str:
    return str(response.status) if response.status else response.body.decode(errors="replace")


def _layers(facts: Facts) -> Iterator[bytes]:
    """The zips of the layers that the functions use."""
    client = facts.client("lambda")
    for arn in sorted({layer["Arn"] for function in facts.functions for layer in function.get("Layers", ())}):
        yield facts.fetch(client.get_layer_version_by_arn(Arn=arn)["Content"]["Location"], None).body


def _compiled_for(layer: bytes) -> Iterator[str]:
    """The processors that the names of compiled modules say."""
    names = " ".join(zipfile.ZipFile(io.BytesIO(layer)).namelist())
    if "-aarch64-linux-gnu.so" in names:
        yield "arm64"
    if "-x86_64-linux-gnu.so" in names:
        yield "x86_64"


def _alarms(facts: Facts) -> Iterator[Mapping[str, Any]]:
    client = facts.client("cloudwatch")
    names = [r.name for r in facts.resources if r.type in ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")]
    for first in range(0, len(names), _ASKED_ABOUT):
        found = client.describe_alarms(
            AlarmNames=names[first : first + _ASKED_ABOUT],
            AlarmTypes=["MetricAlarm", "CompositeAlarm"],
            MaxRecords=_ASKED_ABOUT,
        )
        yield from found.get("MetricAlarms", ())
        yield from found.get("CompositeAlarms", ())


def _alarm_topics(facts: Facts) -> list[str]:
    return sorted({arn for alarm in _alarms(facts) for arn in alarm.get("AlarmActions", ()) if ":sns:" in arn})


def _lets_cloudwatch_in(facts: Facts, key: str) -> bool:
    policy = json.loads(facts.client("kms").get_key_policy(KeyId=key, PolicyName="default")["Policy"])
    return any(
        statement["Effect"] == "Allow" and _CLOUDWATCH in json.dumps(statement.get("Principal", {}))
        for statement in policy["Statement"]
    )
