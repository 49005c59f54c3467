"""Match and invite: each person whom this import newly looked at meets the accounts that hold the address (M6–M8)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from hashlib import sha256
from itertools import batched
from types import MappingProxyType

from shared.domain.account import Account
from shared.domain.activation import (
    Activation,
    ActivationState,
    NotMailed,
    Step,
    begins_anew,
    is_in_pilot,
    next_step,
    valid_for,
    waits_until,
    why_not_mailed,
)
from shared.domain.clock import Clock, NewId, to_iso
from shared.domain.district import District
from shared.domain.email_address import domain_of
from shared.domain.errors import RefusedTransition
from shared.domain.forecast_tally import Mailing, Standing, counted_as
from shared.domain.funnel import stands_as
from shared.domain.link import Link, LinkState
from shared.domain.matching import Decision, Outcome, agree_in_names, is_somebody_else
from shared.domain.report import Note, merged_notes
from shared.domain.roster import Role, RosterUser, RosterUserKey
from shared.runtime.parallel import each
from shared.stores.activations import ActivationStore
from shared.stores.identifier_index import IdentifierIndex, person_of
from shared.stores.links import LinkStore
from shared.stores.waiting import WaitingStore
from shared.use_cases.match_by_rule import MatchByRule
from shared.use_cases.match_counts import MatchCounts

type Queue = Callable[[Iterable[Activation]], None]
type HoldersOf = Callable[[RosterUser], Sequence[RosterUserKey] | None]
"""Everybody of the district who holds a person's official address; None where it is to be read."""

_HELD_TOGETHER = 2_000
"""People who are looked at together: those of a shard would take as much memory as all that an import has of them."""


class MatchAndInvite:
    """Matches people, and invites the teachers among them who need it. May be run again."""

    def __init__(
        self,
        identifiers: IdentifierIndex,
        links: LinkStore,
        activations: ActivationStore,
        queue: Queue,
        waiting: WaitingStore,
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
        self._waiting = waiting
        self._clock = clock
        self._new_id = new_id
        self.at_once = at_once

    def run(
        self,
        district: District,
        users: Iterable[RosterUser],
        written: Account | None = None,
        sharers: dict[RosterUserKey, tuple[RosterUserKey, ...]] | None = None,
        without_address: set[RosterUserKey] | None = None,
        stuck: Container[str] = (),
        import_id: str | None = None,
        holders: HoldersOf = lambda _user: None,
    ) -> tuple[MatchCounts, list[Note]]:
        """Match and invite these people; administrators are neither matched by an import nor mailed.

        ``sharers``, where it is given, is filled with everybody who was looked at: who is stuck because of that teacher's
        address (M7), the teacher first; ``without_address`` likewise with teachers who have none. ``stuck`` are those
        (``person_id``) who are known to have a teacher's address.

        Return how many were matched and invited, and notes for the report. ``written`` is the account because of which they
        are looked at, where that is just being written. ``import_id`` is the import that invites them, where one does, and
        ``holders`` what it knows of who holds an address.
        """
        result = MatchCounts()
        notes: list[Note] = []
        kinds: Counter[str] = Counter()
        looks_at: set[datetime] = set()
        held_back = self._is_held_back(district)

        def look_at(links: Mapping[RosterUserKey, Link], user: RosterUser) -> tuple[_Look, Activation | None]:
            is_stuck, held_by = user.key.person_id in stuck, holders(user)
            link = links.get(user.key)
            return self._match(district, user, link, written, is_stuck, import_id, held_by, held_back=held_back)

        for people in batched(_matched_by_an_import(users), _HELD_TOGETHER, strict=False):
            to_send: list[Activation] = []
            without: dict[RosterUserKey, RosterUser] = {}
            links = self._links.of_users(user.key for user in people)
            looks = each(partial(look_at, links), people, at_once=self.at_once)
            for user, (look, activation) in zip(people, looks, strict=True):
                if sharers is not None:
                    sharers[user.key] = look.sharers
                if without_address is not None and look.has_no_address:
                    without_address.add(user.key)
                result += look.counts
                kinds[look.kind] += 1
                notes += look.notes
                looks_at |= {look.waits_until} if look.waits_until else set()
                if activation:
                    to_send.append(activation)
                if look.has_no_match:
                    without[user.key] = user
            # Before the mails are asked for: whoever has a match is not mailed.
            self._matches.forget(district, without, written)
            self._queue(to_send)
            notes = merged_notes(notes)
        if looks_at:
            self._waiting.note(district.district_id, min(looks_at))
        result.tally = dict(kinds)
        return result, notes

    def _is_held_back(self, district: District) -> bool:
        """Whether the mails of whoever is new wait for what comes of the district's first ones."""
        if district.first_wave is None:
            return False
        from shared.domain.first_wave import holds_back  # few districts have one

        return holds_back(district, self._waiting.first_wave.of(district.district_id))

    def still_share(self, users: Iterable[RosterUserKey]) -> set[RosterUserKey]:
        """Those of these who share an address with others, one of whom is a teacher."""
        found = self._identifiers.users(users)
        return {user.key for user in found if self._identifiers.is_stuck_by_address(user)}

    def preview(
        self,
        district: District,
        users: Iterable[RosterUser],
        shared: Container[str],
        former: Mapping[str, str] = MappingProxyType({}),
        stuck: Container[str] = (),
        further: Mapping[str, Sequence[str]] = MappingProxyType({}),
        *,
        is_first: bool = False,
        matched: list[tuple[RosterUser, str]] | None = None,
    ) -> tuple[MatchCounts, list[Note]]:
        """Return what ``run`` would, and write nothing (B1).

        ``shared`` are addresses that two people of the upload have, ``former`` the numbers under which the table has those who
        get other ones (B11), by these, ``stuck`` those who have a teacher's address, and ``further`` the numbers of which link
        and mail become those of the number that is kept (M7), by this one: these are ``person_id``. ``is_first`` says that the
        district has nobody yet. ``matched`` is filled with those whose login will be linked without a question, each with the
        account.
        """
        result = MatchCounts()
        notes: list[Note] = []
        kinds: Counter[str] = Counter()
        people = [
            (user, [former_key(key, former) for key in _numbers_of(user.key, further)])
            for user in _matched_by_an_import(users)
        ]
        links = self._links.of_users(key for _, keys in people for key in keys)
        activations = self._activations.of_users(
            key for user, keys in people if user.role is Role.TEACHER for key in keys
        )
        held_back = self._is_held_back(district)
        for user, keys in people:
            is_stuck = user.key.person_id in stuck
            link = _joined_link([links.get(key) for key in keys])
            present = activations.get(keys[0])
            if not (link and link.is_linked):
                present = next(filter(None, map(activations.get, keys)), None)
            holders = () if is_first else None
            look, account_id, opened = self._foresee(
                district, user, link, present, shared, is_stuck, holders, held_back=held_back
            )
            look.counts.digest = _digest(user.key.person_id, account_id, look)
            result += look.counts
            kinds[look.kind] += 1
            notes += look.notes
            if opened and matched is not None:
                matched.append((user, opened))
        result.tally = dict(kinds)
        return result, merged_notes(notes)

    def _foresee(
        self,
        district: District,
        user: RosterUser,
        link: Link | None,
        present: Activation | None,
        shared: Container[str],
        is_stuck: bool,
        holders: Sequence[RosterUserKey] | None,
        *,
        held_back: bool,
    ) -> tuple[_Look, str | None, str | None]:
        """What would come of a person, the account that would be theirs, and the one that a login will be linked to."""
        now, ended = self._clock(), frozenset[str]()
        if link and link.is_linked:
            if not _is_anothers(link, user):
                return _still_linked(district, user), link.account_id, None
            ended, link = frozenset({link.account_id}), replace(link, state=LinkState.UNDONE, undone_at=to_iso(now))
        found = self._identifiers.find_match(
            user,
            district.own_domains,
            address_is_shared=user.official_email in shared,
            undone=ended,
            matched=link,
            holders=holders,
        )
        if present and _is_of_one_before(present, link):
            present = None
        standing, account_id = self._at_login(district, user, found)
        look = _look(
            district, user, found, present, link, now, is_stuck=is_stuck, held_back=held_back, standing=standing
        )
        return (look.with_note(_NUMBER_OF_ANOTHER) if ended else look), found.account_id, account_id

    def _at_login(self, district: District, user: RosterUser, found: Decision) -> tuple[Standing, str | None]:
        """How somebody stands, and the account that a login will be linked to without a question."""
        opened = self._identifiers.opened_by_own_id(user, found, district)
        if found.account_id and user.clever_ids and "clever" in district.identity_providers and opened is None:
            # The address leads to one account, and the login's own id to another: the person chooses.
            return Standing.AMBIGUOUS, None
        if found.account_id:
            return Standing.BY_RULE, found.account_id
        return (Standing.BY_ID, opened) if opened else (_standing(found), None)

    def _match(
        self,
        district: District,
        user: RosterUser,
        link: Link | None,
        written: Account | None,
        is_stuck: bool,
        import_id: str | None,
        holders: Sequence[RosterUserKey] | None,
        *,
        held_back: bool,
    ) -> tuple[_Look, Activation | None]:
        """Match somebody, and invite a teacher who needs it. Return the activation, too, if its mail is to be sent now."""
        ended = None
        if link and link.is_linked:
            if not _is_anothers(link, user):
                if _names_another(link, user):
                    self._links.note_another(link)
                return _still_linked(district, user), None
            ended = link = self._links.end(link, event_id=self._new_id(), now=self._clock())
        found = self._matches.match(district, user, written, link, holders)
        present = self._activations.of_user(user.key) if user.role is Role.TEACHER else None
        if present and _is_of_one_before(present, link) and self._activations.discard(present):
            present = None
        look = _look(district, user, found, present, link, self._clock(), is_stuck=is_stuck, held_back=held_back)
        look = replace(look, has_no_match=found.account_id is None)
        if found.account_id:
            self._matches.withdraw_mail(present)
        elif look.step:
            present = self._invite(district, user, present, look, import_id)
        activation = present if look.counts.queued and present and present.state is ActivationState.PENDING else None
        return (look.with_note(_NUMBER_OF_ANOTHER) if ended else look), activation

    def _invite(
        self, district: District, user: RosterUser, present: Activation | None, look: _Look, import_id: str | None
    ) -> Activation | None:
        """Have a teacher invited: at once, or when the district lets it. Return the activation as it is then."""
        address, now = user.official_email or "", self._clock()
        waits = look.waits_until is not None
        if present is None:
            activation = Activation(
                self._new_id(),
                user.key,
                address,
                created_at=to_iso(now),
                expires_at=to_iso(now + valid_for(district)),
                import_id=import_id,
                stands_as=stands_as(user),
            )
            if self._activations.create_pending(activation, waits=waits):
                return activation
            # Somebody else was faster, or it is done again after a crash.
            present = self._activations.of_user(user.key)
        if present and begins_anew(present, address):
            with suppress(RefusedTransition):
                return self._activations.invite_again(
                    present,
                    self._new_id(),
                    address,
                    now=now,
                    valid_for=valid_for(district),
                    waits=waits,
                    import_id=import_id,
                )
        elif present and present.state is ActivationState.PENDING:
            if not present.is_made_for(address):
                self._activations.change_address(present, address)
            if waits:
                self._waiting.add([(user.key, present.activation_id)])
        return present


@dataclass(frozen=True, slots=True)
class _Look:
    """What is true of one person now, and so whether and how a teacher is invited: the same in a preview (B1)."""

    counts: MatchCounts
    notes: tuple[Note, ...] = ()
    step: Step | None = None
    waits_until: datetime | None = None
    """Where the invitation waits: when it is looked at next."""
    sharers: tuple[RosterUserKey, ...] = ()
    """A teacher and others who share an address, so that they are stuck (M7)."""
    has_no_match: bool = False
    """Whether a match that is noted is none any more."""
    kind: str = ""
    """Under which words a forecast counts the person."""
    has_no_address: bool = False
    """Whether nothing but an address is missing for a teacher to be mailed."""

    def with_note(self, note: Note) -> _Look:
        return replace(self, notes=(*self.notes, note))


def _digest(person_id: str, account_id: str | None, look: _Look) -> int:
    """What tells this outcome of a person from every other one."""
    counts = look.counts
    said = [
        person_id,
        account_id,
        counts.matched,
        counts.ambiguous,
        counts.queued,
        counts.withheld,
        counts.withheld_people,
    ]
    return int.from_bytes(sha256(repr(said).encode()).digest()[:7])


def former_key(key: RosterUserKey, former: Mapping[str, str]) -> RosterUserKey:
    """Under which key the table has somebody to whom an import gives another number: ``former`` as ``preview`` has it."""
    number = former.get(key.person_id)
    return RosterUserKey.of_person_id(key.district_id, number) if number else key


def _numbers_of(key: RosterUserKey, further: Mapping[str, Sequence[str]]) -> list[RosterUserKey]:
    """The number that is kept, and then those that are joined with it."""
    others = further.get(key.person_id, ())
    return [key, *(RosterUserKey.of_person_id(key.district_id, other) for other in others)]


def _joined_link(links: Sequence[Link | None]) -> Link | None:
    """Of the links of somebody's numbers the one that stands once they are joined: the kept number's own, which comes first,
    unless that is not made and another one is."""
    return next((link for link in links if link and link.is_linked), links[0])


def _matched_by_an_import(users: Iterable[RosterUser]) -> Iterator[RosterUser]:
    return (user for user in users if user.role is not Role.ADMINISTRATOR and user.active)


def _look(
    district: District,
    user: RosterUser,
    found: Decision,
    present: Activation | None,
    link: Link | None,
    now: datetime,
    *,
    is_stuck: bool,
    held_back: bool,
    standing: Standing | None = None,
) -> _Look:
    """Decide whether somebody is invited, who is not linked; ``present`` is a teacher's activation. ``is_stuck`` says that the
    person has a teacher's address, ``held_back`` that whoever is invited now waits for the district's first wave.

    Whoever undid a link knows the way, and is not mailed unasked.
    """
    counts, notes = MatchCounts(), list[Note]()
    _count(counts, found.outcome, user)
    kind = partial(counted_as, district, user, standing or _standing(found), is_shared=found.address_is_shared)
    not_due = kind(Mailing.NOT_DUE)
    why_not = why_not_mailed(user, address_is_shared=found.address_is_shared)
    if found.account_id or why_not in _UNSAID or (link and link.was_undone):
        if is_stuck and why_not is NotMailed.NOT_A_TEACHER:
            counts.show(user, NotMailed.SHARED_ADDRESS.value)
        return _Look(counts, kind=not_due)
    if why_not:
        counts.withhold(user, why_not.value)
        sharers = (user.key, *found.sharers) if found.address_is_shared else ()
        return _Look(
            counts,
            (Note(why_not.value, _EXPLAINED[why_not], count=1),),
            sharers=sharers,
            has_no_address=why_not is NotMailed.NO_ADDRESS,
            kind=not_due,
        )
    address = user.official_email or ""
    step = next_step(present, address)
    if step is None:
        return _Look(counts, kind=kind(Mailing.BEFORE))
    if domain_of(address) not in district.email_domains:
        notes.append(_OUTSIDE_DOMAIN)
    if step is Step.BEGIN_ANEW and present and present.sent_at:
        notes.append(_ADDRESS_CORRECTED)
    until = waits_until(district, user, now, after_first_wave=held_back)
    if until:
        counts.withhold(user, WAITS)
        notes.append(_WAITS)
    else:
        counts.queued = 1
    waiting = Mailing.WAITS if is_in_pilot(district, user) else Mailing.PILOT
    return _Look(counts, tuple(notes), step, until, kind=kind(waiting if until else Mailing.GOES))


def _still_linked(district: District, user: RosterUser) -> _Look:
    """Somebody whose link stands."""
    kind = counted_as(district, user, Standing.LINKED, Mailing.NOT_DUE, is_shared=False)
    return _Look(MatchCounts(matched=1), kind=kind)


def _standing(found: Decision) -> Standing:
    if found.account_id:
        return Standing.BY_RULE
    return Standing.AMBIGUOUS if found.candidates else Standing.UNMATCHED


def _is_anothers(link: Link, user: RosterUser) -> bool:
    """Whether this number is somebody else's now than the person's of its link (M19)."""
    return link.proofs is not None and is_somebody_else(link.proofs.person, person_of(user))


def _names_another(link: Link, user: RosterUser) -> bool:
    """Whether this number, with the address, may be somebody else's now, and nothing notes it yet: a name differs (M19)."""
    may_be = link.proofs is not None and not agree_in_names(link.proofs.person, person_of(user))
    return may_be and not link.named_another


def _is_of_one_before(activation: Activation, link: Link | None) -> bool:
    """Whether an activation made a link that ended because the number is somebody else's now."""
    return bool(link and link.is_ended and activation.used_at and activation.used_at <= (link.undone_at or ""))


WAITS = "activation_waits"
_WAITS = Note(WAITS, "Activations wait until the district lets them start.", count=1)
_OUTSIDE_DOMAIN = Note("outside_domain", "Teachers were mailed at an address outside the district's domains.", count=1)
_ADDRESS_CORRECTED = Note(
    "address_corrected",
    "The address of teachers who had been mailed was corrected: the link in that mail leads nowhere any more, and a new mail "
    "goes to the new address.",
    count=1,
)
_NUMBER_OF_ANOTHER = Note(
    "number_of_another",
    "Numbers are somebody else's now: the link of the person before ended and can be taken back for 30 days.",
    count=1,
)
_UNSAID = (NotMailed.AWAY, NotMailed.NOT_A_TEACHER, NotMailed.LINKED, NotMailed.OTHER_ADDRESS)
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
