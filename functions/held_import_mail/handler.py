"""EventBridge: an ImportHeld event of our own."""

from __future__ import annotations

from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.held_import_mail.notify_held_import import NotifyHeldImport
from shared.mail.ses import wired_mailer
from shared.runtime import aws
from shared.runtime.observability import logger, metric, observed
from shared.runtime.settings import HeldImportMailSettings
from shared.stores.districts import DistrictStore
from shared.stores.imports import ImportNotices


@cache
def notify_held_import() -> NotifyHeldImport:
    """The use case, wired to the services that the environment names."""
    settings = HeldImportMailSettings.from_environment()
    table = aws.table(settings.table_name)
    mailer = wired_mailer(settings)
    return NotifyHeldImport(DistrictStore(table), ImportNotices(table), mailer, brand=settings)


@observed
def lambda_handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, int]:
    district_id, import_id = str(event["detail"]["district_id"]), str(event["detail"]["import_id"])
    notified = notify_held_import().notify(district_id, import_id)
    if notified is None:
        metric("HeldImportUntold")
    logger.info("held import", extra={"district_id": district_id, "import_id": import_id, "notified": notified})
    return {"notified": notified or 0}
