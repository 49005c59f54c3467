"""Match by rule: who has the account that holds their official address (M6), and is mailed none therefore (M7, M8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shared.domain.account import Account
from shared.domain.activation import Activation, ActivationState, NotMailed
from shared.domain.district import District
from shared.domain.funnel import stands_as
from shared.domain.link import Link, LinkState
from shared.domain.matching import Decision
from shared.domain.roster import RosterUser, RosterUserKey
from shared.stores.activations import ActivationStore
from shared.stores.identifier_index import IdentifierIndex
from shared.stores.links import LinkStore


class MatchByRule:
    """Notes who has an account by rule (M6), and who has none any more."""

    def __init__(self, identifiers: IdentifierIndex, links: LinkStore, activations: ActivationStore) -> None:
        self._identifiers = identifiers
        self._links = links
        self._activations = activations

    def match(
        self,
        district: District,
        user: RosterUser,
        written: Account | None = None,
        matched: Link | None = None,
        holders: Sequence[RosterUserKey] | None = None,
    ) -> Decision:
        """Find and note the match of a person, which was ``matched`` before; where there is none, ``forget`` takes an
        earlier one back. ``written`` is an account that is just being written; ``holders`` are who hold the address, where they
        are known."""
        found = self._identifiers.find_match(
            user, district.own_domains, written=written, matched=matched, holders=holders
        )
        if found.account_id and matched and matched.matched_address and found.account_id == matched.account_id:
            return found
        if found.account_id:
            is_other = written and written.account_id == found.account_id and written.email != user.official_email
            self._links.record_match(
                user.key,
                found.account_id,
                address=written.email if written and is_other else None,
                stands_as=stands_as(user),
            )
        return found

    def forget(self, district: District, users: Mapping[RosterUserKey, RosterUser], written: Account | None) -> None:
        """Take back the matches of people for whom the rule found none.

        Few have one; a hundred are looked up in a request. Somebody else may have noted one since: each is decided anew.
        """
        for key, link in self._links.of_users(users).items():
            if link.state is LinkState.MATCHED and not self.match(district, users[key], written, link).account_id:
                self._links.forget_match(key)

    def keeps_from_mail(self, district: District, user: RosterUser) -> NotMailed | None:
        """Why somebody without a match or link is not mailed because of who holds the address now (M7, M8); None where nothing
        keeps it.

        A match that the rule finds is noted.
        """
        found = self._identifiers.find_match(user, district.own_domains)
        if found.account_id:
            self._links.record_match(user.key, found.account_id, stands_as=stands_as(user))
            return NotMailed.LINKED
        return NotMailed.SHARED_ADDRESS if found.address_is_shared else None

    def withdraw_mail(self, activation: Activation | None) -> None:
        """Whoever is matched needs no mail (M8): withdraw it if it did not go out."""
        if activation and activation.state is ActivationState.PENDING:
            self._activations.withdraw(activation)
