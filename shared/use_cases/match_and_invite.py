"""Match and invite: each person whom this import newly looked at meets the accounts that hold the address (M6–M8)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from shared.domain.activation import (
    Activation,
    ActivationState,
    NotMailed,
    begins_anew,
    starts_at,
    valid_for,
    why_not_mailed,
)
from shared.domain.clock import Clock, NewId, to_iso
from shared.domain.district import District
from shared.domain.email_address import domain_of
from shared.domain.errors import RefusedTransition
from shared.domain.link import Link
from shared.domain.matching import Decision, Outcome, is_somebody_else
from shared.domain.report import Note, merged_notes
from shared.domain.roster import Role, RosterUser
from shared.runtime.parallel import each
from shared.stores.activations import ActivationStore
from shared.stores.identifier_index import IdentifierIndex, person_of
from shared.stores.links import LinkStore

type Queue = Callable[[Iterable[Activation]], None]

WITHHELD_SHOWN = 100


@dataclass(slots=True)
class MatchCounts:
    """How many were matched and invited, as a report counts them, and the first of those who are not mailed."""

    matched: int = 0
    ambiguous: int = 0
    unmatched_teachers: int = 0
    unmatched_students: int = 0
    queued: int = 0
    withheld: int = 0
    withheld_people: list[dict[str, str]] = field(default_factory=list)
    """``{"sourced_id", "code"}``: ids alone, and why."""

    def __add__(self, other: MatchCounts) -> MatchCounts:
        return MatchCounts(
            self.matched + other.matched,
            self.ambiguous + other.ambiguous,
            self.unmatched_teachers + other.unmatched_teachers,
            self.unmatched_students + other.unmatched_students,
            self.queued + other.queued,
            self.withheld + other.withheld,
            (self.withheld_people + other.withheld_people)[:WITHHELD_SHOWN],
        )

    def withhold(self, user: RosterUser, code: str) -> None:
        """Count a teacher who is not mailed, and say who it is as long as the list is short."""
        self.withheld += 1
        if len(self.withheld_people) < WITHHELD_SHOWN:
            kind = {"kind": user.kind} if user.kind else {}
            self.withheld_people.append({"sourced_id": user.sourced_id, **kind, "code": code})


class MatchByRule:
    """Notes who has an account by rule (M6), and who has none any more."""

    def __init__(self, identifiers: IdentifierIndex, links: LinkStore, activations: ActivationStore) -> None:
        self._identifiers = identifiers
        self._links = links
        self._activations = activations

    def match(self, district: District, user: RosterUser) -> tuple[Decision, bool]:
        """Find and note the match of a person. Return it, and whether it is a new one."""
        found = self._identifiers.find_match(user, district.own_domains)
        if found.account_id:
            return found, self._links.record_match(user.key, found.account_id)
        self._links.forget_match(user.key)
        return found, False

    def withdraw_mail(self, activation: Activation | None) -> None:
        """Whoever is matched needs no mail (M8): withdraw it if it did not go out."""
        if activation and activation.state is ActivationState.PENDING:
            self._activations.withdraw(activation)


class MatchAndInvite:
    """Matches people, and invites the teachers among them who need it. May be run again."""

    def __init__(
        self,
        identifiers: IdentifierIndex,
        links: LinkStore,
        activations: ActivationStore,
        queue: Queue,
        *,
        clock: Clock,
        new_id: NewId,
        at_once: int = 8,
    ) -> None:
        self._identifiers = identifiers
        self._links = links
        self._matches = MatchByRule(identifiers, links, activations)
        self._activations = activations
        self._queue = queue
        self._clock = clock
        self._new_id = new_id
        self._at_once = at_once

    def run(self, district: District, users: Iterable[RosterUser]) -> tuple[MatchCounts, list[Note]]:
        """Match and invite these people; administrators are neither matched by an import nor mailed.

        Return how many were matched and invited, and notes for the report.
        """
        result = MatchCounts()
        notes: list[Note] = []
        to_send: list[Activation] = []
        people = [user for user in users if user.role is not Role.ADMINISTRATOR and user.active]
        links = self._links.of_users(user.key for user in people)
        for counts, activation, more in each(
            lambda user: self._match(district, user, links.get(user.key)), people, at_once=self._at_once
        ):
            result += counts
            notes += more
            if activation:
                to_send.append(activation)
        self._queue(to_send)
        return result, merged_notes(notes)

    def preview(self, district: District, users: Iterable[RosterUser], shared: set[str]) -> MatchCounts:
        """Count what ``run`` would, and write nothing (B1). ``shared`` are addresses that two people of the upload have."""
        result = MatchCounts()
        people = [user for user in users if user.role is not Role.ADMINISTRATOR and user.active]
        links = self._links.of_users(user.key for user in people)
        for user in people:
            link = links.get(user.key)
            if link and link.is_linked and not _is_anothers(link, user):
                result.matched += 1
                continue
            found = self._identifiers.find_match(
                user, district.own_domains, address_is_shared=user.official_email in shared
            )
            _count(result, found.outcome, user)
            why_not = why_not_mailed(user, address_is_shared=found.address_is_shared)
            if why_not is NotMailed.NOT_A_TEACHER or found.outcome is Outcome.MATCHED:
                continue
            if why_not in _EXPLAINED:
                result.withhold(user, why_not.value)
            elif starts_at(district, user, self._clock()):
                result.withhold(user, WAITS)
            else:
                result.queued += 1
        return result

    def _match(
        self, district: District, user: RosterUser, link: Link | None
    ) -> tuple[MatchCounts, Activation | None, list[Note]]:
        result = MatchCounts()
        notes: list[Note] = []
        if link and link.is_linked:
            if not _is_anothers(link, user):
                result.matched = 1
                return result, None, []
            if link := self._links.end(link, event_id=self._new_id(), now=self._clock()):
                notes.append(Note(NUMBER_OF_ANOTHER, _NUMBER_OF_ANOTHER, count=1))
        found, _ = self._matches.match(district, user)
        _count(result, found.outcome, user)
        present = self._activations.of_user(user.key) if user.role is Role.TEACHER else None
        if present and _is_of_one_before(present, link) and self._activations.discard(present):
            present = None
        if found.account_id:
            self._matches.withdraw_mail(present)
            return result, None, notes
        why_not = why_not_mailed(user, address_is_shared=found.address_is_shared)
        if why_not in _EXPLAINED:
            result.withhold(user, why_not.value)
            return result, None, [*notes, Note(why_not.value, _EXPLAINED[why_not], count=1)]
        if why_not:
            return result, None, notes
        counts, activation, more = self._invite(district, user, user.official_email or "", present, result)
        return counts, activation, [*notes, *more]

    def _invite(
        self, district: District, user: RosterUser, address: str, present: Activation | None, result: MatchCounts
    ) -> tuple[MatchCounts, Activation | None, list[Note]]:
        """Invite a teacher who needs it. Return the activation if its mail is to be sent now."""
        notes = []
        if domain_of(address) not in district.email_domains:
            notes.append(
                Note("outside_domain", "Teachers were mailed at an address outside the district's domains.", count=1)
            )
        now = self._clock()
        starts = starts_at(district, user, now)
        if present is None:
            activation = self._new_activation(district, user, address, starts, now)
            if self._activations.create_pending(activation, due_at=starts):
                if starts is not None:
                    result.withhold(user, WAITS)
                    notes.append(Note(WAITS, "Activations wait until the district lets them start.", count=1))
                    return result, None, notes
                result.queued = 1
                return result, activation, notes
            present = self._activations.of_user(user.key)
        if present and begins_anew(present, address):
            with suppress(RefusedTransition):
                present = self._activations.invite_again(
                    present,
                    self._new_id(),
                    address,
                    now=now,
                    valid_for=valid_for(district),
                    due_at=starts,
                )
        if present and present.state is ActivationState.PENDING:
            if present.official_email != address:
                self._activations.change_address(present, address)
            if starts:
                result.withhold(user, WAITS)
            else:
                result.queued = 1
                return result, present, notes
        return result, None, notes

    def _new_activation(
        self, district: District, user: RosterUser, address: str, starts: datetime | None, now: datetime
    ) -> Activation:
        return Activation(
            self._new_id(),
            user.key,
            address,
            created_at=to_iso(now),
            expires_at=to_iso(max(starts or now, now) + valid_for(district)),
        )


def _is_anothers(link: Link, user: RosterUser) -> bool:
    """Whether this number is somebody else's now than the person's of its link (M19)."""
    return link.proofs is not None and is_somebody_else(link.proofs.person, person_of(user))


def _is_of_one_before(activation: Activation, link: Link | None) -> bool:
    """Whether an activation made a link that ended because the number is somebody else's now."""
    return bool(link and link.is_ended and activation.used_at and activation.used_at <= (link.undone_at or ""))


WAITS = "activation_waits"
NUMBER_OF_ANOTHER = "number_of_another"
_NUMBER_OF_ANOTHER = (
    "Numbers are somebody else's now: the link of the person before ended and can be taken back for 30 days."
)
_EXPLAINED = {
    NotMailed.NO_ADDRESS: "Teachers without a usable address cannot be mailed.",
    NotMailed.SHARED_ADDRESS: "An address that several people share is not mailed.",
}
"""What the report says of teachers who are not mailed; nothing of people who are none."""


def _count(result: MatchCounts, outcome: Outcome, user: RosterUser) -> None:
    if outcome is Outcome.MATCHED:
        result.matched += 1
    elif outcome is Outcome.AMBIGUOUS:
        result.ambiguous += 1
    elif user.role is Role.TEACHER:
        result.unmatched_teachers += 1
    else:
        result.unmatched_students += 1
