"""Activations that waited for their day go into the queue."""

from __future__ import annotations

from shared.activation import ActivationState
from shared.clock import Clock
from shared.stores.activation_queue import ActivationQueue
from shared.stores.activations import ActivationStore
from shared.stores.due import ACTIVATION, DueStore


class ActivationSchedule:
    """Touches only what is due."""

    def __init__(self, due: DueStore, activations: ActivationStore, queue: ActivationQueue, *, clock: Clock) -> None:
        self._due = due
        self._activations = activations
        self._queue = queue
        self._clock = clock

    def run(self) -> int:
        """Queue everything whose day has come; answers how many. May be run again."""
        requested = 0
        for user, due_at, _ in self._due.due(ACTIVATION, self._clock()):
            activation = self._activations.of_user(user)
            if activation and activation.state is ActivationState.PENDING:
                self._queue.request([activation])
                requested += 1
            # Only after the queue has it: a crash in between asks once more, which is harmless.
            self._due.remove(ACTIVATION, user, due_at)
        return requested
