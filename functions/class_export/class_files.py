"""A class's data as files: CSV that a spreadsheet opens and never runs, and a summary to read."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from shared.domain.account import Mastery
from shared.domain.mastery import goal_percentage
from shared.domain.skill_catalogue import SkillCatalogue
from shared.runtime.csv_safety import safe_cell
from shared.runtime.i18n import direction, environment
from shared.runtime.languages import translations
from shared.use_cases.class_contents import Taught

TEMPLATES = Path(__file__).parent
_NOT_IN_A_FILE_NAME = re.compile(r"[^\w -]+")
_LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class StudentData:
    """One student with everything that was earned."""

    name: str
    account_id: str | None
    mastery: Mastery


@dataclass(frozen=True, slots=True)
class _Line:
    """A student in the summary."""

    name: str
    percentages: list[int]
    scores: list[int | None]


def write_class(
    folder: Path, taught: Taught, students: Iterable[StudentData], language: str, brand: str, catalogue: SkillCatalogue
) -> list[Path]:
    """Write a class's files into a folder, going over the students once. Return the files.

    Skills have the names that the catalogue gives them; what it does not know is its id.
    Memory holds a line of the summary for each student, and the mastery of one.
    """
    _ = translations(language).gettext
    with ExitStack() as open_files:
        tables = _Tables(folder, open_files)
        titles = (*(goal.title for goal in taught.goals), *(work.title for work in taught.assignments))
        roster = tables.table("students.csv", _("Student"), *titles)
        mastery = tables.table("mastery.csv", _("Student"), _("Skill"), _("Points"), _("Earned on"))
        goals = tables.table("goals.csv", _("Goal"), _("Skills"), _("Student"), _("Percentage"))
        work = tables.table("assignments.csv", _("Assignment"), _("Content"), _("Made on"), _("Student"), _("Score"))
        lines = []
        named = [_skill_names(catalogue, goal.skill_ids) for goal in taught.goals]
        for student in students:
            percentages = [goal_percentage(goal.skill_ids, student.mastery) for goal in taught.goals]
            scores = [assignment.scores.get(student.account_id or "") for assignment in taught.assignments]
            lines.append(_Line(student.name, percentages, scores))
            roster(student.name, *percentages, *("" if score is None else score for score in scores))
            for skill, earned in student.mastery.items():
                mastery(student.name, _skill_names(catalogue, [skill]), earned.points, earned.updated_at[:10])
            for goal, names, percentage in zip(taught.goals, named, percentages, strict=True):
                goals(goal.title, names, student.name, percentage)
            for assignment, score in zip(taught.assignments, scores, strict=True):
                made_on = (assignment.created_at or "")[:10]
                work(assignment.title, assignment.content_id, made_on, student.name, "" if score is None else score)
    summary = folder / "summary.html"
    template = environment(TEMPLATES, language).get_template("summary.html")
    values = {"lang": language, "dir": direction(language), "taught": taught, "students": lines, "brand": brand}
    with summary.open("w", encoding="utf-8") as file:
        file.writelines(template.generate(values))
    return [*tables.files, summary]


def _skill_names(catalogue: SkillCatalogue, skill_ids: Iterable[str]) -> str:
    names = (catalogue.skills[skill].title if skill in catalogue.skills else skill for skill in skill_ids)
    return ("; " if catalogue else " ").join(names)


class _Tables:
    """CSV files in UTF-8 with a BOM, by which spreadsheets know it."""

    def __init__(self, folder: Path, open_files: ExitStack) -> None:
        self._folder = folder
        self._open_files = open_files
        self.files: list[Path] = []

    def table(self, name: str, *columns: str) -> Callable[..., None]:
        """Begin a file of this name. Return the function that writes a row of it, a cell for each argument."""
        path = self._folder / name
        self.files.append(path)
        writer = csv.writer(self._open_files.enter_context(path.open("w", encoding="utf-8-sig", newline="")))

        def row(*cells: object) -> None:
            writer.writerow([safe_cell(cell) for cell in cells])

        row(*columns)
        return row


def folder_names(names: Iterable[str]) -> Iterator[str]:
    """A name for the folder of each class: letters, digits, blanks and dashes of its own name, and each once."""
    taken: set[str] = set()
    for name in names:
        plain = " ".join(_NOT_IN_A_FILE_NAME.sub(" ", unicodedata.normalize("NFC", name)).split())[
            :_LONGEST_NAME
        ].strip()
        wanted, number = plain or "class", 1
        while wanted.casefold() in taken:
            number += 1
            wanted = f"{plain or 'class'} {number}"
        taken.add(wanted.casefold())
        yield wanted
