"""A double of AWS Transfer's SFTP in front of a bucket: version 3 of the protocol on standard input and output.

``sftp -D "python -m local.doubles.sftp JOURNAL PREFIX"`` drives it with OpenSSH's own client, without a network. What happens to
the bucket is written into JOURNAL, a line for each: a file is put when it is closed, and as far as it came when the connection
ends before that; a rename is a copy and a deletion, as S3 has no other.
"""

from __future__ import annotations

import base64
import json
import struct
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

_INIT, _OPEN, _CLOSE, _READ, _WRITE, _LSTAT, _FSTAT, _SETSTAT, _FSETSTAT, _OPENDIR, _READDIR, _REMOVE = (
    1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13,
)  # fmt: skip
_MKDIR, _RMDIR, _REALPATH, _STAT, _RENAME = 14, 15, 16, 17, 18
_VERSION, _STATUS, _HANDLE, _DATA, _NAME, _ATTRS = 2, 101, 102, 103, 104, 105
_OK, _END, _NO_SUCH_FILE, _UNSUPPORTED = 0, 1, 2, 8
_CREATES: Final = 0x08
_IS_FOLDER, _IS_FILE = 0o040755, 0o100644


class Journal:
    """A bucket of which every change is written down, in the order in which they happened."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.objects: dict[str, bytes] = {}
        if path.exists():
            for change in map(json.loads, path.read_text().splitlines()):
                self._apply(change)

    def put(self, key: str, body: bytes, *, is_cut: bool = False) -> None:
        """``is_cut``: the connection ended before the file was closed (AWS Transfer tells it as PARTIAL_UPLOAD)."""
        self._note({"op": "put", "key": key, "body": base64.b64encode(body).decode(), "is_cut": is_cut})

    def copy(self, source: str, key: str) -> None:
        self._note({"op": "copy", "from": source, "key": key})

    def delete(self, key: str) -> None:
        self._note({"op": "delete", "key": key})

    def _note(self, change: Mapping[str, Any]) -> None:
        self._apply(change)
        with self._path.open("a") as opened:
            opened.write(json.dumps(change) + "\n")

    def _apply(self, change: Mapping[str, Any]) -> None:
        match change["op"]:
            case "put":
                self.objects[change["key"]] = base64.b64decode(change["body"])
            case "copy":
                self.objects[change["key"]] = self.objects[change["from"]]
            case _:
                self.objects.pop(change["key"], None)


class SftpServer:
    """Serves one connection. ``prefix`` is the user's home in the bucket, which the client sees as ``/``."""

    def __init__(self, bucket: Journal, prefix: str, reading: BinaryIO, writing: BinaryIO) -> None:
        self._bucket = bucket
        self._prefix = prefix
        self._reading = reading
        self._writing = writing
        self._open: dict[bytes, tuple[str, bytearray]] = {}
        self._reads: dict[bytes, bytes] = {}
        self._listings: dict[bytes, list[str]] = {}
        self._handles = 0

    def serve(self) -> None:
        """Until the client goes away. What it left open is put as far as it came."""
        while len(head := self._reading.read(4)) == 4:
            body = self._reading.read(struct.unpack(">I", head)[0])
            if not body:
                break
            self._answer(body[0], _Cells(body[1:]))
        for key, came in self._open.values():
            self._bucket.put(key, bytes(came), is_cut=True)

    def _key(self, path: str) -> str:
        return f"{self._prefix}/{path.strip('/')}"

    def _answer(self, kind: int, asked: _Cells) -> None:
        if kind == _INIT:
            self._send(_VERSION, struct.pack(">I", 3))
            return
        number = asked.number()
        handlers = {
            _OPEN: self._opened, _CLOSE: self._closed, _READ: self._read, _WRITE: self._written, _OPENDIR: self._listing,
            _READDIR: self._listed, _REMOVE: self._removed, _RENAME: self._renamed, _REALPATH: self._named, _STAT: self._told,
            _LSTAT: self._told, _FSTAT: self._told_open,
        }  # fmt: skip
        if kind in handlers:
            self._send(*handlers[kind](number, asked))
        elif kind in (_SETSTAT, _FSETSTAT, _MKDIR, _RMDIR):
            self._send(*_status(number, _OK))
        else:
            self._send(*_status(number, _UNSUPPORTED))

    def _send(self, kind: int, body: bytes) -> None:
        self._writing.write(struct.pack(">IB", len(body) + 1, kind) + body)
        self._writing.flush()

    def _handle(self, number: int) -> tuple[bytes, tuple[int, bytes]]:
        self._handles += 1
        handle = str(self._handles).encode()
        return handle, (_HANDLE, struct.pack(">I", number) + _text(handle))

    def _opened(self, number: int, asked: _Cells) -> tuple[int, bytes]:
        key, flags = self._key(asked.text()), asked.number()
        if not flags & _CREATES:
            if key not in self._bucket.objects:
                return _status(number, _NO_SUCH_FILE)
            handle, answer = self._handle(number)
            self._reads[handle] = self._bucket.objects[key]
            return answer
        handle, answer = self._handle(number)
        self._open[handle] = key, bytearray()
        return answer

    def _written(self, number: int, asked: _Cells) -> tuple[int, bytes]:
        handle, offset, data = asked.bytes(), asked.long(), asked.bytes()
        came = self._open[handle][1]
        came[offset : offset + len(data)] = data
        return _status(number, _OK)

    def _read(self, number: int, asked: _Cells) -> tuple[int, bytes]:
        handle, offset, length = asked.bytes(), asked.long(), asked.number()
        part = self._reads[handle][offset : offset + length]
        return (_DATA, struct.pack(">I", number) + _text(part)) if part else _status(number, _END)

    def _closed(self, number: int, asked: _Cells) -> tuple[int, bytes]:
        handle = asked.bytes()
        if handle in self._open:
            key, came = self._open.pop(handle)
            self._bucket.put(key, bytes(came))
        return _status(number, _OK)

    def _removed(self, number: int, asked: _Cells) -> tuple[int, bytes]:
        self._bucket.delete(self._key(asked.text()))
        return _status(number, _OK)

    def _renamed(self, number: int, asked: _Cells) -> tuple[int, bytes]:
        source, key = self._key(asked.text()), self._key(asked.text())
        if source not in self._bucket.objects:
            return _status(number, _NO_SUCH_FILE)
        self._bucket.copy(source, key)
        self._bucket.delete(source)
        return _status(number, _OK)

    def _names(self, folder: str) -> list[str]:
        within = f"{self._key(folder).rstrip('/')}/"
        return sorted(
            {key.removeprefix(within).partition("/")[0] for key in self._bucket.objects if key.startswith(within)}
        )

    def _listing(self, number: int, asked: _Cells) -> tuple[int, bytes]:
        handle, answer = self._handle(number)
        self._listings[handle] = self._names(asked.text())
        return answer

    def _listed(self, number: int, asked: _Cells) -> tuple[int, bytes]:
        handle = asked.bytes()
        names, self._listings[handle] = self._listings[handle], []
        if not names:
            return _status(number, _END)
        entries = b"".join(_text(name.encode()) * 2 + _attributes(_IS_FILE, 0) for name in names)
        return _NAME, struct.pack(">II", number, len(names)) + entries

    def _named(self, number: int, asked: _Cells) -> tuple[int, bytes]:
        path = "/" + asked.text().strip("./")
        return _NAME, struct.pack(">II", number, 1) + _text(path.encode()) * 2 + _attributes(_IS_FOLDER, 0)

    def _told(self, number: int, asked: _Cells) -> tuple[int, bytes]:
        path = asked.text()
        body = self._bucket.objects.get(self._key(path))
        if body is not None:
            return _ATTRS, struct.pack(">I", number) + _attributes(_IS_FILE, len(body))
        is_folder = not path.strip("/") or bool(self._names(path))
        return (_ATTRS, struct.pack(">I", number) + _attributes(_IS_FOLDER, 0)) if is_folder else _status(number, 2)

    def _told_open(self, number: int, asked: _Cells) -> tuple[int, bytes]:
        handle = asked.bytes()
        size = len(self._reads.get(handle) or self._open[handle][1])
        return _ATTRS, struct.pack(">I", number) + _attributes(_IS_FILE, size)


class _Cells:
    """What a packet has, one after the other."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def number(self) -> int:
        (value,), self._body = struct.unpack(">I", self._body[:4]), self._body[4:]
        return int(value)

    def long(self) -> int:
        (value,), self._body = struct.unpack(">Q", self._body[:8]), self._body[8:]
        return int(value)

    def bytes(self) -> bytes:
        length = self.number()
        value, self._body = self._body[:length], self._body[length:]
        return value

    def text(self) -> str:
        return self.bytes().decode()


def _text(value: bytes) -> bytes:
    return struct.pack(">I", len(value)) + value


def _status(number: int, code: int) -> tuple[int, bytes]:
    return _STATUS, struct.pack(">II", number, code) + _text(b"") + _text(b"")


def _attributes(mode: int, size: int) -> bytes:
    return struct.pack(">IQI", 0x01 | 0x04, size, mode)


if __name__ == "__main__":
    SftpServer(Journal(Path(sys.argv[1])), sys.argv[2], sys.stdin.buffer, sys.stdout.buffer).serve()
