"""The way out of nudges and reminders, in one click (RFC 8058). Opening the page changes nothing."""

from __future__ import annotations

from functions.pages.dependencies import Services
from functions.pages.http import Reply, Request, page
from shared.domain.roster import RosterUserKey
from shared.runtime.tokens import stopped_activation_id, unsubscribed_account


class UnsubscribePages:
    """Ends the nudges of the account, or the reminders of the activation, that the token names."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def show(self, _request: Request, token: str) -> Reply:
        about = self._about(token)
        return page("mail_links/unsubscribe", status=200 if about else 404, about=about, done=False, token=token)

    def _about(self, token: str) -> str:
        if unsubscribed_account(token, self._services.token_key()):
            return "classes"
        return "invitation" if stopped_activation_id(token, self._services.token_key()) else ""

    def stop(self, _request: Request, token: str) -> Reply:
        if activation_id := stopped_activation_id(token, self._services.token_key()):
            if activation := self._services.activations.by_id(activation_id):
                self._services.activations.stop_reminders(activation)
            return page("mail_links/unsubscribe", about="invitation", done=True, token=token)
        found = unsubscribed_account(token, self._services.token_key())
        if found is None:
            return page("mail_links/unsubscribe", status=404, about="", done=False, token=token)
        district_id, account_id = found
        account = self._services.accounts.get(account_id)
        for link in self._services.links.of_account(*self._services.accounts.family(account)) if account else ():
            if link.user.district_id == district_id:
                self._services.nudges.stop(RosterUserKey(district_id, link.user.sourced_id))
        return page("mail_links/unsubscribe", about="classes", done=True, token=token)
