"""A district's mail domain changes: links and mails that are out go on at the same people's new addresses (B11)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from shared.domain.activation import follows_address
from shared.domain.email_address import domain_of
from shared.domain.errors import Conflict
from shared.domain.roster import RosterUser, RosterUserKey
from shared.runtime.parallel import each
from shared.stores.activations import ActivationStore
from shared.stores.links import LinkStore
from shared.stores.table import DynamoTable

_AT_ONCE = 8
_AT_A_TIME = 50
"""Whose items are read together: two of each person, and a hundred come with one request."""
_TRIES = 20


@dataclass(frozen=True, slots=True)
class AddressChange:
    """A person's address before, and the person as the roster names them since."""

    before: str
    now: RosterUser


class Readdressing:
    """May be run again: what follows the address already is left as it is."""

    def __init__(self, table: DynamoTable) -> None:
        self._links = LinkStore(table)
        self._activations = ActivationStore(table)

    def follow(self, changes: Iterable[AddressChange], own_domains: Collection[str]) -> None:
        """Let what is noted of these people's addresses follow them. ``own_domains`` are the district's alone: only an address
        in one of these counts for a link as the one before did (M19)."""
        waiting: list[AddressChange] = []
        for change in changes:
            waiting.append(change)
            if len(waiting) == _AT_A_TIME:
                self._follow(waiting, own_domains)
                waiting = []
        if waiting:
            self._follow(waiting, own_domains)

    def mails_that_came_back(self, users: Iterable[RosterUserKey]) -> frozenset[RosterUserKey]:
        """Whose mail went to an address that does not work: they are mailed at the new one."""
        found = self._activations.of_users(users)
        return frozenset(key for key, present in found.items() if not (present.used_at or follows_address(present)))

    def _follow(self, changes: list[AddressChange], own_domains: Collection[str]) -> None:
        keys = [change.now.key for change in changes]
        links, activations = self._links.of_users(keys), self._activations.of_users(keys)
        here = [change for change in changes if change.now.key in links or change.now.key in activations]
        for _ in each(lambda change: self._follow_one(change, own_domains), here, at_once=_AT_ONCE):
            pass

    def _follow_one(self, change: AddressChange, own_domains: Collection[str]) -> None:
        """Raises Conflict where others change this person again and again: the step comes again."""
        key, address = change.now.key, change.now.official_email or ""
        is_own = domain_of(address) in own_domains
        for _ in range(_TRIES):
            link, activation = self._links.of_user(key), self._activations.of_user(key)
            is_done = link is None or self._links.readdress(link, change.before, address, is_own=is_own)
            if activation and activation.official_email == change.before and follows_address(activation):
                is_done &= self._activations.readdress(activation, address)
            if is_done:
                return
        raise Conflict("link_changed", "This link was changed in the meantime.")
