"""What a person decides about an import: approve or reject one that waits, roll back one that was applied, apply a preview (M3, B2,
B14). However it comes, as a file or from the console, it is checked, noted with who and why, and carried out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self

from shared.domain.clock import Clock, to_iso
from shared.domain.errors import RefusedTransition
from shared.domain.report import Status
from shared.runtime.languages import language_for
from shared.runtime.report_words import reason_in
from shared.stores.districts import DistrictStore
from shared.stores.imports import ImportStarter
from shared.stores.reports import ReportStore

_LONGEST_WORD = 500
"""Characters of who decides, and of why."""


class Action(StrEnum):
    APPROVE = "approve"
    REJECT = "reject"
    ROLL_BACK = "roll_back"
    COMMIT = "commit"
    """Apply a preview: exactly what it showed."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision about one import. ``decision_id`` is the same however often the same decision comes."""

    district_id: str
    import_id: str
    decision_id: str
    action: Action
    by: str
    reason: str

    @classmethod
    def of(cls, district_id: str, import_id: str, decision_id: str, words: Mapping[str, object]) -> Self:
        """The decision that these words make.

        Raises ValueError where they name no action, and RefusedTransition ``decision_unsigned`` where they do not say who decides,
        or why.
        """
        action = Action(str(words["action"]))
        by, reason = (_text(words.get(name)) for name in ("by", "reason"))
        if not (by and reason):
            raise RefusedTransition(
                "decision_unsigned",
                'A decision says who takes it ("by") and why ("reason"). Add both, and decide again.',
            )
        return cls(district_id, import_id, decision_id, action, by, reason)

    @property
    def body(self) -> dict[str, str]:
        return {"action": self.action.value, "by": self.by, "reason": self.reason}


class DecideImport:
    """Taking a decision twice does no more than taking it once."""

    def __init__(self, imports: ImportStarter, reports: ReportStore, districts: DistrictStore, *, clock: Clock) -> None:
        self._imports = imports
        self._reports = reports
        self._districts = districts
        self._clock = clock

    def take(self, decision: Decision) -> None:
        """Note the decision, and carry it out.

        Raises RefusedTransition when there is nothing to decide in this way, or it was decided.
        """
        if self._imports.decided(decision.district_id, decision.import_id) != decision.decision_id:
            self._note(decision)
        self._carry_out(decision)

    def _note(self, decision: Decision) -> None:
        try:
            self._check(decision)
        except RefusedTransition:
            # One decision may come several times, also at once: the other one may just have been carried out.
            if self._imports.decided(decision.district_id, decision.import_id) != decision.decision_id:
                raise
            return
        self._imports.note_decision(
            decision.district_id, decision.import_id, decision.decision_id, decision.body, at=to_iso(self._clock())
        )

    def _check(self, decision: Decision) -> None:
        """Raises RefusedTransition when there is nothing to decide in this way."""
        district_id, import_id = decision.district_id, decision.import_id
        match decision.action:
            case Action.ROLL_BACK:
                self._imports.check_applied(district_id, import_id)
            case Action.COMMIT:
                self._imports.check_shown(district_id, import_id)
            case _:
                self._imports.check_held(district_id, import_id)

    def _carry_out(self, decision: Decision) -> None:
        """Do what was decided. May be run again, also long after it was done."""
        district_id, import_id, started_at = decision.district_id, decision.import_id, to_iso(self._clock())
        if decision.action is Action.ROLL_BACK:
            upload = self._imports.upload(district_id, import_id)
            self._imports.start(import_id, district_id, upload, preview=False, roll_back=True, started_at=started_at)
        elif decision.action is Action.COMMIT:
            # It counts from now on, whatever was uploaded and changed nothing since it was shown.
            upload = replace(self._imports.upload(district_id, import_id), event_time=started_at, sequencer="")
            commit = decision.decision_id
            self._imports.start(import_id, district_id, upload, preview=True, commit=commit, started_at=started_at)
        elif not self._imports.is_held(district_id, import_id):
            return
        elif decision.action is Action.APPROVE:
            upload = self._imports.upload(district_id, import_id)
            self._imports.start(import_id, district_id, upload, preview=False, approved=True, started_at=started_at)
        else:
            reason = {
                "code": "rejected_by_person",
                "message": "A person rejected this import; nothing was written.",
            }
            district = self._districts.find(district_id)
            language = language_for(district.locale if district else None)
            self._reports.amend(district_id, import_id, Status.REJECTED, reason_in(reason, language))
            self._imports.note_status(district_id, import_id, Status.REJECTED)


def _text(value: object) -> str:
    """The beginning of a decision's word, without halves of letters, which the table does not take."""
    return str(value or "").strip()[:_LONGEST_WORD].encode("utf-8", "replace").decode()
