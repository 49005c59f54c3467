"""Scheduler: send the nudges that are due."""

from __future__ import annotations

from datetime import timedelta
from functools import cache

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.cleanup_nudges.send_nudge import SendNudge
from shared.domain.clock import utc_now
from shared.mail.mail_codes import MailCodes
from shared.mail.recipient_cap import RecipientCap
from shared.mail.ses import wired_mailer
from shared.runtime import aws
from shared.runtime.observability import logger, metric, observed
from shared.runtime.secrets import Secrets
from shared.runtime.settings import CleanupNudgesSettings
from shared.stores.accounts import AccountStore
from shared.stores.digests import RemainingClassesStore
from shared.stores.district_classes import DistrictClassStore
from shared.stores.districts import DistrictStore
from shared.stores.due_items import DueStore
from shared.stores.links import LinkStore
from shared.stores.mail_codes import MailCodeStore
from shared.stores.nudges import NudgeStore
from shared.stores.rate_limits import RateLimiter
from shared.stores.roster_users import RosterUserStore
from shared.use_cases.pair_classes import PairClasses

LAST_NUDGE = timedelta(seconds=60)
"""A nudge that was begun must end: when a worker is cut off, the delivery of its mail is unknown."""


@cache
def send_nudge() -> SendNudge:
    """The use case, wired to the services that the environment names."""
    settings = CleanupNudgesSettings.from_environment()
    table = aws.table(settings.table_name)
    secrets = Secrets(aws.client("secretsmanager"), utc_now)
    links = LinkStore(table)

    def token_key() -> bytes:
        return secrets.token_keys(settings.token_secret_arn).current

    return SendNudge(
        DueStore(table),
        links,
        NudgeStore(table),
        RosterUserStore(table),
        AccountStore(table, settings.google_issuer),
        PairClasses(links, DistrictClassStore(table), clock=utc_now),
        RemainingClassesStore(table),
        DistrictStore(table),
        wired_mailer(settings),
        MailCodes(MailCodeStore(table), token_key=token_key, clock=utc_now),
        token_key=token_key,
        brand=settings,
        recipients=RecipientCap(RateLimiter(table, utc_now), utc_now),
        clock=utc_now,
    )


@observed
def lambda_handler(_event: object, context: LambdaContext) -> dict[str, int]:
    left = timedelta(milliseconds=context.get_remaining_time_in_millis())
    counts = send_nudge().run(until=utc_now() + left - LAST_NUDGE)
    logger.info("nudges", extra={"counts": dict(counts)})
    for outcome, number in counts.items():
        metric(f"Nudges{outcome.metric}", number)
    return {outcome.value: number for outcome, number in counts.items()}
