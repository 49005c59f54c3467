"""Scheduler: pauses that begin or end, what waits for the end of one, and sources whose rosters do not come."""

from __future__ import annotations

from functools import cache

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.import_pauses.watch_pauses import WatchPauses
from shared.domain.clock import utc_now
from shared.mail.ses import wired_mailer
from shared.runtime import aws
from shared.runtime.observability import logger, observed
from shared.runtime.settings import ImportPausesSettings
from shared.stores.districts import DistrictStore
from shared.stores.fetches import FetchStore
from shared.stores.imports import ImportStarter
from shared.stores.pauses import PauseStore
from shared.stores.reports import ReportStore


@cache
def watch_pauses() -> WatchPauses:
    """The use case, wired to the services that the environment names."""
    settings = ImportPausesSettings.from_environment()
    table = aws.table(settings.table_name)
    return WatchPauses(
        PauseStore(table),
        DistrictStore(table),
        ImportStarter(aws.client("stepfunctions"), table, settings.import_state_machine_arn),
        ReportStore(table, aws.client("s3"), settings.report_bucket, settings.web_url),
        wired_mailer(settings),
        brand=settings,
        clock=utc_now,
    )


def tell_of_sources() -> int:
    """Tell contacts of rosters that do not come; the mailer is made where there is something to tell."""
    settings = ImportPausesSettings.from_environment()
    table = aws.table(settings.table_name)
    fetches = FetchStore(table)
    if not any(fetches.troubles()):
        return 0
    from functions.import_pauses.watch_sources import WatchSources

    reports = ReportStore(table, aws.client("s3"), settings.report_bucket, settings.web_url)
    mailer = wired_mailer(settings)
    return WatchSources(fetches, DistrictStore(table), reports, mailer, brand=settings, clock=utc_now).run()


@observed
def lambda_handler(_event: object, _context: LambdaContext) -> dict[str, int]:
    counts = watch_pauses().run()
    counts["told_of_sources"] = tell_of_sources()
    logger.info("pauses", extra={"counts": counts})
    return counts
