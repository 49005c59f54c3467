"""Sends a teacher another activation mail, because a person asked for it; the mail before it leads nowhere any more."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta

from operations.where import deployed
from shared.clock import new_id, utc_now
from shared.errors import RefusedTransition
from shared.roster import RosterUserKey
from shared.stores.activation_queue import ActivationQueue
from shared.stores.activations import ActivationStore

USAGE = "make resend DISTRICT=riverbend PERSON={sourcedId}"
VALID_FOR = timedelta(days=30)


def resend(
    activations: ActivationStore, queue: ActivationQueue, user: RosterUserKey, *, activation_id: str, now: datetime
) -> None:
    """Raises RefusedTransition ``no_activation``, or what ``ActivationStore.renew`` raises."""
    present = activations.of_user(user)
    if present is None:
        raise RefusedTransition(
            "no_activation", "This person has no activation: not on the roster, matched, linked, or not a teacher."
        )
    queue.request([activations.renew(present, activation_id, now=now, valid_for=VALID_FOR)])


def main(arguments: list[str]) -> int:
    district_id, sourced_id = (*arguments, "", "")[:2]
    if not district_id or not sourced_id:
        sys.stderr.write(f"Say whom: {USAGE}\n")
        return 1
    stack = deployed()
    queue = ActivationQueue(stack.client("sqs"), stack.outputs["ActivationQueueUrl"])
    user = RosterUserKey(district_id, sourced_id)
    try:
        resend(ActivationStore(stack.table()), queue, user, activation_id=new_id(), now=utc_now())
    except RefusedTransition as refused:
        sys.stderr.write(f"{refused.message}\n")
        return 1
    sys.stdout.write("Another mail is on its way; the address in the one before it is dead.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
