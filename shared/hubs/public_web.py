"""Requests to the hosts that a district's source names: public ones only, over https, and nowhere else (B10).

A name is resolved once for each connection, each of its addresses is looked at, and the connection goes to the address that was
looked at: a name that resolves otherwise a moment later changes nothing. Redirects are followed within one host.
"""

from __future__ import annotations

import socket
import ssl
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import cache
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from ipaddress import ip_address
from threading import Timer
from time import monotonic
from typing import Protocol
from urllib.parse import SplitResult, urljoin, urlsplit

import msgspec

from shared.domain.clock import Clock
from shared.domain.fetching import FetchFailed, answer_too_long, foreign_address, refused_address, unreachable
from shared.domain.roster_source import is_public, is_usable_address

_CONNECT_SECONDS = 3.0
_MOST_ADDRESSES = 3
_LONGEST_ANSWER = 64 << 20
"""Bytes of a page, unpacked: ten thousand rows have about ten megabytes."""
_MOST_REDIRECTS = 3
_CHUNK = 1 << 16
_GZIP = b"\x1f\x8b"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

type Resolve = Callable[[str, int], list[str]]
"""The addresses of a host. Raises OSError."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a host answered: names of headers in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""

    def json(self) -> object:
        """The body as JSON, whatever its content type. Raises ValueError."""
        try:
            return msgspec.json.decode(_unpacked(self.body).removeprefix(_BYTE_ORDER_MARK))
        except msgspec.MsgspecError:
            raise ValueError("no JSON") from None

    def seconds_to_wait(self, clock: Clock) -> float | None:
        """How long the host wants to be left alone: Retry-After, or a limit's reset; None where it does not say."""
        for name in ("retry-after", "x-ratelimit-reset"):
            text = self.headers.get(name, "")
            if text.strip().isdigit():
                number = float(text)
                # A moment since 1970, or seconds from now.
                return max(0.0, number - clock().timestamp()) if number > 1_000_000_000 else number
            if text:
                try:
                    return max(0.0, parsedate_to_datetime(text).timestamp() - clock().timestamp())
                except ValueError:
                    continue
        return None


class Web(Protocol):
    """Sends one request. Raises FetchFailed where it must not go there, TryLater where no whole answer came."""

    def send(
        self,
        method: str,
        address: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        seconds: float,
    ) -> Answer: ...


def _resolved(host: str, port: int) -> list[str]:
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def checked_addresses(host: str, port: int, resolve: Resolve = _resolved, *, local: bool = False) -> list[str]:
    """The addresses of a host, each of which anybody may reach; ``local`` allows loopback.

    Raises FetchFailed for one that is not public, and TryLater where the name has none.
    """
    try:
        found = resolve(host, port)
    except (OSError, UnicodeError) as error:
        raise unreachable() from error
    for text in found:
        address = ip_address(text.partition("%")[0])
        if not (is_public(address) or (local and address.is_loopback)):
            raise refused_address()
    if not found:
        raise unreachable()
    return found


@dataclass(slots=True)
class PublicWeb:
    """The web. ``local`` allows loopback, for the doubles of a local stack."""

    local: bool = False
    resolve: Resolve = _resolved
    _kept: dict[str, _Http | _Https] = field(default_factory=dict)

    def send(
        self,
        method: str,
        address: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        seconds: float,
    ) -> Answer:
        """As ``Web.send``. A redirect is followed where a GET is sent on within its host."""
        until = monotonic() + seconds
        for _ in range(_MOST_REDIRECTS + 1):
            answer = self._once(method, address, headers, body, until)
            if answer.status not in (301, 302, 303, 307, 308):
                return answer
            address = same_host(address, answer.headers.get("location", ""))
            if method != "GET":
                raise foreign_address()
        raise foreign_address()

    def _once(self, method: str, address: str, headers: Mapping[str, str], body: bytes | None, until: float) -> Answer:
        if not is_usable_address(address.partition("?")[0], local=self.local):
            raise refused_address()
        parts = urlsplit(address)
        target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        given = {"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": "account-linking", **headers}
        connection, is_kept = self._connection(parts.scheme, str(parts.hostname), parts.port, until)
        watch = Timer(max(0.1, until - monotonic()), self._cut)
        watch.daemon = True
        watch.start()
        try:
            return self._answered(connection, parts, method, target, body, given, until, is_kept=is_kept)
        finally:
            watch.cancel()

    def _cut(self) -> None:
        """End what is under way: a host that sends a byte now and then would be waited for without an end."""
        for connection in list(self._kept.values()):
            connection.cut()

    def _answered(
        self,
        connection: _Http | _Https,
        parts: SplitResult,
        method: str,
        target: str,
        body: bytes | None,
        given: Mapping[str, str],
        until: float,
        *,
        is_kept: bool,
    ) -> Answer:
        try:
            answer = self._asked(connection, method, target, body, given)
        except (OSError, HTTPException) as error:
            if not is_kept:
                raise unreachable() from error
            # The host had closed the connection since the last request.
            connection, _ = self._connection(parts.scheme, str(parts.hostname), parts.port, until)
            try:
                answer = self._asked(connection, method, target, body, given)
            except (OSError, HTTPException) as again:
                raise unreachable() from again
        try:
            read = _read(answer, until)
        except (OSError, HTTPException) as error:
            self._drop(connection)
            raise unreachable() from error
        except FetchFailed:
            self._drop(connection)
            raise
        if answer.will_close:
            self._drop(connection)
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, read)

    def _asked(
        self, connection: HTTPConnection, method: str, target: str, body: bytes | None, headers: Mapping[str, str]
    ) -> HTTPResponse:
        try:
            connection.request(method, target, body=body, headers=headers)
            return connection.getresponse()
        except (OSError, HTTPException):
            self._drop(connection)
            raise

    def _connection(self, scheme: str, host: str, port: int | None, until: float) -> tuple[_Http | _Https, bool]:
        """A connection to addresses of the host that were looked at, and whether it was there before."""
        at = port or (443 if scheme == "https" else 80)
        name = f"{scheme}://{host}:{at}"
        left = max(0.1, min(until - monotonic(), _LEFT_AT_MOST))
        kept = self._kept.get(name)
        if kept is not None and kept.sock is not None:
            kept.sock.settimeout(left)
            return kept, True
        made = checked_addresses(host, at, self.resolve, local=self.local)
        kind = _Https if scheme == "https" else _Http
        connection = self._kept[name] = kind(host, at, made, timeout=left)
        return connection, False

    def close(self) -> None:
        """End the connections that are kept for the next request."""
        for connection in self._kept.values():
            connection.close()
        self._kept = {}

    def _drop(self, connection: HTTPConnection) -> None:
        connection.close()
        self._kept = {name: kept for name, kept in self._kept.items() if kept is not connection}


_LEFT_AT_MOST = 120.0


class _Http(HTTPConnection):
    """Connects to an address that was looked at, whatever its host's name resolves to by now."""

    def __init__(self, host: str, port: int, addresses: list[str], *, timeout: float) -> None:
        super().__init__(host, port, timeout=timeout)
        self._addresses = addresses
        self._under_way: socket.socket | None = None

    def connect(self) -> None:
        self.sock = self._under_way = _connected(self._addresses, self.port)
        self.sock.settimeout(self.timeout)

    def cut(self) -> None:
        """End the connection, from another thread."""
        _shut(self._under_way)


class _Https(HTTPSConnection):
    """The same, and the certificate has to be the host's."""

    def __init__(self, host: str, port: int, addresses: list[str], *, timeout: float) -> None:
        super().__init__(host, port, timeout=timeout, context=_tls())
        self._addresses = addresses
        self._under_way: socket.socket | None = None

    def connect(self) -> None:
        plain = self._under_way = _connected(self._addresses, self.port)
        plain.settimeout(self.timeout)
        self.sock = self._under_way = _tls().wrap_socket(plain, server_hostname=self.host)

    def cut(self) -> None:
        """As of ``_Http``."""
        _shut(self._under_way)


def _shut(connection: socket.socket | None) -> None:
    if connection is not None:
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)


def _connected(addresses: list[str], port: int) -> socket.socket:
    """A connection to the first of these addresses that takes one. Raises OSError."""
    *others, last = dict.fromkeys(addresses)
    for address in others[:_MOST_ADDRESSES]:
        with suppress(OSError):
            return socket.create_connection((address, port), _CONNECT_SECONDS)
    return socket.create_connection((last, port), _CONNECT_SECONDS)


@cache
def _tls() -> ssl.SSLContext:
    import certifi

    return ssl.create_default_context(cafile=certifi.where())


def _read(answer: HTTPResponse, until: float) -> bytes:
    """The body, which has to come in time and may not be endless. Raises OSError and FetchFailed."""
    body = bytearray()
    while chunk := answer.read1(_CHUNK):
        body += chunk
        if len(body) > _LONGEST_ANSWER:
            raise answer_too_long()
    if answer.length or monotonic() >= until:
        # Where it was ended by us, too: what came until then looks whole.
        raise ConnectionError("cut")
    return bytes(body)


def _unpacked(body: bytes) -> bytes:
    """The body without gzip, whether or not a header says that it is packed. Raises ValueError and FetchFailed."""
    if not body.startswith(_GZIP):
        return body
    unpacking = zlib.decompressobj(31)
    try:
        plain = unpacking.decompress(body, _LONGEST_ANSWER)
    except zlib.error:
        raise ValueError("damaged") from None
    if unpacking.unconsumed_tail:
        raise answer_too_long()
    return plain


def same_host(address: str, link: str) -> str:
    """Where a redirect or a next link leads, seen from the address that gave it. Raises FetchFailed for another host.

    A link that is http where the address is https is that of a server behind one that speaks https: it is followed as https.
    """
    found, own = urlsplit(urljoin(address, link)), urlsplit(address)
    if not link or found.hostname != own.hostname or found.username is not None:
        raise foreign_address()
    ports = {None, 80, 443} if own.scheme == "https" else {own.port}
    if found.port != own.port and not {found.port, own.port} <= ports:
        raise foreign_address()
    return found._replace(scheme=own.scheme, netloc=own.netloc).geturl()
