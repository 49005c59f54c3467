"""Who is here, in one read: the session and its account, and every roster user that the browser has proved to be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.domain.account import Account
from shared.domain.activation import Activation
from shared.domain.clock import Clock
from shared.domain.district import District
from shared.domain.link import Link
from shared.domain.roster import DistrictClass, RosterUser, RosterUserKey
from shared.stores.accounts import account_of
from shared.stores.activations import activation_of
from shared.stores.district_class_item import district_class_of
from shared.stores.districts import district_of
from shared.stores.keys import (
    Item,
    Key,
    Pair,
    account_key,
    activation_key,
    activation_pointer_key,
    class_key,
    joined_key,
    link_key,
    logins_key,
    pair,
    roster_key,
    school_key,
    session_key,
    settings_key,
    user_of,
)
from shared.stores.links import link_of
from shared.stores.roster_users import RosterUserStore, roster_user_of
from shared.stores.sessions import Session, session_of
from shared.stores.table import DynamoTable, Table


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
            {class_id: class_key(self.district_id, class_id) for class_id in self.class_ids},
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

    def __init__(self, table: DynamoTable, clock: Clock, *, keeps_settings: timedelta = timedelta(0)) -> None:
        """Settings of a district are read anew once they are older than ``keeps_settings``: all who log in read that one item,
        which can be read 3,000 times a second."""
        self._table = Table(table)
        self._users = RosterUserStore(table)
        self._clock = clock
        self._keeps_settings = keeps_settings
        self._settings: dict[str, tuple[datetime, Item]] = {}

    def user_of(self, activation_id: str) -> RosterUserKey | None:
        """Whose mail an address names, whether or not that activation is still the person's present one."""
        item = self._table.get(activation_pointer_key(activation_id), consistent=False)
        return user_of(item) if item else None

    def read(
        self,
        *,
        session_id: str | None = None,
        account_id: str | None = None,
        people: Iterable[RosterUserKey] = (),
        around: NearbyNames | None = None,
        with_settings: bool = True,
    ) -> StoredContext:
        """All of it, as it stands at one moment. ``with_settings`` is False for who has those of the district.

        A session of an account that was joined into another one leads to that one, at one more read (M16).
        """
        users = list(dict.fromkeys(people))
        nearby = around or NearbyNames("")
        schools, classes = nearby.keys()
        settings = {user.district_id: settings_key(user.district_id) for user in users} if with_settings else {}
        keys = [key for user in users for key in _keys_of_user(user)]
        kept = self._kept(settings)
        keys += [key for district_id, key in settings.items() if district_id not in kept]
        keys += [*schools.values(), *classes.values()]
        keys += [session_key(session_id)] if session_id else []
        keys += _keys_of_account(account_id) if account_id else []
        found = self._table.batch_get(keys)
        session, account = self._who(session_id, account_id, found) if session_id else (None, None)
        known = {user: _person(*(found.get(pair(key)) for key in _keys_of_user(user))) for user in users}
        return StoredContext(
            session,
            account,
            known | self._moved(user for user, person in known.items() if person.user is None),
            {each: district_of(item) for each, item in (kept | self._keep(dict(_items(settings, found)))).items()},
            {school: str(item["name"]) for school, item in _items(schools, found)},
            {
                class_id: district_class_of(nearby.district_id, class_id, item, ())
                for class_id, item in _items(classes, found)
            },
        )

    def people(self, keys: Iterable[RosterUserKey]) -> dict[RosterUserKey, Person]:
        """Those of these people who are on the table under this number, with link and activation: a request for 33 of them."""
        users = list(dict.fromkeys(keys))
        found = self._table.batch_get(key for user in users for key in _keys_of_user(user))
        people = {user: _person(*(found.get(pair(key)) for key in _keys_of_user(user))) for user in users}
        return {user: person for user, person in people.items() if person.user}

    def _kept(self, wanted: Iterable[str]) -> dict[str, Item]:
        """The settings of these districts that need not be read."""
        oldest = self._clock() - self._keeps_settings
        return {
            each: self._settings[each][1]
            for each in wanted
            if each in self._settings and self._settings[each][0] > oldest
        }

    def _keep(self, read: dict[str, Item]) -> dict[str, Item]:
        """Keep what was read, and return it."""
        now = self._clock()
        self._settings |= {district_id: (now, item) for district_id, item in read.items()}
        return read

    def _moved(self, users: Iterable[RosterUserKey]) -> dict[RosterUserKey, Person]:
        """Those who have another number, or a kind of number, since a cookie named them: by what it named, and by their
        present key."""
        present = {user: key for user in users if (key := self._users.present_key(user)) != user}
        found = self._table.batch_get(key for user in present.values() for key in _keys_of_user(user))
        people = {user: _person(*(found.get(pair(key)) for key in _keys_of_user(user))) for user in present.values()}
        return people | {earlier: people[user] for earlier, user in present.items()}

    def _who(
        self, session_id: str, account_id: str | None, found: Mapping[Pair, Item]
    ) -> tuple[Session | None, Account | None]:
        """The session of this id, if it is still one of this account, and the account that it leads to."""
        begun = found.get(pair(session_key(session_id)))
        account, logins, joined = (
            (found.get(pair(key)) for key in _keys_of_account(account_id)) if account_id else (None, None, None)
        )
        session = session_of(session_id, begun, logins, self._clock()) if begun else None
        if session is None or session.account_id != account_id:
            return None, None
        if account is None:
            return session, None
        led: tuple[Session | None, Account | None] = session, account_of(account, joined)
        while led[0] and led[1] and led[1].joined_into:
            led = self._led_on(led[0], led[1].joined_into)
        return led

    def _led_on(self, session: Session, account_id: str) -> tuple[Session | None, Account | None]:
        """The session as one of the account that its own was joined into, unless that one's earlier sessions ended."""
        found = self._table.batch_get(_keys_of_account(account_id))
        account, logins, joined = (found.get(pair(key)) for key in _keys_of_account(account_id))
        if account is None or (logins and session.begun_at < logins["ended_at"]):
            return None, None
        return session.with_account(account_id), account_of(account, joined)


def _keys_of_account(account_id: str) -> tuple[Key, Key, Key]:
    return account_key(account_id), logins_key(account_id), joined_key(account_id)


def _keys_of_user(user: RosterUserKey) -> tuple[Key, Key, Key]:
    return roster_key(user), link_key(user), activation_key(user)


def _person(roster: Item | None, link: Item | None, activation: Item | None) -> Person:
    return Person(
        roster_user_of(roster) if roster else None,
        link_of(link) if link else None,
        activation_of(activation) if activation else None,
    )


def _items(keys: Mapping[str, Key], found: Mapping[Pair, Item]) -> Iterator[tuple[str, Item]]:
    """The items that were found, each by the name of its key."""
    for name, key in keys.items():
        if item := found.get(pair(key)):
            yield name, item
