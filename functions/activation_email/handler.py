"""SQS: activations that are to be mailed, with partial batch failures."""

from __future__ import annotations

from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.activation_email.sending import ActivationSending
from shared import aws
from shared.clock import utc_now
from shared.mail.mailer import Mailer
from shared.observability import logger, metric
from shared.roster import RosterUserKey
from shared.settings import ActivationEmailSettings
from shared.stores.activations import ActivationStore
from shared.stores.districts import DistrictStore
from shared.stores.links import LinkStore
from shared.stores.roster_users import RosterUserStore
from shared.stores.secrets import Secrets

processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)


@cache
def sending() -> ActivationSending:
    """The use case, wired to the services that the environment names."""
    settings = ActivationEmailSettings.from_environment()
    table = aws.table(settings.table_name)
    secrets = Secrets(aws.client("secretsmanager"), utc_now)
    return ActivationSending(
        ActivationStore(table),
        RosterUserStore(table),
        LinkStore(table),
        DistrictStore(table),
        Mailer(aws.client("sesv2", retries=False), settings.sender, settings.configuration_set),
        token_key=lambda: secrets.key(settings.token_secret_arn),
        brand=settings,
        subject=settings.activation_subject,
        clock=utc_now,
    )


def record_handler(record: SQSRecord) -> None:
    body = record.json_body
    outcome = sending().send(RosterUserKey(body["district_id"], body["sourced_id"]), body["activation_id"])
    logger.info("activation", extra={"activation_id": body["activation_id"], "outcome": outcome.value})
    metric(f"Activation{outcome.value.title().replace('_', '')}")


@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return dict(
        process_partial_response(event=event, record_handler=record_handler, processor=processor, context=context)
    )
