"""Send one mail to each contact of a district whose import is held (M3).

When a worker dies between send and note, a contact hears of it twice, and never not at all.
"""

from __future__ import annotations

from functools import partial

from shared.domain.report import Status
from shared.mail import messages
from shared.mail.contacts import notify_contacts
from shared.mail.delivery import Delivery
from shared.mail.rendering import Message
from shared.mail.ses import Mailer
from shared.runtime.languages import language_for
from shared.runtime.loss_words import losses_in_words
from shared.runtime.report_words import reason_in
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

    def notify(self, district_id: str, import_id: str) -> int | None:
        """Return how many were notified now; None where it waits and the district names nobody to tell.

        Raises MailRefused when SES refused a mail: the event is to come again.
        """
        district = self._districts.find(district_id)
        notice = self._notices.of(district_id, import_id)
        if district is None or notice is None or notice.status is not Status.HELD:
            return 0
        if not district.contacts:
            return None

        language = language_for(district.locale)
        reason = reason_in({"code": notice.code, "message": notice.message}, language)
        people = losses_in_words(notice.losses, language)

        def message_to(contact: str) -> Message:
            return messages.held_import(
                self._brand,
                district,
                to=contact,
                upload=notice.upload_key,
                reason=reason["message"],
                people=people,
                import_id=import_id,
            )

        return notify_contacts(
            self._delivery,
            district.contacts,
            message_to,
            is_noted=notice.notified.__contains__,
            note=partial(self._notices.note_notified, district_id, import_id),
            is_urgent=True,
        )
