"""A task of the Import state machine: ``{"step", "import", "shard"?}``."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from itertools import batched
from time import monotonic
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.import_step.import_context import ImportContext
from functions.import_step.plan import Import, StepResult
from functions.import_step.steps import ImportSteps
from shared.domain.clock import new_id, utc_now
from shared.domain.write_pace import WritePace
from shared.runtime import aws
from shared.runtime.observability import logger, metric, observed
from shared.runtime.settings import ImportStepSettings
from shared.stores.import_files import ImportFiles
from shared.stores.reports import ReportStore
from shared.stores.uploads import Uploads

if TYPE_CHECKING:
    from shared.domain.activation import Activation
    from shared.use_cases.match_and_invite import MatchAndInvite

_IDS_IN_A_LINE = 100


@cache
def steps() -> ImportSteps:
    """The steps, wired to the services that the environment names."""
    settings = ImportStepSettings.from_environment()
    table = aws.table(settings.table_name)
    s3 = aws.client("s3")
    return ImportSteps(
        ImportContext(
            table,
            uploads=Uploads(s3, settings.roster_bucket),
            files=ImportFiles(s3, settings.snapshot_bucket),
            reports=ReportStore(table, s3, settings.report_bucket, settings.web_url),
            matcher=lambda: _matcher(settings),
            clock=utc_now,
            on_dispute=lambda: metric("ClaimDisputed"),
            pace=WritePace(monotonic),
            code=settings.aws_lambda_function_version,
        )
    )


def _matcher(settings: ImportStepSettings) -> MatchAndInvite:
    """Imported where people are matched, which is one step of many."""
    from shared.stores.activation_queue import ActivationQueue
    from shared.stores.activations import ActivationStore
    from shared.stores.identifier_index import IdentifierIndex
    from shared.stores.links import LinkStore
    from shared.stores.waiting import WaitingStore
    from shared.use_cases.match_and_invite import MatchAndInvite

    table = aws.table(settings.table_name)
    queue = ActivationQueue(aws.client("sqs"), settings.activation_queue_url)

    def request(activations: Iterable[Activation]) -> None:
        """The line leads from the import to the mails, whose own lines name the activation."""
        asked = list(activations)
        queue.request(asked)
        for batch in batched((one.activation_id for one in asked), _IDS_IN_A_LINE, strict=False):
            logger.info("invited", extra={"activation_ids": batch})

    return MatchAndInvite(
        IdentifierIndex(table),
        LinkStore(table),
        ActivationStore(table),
        request,
        WaitingStore(table),
        clock=utc_now,
        new_id=new_id,
    )


@observed
def lambda_handler(event: dict[str, Any], _context: LambdaContext) -> StepResult:
    import_ = Import.from_event(event["import"])
    logger.append_keys(district_id=import_.district_id, import_id=import_.import_id, step=event["step"])
    result = steps().run(event["step"], import_, event.get("shard"))
    logger.info(
        "step done", extra={"next": result.get("next"), "status": result.get("status"), "shard": event.get("shard")}
    )
    if event["step"] == "fail":
        metric("ImportFailed")
    elif event["step"] == "no_names":
        metric("NamesNotSorted")
    return result
