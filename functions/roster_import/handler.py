"""An S3 event of the roster bucket, but for the accounts feed."""

from __future__ import annotations

from dataclasses import asdict
from functools import cache
from typing import Any
from urllib.parse import unquote_plus

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.roster_import.receive_upload import ReceiveUpload
from shared.domain.clock import utc_now
from shared.domain.report import Upload
from shared.runtime import aws
from shared.runtime.events import s3_objects
from shared.runtime.observability import logger, metric, observed
from shared.runtime.settings import RosterImportSettings
from shared.stores.districts import DistrictStore
from shared.stores.id_maps import IdMapStore
from shared.stores.imports import ImportStarter
from shared.stores.reports import ReportStore
from shared.stores.uploads import Uploads
from shared.stores.waiting import WaitingStore


@cache
def receive_upload() -> ReceiveUpload:
    """The use case, wired to the services that the environment names."""
    settings = RosterImportSettings.from_environment()
    table = aws.table(settings.table_name)
    s3 = aws.client("s3")
    return ReceiveUpload(
        DistrictStore(table),
        ReportStore(table, s3, settings.report_bucket, settings.web_url),
        ImportStarter(aws.client("stepfunctions"), table, settings.import_state_machine_arn),
        WaitingStore(table),
        IdMapStore(table),
        read=Uploads(s3, settings.roster_bucket).find,
        alarm=lambda: metric("UnknownUpload"),
        clock=utc_now,
        on_dispute=lambda: metric("ClaimDisputed"),
    )


@observed
def lambda_handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    done = []
    for found in s3_objects(event):
        upload = Upload(unquote_plus(found.key), found.etag, found.event_time, found.sequencer, found.version_id)
        received = asdict(receive_upload().receive(upload))
        logger.info("upload taken", extra=received)
        done.append(received)
    return {"taken": done}
