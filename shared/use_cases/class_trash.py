"""Delete and restore a grassroots class, and tell the platform (M17)."""

from __future__ import annotations

from datetime import datetime

from shared.domain.clock import Clock, NewId
from shared.stores.grassroots_classes import GrassrootsClassStore
from shared.stores.keys import Item
from shared.stores.outbox import event_item


class ClassTrash:
    """A deleted class can be restored for ``RESTORE_DAYS``; each change sends its event."""

    def __init__(self, classes: GrassrootsClassStore, *, clock: Clock, new_id: NewId) -> None:
        self._classes = classes
        self._clock = clock
        self._new_id = new_id

    def delete(self, owner: str, class_id: str) -> None:
        """Raises RefusedTransition when this account has no such class to delete."""
        now = self._clock()
        event = self._event("ClassDeleted", owner, class_id, now)
        self._classes.delete(owner, class_id, event=event, now=now)

    def restore(self, owner: str, class_id: str) -> None:
        """Raises RefusedTransition when the class was not deleted within the last ``RESTORE_DAYS``."""
        now = self._clock()
        event = self._event("ClassRestored", owner, class_id, now)
        self._classes.restore(owner, class_id, event=event, now=now)

    def _event(self, name: str, owner: str, class_id: str, now: datetime) -> Item:
        return event_item(self._new_id(), name, {"account_id": owner, "class_id": class_id}, now)
