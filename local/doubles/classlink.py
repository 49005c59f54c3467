"""A double of ClassLink, with its quirks (26 to 40 of docs/hubs.md)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import ClassVar

import flask
from werkzeug.wrappers import Response

from local.doubles.hub import Client, Field, Grant, HubDouble, Problem, Switch, json_answer

_CASES = (str.lower, str.upper, str.capitalize)
"""Ways in which a role is written (30)."""
_STUDENT_LEVEL = 4
_LAUNCHPAD = "<!doctype html><html><body><div id=root></div><script src=/main.js></script></body></html>"


class ClassLink(HubDouble):
    """What the token endpoint takes and what it does not check is as ClassLink's own library has it: neither
    ``grant_type`` nor ``redirect_uri`` is asked for, and no verifier or nonce is looked at (40)."""

    name = "classlink"
    title = "ClassLink"
    code_life = timedelta(minutes=1)
    token_life = timedelta(hours=24)
    checks_verifier = False
    fields = (
        Field("email", "Email"),
        Field("user_id", "ClassLink user id", is_required=True),
        Field("sourced_id", "Number in the district"),
        Field("tenant", "Tenant", is_required=True),
    )
    rare_fields = (
        Field("login_id", "Login id"),
        Field("first_name", "First name"),
        Field("last_name", "Last name"),
        Field("role", "Role"),
    )
    switches: ClassVar[tuple[Switch, ...]] = (
        Switch("profile_is_text", "Profile is a text"),
        Switch("profile_is_status", "Profile is a status"),
        Switch("token_expired", "Access token expired"),
        Switch("stays", "Stays signed in on this device"),
    )

    login_host = ""
    """Where a browser without a session is sent on to before it can log in; empty for the host of the hub itself."""

    def add_addresses(self) -> None:
        self._asked_profiles = 0
        add = self.app.add_url_rule
        add("/.well-known/openid-configuration", view_func=self._discovery)
        add("/oauth2/v2/auth", view_func=self._authorize, methods=["GET", "POST"])
        add("/oauth2/v2/token", view_func=self.token, methods=["POST"])
        add("/oauth2/v2/jwks", view_func=self.keys)
        add("/v2/my/info", view_func=self._info)
        add("/v2/my/profileinfo", view_func=self._profile_info)
        add("/v2/my/students", view_func=self._students)

    def _discovery(self) -> Response:
        if flask.request.host.startswith("login."):
            return flask.make_response(_LAUNCHPAD)
        return json_answer(
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/oauth2/v2/auth",
                "token_endpoint": f"{self.url}/oauth2/v2/token",
                "userinfo_endpoint": f"{self.url}/v2/my/profileinfo",
                "jwks_uri": f"{self.url}/oauth2/v2/jwks",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "scopes_supported": ["openid", "profile", "email", "oneroster", "full"],
                "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
            }
        )

    def _authorize(self) -> Response:
        if self.login_host and not self.signed_in_already() and flask.request.host_url != f"{self.login_host}/":
            return flask.redirect(self.login_host + flask.request.full_path)
        return self.authorize()

    def signed_in_already(self) -> dict[str, str]:
        """Whoever stays signed in on this device comes back unasked: no parameter has ClassLink ask."""
        return self.signed_in()

    def remember(self, response: Response, person: Mapping[str, str]) -> None:
        if "stays" in self._ticked():
            super().remember(response, person)

    def leave_portal(self, login: Grant) -> Response:
        response = super().leave_portal(login)
        self.remember(response, login.person)
        return response

    def check_request(self, grant: Grant, client: Client, _place: str) -> None:
        if grant.client != client:
            raise Problem(self.refused_token("invalid_grant", "The code is another application's."))

    def token_answer(self, grant: Grant, access_token: str) -> dict[str, object]:
        answer: dict[str, object] = {
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": int(self.token_life.total_seconds()),
        }
        if "openid" in grant.scopes:
            tenant = grant.person["tenant"]
            claims = {
                "iss": self.url,
                "sub": grant.person["user_id"],
                "classLink_tenant_id": _whole(tenant),
                "classLink_tenant_id_string": tenant,
                "classLink_sourcedId": grant.person["sourced_id"],
                "email": grant.person["email"],
            }
            answer["id_token"] = self.signed(grant, claims)
        return answer

    def _login(self) -> Grant | Response:
        """The login of the access token, or what comes in the place of a profile."""
        grant = self.bearer()
        if grant is None or "token_expired" in grant.ticked or self.is_past_token_life(grant):
            return json_answer({"message": "Unauthorized"}, 401)
        if "profile_is_text" in grant.ticked:
            return json_answer("Invalid token")
        if "profile_is_status" in grant.ticked:
            return json_answer({"status": 403, "message": "Forbidden"})
        return grant

    def _info(self) -> Response:
        found = self._login()
        if isinstance(found, Response):
            return found
        self._asked_profiles += 1
        as_number = self._asked_profiles % 2 == 1
        person = found.person
        return json_answer(
            {
                "UserId": _whole(person["user_id"]) if as_number else person["user_id"],
                "LoginId": person["login_id"] or person["email"].partition("@")[0],
                "TenantId": _whole(person["tenant"]) if as_number else person["tenant"],
                "Tenant": f"Tenant {person['tenant']}",
                "StateId": 1,
                "BuildingId": 1,
                "Building": "Main",
                "DisplayName": f"{person['first_name']} {person['last_name']}".strip(),
                "FirstName": person["first_name"],
                "LastName": person["last_name"],
                "Email": person["email"],
                "ImagePath": "",
                "Role": _CASES[found.number % len(_CASES)](person["role"]),
                "Role_Level": _STUDENT_LEVEL if person["role"].lower() == "student" else _STUDENT_LEVEL - 1,
                "OrgId": "",
                "SourcedId": person["sourced_id"],
                "AuthenticationType": "ClassLink",
                "LastAccessTime": self.now(),
                "Language": "en",
            }
        )

    def _profile_info(self) -> Response:
        """The address that discovery names: another shape than that of my/info (36)."""
        found = self._login()
        if isinstance(found, Response):
            return found
        return json_answer({"sub": found.person["user_id"], "email": found.person["email"], "email_verified": False})

    def _students(self) -> Response:
        """The children of a parent; whoever reads them as the person logs in as a child (39)."""
        found = self._login()
        if isinstance(found, Response):
            return found
        children = [{"UserId": 900_001, "SourcedId": "child-1"}, {"UserId": 900_002, "SourcedId": "child-2"}]
        return json_answer(children if found.person["role"].lower() == "parent" else [])

    def refused_token(self, _error: str, why: str, status: int = 400) -> Response:
        return json_answer({"message": why}, status)


def _whole(text: str) -> int | str:
    """The number where it is one: an id is an integer one day and a text the next (29)."""
    return (
        int(text) if isinstance(text, str) and text.isascii() and text.isdecimal() and str(int(text)) == text else text
    )
