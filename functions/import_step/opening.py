"""Opens an upload safely: a zip or loose files become roster files, or the upload is rejected before it is unpacked."""

from __future__ import annotations

import io
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

from shared.errors import UploadRejected

MOST_FILES = 1_000
MOST_EXPANSION = 100
EXPANSION_FREE_OF_DOUBT = 10 * 1024 * 1024
LARGEST_IN_ALL = 20 * 1024**3
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a file between two record boundaries: bytes from ``start`` up to ``end`` (None: to the end), the first of
    them in ``line`` (1 is the header's)."""

    start: int = 0
    end: int | None = None
    line: int = 1


WHOLE = Piece()


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a file's bytes are read; ``assumed`` when nothing in the file says so."""

    codec: str
    assumed: bool


@dataclass(frozen=True, slots=True)
class RosterFile:
    """One CSV file of an upload. ``open(start, end)`` gives its bytes from ``start`` on, as often as wanted; it may give more
    than up to ``end``. ``piece`` says which of its rows are to be read; ``encoding`` is None until somebody looked."""

    name: str
    size: int
    open: Callable[[int, int | None], IO[bytes]]
    piece: Piece = WHOLE
    encoding: Encoding | None = None

    @property
    def stem(self) -> str:
        """The name that says what is in it: lower case, without folder and ``.csv``."""
        return self.name.rsplit("/", 1)[-1].lower().removesuffix(".csv")

    @contextmanager
    def reading(self, piece: Piece = WHOLE) -> Iterator[IO[bytes]]:
        """Bytes of it, inside of ``with``. Raises UploadRejected when the archive breaks off or its sums are wrong."""
        try:
            with self.open(piece.start, piece.end) as stream:
                yield stream if piece.end is None else limited(stream, piece.end - piece.start)
        except (zipfile.BadZipFile, zlib.error, EOFError):
            raise damaged(self.name) from None


class _Limited(io.RawIOBase):
    """A stream that ends after so many bytes."""

    def __init__(self, stream: IO[bytes], size: int) -> None:
        self._stream = stream
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read(min(len(buffer), self._left))
        buffer[: len(data)] = data
        self._left -= len(data)
        return len(data)


def limited(stream: IO[bytes], size: int) -> IO[bytes]:
    """This stream, ending after ``size`` bytes."""
    return io.BufferedReader(_Limited(stream, size), _CHUNK)


def open_zip(path: Path) -> list[RosterFile]:
    """The CSV files of a zip, wherever in it they lie.

    Raises UploadRejected when it is no zip, is encrypted, or holds what no roster needs: links, paths that lead outside,
    archives within, very many files, or far more than its size lets expect.
    """
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        raise UploadRejected(
            "not_a_zip",
            "This file is not a zip archive, whatever its name says. Upload the roster's CSV files as one .zip.",
            file=None,
        ) from None
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    _check_entries(entries, path.stat().st_size)
    files = [
        RosterFile(entry.filename, entry.file_size, partial(_open_entry, archive, entry))
        for entry in entries
        if _is_csv(entry.filename)
    ]
    return _usable(files)


def open_loose(files: Iterable[RosterFile]) -> list[RosterFile]:
    """The CSV files of a loose upload."""
    return _usable([file for file in files if _is_csv(file.name)])


def _usable(files: list[RosterFile]) -> list[RosterFile]:
    if not files:
        raise UploadRejected(
            "no_csv_files", "The upload holds no CSV file. Upload the roster's CSV files, zipped or loose."
        )
    by_stem: dict[str, RosterFile] = {}
    for file in files:
        if file.stem in by_stem:
            raise UploadRejected(
                "file_twice", f"{file.stem}.csv is in this upload twice. Leave one of them out.", file=file.name
            )
        by_stem[file.stem] = file
    return files


def _check_entries(entries: list[zipfile.ZipInfo], archive_size: int) -> None:
    if len(entries) > MOST_FILES:
        raise UploadRejected(
            "too_many_files", f"The zip holds {len(entries)} files; a roster has at most {MOST_FILES}."
        )
    for entry in entries:
        name = entry.filename
        parts = name.replace("\\", "/").split("/")
        if name.startswith(("/", "\\")) or ".." in parts or ":" in parts[0]:
            raise UploadRejected(
                "unsafe_path", "The zip holds a file whose path leads outside of it. Zip the CSV files anew."
            )
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise UploadRejected("link_in_zip", "The zip holds a link instead of a file. Zip the CSV files themselves.")
        if entry.flag_bits & 0x1:
            raise UploadRejected("encrypted", "The zip is encrypted. Upload it without a password.")
        if name.lower().endswith((".zip", ".gz", ".7z", ".tar", ".rar")):
            raise UploadRejected(
                "archive_in_zip", "The zip holds another archive. Zip the CSV files themselves.", file=name
            )
    expanded = sum(entry.file_size for entry in entries)
    if expanded > LARGEST_IN_ALL or (expanded > EXPANSION_FREE_OF_DOUBT and expanded > MOST_EXPANSION * archive_size):
        raise UploadRejected("zip_bomb", "The zip would unpack to far more than a roster of its size can hold.")


def _open_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, start: int, _end: int | None) -> IO[bytes]:
    """What lies before ``start`` is unpacked and passed over."""
    try:
        stream = archive.open(entry)
        stream.seek(start)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError):
        raise damaged(entry.filename) from None
    return stream


def damaged(name: str) -> UploadRejected:
    """What is raised when an archive breaks off or does not hold what its directory says."""
    return UploadRejected("damaged_zip", "The zip is damaged. Zip and upload it again.", file=name)


def _is_csv(name: str) -> bool:
    parts = name.split("/")
    return parts[-1].lower().endswith(".csv") and "__MACOSX" not in parts and not parts[-1].startswith("._")
