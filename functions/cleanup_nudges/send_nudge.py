"""Send the nudges that are due: one for each due date, however often the schedule fires (M17, B4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain.activation import SETTLED_WITHIN, may_be_mailed
from shared.domain.clock import Clock, to_iso
from shared.domain.district import District
from shared.domain.link import LinkState
from shared.domain.nudge import left_to_clean_up, look_again_at, nudge_after
from shared.domain.pairing import Pairing, Verdict
from shared.domain.roster import Role, RosterUser, RosterUserKey
from shared.domain.school_calendar import next_allowed
from shared.mail import messages
from shared.mail.delivery import Delivery, Outcome
from shared.mail.mail_codes import MailCodes
from shared.mail.messages import NudgedClass
from shared.mail.recipient_cap import RecipientCap
from shared.mail.rendering import Kind, Message
from shared.mail.ses import Mailer, MailRefused
from shared.runtime.settings import Brand
from shared.runtime.tokens import unsubscribe_token
from shared.stores.accounts import AccountStore
from shared.stores.digests import RemainingClassesStore
from shared.stores.districts import DistrictStore
from shared.stores.due_items import NUDGE, UNTOLD, DueStore
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
        remaining: RemainingClassesStore,
        districts: DistrictStore,
        mailer: Mailer,
        codes: MailCodes,
        *,
        token_key: Callable[[], bytes],
        brand: Brand,
        recipients: RecipientCap,
        clock: Clock,
    ) -> None:
        self._recipients = recipients
        self._due = due
        self._links = links
        self._nudges = nudges
        self._users = users
        self._accounts = accounts
        self._previous = previous
        self._remaining = remaining
        self._districts = districts
        self._delivery = Delivery(mailer, resend_unknown=False)
        self._codes = codes
        self._token_key = token_key
        self._brand = brand
        self._clock = clock

    def run(self, until: datetime | None = None) -> Counter[Outcome]:
        """Deal with everything that is due, and begin nothing from ``until`` on: that stays due. Return how many had which outcome.

        UNANSWERED counts as sent: a second nudge annoys more than a missing one, and the next one comes on its own date.
        NOTHING_TO_SAY is for teachers of whose classes none has gone over into a district class.
        """
        counts: Counter[Outcome] = Counter()
        for user, due_at, _ in self._due.due(NUDGE, self._clock()):
            if until and self._clock() >= until:
                break
            counts[self._send(user, due_at)] += 1
        return counts

    def _send(self, key: RosterUserKey, due_at: str) -> Outcome:
        now = self._clock()
        link = self._links.of_user(key)
        user = self._users.get(key)
        district = self._districts.find(key.district_id)
        if not link or link.state is not LinkState.LINKED or not user or not district or user.role is not Role.TEACHER:
            self._due.remove(NUDGE, key, due_at)
            return Outcome.NOT_NEEDED
        nudges = self._nudges.of_user(key)
        if nudges.due_at != due_at:
            # Another run dealt with it; what it left in the index is removed.
            self._due.remove(NUDGE, key, due_at)
            return Outcome.SETTLED
        claim = _NudgeClaim(user, district, self._nudges, self._due, self._recipients, nudges.sent, due_at, now)
        if nudges.under_way and not self._delivery.resend_unknown:
            claim.complete()
            return Outcome.UNANSWERED
        classes = left_to_clean_up(self._accounts.classes.owned(*self._accounts.family_of(link.account_id)))
        if not classes or not may_be_mailed(user):
            self._remaining.forget(key)
            self._nudges.move(key, due_at, None, cleaned_up=not classes)
            return Outcome.NOT_NEEDED
        allowed = next_allowed(district, now)
        if allowed > now:
            self._nudges.move(key, due_at, allowed)
            return Outcome.POSTPONED
        paired = self._previous.paired(classes, user, district)
        named = [pairing for pairing in paired if pairing.verdict is not Verdict.LEFT_ALONE]
        self._remaining.note(user, len(named))
        if not named:
            self._nudges.move(key, due_at, look_again_at(district, now))
            return Outcome.NOTHING_TO_SAY
        return self._delivery.send(self._message(district, user, link.account_id, named), claim)

    def _message(self, district: District, user: RosterUser, account_id: str, paired: list[Pairing]) -> Message:
        token = unsubscribe_token(district.district_id, account_id, self._token_key())
        return messages.nudge(
            self._brand,
            district,
            to=user.official_email or "",
            name=user.display_name,
            obsolete=[_nudged(pairing) for pairing in paired if pairing.verdict is Verdict.OBSOLETE],
            asked=[_nudged(pairing) for pairing in paired if pairing.verdict is Verdict.ASK],
            stop=f"{self._brand.web_url}/unsubscribe/{token}",
            code=self._codes.of(district, Kind.NUDGE),
        )


@dataclass(slots=True)
class _NudgeClaim:
    """While a nudge is under way, it is due again at the end of its lease."""

    user: RosterUser
    district: District
    nudges: NudgeStore
    due: DueStore
    recipients: RecipientCap
    sent: int
    due_at: str
    now: datetime

    def take(self) -> Outcome | None:
        """As ``Claim``. Raises MailRefused where its address had its mails for today."""
        self.recipients.count(self.district.district_id, self.user.official_email or "")
        lease_until = self.now + LEASE
        if not self.nudges.move(self.user.key, self.due_at, lease_until, under_way=True):
            return Outcome.SETTLED
        self.due_at = to_iso(lease_until)
        return None

    def release(self, refused: MailRefused) -> None:
        again = next_allowed(self.district, refused.until or self.now + PAUSE)
        self.nudges.move(self.user.key, self.due_at, again)

    def complete(self, message_id: str = "", /) -> None:
        if message_id:
            self.due.add(UNTOLD, self.user.key, self.now + SETTLED_WITHIN, message_id=message_id)
        next_at = nudge_after(self.district, self.sent + 1, self.now)
        self.nudges.move(self.user.key, self.due_at, next_at, sent_at=to_iso(self.now))


def _nudged(pairing: Pairing) -> NudgedClass:
    return NudgedClass(
        name=pairing.grassroots.name,
        students=pairing.size,
        goals=len(pairing.grassroots.goals),
        assignments=len(pairing.grassroots.assignments),
        moved=pairing.moved,
        into=", ".join(moved.into.title for moved in pairing.into),
    )
