"""Send the digests that are due: one a week and a district, to each who is to have it (M17)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain.clock import Clock, to_iso
from shared.domain.digest import SchoolRemainder, by_school, next_digest_at
from shared.domain.district import District
from shared.domain.school_calendar import next_allowed
from shared.mail import messages
from shared.mail.delivery import Delivery, Outcome
from shared.mail.messages import DigestRow
from shared.mail.rendering import Message
from shared.mail.ses import Mailer, MailRefused
from shared.runtime.settings import Brand
from shared.stores.digests import DigestDue, DigestStore, RemainingClassesStore
from shared.stores.districts import DistrictStore

LEASE = timedelta(minutes=10)
PAUSE = timedelta(hours=1)
MOST_SCHOOLS = 20


class SendDigest:
    """Goes over the districts that opted in; a district with no classes left gets no mail."""

    def __init__(
        self,
        digests: DigestStore,
        remaining: RemainingClassesStore,
        districts: DistrictStore,
        mailer: Mailer,
        *,
        brand: Brand,
        clock: Clock,
    ) -> None:
        self._digests = digests
        self._remaining = remaining
        self._districts = districts
        self._delivery = Delivery(mailer, resend_unknown=False)
        self._brand = brand
        self._clock = clock

    def run(self) -> Counter[Outcome]:
        """Deal with every digest that is due. Return how many had which outcome.

        UNANSWERED are those whose worker died: they count as sent, since the same digest twice is worse than none.
        """
        counts: Counter[Outcome] = Counter()
        now = to_iso(self._clock())
        for due in self._digests.all():
            if due.due_at is None or due.due_at <= now:
                counts[self._send(due)] += 1
        return counts

    def _send(self, due: DigestDue) -> Outcome:
        now = self._clock()
        district = self._districts.find(due.district_id)
        if district is None or district.digest is None:
            self._digests.remove(due.district_id)
            return Outcome.NOT_NEEDED
        claim = _DigestClaim(self._digests, due, district, now)
        if due.due_at is None:
            claim.complete()
            return Outcome.PLANNED
        if due.under_way and not self._delivery.resend_unknown:
            claim.complete()
            return Outcome.UNANSWERED
        allowed = next_allowed(district, now)
        if allowed > now:
            self._digests.move(due, allowed)
            return Outcome.POSTPONED
        schools = by_school(self._remaining.of_district(district.district_id))
        recipients = district.digest.to or district.contacts
        if not schools or not recipients:
            claim.complete()
            return Outcome.NOTHING_TO_SAY
        return self._delivery.send_to_all(self._messages(district, schools, recipients), claim)

    def _messages(self, district: District, schools: list[SchoolRemainder], recipients: Sequence[str]) -> list[Message]:
        names = self._districts.school_names(district.district_id, (s.school_id for s in schools if s.school_id))
        most = schools[0].classes
        rows = [
            DigestRow(names.get(school.school_id or "", ""), school.classes, max(1, 100 * school.classes // most))
            for school in schools[:MOST_SCHOOLS]
        ]
        return [
            messages.digest(
                self._brand,
                district,
                to=to,
                schools=rows,
                others=sum(school.classes for school in schools[MOST_SCHOOLS:]),
                classes=sum(school.classes for school in schools),
                teachers=sum(school.teachers for school in schools),
            )
            for to in recipients
        ]


@dataclass(slots=True)
class _DigestClaim:
    """While a digest is under way, it is due again at the end of its lease."""

    digests: DigestStore
    due: DigestDue
    district: District
    now: datetime

    def take(self) -> Outcome | None:
        taken = self.digests.move(self.due, self.now + LEASE, under_way=True)
        if taken is None:
            return Outcome.SETTLED
        self.due = taken
        return None

    def release(self, refused: MailRefused) -> None:
        self.digests.move(self.due, next_allowed(self.district, refused.until or self.now + PAUSE))

    def complete(self, _message_id: str = "", /) -> None:
        self.digests.move(self.due, next_digest_at(self.district, self.now))
