"""The way out of nudges and reminders, in one click (RFC 8058). Opening the page changes nothing."""

from __future__ import annotations

from typing import Literal

from functions.pages.dependencies import Services
from functions.pages.http import Reply, Request, page
from shared.runtime.tokens import stopped_activation_id, unsubscribed_account


class UnsubscribePages:
    """Ends the nudges of the account, or the reminders of the activation, that the token names."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def show(self, _request: Request, token: str) -> Reply:
        if unsubscribed_account(token, self._services.token_keys()):
            return self._page(token, "classes")
        if stopped_activation_id(token, self._services.token_keys()):
            return self._page(token, "invitation")
        return self._unknown(token)

    def stop(self, _request: Request, token: str) -> Reply:
        if activation_id := stopped_activation_id(token, self._services.token_keys()):
            if activation := self._services.activations.by_id(activation_id):
                self._services.activations.stop_reminders(activation)
            return self._page(token, "invitation", done=True)
        named = unsubscribed_account(token, self._services.token_keys())
        if named is None:
            return self._unknown(token)
        self._stop_nudges(*named)
        return self._page(token, "classes", done=True)

    def _stop_nudges(self, district_id: str, account_id: str) -> None:
        account = self._services.accounts.get(account_id)
        links = self._services.links.of_account(*self._services.accounts.family(account)) if account else []
        for link in links:
            if link.user.district_id == district_id:
                self._services.nudges.stop(link.user)

    @staticmethod
    def _page(token: str, about: Literal["classes", "invitation"], *, done: bool = False) -> Reply:
        return page("mail_links/unsubscribe", about=about, done=done, token=token)

    @staticmethod
    def _unknown(token: str) -> Reply:
        return page("mail_links/unsubscribe", status=404, about="", done=False, token=token)
