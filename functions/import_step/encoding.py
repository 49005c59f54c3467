"""Looks at files before they are read: their hash (M4), their encoding, and where they can be cut into pieces."""

from __future__ import annotations

import codecs
import hashlib
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import IO, TYPE_CHECKING

from functions.import_step.archive import WHOLE, Encoding, Piece, RosterFile
from functions.import_step.line_feeds import FeedCount, feeds_in
from shared.domain.errors import UploadRejected

if TYPE_CHECKING:
    from concurrent.futures import Future

PIECE = 64 << 20
"""Bytes of a piece: what one worker reads in a minute."""
_BLOCK = 1 << 20
_HASHED_ASIDE = 16 << 20
"""Bytes of a file whose hash is made aside, in larger blocks, of which not many wait."""
_DECODED = 1 << 16
"""Bytes that are decoded at once."""
_LARGE_BLOCK, _MOST_WAITING = 4 << 20, 2
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")
_UTF_8_LETTER = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_ASCII = bytes(range(0x80))
_WINDOWS = "account-linking.windows-letters"
"""The error handler that takes single bytes which are not UTF-8 for letters of Windows."""
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True, slots=True)
class Scan:
    """What one pass over a file finds out."""

    encoding: Encoding
    pieces: tuple[Piece, ...]
    sha256: str
    """Of its bytes."""
    feeds: bytes = b""
    """Where its lines lie, where that was asked (``FeedCount.packed``)."""


def scan(file: RosterFile, counts_lines: bool = False, *, piece: int = PIECE) -> Scan:
    """Say how a file's bytes are read, what their hash is, and cut it into pieces of about ``piece`` bytes.

    It is cut between records only, and not at all where a record's end is not sure: in UTF-16, with line breaks in quotes, with
    single carriage returns, or with a quote that does not close.
    """
    cutter = _Cutter(piece)
    feeds = FeedCount() if counts_lines else None
    digest = hashlib.sha256()
    with file.reading() as stream, _hashed(stream, digest, file.size) as blocks:
        start = next(blocks, b"")
        encoding = _from_start(start, file.name)
        decode = codecs.getincrementaldecoder("utf-8")().decode
        is_utf8 = encoding is None
        is_ascii = True
        for block in chain((start,), blocks):
            if is_utf8 and not (is_ascii and block.isascii()):
                is_ascii = False
                is_utf8 = _decodes(decode, block)
            lines = feeds.take(block) if feeds else None
            if file.size > piece:
                cutter.take(block, lines)
        if is_utf8 and not _decodes(decode, b"", final=True):
            is_utf8 = False
    if encoding is None:
        encoding = Encoding("utf-8", assumed=False) if is_utf8 else _assumed(file)
    pieces = (WHOLE,) if encoding.codec.startswith("utf-16") else cutter.pieces()
    return Scan(encoding, pieces, digest.hexdigest(), feeds.packed() if feeds else b"")


@contextmanager
def _hashed(stream: IO[bytes], digest: hashlib._Hash, size: int) -> Iterator[Iterator[bytes]]:
    """The blocks of a stream of about ``size`` bytes; once they were looked at, ``digest`` is of all of it.

    To hash takes as long as all else: of a large file a second thread does it, which Python lets run beside the first.
    """
    if size < _HASHED_ASIDE:
        yield _blocks(stream, _BLOCK, digest.update)
        return
    # Few files are so large.
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        waiting: deque[Future[None]] = deque()

        def hash_aside(block: bytes) -> None:
            if len(waiting) == _MOST_WAITING:
                waiting.popleft().result()
            waiting.append(pool.submit(digest.update, block))

        yield _blocks(stream, _LARGE_BLOCK, hash_aside)


def _blocks(stream: IO[bytes], size: int, also: Callable[[bytes], None]) -> Iterator[bytes]:
    while block := stream.read(size):
        also(block)
        yield block


def encoding_of(file: RosterFile) -> Encoding:
    """UTF-8 unless a byte order mark or the bytes themselves say otherwise."""
    return file.encoding or scan(file).encoding


def content_hash(hashes: Mapping[str, str]) -> str:
    """One hash over what files hold, given the hash of each by its stem: equal contents are the same upload, whatever the zip's
    bytes or names (M4)."""
    digest = hashlib.sha256()
    for stem, sha in sorted(hashes.items()):
        digest.update(f"{stem}:{sha}\n".encode())
    return digest.hexdigest()


def sha256_of(file: RosterFile) -> str:
    """The hash of a file's bytes, for ``content_hash``; ``scan`` tells it, too."""
    digest = hashlib.sha256()
    with file.reading() as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


class _Cutter:
    """Finds places where a record ends, one for each piece."""

    def __init__(self, piece: int) -> None:
        self._piece = piece
        self._cuts: list[tuple[int, int]] = []
        self._offset = self._line_feeds = 0
        self._in_quotes = False
        self._due = piece
        self._may_cut = True
        self._ended_in_return = False

    def take(self, block: bytes, lines: int | None) -> None:
        """Look at the next block, which has so many line feeds, where that is known."""
        if self._may_cut:
            self._look_for_doubt(block)
        if self._may_cut and self._offset + len(block) >= self._due:
            line_end = block.find(b"\n", max(0, self._due - self._offset))
            if line_end >= 0:
                cut = self._offset + line_end + 1
                self._cuts.append((cut, self._line_feeds + feeds_in(block[: line_end + 1]) + 1))
                self._due = cut + self._piece
        self._line_feeds += feeds_in(block) if lines is None else lines
        self._offset += len(block)

    def _look_for_doubt(self, block: bytes) -> None:
        """A line feed inside of quotes, or a carriage return alone: from then on nothing is cut, nor was anything before."""
        returns = block.count(b"\r") if b"\r" in block else 0
        if returns or self._ended_in_return:
            pairs = block.count(b"\r\n") + (self._ended_in_return and block.startswith(b"\n"))
            self._may_cut = returns + self._ended_in_return - block.endswith(b"\r") == pairs
            self._ended_in_return = block.endswith(b"\r")
        if b'"' in block or self._in_quotes:
            parts = block.split(b'"')
            inside = parts[not self._in_quotes :: 2]
            self._may_cut = self._may_cut and b"\n" not in b"".join(inside)
            self._in_quotes ^= len(parts) % 2 == 0

    def pieces(self) -> tuple[Piece, ...]:
        cuts = [cut for cut in self._cuts if cut[0] < self._offset] if self._may_cut and not self._in_quotes else []
        starts = [(0, 1), *cuts]
        ends = [*(offset for offset, _ in cuts), None]
        return tuple(Piece(start, end, line) for (start, line), end in zip(starts, ends, strict=True))


def errors_of(encoding: Encoding) -> str:
    """What becomes of bytes that the encoding does not know, as ``open`` takes it."""
    if encoding.errors == _WINDOWS:
        codecs.register_error(_WINDOWS, _as_windows)
    return encoding.errors


def _as_windows(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    wrong = error.object[error.start : error.end]
    try:
        return wrong.decode("cp1252"), error.end
    except UnicodeDecodeError:
        return wrong.decode("latin-1"), error.end


def _from_start(start: bytes, name: str) -> Encoding | None:
    if start.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)) or (start[:1] != b"\0" and start[1:4] == b"\0\0\0"):
        shown = name.rsplit("/", 1)[-1]
        raise UploadRejected(
            "bad_encoding", "The file is in UTF-32. Save it as UTF-8 and upload again.", file=shown, line=1
        )
    for mark, codec in _MARKS:
        if start.startswith(mark):
            return Encoding(codec, assumed=False)
    if start[1:2] == b"\0" or start[:1] == b"\0":
        return Encoding("utf-16-le" if start[1:2] == b"\0" else "utf-16-be", assumed=True)
    return None


def _assumed(file: RosterFile) -> Encoding:
    """For what is neither marked nor UTF-8.

    Japanese bytes look like letters of UTF-8 now and then, but never for the greater part.
    """
    letters, others = _letters_of_utf_8(file)
    mixed = Encoding("utf-8", assumed=True, errors=_WINDOWS)
    if letters and letters >= others:
        return mixed
    with file.reading() as stream:
        start = stream.read(_BLOCK)
        if _looks_japanese(start) and _all_decodes(start, stream, "cp932"):
            return Encoding("cp932", assumed=True)
    if letters:
        return mixed
    with file.reading() as stream:
        if _all_decodes(b"", stream, "cp1252"):
            return Encoding("cp1252", assumed=True)
    return Encoding("latin-1", assumed=True)


def _letters_of_utf_8(file: RosterFile) -> tuple[int, int]:
    """How many letters beyond ASCII a file has in UTF-8, and how many bytes that belong to none."""
    letters = others = 0
    with file.reading() as stream:
        while block := stream.read(_BLOCK):
            found = _UTF_8_LETTER.findall(block)
            letters += len(found)
            others += len(block.translate(None, _ASCII)) - sum(map(len, found))
    return letters, others


def _looks_japanese(start: bytes) -> bool:
    """Japanese is written in runs; a single accented letter may look like one of Japan's, but has no others beside it."""
    # Few files come here, and it takes milliseconds to compile.
    letters = re.compile("[\u3041-\u30ff\u4e00-\u9fff\uff66-\uff9f]")
    runs = _NOT_ASCII.findall(start.decode("cp932", "replace"))
    japanese = sum(len(letters.findall(run)) >= 2 for run in runs)
    return 2 * japanese > len(runs)


def _all_decodes(start: bytes, stream: IO[bytes], codec: str) -> bool:
    decode = codecs.getincrementaldecoder(codec)().decode
    while start or (start := stream.read(_BLOCK)):
        if not _decodes(decode, start):
            return False
        start = b""
    return _decodes(decode, b"", final=True)


def _decodes(decode: Callable[[bytes, bool], str], block: bytes, *, final: bool = False) -> bool:
    try:
        # In small parts, which stay in the processor with what they become.
        for start in range(0, len(block), _DECODED):
            decode(block[start : start + _DECODED], False)
        if final:
            decode(b"", True)
    except UnicodeDecodeError:
        return False
    return True
