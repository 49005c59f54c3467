"""The way out of nudges, in one click (RFC 8058). Opening the page changes nothing."""

from __future__ import annotations

from functions.pages.services import Services
from functions.pages.web import Reply, page
from shared.nudge import unsubscribed
from shared.roster import RosterUserKey


class Unsubscribe:
    """Ends the nudges of the account that the token names."""

    def __init__(self, services: Services) -> None:
        self._s = services

    def show(self, token: str) -> Reply:
        known = unsubscribed(token, self._s.token_key()) is not None
        return page("unsubscribe", status=200 if known else 404, known=known, done=False, token=token)

    def stop(self, token: str) -> Reply:
        found = unsubscribed(token, self._s.token_key())
        if found is None:
            return page("unsubscribe", status=404, known=False, done=False, token=token)
        district_id, account_id = found
        for link in self._s.links.of_account(account_id):
            if link.user.district_id == district_id:
                self._s.links.stop_nudges(RosterUserKey(district_id, link.user.sourced_id))
        return page("unsubscribe", known=True, done=True, token=token)
