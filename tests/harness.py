"""The use cases on services in memory: a district's day in one process."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from functions.accounts_feed.feed import Feed
from functions.accounts_feed.feed import StepResult as FeedStepResult
from functions.accounts_feed.feed_steps import FeedSteps
from functions.accounts_feed.look_again import LookAgain
from functions.accounts_feed.skill_lines import TakeSkills
from functions.activation_email.invitation import InvitationMails
from functions.activation_email.send_activation import SendActivation
from functions.activation_email.send_reminder import SendReminder
from functions.activation_schedule.note_unsettled_mails import NoteUnsettledMails
from functions.activation_schedule.queue_due_activations import QueueDueActivations
from functions.activation_schedule.tell_contacts import TellContacts
from functions.class_export.export_classes import ExportClasses
from functions.cleanup_digest.send_digest import SendDigest
from functions.cleanup_nudges.send_nudge import SendNudge
from functions.event_publisher.publish_events import PublishEvents
from functions.import_pauses.watch_pauses import WatchPauses
from functions.import_pauses.watch_sources import WatchSources
from functions.import_step.import_context import ImportContext
from functions.import_step.plan import Import, StepResult
from functions.import_step.steps import ImportSteps
from functions.link_notice.mail_own_logins import MailOwnLogins
from functions.link_notice.notify_link_change import EVENTS as LINK_EVENTS
from functions.link_notice.notify_link_change import NotifyLinkChange
from functions.mail_feedback.record_feedback import RecordFeedback
from functions.roster_import.receive_upload import Received, ReceiveUpload
from shared.domain.clock import to_iso
from shared.domain.errors import UploadRejected
from shared.domain.federated_identity import Issuers
from shared.domain.report import Upload, import_id_of
from shared.domain.roster import RosterUser
from shared.mail.mail_codes import MailCodes
from shared.mail.recipient_cap import RecipientCap
from shared.mail.ses import Mailer, rate_limited_mailer
from shared.runtime.settings import Brand
from shared.stores.account_batches import AccountBatches
from shared.stores.accounts import AccountStore
from shared.stores.activation_queue import ActivationQueue
from shared.stores.activations import ActivationStore
from shared.stores.class_exports import ClassExportFiles, ClassExportStore
from shared.stores.class_work import ClassWorkStore
from shared.stores.digests import DigestStore, RemainingClassesStore
from shared.stores.district_classes import DistrictClassStore
from shared.stores.districts import DistrictStore
from shared.stores.due_items import DueStore
from shared.stores.federated_ids import FederatedIds
from shared.stores.feeds import FeedStarter, FeedStore
from shared.stores.fetches import FetchStore
from shared.stores.first_wave import ContactsStore, FirstWaveStore
from shared.stores.id_maps import IdMapStore
from shared.stores.identifier_index import IdentifierIndex
from shared.stores.import_files import ImportFiles
from shared.stores.import_progress import ProgressStore
from shared.stores.import_state import ImportStateStore
from shared.stores.imports import ImportStarter
from shared.stores.keys import user_of
from shared.stores.links import LinkStore
from shared.stores.mail_codes import MailCodeStore
from shared.stores.notices import NoticeStore
from shared.stores.nudges import NudgeStore
from shared.stores.own_logins import OwnLoginStore
from shared.stores.pauses import PauseStore
from shared.stores.rate_limits import RateLimiter
from shared.stores.reports import ReportStore
from shared.stores.roster_users import RosterUserStore
from shared.stores.send_state import SendStateStore
from shared.stores.skills import SkillStore
from shared.stores.stuck_people import StuckStore
from shared.stores.uploads import Uploads
from shared.stores.waiting import WaitingStore
from shared.use_cases.class_contents import ClassContents
from shared.use_cases.correct_address import CorrectAddress
from shared.use_cases.decide_import import DecideImport
from shared.use_cases.match_and_invite import MatchAndInvite
from shared.use_cases.match_by_rule import MatchByRule
from shared.use_cases.pair_classes import PairClasses
from shared.use_cases.resend_activation import ResendActivation
from tests.account import STACK_ARN
from tests.fakes.aws import MemoryEvents, MemoryQueue, MemoryS3, MemorySes, MemoryStates, etag
from tests.fakes.dynamodb import Gate, MemoryTable, ungated
from tests.state_machine import FEED, IMPORT

WEB = "https://link.example"
TOKEN_KEY = b"a key of the tests"
GOOGLE = "https://accounts.google.com"
CLEVER = "https://clever.com"
STARTS = datetime(2026, 9, 1, 15, tzinfo=UTC)

CONFIGURATION_SET = "mail"
"""That of our own mails."""


class World:
    """One table, the buckets, the queue; ``now`` moves only when told to, and ids are counted."""

    def __init__(self, *, gate: Gate = ungated, is_metered: bool = True) -> None:
        self.now = STARTS
        self.table = MemoryTable(gate=gate, now=lambda: self.now.timestamp(), is_metered=is_metered)
        self.s3 = MemoryS3(gate=gate, now=lambda: self.now)
        self.sqs = MemoryQueue(gate=gate)
        self.export_requests = MemoryQueue(gate=gate)
        self.code_requests = MemoryQueue(gate=gate)
        self.states = MemoryStates(gate=gate, now=lambda: self.now.timestamp())
        self.ses = MemorySes(gate=gate)
        self.events = MemoryEvents(gate=gate)
        self.metrics: list[str] = []
        """Names of those that an alarm looks at."""
        self.alarms = 0
        self._ids = 0
        self._sequencers = 0
        self.districts = DistrictStore(self.table)
        self.classes = DistrictClassStore(self.table)
        self.work = ClassWorkStore(self.table)
        self.skills = SkillStore(self.table)
        self.users = RosterUserStore(self.table)
        self.identifiers = IdentifierIndex(self.table, GOOGLE, CLEVER)
        self.accounts = AccountStore(self.table, GOOGLE)
        self.links = LinkStore(self.table)
        self.nudges = NudgeStore(self.table)
        self.activations = ActivationStore(self.table)
        self.reports = ReportStore(self.table, self.s3, "reports", WEB)
        self.exports = ClassExportStore(self.table)
        self.export_files = ClassExportFiles(self.s3, "exports")
        self.mail_codes = MailCodes(MailCodeStore(self.table), token_key=lambda: TOKEN_KEY, clock=self.clock)

    def begin_like(self, other: World) -> None:
        """Take over what another world holds; cheaper than preparing this one the same way."""
        self.now = other.now
        self._ids, self._sequencers = other._ids, other._sequencers
        self.table.take_over(other.table)
        self.s3.objects = dict(other.s3.objects)

    def put_people(self, people: Iterable[RosterUser]) -> None:
        """Have these people on their districts' rosters, without an import; nobody may be there before."""
        rows = sorted(people, key=lambda row: row.district_id)
        self.users.write((None, row) for row in rows)
        for district_id, of_district in groupby(rows, key=lambda row: row.district_id):
            held = [(each, row.key) for row in of_district for each in self.users.identifiers_of(row)]
            self.users.holders.write(district_id, held, is_first=True)

    def clock(self) -> datetime:
        return self.now

    def pass_time(self, **span: float) -> None:
        self.now += timedelta(**span)

    def sleep(self, seconds: float) -> None:
        """Nobody really sleeps."""
        self.pass_time(seconds=max(0.0, seconds))

    def new_id(self) -> str:
        self._ids += 1
        return f"{self._ids:032x}"

    # What people put into the buckets.

    def register(self, district_id: str = "lakeside", **settings: Any) -> None:
        body = {
            "name": "Lakeside Schools",
            "email_domains": ["lakeside.example"],
            "time_zone": "America/Chicago",
            **settings,
        }
        self.put(f"districts/{district_id}/district.json", json.dumps(body).encode())

    def put(self, key: str, body: bytes) -> Received:
        """Put an object, and let the arrival be taken; imports that it starts are run to their end."""
        upload = self.arrive(key, body)
        taken = self.receive_upload().receive(upload)
        self.run_imports()
        return taken

    def arrive(self, key: str, body: bytes) -> Upload:
        self.pass_time(seconds=1)
        self.s3.put_object(Bucket="rosters", Key=key, Body=body)
        moment = self.now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._sequencers += 1
        return Upload(key, etag(body), moment, f"{self._sequencers:016X}")

    def upload(
        self, files: Mapping[str, str | bytes], district_id: str = "lakeside", name: str = "roster"
    ) -> dict[str, Any]:
        """Upload a roster as a zip; answers its report."""
        taken = self.put(f"rosters/{district_id}/{name}.zip", zipped(files))
        return self.report(taken)

    def report(self, taken: Received) -> dict[str, Any]:
        within = "_settings/" if taken.kind in ("settings", "decision", "id_map") else ""
        address = f"reports/{taken.district_id}/{within}{taken.import_id}/report.json"
        if ("reports", address) not in self.s3.objects:
            # A decision that was taken: its import's own report says so.
            address = f"reports/{taken.district_id}/{taken.import_id}/report.json"
        body = self.s3.objects["reports", address]
        answer: dict[str, Any] = json.loads(body)
        return answer

    def report_of(self, import_id: str, district_id: str = "lakeside") -> dict[str, Any]:
        """The report of an import as it says by now."""
        found: dict[str, Any] = json.loads(self.s3.objects["reports", f"reports/{district_id}/{import_id}/report.json"])
        return found

    def latest(self, district_id: str = "lakeside", name: str = "latest") -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.s3.objects["reports", f"reports/{district_id}/{name}.json"])
        return answer

    def feed(self, *lines: dict[str, Any], name: str = "accounts") -> dict[str, Any]:
        """Put a file of the accounts feed, and load it. Return its report."""
        return self.feed_lines((json.dumps(line).encode() for line in lines), name)

    def feed_lines(self, lines: Iterable[bytes], name: str = "accounts") -> dict[str, Any]:
        self.start_feed(b"".join(line + b"\n" for line in lines), name)
        self.run_imports()
        return self.report_of_feed(name)

    def start_feed(self, body: bytes, name: str = "accounts") -> Upload:
        """Put a file of the accounts feed, as the S3 event of its arrival is taken."""
        upload = self.arrive(f"accounts/{name}.jsonl", body)
        self.take_feed(upload, size=len(body))
        return upload

    def take_feed(self, upload: Upload, *, size: int) -> None:
        name = upload.key.removeprefix("accounts/").removesuffix(".jsonl")
        FeedStarter(self.states, "arn").start(
            import_id_of(upload), name, upload, size=size, started_at=to_iso(self.clock())
        )

    def report_of_feed(self, name: str = "accounts") -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.s3.objects["reports", f"reports/_accounts/{name}/report.json"])
        return found

    def learn_skills(self, *lines: dict[str, Any] | bytes, name: str = "platform") -> dict[str, Any]:
        """Put a file of the catalogue of skills. Return its report."""
        body = b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines)
        upload = self.arrive(f"skills/{name}.jsonl", body)
        TakeSkills(self.skills, Uploads(self.s3, "rosters"), self.reports, clock=self.clock).take(name, upload)
        found: dict[str, Any] = json.loads(self.s3.objects["reports", f"reports/_skills/{name}/report.json"])
        return found

    def look_again(self) -> LookAgain:
        waiting = WaitingStore(self.table)
        matcher = MatchAndInvite(
            self.identifiers, self.links, self.activations, lambda found: waiting.let_go(found, self.clock()), waiting,
            clock=self.clock, new_id=self.new_id, at_once=1,
        )  # fmt: skip
        return LookAgain(
            self.accounts,
            FederatedIds(self.table, GOOGLE),
            self.identifiers,
            self.users,
            self.districts,
            matcher,
            at_once=1,
        )

    def feed_steps(self) -> FeedSteps:
        return FeedSteps(
            FeedStore(self.table), ImportStateStore(self.table), ProgressStore(self.table), Uploads(self.s3, "rosters"),
            ImportFiles(self.s3, "snapshots"), self.reports, AccountBatches(self.table, GOOGLE), self.look_again(),
            issuers=Issuers(), clock=self.clock,
        )  # fmt: skip

    # Mail.

    def send_mail(self) -> None:
        """Handle every request in the queue, as SQS would hand them over."""
        while self.sqs.messages:
            body = json.loads(self.sqs.messages.pop(0))
            user = user_of(body)
            if "follow_up" in body:
                self.send_reminder().send(user, body["follow_up"])
            else:
                self.send_activation().send(user, body["activation_id"])

    def queue_due_activations(self) -> QueueDueActivations:
        queue = ActivationQueue(self.sqs, "queue")
        return QueueDueActivations(
            DueStore(self.table), WaitingStore(self.table), self.activations, self.users, self.districts, queue,
            clock=self.clock,
        )  # fmt: skip

    def tell_contacts(self) -> int:
        """The schedule's first step; answers of how many districts everything was told."""
        return TellContacts(
            ContactsStore(self.table), FirstWaveStore(self.table), self.districts, SendStateStore(self.table), self.mailer(),
            brand=Brand(web_url=WEB), sender="no-reply@accounts.example.org",
            subject="Confirm your official %(brand)s account", clock=self.clock,
        ).run()  # fmt: skip

    def note_unsettled_mails(self) -> NoteUnsettledMails:
        sending = SendStateStore(self.table)
        return NoteUnsettledMails(DueStore(self.table), self.activations, sending, clock=self.clock)

    def send_activation(self) -> SendActivation:
        return SendActivation(
            self.activations, self.users, self.links, self.districts, self.mailer(), self.invitations(),
            StuckStore(self.table), DueStore(self.table), WaitingStore(self.table),
            MatchByRule(self.identifiers, self.links, self.activations),
            recipients=self.recipients(), clock=self.clock,
        )  # fmt: skip

    def recipients(self) -> RecipientCap:
        return RecipientCap(RateLimiter(self.table, self.clock), self.clock)

    def invitations(self) -> InvitationMails:
        subject = "Confirm your official %(brand)s account"
        return InvitationMails(
            self.districts, self.mail_codes, token_key=lambda: TOKEN_KEY, brand=Brand(web_url=WEB), subject=subject
        )

    def send_reminder(self) -> SendReminder:
        due = DueStore(self.table)
        return SendReminder(
            self.activations, self.users, self.links, self.districts, due, self.mailer(), self.invitations(),
            recipients=self.recipients(), clock=self.clock,
        )  # fmt: skip

    def correct_address(self) -> CorrectAddress:
        queue, stuck = ActivationQueue(self.sqs, "queue"), StuckStore(self.table)
        return CorrectAddress(self.activations, self.users, stuck, queue, clock=self.clock, new_id=self.new_id)

    def resend_activation(self) -> ResendActivation:
        queue = ActivationQueue(self.sqs, "queue")
        return ResendActivation(
            self.activations, self.users, self.districts, queue, clock=self.clock, new_id=self.new_id
        )

    def send_nudge(self) -> SendNudge:
        return SendNudge(
            DueStore(self.table), self.links, self.nudges, self.users, self.accounts, self.pair_classes(),
            RemainingClassesStore(self.table), self.districts, self.mailer(), self.mail_codes,
            token_key=lambda: TOKEN_KEY, brand=Brand(web_url=WEB), recipients=self.recipients(), clock=self.clock,
        )  # fmt: skip

    def notify_link_change(self) -> NotifyLinkChange:
        return NotifyLinkChange(
            NoticeStore(self.table), self.links, self.users, self.accounts, self.districts, self.mailer(), self.mail_codes,
            token_key=lambda: TOKEN_KEY, brand=Brand(web_url=WEB), clock=self.clock, count=self.metrics.append,
        )  # fmt: skip

    def notify_of_links(self) -> int:
        """Hand every event of a link to its notices, as the bus and its queue would; answers how many mails went out."""
        items = [item for (pk, _), item in sorted(self.table.items.items()) if pk.startswith("OUTBOX#")]
        links = [item for item in items if item["detail_type"] in LINK_EVENTS]
        return sum(self.notify_link_change().notify(item["detail_type"], json.loads(item["detail"])) for item in links)

    def mail_own_logins(self) -> MailOwnLogins:
        return MailOwnLogins(
            OwnLoginStore(self.table), self.accounts, self.identifiers, self.districts, NoticeStore(self.table),
            self.mailer(), self.mail_codes, token_key=lambda: TOKEN_KEY, brand=Brand(web_url=WEB), clock=self.clock,
        )  # fmt: skip

    def mail_codes_asked(self) -> int:
        """Handle every request for a code, as SQS would hand them over; answers how many mails went out."""
        asked, self.code_requests.messages = self.code_requests.messages, []
        return sum(self.mail_own_logins().mail_code(json.loads(body)["detail"]) for body in asked)

    def tell_of_own_logins(self) -> int:
        """Hand every event of an added login to its notices; answers how many mails went out."""
        items = [item for (pk, _), item in sorted(self.table.items.items()) if pk.startswith("OUTBOX#")]
        added = [json.loads(item["detail"]) for item in items if item["detail_type"] == "OwnLoginAdded"]
        return sum(self.mail_own_logins().tell_of_added(detail) for detail in added)

    def decide_import(self) -> DecideImport:
        starter = ImportStarter(self.states, self.table, "arn")
        return DecideImport(starter, self.reports, self.districts, clock=self.clock)

    def watch_sources(self) -> WatchSources:
        return WatchSources(
            FetchStore(self.table),
            self.districts,
            self.reports,
            self.mailer(),
            brand=Brand(web_url=WEB),
            clock=self.clock,
        )

    def watch_pauses(self) -> WatchPauses:
        return WatchPauses(
            PauseStore(self.table), self.districts, ImportStarter(self.states, self.table, "arn"), self.reports, self.mailer(),
            brand=Brand(web_url=WEB), clock=self.clock,
        )  # fmt: skip

    def send_digest(self) -> SendDigest:
        return SendDigest(
            DigestStore(self.table), RemainingClassesStore(self.table), self.districts, self.mailer(), brand=Brand(web_url=WEB),
            clock=self.clock,
        )  # fmt: skip

    def pair_classes(self) -> PairClasses:
        return PairClasses(self.links, self.classes, clock=self.clock)

    def record_feedback(self) -> RecordFeedback:
        return RecordFeedback(
            self.activations,
            self.districts,
            SendStateStore(self.table),
            clock=self.clock,
            configuration_set=CONFIGURATION_SET,
        )

    def publish_events(self) -> PublishEvents:
        return PublishEvents(self.events, "default", STACK_ARN)

    def mailer(self) -> Mailer:
        return rate_limited_mailer(
            self.ses, self.table, "no-reply@accounts.example.org", CONFIGURATION_SET, clock=self.clock, sleep=self.sleep,
            count=self.metrics.append,
        )  # fmt: skip

    def address_in_mail_to(self, address: str) -> str:
        """The activation address in the newest mail to this person."""
        text: str = next(
            m["Content"]["Simple"]["Body"]["Text"]["Data"] for m in reversed(self.ses.sent) if m["To"] == address
        )
        return next(word for word in text.split() if "/activate/" in word)

    # What teachers take along.

    def export_classes(self) -> ExportClasses:
        contents = ClassContents(self.accounts, self.links, self.users, self.classes, self.work)
        return ExportClasses(
            self.exports, self.export_files, contents, self.accounts, self.skills, brand_name="Khan Academy",
            clock=self.clock,
        )  # fmt: skip

    def make_exports(self) -> None:
        """Handle every request in the queue, as SQS would hand them over."""
        while self.export_requests.messages:
            self.export_classes().make(**json.loads(self.export_requests.messages.pop(0)))

    # What runs.

    def receive_upload(self) -> ReceiveUpload:
        return ReceiveUpload(
            self.districts,
            self.reports,
            ImportStarter(self.states, self.table, "arn"),
            WaitingStore(self.table),
            IdMapStore(self.table),
            read=Uploads(self.s3, "rosters").find,
            alarm=self._alarm,
            clock=self.clock,
            on_dispute=self._alarm,
        )

    def _alarm(self) -> None:
        self.alarms += 1

    def steps(self) -> ImportSteps:
        matcher = MatchAndInvite(
            self.identifiers,
            self.links,
            self.activations,
            ActivationQueue(self.sqs, "queue").request,
            WaitingStore(self.table),
            clock=self.clock,
            new_id=self.new_id,
            at_once=1,
        )
        context = ImportContext(
            self.table,
            uploads=Uploads(self.s3, "rosters"),
            files=ImportFiles(self.s3, "snapshots"),
            reports=self.reports,
            matcher=lambda: matcher,
            clock=self.clock,
            on_dispute=self._alarm,
        )
        return ImportSteps(context)

    def run_imports(self) -> None:
        """Run what was started, as the state machines would (statemachine/)."""
        while self.states.started:
            name = next(iter(self.states.started))
            execution = json.loads(self.states.started.pop(name))
            if "feed" in execution:
                run_feed(self.feed_steps(), execution["feed"])
            else:
                run_import(self.steps(), execution["import"])


def run_import(steps: ImportSteps, event: dict[str, Any]) -> str:
    """Run an import as the state machine does. Return how it ended, or ``wait`` where it waits for another one."""
    position = IMPORT.start({"import": event})
    while IMPORT.has_calls(position):
        position = IMPORT.run(position, lambda call: run_step(steps, call))
    answer = position.data["answer"]
    return str(answer.get("status") or answer["next"])


def run_step(steps: ImportSteps, call: dict[str, Any]) -> StepResult:
    """What the function does with an event of the state machine."""
    return steps.run(call["step"], Import.from_event(call["import"]), call.get("shard"))


def run_feed(steps: FeedSteps, event: dict[str, Any]) -> str:
    """Run a feed as the state machine does. Return how it ended, or ``wait`` where it waits for another one."""
    position = FEED.start({"feed": event})
    while FEED.has_calls(position):
        try:
            position = FEED.run(position, lambda call: run_feed_step(steps, call))
        except UploadRejected:
            position = FEED.after_error(position)
    answer = position.data["answer"]
    return str(answer.get("status") or answer["next"])


def run_feed_step(steps: FeedSteps, call: dict[str, Any]) -> FeedStepResult:
    """What the function does with an event of the state machine."""
    return steps.run(call["step"], Feed.from_event(call["feed"]), call.get("shard"))


_ZIPPED_AT = (2026, 9, 1, 8, 0, 0)


def zipped(files: Mapping[str, str | bytes]) -> bytes:
    """A zip of these files; of the same files the same bytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in files.items():
            archive.writestr(zipfile.ZipInfo(name, _ZIPPED_AT), body, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def decide(world: World, report: dict[str, Any], action: str) -> None:
    body = f'{{"action": "{action}", "by": "kim", "reason": "as meant"}}'.encode()
    world.put(f"decisions/lakeside/{report['import_id']}.json", body)


def roll_back(world: World, import_id: str) -> dict[str, Any]:
    """Answers the report of the decision when it was refused, else of the import."""
    decision = b'{"action": "roll_back", "by": "kim", "reason": "wrong file"}'
    return world.report(world.put(f"decisions/lakeside/{import_id}.json", decision))


OFFICIAL, OWN = "t1@lakeside.example", "ada@mail.example"


def text(mail: dict[str, Any]) -> str:
    return str(mail["Content"]["Simple"]["Body"]["Text"]["Data"]).replace("\u2060", "")


def unzipped(body: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return {
            name: archive.read(name).decode("utf-8-sig" if name.endswith(".csv") else "utf-8")
            for name in archive.namelist()
        }
