"""The one call that sends a mail. SDK retries are off, because SES does not recognise a repeated send (B5)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from shared.domain.clock import Clock, utc_now
from shared.domain.errors import OutcomeUnknown
from shared.mail.rendering import Message
from shared.mail.send_slots import ANY, MailRefused, Sending, SendSlots, account_limits
from shared.runtime import aws
from shared.runtime.observability import metric
from shared.runtime.settings import MailSettings
from shared.stores.send_state import SendStateStore

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_sesv2 import SESV2Client
    from mypy_boto3_sesv2.type_defs import MessageTypeDef

__all__ = ["MailRefused", "Mailer", "rate_limited_mailer", "wired_mailer"]

_TOO_FAST = {
    "TooManyRequestsException", "ThrottlingException", "LimitExceededException", "SendingPausedException",
    "AccountSuspendedException",
}  # fmt: skip
_ABOUT_THE_MAIL = {"MessageRejected", "BadRequestException"}
"""Refusals of this one mail; all others are about the account, its sender or its permissions, and pass when that is put right."""
_NOT_VERIFIED = "Email address is not verified"
"""What the sandbox says as MessageRejected, and no other code tells: the address is right, the account is not ready."""


class Mailer:
    """Sends mail as one sender, under one configuration set, each mail in its slot.

    ``ses`` must be a client without retries.
    """

    def __init__(self, ses: SESV2Client, sender: str, configuration_set: str, slots: SendSlots) -> None:
        self._ses = ses
        self._sender = sender
        self._configuration_set = configuration_set
        self._slots = slots

    def expect(self, number: int, district_ids: Iterable[str] = ()) -> None:
        """So many mails of these districts are about to be sent by this worker: their slots are leased in one write."""
        self._slots.expect(number, district_ids)

    def slot(self, sending: Sending = ANY) -> datetime:
        """When a mail may go out, to be handed to ``send``.

        Raises MailRefused (``may_try_later``, ``until``) when none may soon: before anything was noted of the mail.
        """
        return self._slots.take(sending)

    def wait(self, slot: datetime, sending: Sending = ANY) -> None:
        """Wait for the slot, before something is noted between it and the mail."""
        self._slots.wait(slot, sending)

    def send(self, message: Message, slot: datetime | None = None, sending: Sending = ANY) -> str:
        """Wait for the slot, send once, and return SES' message id. Without a slot it takes one.

        Raises MailRefused when the mail was not accepted, OutcomeUnknown when SES did not answer.
        """
        self._slots.wait(slot or self.slot(sending), sending)
        simple: MessageTypeDef = {
            "Subject": {"Data": message.subject, "Charset": "UTF-8"},
            "Body": {
                "Html": {"Data": message.html, "Charset": "UTF-8"},
                "Text": {"Data": message.text, "Charset": "UTF-8"},
            },
        }
        if message.headers:
            simple["Headers"] = [{"Name": name, "Value": value} for name, value in message.headers.items()]
        try:
            response = self._ses.send_email(
                FromEmailAddress=self._sender,
                Destination={"ToAddresses": [message.to]},
                Content={"Simple": simple},
                ConfigurationSetName=self._configuration_set,
                EmailTags=[{"Name": name, "Value": value} for name, value in message.tags.items()],
            )
        except ClientError as error:
            code = error.response["Error"]["Code"]
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
            if status >= 500:
                raise OutcomeUnknown(
                    "delivery_unknown", "SES failed while it took the mail; it may have gone out."
                ) from None
            raise self._refused(code, str(error.response["Error"].get("Message", ""))) from None
        except BotoCoreError:
            raise OutcomeUnknown("delivery_unknown", "SES did not answer; the mail may have gone out.") from None
        return str(response["MessageId"])

    def _refused(self, code: str, message: str) -> MailRefused:
        if code in _TOO_FAST:
            self._slow_down()
        elif code in _ABOUT_THE_MAIL and not message.startswith(_NOT_VERIFIED):
            return MailRefused(code, "SES refused the mail.", may_try_later=False)
        else:
            self._slots.account_refused()
        return MailRefused(code, "SES takes no such mail of this account at present.", may_try_later=True)

    def _slow_down(self) -> None:
        """Where even that fails, the refusal must still be raised: the mail did not go out."""
        with suppress(ClientError, BotoCoreError):
            self._slots.slow_down()


def wired_mailer(settings: MailSettings) -> Mailer:
    """The mailer of a function, wired to the services that its settings name."""
    return rate_limited_mailer(
        aws.client("sesv2", tries=1),
        aws.table(settings.table_name),
        settings.sender,
        settings.configuration_set,
        clock=utc_now,
        count=metric,
    )


def rate_limited_mailer(
    ses: SESV2Client,
    table: Table,
    sender: str,
    configuration_set: str,
    *,
    clock: Clock,
    sleep: Callable[[float], None] = time.sleep,
    count: Callable[[str], None] = lambda _metric: None,
) -> Mailer:
    """A mailer that keeps to the send rate, which all senders of this account share in the table."""
    slots = SendSlots(SendStateStore(table), lambda: account_limits(ses), clock=clock, sleep=sleep, count=count)
    return Mailer(ses, sender, configuration_set, slots)
