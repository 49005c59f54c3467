"""A double of Google, with its quirks (41 to 48 of docs/hubs.md)."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

import flask
from werkzeug.wrappers import Response

from local.doubles.hub import Field, Grant, HubDouble, Switch, at_hash, json_answer

_BLOCKED = {
    "under_18": "Access blocked: your institution’s admin needs to review this app. Error 400: access_not_configured",
    "blocked_by_admin": "Access blocked: authorization error. Error 400: admin_policy_enforced",
}


class Google(HubDouble):
    """Subjects are ``google-`` and the address in small letters, unless the form names another.

    A browser that is signed in is never asked again, unless the application asks for ``select_account`` (45).
    """

    name = "google"
    title = "Google"
    code_life = timedelta(minutes=10)
    fields = (Field("email", "Email", is_required=True),)
    rare_fields = (
        Field("subject", "Google id"),
        Field("hosted_domain", "Hosted domain"),
    )
    switches: ClassVar[tuple[Switch, ...]] = (
        Switch("unverified", "Email not verified"),
        Switch("no_hosted_domain", "No hosted domain"),
        Switch("under_18", "Under 18, and the app is not allowed for them"),
        Switch("blocked_by_admin", "Blocked by the administrator"),
        Switch("short_issuer", "Issuer without https"),
        Switch("verified_as_text", "email_verified as text"),
    )

    def add_addresses(self) -> None:
        add = self.app.add_url_rule
        add("/.well-known/openid-configuration", view_func=self._discovery)
        add("/o/oauth2/v2/auth", view_func=self.authorize, methods=["GET", "POST"])
        add("/token", view_func=self.token, methods=["POST"])
        add("/oauth2/v3/certs", view_func=self.keys)
        add("/v1/userinfo", view_func=self._userinfo)

    def _discovery(self) -> Response:
        return json_answer(
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/o/oauth2/v2/auth",
                "token_endpoint": f"{self.url}/token",
                "userinfo_endpoint": f"{self.url}/v1/userinfo",
                "jwks_uri": f"{self.url}/oauth2/v3/certs",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "scopes_supported": ["openid", "email", "profile"],
                "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
                "code_challenge_methods_supported": ["plain", "S256"],
            }
        )

    def stops(self, login: Grant) -> Response | None:
        """Google shows these itself, and the application never hears of them (44)."""
        blocked = next((text for name, text in _BLOCKED.items() if name in login.ticked), None)
        return self.page(blocked, 400) if blocked else None

    def leave_portal(self, login: Grant) -> Response:
        """Google has no portal that starts a login: a bookmark leads to the application's own page."""
        return flask.redirect(login.client.home)

    def token_answer(self, grant: Grant, access_token: str) -> dict[str, object]:
        answer: dict[str, object] = {
            "access_token": access_token,
            "expires_in": 3599,
            "scope": " ".join(sorted(grant.scopes)),
            "token_type": "Bearer",
        }
        if "openid" in grant.scopes:
            short = self.url.partition("://")[2]
            claims = {
                "iss": short if "short_issuer" in grant.ticked else self.url,
                "azp": grant.client.client_id,
                "at_hash": at_hash(access_token),
                **_claims(grant),
            }
            if grant.nonce:
                claims["nonce"] = grant.nonce
            answer["id_token"] = self.signed(grant, claims)
        return answer

    def _userinfo(self) -> Response:
        grant = self.bearer()
        return json_answer(_claims(grant)) if grant else json_answer({"error": "invalid_token"}, 401)


def _claims(grant: Grant) -> dict[str, object]:
    person = grant.person
    email = person["email"]
    claims: dict[str, object] = {"sub": person.get("subject") or f"google-{email.lower()}"}
    if "email" in grant.scopes:
        is_verified = "unverified" not in grant.ticked
        claims["email"] = email
        claims["email_verified"] = str(is_verified).lower() if "verified_as_text" in grant.ticked else is_verified
    hosted_domain = person.get("hosted_domain") or email.rpartition("@")[2].lower()
    if hosted_domain and "no_hosted_domain" not in grant.ticked:
        claims["hd"] = hosted_domain
    if "profile" in grant.scopes:
        claims |= {"name": email, "given_name": email.partition("@")[0], "family_name": ""}
    return claims
