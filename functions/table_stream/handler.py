"""DynamoDB stream: the items that say how far people are become counts."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.table_stream.keep_counters import KeepCounters
from shared.runtime import aws
from shared.runtime.observability import logger, observed
from shared.runtime.settings import TableStreamSettings
from shared.stores.counts import CountStore
from shared.stores.people_counted import PeopleCounted


@observed
def lambda_handler(event: dict[str, Any], _context: LambdaContext) -> None:
    """Whatever it raises, the stream brings the batch again, whole or in halves."""
    table = aws.table(TableStreamSettings.from_environment().table_name)
    counted = KeepCounters(CountStore(table), PeopleCounted(table)).run(event["Records"])
    logger.info("counted", extra={"records": len(event["Records"]), "counted": counted})
