"""An S3 event of ``accounts/``, which starts a feed, or of ``skills/``, which is taken at once; or a task of the feed's state
machine: ``{"step", "feed", "shard"?}``."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.accounts_feed.feed import Feed, StepResult
from functions.accounts_feed.look_again import LookAgain
from shared.domain.clock import new_id, to_iso, utc_now
from shared.domain.federated_identity import Issuers
from shared.domain.report import Upload, import_id_of
from shared.runtime import aws
from shared.runtime.events import S3Object, s3_objects
from shared.runtime.observability import logger, metric, observed
from shared.runtime.settings import AccountsFeedSettings
from shared.stores.account_batches import AccountBatches
from shared.stores.accounts import AccountStore
from shared.stores.activations import ActivationStore
from shared.stores.districts import DistrictStore
from shared.stores.federated_ids import FederatedIds
from shared.stores.feeds import FeedStarter, FeedStore
from shared.stores.identifier_index import IdentifierIndex
from shared.stores.import_files import ImportFiles
from shared.stores.import_progress import ProgressStore
from shared.stores.import_state import ImportStateStore
from shared.stores.links import LinkStore
from shared.stores.reports import ReportStore
from shared.stores.roster_users import RosterUserStore
from shared.stores.uploads import Uploads
from shared.stores.waiting import WaitingStore
from shared.use_cases.match_and_invite import MatchAndInvite

if TYPE_CHECKING:
    from functions.accounts_feed.feed_steps import FeedSteps

_FEED = re.compile(r"accounts/(?P<name>[^/\x00-\x1f\x7f]{1,200})\.jsonl")
_SKILLS = re.compile(r"skills/(?P<name>[^/\x00-\x1f\x7f]{1,200})\.jsonl")
_LOOK_UPS_AT_ONCE = 8


@cache
def settings() -> AccountsFeedSettings:
    return AccountsFeedSettings.from_environment()


@cache
def steps() -> FeedSteps:
    """The steps, wired to the services that the environment names."""
    from functions.accounts_feed.feed_steps import FeedSteps  # with pydantic, which a file that arrives does not need

    table, s3 = aws.table(settings().table_name), aws.client("s3")
    identifiers, waiting, issuers = IdentifierIndex(table), WaitingStore(table), _issuers()
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
    look_again = LookAgain(
        AccountStore(table, issuers.google),
        FederatedIds(table, issuers.google),
        identifiers,
        RosterUserStore(table),
        DistrictStore(table),
        matcher,
        at_once=_LOOK_UPS_AT_ONCE,
    )
    return FeedSteps(
        FeedStore(table),
        ImportStateStore(table),
        ProgressStore(table),
        Uploads(s3, settings().roster_bucket),
        ImportFiles(s3, settings().snapshot_bucket),
        ReportStore(table, s3, settings().report_bucket, settings().web_url),
        AccountBatches(table, issuers.google),
        look_again,
        issuers=issuers,
        clock=utc_now,
    )


def _issuers() -> Issuers:
    known = settings()
    return Issuers(known.google_issuer, known.clever_issuer, known.classlink_issuer, known.microsoft_issuer)


@observed
def lambda_handler(event: dict[str, Any], _context: LambdaContext) -> StepResult | dict[str, list[str]]:
    if "step" not in event:
        return {"started": [name for found in s3_objects(event) if (name := _take(found))]}
    feed = Feed.from_event(event["feed"])
    logger.append_keys(run_id=feed.run_id, step=event["step"])
    result = steps().run(event["step"], feed, event.get("shard"))
    logger.info(
        "step done", extra={"next": result.get("next"), "status": result.get("status"), "shard": event.get("shard")}
    )
    return result


def _take(found: S3Object) -> str | None:
    """Start a feed, or take in a file of skills. Return the run's id, or the name of the catalogue's file."""
    key = unquote_plus(found.key)
    upload = Upload(key, found.etag, found.event_time, found.sequencer, found.version_id)
    if name := _name(_FEED, key):
        run_id = import_id_of(upload)
        starter = FeedStarter(aws.client("stepfunctions"), settings().accounts_feed_state_machine_arn)
        starter.start(run_id, name, upload, size=found.size, started_at=to_iso(utc_now()))
        logger.info("feed started", extra={"run_id": run_id})
        return run_id
    if name := _name(_SKILLS, key):
        _take_skills(name, upload)
        logger.info("skills taken")
        return name
    metric("UnknownUpload")
    logger.warning("no accounts feed, and no skills: expected accounts/{name}.jsonl or skills/{name}.jsonl")
    return None


def _name(pattern: re.Pattern[str], key: str) -> str | None:
    found = pattern.fullmatch(key)
    return found["name"] if found and found["name"] not in (".", "..") else None


def _take_skills(name: str, upload: Upload) -> None:
    from functions.accounts_feed.skill_lines import TakeSkills
    from shared.stores.skills import SkillStore

    table, s3 = aws.table(settings().table_name), aws.client("s3")
    reports = ReportStore(table, s3, settings().report_bucket, settings().web_url)
    uploads = Uploads(s3, settings().roster_bucket)
    TakeSkills(SkillStore(table), uploads, reports, clock=utc_now).take(name, upload)
