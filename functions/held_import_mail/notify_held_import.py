"""One mail to each contact of a district whose import is held; a contact may hear of it twice, but never not at all."""

from __future__ import annotations

import hashlib
from contextlib import suppress

from shared.domain.errors import OutcomeUnknown
from shared.domain.report import Status
from shared.mail.plain_text import plain
from shared.mail.rendering import SUBJECTS, Kind, build, translated
from shared.mail.ses import Mailer
from shared.runtime.i18n import language_for
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

    def tell(self, district_id: str, import_id: str) -> int:
        """Answers how many were told now. Raises MailRefused when SES said no: the event is to come again."""
        district = self._districts.find(district_id)
        found = self._notices.of(district_id, import_id)
        if district is None or found is None or found.status is not Status.HELD:
            return 0
        told = 0
        language = language_for(district.locale)
        for contact in district.contacts:
            digest = hashlib.sha256(contact.encode()).hexdigest()[:16]
            if digest in found.told:
                continue
            message = build(
                Kind.HELD_IMPORT,
                language,
                to=contact,
                subject=translated(language, SUBJECTS[Kind.HELD_IMPORT], district=plain(district.name)),
                brand=self._brand,
                district=district.name,
                upload=found.upload_key,
                reason=found.message,
                address=f"{self._brand.web_url}/console/{district_id}",
                import_id=import_id,
                district_id=district_id,
                support_url=district.support_url or self._brand.support_url,
            )
            # Where the answer did not come it may have gone out: one that may have come is enough.
            with suppress(OutcomeUnknown):
                self._mailer.send(message, is_urgent=True)
            self._notices.note_told(district_id, import_id, digest)
            told += 1
        return told
