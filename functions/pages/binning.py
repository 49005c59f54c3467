"""A class from before goes into the bin and comes out of it, and the platform is told (M17)."""

from __future__ import annotations

from functions.pages.dependencies import Services
from shared.stores.outbox import event_item


def delete_class(services: Services, owner: str, class_id: str) -> None:
    """Raises RefusedTransition when the owner has no such class to delete."""
    now = services.clock()
    told = event_item(services.new_id(), "ClassDeleted", {"account_id": owner, "class_id": class_id}, now)
    services.accounts.delete_class(owner, class_id, event=told, now=now)


def restore_class(services: Services, owner: str, class_id: str) -> None:
    """Raises RefusedTransition when the class was not deleted within the last 30 days."""
    now = services.clock()
    told = event_item(services.new_id(), "ClassRestored", {"account_id": owner, "class_id": class_id}, now)
    services.accounts.restore_class(owner, class_id, event=told, now=now)
