"""An S3 event of ``sources/``, ``fetches/`` or ``deliveries/``; a task of the fetch's state machine, ``{"step", "fetch"}``; AWS
Transfer's word that a file did not come whole; or the schedule."""

from __future__ import annotations

from dataclasses import asdict
from functools import cache
from random import random
from time import sleep
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.roster_fetch.receive_source import ReceiveSource
from functions.roster_fetch.start_due import StartDue
from shared.domain.clock import new_id, utc_now
from shared.domain.report import Upload
from shared.runtime import aws
from shared.runtime.events import s3_objects
from shared.runtime.observability import logger, metric, observed
from shared.runtime.settings import RosterFetchSettings
from shared.stores.districts import DistrictStore
from shared.stores.fetches import FetchStarter, FetchStore
from shared.stores.reports import ReportStore
from shared.stores.uploads import Uploads

if TYPE_CHECKING:
    from functions.roster_fetch.fetch_steps import FetchSteps
    from functions.roster_fetch.take_deliveries import TakeDeliveries


@cache
def settings() -> RosterFetchSettings:
    return RosterFetchSettings.from_environment()


@cache
def steps() -> FetchSteps:
    """The steps, wired to the services that the environment names."""
    from functions.roster_fetch.fetch_steps import FetchSteps, Outside
    from functions.roster_fetch.source_secrets import source_secrets
    from shared.hubs.public_web import PublicWeb
    from shared.stores.fetched_rosters import FetchedRosters
    from shared.stores.import_files import ImportFiles
    from shared.stores.imports import ImportHistory

    table, s3 = aws.table(settings().table_name), aws.client("s3")
    outside = Outside(
        PublicWeb(is_local()),
        source_secrets(aws.client("secretsmanager")),
        sleep,
        random,
        utc_now,
        new_id,
        settings().source_secrets,
        is_local(),
    )
    return FetchSteps(
        FetchStore(table),
        DistrictStore(table),
        Uploads(s3, settings().roster_bucket),
        ImportFiles(s3, settings().snapshot_bucket),
        FetchedRosters(s3, settings().roster_bucket),
        ReportStore(table, s3, settings().report_bucket, settings().web_url),
        ImportHistory(table),
        outside,
    )


def is_local() -> bool:
    """Whether this is a local stack, whose sources are on loopback."""
    return settings().local_sources == "true"


@cache
def receive_source() -> ReceiveSource:
    """The use case, wired to the services that the environment names."""
    table, s3 = aws.table(settings().table_name), aws.client("s3")
    return ReceiveSource(
        FetchStore(table),
        _starter(),
        DistrictStore(table),
        ReportStore(table, s3, settings().report_bucket, settings().web_url),
        read=Uploads(s3, settings().roster_bucket).find,
        alarm=lambda: metric("UnknownUpload"),
        clock=utc_now,
        secrets=settings().source_secrets,
        local=is_local(),
    )


@cache
def deliveries() -> TakeDeliveries:
    """The use case, wired to the services that the environment names."""
    from functions.roster_fetch.take_deliveries import TakeDeliveries
    from shared.stores.delivered_files import DeliveredFiles
    from shared.stores.deliveries import DeliveryStore

    table, s3 = aws.table(settings().table_name), aws.client("s3")
    return TakeDeliveries(
        DeliveryStore(table),
        DeliveredFiles(s3, settings().roster_bucket),
        ReportStore(table, s3, settings().report_bucket, settings().web_url),
        DistrictStore(table),
        alarm=lambda: metric("UnknownUpload"),
        clock=utc_now,
    )


def _starter() -> FetchStarter:
    return FetchStarter(aws.client("stepfunctions"), settings().roster_fetch_state_machine_arn)


@observed
def lambda_handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    if "step" in event:
        return _run(event)
    if "Records" in event:
        return {"taken": [_take(found) for found in s3_objects(event)]}
    if event.get("source") == "aws.transfer":
        told = event["detail"]
        return {"broken": deliveries().note_broken(told["file-path"], told.get("etag", ""))}
    table = aws.table(settings().table_name)
    due = StartDue(
        FetchStore(table),
        _starter(),
        DistrictStore(table),
        clock=utc_now,
        secrets=settings().source_secrets,
        local=is_local(),
    )
    started, delivered = due.run(), deliveries().run()
    logger.info("fetches due", extra={"started": started, "delivered": delivered})
    return {"started": started, "delivered": delivered}


def _run(event: dict[str, Any]) -> dict[str, Any]:
    from functions.roster_fetch.fetch import Fetch

    fetch = Fetch.from_event(event["fetch"])
    logger.append_keys(run_id=fetch.run_id, district_id=fetch.district_id, step=event["step"])
    result = steps().run(event["step"], fetch)
    if result.get("status") == "failed":
        metric("FetchFailed")
    logger.info("step done", extra=dict(result))
    return dict(result)


def _take(found: Any) -> dict[str, Any]:
    key = unquote_plus(found.key)
    if key.startswith("deliveries/"):
        return {"kind": "delivery", "district_id": deliveries().note(key), "run_id": None}
    upload = Upload(key, found.etag, found.event_time, found.sequencer, found.version_id)
    taken = asdict(receive_source().receive(upload))
    logger.info("source taken", extra=taken)
    return taken
