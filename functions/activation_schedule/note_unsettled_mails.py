"""Find the mails of which SES never said what became of them, and show those of activations to a person (B5)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import batched

from shared.domain.activation import Activation, is_unsettled
from shared.domain.clock import Clock
from shared.domain.roster import RosterUserKey
from shared.stores.activations import ActivationStore
from shared.stores.due_items import UNSETTLED, UNTOLD, DueStore
from shared.stores.keys import Item, due_key
from shared.stores.send_state import SendStateStore

_AT_ONCE = 100

type _Due = tuple[RosterUserKey, str, Item]


class NoteUnsettledMails:
    """Reads only what is due: SES' word about a mail takes its item away. Nothing is sent, whatever is found."""

    def __init__(self, due: DueStore, activations: ActivationStore, sending: SendStateStore, *, clock: Clock) -> None:
        self._due = due
        self._activations = activations
        self._sending = sending
        self._clock = clock

    def run(self) -> int:
        """Return how many people are stuck because of it from now on; may be run again."""
        return sum(
            self._note(batch) for batch in batched(self._due.due(UNSETTLED, self._clock()), _AT_ONCE, strict=False)
        )

    def count_untold(self) -> int:
        """Return how many reminders and nudges of a day ago SES has said nothing of; each is counted once, within hours.

        Nobody is stuck for want of one: the next one comes on its own day.
        """
        found = 0
        for batch in batched(self._due.some_due(UNTOLD, self._clock()), _AT_ONCE, strict=False):
            told = self._sending.told(item["message_id"] for _, _, item in batch)
            found += sum(item["message_id"] not in told for _, _, item in batch)
            for user, due_at, _ in batch:
                self._due.remove(UNTOLD, user, due_at)
        return found

    def _note(self, batch: Sequence[_Due]) -> int:
        found = 0
        for (user, due_at, _), activation in zip(batch, self._activations_of(batch), strict=True):
            if activation is None or not is_unsettled(activation):
                self._due.remove(UNSETTLED, user, due_at)
            elif self._activations.note_unsettled(activation, due_key(UNSETTLED, user, due_at), now=self._clock()):
                found += 1
        return found

    def _activations_of(self, batch: Sequence[_Due]) -> list[Activation | None]:
        """The activation of each that is due, by id where its person has another number since; None for one that is past."""
        present = self._activations.of_users(user for user, _, _ in batch)
        found = []
        for user, _, item in batch:
            activation = present.get(user) or self._activations.by_id(item["activation_id"])
            is_present = activation is not None and activation.activation_id == item["activation_id"]
            found.append(activation if is_present else None)
        return found
