"""Own logins of accounts, and the codes that are mailed for them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from shared.domain.clock import from_iso, to_iso
from shared.domain.errors import Conflict
from shared.domain.link import Link
from shared.domain.own_login import CODE_FOR, OwnLogin, Way, ends_with
from shared.domain.roster import RosterUserKey
from shared.stores.keys import (
    OWN_LOGINS,
    Item,
    Key,
    account_pk,
    ids_of,
    logins_key,
    opened_by_own_key,
    own_code_key,
    own_login_key,
)
from shared.stores.outbox import event_item
from shared.stores.table import ABSENT, PRESENT, Delete, DynamoTable, Put, Table, Update, Write


@dataclass(frozen=True, slots=True)
class AskedCode:
    """A code that somebody asked for, to add an address to an account.

    The code itself is not stored: it follows from the id and a key (``shared.runtime.tokens.own_code``).
    """

    code_id: str
    address: str
    begun_at: str
    account_id: str
    district_id: str = ""
    """Whose words and support the mail has; empty for those of the platform."""
    language: str = "en"

    def is_good(self, now: datetime) -> bool:
        return from_iso(self.begun_at) > now - CODE_FOR


class OwnLoginStore:
    """``ACCOUNT#a`` / ``OWN_LOGIN#id``, and ``OWN#id`` that names the account."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = Table(table)

    def of(self, *account_ids: str) -> list[tuple[str, OwnLogin]]:
        """The own logins of these accounts, each with its account, the oldest first."""
        found = [
            (account_id, own_login_of(item))
            for account_id in account_ids
            for item in self._table.query(account_pk(account_id), OWN_LOGINS)
        ]
        return sorted(found, key=lambda each: (each[1].added_at, each[1].login_id))

    def opened_by(self, login_id: str) -> str | None:
        """The account that this own login opens."""
        item = self._table.get(opened_by_own_key(login_id))
        return str(item["account_id"]) if item else None

    def add(
        self, account_id: str, login: OwnLogin, user: RosterUserKey, also: Write, event_id: str, now: datetime
    ) -> None:
        """Add a login, with its event and ``also`` in one transaction. Raises Conflict where it opens an account already."""
        opens = {**opened_by_own_key(login.login_id), "account_id": account_id}
        is_linked = self._table.get(logins_key(account_id)) is not None
        trusted = Update(logins_key(account_id)).add(shown={login.login_id}).when(PRESENT)
        self._table.write(
            Put(_item(account_id, login)).when(ABSENT),
            Put(opens).when(ABSENT),
            *([trusted] if is_linked else []),
            also,
            Put(event_item(event_id, "OwnLoginAdded", _detail(account_id, login, user), now)),
            otherwise=Conflict("login_taken", "This login opens an account already."),
        )

    def remove(
        self,
        account_id: str,
        login: OwnLogin,
        user: RosterUserKey | None,
        also: list[Write],
        event_id: str,
        now: datetime,
    ) -> bool:
        """Whether it was removed now, with its event and ``also`` in one transaction."""
        return self._table.attempt(
            Delete(own_login_key(account_id, login.login_id)).when(PRESENT),
            Delete(opened_by_own_key(login.login_id)),
            *also,
            Put(event_item(event_id, "OwnLoginRemoved", _detail(account_id, login, user), now)),
        )

    # Codes

    def ask(self, code: AskedCode) -> None:
        """Note that a code was asked for; it is kept for as long as it is good."""
        ends = from_iso(code.begun_at) + CODE_FOR
        self._table.write(
            Put(
                {
                    **own_code_key(code.code_id),
                    "address": code.address,
                    "begun_at": code.begun_at,
                    "account_id": code.account_id,
                    "district_id": code.district_id or None,
                    "language": code.language,
                    "ttl": int(ends.timestamp()),
                }
            )
        )

    def asked(self, code_id: str, now: datetime) -> AskedCode | None:
        """The code that was asked for, while it is good."""
        item = self._table.get(own_code_key(code_id))
        code = _asked_code(code_id, item) if item and "address" in item else None
        return code if code and code.is_good(now) else None

    def claim(self, code_id: str, now: datetime) -> bool:
        """Whether this worker is the one that mails the code, noted or not."""
        update = Update(own_code_key(code_id)).set(claimed_at=to_iso(now), ttl=int((now + CODE_FOR).timestamp()))
        return self._table.attempt(update.when("attribute_not_exists(claimed_at)"))

    def release(self, code_id: str) -> None:
        """It surely did not go out: another worker may mail it."""
        self._table.attempt(Update(own_code_key(code_id)).remove("claimed_at").when(PRESENT))

    def use(self, code_id: str) -> bool:
        """Whether a code that was noted is used for the first time."""
        return self._table.attempt(Delete(own_code_key(code_id)).when(PRESENT))


def ended_with(table: Table, link: Link, *, by_person: bool) -> list[Write]:
    """The writes that end what was added under a link that is undone."""
    items = table.query(account_pk(link.account_id), OWN_LOGINS)
    ended = [login for item in items if ends_with(link, login := own_login_of(item), by_person=by_person)]
    keys: list[Key] = [key for each in ended for key in keys_of(link.account_id, each.login_id)]
    return [Delete(key) for key in keys]


def keys_of(account_id: str, login_id: str) -> tuple[Key, Key]:
    """Where an own login stands."""
    return own_login_key(account_id, login_id), opened_by_own_key(login_id)


def own_login_of(item: Item) -> OwnLogin:
    login_id = str(item["SK"]).removeprefix(OWN_LOGINS)
    return OwnLogin(login_id, Way(item["way"]), str(item["name"]), str(item["added_at"]), item.get("address"))


def _item(account_id: str, login: OwnLogin) -> Item:
    return {
        **own_login_key(account_id, login.login_id),
        "way": login.way.value,
        "name": login.name,
        "added_at": login.added_at,
        "address": login.address,
    }


def _detail(account_id: str, login: OwnLogin, user: RosterUserKey | None) -> Item:
    ids = ids_of(user) if user else {}
    return {"account_id": account_id, "login_id": login.login_id, "way": login.way.value, **ids}


def _asked_code(code_id: str, item: Item) -> AskedCode:
    return AskedCode(
        code_id,
        str(item["address"]),
        str(item["begun_at"]),
        str(item["account_id"]),
        str(item.get("district_id") or ""),
        str(item.get("language") or "en"),
    )
