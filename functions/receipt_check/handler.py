"""Scheduler: recompute the receipts of the next links."""

from __future__ import annotations

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.receipt_check.check_sample import CheckSample
from shared.runtime import aws
from shared.runtime.observability import logger, metric, observed
from shared.runtime.settings import ReceiptCheckSettings


@observed
def lambda_handler(_event: object, _context: LambdaContext) -> dict[str, int]:
    checked = CheckSample(aws.table(ReceiptCheckSettings.from_environment().table_name)).run()
    for found in checked.found:
        ids = {"district_id": found.district_id, "account_id": found.account_id}
        logger.error("receipt differs", extra={**ids, "loss": found.difference.loss.value})
    metric("ReceiptDifferences", len(checked.found))
    metric("ReceiptsLookedAt", checked.links)
    logger.info("receipts", extra={"links": checked.links, "without": checked.without})
    return {"links": checked.links, "differences": len(checked.found)}
