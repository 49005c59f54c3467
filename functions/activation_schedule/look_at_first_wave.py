"""Look at a district's first wave: send it, and let the rest go or stop by what comes of it (M8).

Only the schedule sends or ends a wave. Whoever is of it is noted before the queue is asked, and waits no more after that: a run
that is cut off is finished by the next one, and two at once choose the same people.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import batched

from shared.domain.activation import Activation, is_in_pilot
from shared.domain.clock import Clock
from shared.domain.district import District
from shared.domain.first_wave import (
    BY_OPENING,
    FirstWave,
    Standing,
    Verdict,
    WaveMember,
    in_order_of_roster,
    standing_of,
    verdict,
)
from shared.domain.roster import RosterUser, RosterUserKey
from shared.stores.activation_queue import ActivationQueue
from shared.stores.activations import ActivationStore
from shared.stores.roster_users import RosterUserStore
from shared.stores.waiting import WaitingStore

_AT_ONCE = 100

type _Mail = tuple[Standing, Activation | None]
type _Fits = Callable[[RosterUser], bool]


class LookAtFirstWave:
    """One district's, while its rest waits."""

    def __init__(
        self,
        waiting: WaitingStore,
        activations: ActivationStore,
        users: RosterUserStore,
        queue: ActivationQueue,
        *,
        clock: Clock,
    ) -> None:
        self._waiting = waiting
        self._activations = activations
        self._users = users
        self._queue = queue
        self._clock = clock

    def look(self, district: District, wave: FirstWave) -> int | None:
        """Return how many mails were asked for, None where the rest may go from now on. May be run again."""
        district_id = district.district_id
        mails = self._mails(self._waiting.first_wave.members(district_id))
        is_full = _places(district, mails) <= 0
        found = self._verdict(district, mails, is_full=is_full)
        if found is Verdict.RELEASE:
            self._waiting.first_wave.release(district_id, BY_OPENING, self._clock())
            return None
        requested = self._ask_again(mails)
        if found is Verdict.WAIT and not is_full and not wave.stopped_at:
            filled = self._fill(district, wave)
            requested += filled
            if not filled and self._waiting.is_any(district_id):
                # Nobody else is to go first, and somebody waits for those who went.
                found = self._verdict(district, mails, is_full=True)
        if found is Verdict.STOP and not wave.stopped_at:
            self._waiting.first_wave.stop(district_id, self._clock())
        return requested

    def _verdict(self, district: District, mails: dict[WaveMember, _Mail], *, is_full: bool) -> Verdict:
        return verdict(district, list(mails.values()), self._clock(), is_full=is_full)

    def _mails(self, members: Sequence[WaveMember]) -> dict[WaveMember, _Mail]:
        """How it stands with each; of somebody who has another number since, by the id of the activation."""
        found: dict[WaveMember, _Mail] = {}
        for batch in batched(members, _AT_ONCE, strict=False):
            present = self._activations.of_users(each.user for each in batch)
            held = {each: present.get(each.user) for each in batch}
            for each, activation in held.items():
                if activation is None or activation.activation_id != each.activation_id:
                    held[each] = self._activations.by_id(each.activation_id)
            users = self._users.get_many(activation.user for activation in held.values() if activation)
            for each, activation in held.items():
                user = users.get(activation.user) if activation else None
                found[each] = (standing_of(each.activation_id, activation, user), activation)
        return found

    def _ask_again(self, mails: dict[WaveMember, _Mail]) -> int:
        """Finish what a run began that was cut off: whoever is of the wave and still waits is queued."""
        pending = {
            activation.user: activation
            for standing, activation in mails.values()
            if standing is Standing.WAITS and activation is not None
        }
        still = self._waiting.still(pending) if pending else set()
        self._queue.request(pending[user] for user in still)
        self._waiting.remove(still)
        return len(still)

    def _fill(self, district: District, wave: FirstWave) -> int:
        """Send as many as the wave has places, in the order of the roster or of those whom the contacts chose."""
        # Who waits is read before who is of the wave: another run notes that first, and lets them wait no more after it.
        waiting = dict(self._waiting.of_district(district.district_id))
        mails = self._mails(self._waiting.first_wave.members(district.district_id))
        places, members = _places(district, mails), {each.activation_id for each in mails}
        others = {user: activation_id for user, activation_id in waiting.items() if activation_id not in members}
        chosen = self._next(district, others, places, _fits(wave))
        if not chosen and places == district.first_wave and (wave.school or wave.chosen):
            # Nobody who was chosen is there, or can be mailed: the rest would wait for nobody.
            chosen = self._next(district, others, places, lambda _user: True)
        self._waiting.first_wave.add((WaveMember(each.activation_id, each.user) for each in chosen), self._clock())
        self._queue.request(chosen)
        ids = {activation.activation_id for activation in chosen}
        self._waiting.remove(user for user, activation_id in others.items() if activation_id in ids)
        return len(chosen)

    def _next(
        self, district: District, waiting: dict[RosterUserKey, str], places: int, fits: _Fits
    ) -> list[Activation]:
        """The first of those who wait that are to be mailed; on the way whoever waits for nothing is let go."""
        found: list[Activation] = []
        for batch in batched(in_order_of_roster(waiting), _AT_ONCE, strict=False):
            mails = self._mails([WaveMember(waiting[user], user) for user in batch])
            pending = [
                activation for standing, activation in mails.values() if standing is Standing.WAITS and activation
            ]
            users = self._users.get_many(activation.user for activation in pending)
            for activation in pending:
                user = users[activation.user]
                if len(found) < places and is_in_pilot(district, user) and fits(user):
                    found.append(activation)
            self._waiting.remove(each.user for each, (standing, _) in mails.items() if standing is not Standing.WAITS)
            if len(found) == places:
                break
        return found


def _places(district: District, mails: dict[WaveMember, _Mail]) -> int:
    """How many the wave lacks."""
    return (district.first_wave or 0) - sum(standing is not Standing.LEFT for standing, _ in mails.values())


def _fits(wave: FirstWave) -> _Fits:
    if wave.school:
        return lambda user: wave.school in user.school_ids
    chosen = set(wave.chosen)
    return lambda user: not chosen or user.key.person_id in chosen
