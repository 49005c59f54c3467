"""SQS: the events of links that were made and undone, as the bus hands them on, with partial batch failures."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.link_notice.notify_link_change import NotifyLinkChange
from shared.domain.clock import utc_now
from shared.mail.mail_codes import MailCodes
from shared.mail.ses import wired_mailer
from shared.runtime import aws
from shared.runtime.events import Record, body_of, failed_ones
from shared.runtime.observability import logger, metric, observed
from shared.runtime.secrets import Secrets
from shared.runtime.settings import LinkNoticeSettings
from shared.stores.accounts import AccountStore
from shared.stores.districts import DistrictStore
from shared.stores.links import LinkStore
from shared.stores.mail_codes import MailCodeStore
from shared.stores.notices import NoticeStore
from shared.stores.own_code_queue import OWN_CODE_ASKED
from shared.stores.roster_users import RosterUserStore

if TYPE_CHECKING:
    from functions.link_notice.mail_own_logins import MailOwnLogins

OWN_LOGIN_ADDED = "OwnLoginAdded"


@cache
def notify_link_change() -> NotifyLinkChange:
    """The use case, wired to the services that the environment names."""
    settings = LinkNoticeSettings.from_environment()
    table = aws.table(settings.table_name)
    secrets = Secrets(aws.client("secretsmanager"), utc_now)
    mailer = wired_mailer(settings)

    def token_key() -> bytes:
        return secrets.token_keys(settings.token_secret_arn).current

    return NotifyLinkChange(
        NoticeStore(table),
        LinkStore(table),
        RosterUserStore(table),
        AccountStore(table, settings.google_issuer),
        DistrictStore(table),
        mailer,
        MailCodes(MailCodeStore(table), token_key=token_key, clock=utc_now),
        token_key=token_key,
        brand=settings,
        clock=utc_now,
        count=metric,
    )


@cache
def mail_own_logins() -> MailOwnLogins:
    """As ``notify_link_change``, for the few events about own logins."""
    from functions.link_notice.mail_own_logins import MailOwnLogins
    from shared.stores.identifier_index import IdentifierIndex
    from shared.stores.own_logins import OwnLoginStore

    settings = LinkNoticeSettings.from_environment()
    table = aws.table(settings.table_name)
    secrets = Secrets(aws.client("secretsmanager"), utc_now)

    def token_key() -> bytes:
        return secrets.token_keys(settings.token_secret_arn).current

    return MailOwnLogins(
        OwnLoginStore(table),
        AccountStore(table, settings.google_issuer),
        IdentifierIndex(table),
        DistrictStore(table),
        NoticeStore(table),
        wired_mailer(settings),
        MailCodes(MailCodeStore(table), token_key=token_key, clock=utc_now),
        token_key=token_key,
        brand=settings,
        clock=utc_now,
    )


def record_handler(record: Record) -> None:
    """Whatever it raises, the queue brings the event again."""
    event = body_of(record)
    event_type, detail = event["detail-type"], event["detail"]
    if event_type == OWN_CODE_ASKED:
        # Its id is half of what the code follows from: it stays out of the log.
        logger.info("own code", extra={"mailed": mail_own_logins().mail_code(detail)})
        return
    is_own = event_type == OWN_LOGIN_ADDED
    notified = mail_own_logins().tell_of_added(detail) if is_own else notify_link_change().notify(event_type, detail)
    logger.info("link change", extra={"event_id": detail["event_id"], "notified": notified})


@observed
def lambda_handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    return failed_ones(event["Records"], record_handler)
