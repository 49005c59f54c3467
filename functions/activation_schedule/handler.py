"""Scheduler: which activations may be mailed from now on."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from shared import aws
from shared.activation import ActivationState
from shared.clock import utc_now
from shared.observability import logger
from shared.settings import ActivationScheduleSettings
from shared.stores.activation_queue import ActivationQueue
from shared.stores.activations import ActivationStore
from shared.stores.due import ACTIVATION, DueStore


@logger.inject_lambda_context
def lambda_handler(_event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    settings = ActivationScheduleSettings.from_environment()
    table = aws.table(settings.table_name)
    due, activations = DueStore(table), ActivationStore(table)
    queue = ActivationQueue(aws.client("sqs"), settings.activation_queue_url)
    requested = 0
    for user, due_at, _ in due.due(ACTIVATION, utc_now()):
        activation = activations.of_user(user)
        if activation and activation.state is ActivationState.PENDING:
            queue.request([activation])
            requested += 1
        # Only after the queue has it: a crash in between asks once more, which is harmless.
        due.remove(ACTIVATION, user, due_at)
    logger.info("activations due", extra={"requested": requested})
    return {"requested": requested}
