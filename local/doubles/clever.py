"""A double of Clever: district SSO, the district's own token, and Library, with its quirks (1 to 25 of docs/hubs.md)."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from hmac import compare_digest
from typing import ClassVar

import flask
from werkzeug.wrappers import Response

from local.doubles.hub import Client, Field, Grant, HubDouble, Problem, Switch, json_answer
from shared.domain.clock import Clock, utc_now

_REQUESTS_A_MINUTE = 1200
_HTML = "<!doctype html><html><body><h1>{}</h1></body></html>"
_STUDENT, _STAFF = "student", "staff"

type DistrictOf = Callable[[str], str | None]


class Clever(HubDouble):
    """What Clever says of a person is what the sign-in page's fields say; a person who signed in is known from then on.

    The login's own token sees neither ``sis_id`` nor sections (6); the district-app token, which the application gets for its
    own client id and secret, does. Parameters of PKCE are dropped (14), and there is an id token only with the switch
    ``oidc`` (12). ``district_of`` returns the district of a Clever id, for a portal whose form names none.
    """

    name = "clever"
    title = "Clever"
    code_life = timedelta(seconds=60)
    token_life = timedelta(hours=24)
    checks_verifier = False
    fields = (
        Field("email", "Email"),
        Field("clever_id", "Clever id", is_required=True),
        Field("sis_id", "Number in the district"),
        Field("district", "District"),
    )
    rare_fields = (
        Field("first_name", "First name"),
        Field("last_name", "Last name"),
        Field("role", "Role"),
        Field("legacy_id", "Id before version 3"),
        Field("number", "Student or teacher number"),
    )
    switches: ClassVar[tuple[Switch, ...]] = (
        Switch("library", "Clever Library account"),
        Switch("library_district", "Clever Library account that names a district"),
        Switch("library_too", "Clever Library account of a connected district"),
        Switch("unshared", "The district has not shared the app with this person"),
        Switch("oidc", "OpenID Connect is switched on for the app"),
        Switch("says_verified", "Addresses are said to be verified"),
        Switch("two_roles", "Teacher and staff at once"),
        Switch("not_connected", "The district has given the app no token"),
        Switch("too_many", "Too many requests"),
    )

    def __init__(
        self, *, clock: Clock = utc_now, address: str | None = None, district_of: DistrictOf = lambda _clever_id: None
    ) -> None:
        self._district_of = district_of
        self._people: dict[str, Grant] = {}
        self._district_tokens: dict[str, str] = {}
        self.window_left = timedelta(seconds=30)
        """How long it still says "too many" for."""
        super().__init__(clock=clock, address=address)

    def add_addresses(self) -> None:
        add = self.app.add_url_rule
        add("/.well-known/openid-configuration", view_func=self._discovery)
        add("/oauth/authorize", view_func=self.authorize, methods=["GET", "POST"])
        add("/oauth/instant-login", view_func=self._instant_login, methods=["GET", "POST"])
        add("/oauth/tokens", view_func=self._tokens, methods=["GET", "POST"])
        add("/oauth/certs", view_func=self.keys)
        add("/userinfo", view_func=self._userinfo)
        for version in ("v3.0", "v3.1"):
            add(f"/{version}/me", f"me-{version}", self._me)
            add(f"/{version}/users/<clever_id>", f"user-{version}", self._user)

    def _discovery(self) -> Response:
        return json_answer(
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/oauth/authorize",
                "token_endpoint": f"{self.url}/oauth/tokens",
                "userinfo_endpoint": f"{self.url}/userinfo",
                "jwks_uri": f"{self.url}/oauth/certs",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        )

    # Signing in

    def filled_in(self, field: str) -> str:
        return flask.request.args.get("district_id", "") if field == "district" else ""

    def signed_in_already(self) -> dict[str, str]:
        """Whoever signed in before on this device comes back unasked (25), unless the application has Clever ask."""
        if flask.request.args.get("confirmed") == "false":
            return {}
        known = self.signed_in()
        wanted = flask.request.args.get("district_id")
        return known if not wanted or known.get("district") in ("", wanted) else {}

    def stops(self, login: Grant) -> Response | None:
        """A person with whom the app is not shared comes back only where the application asked for it (23)."""
        if "unshared" not in login.ticked:
            return None
        if flask.request.args.get("return_unshared") == "true":
            return self.back({"error": "unauthorized-user"})
        return self.page("Your district has not shared this application with you.", 403)

    def leave_portal(self, login: Grant) -> Response:
        """A tile, or an Instant Login link: a code that nobody asked for, without a state (9)."""
        response = super().leave_portal(login)
        self.remember(response, login.person)
        return response

    def _instant_login(self) -> Response:
        """A link of a district's own page: as a tile, for the district that the link names."""
        return self._portal()

    def code_for(self, grant: Grant) -> str:
        return super().code_for(self._known(grant))

    def _known(self, grant: Grant) -> Grant:
        """The login, with the district that the person is of. What Clever knows of a person stays until the next login."""
        person = dict(grant.person)
        person["district"] = person["district"] or self._district_of(person["clever_id"]) or ""
        person["legacy_id"] = person["legacy_id"] or legacy_id(person["clever_id"])
        known = replace(grant, person=person)
        self._people[person["clever_id"]] = known
        return known

    # Tokens

    def _tokens(self) -> Response:
        return self._district_token() if flask.request.method == "GET" else self._redeemed()

    def _redeemed(self) -> Response:
        """Basic alone; the body as JSON or as a form."""
        client = self._client()
        sent: Mapping[str, str] = flask.request.get_json(silent=True) or flask.request.form
        grant = self._redeem(str(sent.get("code", "")))
        if sent.get("grant_type") != "authorization_code" or sent.get("redirect_uri") != grant.redirect_uri:
            raise Problem(self.refused_token("invalid_grant", "Invalid grant: redirect_uri"))
        if grant.client != client:
            raise Problem(self.refused_token("invalid_grant", "Invalid grant: client"))
        access_token = f"il{secrets.token_hex(20)}"
        self._state.tokens[access_token] = grant
        return json_answer(self.token_answer(grant, access_token))

    def _client(self) -> Client:
        basic = flask.request.authorization
        client = self._clients.get(basic.username or "") if basic is not None and basic.type == "basic" else None
        given = basic.password or "" if basic is not None else ""
        if client is None or not compare_digest(client.secret, given):
            raise Problem(self.refused_token("invalid_client", "Unauthorized", 401))
        return client

    def _district_token(self) -> Response:
        """The tokens that districts gave the application, by its client id and secret."""
        self._client()
        wanted = flask.request.args.get("district", "")
        if flask.request.args.get("owner_type") != "district":
            raise Problem(self.refused_token("invalid_request", "owner_type is needed"))
        if self._is_without_token(wanted):
            return json_answer({"data": [], "links": []})
        token = self._district_tokens.setdefault(wanted, f"district-{secrets.token_hex(20)}")
        owner = {"type": "district", "id": wanted}
        return json_answer({"data": [{"id": wanted, "owner": owner, "access_token": token, "scopes": []}], "links": []})

    def _is_without_token(self, district: str) -> bool:
        people = [one for one in self._people.values() if one.person["district"] == district]
        return not district or "not_connected" in self.on or any("not_connected" in one.ticked for one in people)

    def change_district_token(self, district: str) -> None:
        """The district connects anew: its earlier token is good no more."""
        self._district_tokens.pop(district, None)

    def token_answer(self, grant: Grant, access_token: str) -> dict[str, object]:
        answer: dict[str, object] = {"access_token": access_token, "token_type": "Bearer"}
        if "oidc" in grant.ticked and not _is_library(grant):
            person = grant.person
            claims: dict[str, object] = {
                "iss": self.url,
                "sub": person["clever_id"],
                "user_id": person["legacy_id"],
                "multi_role_user_id": person["clever_id"],
                "district": person["district"],
                "email_verified": "says_verified" in grant.ticked,
                "given_name": person["first_name"],
                "family_name": person["last_name"],
            }
            if person["email"]:
                claims["email"] = person["email"]
            if person["role"]:
                claims["user_type"] = person["role"]
            if grant.nonce:
                claims["nonce"] = grant.nonce
            answer["id_token"] = self.signed(grant, claims)
        return answer

    def refused_token(self, error: str, why: str, status: int = 400) -> Response:
        return json_answer({"error": error, "error_description": why, "message": why}, status)

    def words_for_used_code(self) -> str:
        return "Invalid grant: invalid code"

    def words_for_old_code(self) -> str:
        return "Invalid grant: invalid code"

    # The interface

    def _login(self) -> Grant:
        """The login of the access token. Raises Problem, with a page as the wrong kind of token gets (21)."""
        grant = self.bearer()
        if "too_many" in self.on or (grant and "too_many" in grant.ticked):
            response = json_answer({"error": "rate limit exceeded"}, 429)
            reset = int((self._clock() + self.window_left).timestamp())
            response.headers |= {"X-RateLimit-Limit": str(_REQUESTS_A_MINUTE), "X-RateLimit-Reset": str(reset)}
            raise Problem(response)
        if grant is None or self.is_past_token_life(grant):
            raise Problem(_page("Unauthorized", 401))
        return grant

    def _me(self) -> Response:
        grant = self._login()
        data = {"id": grant.person["clever_id"], "type": "user", "authorized_by": _authorized_by(grant)}
        if _names_district(grant):
            data["district"] = grant.person["district"]
        return json_answer({"type": "user", "data": data, "links": []})

    def _userinfo(self) -> Response:
        grant = self._login()
        person = grant.person
        says: dict[str, object] = {
            "sub": person["clever_id"],
            "user_id": person["legacy_id"],
            "multi_role_user_id": person["clever_id"],
            "email_verified": "says_verified" in grant.ticked,
            "name": {"first": person["first_name"], "last": person["last_name"], "middle": ""},
            "given_name": person["first_name"],
            "family_name": person["last_name"],
            "schools": [],
            "authorized_by": _authorized_by(grant),
        }
        if person["email"] or grant.number % 2 == 0:
            says["email"] = person["email"]
        if person["role"]:
            says["user_type"] = person["role"]
        if _names_district(grant):
            says |= {"district_id": person["district"], "district": person["district"]}
        return json_answer(says)

    def _user(self, clever_id: str) -> Response:
        given = flask.request.headers.get("Authorization", "").removeprefix("Bearer ")
        district = next((d for d, token in self._district_tokens.items() if compare_digest(token, given)), None)
        if "too_many" in self.on or district is None:
            return self._own(self._login(), clever_id)
        grant = self._people.get(clever_id)
        if grant is None or grant.person["district"] != district:
            return json_answer({"error": "Resource not found"}, 404)
        return json_answer({"data": {**_seen_by_all(grant), "roles": _roles(grant)}})

    def _own(self, grant: Grant, clever_id: str) -> Response:
        """What a login's token sees of the person: name and address alone (6)."""
        if clever_id != grant.person["clever_id"]:
            return json_answer({"error": "Resource not found"}, 404)
        return json_answer({"data": _seen_by_all(grant)})


def legacy_id(clever_id: str) -> str:
    """The id that a person had before version 3: another one, of 24 digits, too (5)."""
    return hashlib.sha256(f"before {clever_id}".encode()).hexdigest()[:24]


def _is_library(grant: Grant) -> bool:
    """Whether the teacher alone brought the application here; where the district did so too, it wins (16)."""
    return bool({"library", "library_district"} & grant.ticked) and "library_too" not in grant.ticked


def _names_district(grant: Grant) -> bool:
    """Whether the login names the district; of a Library account older and newer texts say different things (15)."""
    return not _is_library(grant) or "library_district" in grant.ticked


def _authorized_by(grant: Grant) -> str:
    return "teacher" if _is_library(grant) else "district"


def _seen_by_all(grant: Grant) -> dict[str, object]:
    person = grant.person
    name = {"first": person["first_name"], "last": person["last_name"]}
    return {"id": person["clever_id"], "email": person["email"], "name": name}


def _roles(grant: Grant) -> dict[str, object]:
    """The roles with the numbers of each. A form that names no role leaves open whose number it is."""
    person = grant.person
    number = {"sis_id": person["sis_id"], "legacy_id": person["legacy_id"]}
    roles: dict[str, dict[str, object]] = {
        _STUDENT: {**number, "student_number": person["number"]},
        "teacher": {**number, "teacher_number": person["number"]},
        _STAFF: {"staff_id": person["sis_id"], "legacy_id": person["legacy_id"]},
        "district_admin": {"title": "Data manager"},
    }
    named = {"teacher", _STAFF} if "two_roles" in grant.ticked else {person["role"]} if person["role"] else set(roles)
    return {name: about for name, about in roles.items() if name in named}


def _page(text: str, status: int) -> Response:
    return flask.make_response(_HTML.format(text), status)
