"""What every double of a hub is made of: a server, keys, one-time codes, and a page where anybody can be signed in as."""

from __future__ import annotations

import base64
import hashlib
import io
import secrets
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from hmac import compare_digest
from http.client import responses as reasons
from pathlib import Path
from threading import Thread
from time import sleep
from typing import ClassVar
from urllib.parse import urlencode, urlsplit

import flask
import requests
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from requests.adapters import BaseAdapter
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wrappers import Response

from shared.domain.clock import Clock, to_iso, utc_now

_ID_TOKEN_SECONDS = 3600
_KEY_OF_TOMORROW = {"kty": "EC", "crv": "P-999", "kid": "tomorrow", "use": "sig", "x": "AA", "y": "AA"}
_POLL_SECONDS = 0.05
"""How soon a server notices that it is to stop."""


@dataclass(frozen=True, slots=True)
class Field:
    """A text field of the sign-in page."""

    name: str
    label: str
    is_required: bool = False


@dataclass(frozen=True, slots=True)
class Switch:
    """A quirk that comes now and then: a box on the sign-in page, or ``hub.on.add(name)`` for every login."""

    name: str
    label: str


@dataclass(frozen=True, slots=True)
class Client:
    """An application that is registered at the hub."""

    client_id: str
    secret: str
    redirect_uris: tuple[str, ...]
    home: str
    """Where a portal that starts no login leads."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a code, or an access token, stands for."""

    client: Client
    person: Mapping[str, str]
    """What the sign-in page's fields said."""
    ticked: frozenset[str]
    made_at: datetime
    redirect_uri: str
    scopes: frozenset[str]
    nonce: str
    challenge: str
    place: str
    """The part of the hub that the login went through, for a hub that has several (Entra: a tenant)."""
    number: int
    """Which login of this hub it is."""


@dataclass(slots=True)
class Problem(Exception):
    """What the hub answers instead of what was asked."""

    response: Response


@dataclass(slots=True)
class _State:
    """What a running hub remembers."""

    codes: dict[str, Grant] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    tokens: dict[str, Grant] = field(default_factory=dict)
    key_number: int = 0
    logins: int = 0


class HubDouble(ABC):
    """One hub. Subclasses give its name, its fields and its addresses, and say what its tokens hold.

    Without ``address`` it binds a free port of localhost at once, and serves it from ``start`` on. With one it answers only
    in this process: ``session`` for the product, and ``app`` as a WSGI application for a browser.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    fields: ClassVar[tuple[Field, ...]]
    rare_fields: ClassVar[tuple[Field, ...]] = ()
    """Fields that stand under "More"."""
    switches: ClassVar[tuple[Switch, ...]] = ()
    code_life: ClassVar[timedelta]
    token_life: ClassVar[timedelta] = timedelta(hours=1)
    """How long an access token is good."""
    checks_verifier: ClassVar[bool] = True
    further_addresses: ClassVar[tuple[str, ...]] = ()
    """Other hosts of the true hub, which this one answers for in its process."""

    def __init__(self, *, clock: Clock = utc_now, address: str | None = None) -> None:
        self._clock = clock
        self._clients: dict[str, Client] = {}
        self._state = _State()
        self._signed_in: dict[str, dict[str, str]] = {}
        self._server: BaseWSGIServer | None = None
        self.app = flask.Flask(self.name, template_folder=str(Path(__file__).parent.parent / "templates"))
        self.app.register_error_handler(Problem, lambda problem: problem.response)
        self.app.before_request(self._fall_ill)
        self.app.add_url_rule("/", view_func=self._front_page)
        self.app.add_url_rule(f"/{self.name}/portal", view_func=self._portal, methods=["GET", "POST"])
        self.app.add_url_rule(f"/{self.name}/applications", view_func=self._add_application, methods=["POST"])
        self.add_addresses()
        if address is None:
            self._server = make_server("localhost", 0, self.app, threaded=True, request_handler=_Quiet)
            address = f"http://localhost:{self._server.server_port}"
        self.url = address
        self.on: set[str] = set()
        """The switches that are on for every login."""
        self.skew = timedelta()
        """How far the hub's clock is ahead."""
        self.is_down = False
        """Whether it answers everything with 503."""
        self.delay = 0.0
        """Seconds before each answer."""
        self.asked: list[str] = []
        """Method and path of each request."""

    @property
    def issuer(self) -> str:
        """The issuer that the product is told."""
        return self.url

    def start(self) -> None:
        assert self._server, "a hub with an address answers in this process only"
        Thread(target=self._server.serve_forever, args=(_POLL_SECONDS,), name=self.name, daemon=True).start()

    def stop(self) -> None:
        if self._server:
            self._server.shutdown()
            self._server.server_close()

    def session(self) -> requests.Session:
        """A session that reaches this hub without a socket; any other address is unreachable."""
        session = requests.Session()
        session.mount("http://", _InProcess(self))
        session.mount("https://", _InProcess(self))
        return session

    def register(self, client_id: str, secret: str, *redirect_uris: str, home: str = "") -> None:
        """Know an application. The first redirect URI is the one that a portal's tile uses."""
        self._clients[client_id] = Client(client_id, secret, redirect_uris, home or _origin(redirect_uris[0]))

    def rotate_keys(self) -> None:
        """Sign with a new key from now on, and publish that one alone."""
        self._state.key_number += 1

    # What a hub says of itself

    def filled_in(self, _field: str) -> str:
        """What stands in a field of the sign-in page at first."""
        return ""

    @abstractmethod
    def add_addresses(self) -> None:
        """Add the hub's own addresses to ``app``."""

    def stops(self, _login: Grant) -> Response | None:
        """What the hub shows or answers instead of a code; None for most people."""
        return None

    @abstractmethod
    def token_answer(self, grant: Grant, access_token: str) -> dict[str, object]:
        """The body of a good answer of the token endpoint."""

    def refused_token(self, error: str, why: str, status: int = 400) -> Response:
        """The answer of the token endpoint to what it does not take."""
        return _json({"error": error, "error_description": why}, status)

    def leave_portal(self, login: Grant) -> Response:
        """Where a tile of the hub's portal leads: most come back with a code that nobody asked for, without a state."""
        return flask.redirect(f"{login.redirect_uri}?{urlencode({'code': self.code_for(login)})}")

    # The pages

    def _front_page(self) -> str:
        return flask.render_template("hub_front.html", hub=self)

    def _add_application(self) -> Response:
        """What an engineer does in the hub's console: client id, secret and redirect URI of an application."""
        sent = flask.request.form
        client_id, secret, redirect_uri = (
            sent.get(name, "") for name in ("client_id", "client_secret", "redirect_uri")
        )
        if not (client_id and secret and redirect_uri):
            return self.page("An application has a client_id, a client_secret and a redirect_uri.", 400)
        self.register(client_id, secret, redirect_uri)
        return self.page("The application is registered.", 200)

    def authorize(self, place: str = "") -> Response:
        """The authorization endpoint: the sign-in page, and back with a code."""
        asked = flask.request.args
        client = self._clients.get(asked.get("client_id", ""))
        if client is None:
            return self.page("This application is not known here.", 400)
        redirect_uri = asked.get("redirect_uri", "")
        if redirect_uri not in client.redirect_uris:
            return self.page("Error 400: redirect_uri_mismatch", 400)
        if asked.get("response_type") != "code":
            return self.back({"error": "unsupported_response_type"})
        if "cancel" in flask.request.form:
            return self.back({"error": "access_denied", "error_description": "The user cancelled the login."})
        known = self._person() if flask.request.method == "POST" else self.signed_in_already()
        if not known:
            return self._sign_in_page()
        login = self._grant(client, redirect_uri, known, self._ticked(), place)
        if stopped := self.stops(login):
            return stopped
        response = self.back({"code": self.code_for(login)})
        self.remember(response, known)
        return response

    def signed_in_already(self) -> dict[str, str]:
        """The person whom the hub logs in again unasked: whoever it knows on this device, unless the application has it ask."""
        asks = {"select_account", "login"} & set(flask.request.args.get("prompt", "").split())
        return {} if asks else self.signed_in()

    def signed_in(self) -> dict[str, str]:
        """The person who signed in before on this device; empty for nobody."""
        return self._signed_in.get(flask.request.cookies.get(f"{self.name}_session", ""), {})

    def remember(self, response: Response, person: Mapping[str, str]) -> None:
        """Keep the person signed in on this device."""
        session = secrets.token_urlsafe(16)
        self._signed_in[session] = dict(person)
        response.set_cookie(f"{self.name}_session", session, httponly=True)

    def _portal(self) -> Response:
        client = next(iter(self._clients.values()), None)
        if client is None:
            return self.page("No application is registered here.", 404)
        if flask.request.method == "GET":
            return self._sign_in_page()
        login = self._grant(client, client.redirect_uris[0], self._person(), self._ticked(), "")
        return self.stops(login) or self.leave_portal(login)

    def _sign_in_page(self) -> Response:
        return flask.make_response(flask.render_template("hub_sign_in.html", hub=self))

    def page(self, text: str, status: int = 200) -> Response:
        """A page of the hub's own, from which nothing leads back to the application."""
        return flask.make_response(flask.render_template("hub_page.html", hub=self, text=text), status)

    def back(self, answer: Mapping[str, str]) -> Response:
        """Send the browser back to the application that asked, with its state where it gave one."""
        if state := flask.request.args.get("state"):
            answer = {**answer, "state": state}
        return flask.redirect(f"{self.return_address()}?{urlencode(answer)}")

    def return_address(self) -> str:
        """Where the browser goes back to: the address that was asked for, or the first one for a portal."""
        first = next((client.redirect_uris[0] for client in self._clients.values()), "")
        return flask.request.args.get("redirect_uri", first)

    def _person(self) -> dict[str, str]:
        person = {one.name: flask.request.form.get(one.name, "").strip() for one in self.fields + self.rare_fields}
        if any(one.is_required and not person[one.name] for one in self.fields):
            raise Problem(self.page("Fill in the form.", 400))
        return person

    def _ticked(self) -> frozenset[str]:
        return frozenset(self.on | {one.name for one in self.switches if one.name in flask.request.form})

    def _grant(
        self, client: Client, redirect_uri: str, person: Mapping[str, str], ticked: frozenset[str], place: str
    ) -> Grant:
        asked = flask.request.args
        self._state.logins += 1
        return Grant(
            client=client,
            person=person,
            ticked=ticked,
            made_at=self._clock(),
            redirect_uri=redirect_uri,
            scopes=frozenset(asked.get("scope", "").replace(",", " ").split()),
            nonce=asked.get("nonce", ""),
            challenge=asked.get("code_challenge", ""),
            place=place,
            number=self._state.logins,
        )

    # Codes and tokens

    def code_for(self, grant: Grant) -> str:
        """A code that is good once."""
        code = secrets.token_urlsafe(24)
        self._state.codes[code] = grant
        return code

    def token(self, place: str = "") -> Response:
        """The token endpoint, for the code of a login that went through the same place."""
        client = self.client_of_request()
        grant = self._redeem(flask.request.form.get("code", ""))
        self.check_request(grant, client, place)
        access_token = f"il{secrets.token_hex(20)}"
        self._state.tokens[access_token] = grant
        return _json(self.token_answer(grant, access_token))

    def client_of_request(self) -> Client:
        """The application that shows its secret. Raises Problem."""
        client_id, secret = self._client_credentials()
        client = self._clients.get(client_id)
        if client is None or not compare_digest(client.secret, secret):
            raise Problem(self.refused_token("invalid_client", "The client is not known, or its secret is wrong.", 401))
        return client

    def _client_credentials(self) -> tuple[str, str]:
        """Basic, or in the body (RFC 6749 §2.3.1)."""
        basic = flask.request.authorization
        if basic is not None and basic.type == "basic":
            return basic.username or "", basic.password or ""
        return flask.request.form.get("client_id", ""), flask.request.form.get("client_secret", "")

    def _redeem(self, code: str) -> Grant:
        grant = self._state.codes.pop(code, None)
        if code in self._state.used:
            raise Problem(self.refused_token("invalid_grant", self.words_for_used_code()))
        if grant is None:
            raise Problem(self.refused_token("invalid_grant", "The code is not known."))
        self._state.used.add(code)
        if self._clock() - grant.made_at > self.code_life:
            raise Problem(self.refused_token("invalid_grant", self.words_for_old_code()))
        return grant

    def words_for_used_code(self) -> str:
        return "The code was used."

    def words_for_old_code(self) -> str:
        return "The code has expired."

    def check_request(self, grant: Grant, client: Client, place: str) -> None:
        """Whether a token request fits the login of its code. Raises Problem."""
        sent = flask.request.form
        fits = (
            sent.get("grant_type") == "authorization_code"
            and sent.get("redirect_uri") == grant.redirect_uri
            and grant.client == client
            and grant.place == place
        )
        if not fits:
            raise Problem(self.refused_token("invalid_grant", "The request does not fit the code."))
        if self.checks_verifier and grant.challenge and _challenge(sent.get("code_verifier", "")) != grant.challenge:
            raise Problem(self.refused_token("invalid_grant", "The code_verifier does not fit the code_challenge."))

    def is_past_token_life(self, grant: Grant) -> bool:
        """Whether the access token of this login has expired."""
        return self._clock() - grant.made_at > self.token_life

    def clients(self) -> tuple[Client, ...]:
        """The applications that are registered here."""
        return tuple(self._clients.values())

    def bearer(self) -> Grant | None:
        """The login whose access token this request carries; None where it carries none that is good."""
        given = flask.request.headers.get("Authorization", "").removeprefix("Bearer ")
        return self._state.tokens.get(given)

    def signed(self, grant: Grant, claims: Mapping[str, object]) -> str:
        """An id token: these claims, and the times by the hub's own clock."""
        key = self._key()
        now = int((self._clock() + self.skew).timestamp())
        times = {"iat": now, "nbf": now, "exp": now + _ID_TOKEN_SECONDS}
        payload = {**times, "aud": grant.client.client_id, **claims}
        return jwt.encode({"alg": "RS256", "typ": "JWT", "kid": key.kid}, payload, key)

    def keys(self, *_args: object, **_path: object) -> Response:
        """The address of the signing keys: beside today's, one of a kind that nobody understands yet (RFC 7517 §5)."""
        return _json({"keys": [_KEY_OF_TOMORROW, *KeySet([self._key()]).as_dict(private=False)["keys"]]})

    def _key(self) -> RSAKey:
        return _signing_key(f"{self.name}-{self._state.key_number}")

    def now(self) -> str:
        """The hub's own time (ISO 8601)."""
        return to_iso(self._clock() + self.skew)

    def _fall_ill(self) -> Response | None:
        self.asked.append(f"{flask.request.method} {flask.request.path}")
        if self.delay and self._server:
            sleep(self.delay)
        return flask.make_response("<h1>Service Unavailable</h1>", 503) if self.is_down else None


class _InProcess(BaseAdapter):
    """Carries a request of ``requests`` to a hub in this process."""

    def __init__(self, hub: HubDouble) -> None:
        super().__init__()
        self._hub = hub

    def send(  # type: ignore[override]  # only what matters here
        self, request: requests.PreparedRequest, timeout: float | tuple[float, float] | None = None, **_options: object
    ) -> requests.Response:
        url = str(request.url)
        if _origin(url) not in (self._hub.url, *self._hub.further_addresses):
            raise requests.ConnectionError(f"no such host: {_origin(url)}")
        if timeout is not None and self._hub.delay > (timeout[-1] if isinstance(timeout, tuple) else timeout):
            self._hub.asked.append(f"{request.method} {urlsplit(url).path}")
            raise requests.Timeout("the hub is slow")
        body = request.body.encode() if isinstance(request.body, str) else request.body or b""
        answer = self._hub.app.test_client(use_cookies=False).open(
            url.removeprefix(_origin(url)),
            base_url=self._hub.url,
            method=request.method or "GET",
            headers=dict(request.headers),
            data=body,
        )
        response = requests.Response()
        response.status_code, response.reason = answer.status_code, reasons.get(answer.status_code, "")
        response.headers.update(answer.headers)
        response.raw, response.url, response.request = io.BytesIO(answer.data), url, request
        return response

    def close(self) -> None:
        """Nothing is open."""


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:
        """Nothing: an access log would hold codes and addresses."""


@cache
def _signing_key(name: str) -> RSAKey:
    """One key for each name: making one takes a while."""
    return RSAKey.generate_key(2048, {"kid": name, "use": "sig", "alg": "RS256"})


def json_answer(body: object, status: int = 200) -> Response:
    """JSON of any kind, as a hub writes it."""
    return _json(body, status)


def at_hash(access_token: str) -> str:
    """The hash that ties an access token to an id token (OpenID Connect Core §3.1.3.6)."""
    digest = hashlib.sha256(access_token.encode()).digest()
    return base64.urlsafe_b64encode(digest[:16]).decode().rstrip("=")


def _json(body: object, status: int = 200) -> Response:
    response = flask.make_response(flask.json.dumps(body), status)
    response.headers["Content-Type"] = "application/json"
    return response


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
