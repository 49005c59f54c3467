"""Queue the activations whose moment has come: those that waited for their day, and those due for a reminder or their end."""

from __future__ import annotations

from itertools import batched

from shared.domain.activation import Activation, ActivationState
from shared.domain.clock import Clock
from shared.domain.roster import RosterUserKey
from shared.stores.activation_queue import ActivationQueue
from shared.stores.activations import ActivationStore
from shared.stores.due_items import ACTIVATION, FOLLOW_UP, DueStore
from shared.stores.keys import Item


class QueueDueActivations:
    """Touches only what is due."""

    def __init__(self, due: DueStore, activations: ActivationStore, queue: ActivationQueue, *, clock: Clock) -> None:
        self._due = due
        self._activations = activations
        self._queue = queue
        self._clock = clock

    def run(self) -> int:
        """Queue everything whose moment has come. Return how many; may be run again."""
        requested = 0
        for batch in batched(self._due.due(ACTIVATION, self._clock()), 10, strict=False):
            found = [self._waiting(user, item) for user, _, item in batch]
            pending = [activation for activation in found if activation and activation.state is ActivationState.PENDING]
            self._queue.request(pending)
            requested += len(pending)
            # Only after the queue has them: a crash in between asks once more, which is harmless.
            for user, due_at, _ in batch:
                self._due.remove(ACTIVATION, user, due_at)
        # A follow-up stays due until it is dealt with, by whoever reads the queue.
        follow_ups = [(user, due_at) for user, due_at, _ in self._due.due(FOLLOW_UP, self._clock())]
        self._queue.request_follow_ups(follow_ups)
        return requested + len(follow_ups)

    def _waiting(self, user: RosterUserKey, item: Item) -> Activation | None:
        """The activation that waits; by its id where the person's number has got a kind since."""
        found, activation_id = self._activations.of_user(user), item.get("activation_id")
        return found if found or user.kind or not activation_id else self._activations.by_id(str(activation_id))
