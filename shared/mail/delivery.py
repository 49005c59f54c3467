"""One mail, delivered once: the protocol that all senders share (B5).

A mail is claimed in the table, handed to SES in one call, and then released (SES surely did not take it), completed (SES took
it) or unknown (no answer came, and it may have gone out). A worker that dies in between leaves a claim with a
lease: when that is over, and nothing was heard, the delivery is unknown, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from shared.domain.errors import OutcomeUnknown
from shared.mail.rendering import Message
from shared.mail.send_slots import Sending
from shared.mail.ses import Mailer, MailRefused


class Outcome(StrEnum):
    """What became of a request to send a mail: the words of code, logs and metrics."""

    SENT = "sent"
    REFUSED = "refused"
    """It surely did not go out, and is due again later."""
    UNKNOWN = "unknown"
    """No answer came; the claim stands until its lease is over."""
    UNANSWERED = "unanswered"
    """The lease is over and no answer ever came."""
    UNDER_WAY = "under_way"
    """Somebody else claimed it and may be sending it now."""
    SETTLED = "settled"
    """Somebody else has dealt with it."""
    NOT_NEEDED = "not_needed"
    """There is nothing to write about any more, or nobody to write to."""
    NOTHING_TO_SAY = "nothing_to_say"
    """There is nothing to write about at present; it is looked at again."""
    POSTPONED = "postponed"
    """It is not the time for it; it is due again later."""
    PLANNED = "planned"
    """It got its first date."""
    EXPIRED = "expired"
    """Its time is over."""

    @property
    def metric(self) -> str:
        """The end of a metric's name: ``NotNeeded``."""
        return self.value.title().replace("_", "")


def delivery_unknown() -> OutcomeUnknown:
    """For a sender whose requests come again: it is not known yet whether a mail went out."""
    return OutcomeUnknown("delivery_unknown", "It is not known yet whether this mail went out.")


class Claim(Protocol):
    """How one mail is claimed for one send, and what is noted in the table of what came of it."""

    def take(self) -> Outcome | None:
        """Claim it. None when this worker has it; else why not: SETTLED, UNDER_WAY, or UNANSWERED.

        May raise MailRefused where it may not go out now: it is released then.
        """

    def release(self, refused: MailRefused) -> None:
        """It surely did not go out, whether or not it was claimed yet: it is due again.

        May raise ``refused``, where the request itself is to come again.
        """

    def complete(self, message_id: str = "", /) -> None:
        """SES took it; or it counts as sent, and ``message_id`` is empty."""


class Delivery:
    """Delivers the mails of one sender.

    ``resend_unknown`` says which mistake is the lesser one where the delivery of a mail is unknown: one mail too few (False:
    once its lease is over it counts as sent), or one too many (True: it is sent a second time then). ``waits_first`` lets the slot
    come before the claim: whose time is up while it waits has claimed nothing. It costs a second slot where the claim is slow.
    """

    def __init__(self, mailer: Mailer, *, resend_unknown: bool, waits_first: bool = False) -> None:
        self._mailer = mailer
        self._waits_first = waits_first
        self.resend_unknown = resend_unknown

    @property
    def most_tries(self) -> int:
        """How often one mail may be handed to SES without an answer."""
        return 2 if self.resend_unknown else 1

    def expect(self, number: int, district_ids: Iterable[str] = ()) -> None:
        """So many mails of these districts are about to be sent by this worker: their slots are leased in one write."""
        self._mailer.expect(number, district_ids)

    def send(
        self, message: Message, claim: Claim, *, is_urgent: bool = False, is_security_notice: bool = False
    ) -> Outcome:
        """Send one mail, unless the mail of its district, or of all, has stopped; a security notice goes out all the same.

        ``is_urgent``: somebody waits for it. Raises what ``claim.release`` raises.
        """
        sending = Sending(message.district_id, is_urgent, is_security_notice)
        slot = self._claimed(claim, sending)
        if isinstance(slot, Outcome):
            return slot
        # From here on it may have gone out: only SES' answer, or its tagged event, may say that it did not.
        try:
            message_id = self._mailer.send(message, slot, sending)
        except MailRefused as refused:
            claim.release(refused)
            return Outcome.REFUSED
        except OutcomeUnknown:
            return Outcome.UNKNOWN
        claim.complete(message_id)
        return Outcome.SENT

    def send_to_all(self, messages: Sequence[Message], claim: Claim) -> Outcome:
        """Send one mail, written to several people, under one claim; raises as ``send``.

        It is released as long as nobody has it. From then on all of it counts as sent, as does a mail without an answer: who
        has it does not get it twice because somebody else has not.
        """
        sending = Sending(messages[0].district_id if messages else "")
        slot: datetime | Outcome | None = self._claimed(claim, sending)
        if isinstance(slot, Outcome):
            return slot
        handed_over, message_id = False, ""
        never: MailRefused | None = None
        for message in messages:
            try:
                message_id = self._mailer.send(message, slot, sending)
            except MailRefused as refused:
                if not refused.may_try_later:
                    # That one cannot be written to, which is no reason to leave out the others.
                    never, slot = refused, None
                    continue
                if handed_over:
                    break
                claim.release(refused)
                return Outcome.REFUSED
            except OutcomeUnknown:
                pass
            handed_over, slot = True, None
        if never and not handed_over:
            claim.release(never)
            return Outcome.REFUSED
        claim.complete(message_id)
        return Outcome.SENT

    def _claimed(self, claim: Claim, sending: Sending) -> datetime | Outcome:
        """The slot to send in, leased before anything was noted of the mail; or why this worker does not send it."""
        try:
            slot = self._mailer.slot(sending)
            if self._waits_first:
                self._mailer.wait(slot, sending)
            return claim.take() or slot
        except MailRefused as refused:
            claim.release(refused)
            return Outcome.REFUSED
