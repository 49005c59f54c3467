"""Send one mail to each contact of a district whose import is held (M3).

Nothing is claimed before it is sent: when a worker dies in between, a contact hears of it twice, and never not at all.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress

from shared.domain.errors import OutcomeUnknown
from shared.domain.report import Status
from shared.mail import messages
from shared.mail.ses import Mailer
from shared.runtime.settings import Brand
from shared.stores.districts import DistrictStore
from shared.stores.imports import ImportNotices


class NotifyHeldImport:
    """Reads why the import waits, and says so to those who can decide."""

    def __init__(self, districts: DistrictStore, notices: ImportNotices, mailer: Mailer, *, brand: Brand) -> None:
        self._districts = districts
        self._notices = notices
        self._mailer = mailer
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
            # A mail whose delivery is unknown counts as sent: one that may have come is enough.
            with suppress(OutcomeUnknown):
                self._mailer.send(message, is_urgent=True)
            self._notices.note_notified(district_id, import_id, contact_hash)
            notified += 1
        return notified
