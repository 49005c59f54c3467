"""One mail to each side of a link that was made or undone (B2).

One whose delivery is unknown is sent once more: a warning that never came is worse than one that came twice, and both say the
same moment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from shared.domain.account import Account
from shared.domain.clock import Clock, from_iso
from shared.domain.district import District
from shared.domain.errors import OutcomeUnknown
from shared.domain.link import Link, Proof
from shared.domain.link_notice import Notice, Side, addresses
from shared.domain.roster import RosterUser, RosterUserKey
from shared.mail import messages
from shared.mail.delivery import Delivery, Outcome, delivery_unknown
from shared.mail.mail_codes import MailCodes
from shared.mail.messages import BothSides
from shared.mail.rendering import Kind, Message
from shared.mail.ses import Mailer, MailRefused
from shared.runtime.masking import mask_email, mask_name
from shared.runtime.settings import Brand
from shared.runtime.tokens import notice_token
from shared.stores.accounts import AccountStore
from shared.stores.districts import DistrictStore
from shared.stores.keys import user_of
from shared.stores.links import LinkStore
from shared.stores.notices import ClaimResult, NoticeStore
from shared.stores.roster_users import RosterUserStore

LINKED, UNDONE, ADOPTED = "AccountLinked", "LinkUndone", "LoginAdopted"
"""The events of links that somebody is told of, by their detail type."""
EVENTS = (LINKED, UNDONE, ADOPTED)
LEASE = timedelta(minutes=10)
"""Longer than a worker lives, and shorter than the queue waits before it brings an event again."""


class NotifyLinkChange:
    """Takes the events of the outbox; whom it notifies, and of what, is read from the table."""

    def __init__(
        self,
        notices: NoticeStore,
        links: LinkStore,
        users: RosterUserStore,
        accounts: AccountStore,
        districts: DistrictStore,
        mailer: Mailer,
        codes: MailCodes,
        *,
        token_key: Callable[[], bytes],
        brand: Brand,
        clock: Clock,
        count: Callable[[str], None] = lambda _metric: None,
    ) -> None:
        """``count`` gets the name of a metric when the delivery of a notice stays unknown."""
        self._notices = notices
        self._links = links
        self._users = users
        self._accounts = accounts
        self._districts = districts
        self._delivery = Delivery(mailer, resend_unknown=True, waits_first=True)
        self._codes = codes
        self._token_key = token_key
        self._brand = brand
        self._clock = clock
        self._count = count

    def notify(self, event_type: str, detail: Mapping[str, Any]) -> int:
        """Return how many were notified now. A link that is gone is skipped: its undo has an event of its own.

        Raises MailRefused when a mail may not go out now, OutcomeUnknown while its delivery is unknown: the event is to come
        again. What becomes of one address does not keep the other one from being notified.
        """
        district = self._districts.find(user_of(detail).district_id)
        account = self._accounts.get(str(detail["account_id"]))
        key, user, link = self._of_event(detail)
        if district is None or user is None or account is None or link is None:
            return 0
        is_linked = event_type != UNDONE
        if is_linked and not _is_the_link(link, event_type, detail):
            return 0
        sides = _sides(user, account, district, detail)
        told = addresses(user, account, by_code=link.vouched_in is not None)
        if event_type == ADOPTED:
            # Whoever has the official address has that login.
            told = {side: address for side, address in told.items() if side is Side.OWN}
        if not is_linked and (link.is_ended or link.account_id != account.account_id):
            # The number is somebody else's by now, who is not told of the one before, nor the other way round.
            person = link.proofs.person if link.is_ended and link.proofs else None
            name = f"{person.given_name} {person.family_name}" if person else account.display_name
            sides = replace(sides, name=name, official_email="")
            told = {side: address for side, address in told.items() if side is Side.OWN}
        proof = _proof(link, event_type)
        code = self._codes.of(district, Kind.LINKED if is_linked else Kind.UNDONE) if told else ""
        notified, failures = 0, list[MailRefused | OutcomeUnknown]()
        for side, address in told.items():
            notice = Notice(str(detail["event_id"]), side, key, account.account_id)
            if is_linked:
                undo = f"{self._brand.web_url}/notice/{notice_token(notice, link, address, self._token_key())}"
                message = messages.linked(
                    self._brand, district, to=address, sides=sides, proof=proof, link=undo, code=code
                )
            else:
                message = messages.undone(self._brand, district, to=address, sides=sides, code=code)
            try:
                notified += self._send(notice, message)
            except (MailRefused, OutcomeUnknown) as failure:
                failures.append(failure)
        if failures:
            raise failures[0]
        return notified

    def _of_event(self, detail: Mapping[str, Any]) -> tuple[RosterUserKey, RosterUser | None, Link | None]:
        """Whom an event is about, under the number that they have now, and their link. The number that it names may be another
        person's since, who changed places with this one (B11)."""
        key = user_of(detail)
        user = self._users.get(key)
        if user is None and (present := self._users.present_key(key)) != key:
            key, user = present, self._users.get(present)
        link, account_id = self._links.of_user(key), str(detail["account_id"])
        if link is None or link.account_id != account_id:
            moved = self._links.last_person_of(account_id, key.district_id)
            found = self._links.of_user(moved) if moved and moved != key else None
            if moved and found and found.account_id == account_id:
                return moved, self._users.get(moved), found
        return key, user, link

    def _send(self, notice: Notice, message: Message) -> bool:
        """Whether it went out now. Raises MailRefused or OutcomeUnknown for what is to be tried when the event comes again."""
        claim = NoticeClaim(self._notices, notice, self._delivery.most_tries, self._clock)
        outcome = self._delivery.send(message, claim, is_security_notice=True)
        if outcome in (Outcome.UNKNOWN, Outcome.UNDER_WAY):
            raise delivery_unknown()
        if outcome is Outcome.UNANSWERED:
            self._count("LinkNoticesUnanswered")
        return outcome is Outcome.SENT


@dataclass(slots=True)
class NoticeClaim:
    """Each notice is an item of its own, with a lease and a number of tries."""

    notices: NoticeStore
    notice: Notice
    most_tries: int
    clock: Clock
    claimed_at: datetime | None = None

    def take(self) -> Outcome | None:
        now = self.clock()
        result = self.notices.claim(self.notice, now=now, lease=LEASE, most_tries=self.most_tries)
        if result is not ClaimResult.CLAIMED:
            return Outcome(result.value)
        self.claimed_at = now
        return None

    def release(self, refused: MailRefused) -> None:
        """What SES refused for good is settled: the event would come again for nothing."""
        if not refused.may_try_later:
            self.complete()
            return
        if self.claimed_at:
            self.notices.release(self.notice, claimed_at=self.claimed_at, lease=LEASE)
        raise refused

    def complete(self, _message_id: str = "", /) -> None:
        self.notices.complete(self.notice, now=self.claimed_at or self.clock())


def _proof(link: Link, event_type: str) -> Proof | Literal["rule", "adopted", "made"] | None:
    """How the mail says that it is the person: an account that was made at the district login was never logged into."""
    if event_type == ADOPTED:
        return "adopted"
    if link.is_made:
        return "made"
    return "rule" if link.by_rule else link.by


def _sides(user: RosterUser, account: Account, district: District, detail: Mapping[str, Any]) -> BothSides:
    return BothSides(
        event_id=str(detail["event_id"]),
        name=user.display_name,
        official_email=mask_email(user.official_email) or "",
        account_name=account.display_name,
        username=mask_name(account.username),
        email=mask_email(account.email) or "",
        moment=from_iso(str(detail["occurred_at"])).astimezone(district.zone),
    )


def _is_the_link(link: Link, event_type: str, detail: Mapping[str, Any]) -> bool:
    """Whether the link is still the one that the event is about: as it was made, or as it adopted a login."""
    since = link.adopted_at if event_type == ADOPTED else link.linked_at
    return link.is_linked and (link.account_id, since) == (detail["account_id"], detail["occurred_at"])
