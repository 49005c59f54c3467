"""Doubles of Google and Clever: a real OIDC provider, at whose login page anybody can be signed in as (B9)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Literal
from urllib.parse import parse_qs, urlparse

import flask
import oidc_provider_mock
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

type Kind = Literal["google", "clever"]


class IdentityProvider:
    """One issuer on a free port of localhost.

    ``district_of`` returns the Clever district id of a Clever id, for logins that no district page started.
    """

    def __init__(self, kind: Kind, district_of: Callable[[str], str | None] = lambda _clever_id: None) -> None:
        self._kind = kind
        self._district_of = district_of
        self._challenges: dict[str, str] = {}
        self._server: BaseWSGIServer = make_server("localhost", 0, self._app(), threaded=True, request_handler=_Quiet)
        self.issuer = f"http://localhost:{self._server.server_port}"
        self._thread = Thread(target=self._server.serve_forever, name=kind, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _app(self) -> flask.Flask:
        app = flask.Flask(__name__, template_folder=str(Path(__file__).parent.parent / "templates"))
        app.secret_key = hashlib.sha256(self._kind.encode()).digest()
        oidc_provider_mock.init_app(app, require_nonce=True)
        app.debug = False
        app.before_request(self._check_pkce)
        app.before_request(self._sign_in)
        app.after_request(self._remember_challenge)
        app.context_processor(lambda: {"kind": self._kind})
        return app

    def _sign_in(self) -> flask.Response | None:
        """Register the person whom the form names before the provider handles the login."""
        request = flask.request
        if request.method != "POST" or request.path != "/oauth2/authorize" or "action" in request.form:
            return None
        email = request.form.get("email", "").strip()
        clever_id = request.form.get("clever_id", "").strip()
        subject = clever_id if self._kind == "clever" else f"google-{email.lower()}"
        if not subject or subject == "google-":
            return flask.make_response("Fill in the form.", 400)
        claims: dict[str, object] = {"name": email or subject}
        if self._kind == "google":
            # Clever verifies no address, and says nothing of it.
            claims["email_verified"] = "unverified" not in request.form
        if email:
            claims["email"] = email
        if self._kind == "clever":
            claims["district"] = request.args.get("district_id") or self._district_of(clever_id) or ""
        elif email and "no_hosted_domain" not in request.form:
            claims["hd"] = email.rpartition("@")[2].lower()
        flask.g.oidc_provider_mock_storage.store_user(oidc_provider_mock.User(sub=subject, claims=claims))
        request.form = ImmutableMultiDict({"sub": subject})
        return None

    def _remember_challenge(self, response: flask.Response) -> flask.Response:
        if flask.request.path == "/oauth2/authorize" and response.status_code == 302:
            code = parse_qs(urlparse(response.headers["Location"]).query).get("code", [""])[0]
            self._challenges[code] = flask.request.args.get("code_challenge", "")
        return response

    def _check_pkce(self) -> flask.Response | None:
        """Refuse a code without its verifier (RFC 7636 §4.6)."""
        request = flask.request
        if request.path == "/oauth2/authorize" and request.args.get("code_challenge_method") != "S256":
            return flask.make_response("PKCE with S256 is required.", 400)
        if request.path == "/oauth2/token":
            verifier = request.form.get("code_verifier", "")
            digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
            if self._challenges.pop(request.form.get("code", ""), None) != digest:
                return flask.make_response({"error": "invalid_grant"}, 400)
        return None


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:
        """Nothing: an access log would hold codes and addresses."""
