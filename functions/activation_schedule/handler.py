"""Scheduler: which activations may be mailed from now on, and of which mails nobody knows what became of them."""

from __future__ import annotations

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.activation_schedule.note_unsettled_mails import NoteUnsettledMails
from functions.activation_schedule.queue_due_activations import QueueDueActivations
from shared.domain.clock import utc_now
from shared.runtime import aws
from shared.runtime.observability import logger, metric, observed
from shared.runtime.settings import ActivationScheduleSettings
from shared.stores.activation_queue import ActivationQueue
from shared.stores.activations import ActivationStore
from shared.stores.districts import DistrictStore
from shared.stores.due_items import DueStore
from shared.stores.roster_users import RosterUserStore
from shared.stores.send_state import SendStateStore
from shared.stores.waiting import WaitingStore


def tell_contacts(settings: ActivationScheduleSettings) -> int:
    """Tell contacts what comes before it does; the mailer is made where there is something to tell."""
    from shared.stores.first_wave import ContactsStore, FirstWaveStore

    table = aws.table(settings.table_name)
    contacts = ContactsStore(table)
    due = contacts.to_tell()
    if not due:
        return 0
    from functions.activation_schedule.tell_contacts import TellContacts
    from shared.mail.ses import wired_mailer

    return TellContacts(
        contacts,
        FirstWaveStore(table),
        DistrictStore(table),
        SendStateStore(table),
        wired_mailer(settings),
        brand=settings,
        sender=settings.sender,
        subject=settings.activation_subject,
        clock=utc_now,
    ).run(due)


@observed
def lambda_handler(_event: object, _context: LambdaContext) -> dict[str, int]:
    settings = ActivationScheduleSettings.from_environment()
    table = aws.table(settings.table_name)
    told = tell_contacts(settings)
    queue = ActivationQueue(aws.client("sqs"), settings.activation_queue_url)
    requested = QueueDueActivations(
        DueStore(table),
        WaitingStore(table),
        ActivationStore(table),
        RosterUserStore(table),
        DistrictStore(table),
        queue,
        clock=utc_now,
    ).run()
    mails = NoteUnsettledMails(DueStore(table), ActivationStore(table), SendStateStore(table), clock=utc_now)
    unsettled, untold = mails.run(), mails.count_untold()
    if unsettled:
        metric("ActivationUnsettled", unsettled)
    if untold:
        metric("FollowUpMailsUntold", untold)
    logger.info(
        "activations due", extra={"requested": requested, "unsettled": unsettled, "untold": untold, "told": told}
    )
    return {"requested": requested}
