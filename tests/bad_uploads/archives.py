"""Archives that are damaged, hostile, or no archives at all; written byte by byte where no tool would write them."""

from __future__ import annotations

import bz2
import lzma
import stat
import struct
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from tests.bad_uploads.valid_rosters import ONE_ROSTER_1_1

STORED, DEFLATED, DEFLATE64, BZIP2, LZMA = 0, 8, 9, 12, 14
UTF_8_NAME, ENCRYPTED = 0x800, 0x1
MEGABYTE = 1 << 20
UPLOADED_AS = "roster.zip"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a zip, with whatever its headers are to say of it."""

    name: bytes
    packed: bytes
    size: int
    crc: int
    method: int = DEFLATED
    flags: int = 0
    mode: int = 0o100644
    name_before_data: bytes | None = None
    """What the header in front of the data says; the directory's name if None."""
    at: int | None = None
    """Where the directory says that it lies; where it does if None."""


def entry(name: str | bytes, body: bytes, method: int = DEFLATED, *, times: int = 1) -> Entry:
    """An honest entry, whose contents are this body so many times over."""
    packer, check, packed = _packer(method), 0, bytearray()
    for _ in range(times):
        check = zlib.crc32(body, check)
        packed += packer.compress(body) if packer else body
    packed += packer.flush() if packer else b""
    raw = name.encode() if isinstance(name, str) else name
    whole = lzma_entry(packed, 256 << 10) if method == LZMA else bytes(packed)
    return Entry(raw, whole, len(body) * times, check, method)


def _packer(method: int) -> Any:
    if method == DEFLATED:
        return zlib.compressobj(1, zlib.DEFLATED, -15)
    if method == BZIP2:
        return bz2.BZ2Compressor(1)
    if method == LZMA:
        return lzma.LZMACompressor(lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA1, "preset": 0}])
    return None


def lzma_entry(raw: bytes | bytearray, dictionary: int) -> bytes:
    """What a zip puts around LZMA data: version, length of the properties, and the properties."""
    return struct.pack("<BBHBI", 9, 4, 5, 3 + 9 * (0 + 5 * 2), dictionary) + raw


def archive(entries: Iterable[Entry], comment: bytes = b"") -> bytes:
    """The bytes of a zip that holds these entries."""
    data, directory, number = bytearray(), bytearray(), 0
    for part in entries:
        where = len(data) if part.at is None else part.at
        first = part.name if part.name_before_data is None else part.name_before_data
        if part.at is None:
            data += struct.pack(
                "<4s5H3I2H", b"PK\3\4", 20, part.flags, part.method, 0, 33, part.crc, len(part.packed), part.size, len(first), 0,
            )  # fmt: skip
            data += first + part.packed
        directory += struct.pack(
            "<4s6H3I5H2I", b"PK\1\2", 3 << 8 | 20, 20, part.flags, part.method, 0, 33, part.crc, len(part.packed), part.size,
            len(part.name), 0, 0, 0, 0, part.mode << 16, where,
        )  # fmt: skip
        directory += part.name
        number += 1
    return bytes(data + directory) + end_record(number, len(directory), len(data), comment)


def end_record(number: int, size: int, start: int, comment: bytes = b"") -> bytes:
    if number < 0xFFFF:
        return struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, number, number, size, start, len(comment)) + comment
    large = struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 45, 45, 0, 0, number, number, size, start)
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, start + size, 1)
    return (
        large + locator + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, size, start, len(comment)) + comment
    )


def roster() -> list[Entry]:
    """The good roster, entry by entry."""
    return [
        entry(name, body if isinstance(body, bytes) else body.encode()) for name, body in ONE_ROSTER_1_1.files.items()
    ]


def users(**changed: object) -> list[Entry]:
    """The good roster, with what the headers say of users.csv changed."""
    return [replace(part, **changed) if part.name == b"users.csv" else part for part in roster()]


def named(name: str | bytes) -> list[Entry]:
    """The good roster, with users.csv under another name."""
    return users(name=name.encode() if isinstance(name, str) else name)


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive, and how its report is to answer it."""

    name: str
    build: Callable[[], bytes]
    code: str | None
    """None where it is read as the good roster that is in it; ``a or b`` where either says it well."""
    file: str | None = UPLOADED_AS
    """None where it does not matter which of several files is named."""
    line: int | None = None

    def __str__(self) -> str:
        return self.name


def _cut(body: bytes, share: float) -> bytes:
    return body[: int(len(body) * share)]


def _lying(method: int, megabytes: int) -> bytes:
    """Headers that promise 2,000 bytes, and data that unpacks to very much more."""
    return archive([replace(entry("users.csv", bytes(MEGABYTE), method, times=megabytes), size=2_000), *roster()[:1]])


def _overlapping(names: Iterable[str], size: int) -> bytes:
    """Many names for the same data."""
    first, *others = names
    whole = entry(first, b"sourcedId\n" * (size // 10))
    return archive([whole, *(replace(whole, name=name.encode(), at=0) for name in others)])


def _endless_line() -> bytes:
    """Ballast that does not get smaller hides how much the line grows."""
    line = entry("users.csv", b"a" * MEGABYTE, times=125)
    return archive([line, *roster()[:1], entry("notes.bin", bytes(MEGABYTE), STORED, times=3)])


def _far_directory() -> bytes:
    """A directory that is said to lie beyond what any file can reach."""
    body = archive(roster())
    large = struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 45, 45, 0, 0, 5, 5, 0, 2**64 - 1 - len(body))
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, len(body), 1)
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return body + large + locator + end


def _understated() -> bytes:
    """100,000 names, of which the last record admits five."""
    body = _overlapping((f"{n}.csv" for n in range(100_000)), 100)
    start = body.index(b"PK\1\2")
    return body + end_record(5, len(body) - start, start)


A_MEGABYTE = entry("0.csv", bytes(MEGABYTE))
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x02\x80\0\0\x01\xe0\x08\x02\0\0\0\xba\xb3\x4b\xb3" + bytes(range(256)) * 2
PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\nxref\n0 1\ntrailer\n<</Root 1 0 R>>\n%%EOF\n"
HTML = b"<!doctype html>\n<html><head><title>Sign in</title></head><body>Your session has ended.</body></html>\n"

NO_ARCHIVES = (
    Archive("nothing at all", lambda: b"", "not_a_zip"),
    Archive("a CSV file under the name of a zip", lambda: str(ONE_ROSTER_1_1.files["users.csv"]).encode(), "not_a_zip"),
    Archive("a web page instead of the download", lambda: HTML, "not_a_zip"),
    Archive("a picture", lambda: PNG, "not_a_zip"),
    Archive("a gzip file", lambda: b"\x1f\x8b\x08\0\0\0\0\0\0\3" + bytes(200), "not_a_zip"),
    Archive("a 7z archive", lambda: b"7z\xbc\xaf\x27\x1c\0\4" + bytes(200), "not_a_zip"),
    Archive("a zip without any file", lambda: archive([]), "no_csv_files"),
    Archive("a zip with folders alone", lambda: archive([entry("roster/", b"", STORED)]), "no_csv_files"),
    Archive(
        "a zip with a spreadsheet instead of CSV", lambda: archive([entry("roster.xlsx", b"PK\3\4")]), "no_csv_files"
    ),
)

DAMAGED = (
    Archive("a wrong check sum", lambda: archive(users(crc=12345)), "damaged_zip", "users.csv"),
    Archive("a byte changed in the packed data", lambda: archive(users(packed=b"\xff" + users()[2].packed)), "damaged_zip",
            "users.csv"),
    Archive("two names for one file", lambda: archive(users(name_before_data=b"other.csv")), "damaged_zip", "users.csv"),
    Archive("an entry that begins within another", lambda: archive(users(at=7)), "damaged_zip", None),
    Archive("an entry that begins behind the end", lambda: archive(users(at=10_000_000)), "damaged_zip", "users.csv"),
    Archive("a false end in the comment", lambda: archive(roster(), end_record(0, 0, 0)), "no_csv_files"),
    Archive("a directory that is said to lie beyond everything", _far_directory, "no_csv_files"),
)  # fmt: skip

READ_ALL_THE_SAME = (
    Archive("a comment of 65,535 bytes", lambda: archive(roster(), b"PK" + b"\0" * 65_533), None),
    Archive("a comment that breaks off", lambda: archive(roster(), b"exported by the SIS")[:-5], None),
    Archive("a program in front of it", lambda: b"MZ" + bytes(5_000) + archive(roster()), None),
    Archive("something behind it", lambda: archive(roster()) + b"\r\n--boundary--\r\n", None),
    Archive("a folder with a Japanese name that is not in UTF-8", lambda: archive(
        replace(part, name="表/".encode("cp932") + part.name) for part in roster()), None),
    Archive("a header that says more than there is", lambda: archive(users(size=9_000)), None),
    Archive("without compression", lambda: archive(
        entry(name, str(body).encode(), STORED) for name, body in ONE_ROSTER_1_1.files.items()), None),
)  # fmt: skip

HOSTILE = (
    Archive("encrypted", lambda: archive(users(flags=ENCRYPTED)), "encrypted"),
    Archive("an absolute path", lambda: archive(named("/etc/users.csv")), "unsafe_path"),
    Archive("a path that leads up", lambda: archive(named("../users.csv")), "unsafe_path"),
    Archive("a path that leads in and up", lambda: archive(named("roster/../../users.csv")), "unsafe_path"),
    Archive("a path that leads up with backslashes", lambda: archive(named("..\\users.csv")), "unsafe_path"),
    Archive("an absolute path with a backslash", lambda: archive(named("\\users.csv")), "unsafe_path"),
    Archive("a path to another machine", lambda: archive(named("\\\\server\\share\\users.csv")), "unsafe_path"),
    Archive("a drive letter", lambda: archive(named("C:\\roster\\users.csv")), "unsafe_path"),
    Archive("a drive letter without a slash", lambda: archive(named("C:users.csv")), "unsafe_path"),
    Archive("a link", lambda: archive(users(mode=stat.S_IFLNK | 0o777)), "link_in_zip"),
    Archive("a link beside the roster", lambda: archive([*roster(), replace(entry("latest", b"/etc/passwd"), mode=0o120777)]),
            "link_in_zip"),
    Archive("an archive within", lambda: archive([*roster(), entry("more.zip", archive(roster()))]), "archive_in_zip", "more.zip"),
    Archive("an archive within, in a folder", lambda: archive([entry("a/b.ZIP", archive(roster()))]), "archive_in_zip", "a/b.ZIP"),
    Archive("one path twice", lambda: archive([*roster(), entry("users.csv", b"x")]), "file_twice", "users.csv"),
    Archive("one name twice, in another case", lambda: archive([*roster(), entry("Users.CSV", b"x")]), "file_twice", "Users.CSV"),
    Archive("one name in two folders", lambda: archive([*roster(), entry("old/users.csv", b"x")]), "file_twice", "old/users.csv"),
    Archive("1,001 files", lambda: archive(entry(f"n{n}.csv", b"", STORED) for n in range(1001)), "too_many_files"),
    Archive("100,000 files", lambda: archive(entry(f"{n}.csv", b"", STORED) for n in range(100_000)), "too_many_files"),
    Archive("a directory of which only its size tells how many files are in it", _understated, "too_many_files"),
    Archive("100,000 names for one file", lambda: _overlapping((f"{n}.csv" for n in range(100_000)), 100), "too_many_files"),
)  # fmt: skip

BOMBS = (
    Archive("a file of zeros that unpacks to 1,000 times its size",
            lambda: archive([*roster(), entry("more.csv", bytes(MEGABYTE), times=60)]), "zip_bomb"),
    Archive("many files that together unpack to very much",
            lambda: archive([*roster(), *(replace(A_MEGABYTE, name=b"%d.csv" % n) for n in range(200))]),
            "zip_bomb"),
    Archive("a bomb that is no CSV file", lambda: archive([*roster(), entry("photo.jpg", bytes(MEGABYTE), times=60)]), "zip_bomb"),
    Archive("headers that promise 4 GB", lambda: archive(users(size=0xFFFFFFF0)), "zip_bomb"),
    Archive("many names for the same data", lambda: _overlapping((f"{n}.csv" for n in range(900)), MEGABYTE), "zip_bomb"),
    Archive("a few names for the same data", lambda: _overlapping(("users.csv", "classes.csv", "enrollments.csv"), 9_000),
            "damaged_zip", None),
    Archive("a header of half a million columns, and short rows",
            lambda: archive([entry("users.csv", b"a," * 500_000 + b"\n" + b"x\n" * 2_000), *roster()[:1]]), "too_many_columns",
            "users.csv", 1),
    Archive("a record of millions of lines", lambda: archive(
        [entry("users.csv", b"sourcedId,x\n" + b'"\n",' * 1_900_000), *roster()[:1]]), "line_too_long", "users.csv", 2),
    Archive("headers that promise little, deflated", lambda: _lying(DEFLATED, 200), "damaged_zip", "users.csv"),
)  # fmt: skip

DAMAGED_OR_UNKNOWN = "damaged_zip or unknown_compression"
DANGEROUS_IF_ACCEPTED = (
    Archive("headers that promise little, bzip2", lambda: _lying(BZIP2, 130), DAMAGED_OR_UNKNOWN, "users.csv"),
    Archive("headers that promise little, LZMA", lambda: _lying(LZMA, 130), DAMAGED_OR_UNKNOWN, "users.csv"),
    Archive("a line of 125 MB", _endless_line, "line_too_long or field_too_long", "users.csv", 1),
    Archive("bzip2 data with a byte changed", lambda: archive(users(method=BZIP2, packed=b"BZh1\xff" + bytes(99))),
            DAMAGED_OR_UNKNOWN, "users.csv"),
    Archive("LZMA data with a byte changed", lambda: archive(users(method=LZMA, packed=lzma_entry(b"\xff" * 99, 4096))),
            DAMAGED_OR_UNKNOWN, "users.csv"),
    Archive("LZMA with a dictionary of 4 GB",
            lambda: archive(users(method=LZMA, packed=lzma_entry(b"\xff" * 99, 0xFFFFFFFF))), DAMAGED_OR_UNKNOWN, "users.csv"),
    Archive("cut off in the middle", lambda: _cut(archive(roster()), 0.5), "damaged_zip"),
    Archive("cut off before its directory ends", lambda: archive(roster())[:-60] + end_record(5, 300, 900), "damaged_zip"),
    Archive("400,000 names for one file", lambda: _overlapping((f"{n}.csv" for n in range(400_000)), 100), "too_many_files"),
    Archive("cut off in its directory", lambda: _cut(archive(roster()), 0.9), "damaged_zip"),
    Archive("a name that is not the UTF-8 it says it is", lambda: archive(users(name=b"\xff\xfeusers.csv", flags=UTF_8_NAME)),
            "damaged_zip"),
    Archive("packed in a way that only Windows knows", lambda: archive(users(method=DEFLATE64)), "unknown_compression",
            "users.csv"),
    Archive("a folder with a backslash", lambda: archive(named("roster\\users.csv")), "unsafe_path"),
)  # fmt: skip
