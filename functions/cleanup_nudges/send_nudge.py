"""One nudge per due date: taken for one send, sent, and settled, so that no schedule that fires twice can send two."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

from shared.domain.clock import Clock, to_iso
from shared.domain.district import District
from shared.domain.errors import OutcomeUnknown
from shared.domain.link import LinkState
from shared.domain.nudge import look_again_at, nudge_after, still_about
from shared.domain.pairing import Pairing, Verdict
from shared.domain.roster import Role, RosterUser, RosterUserKey
from shared.domain.school_calendar import next_allowed
from shared.mail.rendering import SUBJECTS, Kind, Message, build, translated
from shared.mail.ses import Mailer, MailRefused
from shared.runtime.i18n import language_for
from shared.runtime.settings import Brand
from shared.runtime.tokens import unsubscribe_token
from shared.stores.accounts import AccountStore
from shared.stores.digests import RemainingClassesStore
from shared.stores.districts import DistrictStore
from shared.stores.due import NUDGE, DueStore
from shared.stores.links import LinkStore
from shared.stores.nudges import NudgeStore
from shared.stores.roster_users import RosterUserStore
from shared.use_cases.pair_classes import PairClasses

LEASE = timedelta(minutes=10)
PAUSE = timedelta(hours=1)


class SendNudge:
    """Touches only what is due; cost grows with that, not with everybody."""

    def __init__(
        self,
        due: DueStore,
        links: LinkStore,
        nudges: NudgeStore,
        users: RosterUserStore,
        accounts: AccountStore,
        previous: PairClasses,
        left: RemainingClassesStore,
        districts: DistrictStore,
        mailer: Mailer,
        *,
        token_key: Callable[[], bytes],
        brand: Brand,
        clock: Clock,
    ) -> None:
        self._due = due
        self._links = links
        self._nudges = nudges
        self._users = users
        self._accounts = accounts
        self._previous = previous
        self._left = left
        self._districts = districts
        self._mailer = mailer
        self._token_key = token_key
        self._brand = brand
        self._clock = clock

    def run(self, until: datetime | None = None) -> Counter[str]:
        """Deal with everything that is due, and begin nothing from ``until`` on: that stays due.

        Answers how many were sent, moved, stopped, refused, unanswered, left alone.
        Left alone are teachers of whose classes none has gone over into a district class: they are looked at again later.

        Unanswered are those of which nobody can say whether they went out: they count as sent, since a second reminder
        annoys more than a missing one, and the next one comes on its own date.
        """
        counts: Counter[str] = Counter()
        for user, due_at, _ in self._due.due(NUDGE, self._clock()):
            if until and self._clock() >= until:
                break
            counts[self._one(user, due_at)] += 1
        return counts

    def _one(self, key: RosterUserKey, due_at: str) -> str:
        now = self._clock()
        link = self._links.of_user(key)
        user = self._users.get(key)
        district = self._districts.find(key.district_id)
        if not link or link.state is not LinkState.LINKED or not user or not district or user.role is not Role.TEACHER:
            self._due.remove(NUDGE, key, due_at)
            return "stopped"
        nudges = self._nudges.of_user(key)
        if nudges.due_at != due_at:
            # Another run dealt with it; what it left in the index is removed.
            self._due.remove(NUDGE, key, due_at)
            return "stopped"
        after = nudge_after(district, nudges.sent + 1, now)
        if nudges.under_way:
            self._nudges.move(key, due_at, after, sent_at=to_iso(now))
            return "unanswered"
        classes = still_about(self._accounts.owned_classes(*self._accounts.family_of(link.account_id)))
        if not classes or not user.active or not user.official_email:
            self._left.forget(key)
            self._nudges.move(key, due_at, None)
            return "stopped"
        allowed = next_allowed(district, now)
        if allowed > now:
            self._nudges.move(key, due_at, allowed)
            return "moved"
        paired = self._previous.paired(classes, user, district)
        named = [one for one in paired if one.verdict is not Verdict.LEFT_ALONE]
        self._left.note(user, len(named))
        if not named:
            self._nudges.move(key, due_at, look_again_at(district, now))
            return "left_alone"
        message = self._message(district, user, link.account_id, named)
        try:
            slot = self._mailer.slot()
        except MailRefused as later:
            self._nudges.move(key, due_at, next_allowed(district, later.until or now + PAUSE))
            return "refused"
        lease_until = now + LEASE
        if not self._nudges.move(key, due_at, lease_until, under_way=True):
            return "stopped"
        try:
            self._mailer.send(message, slot)
        except MailRefused:
            self._nudges.move(key, to_iso(lease_until), next_allowed(district, now + PAUSE))
            return "refused"
        except OutcomeUnknown:
            return "open"
        self._nudges.move(key, to_iso(lease_until), after, sent_at=to_iso(now))
        return "sent"

    def _message(self, district: District, user: RosterUser, account_id: str, paired: list[Pairing]) -> Message:
        language = language_for(district.locale)
        stop = f"{self._brand.web_url}/unsubscribe/{unsubscribe_token(district.district_id, account_id, self._token_key())}"
        return build(
            Kind.NUDGE,
            language,
            to=user.official_email or "",
            subject=translated(language, SUBJECTS[Kind.NUDGE], brand=self._brand.brand_name),
            brand=self._brand,
            stop=stop,
            name=user.display_name,
            obsolete=[_told(one) for one in paired if one.verdict is Verdict.OBSOLETE],
            asked=[_told(one) for one in paired if one.verdict is Verdict.ASK],
            address=f"{self._brand.web_url}/cleaning",
            support_url=district.support_url or self._brand.support_url,
        )


def _told(one: Pairing) -> dict[str, str | int]:
    """What the mail says of a class: its name, what is in it, where its students are."""
    return {
        "name": one.grassroots.name,
        "students": one.size,
        "goals": len(one.grassroots.goals),
        "assignments": len(one.grassroots.assignments),
        "moved": one.moved,
        "into": ", ".join(moved.into.title for moved in one.into),
    }
