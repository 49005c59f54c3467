"""Match and invite: each person whom this import newly looked at meets the accounts that claim the address (M6–M8)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from shared.activation import Activation, ActivationState
from shared.clock import Clock, NewId, to_iso
from shared.district import District
from shared.email_address import domain_of
from shared.matching import Outcome
from shared.parallel import each
from shared.report import Note, merged_notes
from shared.roster import Role, RosterUser
from shared.stores.activations import ActivationStore
from shared.stores.claims import ClaimStore
from shared.stores.links import LinkStore

type Queue = Callable[[Iterable[Activation]], None]


@dataclass(slots=True)
class Matching:
    """What came of it, as a report counts it."""

    matched: int = 0
    ambiguous: int = 0
    unmatched_teachers: int = 0
    unmatched_students: int = 0
    queued: int = 0
    withheld: int = 0

    def __add__(self, other: Matching) -> Matching:
        return Matching(*(getattr(self, name) + getattr(other, name) for name in Matching.__slots__))


class Matcher:
    """Matches people, and invites the teachers among them who need it. May be run again."""

    def __init__(
        self,
        claims: ClaimStore,
        links: LinkStore,
        activations: ActivationStore,
        queue: Queue,
        *,
        clock: Clock,
        new_id: NewId,
        valid_for: timedelta,
        at_once: int = 8,
    ) -> None:
        self._claims = claims
        self._links = links
        self._activations = activations
        self._queue = queue
        self._clock = clock
        self._new_id = new_id
        self._valid_for = valid_for
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
            found = self._claims.find_match(user)
            is_shared = user.official_email in shared
            outcome = Outcome.AMBIGUOUS if is_shared else found.outcome
            _count(result, outcome, user)
            if user.role is Role.TEACHER and outcome is not Outcome.MATCHED:
                if user.official_email and not is_shared and _starts(district, user, self._clock()) is None:
                    result.queued += 1
                else:
                    result.withheld += 1
        return result

    def _one(self, district: District, user: RosterUser) -> tuple[Matching, Activation | None, list[Note]]:
        result = Matching()
        found = self._claims.find_match(user)
        _count(result, found.outcome, user)
        present = self._activations.of_user(user.key) if user.role is Role.TEACHER else None
        if found.outcome is Outcome.MATCHED and found.account_id:
            self._links.record_match(user.key, found.account_id)
            if present and present.state is ActivationState.PENDING:
                self._activations.withdraw(present)
            return result, None, []
        self._links.forget_match(user.key)
        if user.role is not Role.TEACHER:
            return result, None, []
        return self._invite(district, user, present, result)

    def _invite(
        self, district: District, user: RosterUser, present: Activation | None, result: Matching
    ) -> tuple[Matching, Activation | None, list[Note]]:
        if not user.official_email:
            result.withheld = 1
            return (
                result,
                None,
                [Note("teacher_without_email", "Teachers without a usable address cannot be mailed.", count=1)],
            )
        if self._is_shared(user):
            result.withheld = 1
            return (
                result,
                None,
                [Note("shared_address", "An address that several people share is not mailed.", count=1)],
            )
        notes = []
        if domain_of(user.official_email) not in district.email_domains:
            notes.append(
                Note("outside_domain", "Teachers were mailed at an address outside the district's domains.", count=1)
            )
        now = self._clock()
        if present is None:
            starts = _starts(district, user, now)
            activation = Activation(
                self._new_id(),
                user.key,
                user.official_email,
                created_at=to_iso(now),
                expires_at=to_iso(max(starts or now, now) + self._valid_for),
            )
            if self._activations.create_pending(activation, due_at=starts):
                if starts is not None:
                    result.withheld = 1
                    notes.append(
                        Note("activation_waits", "Activations wait until the district lets them start.", count=1)
                    )
                    return result, None, notes
                result.queued = 1
                return result, activation, notes
            present = self._activations.of_user(user.key)
        if present and present.state is ActivationState.PENDING:
            if present.official_email != user.official_email:
                self._activations.change_address(present, user.official_email)
            if _starts(district, user, now) is None:
                result.queued = 1
                return result, present, notes
            result.withheld = 1
        return result, None, notes

    def _is_shared(self, user: RosterUser) -> bool:
        holders = self._claims.on_email(user.official_email or "").users
        return any(key.district_id == user.district_id and key != user.key for key in holders)


def _count(result: Matching, outcome: Outcome, user: RosterUser) -> None:
    if outcome is Outcome.MATCHED:
        result.matched += 1
    elif outcome is Outcome.AMBIGUOUS:
        result.ambiguous += 1
    elif user.role is Role.TEACHER:
        result.unmatched_teachers += 1
    else:
        result.unmatched_students += 1


_FAR = datetime(9999, 1, 1, tzinfo=UTC)


def _starts(district: District, user: RosterUser, now: datetime) -> datetime | None:
    """When this teacher may be mailed; None is at once. Outside of a pilot it is for the district to say when."""
    if district.schools and not set(district.schools) & set(user.school_ids):
        return _FAR
    if district.activations_from is None:
        return None
    starts = datetime.combine(district.activations_from, time(), district.zone).astimezone(UTC)
    return starts if starts > now else None
