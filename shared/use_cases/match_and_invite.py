"""Match and invite: each person whom this import newly looked at meets the accounts that hold the address (M6–M8)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field

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
from shared.domain.matching import Outcome
from shared.domain.report import Note, merged_notes
from shared.domain.roster import Role, RosterUser
from shared.runtime.parallel import each
from shared.stores.activations import ActivationStore
from shared.stores.identifier_index import IdentifierIndex
from shared.stores.links import LinkStore

type Queue = Callable[[Iterable[Activation]], None]

WITHHELD_SHOWN = 100


@dataclass(slots=True)
class Matching:
    """What came of it, as a report counts it, and the first of those who were not mailed."""

    matched: int = 0
    ambiguous: int = 0
    unmatched_teachers: int = 0
    unmatched_students: int = 0
    queued: int = 0
    withheld: int = 0
    withheld_people: list[dict[str, str]] = field(default_factory=list)
    """``{"sourced_id", "code"}``: ids alone, and why."""

    def __add__(self, other: Matching) -> Matching:
        return Matching(
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
            self.withheld_people.append({"sourced_id": user.sourced_id, "code": code})


class Matcher:
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
        self._activations = activations
        self._queue = queue
        self._clock = clock
        self._new_id = new_id
        self._at_once = at_once

    def run(self, district: District, users: Iterable[RosterUser]) -> tuple[Matching, list[Note]]:
        """Administrators are neither matched by an import nor mailed."""
        result = Matching()
        notes: list[Note] = []
        to_send: list[Activation] = []
        people = [user for user in users if user.role is not Role.ADMINISTRATOR and user.active]
        for one, activation, said in each(lambda user: self._one(district, user), people, at_once=self._at_once):
            result += one
            notes += said
            if activation:
                to_send.append(activation)
        self._queue(to_send)
        return result, merged_notes(notes)

    def preview(self, district: District, users: Iterable[RosterUser], shared: set[str]) -> Matching:
        """What ``run`` would count, without a trace (B1). ``shared`` are addresses that two people of the upload have."""
        result = Matching()
        for user in users:
            if user.role is Role.ADMINISTRATOR or not user.active:
                continue
            found = self._identifiers.find_match(user, address_is_shared=user.official_email in shared)
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

    def _one(self, district: District, user: RosterUser) -> tuple[Matching, Activation | None, list[Note]]:
        result = Matching()
        found = self._identifiers.find_match(user)
        _count(result, found.outcome, user)
        present = self._activations.of_user(user.key) if user.role is Role.TEACHER else None
        if found.outcome is Outcome.MATCHED and found.account_id:
            self._links.record_match(user.key, found.account_id)
            if present and present.state is ActivationState.PENDING:
                self._activations.withdraw(present)
            return result, None, []
        self._links.forget_match(user.key)
        why_not = why_not_mailed(user, address_is_shared=found.address_is_shared)
        if why_not in _EXPLAINED:
            result.withhold(user, why_not.value)
            return result, None, [Note(why_not.value, _EXPLAINED[why_not], count=1)]
        if why_not:
            return result, None, []
        return self._invite(district, user, user.official_email or "", present, result)

    def _invite(
        self, district: District, user: RosterUser, address: str, present: Activation | None, result: Matching
    ) -> tuple[Matching, Activation | None, list[Note]]:
        notes = []
        if domain_of(address) not in district.email_domains:
            notes.append(
                Note("outside_domain", "Teachers were mailed at an address outside the district's domains.", count=1)
            )
        now = self._clock()
        if present is None:
            starts = starts_at(district, user, now)
            activation = Activation(
                self._new_id(),
                user.key,
                address,
                created_at=to_iso(now),
                expires_at=to_iso(max(starts or now, now) + valid_for(district)),
            )
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
                    due_at=starts_at(district, user, now),
                )
        if present and present.state is ActivationState.PENDING:
            if present.official_email != address:
                self._activations.change_address(present, address)
            if starts_at(district, user, now):
                result.withhold(user, WAITS)
            else:
                result.queued = 1
                return result, present, notes
        return result, None, notes


WAITS = "activation_waits"
_EXPLAINED = {
    NotMailed.NO_ADDRESS: "Teachers without a usable address cannot be mailed.",
    NotMailed.SHARED_ADDRESS: "An address that several people share is not mailed.",
}
"""What the report says of teachers who are not mailed; nothing of people who are none."""


def _count(result: Matching, outcome: Outcome, user: RosterUser) -> None:
    if outcome is Outcome.MATCHED:
        result.matched += 1
    elif outcome is Outcome.AMBIGUOUS:
        result.ambiguous += 1
    elif user.role is Role.TEACHER:
        result.unmatched_teachers += 1
    else:
        result.unmatched_students += 1
