"""Opens an upload safely: a zip or loose files become roster files, or the upload is rejected before it is unpacked."""

from __future__ import annotations

import io
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Buffer, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO, Protocol, cast

from shared.domain.errors import UploadRejected
from shared.domain.report import Upload
from shared.stores.uploads import Listed, Uploads

MOST_FILES = 1_000
MOST_LOOSE_FILES = 200
"""CSV files beside one ``_complete``; they are noted by name while an import runs."""
MOST_EXPANSION = 100
EXPANSION_FREE_OF_DOUBT = 10 * 1024 * 1024
LARGEST_IN_ALL = 20 * 1024**3
LARGEST_DIRECTORY = MOST_FILES << 10
"""Bytes of a zip's directory: a kilobyte for each file that may be in it."""
_CHUNK = 1 << 20
_ZIP = "upload.zip"
_READABLE = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_UTF_8_NAME = 0x800
_END = struct.Struct("<4s4H2IH")
_END_64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR_64 = struct.Struct("<4sIQI")
_LONGEST_COMMENT = 0xFFFF


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a file between two record boundaries: bytes from ``start`` up to ``end`` (None: to the end), the first of
    them in ``line`` (1 is the header's)."""

    start: int = 0
    end: int | None = None
    line: int = 1


WHOLE = Piece()


class NotPlain(Exception):
    """A line that is no record, or one of another width, among lines of which some were left out: all of them are to be read."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a file's bytes are read; ``assumed`` when nothing in the file says so."""

    codec: str
    assumed: bool
    errors: str = "strict"
    """What becomes of bytes that the codec does not know (``encoding.errors_of``)."""


class Choice(Protocol):
    """Is told how the rows of a file are read (``row_choice``)."""

    def begin(self) -> None:
        """Rows of a block are handed over."""

    def end(self, lines: Sequence[int], columns: Mapping[str, list[str]]) -> None:
        """They were taken."""

    def not_plain(self) -> None:
        """Rows follow that are not plain."""


@dataclass(frozen=True, slots=True)
class RosterFile:
    """One CSV file of an upload. ``open(start, end)`` gives its bytes from ``start`` on, as often as wanted; it may give more
    than up to ``end``. ``piece`` is the part of it that is to be read; ``encoding`` is None until it was found out."""

    name: str
    size: int
    open: Callable[[int, int | None], IO[bytes]]
    piece: Piece = WHOLE
    encoding: Encoding | None = None
    choice: Choice | None = None
    """Is told how rows are read."""
    numbers: Sequence[int] | None = None
    """The number of each line of the piece, where lines between them were left out: then each line has to be a plain record."""

    @property
    def stem(self) -> str:
        """The name by which formats know the file: lower case, without folder and ``.csv``."""
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

    def __init__(self, stream: io.BufferedIOBase, size: int) -> None:
        self._stream = stream
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        read = self._stream.readinto(memoryview(buffer)[: self._left])
        self._left -= read
        return read


def limited(stream: IO[bytes], size: int) -> IO[bytes]:
    """This stream, ending after ``size`` bytes."""
    return io.BufferedReader(_Limited(cast("io.BufferedIOBase", stream), size), _CHUNK)


class _Entry:
    """A file of a zip. Whoever reads on behind where another one ended goes on with what that one unpacked: the pieces of a file,
    one after the other, unpack it once."""

    def __init__(self, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
        self._archive = archive
        self._entry = entry
        self._kept: IO[bytes] | None = None
        """Of the streams that were read, and not to their end, the one that came furthest."""

    def open(self, start: int, end: int | None) -> IO[bytes]:
        stream, kept = None, self._kept
        if kept and kept.tell() <= start:
            stream, self._kept = kept, None
        unpacked = _Unpacked(stream or _open_entry(self._archive, self._entry), start, self)
        # Where there is an end, nothing is read beyond it: there the next one begins.
        return io.BufferedReader(unpacked, _CHUNK if end is None else 1)

    def keep(self, stream: IO[bytes]) -> None:
        """Take a stream back that nobody reads any more."""
        behind, self._kept = self._kept, stream
        if stream.tell() >= self._entry.file_size or (behind and behind.tell() > stream.tell()):
            behind, self._kept = stream, behind
        if behind:
            behind.close()


class _Unpacked(io.RawIOBase):
    """A file of a zip from ``start`` on; what lies between there and where the stream is, is unpacked and passed over."""

    def __init__(self, stream: IO[bytes], start: int, entry: _Entry) -> None:
        self._stream = stream
        self._entry = entry
        try:
            stream.seek(start)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError):
            raise damaged(stream.name) from None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        target = memoryview(buffer)
        data = self._stream.read(len(target))
        target[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._entry.keep(self._stream)
        super().close()


def open_zip(path: Path) -> list[RosterFile]:
    """The CSV files of a zip, wherever in it they lie.

    Raises UploadRejected when it is no zip, is damaged or encrypted, or holds what no roster needs: links, paths that lead
    outside, archives within, rare compression, very many files, or far more than its size lets expect.
    """
    _check_directory(path)
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        raise (damaged(None) if _begins_like_a_zip(path) else _not_a_zip()) from None
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    _check_entries(entries, path.stat().st_size)
    files = [
        RosterFile(entry.filename, entry.file_size, _Entry(archive, entry).open)
        for entry in entries
        if _is_csv(entry.filename)
    ]
    return _usable(files)


def open_upload(
    uploads: Uploads, upload: Upload, folder: Path, etags: dict[str, str] | None = None, *, is_held: bool = False
) -> list[RosterFile]:
    """The upload's files; a zip is brought into ``folder`` first. Raises UploadRejected.

    ``etags`` of loose files, by name, hold it to what was seen at first: an upload does not change while it is read. ``is_held``
    holds a zip to the etag of its event, too, where its name may be another upload's by now.
    """
    if is_loose(upload):
        return _usable([file for file in _loose_files(uploads, _folder_of(upload), etags) if _is_csv(file.name)])
    path = folder / _ZIP
    with (
        path.open("wb") as target,
        uploads.open(upload.key, version_id=upload.version_id, etag=upload.etag if is_held else None) as body,
    ):
        shutil.copyfileobj(body, target, _CHUNK)
    return open_zip(path)


def other_files(upload: Upload, folder: Path) -> list[str]:
    """The names of the files of a zip that are no CSV files, once ``open_upload`` has brought it into ``folder``; those that
    systems hide are left out."""
    if is_loose(upload):
        return []
    with zipfile.ZipFile(folder / _ZIP) as archive:
        return [entry.filename for entry in archive.infolist() if not (entry.is_dir() or _is_csv(entry.filename))
                and not _is_hidden(entry.filename)]  # fmt: skip


def is_loose(upload: Upload) -> bool:
    """Whether its files lie beside ``_complete``, and not in a zip."""
    return upload.key.endswith("/_complete")


def etags_of(uploads: Uploads, upload: Upload) -> dict[str, str] | None:
    """The etags of a loose upload's files, by name; None for a zip, which is one object."""
    return {file.name: file.etag for file in _listed(uploads, _folder_of(upload))} if is_loose(upload) else None


def _folder_of(upload: Upload) -> str:
    return upload.key.removesuffix("_complete")


def _loose_files(uploads: Uploads, prefix: str, etags: dict[str, str] | None) -> Iterator[RosterFile]:
    for file in _listed(uploads, prefix):
        if etags is None or file.name in etags:
            etag = file.etag if etags is None else etags[file.name]
            yield RosterFile(file.name, file.size, partial(_open_loose, uploads, prefix + file.name, etag))


def _listed(uploads: Uploads, prefix: str) -> list[Listed]:
    files = list(islice(uploads.csv_files(prefix), MOST_LOOSE_FILES + 1))
    if len(files) > MOST_LOOSE_FILES:
        raise UploadRejected(
            "too_many_files",
            f"The upload has more than {MOST_LOOSE_FILES} CSV files. Upload the roster's CSV files, and nothing else.",
        )
    return files


def _open_loose(uploads: Uploads, key: str, etag: str, start: int, end: int | None) -> IO[bytes]:
    return uploads.open(key, etag=etag, start=start, end=end)


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


def _check_directory(path: Path) -> None:
    """Look at the size of the directory, which the record behind it declares, before it is read: it may hold more names than
    fit into memory.

    One that is declared larger than the file is damaged, as ``zipfile`` finds without reading it.
    """
    number, size = _declared_directory(path)
    if number > MOST_FILES or LARGEST_DIRECTORY < size <= path.stat().st_size:
        raise _too_many_files(number)


def _declared_directory(path: Path) -> tuple[int, int]:
    """How many entries a zip declares, and how many bytes of directory; found where ``zipfile`` looks for it."""
    with path.open("rb") as file:
        start = max(0, path.stat().st_size - _LONGEST_COMMENT - 1 - _END.size - _LOCATOR_64.size - _END_64.size)
        file.seek(start)
        tail = file.read()
    end = len(tail) - _END.size
    if not (tail[max(0, end) :].startswith(b"PK\5\6") and tail.endswith(b"\0\0")):
        end = tail.rfind(b"PK\5\6", max(0, len(tail) - _LONGEST_COMMENT - 1 - _END.size))
    if end < 0 or end + _END.size > len(tail):
        return 0, 0
    number, size = _END.unpack_from(tail, end)[4:6]
    locator = end - _LOCATOR_64.size
    record = locator - _END_64.size
    if record >= 0 and tail.startswith(b"PK\6\7", locator) and tail.startswith(b"PK\6\6", record):
        number, size = _END_64.unpack_from(tail, record)[7:9]
    return number, size


def _begins_like_a_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) in (b"PK\3\4", b"PK\5\6", b"PK\7\x08")


def _check_entries(entries: list[zipfile.ZipInfo], archive_size: int) -> None:
    if len(entries) > MOST_FILES:
        raise _too_many_files(len(entries))
    for entry in entries:
        _check_entry(entry)
    expanded = sum(entry.file_size for entry in entries)
    if expanded > LARGEST_IN_ALL or (expanded > EXPANSION_FREE_OF_DOUBT and expanded > MOST_EXPANSION * archive_size):
        raise UploadRejected(
            "zip_bomb",
            "The zip would unpack to far more than a roster of its size can hold. Zip the roster's CSV files anew, and "
            "nothing else.",
        )


def _check_entry(entry: zipfile.ZipInfo) -> None:
    name = entry.filename
    parts = name.split("/")
    if name.startswith("/") or ".." in parts or ":" in parts[0] or _has_backslash(entry):
        raise UploadRejected(
            "unsafe_path",
            "The zip holds a file whose path leads outside of it or has a backslash. Zip the CSV files anew.",
        )
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise UploadRejected("link_in_zip", "The zip holds a link instead of a file. Zip the CSV files themselves.")
    if entry.flag_bits & 0x1:
        raise UploadRejected("encrypted", "The zip is encrypted. Upload it without a password.")
    if name.lower().endswith((".zip", ".gz", ".7z", ".tar", ".rar")):
        raise UploadRejected(
            "archive_in_zip", "The zip holds another archive. Zip the CSV files themselves.", file=name
        )
    if entry.compress_type not in _READABLE:
        raise UploadRejected(
            "unknown_compression",
            "A file in the zip is packed in a way that is not read here. Zip the CSV files with ordinary compression "
            "(deflate).",
            file=name,
        )


def _has_backslash(entry: zipfile.ZipInfo) -> bool:
    """Names that are not in UTF-8 may be Japanese: there a backslash is the second half of many a letter."""
    name = entry.filename
    if "\\" not in name or entry.flag_bits & _UTF_8_NAME:
        return "\\" in name
    return "\\" in name.encode("cp437", "replace").decode("cp932", "replace")


def _too_many_files(number: int) -> UploadRejected:
    return UploadRejected(
        "too_many_files",
        f"The zip holds {number} files, or names that are too long; a roster has at most {MOST_FILES} files. Zip the roster's "
        "CSV files, and nothing else.",
    )


def _not_a_zip() -> UploadRejected:
    return UploadRejected(
        "not_a_zip",
        "This file is not a zip archive, whatever its name says. Upload the roster's CSV files as one .zip.",
    )


def _open_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> IO[bytes]:
    try:
        return archive.open(entry)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, UnicodeDecodeError):
        raise damaged(entry.filename) from None


def damaged(name: str | None) -> UploadRejected:
    """The error for an archive that breaks off or does not match its directory."""
    return UploadRejected("damaged_zip", "The zip is damaged. Zip and upload it again.", file=name)


def _is_csv(name: str) -> bool:
    parts = name.split("/")
    return parts[-1].lower().endswith(".csv") and "__MACOSX" not in parts and not parts[-1].startswith("._")


def _is_hidden(name: str) -> bool:
    parts = name.split("/")
    return "__MACOSX" in parts or parts[-1].startswith(".") or parts[-1].lower() in ("thumbs.db", "desktop.ini")
