"""One mail to each side of a link that was made or undone (B2).

Where nobody can say whether it went out it is sent once more: a warning that never came is worse than one that came twice, and
both say the same moment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from shared.domain.account import Account
from shared.domain.clock import Clock, from_iso
from shared.domain.district import District
from shared.domain.errors import OutcomeUnknown
from shared.domain.link import Link
from shared.domain.link_notice import Notice, addresses
from shared.domain.roster import RosterUser, RosterUserKey
from shared.mail.rendering import SUBJECTS, Kind, Message, build, translated
from shared.mail.ses import Mailer, MailRefused
from shared.runtime.i18n import language_for
from shared.runtime.masking import mask_email, mask_name
from shared.runtime.settings import Brand
from shared.runtime.tokens import notice_token
from shared.stores.accounts import AccountStore
from shared.stores.districts import DistrictStore
from shared.stores.links import LinkStore
from shared.stores.notices import NoticeStore, Taking
from shared.stores.roster_users import RosterUserStore

KINDS = {"AccountLinked": Kind.LINKED, "LinkUndone": Kind.UNDONE}
LEASE = timedelta(minutes=10)
"""Longer than a worker lives, and shorter than the queue waits before it brings an event again."""


class NotifyLinkChange:
    """Takes the events of the outbox; whom it tells, and of what, is read from the table."""

    def __init__(
        self,
        notices: NoticeStore,
        links: LinkStore,
        users: RosterUserStore,
        accounts: AccountStore,
        districts: DistrictStore,
        mailer: Mailer,
        *,
        token_key: Callable[[], bytes],
        brand: Brand,
        clock: Clock,
        count: Callable[[str], None] = lambda _metric: None,
    ) -> None:
        """``count`` is told the name of a metric when nobody can say whether a notice went out."""
        self._notices = notices
        self._links = links
        self._users = users
        self._accounts = accounts
        self._districts = districts
        self._mailer = mailer
        self._token_key = token_key
        self._brand = brand
        self._clock = clock
        self._count = count

    def tell(self, fact: str, detail: Mapping[str, Any]) -> int:
        """Answers how many were told now. A link that stands no more is not told of: its undo is, by its own event.

        Raises MailRefused when a mail may not go out now, OutcomeUnknown while it is open whether it did: the event is to come
        again. What becomes of one address does not keep the other one from being told.
        """
        kind = KINDS[fact]
        key = RosterUserKey(str(detail["district_id"]), str(detail["sourced_id"]))
        district, user = self._districts.find(key.district_id), self._users.get(key)
        account = self._accounts.get(str(detail["account_id"]))
        link = self._links.of_user(key)
        if district is None or user is None or account is None or link is None:
            return 0
        if kind is Kind.LINKED and not _is_the_link(link, detail):
            return 0
        told, put_off = 0, list[MailRefused | OutcomeUnknown]()
        for side, address in addresses(user, account).items():
            notice = Notice(str(detail["event_id"]), side, key, account.account_id)
            where = self._address_of(notice, link, address) if kind is Kind.LINKED else f"{self._brand.web_url}/home"
            message = self._message(kind, district, user, account, link, detail, to=address, where=where)
            try:
                told += self._send(notice, message)
            except (MailRefused, OutcomeUnknown) as later:
                put_off.append(later)
        if put_off:
            raise put_off[0]
        return told

    def _send(self, notice: Notice, message: Message) -> bool:
        """Whether it went out now. Raises MailRefused or OutcomeUnknown for what is to be tried when the event comes again; the
        turn is waited for before the notice is taken, so that a worker whose time is up while it waits has taken nothing."""
        slot = self._mailer.slot()
        self._mailer.wait(slot)
        now = self._clock()
        match self._notices.take(notice, now=now, lease=LEASE):
            case Taking.SETTLED:
                return False
            case Taking.UNANSWERED:
                self._count("LinkNoticesUnanswered")
                return False
            case Taking.UNDER_WAY:
                raise OutcomeUnknown("still_sending", "It is not known yet whether this notice went out.")
        try:
            self._mailer.send(message, slot)
        except MailRefused as refused:
            if refused.may_try_later:
                self._notices.give_back(notice, taken_at=now, lease=LEASE)
                raise
            self._notices.settle(notice, now=now)
            return False
        self._notices.settle(notice, now=now)
        return True

    def _address_of(self, notice: Notice, link: Link, address: str) -> str:
        return f"{self._brand.web_url}/notice/{notice_token(notice, link, address, self._token_key())}"

    def _message(
        self,
        kind: Kind,
        district: District,
        user: RosterUser,
        account: Account,
        link: Link,
        detail: Mapping[str, Any],
        *,
        to: str,
        where: str,
    ) -> Message:
        language = language_for(district.locale)
        moment = from_iso(str(detail["occurred_at"])).astimezone(district.zone)
        return build(
            kind,
            language,
            to=to,
            subject=translated(language, SUBJECTS[kind], brand=self._brand.brand_name),
            brand=self._brand,
            name=user.display_name,
            official_email=mask_email(user.official_email) or "",
            district=district.name,
            account_name=account.display_name,
            username=mask_name(account.username),
            email=mask_email(account.email) or "",
            proof=("rule" if link.by_rule else link.by or "") if kind is Kind.LINKED else "",
            day=moment.date(),
            time=f"{moment:%H:%M}",
            tags={"notice_of": str(detail["event_id"])},
            address=where,
            support_url=district.support_url or self._brand.support_url,
        )


def _is_the_link(link: Link, detail: Mapping[str, Any]) -> bool:
    """Whether the link is still the one that the event told of."""
    return link.is_linked and (link.account_id, link.linked_at) == (detail["account_id"], detail["occurred_at"])
