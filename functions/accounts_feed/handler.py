"""An S3 event of ``accounts/``: a file of the accounts feed."""

from __future__ import annotations

import re
from functools import cache
from typing import Any
from urllib.parse import unquote_plus

from aws_lambda_powertools.utilities.data_classes import S3Event, event_source
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.accounts_feed.account_line import LONGEST_LINE
from functions.accounts_feed.load_accounts import LoadAccounts
from shared.domain.clock import new_id, utc_now
from shared.domain.errors import UploadRejected
from shared.runtime import aws
from shared.runtime.observability import logger, metric, observed
from shared.runtime.settings import AccountsFeedSettings
from shared.stores.accounts import AccountStore
from shared.stores.activations import ActivationStore
from shared.stores.districts import DistrictStore
from shared.stores.identifier_index import IdentifierIndex
from shared.stores.links import LinkStore
from shared.stores.reports import ReportStore
from shared.stores.roster_users import RosterUserStore
from shared.stores.uploads import Uploads
from shared.stores.waiting import WaitingStore
from shared.use_cases.match_and_invite import MatchAndInvite

_FEED = re.compile(r"accounts/(?P<name>[^/\x00-\x1f\x7f]{1,200})\.jsonl")


@cache
def settings() -> AccountsFeedSettings:
    return AccountsFeedSettings.from_environment()


@cache
def load_accounts() -> LoadAccounts:
    """The use case, wired to the services that the environment names."""
    table = aws.table(settings().table_name)
    identifiers, waiting = IdentifierIndex(table), WaitingStore(table)
    matcher = MatchAndInvite(
        identifiers,
        LinkStore(table),
        ActivationStore(table),
        lambda found: waiting.let_go(found, utc_now()),
        waiting,
        clock=utc_now,
        new_id=new_id,
        at_once=1,
    )
    return LoadAccounts(
        AccountStore(table, settings().google_issuer),
        identifiers,
        RosterUserStore(table),
        DistrictStore(table),
        matcher,
        clock=utc_now,
    )


@observed
@event_source(data_class=S3Event)
def lambda_handler(event: S3Event, _context: LambdaContext) -> dict[str, Any]:
    done = []
    s3 = aws.client("s3")
    for record in event.records:
        found = _FEED.fullmatch(unquote_plus(record.s3.get_object.key))
        if not found or found["name"] in (".", ".."):
            metric("UnknownUpload")
            logger.warning("no accounts feed: expected accounts/{name}.jsonl")
            continue
        try:
            lines = Uploads(s3, settings().roster_bucket).lines(found.string, LONGEST_LINE)
        except UploadRejected:
            logger.info("the file was taken away before its event came")
            continue
        report = load_accounts().load(lines)
        reports = ReportStore(aws.table(settings().table_name), s3, settings().report_bucket)
        reports.write_accounts(found["name"], report)
        logger.info("accounts loaded", extra={"counts": {k: v for k, v in report.items() if isinstance(v, int)}})
        done.append(report["read"])
    return {"read": done}
