"""A double of Microsoft Entra ID for work and school accounts, with its quirks (49 to 61 of docs/hubs.md)."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import ClassVar

import flask
from werkzeug.wrappers import Response

from local.doubles.hub import Client, Field, Grant, HubDouble, Problem, Switch, json_answer
from shared.domain.clock import Clock, utc_now

_MANY = ("organizations", "common", "consumers")
"""Places of the login that are no tenant."""
_NO_CONSENT = "Need admin approval. AADSTS90094: this application needs permissions that only an admin can grant."
_OF_THE_APPLICATION = "application-"
_EXTENSION = "extension_fe2174665583431c953114ff7268b7b3_Education_"
_NOT_ASSIGNED = "AADSTS50105: your administrator has configured this application to block users who are not assigned."


class Microsoft(HubDouble):
    """The person's tenant signs, whatever place the login went through; ``issuer`` is that of all organizations."""

    name = "microsoft"
    title = "Microsoft"
    further_addresses = ("https://graph.microsoft.com",)
    code_life = timedelta(minutes=10)
    fields = (
        Field("email", "Email", is_required=True),
        Field("object_id", "Object id"),
        Field("tenant", "Tenant", is_required=True),
    )
    rare_fields = (
        Field("email_claim", "Address in the email claim"),
        Field("number", "Number in School Data Sync"),
        Field("role", "Role in School Data Sync"),
    )
    switches: ClassVar[tuple[Switch, ...]] = (
        Switch("guest", "Guest of this tenant"),
        Switch("guest_by_mail", "Guest of this tenant, named by their own address"),
        Switch("consent_required", "Administrator has not consented"),
        Switch("stops_for_consent", "Microsoft's own page asks for the administrator's consent"),
        Switch("not_assigned", "Not assigned to the application"),
        Switch("misconfigured", "Application misconfigured"),
        Switch("graph_allowed", "Graph may be read by the application"),
        Switch("classic_sync", "Graph has no education data of this person"),
    )

    def __init__(self, *, clock: Clock = utc_now, address: str | None = None) -> None:
        super().__init__(clock=clock, address=address)
        self._people: dict[tuple[str, str], Grant] = {}
        """The last login of each person, by tenant and object id."""

    @property
    def issuer(self) -> str:
        return f"{self.url}/organizations/v2.0"

    def issuer_of(self, tenant: str) -> str:
        """The issuer that this tenant's tokens name."""
        return f"{self.url}/{tenant}/v2.0"

    def add_addresses(self) -> None:
        add = self.app.add_url_rule
        add("/<place>/v2.0/.well-known/openid-configuration", view_func=self._discovery)
        add("/<place>/oauth2/v2.0/authorize", view_func=self._authorize, methods=["GET", "POST"])
        add("/<place>/oauth2/v2.0/token", view_func=self._token, methods=["POST"])
        add("/<place>/discovery/v2.0/keys", view_func=self.keys)
        add("/v1.0/education/users/<object_id>", view_func=self._education)
        add("/v1.0/users/<object_id>", view_func=self._user)
        add("/oidc/userinfo", view_func=self._userinfo)
        add("/<place>/adminconsent", view_func=self._admin_consent)
        add("/<place>/v2.0/adminconsent", "adminconsent_v2", view_func=self._admin_consent)

    def _discovery(self, place: str) -> Response:
        here = f"{self.url}/{place}"
        return json_answer(
            {
                "issuer": self.issuer_of("{tenantid}" if place in _MANY else place),
                "authorization_endpoint": f"{here}/oauth2/v2.0/authorize",
                "token_endpoint": f"{here}/oauth2/v2.0/token",
                "userinfo_endpoint": f"{self.url}/oidc/userinfo",
                "jwks_uri": f"{here}/discovery/v2.0/keys",
                "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
                "response_modes_supported": ["query", "fragment", "form_post"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "scopes_supported": ["openid", "profile", "email", "offline_access"],
                "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
            }
        )

    def _authorize(self, place: str) -> Response:
        asked = flask.request.args
        if "openid" in asked.get("scope", "").split() and not asked.get("nonce"):
            return self.page("AADSTS9002: the nonce is missing.", 400)
        return self.authorize(place)

    def stops(self, login: Grant) -> Response | None:
        tenant, place, ticked = login.person["tenant"], login.place, login.ticked
        if place and place not in _MANY and place != tenant:
            return self.page(f"AADSTS50020: this account does not exist in the tenant {place}.", 400)
        if "stops_for_consent" in ticked:
            return self.page(_NO_CONSENT, 400)
        if "not_assigned" in ticked:
            return self.page(_NOT_ASSIGNED, 400)
        if "consent_required" in ticked:
            return self.back({"error": "consent_required", "error_description": f"AADSTS65001: {_NO_CONSENT}"})
        if "misconfigured" in ticked:
            why = "AADSTS650056: misconfigured application."
            return self.back({"error": "unauthorized_client", "error_description": why})
        return None

    def back(self, answer: Mapping[str, str]) -> Response:
        """With ``form_post`` the answer is a form that another site posts, without cookies that are Lax (60)."""
        if flask.request.args.get("response_mode") == "form_post":
            asked = flask.request.args
            fields = {**answer, **({"state": asked["state"]} if "state" in asked else {})}
            page = flask.render_template("hub_form_post.html", hub=self, to=self.return_address(), answer=fields)
            return flask.make_response(page)
        return super().back(answer)

    def leave_portal(self, login: Grant) -> Response:
        """A tile of My Apps opens the application's home page, without a code."""
        return flask.redirect(login.client.home)

    def token_answer(self, grant: Grant, access_token: str) -> dict[str, object]:
        answer: dict[str, object] = {
            "token_type": "Bearer",
            "scope": " ".join(sorted(grant.scopes)),
            "expires_in": 3599,
            "access_token": access_token,
        }
        if "openid" in grant.scopes:
            answer["id_token"] = self.signed(grant, self._claims(grant))
        return answer

    def _claims(self, grant: Grant) -> dict[str, object]:
        """No ``email_verified``, no ``email`` of a member unless the form gives one, no groups (50, 51, 52, 61)."""
        person, tenant = grant.person, grant.person["tenant"]
        is_guest = bool({"guest", "guest_by_mail"} & grant.ticked)
        object_id = person["object_id"] or str(uuid.uuid5(uuid.NAMESPACE_URL, f"{tenant}/{person['email'].lower()}"))
        self._people[tenant, object_id] = grant
        claims: dict[str, object] = {
            "iss": self.issuer_of(tenant),
            "tid": tenant,
            "sub": _pairwise(grant.client, tenant, object_id),
            "ver": "2.0",
            "rh": "0.AAAA",
            "uti": hashlib.sha256(str(grant.number).encode()).hexdigest()[:22],
            "_claim_names": {"groups": "src1"},
        }
        if "profile" in grant.scopes:
            claims |= {"oid": object_id, "name": person["email"].partition("@")[0]}
            claims["preferred_username"] = (
                _guest_name(person["email"], tenant) if "guest" in grant.ticked else person["email"]
            )
        if grant.nonce:
            claims["nonce"] = grant.nonce
        address = person["email_claim"] or (person["email"] if is_guest else "")
        if address and "email" in grant.scopes:
            claims["email"] = address
        if is_guest:
            claims["idp"] = "https://sts.windows.net/another/"
        if "guest" in grant.ticked:
            claims["acct"] = 1
        return claims

    # Microsoft Graph, by a token of the application's own: only where the tenant's administrator consented to that, too

    def _token(self, place: str) -> Response:
        if flask.request.form.get("grant_type") != "client_credentials":
            return self.token(place)
        self.client_of_request()
        return json_answer(
            {"token_type": "Bearer", "expires_in": 3599, "access_token": f"{_OF_THE_APPLICATION}{place}"}
        )

    def _education(self, object_id: str) -> Response:
        """As School Data Sync of today keeps it: the role has the number."""
        person, ticked = self._seen_by_the_application(object_id)
        if "classic_sync" in ticked:
            return _graph_error("Request_ResourceNotFound", 404)
        role = (person["role"] or "student").lower()
        return json_answer({"id": object_id, "primaryRole": role, role: {"externalId": person["number"]}})

    def _user(self, object_id: str) -> Response:
        """What a user has of School Data Sync's first version, and of the present one, as attributes."""
        person, _ = self._seen_by_the_application(object_id)
        role = (person["role"] or "student").capitalize()
        return json_answer(
            {
                f"{_EXTENSION}ObjectType": role,
                f"{_EXTENSION}AnchorId": f"{role}_{person['number']}",
            }
        )

    def _seen_by_the_application(self, object_id: str) -> tuple[Mapping[str, str], frozenset[str]]:
        """Who signed in here last under this id. Raises Problem where Graph shows nothing."""
        tenant = flask.request.headers.get("Authorization", "").removeprefix(f"Bearer {_OF_THE_APPLICATION}")
        found = self._people.get((tenant, object_id))
        if found is None or "graph_allowed" not in found.ticked:
            raise Problem(_graph_error("Authorization_RequestDenied", 403))
        if not found.person["number"]:
            raise Problem(_graph_error("Request_ResourceNotFound", 404))
        return found.person, found.ticked

    def _userinfo(self) -> Response:
        """A part of the id token: it lacks ``preferred_username`` and ``tid``."""
        grant = self.bearer()
        if grant is None:
            return json_answer({"error": {"code": "InvalidAuthenticationToken"}}, 401)
        return json_answer({name: self._claims(grant)[name] for name in ("sub",)})

    def _admin_consent(self, place: str) -> Response:
        """What an administrator opens once for everybody of the tenant."""
        back = flask.request.args.get("redirect_uri", "")
        if not any(back in client.redirect_uris for client in self.clients()):
            return self.page("AADSTS50011: the redirect URI does not match.", 400)
        return flask.redirect(f"{back}?admin_consent=True&tenant={place}")

    def words_for_used_code(self) -> str:
        return "AADSTS54005: OAuth2 authorization code was already redeemed."

    def words_for_old_code(self) -> str:
        return "AADSTS70008: the provided authorization code has expired."


def _graph_error(code: str, status: int) -> Response:
    return json_answer({"error": {"code": code, "message": "Graph says no."}}, status)


def _pairwise(client: Client, tenant: str, object_id: str) -> str:
    """A subject of this application alone (56)."""
    return hashlib.sha256(f"{client.client_id} {tenant} {object_id}".encode()).hexdigest()[:43]


def _guest_name(email: str, tenant: str) -> str:
    return f"{email.replace('@', '_')}#EXT#@{tenant[:8]}.onmicrosoft.com"
