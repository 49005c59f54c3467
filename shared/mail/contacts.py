"""A mail to each contact of a district, once: about an import that is held, or a pause (M3)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from shared.mail.delivery import Delivery, Outcome
from shared.mail.rendering import Message
from shared.mail.ses import MailRefused


def notify_contacts(
    delivery: Delivery,
    contacts: Iterable[str],
    message_to: Callable[[str], Message],
    *,
    is_noted: Callable[[str], bool],
    note: Callable[[str], None],
    is_urgent: bool = False,
) -> int:
    """Mail those contacts of whom nothing is noted yet. Return how many were mailed now.

    ``is_noted`` and ``note`` take a hash of the contact. That one was mailed is noted after the send: one that comes twice is
    better than none. Raises MailRefused when SES refused a mail for now: the event is to come again.
    """
    number = 0
    for contact in contacts:
        contact_hash = hash_of(contact)
        if is_noted(contact_hash):
            continue
        claim = _ContactClaim(contact_hash, note)
        try:
            outcome = delivery.send(message_to(contact), claim, is_urgent=is_urgent)
        except MailRefused as refused:
            if refused.may_try_later:
                raise
            # This contact cannot be written to, which is no reason not to notify the next one.
            continue
        if outcome is Outcome.UNKNOWN:
            # It counts as sent: one that may have come is enough.
            claim.complete()
        number += 1
    return number


def tell_once(
    delivery: Delivery,
    contacts: Iterable[str],
    message_to: Callable[[str], Message],
    *,
    claim: Callable[[str], bool],
    release: Callable[[str], None],
) -> bool:
    """Mail each contact at most once, whatever is cut off. Return whether nobody is left to be told.

    ``claim`` takes a hash of the contact before the send, and says whether this worker has it; ``release`` gives it back where
    the mail surely did not go out. One whose worker died counts as told: what it says stands on the console, too.
    """
    is_done = True
    for contact in contacts:
        outcome = delivery.send(message_to(contact), _OnceClaim(hash_of(contact), claim, release))
        is_done = is_done and outcome is not Outcome.REFUSED
    return is_done


def hash_of(contact: str) -> str:
    """By which it is noted of a contact what was told."""
    return hashlib.sha256(contact.encode()).hexdigest()[:16]


@dataclass(slots=True)
class _OnceClaim:
    """Noted before the send, and given back where SES refused it for now."""

    contact_hash: str
    claim: Callable[[str], bool]
    give_back: Callable[[str], None]
    is_taken: bool = False

    def take(self) -> Outcome | None:
        self.is_taken = self.claim(self.contact_hash)
        return None if self.is_taken else Outcome.SETTLED

    def release(self, refused: MailRefused) -> None:
        if self.is_taken and refused.may_try_later:
            self.give_back(self.contact_hash)

    def complete(self, _message_id: str = "", /) -> None:
        """It was noted before."""


@dataclass(frozen=True, slots=True)
class _ContactClaim:
    """That a contact was notified is noted after the send, and nothing before it."""

    contact_hash: str
    note: Callable[[str], None]

    def take(self) -> Outcome | None:
        return None

    def release(self, refused: MailRefused) -> None:
        raise refused

    def complete(self, _message_id: str = "", /) -> None:
        self.note(self.contact_hash)
