"""Who is here, in one read: the session and its account, and every roster user that the browser has proved to be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.domain.account import Account
from shared.domain.activation import Activation
from shared.domain.clock import Clock
from shared.domain.district import District
from shared.domain.link import Link
from shared.domain.roster import DistrictClass, RosterUser, RosterUserKey
from shared.stores.accounts import account_key, account_of
from shared.stores.activations import activation_key, activation_of
from shared.stores.district_classes import class_key, district_class_of
from shared.stores.districts import district_of, school_key, settings_key
from shared.stores.keys import Item, Key, joined_key, link_key, logins_key
from shared.stores.links import link_of
from shared.stores.roster_users import roster_key, roster_user_of
from shared.stores.sessions import Session, session_key, session_of
from shared.stores.table import get_many


@dataclass(frozen=True, slots=True)
class Person:
    """A roster user as they stand at one moment."""

    user: RosterUser | None = None
    link: Link | None = None
    activation: Activation | None = None


@dataclass(frozen=True, slots=True)
class NearbyNames:
    """Schools and classes of a district, by sourcedId, whose names are wanted too."""

    district_id: str
    school_ids: tuple[str, ...] = ()
    class_ids: tuple[str, ...] = ()

    def keys(self) -> tuple[dict[str, Key], dict[str, Key]]:
        return (
            {school: school_key(self.district_id, school) for school in self.school_ids},
            {one: class_key(self.district_id, one) for one in self.class_ids},
        )


@dataclass(frozen=True, slots=True)
class StoredContext:
    """What one read found; what is not there, or over, is left out."""

    session: Session | None = None
    account: Account | None = None
    people: Mapping[RosterUserKey, Person] = field(default_factory=dict)
    districts: Mapping[str, District] = field(default_factory=dict)
    school_names: Mapping[str, str] = field(default_factory=dict)
    district_classes: Mapping[str, DistrictClass] = field(default_factory=dict)


class RequestContextStore:
    """Reads only; the stores of what is read here write it."""

    def __init__(self, table: Any, clock: Clock) -> None:
        self._table = table
        self._clock = clock

    def user_of(self, activation_id: str) -> RosterUserKey | None:
        """Whose mail an address names, whether or not that activation is still the person's present one."""
        key = {"PK": f"ACTIVATION#{activation_id}", "SK": "POINTER"}
        item = self._table.get_item(Key=key).get("Item")
        return RosterUserKey(item["district_id"], item["sourced_id"]) if item else None

    def read(
        self,
        *,
        session_id: str | None = None,
        account_id: str | None = None,
        people: Iterable[RosterUserKey] = (),
        around: NearbyNames | None = None,
    ) -> StoredContext:
        """All of it, as it stands at one moment.

        A session of an account that was joined into another one leads to that one, at one more read (M16).
        """
        who = list(dict.fromkeys(people))
        keys: list[Key] = [k for user in who for k in (roster_key(user), link_key(user), activation_key(user))]
        keys += [settings_key(district_id) for district_id in {user.district_id for user in who}]
        schools, classes = around.keys() if around else ({}, {})
        keys += [*schools.values(), *classes.values()]
        if session_id:
            keys.append(session_key(session_id))
        if account_id:
            keys += _keys_of(account_id)
        found = get_many(self._table, keys, consistent=True)

        def item(key: Key) -> Item | None:
            return found.get((key["PK"], key["SK"]))

        session = account = None
        if session_id and (began := item(session_key(session_id))):
            logins = item(logins_key(account_id)) if account_id else None
            session = session_of(session_id, began, logins, self._clock())
        if session and session.account_id != account_id:
            session = None
        if session and account_id and (of := item(account_key(account_id))):
            account = account_of(of, item(joined_key(account_id)))
        while session and account and account.joined_into:
            session, account = self._led_on(session, account.joined_into)
        return StoredContext(
            session,
            account,
            {user: _person(*map(item, (roster_key(user), link_key(user), activation_key(user)))) for user in who},
            {user.district_id: district_of(body) for user in who if (body := item(settings_key(user.district_id)))},
            {school: str(body["name"]) for school, key in schools.items() if (body := item(key))},
            {
                one: district_class_of(around.district_id, one, body, {})
                for one, key in classes.items()
                if around and (body := item(key))
            },
        )

    def _led_on(self, session: Session, account_id: str) -> tuple[Session | None, Account | None]:
        """The session as one of the account that its own was joined into, unless that one's earlier sessions ended."""
        found = get_many(self._table, _keys_of(account_id), consistent=True)
        account, logins, joined = (found.get((key["PK"], key["SK"])) for key in _keys_of(account_id))
        if account is None or (logins and session.begun_at < logins["ended_at"]):
            return None, None
        return session.with_account(account_id), account_of(account, joined)


def _keys_of(account_id: str) -> list[Key]:
    return [account_key(account_id), logins_key(account_id), joined_key(account_id)]


def _person(roster: Item | None, link: Item | None, activation: Item | None) -> Person:
    return Person(
        roster_user_of(roster) if roster else None,
        link_of(link) if link else None,
        activation_of(activation) if activation else None,
    )
