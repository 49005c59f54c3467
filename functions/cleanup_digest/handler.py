"""Scheduler: send the digests that are due."""

from __future__ import annotations

from functools import cache

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.cleanup_digest.send_digest import SendDigest
from shared.domain.clock import utc_now
from shared.mail.ses import wired_mailer
from shared.runtime import aws
from shared.runtime.observability import logger, metric, observed
from shared.runtime.settings import CleanupDigestSettings
from shared.stores.digests import DigestStore, RemainingClassesStore
from shared.stores.districts import DistrictStore


@cache
def send_digest() -> SendDigest:
    """The use case, wired to the services that the environment names."""
    settings = CleanupDigestSettings.from_environment()
    table = aws.table(settings.table_name)
    mailer = wired_mailer(settings)
    return SendDigest(
        DigestStore(table), RemainingClassesStore(table), DistrictStore(table), mailer, brand=settings, clock=utc_now
    )


@observed
def lambda_handler(_event: object, _context: LambdaContext) -> dict[str, int]:
    counts = send_digest().run()
    logger.info("digests", extra={"counts": dict(counts)})
    for outcome, number in counts.items():
        metric(f"Digests{outcome.metric}", number)
    return {outcome.value: number for outcome, number in counts.items()}
