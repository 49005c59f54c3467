"""Rows that could not be read, together by what is the matter with them: one bad line of a class is one thing to mend."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

_LINES_SHOWN = 10
_CAUSES = {"classes", "sections", "section", "users", "students", "teachers", "student", "teacher"}
"""Files of which a row that is not read takes others with it."""


@dataclass(slots=True)
class RejectGroup:
    """Rows of one file that share a code and a value. ``because`` is a row of another file that was not read."""

    file: str
    code: str
    message: str
    value: str
    lines: list[int] = field(default_factory=list)
    number: int = 0
    because: RejectGroup | None = None

    @property
    def first_line(self) -> int | None:
        return self.lines[0] if self.lines else None


def grouped(rejects: Iterable[Mapping[str, Any]]) -> list[RejectGroup]:
    """Return the groups, those first from which others follow, then the largest ones."""
    groups: dict[tuple[str, str, str, str], RejectGroup] = {}
    for reject in rejects:
        told = reject["file"], reject["code"], reject["message"], str(reject.get("value") or "")
        group = groups.setdefault(told, RejectGroup(*told))
        group.number += 1
        if reject.get("line") and len(group.lines) < _LINES_SHOWN:
            group.lines.append(reject["line"])
    found = list(groups.values())
    causes = [each for each in found if _stem(each.file) in _CAUSES]
    for each in found:
        if each not in causes and each.code in ("unknown_class", "unknown_user"):
            of_kind = [cause for cause in causes if _is_of_kind(cause, each.code)]
            named = [cause for cause in of_kind if cause.value and cause.value == each.value]
            of_one = of_kind if len(of_kind) == 1 and of_kind[0].number == 1 else []
            each.because = next(iter(named or of_one), None)
    return sorted(found, key=lambda each: (each not in causes, -each.number))


def _stem(file: str) -> str:
    return file.rpartition("/")[2].lower().removesuffix(".csv")


def _is_of_kind(cause: RejectGroup, code: str) -> bool:
    is_of_classes = _stem(cause.file) in ("classes", "sections", "section")
    return is_of_classes == (code == "unknown_class")
