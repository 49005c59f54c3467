"""Microsoft Entra ID, work and school accounts: the tenant signs, and names a person by an id of its own (M12, M21)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import quote

from shared.domain.errors import LoginRefused
from shared.domain.roster import NumberKind
from shared.hubs.hub import IN_TROUBLE, Identity, Number, not_proved
from shared.hubs.oidc import OidcProvider, id_of, text_of

if TYPE_CHECKING:
    from shared.domain.district import District

_MANY = "organizations"
_PERSONAL_ACCOUNTS = "9188040d-6c67-4c5b-b112-36a304b66dad"
"""The tenant of everybody's private accounts at Microsoft."""
_GUEST = "#EXT#"
_CONSENT_MISSING = (65001, 90093, 90094, 50105)
"""Of the organisation, of an administrator, or the assignment of the person."""
_ISSUER, _GRAPH = "https://login.microsoftonline.com/organizations/v2.0", "https://graph.microsoft.com"
_TOKEN_KEPT_SECONDS = 300
"""So long a tenant's token, or its refusal of one, is not asked for again."""
_EXTENSION = "extension_fe2174665583431c953114ff7268b7b3_Education_"
"""How School Data Sync's own attributes of a person begin."""
_KINDS = {"student": NumberKind.STUDENT, "teacher": NumberKind.TEACHER}
_ANCHORS = ("student_", "teacher_", "user_")
"""What stands before the number in School Data Sync's anchor: of its first version, and of the present one."""


@dataclass(frozen=True, slots=True)
class _TenantToken:
    """This service's own token for a tenant; empty where the tenant's administrator has not consented to it."""

    text: str
    fetched_at: float


class Microsoft(OidcProvider):
    """Logins with Microsoft through a district.

    All go through the one place of all organizations, which has one set of keys and whose metadata has a template for the
    issuer. Which tenant it was, the token says: a person's subject is the tenant's issuer and ``oid``, the same for every
    application; ``sub`` would be lost with the registration of this one. Addresses and names can be anybody's (nOAuth).
    """

    provider = "microsoft"
    not_shared = frozenset({"consent_required", "interaction_required", "unauthorized_client"})

    @property
    def _graph(self) -> str:
        return _GRAPH if self.issuer == _ISSUER else self.issuer.removesuffix("/organizations/v2.0")

    @cached_property
    def _tenant_tokens(self) -> dict[str, _TenantToken]:
        return {}

    def _hints(self, district: District | None, /) -> dict[str, str]:
        """``prompt`` asks which account it is; ``domain_hint`` spares the person of a one-domain district a page."""
        if district is not None and not district.microsoft_tenant_id:
            raise LoginRefused(
                "microsoft_not_set_up", "Your district has not set up Microsoft here yet. Ask your district's support."
            )
        hints = {"prompt": "select_account"}
        if district is not None and len(district.email_domains) == 1:
            hints["domain_hint"] = district.email_domains[0]
        return hints

    # What School Data Sync says, where the tenant's administrator lets this service read it

    def look_up(self, identity: Identity) -> Identity:
        """As ``Hub.look_up``: the number in the school's own system, by Microsoft Graph and a token of this service's own.

        The login asks for no more than it did: a permission that nobody consented to would stop it. A guest has no number.
        """
        if identity.tenant is None or identity.email is None:
            return identity
        token = self._tenant_token(identity.tenant)
        says = self._education(identity.subject, token) if token else None
        return _with_numbers(identity, says) if says else identity

    def _tenant_token(self, tenant: str) -> str:
        now = self._clock().timestamp()
        kept = self._tenant_tokens.get(tenant)
        if kept is None or now - kept.fetched_at >= _TOKEN_KEPT_SECONDS:
            form = {
                "grant_type": "client_credentials",
                "scope": f"{_GRAPH}/.default",
                "client_id": self.client_id,
                "client_secret": self._client_secret(),
            }
            address = f"{self._issuer_of(tenant).removesuffix('/v2.0')}/oauth2/v2.0/token"
            answer = self._answered(address, data=form) or {}
            kept = self._tenant_tokens[tenant] = _TenantToken(text_of(answer.get("access_token")) or "", now)
        return kept.text

    def _education(self, object_id: str, token: str) -> dict[str, object] | None:
        """What Graph says of a person: as School Data Sync's, else by its attributes of any user."""
        person, bearer = quote(object_id, safe=""), {"Authorization": f"Bearer {token}"}
        names = ",".join(
            f"{_EXTENSION}{name}" for name in ("ObjectType", "AnchorId", "SyncSource_StudentId", "SyncSource_TeacherId")
        )
        for address in (
            f"{self._graph}/v1.0/education/users/{person}",
            f"{self._graph}/v1.0/users/{person}?$select=givenName,surname,{names}",
        ):
            says = self._answered(address, headers=bearer)
            if says is not None and _numbers(says):
                return says
        return None

    def _answered(
        self, address: str, *, data: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> dict[str, object] | None:
        """The answer; None where it is a refusal. Raises LoginRefused where Microsoft is in trouble."""
        try:
            return self._answer(address, data=data, headers=headers)
        except LoginRefused as refused:
            if refused.code in IN_TROUBLE:
                raise
            return None

    @property
    def _issuer_in_metadata(self) -> str:
        return self._issuer_of("{tenantid}")

    def _issuer_of(self, tenant: str) -> str:
        return self.issuer.replace(f"/{_MANY}/", f"/{tenant}/")

    def _check_issuer(self, claims: Mapping[str, object]) -> None:
        """The issuer is that of the tenant that the token names, and the tenant is an organisation's."""
        tenant = id_of(claims.get("tid"))
        if tenant is None or "/" in tenant or tenant == _PERSONAL_ACCOUNTS:
            raise ValueError("no organisation's token")
        if claims["iss"] != self._issuer_of(tenant):
            raise ValueError("another issuer")

    def _is_of_another(self, claims: Mapping[str, object]) -> bool:
        """Whether another organisation signed the person in, who may be called by any address of their own."""
        own = (None, claims["iss"], f"https://sts.windows.net/{claims['tid']}/")
        return claims.get("idp") not in own or claims.get("acct") in (1, "1")

    def refusal(self, answer: Mapping[str, str]) -> LoginRefused:
        """As ``Hub.refusal``. Microsoft says ``access_denied`` of a missing consent too, and names it by a number."""
        missing = any(f"AADSTS{number}" in answer.get("error_description", "") for number in _CONSENT_MISSING)
        return super().refusal({**answer, "error": "consent_required"} if missing else answer)

    def _identity(self, _subject: str, claims: Mapping[str, object], /) -> Identity:
        """``preferred_username`` is the tenant's own statement of a member's address: it may find a row, and proves nothing."""
        object_id, tenant = id_of(claims.get("oid")), id_of(claims.get("tid"))
        if object_id is None or tenant is None:
            raise not_proved()
        name = text_of(claims.get("preferred_username"))
        is_guest = name is None or _GUEST in name.upper() or self._is_of_another(claims)
        return Identity(
            self._issuer_of(tenant),
            object_id,
            None if is_guest else name,
            False,
            tenant,
            given_name=text_of(claims.get("given_name")) or "",
            family_name=text_of(claims.get("family_name")) or "",
        )


def _with_numbers(identity: Identity, says: Mapping[str, object]) -> Identity:
    """The identity with the numbers and the name that School Data Sync brought to the tenant."""
    return replace(
        identity,
        numbers=tuple(_numbers(says)),
        given_name=text_of(says.get("givenName")) or identity.given_name,
        family_name=text_of(says.get("surname")) or identity.family_name,
    )


def _numbers(says: Mapping[str, object]) -> list[Number]:
    """A person's numbers: ``externalId`` of each role; else the attributes that School Data Sync gives every user."""
    found = []
    for role, kind in _KINDS.items():
        about = says.get(role)
        number = id_of(about.get("externalId")) if isinstance(about, dict) else None
        number = number or id_of(says.get(f"{_EXTENSION}SyncSource_{role.capitalize()}Id"))
        found += [Number(number, kind)] if number else []
    anchor = id_of(says.get(f"{_EXTENSION}AnchorId")) or ""
    before = next((each for each in _ANCHORS if anchor.lower().startswith(each)), None)
    kind_of_anchor = _KINDS.get((text_of(says.get(f"{_EXTENSION}ObjectType")) or (before or "").rstrip("_")).lower())
    if not found and before and kind_of_anchor and (number := id_of(anchor[len(before) :])):
        found.append(Number(number, kind_of_anchor))
    return found
