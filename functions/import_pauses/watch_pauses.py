"""Tell contacts the day before a pause begins or ends, and after it start what waited, in its order (M1, M2)."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from shared.domain.clock import Clock, to_iso
from shared.domain.district import District, Window
from shared.domain.report import Status
from shared.mail import messages
from shared.mail.contacts import notify_contacts
from shared.mail.delivery import Delivery
from shared.mail.rendering import Message
from shared.mail.ses import Mailer, MailRefused
from shared.runtime.languages import language_for
from shared.runtime.report_words import reason_in
from shared.runtime.settings import Brand
from shared.stores.districts import DistrictStore
from shared.stores.imports import ImportStarter
from shared.stores.pauses import PausedImport, PauseStore
from shared.stores.reports import ReportStore

_MORNING, _NIGHT = 7, 21
"""The hours of a district's day in which contacts are written to."""
_DAY = timedelta(days=1)
_SUPERSEDED = {
    "code": "superseded",
    "message": "A newer whole upload came in the same pause; it counts instead of this one.",
}


class WatchPauses:
    """Looks at districts that have a pause or something that waits, and at no others. May be run again."""

    def __init__(
        self,
        pauses: PauseStore,
        districts: DistrictStore,
        imports: ImportStarter,
        reports: ReportStore,
        mailer: Mailer,
        *,
        brand: Brand,
        clock: Clock,
    ) -> None:
        self._pauses = pauses
        self._districts = districts
        self._imports = imports
        self._reports = reports
        self._delivery = Delivery(mailer, resend_unknown=False)
        self._brand = brand
        self._clock = clock

    def run(self) -> dict[str, int]:
        """Return how many contacts were told, and how many imports were started.

        Raises MailRefused where SES refused a mail for now: what waits was started, and the mail is due again.
        """
        counts: Counter[str] = Counter(told=0, started=0)
        refusals: list[MailRefused] = []
        for district_id, told in list(self._pauses.districts()):
            district = self._districts.find(district_id)
            if district is None:
                self._pauses.leave(district_id)
                continue
            counts["started"] += self._go_on(district)
            try:
                counts["told"] += self._tell(district, told)
            except MailRefused as refused:
                refusals.append(refused)
        if refusals:
            raise refusals[0]
        return dict(counts)

    # What waits.

    def _go_on(self, district: District) -> int:
        """Start the first of what waits. One comes after the other: the next is started when this one has ended."""
        waiting = self._pauses.waiting(district.district_id)
        today = self._clock().astimezone(district.zone).date()
        if not waiting and not any(pause.last >= today for pause in district.pauses):
            self._pauses.leave(district.district_id)
        if not waiting or district.pause_on(today):
            return 0
        whole = max((place for place, each in enumerate(waiting) if not each.is_delta), default=0)
        self._supersede(district, waiting[:whole])
        for each in waiting[whole:]:
            status = self._imports.status(district.district_id, each.import_id)
            if status is Status.PAUSED and self._imports.waits_for_a_person(district.district_id, each.upload):
                return 0
            if status is Status.PAUSED:
                self._imports.start(
                    each.import_id,
                    district.district_id,
                    each.upload,
                    preview=False,
                    resumed=True,
                    started_at=to_iso(self._clock()),
                )
                return 1
            if status is Status.HELD:
                return 0
            self._pauses.forget(district.district_id, [each.import_id])
        return 0

    def _supersede(self, district: District, older: list[PausedImport]) -> None:
        reason = reason_in(_SUPERSEDED, language_for(district.locale))
        for each in older:
            self._reports.amend(district.district_id, each.import_id, Status.SUPERSEDED, reason)
            self._imports.note_status(district.district_id, each.import_id, Status.SUPERSEDED)
        self._pauses.forget(district.district_id, [each.import_id for each in older])

    # The mails.

    def _tell(self, district: District, told: frozenset[str]) -> int:
        now = self._clock().astimezone(district.zone)
        if not _MORNING <= now.hour < _NIGHT:
            return 0
        number = 0
        for pause in district.pauses:
            if now.date() == pause.first - _DAY:
                number += self._tell_contacts(district, pause, told, begins=True)
            if now.date() == pause.last:
                number += self._tell_contacts(district, pause, told, begins=False)
        return number

    def _tell_contacts(self, district: District, pause: Window, told: frozenset[str], *, begins: bool) -> int:
        day = f"begins:{pause.first}" if begins else f"ends:{pause.last}"

        def message_to(contact: str) -> Message:
            return messages.pause(self._brand, district, to=contact, begins=begins, first=pause.first, last=pause.last)

        return notify_contacts(
            self._delivery,
            district.contacts,
            message_to,
            is_noted=lambda contact: f"{day}:{contact}" in told,
            note=lambda contact: self._pauses.note_told(district.district_id, f"{day}:{contact}"),
        )
