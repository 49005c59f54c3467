"""SQS: exports of class data that teachers asked for."""

from __future__ import annotations

from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.class_export.export_classes import ExportClasses
from shared.domain.clock import utc_now
from shared.runtime import aws
from shared.runtime.events import Record, body_of, failed_ones
from shared.runtime.observability import logger, metric, observed
from shared.runtime.settings import ClassExportSettings
from shared.stores.accounts import AccountStore
from shared.stores.class_exports import ClassExportFiles, ClassExportStore
from shared.stores.class_work import ClassWorkStore
from shared.stores.district_classes import DistrictClassStore
from shared.stores.links import LinkStore
from shared.stores.roster_users import RosterUserStore
from shared.stores.skills import SkillStore
from shared.use_cases.class_contents import ClassContents


@cache
def export_classes() -> ExportClasses:
    """The use case, wired to the services that the environment names."""
    settings = ClassExportSettings.from_environment()
    table = aws.table(settings.table_name)
    accounts = AccountStore(table, settings.google_issuer)
    contents = ClassContents(
        accounts, LinkStore(table), RosterUserStore(table), DistrictClassStore(table), ClassWorkStore(table)
    )
    files = ClassExportFiles(aws.client("s3"), settings.export_bucket)
    exports, skills = ClassExportStore(table), SkillStore(table)
    return ExportClasses(exports, files, contents, accounts, skills, brand_name=settings.brand_name, clock=utc_now)


def record_handler(record: Record) -> None:
    """Whatever it raises, the queue brings the request again."""
    body = body_of(record)
    outcome = export_classes().make(body["account_id"], body["export_id"])
    logger.info("export", extra={"export_id": body["export_id"], "outcome": outcome.value})
    metric(f"Export{outcome.value.title().replace('_', '')}")


@observed
def lambda_handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    return failed_ones(event["Records"], record_handler)
