"""SQS: activations that are to be mailed or followed up, with partial batch failures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.activation_email.invitation import InvitationMails
from functions.activation_email.send_activation import SendActivation
from functions.activation_email.send_reminder import SendReminder
from shared.domain.clock import utc_now
from shared.domain.errors import AccountLinkingError
from shared.mail.mail_codes import MailCodes
from shared.mail.recipient_cap import RecipientCap
from shared.mail.ses import wired_mailer
from shared.runtime import aws
from shared.runtime.events import Record, again, body_of
from shared.runtime.observability import about, also_about, logger, metric, observed, where
from shared.runtime.parallel import each
from shared.runtime.secrets import Secrets
from shared.runtime.settings import ActivationEmailSettings
from shared.stores.activations import ActivationStore
from shared.stores.districts import DistrictStore
from shared.stores.due_items import DueStore
from shared.stores.identifier_index import IdentifierIndex
from shared.stores.keys import user_of
from shared.stores.links import LinkStore
from shared.stores.mail_codes import MailCodeStore
from shared.stores.rate_limits import RateLimiter
from shared.stores.roster_users import RosterUserStore
from shared.stores.stuck_people import StuckStore
from shared.stores.waiting import WaitingStore
from shared.use_cases.match_by_rule import MatchByRule

AT_ONCE = 5
"""Requests of a batch that are handled at the same time: a mail mostly waits for its slot and for SES."""


@dataclass(frozen=True, slots=True)
class UseCases:
    """What a request of the queue may ask for."""

    send_activation: SendActivation
    send_reminder: SendReminder


@cache
def use_cases() -> UseCases:
    """Wired to the services that the environment names."""
    settings = ActivationEmailSettings.from_environment()
    table = aws.table(settings.table_name)
    secrets = Secrets(aws.client("secretsmanager"), utc_now)
    activations, users, links = ActivationStore(table), RosterUserStore(table), LinkStore(table)
    districts, due = DistrictStore(table), DueStore(table)
    mailer = wired_mailer(settings)

    def token_key() -> bytes:
        return secrets.token_keys(settings.token_secret_arn).current

    invitations = InvitationMails(
        districts,
        MailCodes(MailCodeStore(table), token_key=token_key, clock=utc_now),
        token_key=token_key,
        brand=settings,
        subject=settings.activation_subject,
    )
    recipients = RecipientCap(RateLimiter(table, utc_now), utc_now)
    return UseCases(
        SendActivation(
            activations,
            users,
            links,
            districts,
            mailer,
            invitations,
            StuckStore(table),
            due,
            WaitingStore(table),
            MatchByRule(IdentifierIndex(table), links, activations),
            recipients=recipients,
            clock=utc_now,
        ),
        SendReminder(
            activations, users, links, districts, due, mailer, invitations, recipients=recipients, clock=utc_now
        ),
    )


def record_handler(record: Record) -> None:
    body = body_of(record)
    user = user_of(body)
    if "follow_up" in body:
        outcome = use_cases().send_reminder.send(user, body["follow_up"])
        logger.info("reminder", extra={"outcome": outcome.value})
        metric(f"Reminder{outcome.metric}")
        return
    also_about(activation_id=body["activation_id"])
    outcome = use_cases().send_activation.send(user, body["activation_id"])
    logger.info("activation", extra={"outcome": outcome.value})
    metric(f"Activation{outcome.metric}")


def _fails(record: Record) -> bool:
    """Whether the request has to come again; the others of its batch do not matter."""
    with about():
        try:
            record_handler(record)
        except AccountLinkingError as failed:
            logger.warning("a request comes again", extra={"code": failed.code})
            return True
        except Exception as error:  # noqa: BLE001 - a defect in one request; it ends in the dead-letter queue
            logger.error("a request comes again", extra={"error": type(error).__name__, "at": where(error)})
            return True
        return False


@observed
def lambda_handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    records: list[Record] = event["Records"]
    bodies = [body_of(record) for record in records]
    asked = [body for body in bodies if "activation_id" in body]
    use_cases().send_activation.expect(
        len(asked), [str(body["district_id"]) for body in asked if "district_id" in body]
    )
    failed = each(_fails, records, at_once=AT_ONCE)
    return again([record for record, fails in zip(records, failed, strict=True) if fails])
