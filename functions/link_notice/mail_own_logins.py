"""Mails about own logins: the code that proves an address, and the notice that a login was added.

See docs/decisions/0117-a-student-may-add-an-own-login.md.

The pages look nothing up, so that they say the same of every address. Here it is decided whether an address gets a code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from functions.link_notice.notify_link_change import NoticeClaim
from shared.domain.account import Account
from shared.domain.clock import Clock, from_iso
from shared.domain.district import District
from shared.domain.errors import OutcomeUnknown
from shared.domain.link_notice import Notice, Side
from shared.domain.own_login import CODE_DIGITS, CODE_FOR, OwnLogin, address_login_id
from shared.mail import messages
from shared.mail.delivery import Delivery, Outcome, delivery_unknown
from shared.mail.mail_codes import MailCodes
from shared.mail.rendering import Kind, Message
from shared.mail.ses import Mailer, MailRefused
from shared.runtime.settings import Brand
from shared.runtime.tokens import own_code
from shared.stores.accounts import AccountStore
from shared.stores.districts import DistrictStore
from shared.stores.identifier_index import IdentifierIndex
from shared.stores.keys import user_of
from shared.stores.notices import NoticeStore
from shared.stores.own_logins import OwnLoginStore


class MailOwnLogins:
    """What is mailed, and to whom, is read from the table when it is sent."""

    def __init__(
        self,
        own_logins: OwnLoginStore,
        accounts: AccountStore,
        identifiers: IdentifierIndex,
        districts: DistrictStore,
        notices: NoticeStore,
        mailer: Mailer,
        codes: MailCodes,
        *,
        token_key: Callable[[], bytes],
        brand: Brand,
        clock: Clock,
    ) -> None:
        self._own_logins = own_logins
        self._accounts = accounts
        self._identifiers = identifiers
        self._districts = districts
        self._notices = notices
        # A second code is no harm, and its person waits for one that came: who got none asks again.
        self._code_delivery = Delivery(mailer, resend_unknown=False)
        self._notice_delivery = Delivery(mailer, resend_unknown=True, waits_first=True)
        self._codes = codes
        self._token_key = token_key
        self._brand = brand
        self._clock = clock

    def mail_code(self, detail: Mapping[str, Any]) -> bool:
        """Whether a mail went out now: with a code, or to the holder of an address that somebody else wants to add.

        Raises MailRefused where it may not go out yet: the request is to come again, while the code is good.
        """
        code_id = str(detail["event_id"])
        message = self._to_log_in(code_id, detail) if "login_id" in detail else self._to_add(code_id)
        if message is None:
            return False
        claim = _CodeClaim(self._own_logins, code_id, self._clock)
        return self._code_delivery.send(message, claim, is_urgent=True, is_security_notice=True) is Outcome.SENT

    def _to_log_in(self, code_id: str, detail: Mapping[str, Any]) -> Message | None:
        """None where there is no such own login: nobody is mailed whom nobody knows. The address is the stored one."""
        is_late = from_iso(str(detail["asked_at"])) <= self._clock() - CODE_FOR
        account = None if is_late else self._opened(str(detail["login_id"]))
        logins = self._own_logins.of(account.account_id) if account else []
        address = next((login.address for _, login in logins if login.login_id == detail["login_id"]), None)
        return self._with_code(code_id, address, None, str(detail["language"])) if address else None

    def _to_add(self, code_id: str) -> Message | None:
        """Without a code where the address opens another account: its holder is told."""
        code = self._own_logins.asked(code_id, self._clock())
        if code is None:
            return None
        district = self._districts.find(code.district_id) if code.district_id else None
        opened = self._opened(address_login_id(code.address))
        claims = self._identifiers.holders_of_address(code.address).accounts
        others = {claim.account_id for claim in claims if claim.is_verified} | (
            {opened.account_id} if opened else set()
        )
        if not others <= set(self._accounts.family_of(code.account_id)):
            return messages.own_taken(self._brand, district, to=code.address, language=code.language)
        return self._with_code(code_id, code.address, district, code.language)

    def _with_code(self, code_id: str, address: str, district: District | None, language: str) -> Message:
        digits = own_code(code_id, address, CODE_DIGITS, self._token_key())
        minutes = int(CODE_FOR.total_seconds()) // 60
        return messages.own_code(self._brand, district, to=address, digits=digits, minutes=minutes, language=language)

    def _opened(self, login_id: str) -> Account | None:
        account_id = self._own_logins.opened_by(login_id)
        account = self._accounts.get(account_id) if account_id else None
        return account if account and account.is_found else None

    def tell_of_added(self, detail: Mapping[str, Any]) -> int:
        """Tell the account's other addresses of a login that was added. Return how many were told now; raises as
        ``NotifyLinkChange.notify``."""
        account_id, user = str(detail["account_id"]), user_of(detail)
        account, district = self._accounts.get(account_id), self._districts.find(user.district_id)
        if account is None or district is None:
            return 0
        logins = [login for _, login in self._own_logins.of(*self._accounts.family(account))]
        added = next((login for login in logins if login.login_id == detail["login_id"]), None)
        if added is None:
            return 0
        told, failures = 0, list[MailRefused | OutcomeUnknown]()
        to = _others(account, logins, added)
        code = self._codes.of(district, Kind.OWN_ADDED) if to else ""
        for place, address in enumerate(to):
            event_id = f"{detail['event_id']}.{'abcdefgh'[place]}"
            message = messages.own_added(
                self._brand, district, to=address, login=added.name, event_id=event_id, code=code
            )
            try:
                told += self._tell(Notice(event_id, Side.OWN, user, account_id), message)
            except (MailRefused, OutcomeUnknown) as failure:
                failures.append(failure)
        if failures:
            raise failures[0]
        return told

    def _tell(self, notice: Notice, message: Message) -> bool:
        claim = NoticeClaim(self._notices, notice, self._notice_delivery.most_tries, self._clock)
        outcome = self._notice_delivery.send(message, claim, is_security_notice=True)
        if outcome in (Outcome.UNKNOWN, Outcome.UNDER_WAY):
            raise delivery_unknown()
        return outcome is Outcome.SENT


def _others(account: Account, logins: list[OwnLogin], added: OwnLogin) -> list[str]:
    """The account's own verified address, and those of its other own logins."""
    verified = [account.email] if account.email and account.email_verified else []
    own = [login.address for login in logins if login.address]
    return [address for address in dict.fromkeys((*verified, *own)) if address != added.address]


@dataclass(slots=True)
class _CodeClaim:
    """A code is mailed once; one that surely did not go out may be mailed again."""

    own_logins: OwnLoginStore
    code_id: str
    clock: Clock

    def take(self) -> Outcome | None:
        return None if self.own_logins.claim(self.code_id, self.clock()) else Outcome.SETTLED

    def release(self, refused: MailRefused) -> None:
        """What SES refused for good is over; anything else is to come again."""
        if refused.may_try_later:
            self.own_logins.release(self.code_id)
            raise refused

    def complete(self, _message_id: str = "", /) -> None:
        """Nothing is noted: it is claimed."""
