"""One mail to each side of a link that was made or undone: claimed, sent once, and never sent again (B2).

A notice may be missing where a worker died between the claim and the send; two would say that two things happened.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from shared.account import Account
from shared.clock import Clock, from_iso
from shared.district import District
from shared.errors import OutcomeUnknown
from shared.i18n import language_for
from shared.link import Link
from shared.link_notice import Notice, addresses, make_token
from shared.mail.mailer import Mailer, MailRefused
from shared.mail.message import SUBJECTS, Kind, Message, build, translated
from shared.roster import RosterUser, RosterUserKey
from shared.settings import Brand
from shared.stores.accounts import AccountStore
from shared.stores.districts import DistrictStore
from shared.stores.links import LinkStore
from shared.stores.notices import NoticeStore
from shared.stores.roster_users import RosterUserStore
from shared.veil import masked, veiled

KINDS = {"AccountLinked": Kind.LINKED, "LinkUndone": Kind.UNDONE}


class LinkNotices:
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
    ) -> None:
        self._notices = notices
        self._links = links
        self._users = users
        self._accounts = accounts
        self._districts = districts
        self._mailer = mailer
        self._token_key = token_key
        self._brand = brand
        self._clock = clock

    def tell(self, fact: str, detail: Mapping[str, Any]) -> int:
        """Answers how many were told now. A link that stands no more is not told of: its undo is, by its own event.

        Raises MailRefused when a mail may not go out now: the event is to come again. An address that SES refuses for good does
        not keep the other one from being told.
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
        told, put_off = 0, []
        for side, address in addresses(user, account).items():
            notice = Notice(str(detail["event_id"]), side, key, account.account_id)
            where = self._address_of(notice, link, address) if kind is Kind.LINKED else f"{self._brand.web_url}/home"
            message = self._message(kind, district, user, account, link, detail, to=address, where=where)
            try:
                told += self._send(notice, message)
            except MailRefused as refused:
                put_off.append(refused)
        if put_off:
            raise put_off[0]
        return told

    def _send(self, notice: Notice, message: Message) -> bool:
        """Once at most. Raises MailRefused for what may be sent when the event comes again; the turn is waited for before the
        claim, so that a worker whose time is up while it waits has claimed nothing."""
        turn = self._mailer.turn()
        self._mailer.wait(turn)
        if not self._notices.claim(notice, now=self._clock()):
            return False
        try:
            self._mailer.send(message, turn)
        except MailRefused as refused:
            if not refused.may_try_later:
                return False
            self._notices.release(notice)
            raise
        except OutcomeUnknown:
            return False
        return True

    def _address_of(self, notice: Notice, link: Link, address: str) -> str:
        return f"{self._brand.web_url}/notice/{make_token(notice, link, address, self._token_key())}"

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
            official_email=masked(user.official_email) or "",
            district=district.name,
            account_name=account.display_name,
            username=veiled(account.username),
            email=masked(account.email) or "",
            proof=("rule" if link.by_rule else link.by or "") if kind is Kind.LINKED else "",
            day=moment.date(),
            time=f"{moment:%H:%M}",
            address=where,
            support_url=district.support_url or self._brand.support_url,
        )


def _is_the_link(link: Link, detail: Mapping[str, Any]) -> bool:
    """Whether the link is still the one that the event told of."""
    return link.is_linked and (link.account_id, link.linked_at) == (detail["account_id"], detail["occurred_at"])
