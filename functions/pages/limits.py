"""Every rate limit of the pages (docs/security.md). ``kind`` is part of the counter's key.

A place is an IPv4 address or an IPv6 network of 64 bits (``Request.place``): one line, however many addresses it has.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from shared.stores.rate_limits import Limit

_QUARTER, _HOUR, _DAY = timedelta(minutes=15), timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class AccountLimit:
    """Tries at one account, by whichever of its names: few from one place, more from anywhere.

    A browser in which its owner has logged in before has tries of its own, so no stranger can use them up
    (``functions/pages/login/known_browser.py``).
    """

    at_place: Limit
    anywhere: Limit
    known_browser: Limit

    @classmethod
    def of(cls, kind: str, at_place: int, anywhere: int, within: timedelta) -> AccountLimit:
        """``known_browser`` has as many tries as a place."""
        return cls(
            Limit(kind, at_place, within), Limit(kind, anywhere, within), Limit(f"{kind}_known", at_place, within)
        )


LOGIN = AccountLimit.of("login", 10, 100, _QUARTER)
LOGIN_FROM = Limit("login_from", 5000, _QUARTER)
"""From one place: a school of 1,500 may share it, all of whom log in within ten minutes."""
LOGIN_CODE = AccountLimit.of("login_code", 5, 20, _QUARTER)
"""Answers to a second factor."""
FIND_DISTRICT = Limit("find_district", 5000, _QUARTER)
"""Questions for a district's login, from one place: as many as logins."""
DISTRICT_LOGIN = Limit("district_login", 1_000_000, _QUARTER, parts=16)
"""Of one district: one of a million students that begins its day within half an hour stays below (docs/morning.md)."""
FORGOTTEN = AccountLimit.of("forgotten", 5, 20, _HOUR)
"""Codes for a new password."""
FORGOTTEN_FROM = Limit("forgotten_from", 300, _HOUR)
"""Codes for a new password, from one place."""
NEW_PASSWORD = AccountLimit.of("new_password", 5, 20, _QUARTER)
"""Tries of such a code."""

ACTIVATION = Limit("activation", 300, _HOUR)
"""Wrong addresses of an activation mail: of one activation, or from one place."""
NOTICE = Limit("notice", 300, _HOUR)
"""Wrong addresses of a notice: of one notice, or from one place."""
MAIL_CODE = Limit("mail_code", 300, _HOUR)
"""Short codes of mails that are looked up, from one place: a school's whole staff may share it."""

# What somebody types who has to know the mail's address: few tries from one place, more from anywhere, so that a robot
# that presses buttons does not use up the tries of the mail's owner.
ANOTHER_MAIL_FROM = Limit("another_mail_from", 5, _DAY)
ANOTHER_MAIL = Limit("another_mail", 50, _DAY)
NOTICE_UNDO_FROM = Limit("notice_undo_from", 5, _DAY)
NOTICE_UNDO = Limit("notice_undo", 50, _DAY)

CLASS_CODE = Limit("class_code", 5, _QUARTER)
"""Codes that one student types: of a million codes, each good for ten minutes."""

OWN_CODE = AccountLimit.of("own_code", 5, 20, _HOUR)
"""Codes for a login by an own address, by that address."""
OWN_CODE_FROM = Limit("own_code_from", 300, _HOUR)
"""The same, from one place."""
OWN_CODE_TRY = Limit("own_code_try", 5, _QUARTER)
"""Tries of one such code: of a hundred million, each good for 15 minutes in the browser that asked."""
OWN_ADDRESS = Limit("own_address", 5, _DAY)
"""Addresses that one account wants to add."""
OWN_ADDRESS_TO = Limit("own_address_to", 3, _DAY)
"""Codes to one address that somebody wants to add, whoever asks: it may be a stranger's."""
OWN_ADDRESS_IN = Limit("own_address_in", 5_000, _DAY)
"""Such codes, for all students of one district."""

DOWNLOAD = Limit("download", 60, _HOUR)
"""Of one account."""
CONSOLE_SEARCH = Limit("console_search", 2_000, _HOUR)
"""Of one district."""
DECISION = Limit("decision", 200, _HOUR)
"""Of one district, about its imports."""
FETCH = Limit("fetch", 20, _HOUR)
"""Fetches of one district's roster that are asked for on its console."""
INVITE_AGAIN = Limit("invite_again", 500, _DAY)
"""Of one district, by its administrators."""
CORRECTION = Limit("correction", 50, _DAY)
"""Addresses of invitations, of one district, by its administrators."""
