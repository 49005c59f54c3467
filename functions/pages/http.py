"""Requests and replies: forms, cookies, languages, and the headers that every reply carries."""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, ip_address, ip_network
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs, urlencode

from shared.domain.district import DISTRICT_ID
from shared.domain.errors import AccountLinkingError
from shared.mail.palette import palette
from shared.runtime.i18n import direction, environment, language_accepted, own_name
from shared.runtime.languages import language_for, languages

TEMPLATES = Path(__file__).parent
SESSION_COOKIE = "__Host-session"
ACTIVATION_COOKIE = "__Host-activation"
NOTICE_COOKIE = "__Host-notice"
LOGIN_COOKIE = "__Host-login"
LANGUAGE_COOKIE = "__Host-language"
KNOWN_COOKIE = "__Host-known"
"""By which accounts know this browser (``functions/pages/login/known_browser.py``)."""
WANTED_COOKIE = "__Host-wanted"
"""Which page somebody wanted who was not logged in; home leads there."""
DISTRICT_COOKIE = "__Host-district"
"""The district that this browser came for last: its login is offered wherever somebody may be stuck. It opens nothing."""
ANOTHER_COOKIE = "__Host-another"
"""That somebody logged out in this browser: hubs are asked to offer their accounts, not the one before. It opens nothing."""
_KEPT_SECONDS = {KNOWN_COOKIE: 180 * 86_400, DISTRICT_COOKIE: 180 * 86_400}
"""Cookies that outlive the browser's session."""
_MAY_BE_KEPT = {"Cache-Control": "public, max-age=3600", "Vary": "Accept-Language, Cookie"}
_LARGEST_FORM = 64_000
_MOST_FIELDS = 500


_ASKED_AT_THE_SAME_ADDRESS = frozenset(
    {
        "/login",
        "/login/confirm",
        "/login/code",
        "/login/forgot",
        "/login/reset",
        "/login/email",
        "/login/email/code",
        "/ways-in/code",
        "/link",
        "/link/undo",
        "/sso",
    }
)
"""Forms whose answer has the address of their page."""
_KEPT_IN_ANOTHER_LANGUAGE = frozenset(
    {"district", "district_id", "form", "code", "download", "past", "another", "names", "still"}
)
_PLAIN = re.compile(r"[A-Za-z0-9_-]+")


class ForbiddenOrigin(AccountLinkingError):
    """A form was posted from somewhere else."""


class NoSuchClass(AccountLinkingError):
    """This class is not there, or not for this person to see: both are told in the same words."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request, out of the event of the HTTP API (payload 2.0)."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    cookies: Mapping[str, str]
    form: Mapping[str, str]
    source_ip: str
    here: set[str] = field(default_factory=set, compare=False)
    """The name of who is logged in, once that was read: every page says it, as a device may be several people's."""

    @classmethod
    def from_event(cls, event: Mapping[str, Any]) -> Request:
        headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
        http = event["requestContext"]["http"]
        return cls(
            http["method"],
            event.get("rawPath", "/"),
            event.get("queryStringParameters") or {},
            headers,
            _cookies(event, headers),
            _form(event, headers),
            http.get("sourceIp", ""),
        )

    @property
    def place(self) -> str:
        """Where a request comes from, as limits count it: an IPv4 address, or the 64 bits of an IPv6 network.

        Whoever has one IPv6 address has the others of its network, too.
        """
        try:
            address = ip_address(self.source_ip)
        except ValueError:
            return self.source_ip
        if isinstance(address, IPv4Address):
            return str(address)
        return str(address.ipv4_mapped or ip_network((address.packed[:8] + bytes(8), 64)))

    def address_in(self, language: str) -> str:
        """This page in another language. What answers a form, or an issuer, is the page of that form, or the nearest one
        above it."""
        if self.path.startswith(("/callback/", "/login/")) and self.path not in _ASKED_AT_THE_SAME_ADDRESS:
            return f"/login?lang={language}"
        kept = {name: v for name, v in self.query.items() if name in _KEPT_IN_ANOTHER_LANGUAGE and _PLAIN.fullmatch(v)}
        query = urlencode({**kept, "lang": language})
        if self.method == "GET":
            return f"?{query}"
        if self.path in _ASKED_AT_THE_SAME_ADDRESS or self.path.startswith("/unsubscribe/"):
            return f"{self.path}?{query}"
        above = self.path.rpartition("/")[0]
        return f"{'/home' if above in ('', '/account') else above}?{query}"

    def language(self, preferred: str | None = None) -> str:
        """What the person chose, else what the browser asks for, else what the district prefers."""
        chosen = self.query.get("lang") or self.cookies.get(LANGUAGE_COOKIE)
        return language_for(chosen, language_accepted(self.headers.get("accept-language")), preferred)

    def check_origin(self, web_url: str) -> None:
        """Raises ForbiddenOrigin for a form that another site posted. The Host header plays no part.

        ``Sec-Fetch-Site`` decides where a browser sends it: under ``Referrer-Policy: no-referrer`` even our own forms come
        with ``Origin: null``.
        """
        site, origin = self.headers.get("sec-fetch-site"), self.headers.get("origin")
        is_ours = site in ("same-origin", "none") if site else origin in (None, web_url)
        if not is_ours:
            raise ForbiddenOrigin(
                "foreign_form", "This form was sent from another site. Open the page here and try again."
            )


def _cookies(event: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, str]:
    """The cookies by name, byte for byte; of one name the first counts, whether or not its value opens.

    Blank and tab alone stand between cookies (RFC 6265 §4.2.1). Whatever else is stripped makes ``__Host-`` names out of
    names that a browser lets anybody set. AWS fills ``cookies``; other implementations of the API leave them in the header.
    """
    cookies: dict[str, str] = {}
    for pair in (*(event.get("cookies") or ()), *headers.get("cookie", "").split(";")):
        name, equals, value = pair.strip(" \t").partition("=")
        if equals:
            cookies.setdefault(name, value)
    return cookies


def _form(event: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, str]:
    """The fields of a form, each once: a repeated field keeps its first value only (CVE-2023-7028)."""
    body = event.get("body") or ""
    if not headers.get("content-type", "").startswith("application/x-www-form-urlencoded") or len(body) > _LARGEST_FORM:
        return {}
    try:
        if event.get("isBase64Encoded"):
            body = base64.b64decode(body).decode("utf-8", "replace")
        fields = parse_qs(body, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        return {}  # No form of ours; the page says what it misses.
    return {name: values[0] for name, values in fields.items()}


@dataclass(slots=True)
class Reply:
    """What a page returns: a template or a redirect, with cookies to set (None ends one)."""

    status: int = 200
    template: str | None = None
    values: dict[str, object] = field(default_factory=dict)
    location: str | None = None
    cookies: dict[str, str | None] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    district_locale: str | None = None
    body: str | None = None
    content_type: str = "text/html; charset=utf-8"
    form_target: str = ""
    """An origin beside our own and the hubs' to which a form of this page is posted."""
    is_public: bool = False
    """The same for all who read its language: it sets no cookie, and unless it is an error it may be kept for an hour."""


@dataclass(frozen=True, slots=True)
class Response:
    """What the function gives back; ``cookies`` are the values of ``Set-Cookie``."""

    status_code: int
    content_type: str
    body: str
    headers: Mapping[str, str]
    cookies: Sequence[str] = ()

    def to_api(self) -> dict[str, Any]:
        """As the HTTP API wants it (payload 2.0)."""
        return {
            "statusCode": self.status_code,
            "body": self.body,
            "isBase64Encoded": False,
            "headers": {"Content-Type": self.content_type, **self.headers},
            "cookies": list(self.cookies),
        }


class Audience(Protocol):
    """For whom a page is: their district, its language, and where it helps; None where that is not known."""

    @property
    def locale(self) -> str | None: ...

    @property
    def support_url(self) -> str | None: ...

    @property
    def district_id(self) -> str: ...


def page(template: str, *, status: int = 200, audience: Audience | None = None, **values: object) -> Reply:
    """A page of a template, named by its path below ``functions/pages`` without ``.html``."""
    if audience:
        values["support_url"] = audience.support_url
        values["district_id"] = audience.district_id
    return Reply(status=status, template=template, values=values, district_locale=audience.locale if audience else None)


def not_found() -> Reply:
    """There is no such page, or not for this person."""
    return page("sorry", status=404, code="not_found", retry_after=None)


def see_other(location: str, **cookies: str | None) -> Reply:
    """Go on at an address: one of ours, or of an issuer that the settings name; never one that a request named."""
    return Reply(303, location=location, cookies=cookies)


_WAYS_TO_HUBS = frozenset({"login/sso", "sorry"})
"""Pages whose forms lead to a district's hub, and hold no field for a password. A hub sends the browser on at once, to a host of
its own for logins or to the district's own service, and a browser holds a form's policy at each step of that way."""


class PageRenderer:
    """Turns replies into responses of the API."""

    def __init__(self, *, brand_name: str, brand_colour: str, support_url: str, form_targets: tuple[str, ...]) -> None:
        self._brand_name = brand_name
        self._colours = palette(brand_colour)
        self._support_url = support_url
        self._form_targets = form_targets

    def response(self, request: Request, reply: Reply) -> Response:
        nonce = secrets.token_urlsafe(16)
        language = request.language(reply.district_locale)
        headers = {**self._security_headers(nonce, reply), **reply.headers, "Content-Language": language}
        if reply.is_public and reply.status == 200:
            headers |= _MAY_BE_KEPT
        cookies = [_cookie(name, value) for name, value in reply.cookies.items()]
        if request.query.get("lang") and not reply.is_public:
            cookies.append(_cookie(LANGUAGE_COOKIE, language))
        if (district_id := reply.values.get("district_id")) and district_id != request.cookies.get(DISTRICT_COOKIE):
            cookies.append(_cookie(DISTRICT_COOKIE, str(district_id)))
        if reply.location is not None:
            headers["Location"] = reply.location
            return Response(reply.status, "text/plain; charset=utf-8", "", headers=headers, cookies=cookies)
        if reply.body is not None:
            return Response(reply.status, reply.content_type, reply.body, headers=headers, cookies=cookies)
        familiar = reply.values.get("is_student") is True
        html = environment(TEMPLATES, language, familiar=familiar).get_template(f"{reply.template}.html")
        body = html.render(self._values(request, reply, language, nonce))
        return Response(reply.status, "text/html; charset=utf-8", body, headers=headers, cookies=cookies)

    def _values(self, request: Request, reply: Reply, language: str, nonce: str) -> dict[str, object]:
        """The page's values, and those that ``base.html`` wants."""
        values: dict[str, object] = {
            "brand": self._brand_name,
            "colour": self._colours,
            "support_url": self._support_url,
            "lang": language,
            "dir": direction(language),
            "other_languages": [
                (code, own_name(code), request.address_in(code)) for code in languages() if code != language
            ],
            "nonce": nonce,
            "path": request.path,
            "here": next(iter(request.here), ""),
            **reply.values,
        }
        return {
            **values,
            "support_url": values["support_url"] or self._support_url,
            "district_login": _district_login(request, values.get("district_id")),
        }

    def _security_headers(self, nonce: str, reply: Reply) -> dict[str, str]:
        beyond = ("https:",) if reply.template in _WAYS_TO_HUBS else ()
        targets = " ".join(filter(None, ("'self'", *self._form_targets, *beyond, reply.form_target)))
        return {
            "Content-Security-Policy": (
                f"default-src 'none'; style-src 'nonce-{nonce}'; img-src 'self' data:; form-action {targets}; "
                "base-uri 'none'; frame-ancestors 'none'"
            ),
            "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Permissions-Policy": "interest-cohort=()",
            "Cache-Control": "no-store",
        }


def _district_login(request: Request, district_id: object) -> str:
    """Where the person's district lets them in: the page's district, else the browser's last one; else it is asked for."""
    named = str(district_id or request.cookies.get(DISTRICT_COOKIE, ""))
    return f"/sso/{named}" if DISTRICT_ID.fullmatch(named) else "/sso"


def _cookie(name: str, value: str | None) -> str:
    seconds = 0 if value is None else _KEPT_SECONDS.get(name)
    life = "" if seconds is None else f"; Max-Age={seconds}"
    return f"{name}={value or ''}; Path=/{life}; HttpOnly; Secure; SameSite=Lax"
