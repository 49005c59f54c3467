"""The queue of activations to mail. A message names an activation; what to do with it is decided when it is read."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import batched
from typing import TYPE_CHECKING

from shared.domain.activation import Activation
from shared.domain.roster import RosterUserKey
from shared.stores.keys import ids_of

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


class ActivationQueue:
    """Puts activations into the queue. Twice is harmless: the activation's state says whether a mail goes out."""

    def __init__(self, sqs: SQSClient, url: str) -> None:
        self._sqs = sqs
        self._url = url

    def request(self, activations: Iterable[Activation]) -> None:
        """Have these mailed. Raises OSError when the queue did not take all of them; asking again is safe."""
        self._send(map(message_of, activations))

    def request_follow_ups(self, due: Iterable[tuple[RosterUserKey, str]]) -> None:
        """Have mails that are out followed up: whose, and since when that was due. Raises as ``request``."""
        self._send(json.dumps({"follow_up": due_at, **ids_of(user)}) for user, due_at in due)

    def _send(self, bodies: Iterable[str]) -> None:
        for batch in batched(bodies, 10, strict=False):
            response = self._sqs.send_message_batch(
                QueueUrl=self._url,
                Entries=[{"Id": str(i), "MessageBody": body} for i, body in enumerate(batch)],
            )
            if response.get("Failed"):
                raise OSError(f"the queue did not take {len(response['Failed'])} of {len(batch)} messages")


def message_of(activation: Activation) -> str:
    """The body of a message: ids only."""
    return json.dumps({"activation_id": activation.activation_id, **ids_of(activation.user)})
