"""Sends a teacher another activation mail, because a person asked for it; the mail before it leads nowhere any more."""

from __future__ import annotations

import sys

from operations.stack import deployed
from shared.domain.clock import new_id, utc_now
from shared.domain.errors import RefusedTransition
from shared.domain.roster import RosterUserKey
from shared.stores.activation_queue import ActivationQueue
from shared.stores.activations import ActivationStore
from shared.stores.districts import DistrictStore
from shared.stores.roster_users import RosterUserStore
from shared.use_cases.resend_activation import ResendActivation

USAGE = "make resend DISTRICT=riverbend PERSON={sourcedId}"


def main(arguments: list[str]) -> int:
    district_id, sourced_id = (*arguments, "", "")[:2]
    if not district_id or not sourced_id:
        sys.stderr.write(f"Say whom: {USAGE}\n")
        return 1
    stack = deployed()
    queue = ActivationQueue(stack.client("sqs"), stack.outputs["ActivationQueueUrl"])
    user = RosterUserKey(district_id, sourced_id)
    table = stack.table()
    again = ResendActivation(
        ActivationStore(table), RosterUserStore(table), DistrictStore(table), queue, clock=utc_now, new_id=new_id
    )
    try:
        again.resend(user)
    except RefusedTransition as refused:
        sys.stderr.write(f"{refused.message}\n")
        return 1
    sys.stdout.write("Another mail is on its way; the address in the one before it is dead.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
