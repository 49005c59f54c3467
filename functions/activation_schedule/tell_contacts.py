"""Tell a district's contacts what mails come before the first ones, and that a first wave stopped: each contact once (M8)."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

from shared.domain.activation import starts_at
from shared.domain.clock import Clock
from shared.domain.district import District
from shared.domain.first_wave import holds_back
from shared.mail import messages
from shared.mail.contacts import tell_once
from shared.mail.delivery import Delivery
from shared.mail.rendering import Message
from shared.mail.ses import Mailer
from shared.runtime.settings import Brand
from shared.stores.districts import DistrictStore
from shared.stores.first_wave import ContactsStore, FirstWaveStore, ToTell
from shared.stores.send_state import SendStateStore


class TellContacts:
    """Looks at districts that have something to tell, and at no others. May be run again."""

    def __init__(
        self,
        contacts: ContactsStore,
        waves: FirstWaveStore,
        districts: DistrictStore,
        sending: SendStateStore,
        mailer: Mailer,
        *,
        brand: Brand,
        sender: str,
        subject: str,
        clock: Clock,
    ) -> None:
        self._contacts = contacts
        self._waves = waves
        self._districts = districts
        self._sending = sending
        self._delivery = Delivery(mailer, resend_unknown=False)
        self._brand = brand
        self._sender = sender.rpartition("<")[2].rstrip(">").strip()
        self._subject = subject
        self._clock = clock

    def run(self, due: list[ToTell] | None = None) -> int:
        """Return of how many districts everything was told. What SES refuses for now is due again with the next run.

        ``due`` are the districts, where they were read already.
        """
        return sum(self._tell(each) for each in (self._contacts.to_tell() if due is None else due))

    def _tell(self, due: ToTell) -> bool:
        district = self._districts.find(due.district_id)
        if district and not (self._heads_up(district, due) and self._stopped(district)):
            return False
        self._contacts.forget(due)
        return True

    def _heads_up(self, district: District, due: ToTell) -> bool:
        district_id, now = district.district_id, self._clock()
        if self._contacts.heads_up_at(district_id):
            return True
        is_too_late = due.is_in_midway and starts_at(district, now) <= now
        if not is_too_late and not self._tell_all(district, "heads_up", self._first_mails(district)):
            return False
        self._contacts.note_heads_up(district_id, now)
        return True

    def _stopped(self, district: District) -> bool:
        wave = self._waves.of(district.district_id)
        if wave is None or wave.stopped_at in (None, wave.stop_told) or not holds_back(district, wave):
            return True
        message = messages.first_wave_stopped(self._brand, district, to="")
        if not self._tell_all(district, wave.stopped_at or "", message):
            return False
        self._contacts.note_stop_told(district.district_id, wave.stopped_at or "")
        return True

    def _tell_all(self, district: District, what: str, message: Message) -> bool:
        """Tell each contact this, who was not told it yet."""
        district_id = district.district_id
        return tell_once(
            self._delivery,
            district.contacts,
            lambda contact: replace(message, to=contact),
            claim=lambda contact: self._contacts.claim(district_id, f"{what}:{contact}"),
            release=lambda contact: self._contacts.release(district_id, f"{what}:{contact}"),
        )

    def _first_mails(self, district: District) -> Message:
        today = self._clock().astimezone(district.zone).date()
        ahead = district.activations_from if district.activations_from and district.activations_from > today else None
        limits = self._sending.read()[0].limits
        return messages.first_mails(
            self._brand,
            district,
            to="",
            sender=self._sender,
            host=urlsplit(self._brand.web_url).hostname or "",
            subject=self._subject,
            begins=ahead,
            per_day=limits.per_day if limits else None,
        )
