"""DynamoDB stream: what says how far people are becomes counts, entries of trails are collected, and sealed by the hour."""

from __future__ import annotations

from datetime import tzinfo
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.table_stream.keep_counters import KeepCounters
from functions.table_stream.seal_trail import entries_of
from shared.domain.clock import utc_now
from shared.runtime import aws
from shared.runtime.events import Record
from shared.runtime.observability import logger, observed
from shared.runtime.settings import TableStreamSettings
from shared.stores.counts import CountStore
from shared.stores.districts import DistrictStore
from shared.stores.people_counted import PeopleCounted
from shared.stores.seals import SealFiles, SheetStore
from shared.use_cases.seal_trail import SealTrail


@observed
def lambda_handler(event: dict[str, Any], _context: LambdaContext) -> None:
    """Whatever it raises, the stream brings the batch again, whole or in halves; the scheduler comes again in an hour."""
    settings = TableStreamSettings.from_environment()
    table = aws.table(settings.table_name)
    trail = SealTrail(SheetStore(table), SealFiles(aws.client("s3"), settings.snapshot_bucket), utc_now)
    if "Records" not in event:
        logger.info("trails", extra={"counts": trail.seal()})
        return
    records: list[Record] = event["Records"]
    collected = trail.collect(entries_of(records))
    districts = DistrictStore(table)

    def zone_of(district_id: str) -> tzinfo | None:
        district = districts.find(district_id, consistent=False)
        return district.zone if district else None

    counters = KeepCounters(CountStore(table), PeopleCounted(table), zone_of, clock=utc_now)
    counted = counters.run(records)
    logger.info("counted", extra={"records": len(records), "counted": counted, "collected": collected})
