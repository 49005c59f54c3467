"""HTTP, as far as the doctor asks: a page, an issuer's metadata, a token endpoint."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlencode, urlsplit

_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Response:
    """``status`` is 0 where nothing answered, and ``body`` then says why."""

    status: int
    body: bytes

    def json(self) -> Mapping[str, object]:
        """The body, or nothing where it is no JSON object."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


type Fetch = Callable[[str, Mapping[str, str] | None], Response]
"""(address, form) → the response to a GET, or to a POST of the form."""


def fetch(url: str, form: Mapping[str, str] | None = None) -> Response:
    """Follows no redirect: what is asked here answers by itself. Name and password in an address are sent as Basic."""
    request = _request(url, form)
    if request.type not in ("https", "http"):
        return Response(0, b"no address of the web")
    try:
        with _OPENER.open(request, timeout=_SECONDS) as response:
            return Response(response.status, response.read(1 << 20))
    except urllib.error.HTTPError as error:
        return Response(error.code, error.read(1 << 20))
    except OSError as error:
        return Response(0, str(error).encode())


def with_basic(url: str, name: str, password: str) -> str:
    """The address with a name and a password in it, for ``fetch``."""
    parts = urlsplit(url)
    return parts._replace(netloc=f"{quote(name, safe='')}:{quote(password, safe='')}@{parts.netloc}").geturl()


def _request(url: str, form: Mapping[str, str] | None) -> urllib.request.Request:
    parts = urlsplit(url)
    credentials, _, host = parts.netloc.rpartition("@")
    address = parts._replace(netloc=host).geturl()
    request = urllib.request.Request(address, urlencode(form).encode() if form else None)  # noqa: S310 (fetch checks)
    if credentials:
        request.add_header("Authorization", f"Basic {base64.b64encode(unquote(credentials).encode()).decode()}")
    return request


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirect)
