"""Who may log in, and to which account."""

from __future__ import annotations

from typing import Protocol

from shared.domain.account import Account
from shared.domain.errors import LoginRefused
from shared.stores.accounts import AccountStore
from shared.stores.keys import is_an_id


class PlatformLogin(Protocol):
    """Where the passwords live. Both return an account id, or None; both raise LoginRefused ``platform_unreachable``."""

    def account_of(self, username: str, password: str) -> str | None:
        """The account that this username and password log into."""

    def account_named(self, username: str) -> str | None:
        """The account of this username, whose owner forgot the password."""


class MigrateUser:
    """The platform says whose login it is; the accounts feed has to know that account under that username.

    So neither a mistake of the platform nor a response that is not its own lets anybody into an account of another name.
    """

    def __init__(self, platform: PlatformLogin, accounts: AccountStore) -> None:
        self._platform = platform
        self._accounts = accounts

    def at_login(self, username: str, password: str) -> dict[str, str]:
        """The attributes of the new user. Raises LoginRefused."""
        return _attributes(self._account(username, self._platform.account_of(username, password)))

    def at_forgotten_password(self, username: str) -> dict[str, str]:
        """The attributes of the new user: the code goes to the account's verified address, or nobody gets one.

        Raises LoginRefused.
        """
        account = self._account(username, self._platform.account_named(username))
        if not account.email_verified:
            raise LoginRefused("no_verified_address", "There is no address that a code could be sent to.")
        return _attributes(account)

    def _account(self, username: str, account_id: str | None) -> Account:
        account = self._accounts.get(account_id) if account_id and is_an_id(account_id) else None
        if account is None or account.username.casefold() != username.casefold():
            raise LoginRefused("unknown_account", "The accounts feed knows no such account of this username.")
        return account


def _attributes(account: Account) -> dict[str, str]:
    attributes = {"custom:account_id": account.account_id}
    if account.email and account.email_verified:
        attributes |= {"email": account.email, "email_verified": "true"}
    return attributes
