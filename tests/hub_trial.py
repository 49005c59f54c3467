"""A login at a double of a hub, step by step: a browser and an application's back channel, both without a socket."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import requests

from local.doubles.classlink import ClassLink as ClassLinkDouble
from local.doubles.clever import Clever as CleverDouble
from local.doubles.google import Google as GoogleDouble
from local.doubles.hub import HubDouble
from local.doubles.microsoft import Microsoft as MicrosoftDouble
from local.web_client import WebClient
from shared.domain.errors import LoginRefused
from shared.hubs.classlink import ClassLink
from shared.hubs.clever import Clever
from shared.hubs.google import Google
from shared.hubs.hub import Binding, Hub, Identity
from shared.hubs.microsoft import Microsoft
from shared.hubs.oidc import OidcProvider

BACK = "https://ours.example/callback"
HOME = "https://ours.example/login"
CLIENT, SECRET = "us", "a-secret"
BINDING = Binding("s", "n", "v" * 43)
HUBS: dict[str, tuple[type[HubDouble], type[OidcProvider | Clever], str]] = {
    "clever": (CleverDouble, Clever, "https://clever.example"),
    "google": (GoogleDouble, Google, "https://accounts.google.com"),
    "classlink": (ClassLinkDouble, ClassLink, "https://launchpad.classlink.com"),
    "microsoft": (MicrosoftDouble, Microsoft, "https://login.microsoftonline.com"),
}
SOMEBODY = {
    "clever": {"clever_id": "5f2a000000000000000000aa", "district": "d-1"},
    "google": {"email": "ada@lakeside.example"},
    "classlink": {"classlink_user_id": "7", "tenant": "21", "number_in_the_district": "t1"},
    "microsoft": {"email": "ada@lakeside.example", "object_id": "oid-1", "tenant": "tid-1"},
}


@dataclass
class Trial:
    """One hub whose clock the test moves, with one application registered."""

    kind: type[HubDouble]
    address: str = "https://hub.example"
    now: datetime = datetime(2026, 9, 1, 12, tzinfo=UTC)
    hub: HubDouble = field(init=False)
    http: requests.Session = field(init=False)

    def __post_init__(self) -> None:
        self.hub = self.kind(clock=lambda: self.now, address=self.address)
        self.hub.register(CLIENT, SECRET, BACK, home=HOME)
        self.hub.register("us-too", SECRET, BACK)
        self.http = self.hub.session()

    def pass_time(self, **time: float) -> None:
        self.now += timedelta(**time)

    def discovery(self) -> dict[str, Any]:
        found: dict[str, Any] = self.http.get(f"{self.hub.issuer}/.well-known/openid-configuration").json()
        return found

    def browser(self) -> WebClient:
        """A browser that stops where it leaves the hub."""
        client = WebClient(self.hub.url, httpx.WSGITransport(app=self.hub.app))
        client.http.follow_redirects = False
        return client

    def asks(self, browser: WebClient, endpoint: str = "", **parameters: str) -> WebClient:
        """The application sends a browser to log in; a parameter that is empty is left out."""
        asked = {
            "response_type": "code", "client_id": CLIENT, "redirect_uri": BACK, "scope": "openid email profile",
            "state": "s", "nonce": "n", **parameters,
        }  # fmt: skip
        url = httpx.URL(endpoint or self.discovery()["authorization_endpoint"])
        return browser.open(str(url.copy_merge_params({name: value for name, value in asked.items() if value})))

    def signs_in(self, person: Mapping[str, str], *ticked: str, **asked: str) -> dict[str, str]:
        """What comes back to the application when somebody signs in as this person; ``asked`` is what it asked."""
        return came_back(self.asks(self.browser(), **asked).press("Sign in", *ticked, **person))

    def redeem(self, code: str, endpoint: str = "", **sent: str) -> requests.Response:
        """The application's request at the token endpoint."""
        body = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": BACK,
            "client_id": CLIENT, "client_secret": SECRET, **sent,
        }  # fmt: skip
        address = endpoint or self.discovery()["token_endpoint"]
        credentials = None
        if isinstance(self.hub, CleverDouble):  # It takes them as Basic alone.
            credentials = (body.pop("client_id"), body.pop("client_secret"))
        return self.http.post(address, data={name: value for name, value in body.items() if value}, auth=credentials)

    def claims(self, person: Mapping[str, str], *ticked: str, **asked: str) -> dict[str, Any]:
        """The claims of the id token of such a login."""
        code = self.signs_in(person, *ticked, **asked)["code"]
        answer = self.redeem(code, client_id=asked.get("client_id", CLIENT))
        return unsigned(answer.json()["id_token"])


class Attempt:
    """One hub of ours, and the double that it is told of. Clever's has OpenID Connect switched on, so that each signs."""

    def __init__(self, name: str) -> None:
        double, ours, address = HUBS[name]
        self.trial = Trial(double, address)
        self.double = self.trial.hub
        self.hub: Hub = ours(self.double.issuer, CLIENT, lambda: SECRET, BACK, lambda: self.trial.now, self.trial.http)
        if isinstance(self.hub, Clever):
            self.hub._wait = lambda _seconds: None
            self.double.on.add("oidc")
        self.somebody = SOMEBODY[name]

    def code(self, person: Mapping[str, str] | None = None, *ticked: str) -> str:
        page = self.trial.browser().open(self.hub.authorize(BINDING))
        return came_back(page.press("Sign in", *ticked, **(person or self.somebody)))["code"]

    def login(self, person: Mapping[str, str] | None = None, *ticked: str) -> Identity:
        """Somebody logs in with a browser of their own, and the hub of ours redeems the code."""
        return self.hub.prove(self.code(person, *ticked), BINDING)

    def why_refused(self, person: Mapping[str, str] | None = None, *ticked: str) -> str:
        with pytest.raises(LoginRefused) as refused:
            self.login(person, *ticked)
        return refused.value.code


def came_back(browser: WebClient) -> dict[str, str]:
    """What the hub sent back to the application with the browser. Fails where it keeps the browser."""
    assert browser.response is not None
    assert browser.status == 302, browser.text
    address = browser.response.headers["Location"]
    assert address.startswith(f"{BACK}?"), address
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def unsigned(token: str) -> dict[str, Any]:
    """The claims of a token, unchecked."""
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    return claims


def header_of(token: str) -> dict[str, Any]:
    """The header of a token, unchecked."""
    header: dict[str, Any] = json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))
    return header
