"""A district's source: ``sources/{district_id}/source.json`` says where its roster is fetched from, and when (B10)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from difflib import get_close_matches
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Literal, cast, get_args
from urllib.parse import urlsplit

from shared.domain.district import WEEKDAYS
from shared.domain.errors import InvalidSettings
from shared.domain.settings_mistakes import BETWEEN, Mistake

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

type SourceKind = Literal["oneroster", "clever", "classlink"]
type AuthKind = Literal["oauth2", "oauth1", "bearer"]
type Version = Literal["1.1", "1.2"]
type Nightly = Literal["whole", "changes"]

LONGEST_SOURCE = 16_000
"""Bytes of a source.json."""
_LONGEST_TEXT = 1_000
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_OFF_PEAK = time(2, 30)
"""When a source is fetched that names no time of its own, in the district's time zone."""
_KINDS: tuple[str, ...] = get_args(SourceKind.__value__)
_VERSIONS: tuple[str, ...] = get_args(Version.__value__)
_AUTHS: Mapping[str, tuple[str, ...]] = {
    "oneroster": ("oauth2", "oauth1", "bearer"),
    "classlink": ("bearer", "oauth1", "oauth2"),
    "clever": ("oauth2", "bearer"),
}
_SETTINGS = ("kind", "base_url", "version", "auth", "at", "school_days", "nightly")
_AUTH_SETTINGS = ("kind", "token_url", "scope", "secret")
_SECRET_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_LOCAL_HOSTS = ("localhost", "localhost.localdomain")


@dataclass(frozen=True, slots=True)
class Auth:
    """How this service proves who it is. ``secret`` is the last part of a secret's name, under the district's own prefix."""

    kind: AuthKind
    secret: str
    token_url: str = ""
    scope: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a district's roster is fetched from. ``at`` is a time of day in the district's own time zone."""

    kind: SourceKind
    base_url: str
    auth: Auth
    version: Version | None = None
    """None where the file leaves it to the address."""
    at: time = _OFF_PEAK
    school_days: tuple[str, ...] = WEEKDAYS
    """The days on which it is fetched."""
    nightly: Nightly = "whole"
    """Whether a night asks for everything, or for what changed, and for everything once a week."""

    def next_fetch(self, after: datetime, zone: ZoneInfo) -> datetime:
        """Return the first moment after this one at which the source is due, in UTC.

        An hour that spring leaves out is an hour later; one that autumn repeats is its first one.
        """
        day = after.astimezone(zone).date()
        while True:
            moment = datetime.combine(day, self.at, zone).astimezone(UTC)
            if moment > after and WEEKDAYS[day.weekday()] in self.school_days:
                return moment
            day += timedelta(days=1)


def secret_name(prefix: str, district_id: str, source: Source) -> str:
    """The name in Secrets Manager. ``prefix`` is ``{stack}/sources/``."""
    return f"{prefix}{district_id}/{source.auth.secret}"


def parse_source(district_id: str, body: bytes, *, secrets: str, local: bool) -> Source:
    """Return what a ``source.json`` says.

    ``secrets`` is ``{stack}/sources/``, under which this district's own secrets are; ``local`` allows http on loopback.
    Raises InvalidSettings, whose message names each setting that is wrong and how to write it, and no value.
    """
    if len(body) > LONGEST_SOURCE:
        raise InvalidSettings(
            "invalid_source", f"source.json is longer than {LONGEST_SOURCE} bytes. Leave out what is no setting."
        )
    written, wrong = _object(body)
    if not wrong:
        reader = _Reader(f"{secrets}{district_id}/", local=local)
        wrong = [*reader.mistakes(written)]
    if wrong:
        raise InvalidSettings("invalid_source", f"source.json cannot be used. {BETWEEN.join(wrong[:20])}.")
    return _source(written, f"{secrets}{district_id}/")


def source_taken(body: str) -> Source:
    """The source of a ``source.json`` that ``parse_source`` took when it was written. Its secret's name stands as written."""
    return _source(json.loads(body.removeprefix("\ufeff")), "")


TITLES: Mapping[str, str] = {"oneroster": "OneRoster", "clever": "Clever", "classlink": "ClassLink"}
"""What people call each kind."""


def named(body: str) -> str:
    """What people call the source of a body that ``parse_source`` took: its kind and its host, and nothing more of it."""
    source = source_taken(body)
    return f"{TITLES[source.kind]}, {urlsplit(source.base_url).hostname or ''}"


def _object(body: bytes) -> tuple[Mapping[str, object], list[str]]:
    try:
        found = json.loads(body.removeprefix(_BYTE_ORDER_MARK))
    except RecursionError:
        return {}, [Mistake.TOO_DEEP.of("source.json")]
    except json.JSONDecodeError as error:
        return {}, [Mistake.NO_JSON.of("source.json", line=error.lineno, column=error.colno)]
    except UnicodeDecodeError:
        return {}, [Mistake.NOT_AN_OBJECT.of("source.json")]
    return (found, []) if isinstance(found, dict) else ({}, [Mistake.NOT_AN_OBJECT.of("source.json")])


def _source(written: Mapping[str, object], secrets: str) -> Source:
    """The source that these checked values make."""
    auth = cast("Mapping[str, str]", written["auth"])
    at = _TIME.fullmatch(str(written.get("at", ""))) if "at" in written else None
    days = cast("Sequence[str]", written.get("school_days", WEEKDAYS))
    return Source(
        cast("SourceKind", written["kind"]),
        str(written["base_url"]).strip().rstrip("/"),
        Auth(
            cast("AuthKind", auth["kind"]),
            auth["secret"].removeprefix(secrets),
            auth.get("token_url", "").strip(),
            auth.get("scope", ""),
        ),
        cast("Version | None", written.get("version")),
        time(int(at[1]), int(at[2])) if at else _OFF_PEAK,
        tuple(dict.fromkeys(_weekday(day) for day in days)),
        cast("Nightly", written.get("nightly", "whole")),
    )


class _Reader:
    """Finds what is wrong with a file. ``secrets`` is the prefix of the district's own."""

    def __init__(self, secrets: str, *, local: bool) -> None:
        self._secrets = secrets
        self._local = local

    def mistakes(self, written: Mapping[str, object]) -> Iterator[str]:
        yield from _unknown(written, _SETTINGS, "")
        kind = written.get("kind")
        yield from _one_of(written, "kind", _KINDS)
        if "version" in written:
            yield from _one_of(written, "version", _VERSIONS)
        if "nightly" in written:
            yield from _one_of(written, "nightly", _nights_of(written))
        yield from self._address(written, "base_url", "base_url", is_needed=True)
        auth = written.get("auth")
        if auth is None:
            yield Mistake.MISSING.of("auth")
        elif not isinstance(auth, dict):
            yield Mistake.NO_OBJECT.of("auth")
        else:
            yield from self._auth(auth, _AUTHS.get(str(kind), _AUTHS["oneroster"]))
        yield from _schedule(written)

    def _auth(self, auth: Mapping[str, object], kinds: Sequence[str]) -> Iterator[str]:
        yield from _unknown(auth, _AUTH_SETTINGS, "auth.")
        yield from _one_of(auth, "kind", kinds, "auth.")
        yield from self._address(auth, "token_url", "auth.token_url", is_needed=False)
        if "scope" in auth and not _is_text(auth["scope"]):
            yield Mistake.NO_TEXT.of("auth.scope")
        secret = auth.get("secret")
        if secret is None:
            yield Mistake.MISSING.of("auth.secret")
        elif not _is_text(secret):
            yield Mistake.NO_TEXT.of("auth.secret")
        elif not _SECRET_NAME.fullmatch(str(secret).removeprefix(self._secrets)):
            yield Mistake.OTHER_SECRET.of("auth.secret", prefix=self._secrets)

    def _address(self, written: Mapping[str, object], name: str, place: str, *, is_needed: bool) -> Iterator[str]:
        address = written.get(name)
        if address is None:
            if is_needed or name in written:
                yield Mistake.MISSING.of(place)
        elif not isinstance(address, str):
            yield Mistake.NO_TEXT.of(place)
        elif not is_usable_address(address.strip(), local=self._local):
            yield Mistake.NO_PUBLIC_ADDRESS.of(place)


def _nights_of(written: Mapping[str, object]) -> Sequence[str]:
    """Clever has no dates to ask by, and the roles of OneRoster 1.2 no ids by which one that ended could be named."""
    is_of_1_2 = "1.2" in str(
        written.get("version") or ("1.2" if "v1p2" in str(written.get("base_url")).lower() else "")
    )
    return ("whole",) if written.get("kind") == "clever" or is_of_1_2 else get_args(Nightly.__value__)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_TEXT and value.isprintable()


def _schedule(written: Mapping[str, object]) -> Iterator[str]:
    if "at" in written and not (isinstance(written["at"], str) and _TIME.fullmatch(written["at"])):
        yield Mistake.NO_TIME.of("at")
    if "school_days" not in written:
        return
    days = written["school_days"]
    if not isinstance(days, list) or not days:
        yield Mistake.NO_WEEKDAYS.of("school_days")
    elif not all(isinstance(day, str) and _weekday(day) for day in days):
        yield Mistake.NO_WEEKDAY.of("school_days")


def _weekday(text: str) -> str:
    """The weekday that these letters begin; empty for none, or more than one."""
    wanted = text.strip().lower()
    found = [day for day in WEEKDAYS if len(wanted) >= 2 and day.startswith(wanted)]
    return found[0] if len(found) == 1 else ""


def _one_of(written: Mapping[str, object], name: str, words: Sequence[str], within: str = "") -> Iterator[str]:
    if name not in written:
        yield Mistake.MISSING.of(f"{within}{name}")
    elif written[name] not in words:
        yield Mistake.NOT_ONE_OF.of(f"{within}{name}", words=", ".join(words))


def _unknown(written: Mapping[str, object], known: Sequence[str], within: str) -> Iterator[str]:
    for name in written:
        if name not in known:
            shown = "".join(c for c in name[:40] if c.isprintable() and not c.isspace() and c != ":") or "?"
            near = get_close_matches(shown, known, 1)
            mistake = Mistake.NO_SETTING_BUT if near else Mistake.NO_SETTING
            yield mistake.of(f"{within}{shown}", **({"near": near[0]} if near else {}))


def is_usable_address(address: str, *, local: bool) -> bool:
    """Whether a request may go to this address, as far as the address itself says: https, and no host that is not public.

    What its name resolves to is looked at again before each connection (``is_public``).
    """
    if not address.isprintable() or len(address) > _LONGEST_TEXT or any(c.isspace() or c == "\\" for c in address):
        return False
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    if not host or parts.username is not None or parts.fragment or parts.query or port == 0:
        return False
    if host.rstrip(".").lower() in _LOCAL_HOSTS or host.rstrip(".").lower().endswith(".localhost"):
        return local and parts.scheme in ("http", "https")
    try:
        number = ip_address(host)
    except ValueError:
        return parts.scheme == "https"
    if number.is_loopback:
        return local and parts.scheme in ("http", "https")
    return parts.scheme == "https" and is_public(number)


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address of the network is anybody's to reach: not private, loopback, link-local (where a cloud's metadata is),
    shared, reserved or multicast, also where it carries such a one inside."""
    if address.is_multicast or not address.is_global:
        return False
    return not isinstance(address, IPv6Address) or all(map(is_public, _within(address)))


_TRANSLATED = int(IPv6Address("64:ff9b::")) >> 32


def _within(address: IPv6Address) -> Iterator[IPv4Address]:
    """The IPv4 addresses that an IPv6 one stands for (RFC 4291, 3056, 6052)."""
    for inner in (address.ipv4_mapped, address.sixtofour):
        if inner is not None:
            yield inner
    if int(address) >> 32 == _TRANSLATED:
        yield IPv4Address(int(address) & 0xFFFFFFFF)
    if int(address) >> 32 == 0:
        yield IPv4Address(int(address))
