"""Sends a teacher another activation mail, because a person asked for it; the mail before it leads nowhere any more."""

from __future__ import annotations

import sys
from datetime import timedelta

import boto3

from operations.where import deployed
from shared.clock import new_id, utc_now
from shared.errors import RefusedTransition
from shared.roster import RosterUserKey
from shared.stores.activation_queue import ActivationQueue
from shared.stores.activations import ActivationStore

USAGE = "make resend DISTRICT=riverbend PERSON={sourcedId}"


def main(arguments: list[str]) -> int:
    district_id, sourced_id = (*arguments, "", "")[:2]
    if not district_id or not sourced_id:
        sys.stderr.write(f"Say whom: {USAGE}\n")
        return 1
    stack = deployed()
    more = {"endpoint_url": stack.endpoint_url} if stack.endpoint_url else {}
    table = boto3.resource("dynamodb", **more).Table(stack.outputs["TableName"])  # type: ignore[call-overload]
    activations = ActivationStore(table)
    present = activations.of_user(RosterUserKey(district_id, sourced_id))
    if present is None:
        sys.stderr.write("This person has no activation: not on the roster, matched, linked, or not a teacher.\n")
        return 1
    try:
        fresh = activations.renew(present, new_id(), now=utc_now(), valid_for=timedelta(days=30))
    except RefusedTransition as refused:
        sys.stderr.write(f"{refused.message} It stands at: {present.state.value}.\n")
        return 1
    ActivationQueue(stack.client("sqs"), stack.outputs["ActivationQueueUrl"]).request([fresh])
    sys.stdout.write("Another mail is on its way; the address in the one before it is dead.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
