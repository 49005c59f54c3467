"""When files that come one by one, by SFTP, are a whole upload (B10).

A client sends its files in any order, under temporary names or not, and its connection may end anywhere. A set of which a part
did not come looks like people who left, so it is taken only where its end is proved: by ``_complete`` behind the last file, by
a manifest all of whose files came, or by files that lie still and are those that came the last time.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256

from shared.domain.clock import to_iso
from shared.domain.errors import UploadRejected

COMPLETE = "_complete"
"""An empty file that a sender puts behind the others to say that they are all."""
MOST_FILES = 500
"""In a district's folder; more are none of a roster."""
STILL_WITH_MANIFEST = timedelta(minutes=5)
"""For so long nothing may have come, where a manifest names the files and all of them came."""
STILL = timedelta(minutes=30)
"""For so long nothing may have come, where nothing says which files there are."""
TOLD_AFTER = timedelta(hours=2)
"""After so long without a new file a set that is not whole is told."""
FORGOTTEN_AFTER = timedelta(hours=26)
"""After so long it is not looked at again until another file comes, and a temporary file is one that nobody will rename."""
SPAN = timedelta(hours=6)
"""Within so long the files of one set come. One that is older is of another night."""
_MANIFEST = "manifest.csv"
_TEMPORARY = (".part", ".filepart", ".partial", ".tmp", ".temp", ".crdownload", ".upload")
_SHOWN = 5
"""File names in a sentence."""


@dataclass(frozen=True, slots=True)
class DeliveredFile:
    """A file as it lies there. ``path`` is below the district's folder."""

    path: str
    size: int
    etag: str
    at: datetime

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def folder(self) -> str:
        return self.path.rpartition("/")[0]

    @property
    def version(self) -> str:
        """Another one when the file came again, also with the same content."""
        return f"{to_iso(self.at)} {self.etag}"

    @property
    def is_temporary(self) -> bool:
        """Whether its client renames it when it is all there. What a desktop leaves beside files (``._users.csv``) is nothing."""
        name = self.name.lower()
        is_hidden = (
            name.startswith(".") and not name.startswith("._") and any(kind in name for kind in (".csv", ".zip"))
        )
        return is_hidden or name.endswith(_TEMPORARY)

    @property
    def is_noise(self) -> bool:
        return self.name.startswith("._")

    @property
    def is_table(self) -> bool:
        return self.name.lower().endswith(".csv") and not self.is_temporary and not self.is_noise

    @property
    def is_zip(self) -> bool:
        return self.name.lower().endswith(".zip") and not self.is_temporary and not self.is_noise


@dataclass(frozen=True, slots=True)
class Known:
    """What is remembered of a district's deliveries. Versions and etags are by path."""

    taken: Mapping[str, str] = field(default_factory=dict)
    """The files that were taken last."""
    broken: Mapping[str, str] = field(default_factory=dict)
    """The bare etags of files whose connection ended in the middle."""
    seen: str = ""
    """The fingerprint of what lay there at the look before."""
    told: str = ""
    """The fingerprint of what was told to be incomplete."""


@dataclass(frozen=True, slots=True)
class Set:
    """Files that are one upload: the tables of a folder, or a zip."""

    files: tuple[DeliveredFile, ...]

    @property
    def newest(self) -> DeliveredFile:
        return max(self.files, key=lambda file: (file.at, file.path))


@dataclass(frozen=True, slots=True)
class Look:
    """What is to do now."""

    ready: tuple[Set, ...] = ()
    """In the order in which they came."""
    problem: UploadRejected | None = None
    """What a person is told."""
    about: DeliveredFile | None = None
    """The newest file of what the problem is about."""
    is_over: bool = False
    """Nothing lies there that waits."""


def bare(etag: str) -> str:
    """An etag without the quotes that it has in some places."""
    return etag.strip('"')


def fingerprint(files: Iterable[DeliveredFile]) -> str:
    """The state of a folder: another one whenever a file came, went or changed."""
    told = "\n".join(sorted(f"{file.path}\t{file.version}\t{file.size}" for file in files))
    return sha256(told.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Reader:
    """How a look reads what it has to know of a file's content."""

    manifest: Callable[[DeliveredFile], str]
    last_byte: Callable[[DeliveredFile], bytes]


def look(files: Sequence[DeliveredFile], known: Known, now: datetime, reader: Reader) -> Look:
    """What of a district's files is a whole upload now."""
    waiting = [file for file in files if _waits(file, files, known, now)]
    if not waiting:
        return Look(is_over=True)
    is_still = known.seen == fingerprint(files)
    if len(files) > MOST_FILES:
        return _told(_too_many(), waiting, now)
    ready: list[Set] = []
    problem: Look | None = None
    for some in _sets(waiting):
        folder = _Folder(some, [file for file in files if file.folder == some[0].folder], known, reader)
        if found := folder.problem():
            problem = problem or _told(found, some, now)
        elif folder.is_whole(now, is_still=is_still):
            ready.append(Set(folder.came))
    ready.sort(key=lambda each: (each.newest.at, each.newest.path))
    if ready or problem is None:
        return Look(tuple(ready))
    return problem


def _waits(file: DeliveredFile, files: Sequence[DeliveredFile], known: Known, now: datetime) -> bool:
    """Whether a file may be of an upload that was not taken yet."""
    if file.is_zip:
        return known.taken.get(file.path) != file.version
    if file.is_temporary:
        began = file.name.removeprefix(".").rpartition(".")[0].lower()
        is_done = any(other.name.lower() == began and other.at >= file.at for other in files)
        return not is_done and now - file.at < FORGOTTEN_AFTER
    # What is older than the set that was taken last was left out of it.
    of_folder = [version for path, version in known.taken.items() if _is_table_in(path, file.folder)]
    return (
        file.is_table
        and known.taken.get(file.path) != file.version
        and to_iso(file.at) >= max(of_folder, default="")[:24]
    )


def _is_table_in(path: str, folder: str) -> bool:
    place, _, name = path.rpartition("/")
    return place == folder and name.lower().endswith(".csv")


def _told(problem: UploadRejected, some: Sequence[DeliveredFile], now: datetime) -> Look:
    """A problem that is told once nothing more comes."""
    newest = Set(tuple(some)).newest
    age = now - newest.at
    return Look((), problem if age >= TOLD_AFTER else None, newest, is_over=age >= FORGOTTEN_AFTER)


def _sets(waiting: Sequence[DeliveredFile]) -> Iterator[list[DeliveredFile]]:
    """Each zip alone, the tables of a folder together; temporary files go with the tables, or are a set of their own."""
    by_folder: dict[str, list[DeliveredFile]] = {}
    for file in waiting:
        if file.is_zip:
            yield [file]
        else:
            by_folder.setdefault(file.folder, []).append(file)
    yield from by_folder.values()


class _Folder:
    """Waiting files of a folder, beside everything that lies there."""

    def __init__(
        self, waiting: Sequence[DeliveredFile], lying: Sequence[DeliveredFile], known: Known, reader: Reader
    ) -> None:
        self._waiting = waiting
        self._known = known
        self._reader = reader
        self._newest = max(file.at for file in waiting)
        self.came = tuple(file for file in waiting if self._newest - file.at <= SPAN)
        """The files of this set."""
        marker = next((file for file in lying if file.name == COMPLETE), None)
        self._is_said = marker is not None and marker.at >= self._newest and not waiting[0].is_zip
        """Whether the sender said, behind the last file, that these are all."""
        manifest = next((file for file in self.came if file.name.lower() == _MANIFEST), None)
        self._named = named_files(reader.manifest(manifest)) if manifest and manifest.size else None

    def is_whole(self, now: datetime, *, is_still: bool) -> bool:
        if self._is_said:
            return True
        is_told = self._named is not None or self._waiting[0].is_zip
        return is_still and now - self._newest >= (STILL_WITH_MANIFEST if is_told else STILL)

    def problem(self) -> UploadRejected | None:
        """Why these files are no whole upload; None where nothing speaks against it."""
        unfinished = [file.name for file in self.came if self._is_unfinished(file)]
        if unfinished:
            return _unfinished(unfinished)
        if self._is_said or self._waiting[0].is_zip:
            return None
        if missing := sorted(self._expected() - {file.name.lower() for file in self.came}):
            return _missing(missing)
        if cut := self._cut():
            return _cut(cut)
        return None

    def _is_unfinished(self, file: DeliveredFile) -> bool:
        is_empty = not file.size and not self._is_said
        return file.is_temporary or is_empty or self._known.broken.get(file.path) == bare(file.etag)

    def _expected(self) -> set[str]:
        """What has to come: what the manifest names, else what came the last time."""
        if self._named is not None:
            return self._named
        late = {file.name.lower() for file in self._waiting if file not in self.came}
        folder = self._waiting[0].folder
        last = {path.rpartition("/")[2].lower() for path in self._known.taken if _is_table_in(path, folder)}
        return last | late

    def _cut(self) -> list[str]:
        """Tables that end in the middle of a line, where others of the same sender do not."""
        tables = [file for file in self.came if file.name.lower() != _MANIFEST]
        cut = [file.name for file in tables if self._reader.last_byte(file) not in (b"\n", b"\r", b"\0")]
        return cut if len(cut) < len(tables) else []


def named_files(manifest: str) -> set[str] | None:
    """The names, in lower case, of the files that a manifest says there are; None where it names none."""
    rows = [row for row in csv.reader(manifest.splitlines()) if len(row) > 1]
    files = {
        row[0].strip().lower(): row[1].strip().lower() for row in rows if row[0].strip().lower().startswith("file.")
    }
    if not files:
        return None
    there = {f"{name.removeprefix('file.')}.csv" for name, kind in files.items() if kind != "absent"}
    return there | {_MANIFEST}


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")


def _missing(names: Sequence[str]) -> UploadRejected:
    return UploadRejected(
        "delivery_incomplete",
        f"The last delivery came without {_listed(names)}. Nothing of it was read, and nobody is removed. Send all files again; if "
        "these are all that there are now, put an empty file _complete behind them.",
    )


def _unfinished(names: Sequence[str]) -> UploadRejected:
    return UploadRejected(
        "delivery_incomplete",
        f"{_listed(names)} did not come whole: the connection ended, the file is empty, or it still has a temporary name. Nothing "
        "of the delivery was read, and nobody is removed. Send all files again, and delete what is temporary.",
    )


def _cut(names: Sequence[str]) -> UploadRejected:
    return UploadRejected(
        "delivery_incomplete",
        f"{_listed(names)} ends in the middle of a line, and other files of the delivery do not. Nothing of it was read, and "
        "nobody is removed. Send all files again; if they are right, put an empty file _complete behind them.",
    )


def _too_many() -> UploadRejected:
    return UploadRejected(
        "delivery_incomplete",
        "The folder has more files than a roster has. Nothing of it was read, and nobody is removed. Delete what is old.",
    )
