"""From the notice of a link to its undo (B2). The mail alone undoes nothing: the person types the address that it came to."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from functions.pages import limits
from functions.pages.dependencies import Services
from functions.pages.http import NOTICE_COOKIE, Reply, Request, page, see_other
from shared.domain.account import Account
from shared.domain.clock import from_iso, to_iso
from shared.domain.district import District
from shared.domain.email_address import normalise
from shared.domain.errors import RefusedTransition
from shared.domain.link import Link
from shared.domain.link_notice import Notice, addresses
from shared.domain.roster import RosterUser
from shared.runtime.i18n import long_date
from shared.runtime.masking import mask_email, mask_name
from shared.runtime.tokens import is_notice_token, notice_id_of
from shared.stores.audit import Actor

_COOKIE_SECONDS = 3600

type Problem = Literal["unknown", "gone"]


@dataclass(frozen=True, slots=True)
class NoticedLink:
    """The link that a notice is about, as it stands now; ``address`` is where the notice went."""

    notice: Notice
    address: str
    user: RosterUser
    account: Account
    link: Link
    district: District


@dataclass(frozen=True, slots=True)
class OfficialSide:
    """The person on the roster, with the address masked."""

    name: str
    email: str | None


@dataclass(frozen=True, slots=True)
class AccountSide:
    """The account, with username and address masked."""

    name: str
    username: str
    email: str | None


class NoticePages:
    """Shows what was linked, and undoes it for whoever owns the address.

    See docs/decisions/0020-an-undo-from-the-mail-needs-the-address.md.
    """

    def __init__(self, services: Services) -> None:
        self._services = services

    def arrive(self, request: Request, token: str) -> Reply:
        """Take the token out of the address before anything else is loaded.

        What proves nothing is counted, for the limit; the true address never is, so that nobody can lock out its owner.
        """
        noticed = self._noticed(token)
        if not isinstance(noticed, NoticedLink):
            named = notice_id_of(token)
            counted = named[0] if named and noticed == "gone" else request.place
            self._services.rate_limiter.hit(limits.NOTICE, counted)
            return _sorry(noticed)
        return see_other("/notice", **{NOTICE_COOKIE: self._services.sealed("notice").seal({"token": token})})

    def show(self, request: Request) -> Reply:
        """Both sides, and the field for the address; without the cookie it says how to go on."""
        token = self._token(request)
        if token is None:
            return page("mail_links/notice_gone", problem="no_cookie")
        noticed = self._noticed(token)
        if not isinstance(noticed, NoticedLink):
            return _sorry(noticed)
        linked_at = from_iso(noticed.link.linked_at or "").astimezone(noticed.district.zone)
        return page(
            "mail_links/notice",
            audience=noticed.district,
            district=noticed.district.name,
            official=OfficialSide(noticed.user.display_name, mask_email(noticed.user.official_email)),
            existing=AccountSide(
                noticed.account.display_name,
                mask_name(noticed.account.username),
                mask_email(noticed.account.email),
            ),
            day=long_date(request.language(noticed.district.locale), linked_at.date()),
        )

    def undo(self, request: Request) -> Reply:
        """`Undo the link`: a robot that presses buttons does not know the address, and the reply is the same for all."""
        token = self._token(request)
        if token is None:
            return see_other("/notice")
        noticed = self._noticed(token)
        if not isinstance(noticed, NoticedLink):
            return _sorry(noticed)
        self._services.rate_limiter.hit(limits.NOTICE_UNDO_FROM, f"{noticed.notice.notice_id} {request.place}")
        self._services.rate_limiter.hit(limits.NOTICE_UNDO, noticed.notice.notice_id)
        if normalise(request.form.get("email", "")) == noticed.address:
            with suppress(RefusedTransition):
                self._services.links.undo(
                    noticed.link.user,
                    account_id=noticed.link.account_id,
                    event_id=self._services.new_id(),
                    now=self._services.clock(),
                    actor=Actor.NOTICE,
                )
        return page("mail_links/notice_gone", audience=noticed.district, problem="asked")

    def _token(self, request: Request) -> str | None:
        opened = self._services.sealed("notice").open(request.cookies.get(NOTICE_COOKIE), _COOKIE_SECONDS)
        return opened["token"] if opened else None

    def _noticed(self, token: str) -> NoticedLink | Problem:
        """The link of this token's notice; else ``unknown``, or ``gone``: undone, another link by now, or too old."""
        named = notice_id_of(token)
        notice = self._services.notices.find(*named) if named else None
        if notice is None:
            return "unknown"
        user, link = self._person(notice)
        account = self._services.accounts.get(notice.account_id)
        district = self._services.districts.find(notice.user.district_id)
        address = addresses(user, account).get(notice.side)
        if not (link and link.is_linked and user and account and district and address):
            return "gone"
        is_old = not link.may_be_undone(to_iso(self._services.clock()))
        is_another = link.account_id != notice.account_id
        if is_old or is_another or not is_notice_token(token, notice, link, address, self._services.token_keys()):
            return "gone"
        return NoticedLink(notice, address, user, account, link, district)

    def _person(self, notice: Notice) -> tuple[RosterUser | None, Link | None]:
        """Whom the notice is about, under the number that they have now, and their link."""
        user = self._services.users.get(notice.user)
        key = notice.user if user else self._services.users.present_key(notice.user)
        link = self._services.links.of_user(key)
        if link is None or link.account_id != notice.account_id:
            # The link followed its person to another number, and this one may be somebody else's (M19).
            moved = self._services.links.person_linked_to(notice.account_id, notice.user.district_id)
            if moved and moved != key:
                return self._services.users.get(moved), self._services.links.of_user(moved)
        return user or self._services.users.get(key), link


def _sorry(problem: Problem) -> Reply:
    return page("mail_links/notice_gone", status=404 if problem == "unknown" else 410, problem=problem)
