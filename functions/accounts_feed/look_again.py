"""Looks again at what rests on the accounts that were written: to whom a federated identity leads, and who is matched (M6, M7)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import batched

from functions.accounts_feed.feed import AddressToLookAt, ToLookAt, account_hash
from functions.accounts_feed.feed_files import FeedFiles
from shared.domain.district import District
from shared.domain.email_address import domain_of
from shared.domain.federated_identity import FederatedIdentity
from shared.domain.roster import RosterUser
from shared.runtime.parallel import each
from shared.stores.accounts import AccountStore
from shared.stores.districts import DistrictStore
from shared.stores.federated_ids import FederatedIds
from shared.stores.identifier_index import IdentifierIndex
from shared.stores.roster_users import RosterUserStore
from shared.use_cases.match_and_invite import MatchAndInvite

type Place = tuple[int, int]
"""Of a line: the number of its feed, and its own."""

_AT_ONCE = 100
"""Federated identities that are looked up together."""
_LONGEST_ADDRESS = 1_000
"""Characters of an address that can be the one of a roster."""


class LookAgain:
    """One shard of addresses and federated identities at a time, when all accounts of the file stand. May be run again."""

    def __init__(
        self,
        accounts: AccountStore,
        federated_ids: FederatedIds,
        identifiers: IdentifierIndex,
        users: RosterUserStore,
        districts: DistrictStore,
        matcher: MatchAndInvite,
        *,
        at_once: int,
    ) -> None:
        self._accounts = accounts
        self.federated_ids = federated_ids
        self._identifiers = identifiers
        self._users = users
        self._districts = districts
        self._matcher = matcher
        self._at_once = at_once

    def look(self, files: FeedFiles, shard: int, found: Iterable[tuple[int, ToLookAt]]) -> None:
        """``found`` are with the number of their feed, of which the last one is the newest."""
        accounts: dict[str, dict[str, None]] = defaultdict(dict)
        named: dict[FederatedIdentity, dict[str, Place]] = defaultdict(dict)
        for feed, one in found:
            if isinstance(one, AddressToLookAt):
                accounts[one.address][one.account_id] = None
            else:
                identity = one.issuer or self.federated_ids.google_issuer, one.subject
                before = named[identity].get(one.account_id, (feed, one.line))
                named[identity][one.account_id] = max(before, (feed, one.line))
        for batch in batched(named.items(), _AT_ONCE, strict=False):
            self._settle(files, shard, dict(batch))
        self._match(accounts)

    # Federated identities: each leads to the account whose line named it last.

    def _settle(self, files: FeedFiles, shard: int, named: Mapping[FederatedIdentity, Mapping[str, Place]]) -> None:
        holders = self.federated_ids.holders(named)
        asked = {account_id for places in named.values() for account_id in places} | set(holders.values())
        accounts = self._accounts.get_many(asked)

        def names(account_id: str, identity: FederatedIdentity) -> bool:
            account = accounts.get(account_id)
            return account is not None and identity in self.federated_ids.of(account)

        given: dict[FederatedIdentity, str] = {}
        nobodys: list[FederatedIdentity] = []
        taken: list[tuple[str, FederatedIdentity]] = []
        lost: set[str] = set()
        for identity, places in named.items():
            claims = [account_id for account_id in places if names(account_id, identity)]
            holder = holders.get(identity)
            if claims:
                last = max(claims, key=lambda account_id: places[account_id])
                others = {*claims, *([holder] if holder else [])} - {last}
                taken += [(account_id, identity) for account_id in sorted(others) if names(account_id, identity)]
                lost |= {account_hash(a).hex() for a in others.difference(claims) if names(a, identity)}
                given |= {identity: last} if holder != last else {}
            elif holder and not names(holder, identity):
                nobodys.append(identity)
        # What is lost with what follows comes first.
        files.add_lost(shard, lost)
        for account_id, identity in taken:
            self.federated_ids.take_from(account_id, identity)
        self.federated_ids.give(given, nobodys)

    # Matches: only an address in a domain that is a district's alone decides anything.

    def _match(self, accounts: Mapping[str, Iterable[str]]) -> None:
        wanted = [address for address in accounts if len(address) <= _LONGEST_ADDRESS]
        claimed = self._districts.claimed_domains(domain_of(address) for address in wanted)
        districts: dict[str, District | None] = {}
        concerned = [(address, claimed[domain]) for address in wanted if (domain := domain_of(address)) in claimed]
        for address, users in each(self._holders, concerned, at_once=self._at_once):
            if not users:
                continue
            for account in self._accounts.get_many(accounts[address]).values():
                for district_id, people in _by_district(users).items():
                    if district_id not in districts:
                        districts[district_id] = self._districts.find(district_id)
                    if district := districts[district_id]:
                        self._matcher.run(district, people, account)

    def _holders(self, address_and_district: tuple[str, str]) -> tuple[str, list[RosterUser]]:
        """Who has an address in the domain of a district; where nobody does, who had it before the mail domain changed (B11)."""
        address, district_id = address_and_district
        holders = self._identifiers.holders_of_address(address, district_id)
        keys = holders.users or holders.former
        people = list(self._users.get_many(keys).values()) if keys else []
        if not holders.users:
            people = [user for user in people if _has_same_local_part(user, address)]
        return address, people


def _has_same_local_part(user: RosterUser, address: str) -> bool:
    return (user.official_email or "").rpartition("@")[0] == address.rpartition("@")[0]


def _by_district(users: Iterable[RosterUser]) -> dict[str, list[RosterUser]]:
    found: dict[str, list[RosterUser]] = defaultdict(list)
    for user in users:
        found[user.district_id].append(user)
    return found
