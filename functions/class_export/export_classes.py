"""An export: the data of the classes that a teacher chose, as a zip in S3 (B4)."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from enum import StrEnum
from itertools import batched
from pathlib import Path
from tempfile import TemporaryDirectory

from functions.class_export.class_files import StudentData, folder_names, write_class
from shared.domain.clock import Clock
from shared.stores.accounts import AccountStore
from shared.stores.class_exports import ClassExport, ClassExportFiles, ClassExportStore
from shared.stores.skills import SkillStore
from shared.use_cases.class_contents import ClassContents, Taught

_AT_A_TIME = 100
"""Students whose mastery is in memory at the same time."""


class Outcome(StrEnum):
    MADE = "made"
    FAILED = "failed"
    NOT_WANTED = "not_wanted"


class ExportClasses:
    """Makes an export; one that was made, or is too old to be fetched, is left alone. May be run again."""

    def __init__(
        self,
        exports: ClassExportStore,
        files: ClassExportFiles,
        contents: ClassContents,
        accounts: AccountStore,
        skills: SkillStore,
        *,
        brand_name: str,
        clock: Clock,
    ) -> None:
        self._exports = exports
        self._files = files
        self._contents = contents
        self._accounts = accounts
        self._skills = skills
        self._brand_name = brand_name
        self._clock = clock

    def make(self, account_id: str, export_id: str) -> Outcome:
        """Gather, pack and store. FAILED when the account teaches none of the classes any more."""
        export = self._exports.get(account_id, export_id, self._clock())
        if export is None or export.made_at or export.failed_at:
            return Outcome.NOT_WANTED
        today = self._clock().date()
        found = [self._contents.taught(account_id, each.class_id, each.district_id, today) for each in export.classes]
        classes = [taught for taught in found if taught]
        if classes:
            with TemporaryDirectory() as folder:
                name = f"{next(folder_names([classes[0].name]))} {export.asked_at[:10]}"
                self._files.put(export, self._pack(Path(folder), classes, export), name)
        self._exports.settle(export, self._clock(), is_made=bool(classes))
        return Outcome.MADE if classes else Outcome.FAILED

    def _pack(self, folder: Path, classes: list[Taught], export: ClassExport) -> Path:
        """One class lies at the top of its zip; of several, each in a folder of its name."""
        packed, catalogue = folder / "class-data.zip", self._skills.catalogue()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for taught, name in zip(classes, folder_names(taught.name for taught in classes), strict=True):
                students = self._students(taught)
                for file in write_class(folder, taught, students, export.language, self._brand_name, catalogue):
                    archive.write(file, file.name if len(classes) == 1 else f"{name}/{file.name}")
        return packed

    def _students(self, taught: Taught) -> Iterator[StudentData]:
        for members in batched(self._contents.students(taught, self._clock().date()), _AT_A_TIME, strict=False):
            masteries = self._accounts.masteries(member.account_id for member in members if member.account_id)
            for member in members:
                yield StudentData(member.name, member.account_id, masteries.get(member.account_id or "", {}))
