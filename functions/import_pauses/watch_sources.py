"""Tell contacts in the morning that their roster did not come for two nights: each of them once for each trouble (B10)."""

from __future__ import annotations

from shared.domain.clock import Clock, from_iso
from shared.domain.district import District
from shared.domain.roster_source import named
from shared.mail import messages
from shared.mail.contacts import notify_contacts
from shared.mail.delivery import Delivery
from shared.mail.rendering import Message
from shared.mail.ses import Mailer, MailRefused
from shared.runtime.settings import Brand
from shared.stores.districts import DistrictStore
from shared.stores.fetches import FetchStore, SourceTrouble
from shared.stores.reports import ReportStore

_MORNING, _NIGHT = 7, 21
"""The hours of a district's day in which contacts are written to."""


class WatchSources:
    """Looks at sources that failed for two nights, and at no others. May be run again."""

    def __init__(
        self,
        fetches: FetchStore,
        districts: DistrictStore,
        reports: ReportStore,
        mailer: Mailer,
        *,
        brand: Brand,
        clock: Clock,
    ) -> None:
        self._fetches = fetches
        self._districts = districts
        self._reports = reports
        self._delivery = Delivery(mailer, resend_unknown=False)
        self._brand = brand
        self._clock = clock

    def run(self) -> int:
        """Return how many contacts were told. Raises MailRefused where SES refused a mail for now: it is due again."""
        told = 0
        refusals: list[MailRefused] = []
        for trouble in list(self._fetches.troubles()):
            district = self._districts.find(trouble.district_id)
            if district is None or not _MORNING <= self._clock().astimezone(district.zone).hour < _NIGHT:
                continue
            try:
                told += self._tell(district, trouble)
            except MailRefused as refused:
                refusals.append(refused)
        if refusals:
            raise refusals[0]
        return told

    def _tell(self, district: District, trouble: SourceTrouble) -> int:
        state = self._fetches.state(district.district_id)
        report = self._reports.of(district.district_id, state.run_id) if state.status == "failed" else None
        if report is None or not state.body:
            # A fetch is at work, and may be good.
            return 0
        good_on = from_iso(state.good_at).astimezone(district.zone).date() if state.good_at else None

        def message_to(contact: str) -> Message:
            return messages.source_failed(
                self._brand,
                district,
                to=contact,
                source=named(state.body),
                good_on=good_on,
                reason=str((report["reason"] or {}).get("message", "")),
            )

        return notify_contacts(
            self._delivery,
            district.contacts,
            message_to,
            is_noted=lambda contact: contact in trouble.told,
            note=lambda contact: self._fetches.note_told(trouble, contact),
        )
