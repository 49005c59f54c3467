"""One digest a week and a district: taken for one send, sent to each who is to have it, and settled."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from datetime import timedelta

from shared.domain.clock import Clock, to_iso
from shared.domain.digest import SchoolRemainder, by_school, next_digest_at
from shared.domain.district import District
from shared.domain.errors import OutcomeUnknown
from shared.domain.school_calendar import next_allowed
from shared.mail.plain_text import plain
from shared.mail.rendering import SUBJECTS, Kind, Message, build, translated
from shared.mail.ses import Mailer, MailRefused
from shared.runtime.i18n import language_for
from shared.runtime.settings import Brand
from shared.stores.digests import DigestDue, DigestStore, RemainingClassesStore
from shared.stores.districts import DistrictStore

LEASE = timedelta(minutes=10)
PAUSE = timedelta(hours=1)
MOST_SCHOOLS = 20


class SendDigest:
    """Goes over the districts that opted in; one of which nothing is left gets no mail."""

    def __init__(
        self,
        digests: DigestStore,
        left: RemainingClassesStore,
        districts: DistrictStore,
        mailer: Mailer,
        *,
        brand: Brand,
        clock: Clock,
    ) -> None:
        self._digests = digests
        self._left = left
        self._districts = districts
        self._mailer = mailer
        self._brand = brand
        self._clock = clock

    def run(self) -> Counter[str]:
        """Answers how many were sent, planned, moved, unanswered, had nothing to tell, or were ended by their district.

        Unanswered are those whose worker died: they count as sent, since the same digest twice is worse than none.
        """
        counts: Counter[str] = Counter()
        now = to_iso(self._clock())
        for one in self._digests.all():
            if one.due_at is None or one.due_at <= now:
                counts[self._one(one)] += 1
        return counts

    def _one(self, one: DigestDue) -> str:
        now = self._clock()
        district = self._districts.find(one.district_id)
        if district is None or district.digest is None:
            self._digests.remove(one.district_id)
            return "ended"
        next_at = next_digest_at(district, now)
        if one.due_at is None or one.under_way:
            self._digests.move(one, next_at)
            return "unanswered" if one.under_way else "planned"
        allowed = next_allowed(district, now)
        if allowed > now:
            self._digests.move(one, allowed)
            return "moved"
        schools = by_school(self._left.of_district(district.district_id))
        if not schools:
            self._digests.move(one, next_at)
            return "nothing"
        return self._send(one, district, schools)

    def _send(self, one: DigestDue, district: District, schools: list[SchoolRemainder]) -> str:
        now = self._clock()
        taken = self._digests.move(one, now + LEASE, under_way=True)
        if taken is None:
            return "moved"
        sent = 0
        try:
            for message in self._messages(district, schools):
                with suppress(OutcomeUnknown):
                    self._mailer.send(message)
                sent += 1
        except MailRefused:
            # Who has it already does not get it twice because somebody else has not.
            if not sent:
                self._digests.move(taken, next_allowed(district, now + PAUSE))
                return "refused"
        self._digests.move(taken, next_digest_at(district, now))
        return "sent"

    def _messages(self, district: District, schools: list[SchoolRemainder]) -> list[Message]:
        names = self._districts.school_names(district.district_id, (s.school_id for s in schools if s.school_id))
        most = schools[0].classes
        language = language_for(district.locale)
        rows = [
            {
                "name": names.get(school.school_id or "", ""),
                "classes": school.classes,
                "percent": max(1, 100 * school.classes // most),
            }
            for school in schools[:MOST_SCHOOLS]
        ]
        return [
            build(
                Kind.DIGEST,
                language,
                to=to,
                subject=translated(language, SUBJECTS[Kind.DIGEST], district=plain(district.name)),
                brand=self._brand,
                district=district.name,
                schools=rows,
                others=sum(school.classes for school in schools[MOST_SCHOOLS:]),
                classes=sum(school.classes for school in schools),
                teachers=sum(school.teachers for school in schools),
                address=f"{self._brand.web_url}/console/{district.district_id}",
                support_url=district.support_url or self._brand.support_url,
            )
            for to in (district.digest.to if district.digest and district.digest.to else district.contacts)
        ]
