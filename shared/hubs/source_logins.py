"""How this service proves who it is to a source: a token, client credentials (OAuth 2), or signed requests (OAuth 1).

Secrets and tokens are in no log and no error, and go to the host alone that they are for.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from urllib.parse import quote, urlencode, urlsplit

from shared.domain.clock import Clock, NewId
from shared.domain.fetching import login_refused
from shared.hubs.public_web import Answer
from shared.hubs.roster_api import Asker, Learnt

_STYLES = ("basic", "form", "query")
"""Where client id and secret stand: in a header, in the body, in the address (facts of the vendors)."""
_USED_FOR = 300.0
"""Seconds for which a token is used whose life is not told."""
_BEFORE_ITS_END = 60.0


class Bearer:
    """A token that does not change."""

    def __init__(self, token: str) -> None:
        self._token = token

    def headers(self, method: str, address: str) -> Mapping[str, str]:  # noqa: ARG002 - of the protocol
        return {"Authorization": f"Bearer {self._token}"}

    def refused(self, answer: Answer) -> bool:  # noqa: ARG002 - of the protocol
        return False

    def accepted(self) -> None:
        """As ``Login.accepted``."""


class ClientCredentials:
    """A token that the source gives for a client id and a secret (RFC 6749 §4.4), in each way in which sources want them."""

    def __init__(
        self,
        asker: Asker,
        token_url: str,
        client_id: str,
        client_secret: str,
        scopes: tuple[str, ...],
        learnt: Learnt,
    ) -> None:
        """``scopes`` are tried in their order until one is known to the source."""
        self._asker = asker
        self._address = token_url
        self._id = client_id
        self._secret = client_secret
        self._scopes = scopes
        self._learnt = learnt
        self._token = ""
        self._ends_at = 0.0
        self._was_renewed = False

    def headers(self, method: str, address: str) -> Mapping[str, str]:  # noqa: ARG002 - of the protocol
        if self._asker.clock().timestamp() >= self._ends_at:
            self._renew()
        found = {"Authorization": f"Bearer {self._token}"}
        cookie = self._asker.cookies.get(urlsplit(address).netloc)
        return {**found, "Cookie": cookie} if cookie else found

    def refused(self, answer: Answer) -> bool:  # noqa: ARG002 - of the protocol
        """A token may end early: it is asked for once more, and again only after one that was good."""
        if self._was_renewed:
            return False
        self._ends_at, self._was_renewed = 0.0, True
        return True

    def accepted(self) -> None:
        """The token was good for a request."""
        self._was_renewed = False

    def _renew(self) -> None:
        for style, scope in self._ways():
            answer = self._request(style, scope)
            if self._take(answer):
                self._learnt["token_style"], self._learnt["token_scope"] = style, scope
                return
        raise login_refused()

    def _ways(self) -> list[tuple[str, str]]:
        known = self._learnt.get("token_style")
        if known:
            return [(known, self._learnt.get("token_scope", ""))]
        scopes = self._scopes or ("",)
        return [*((style, scopes[0]) for style in _STYLES), *(("basic", scope) for scope in scopes[1:])]

    def _request(self, style: str, scope: str) -> Answer:
        form = {"grant_type": "client_credentials", **({"scope": scope} if scope else {})}
        own = {"client_id": self._id, "client_secret": self._secret}
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        address, body = self._address, urlencode(form if style == "basic" else {**form, **own})
        if style == "basic":
            headers["Authorization"] = basic(self._id, self._secret)
        if style == "query":
            address, body = f"{address}?{urlencode({**form, **own})}", ""
        return self._asker.ask("POST", address, headers=lambda: headers, body=body.encode())

    def _take(self, answer: Answer) -> bool:
        try:
            body = answer.json()
        except ValueError:
            return False
        token = body.get("access_token") if isinstance(body, dict) else None
        if answer.status not in (200, 201) or not isinstance(token, str) or not token.isprintable() or not token:
            return False
        life = _seconds(body.get("expires_in")) if isinstance(body, dict) else None
        self._token = token
        self._ends_at = self._asker.clock().timestamp() + max(1.0, (life or _USED_FOR) - _BEFORE_ITS_END)
        if cookie := answer.headers.get("set-cookie", "").partition(";")[0]:
            self._asker.cookies[urlsplit(self._address).netloc] = cookie
        return True


def _seconds(value: object) -> float | None:
    try:
        return float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else None
    except ValueError:
        return None


def basic(name: str, secret: str) -> str:
    """The header of basic authentication."""
    return "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()


class SignedRequests:
    """OAuth 1 without tokens (RFC 5849): HMAC-SHA256, or HMAC-SHA1 where the source does not take it."""

    def __init__(self, client_id: str, client_secret: str, learnt: Learnt, *, clock: Clock, new_id: NewId) -> None:
        self._id = client_id
        self._secret = client_secret
        self._learnt = learnt
        self._clock = clock
        self._new_id = new_id

    def headers(self, method: str, address: str) -> Mapping[str, str]:
        from oauthlib.oauth1 import (  # type: ignore[import-untyped]  # it ships no types
            SIGNATURE_HMAC_SHA1,
            SIGNATURE_HMAC_SHA256,
            Client,
        )

        is_old = self._learnt.get("signature") == "sha1"
        moment = int(self._clock().timestamp() + float(self._learnt.get("clock_ahead", "0")))
        client = Client(
            self._id,
            client_secret=self._secret,
            signature_method=SIGNATURE_HMAC_SHA1 if is_old else SIGNATURE_HMAC_SHA256,
            timestamp=str(moment),
            nonce=self._new_id(),
        )
        _, headers, _ = client.sign(address, http_method=method)
        return {"Authorization": str(headers["Authorization"])}

    def refused(self, answer: Answer) -> bool:
        """A source whose clock is another one is asked again by its own; then with the older signature."""
        if "clock_ahead" not in self._learnt and (ahead := _ahead(answer, self._clock)) is not None:
            self._learnt["clock_ahead"] = str(ahead)
            if abs(ahead) > 60:
                return True
        if self._learnt.get("signature"):
            return False
        self._learnt["signature"] = "sha1"
        return True

    def accepted(self) -> None:
        """The signature that was good stays."""
        self._learnt.setdefault("signature", "sha256")


def _ahead(answer: Answer, clock: Clock) -> float | None:
    try:
        return round(parsedate_to_datetime(answer.headers.get("date", "")).timestamp() - clock().timestamp())
    except ValueError:
        return None


def query(**values: str) -> str:
    """A query whose every letter that is not plain is escaped, as a signature needs it."""
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in values.items())
