"""Every edge where bytes of strangers come in. A target takes any bytes; any error but our own is a crash."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

import requests

from functions.import_step.archive import RosterFile, open_zip
from functions.import_step.encoding import scan
from functions.import_step.formats.format import recognise
from functions.import_step.partition import split
from functions.import_step.steps.ingest import FORMATS
from functions.pages.http import Request
from shared.domain.activation import Activation
from shared.domain.district_file import parse_district
from shared.domain.errors import AccountLinkingError
from shared.domain.report import Upload, import_id_of
from shared.domain.roster import RosterUserKey
from shared.hubs.hub import Binding
from shared.hubs.oidc import OidcProvider
from shared.runtime.tokens import (
    SealedCookie,
    TokenKeys,
    activation_id_of,
    activation_token,
    is_activation_token,
    unsubscribed_account,
)
from tests.harness import World, zipped

type Target = Callable[[bytes], None]
KEY = b"a key of the fuzzer"
NOW = datetime(2026, 9, 1, 15, tzinfo=UTC)

_MANIFEST = (
    "propertyName,value\nmanifest.version,1.0\noneroster.version,1.1\nfile.users,bulk\nfile.classes,bulk\n"
    "file.enrollments,delta\nfile.orgs,absent\nsource.systemName,x\n"
)
_USERS = (
    "sourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,username,userIds,givenName,familyName,email,password\n"
    't1,active,2026-01-01,true,o1,teacher,t1,{Clever:c-1},"Kim, Ann",Lee,t1@a.example,pw\n'
    's1,,,true,"o1,o2",student,s1,,José,"Lee ""x""",s1@a.example,\n'
)
_CLASSES = (
    "sourcedId,status,dateLastModified,title,courseSourcedId,classType,schoolSourcedId,termSourcedIds\n"
    "c1,,,A,k,scheduled,o1,t\n"
)
_ENROLLMENTS = (
    "sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,userSourcedId,role\ne1,,,c1,o1,t1,teacher\n"
)


def _read(files: list[RosterFile]) -> None:
    seen = [replace(file, encoding=scan(file).encoding) for file in files]
    format_, recognised = recognise(seen, FORMATS)
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        split(format_, recognised, format_.stems(recognised), 2, Path(folder))


def _file(name: str, body: bytes | str) -> RosterFile:
    content = body.encode() if isinstance(body, str) else body
    return RosterFile(name, len(content), lambda start, _end: BytesIO(content[start:]))


def a_zip(data: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as file:
        file.write(data)
        file.flush()
        _read(open_zip(Path(file.name)))


def a_csv(data: bytes) -> None:
    """Read users of any shape; the first byte chooses another file of the set."""
    which = data[:1]
    files = {"manifest.csv": _MANIFEST, "users.csv": _USERS, "classes.csv": _CLASSES, "enrollments.csv": _ENROLLMENTS}
    name = {b"c": "classes.csv", b"e": "enrollments.csv"}.get(which, "users.csv")
    _read([_file(n, data[1:] if n == name else body) for n, body in files.items()])


def a_manifest(data: bytes) -> None:
    files: dict[str, bytes | str] = {
        "manifest.csv": data,
        "users.csv": _USERS,
        "classes.csv": _CLASSES,
        "enrollments.csv": _ENROLLMENTS,
    }
    _read([_file(name, body) for name, body in files.items()])


_worlds: list[World] = []


def _world() -> World:
    if not _worlds:
        _worlds.append(World())
        _worlds[0].register()
    return _worlds[0]


def an_event(data: bytes) -> None:
    """Keys of uploads, settings, decisions, account lines and events of SES, as JSON or not."""
    kind, body = data[:1], data[1:]
    world = _world()
    if kind == b"s":
        parse_district("lakeside", body)
    elif kind == b"d":
        world.s3.objects["rosters", "decisions/lakeside/x.json"] = body
        world.receive_upload().receive(Upload("decisions/lakeside/x.json", "e", "2026-09-01T15:00:00.000Z", "1"))
    elif kind == b"a":
        world.feed_lines(body.split(b"\n"))
    elif kind == b"m":
        detail = json.loads(body)
        if isinstance(detail, dict):
            world.record_feedback().record(detail)
    else:
        upload = Upload(unquote_plus(body.decode("utf-8", "replace")), "e", "2026-09-01T15:00:00.000Z", "1")
        world.s3.objects["rosters", upload.key] = b"{}"
        world.receive_upload().receive(upload)
        import_id_of(upload)
        world.states.started.clear()


_ACTIVATION = Activation("0" * 32, RosterUserKey("d", "t1"), "t1@a.example")


def a_token(data: bytes) -> None:
    token = data.decode("utf-8", "replace")
    activation_id_of(token)
    unsubscribed_account(token, TokenKeys(KEY))
    assert not is_activation_token(token, _ACTIVATION, TokenKeys(KEY)) or token == activation_token(_ACTIVATION, KEY)


def a_cookie(data: bytes) -> None:
    """Cookies, forms and languages of a request; nothing that was not sealed here is opened."""
    text = data.decode("utf-8", "replace")
    event = {
        "rawPath": "/link", "headers": {"cookie": text, "accept-language": text, "origin": text,
                                        "content-type": "application/x-www-form-urlencoded"},
        "body": text, "requestContext": {"http": {"method": "POST", "path": "/link"}},
    }  # fmt: skip
    request = Request.from_event(event)
    request.language(text)
    for value in (*request.cookies.values(), *request.form.values(), text):
        assert SealedCookie(TokenKeys(KEY), "login").open(value, 60) is None


class _Session:
    """Returns these bytes for every call to the issuer, after a valid discovery."""

    def __init__(self, data: bytes) -> None:
        self._wrong, self._data = data[:1], data[1:]

    def get(self, url: str, **_: Any) -> Any:
        if url.endswith("openid-configuration") and self._wrong != b"d":
            return self._answer(
                json.dumps(
                    {
                        "issuer": "https://i",
                        "authorization_endpoint": "https://i/a",
                        "token_endpoint": "https://i/t",
                        "jwks_uri": "https://i/k",
                    }
                ).encode()
            )
        if self._wrong == b"k" or self._wrong == b"d":
            return self._answer(self._data)
        return self._answer(b'{"keys": [{"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQ"}]}')

    def post(self, _url: str, **_: Any) -> Any:
        if self._wrong == b"t":
            return self._answer(json.dumps({"id_token": self._data.decode("utf-8", "replace")}).encode())
        return self._answer(self._data)

    @staticmethod
    def _answer(body: bytes) -> Any:
        answer = requests.Response()
        answer.status_code = 200
        answer._content = body
        return answer


def an_oidc_answer(data: bytes) -> None:
    provider = OidcProvider("https://i", "client", lambda: "secret", "https://w/callback", lambda: NOW, _Session(data))
    provider.prove("c", Binding("s", "n", "v"))
    raise AssertionError("an identity was taken from an answer that nobody signed")


TARGETS: dict[str, Target] = {
    "zip": a_zip, "csv": a_csv, "manifest": a_manifest, "event": an_event, "token": a_token, "cookie": a_cookie,
    "oidc": an_oidc_answer,
}  # fmt: skip

_FILES = {"manifest.csv": _MANIFEST, "users.csv": _USERS, "classes.csv": _CLASSES, "enrollments.csv": _ENROLLMENTS}
_SETTINGS = {
    "name": "L",
    "email_domains": ["l.example"],
    "time_zone": "America/Chicago",
    "nudges": {"quiet_hours": ["18:00", "07:00"]},
}
_ACCOUNT = {"account_id": "ada", "email": "a@b.example", "mastery": {"a": {"points": 3, "updated_at": "2026"}}}
_BOUNCE = {
    "eventType": "Bounce",
    "bounce": {"bounceType": "Permanent"},
    "mail": {"messageId": "m", "tags": {"activation_id": ["x"], "ses:configuration-set": ["mail"]}},
}


def _json(body: object) -> bytes:
    return json.dumps(body).encode()


SEEDS: dict[str, list[bytes]] = {
    "zip": [
        zipped(_FILES),
        zipped({"folder/users.csv": _USERS}),
        zipped({"students.csv": "School_id,Student_id\n1,2\n"}),
        zipped({}),
    ],
    "csv": [
        b"u" + _USERS.encode(),
        b"c" + _CLASSES.encode(),
        b"e" + _ENROLLMENTS.encode(),
        b"u\xef\xbb\xbf" + _USERS.encode(),
        b"u" + _USERS.encode("utf-16"),
        b"u" + _USERS.replace(",", ";").encode("cp1252"),
    ],
    "manifest": [_MANIFEST.encode(), b"", b"propertyName;value\noneroster.version;1.2\n"],
    "event": [
        b"s" + _json(_SETTINGS),
        b"d" + _json({"action": "approve", "by": "x", "reason": "y"}),
        b"a" + _json(_ACCOUNT),
        b"m" + _json(_BOUNCE),
        b"krosters/lakeside/a.zip",
        b"kaccounts/x.jsonl",
        b"kdistricts/lakeside/district.json",
    ],
    "token": [activation_token(_ACTIVATION, KEY).encode(), b"WyJkIiwiYSJd.x"],
    "cookie": [
        b"__Host-session=abc; __Host-login=" + SealedCookie(TokenKeys(b"another"), "login").seal({"a": 1}).encode(),
        b"a=b&a=c&d=%ff",
        b"es,en;q=0.8",
    ],
    "oidc": [
        b'p{"id_token": "a.b.c"}',
        b"teyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.",
        b'k{"keys": []}',
        b"p[]",
        b'd{"issuer": "https://i", "token_endpoint": 1}',
    ],
}


def survives(name: str, data: bytes) -> None:
    """Run a target once. Our own errors are expected; invalid JSON is the caller's to refuse."""
    try:
        TARGETS[name](data)
    except AccountLinkingError:
        return
    except ValueError:
        if name == "event" and data[:1] == b"m":
            return
        raise
