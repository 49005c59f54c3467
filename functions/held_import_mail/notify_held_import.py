"""Send one mail to each contact of a district whose import is held (M3).

Nothing is claimed before it is sent: when a worker dies in between, a contact hears of it twice, and never not at all.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from shared.domain.report import Status
from shared.mail import messages
from shared.mail.delivery import Delivery, Outcome
from shared.mail.ses import Mailer, MailRefused
from shared.runtime.settings import Brand
from shared.stores.districts import DistrictStore
from shared.stores.imports import ImportNotices


class NotifyHeldImport:
    """Reads why the import waits, and says so to those who can decide."""

    def __init__(self, districts: DistrictStore, notices: ImportNotices, mailer: Mailer, *, brand: Brand) -> None:
        self._districts = districts
        self._notices = notices
        self._delivery = Delivery(mailer, resend_unknown=False)
        self._brand = brand

    def notify(self, district_id: str, import_id: str) -> int:
        """Return how many were notified now. Raises MailRefused when SES refused a mail: the event is to come again."""
        district = self._districts.find(district_id)
        notice = self._notices.of(district_id, import_id)
        if district is None or notice is None or notice.status is not Status.HELD:
            return 0
        notified = 0
        for contact in district.contacts:
            contact_hash = hashlib.sha256(contact.encode()).hexdigest()[:16]
            if contact_hash in notice.notified:
                continue
            message = messages.held_import(
                self._brand,
                district,
                to=contact,
                upload=notice.upload_key,
                reason=notice.message,
                import_id=import_id,
            )
            claim = _ContactClaim(self._notices, district_id, import_id, contact_hash)
            try:
                outcome = self._delivery.send(message, claim, is_urgent=True)
            except MailRefused as refused:
                if refused.may_try_later:
                    raise
                # This contact cannot be written to, which is no reason not to tell the next one.
                continue
            if outcome is Outcome.UNKNOWN:
                # It counts as sent: one that may have come is enough.
                claim.complete()
            notified += 1
        return notified


@dataclass(frozen=True, slots=True)
class _ContactClaim:
    """That a contact was notified is noted after the send, and nothing before it."""

    notices: ImportNotices
    district_id: str
    import_id: str
    contact_hash: str

    def take(self) -> Outcome | None:
        return None

    def release(self, refused: MailRefused) -> None:
        raise refused

    def complete(self, _message_id: str = "", /) -> None:
        self.notices.note_notified(self.district_id, self.import_id, self.contact_hash)
