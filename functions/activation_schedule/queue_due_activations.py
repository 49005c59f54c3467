"""Queue the activations whose moment has come: those that waited for their district, those that were parked, and those due
for a reminder or their end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import batched
from typing import TYPE_CHECKING

from shared.domain.activation import NOBODY_KNOWS, Activation, ActivationState, is_in_pilot, starts_at
from shared.domain.clock import Clock
from shared.domain.district import District
from shared.domain.roster import RosterUserKey
from shared.stores.activation_queue import ActivationQueue
from shared.stores.activations import ActivationStore
from shared.stores.districts import DistrictStore
from shared.stores.due_items import ACTIVATION, FOLLOW_UP, PARKED, DueStore
from shared.stores.roster_users import RosterUserStore
from shared.stores.waiting import WaitingDistrict, WaitingStore

if TYPE_CHECKING:
    from functions.activation_schedule.look_at_first_wave import LookAtFirstWave

_AT_ONCE = 100


class QueueDueActivations:
    """Touches only what is due, and those who wait in a district whose day has come or whose settings changed."""

    def __init__(
        self,
        due: DueStore,
        waiting: WaitingStore,
        activations: ActivationStore,
        users: RosterUserStore,
        districts: DistrictStore,
        queue: ActivationQueue,
        *,
        clock: Clock,
    ) -> None:
        self._due = due
        self._waiting = waiting
        self._activations = activations
        self._users = users
        self._districts = districts
        self._queue = queue
        self._clock = clock

    @cached_property
    def _first_wave(self) -> LookAtFirstWave:
        from functions.activation_schedule.look_at_first_wave import LookAtFirstWave  # few districts have one

        return LookAtFirstWave(self._waiting, self._activations, self._users, self._queue, clock=self._clock)

    def run(self) -> int:
        """Queue everything whose moment has come. Return how many; may be run again."""
        self._move_on()
        requested = self._queue_parked()
        for district in list(self._waiting.districts(self._clock())):
            requested += self._look_at(district)
        # A follow-up stays due until it is dealt with, by whoever reads the queue.
        follow_ups = [(user, due_at) for user, due_at, _ in self._due.due(FOLLOW_UP, self._clock())]
        self._queue.request_follow_ups(follow_ups)
        return requested + len(follow_ups)

    def _move_on(self) -> None:
        """What an earlier version made due for a moment of its own waits for its district."""
        for batch in batched(self._due.some_of(ACTIVATION, self._clock()), _AT_ONCE, strict=False):
            self._waiting.add((user, str(item["activation_id"])) for user, _, item in batch if "activation_id" in item)
            for district_id in {user.district_id for user, _, _ in batch}:
                self._waiting.note(district_id, self._clock())
            for user, due_at, _ in batch:
                self._due.remove(ACTIVATION, user, due_at)

    def _queue_parked(self) -> int:
        requested = 0
        for batch in batched(self._due.due(PARKED, self._clock()), _AT_ONCE, strict=False):
            pending = self._pending([(user, str(item["activation_id"])) for user, _, item in batch])
            self._queue.request(pending)
            requested += len(pending)
            # Only after the queue has them: a crash in between asks once more, which is harmless.
            for user, due_at, _ in batch:
                self._due.remove(PARKED, user, due_at)
        return requested

    def _look_at(self, seen: WaitingDistrict) -> int:
        """Queue those of a district who need not wait any more, and note when to look at the others."""
        now = self._clock()
        district = self._districts.find(seen.district_id)
        if district is None:
            self._waiting.look_again(seen, None)
            return 0
        if (starts := starts_at(district, now)) > now:
            self._waiting.look_again(seen, starts)
            return 0
        if (asked := self._look_at_first_wave(district)) is not None:
            self._waiting.look_again(seen, now if self._waiting.is_any(seen.district_id) else None)
            return asked
        requested, waits = 0, False
        for batch in batched(self._waiting.of_district(seen.district_id), _AT_ONCE, strict=False):
            pending, done = self._sorted(district, batch)
            self._queue.request(pending)
            self._waiting.remove(done)
            requested += len(pending)
            waits = waits or len(done) < len(batch)
        self._waiting.look_again(seen, now + NOBODY_KNOWS if waits else None)
        return requested

    def _look_at_first_wave(self, district: District) -> int | None:
        """How many of the district's first wave were asked for; None where nobody waits for one."""
        if district.first_wave is None:
            return None
        from shared.domain.first_wave import holds_back

        wave = self._waiting.first_wave.of(district.district_id)
        return self._first_wave.look(district, wave) if wave and holds_back(district, wave) else None

    def _sorted(
        self, district: District, batch: Sequence[tuple[RosterUserKey, str]]
    ) -> tuple[list[Activation], list[RosterUserKey]]:
        """Of those who wait: the activations that are to be mailed, and who need not wait any more.

        Whoever is off the roster need not: on return the import lets them wait again.
        """
        pending = self._pending(batch)
        users = self._users.get_many(activation.user for activation in pending)
        on_roster = [activation for activation in pending if activation.user in users and users[activation.user].active]
        outside = {a.user for a in on_roster if not is_in_pilot(district, users[a.user])}
        ids_outside = {a.activation_id for a in on_roster if a.user in outside}
        done = [user for user, activation_id in batch if activation_id not in ids_outside]
        return [activation for activation in on_roster if activation.user not in outside], done

    def _pending(self, asked: Iterable[tuple[RosterUserKey, str]]) -> list[Activation]:
        """Those of these activations that wait for their mail; by id where a person has another number since."""
        by_user = dict(asked)
        present = self._activations.of_users(by_user)
        found = (present.get(user) or self._activations.by_id(activation_id) for user, activation_id in by_user.items())
        return [each for each in found if each and each.state is ActivationState.PENDING]
