"""Takes in a file of the catalogue of skills: ``skills/{name}.jsonl``, an object a line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints

from functions.accounts_feed.account_line import Id, rejection
from functions.accounts_feed.feed import LineReject
from shared.domain.clock import Clock, to_iso
from shared.domain.errors import CatalogueFull, UploadRejected
from shared.domain.report import Status, Upload
from shared.domain.skill_catalogue import Skill
from shared.stores.keys import SKILLS
from shared.stores.reports import ReportStore
from shared.stores.skills import Learned, SkillStore
from shared.stores.uploads import Uploads, lines_of

LONGEST_LINE = 10_000
"""In bytes."""
MOST_LINES = 200_000
_CHUNK = 1 << 20
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

type Title = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300, pattern=r"^[^\x00-\x1f\x7f]+$")
]


class SkillLine(BaseModel):
    """One line; what the contract does not name is ignored."""

    model_config = ConfigDict(extra="ignore")

    skill_id: Id
    title: Title
    subject: Title | None = None


class TakeSkills:
    """Reads a file whole, and reports on it. The file counts as it lies there now: what comes twice changes nothing."""

    def __init__(self, skills: SkillStore, uploads: Uploads, reports: ReportStore, *, clock: Clock) -> None:
        self._skills = skills
        self._uploads = uploads
        self._reports = reports
        self._clock = clock

    def take(self, name: str, upload: Upload) -> None:
        """A line that cannot be used costs itself alone; a file that does not fit changes nothing."""
        report: dict[str, Any] = {
            "status": Status.COMPLETED.value,
            "upload": {"key": upload.key, "etag": upload.etag},
            "started_at": to_iso(self._clock()),
            "notes": [],
        }
        skills: list[Skill] = []
        rejects: list[LineReject] = []
        learned = Learned()
        try:
            for line in self._lines(upload.key):
                if isinstance(line, Skill):
                    skills.append(line)
                else:
                    rejects.append(line)
            learned = self._skills.learn(skills)
        except UploadRejected:
            return  # It was taken away before it was read.
        except CatalogueFull as error:
            report |= {"status": Status.FAILED.value, "reason": {"code": error.code, "message": error.message}}
        counts = {
            "read": len(skills) + len(rejects),
            "created": learned.created,
            "changed": learned.changed,
            "unchanged": learned.unchanged,
            "rejected": len(rejects),
        }
        self._reports.write_lines(SKILLS, name, {**report, **counts, "finished_at": to_iso(self._clock())}, rejects)

    def _lines(self, key: str) -> Iterator[Skill | LineReject]:
        with self._uploads.open(key) as body:
            for number, raw in enumerate(lines_of(iter(lambda: body.read(_CHUNK), b""), LONGEST_LINE), 1):
                text = raw.removeprefix(_BYTE_ORDER_MARK) if number == 1 else raw
                if number > MOST_LINES:
                    raise CatalogueFull("catalogue_full", f"The file has more lines than fit: {MOST_LINES}.")
                if text.strip():
                    yield _skill(number, text)


def _skill(number: int, text: bytes) -> Skill | LineReject:
    try:
        if len(text) > LONGEST_LINE:
            raise ValueError(f"The line has more than {LONGEST_LINE} bytes")
        line = SkillLine.model_validate_json(text)
    except ValueError as error:
        return rejection(number, error, SkillLine.model_fields)
    return Skill(line.skill_id, line.title, line.subject or "")
