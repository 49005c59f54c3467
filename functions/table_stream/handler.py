"""DynamoDB stream: the items that say how far people are become counts."""

from __future__ import annotations

from datetime import tzinfo
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.table_stream.keep_counters import KeepCounters
from shared.domain.clock import utc_now
from shared.runtime import aws
from shared.runtime.observability import logger, observed
from shared.runtime.settings import TableStreamSettings
from shared.stores.counts import CountStore
from shared.stores.districts import DistrictStore
from shared.stores.people_counted import PeopleCounted


@observed
def lambda_handler(event: dict[str, Any], _context: LambdaContext) -> None:
    """Whatever it raises, the stream brings the batch again, whole or in halves."""
    table = aws.table(TableStreamSettings.from_environment().table_name)
    districts = DistrictStore(table)

    def zone_of(district_id: str) -> tzinfo | None:
        district = districts.find(district_id, consistent=False)
        return district.zone if district else None

    counters = KeepCounters(CountStore(table), PeopleCounted(table), zone_of, clock=utc_now)
    counted = counters.run(event["Records"])
    logger.info("counted", extra={"records": len(event["Records"]), "counted": counted})
