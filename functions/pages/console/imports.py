"""The console's imports: what became of each upload, a roster that is checked before it does anything, decisions (B1, B2, B14)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from functions.pages import limits
from functions.pages.console.access import Access, ConsoleAccess
from functions.pages.console.moments import Moments
from functions.pages.console.rejects import grouped
from functions.pages.console.source import source_of
from functions.pages.dependencies import Services
from functions.pages.http import Reply, Request, not_found, page, see_other
from functions.pages.request_context import RequestContexts
from shared.domain.errors import RefusedTransition
from shared.domain.federated_identity import identity_hash
from shared.domain.report import Status
from shared.domain.roster import RosterUserKey
from shared.runtime.loss_words import losses_in_words
from shared.runtime.report_words import retold
from shared.stores.import_progress import Progress
from shared.stores.imports import ImportRecord
from shared.stores.roster_forms import preview_key
from shared.use_cases.decide_import import Action, Decision

PAGE = 25
_PEOPLE_SHOWN = 100
_CONFIRMED_FROM = 20
"""People whose removal has to be confirmed by typing how many they are, where they are more than half of those who stand."""
_FILES = {"report.json", "rejects.csv", "people.csv", "id-changes.csv"}
_ID = re.compile(r"[0-9A-Za-z-]{1,80}")
"""What the id of an import is made of."""
_ACTIONS = {
    "approve": Action.APPROVE,
    "reject": Action.REJECT,
    "roll-back": Action.ROLL_BACK,
    "commit": Action.COMMIT,
}


@dataclass(frozen=True, slots=True)
class PersonShown:
    """Somebody whom an import would hurt, create or change."""

    what: str
    kind: str
    sourced_id: str
    role: str
    name: str


class ImportPages:
    """For who has the whole district; others see how imports stand, and no more."""

    def __init__(self, services: Services, contexts: RequestContexts) -> None:
        self._services = services
        self._contexts = contexts
        self._access = ConsoleAccess(services, contexts)

    def show(self, request: Request, district_id: str) -> Reply:
        access = self._access.of(request, district_id)
        if not isinstance(access, Access):
            return access
        before = request.query.get("before", "")[:80]
        records, more = self._services.imports.newest(district_id, before=before, most=PAGE)
        held = next((each for each in records if each.status is Status.HELD and not each.preview), None)
        applied = [each for each in records if each.status is Status.COMPLETED and not each.preview]
        latest = max(applied, key=lambda each: each.finished_at) if applied and not before else None
        return self._page(
            "imports",
            access,
            records=records,
            more=more,
            before=before,
            at_work=self._at_work(access) if access.is_whole else [],
            source=source_of(self._services, access),
            held=held if access.is_whole else None,
            leaving=leaving(held) if held and access.is_whole else 0,
            latest=latest if access.is_whole else None,
            problem="",
        )

    def upload(self, request: Request, district_id: str) -> Reply:
        """The form that sends a roster straight to S3: no page of ours sees the file."""
        access = self._access.of_whole(request, district_id)
        if not isinstance(access, Access):
            return access
        name = f"console-{self._services.new_id()}"
        back_to = f"{self._services.brand.web_url}/console/{district_id}/imports/checks/{name}"
        form = self._services.roster_forms.of(district_id, name, back_to)
        reply = self._page("upload", access, form=form)
        reply.form_target = form.origin
        return reply

    def check(self, request: Request, district_id: str, name: str) -> Reply:
        """Wait for the preview of what was sent; on to it once it is there."""
        access = self._access.of_whole(request, district_id)
        if not isinstance(access, Access):
            return access
        records, _ = self._services.imports.newest(district_id, most=PAGE)
        key = preview_key(district_id, name)
        if found := next((each for each in records if each.upload_key == key), None):
            return see_other(f"/console/{district_id}/imports/{found.import_id}")
        return self._waits(
            "checking", access, at_work=[each for each in self._at_work(access) if each.upload_key == key]
        )

    def one(self, request: Request, district_id: str, import_id: str) -> Reply:
        access = self._access.of_import(request, district_id, import_id)
        if not isinstance(access, Access):
            return access
        return self._one(access, import_id) if _ID.fullmatch(import_id) else not_found()

    def decide(self, request: Request, district_id: str, import_id: str, action: str) -> Reply:
        """Approve, reject, roll back or apply; with a reason, and beyond a bound with the number of people who leave."""
        access = self._access.of_import(request, district_id, import_id)
        if not isinstance(access, Access):
            return access
        is_open = action in _ACTIONS and (access.is_whole or action == "roll-back")
        if not (is_open and _ID.fullmatch(import_id)):
            return not_found()
        self._services.rate_limiter.hit(limits.DECISION, district_id)
        record, *_ = self._services.imports.of(district_id, import_id)
        if record is None:
            return not_found()
        problem = self._why_not(request, record, action)
        if not problem:
            problem = self._take(request, access, import_id, action)
        if problem:
            return self._one(access, import_id, problem=problem, asked=action, reason=request.form.get("reason", ""))
        return see_other(f"/console/{district_id}/imports/{import_id}")

    @staticmethod
    def _why_not(request: Request, record: ImportRecord, action: str) -> str:
        """What is missing in the form."""
        if not request.form.get("reason", "").strip():
            return "no_reason"
        removed = leaving(record)
        if action in ("approve", "commit") and removed and request.form.get("confirm", "").strip() != str(removed):
            return "not_confirmed"
        return ""

    def _take(self, request: Request, access: Access, import_id: str, action: str) -> str:
        """Take the decision. Return why it is refused, as a code."""
        decision_id = f"console-{self._services.new_id()}"
        words = {"action": _ACTIONS[action].value, "by": access.by, "reason": request.form.get("reason", "")}
        if action in ("approve", "commit"):
            self._keep_way_in(request, import_id)
        try:
            self._services.decisions.take(Decision.of(access.district_id, import_id, decision_id, words))
        except RefusedTransition as refused:
            return refused.code
        return ""

    def _keep_way_in(self, request: Request, import_id: str) -> None:
        """Whoever approves may roll back for a day, even where the import takes the right to."""
        session = self._contexts.of(request).session
        if session and session.user and session.subject:
            hashed = identity_hash(*session.subject)
            self._services.ways_in.keep(session.user, hashed, import_id, self._services.clock())

    def file(self, request: Request, district_id: str, import_id: str, name: str) -> Reply:
        """On to a file of a report, which S3 gives out for a few minutes."""
        access = self._access.of_whole(request, district_id)
        if not isinstance(access, Access):
            return access
        if name not in _FILES or not _ID.fullmatch(import_id):
            return not_found()
        record, *_ = self._services.imports.of(district_id, import_id)
        return see_other(self._services.reports.address(district_id, import_id, name)) if record else not_found()

    def _one(self, access: Access, import_id: str, *, problem: str = "", asked: str = "", reason: str = "") -> Reply:
        record, decision, standing = self._services.imports.of(access.district_id, import_id)
        if record is None:
            return not_found()
        report = self._services.reports.of(access.district_id, import_id) if access.is_whole else None
        decided_by = self._name_of(access, decision.by) if decision else ""
        is_decided = decision is not None and _is_under_way(record, decision.action)
        people = self._people(access, report) if report and not is_decided else []
        reply = self._page(
            "import",
            access,
            record=record,
            report=report,
            decision=decision,
            decided_by=decided_by,
            is_under_way=is_decided,
            may_roll_back=standing == import_id and record.status is Status.COMPLETED and not is_decided,
            people=people,
            id_changes=self._id_changes(access, report) if report and not is_decided else [],
            at_work=[each for each in self._at_work(access) if each.import_id == import_id] if is_decided else [],
            rejects=grouped(report["rejects"]) if report else [],
            leaving=leaving(record),
            problem=problem,
            asked=asked,
            reason=reason,
        )
        if problem:
            reply.status = 409
        elif is_decided:
            reply.headers["Refresh"] = "5"
        return reply

    def _name_of(self, access: Access, by: str) -> str:
        """Who decided, as people read it: an administrator of the console by name."""
        user = self._services.users.get(RosterUserKey.of_person_id(access.district_id, by)) if " " not in by else None
        return f"{user.display_name} ({user.sourced_id})" if user else by

    def _id_changes(self, access: Access, report: Mapping[str, Any]) -> list[dict[str, str]]:
        """The first numbers that change: before, and after."""
        if not report.get("id_changes_key"):
            return []
        return self._services.reports.id_changes(access.district_id, report["import_id"], _PEOPLE_SHOWN)

    def _people(self, access: Access, report: Mapping[str, Any]) -> list[PersonShown]:
        """The first people whom it is about, by name where the table has them."""
        if not report.get("people_key"):
            return []
        rows = self._services.reports.people(access.district_id, report["import_id"], _PEOPLE_SHOWN)
        keys = [RosterUserKey(access.district_id, row["sourcedId"], row["kind"]) for row in rows]
        known = self._services.users.get_many(keys)
        return [
            PersonShown(
                row["what"], row["kind"], row["sourcedId"], row["role"], known[key].display_name if key in known else ""
            )
            for key, row in zip(keys, rows, strict=True)
        ]

    def _at_work(self, access: Access) -> list[Progress]:
        return self._services.progress.at_work(access.district_id, self._services.clock())

    def _waits(self, template: str, access: Access, **values: object) -> Reply:
        reply = self._page(template, access, **values)
        reply.headers["Refresh"] = "3"
        return reply

    def _page(self, template: str, access: Access, **values: object) -> Reply:
        district = access.district
        reply = page(f"console/{template}", audience=district, district=district.name, access=access, tab="imports")
        reply.values |= {"when": Moments(district.zone), "retold": retold, "losses_in_words": losses_in_words, **values}
        return reply


def leaving(record: ImportRecord) -> int:
    """How many people leave with it, where that has to be confirmed by typing it; else 0."""
    users = record.users
    removed = users.get("removed", 0)
    stood = removed + users.get("changed", 0) + users.get("unchanged", 0)
    return removed if removed >= _CONFIRMED_FROM and 2 * removed > stood else 0


def _is_under_way(record: ImportRecord, action: str) -> bool:
    """Whether what was decided is still to be done."""
    match action:
        case "approve":
            return record.status is Status.HELD
        case "commit":
            return record.preview and record.status in (Status.COMPLETED, Status.HELD)
        case "roll_back":
            return record.status is Status.COMPLETED
    return False
