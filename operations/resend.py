"""Send a teacher another activation mail, because a person asked for it; the link of the mail before it is dead."""

from __future__ import annotations

import sys
from argparse import Namespace

from operations.arguments import roster_user_of
from operations.stack import Stack
from shared.domain.clock import new_id, utc_now
from shared.stores.activation_queue import ActivationQueue
from shared.stores.activations import ActivationStore
from shared.stores.districts import DistrictStore
from shared.stores.roster_users import RosterUserStore
from shared.use_cases.resend_activation import ResendActivation


def run(stack: Stack, arguments: Namespace) -> int:
    """Raises RefusedTransition when this person is not to be mailed."""
    table = stack.table()
    ResendActivation(
        ActivationStore(table),
        RosterUserStore(table),
        DistrictStore(table),
        ActivationQueue(stack.sqs(), stack.outputs["ActivationQueueUrl"]),
        clock=utc_now,
        new_id=new_id,
    ).resend(roster_user_of(arguments))
    sys.stdout.write("Another mail is on its way; the address in the one before it is dead.\n")
    return 0
