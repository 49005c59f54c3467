"""Microsoft Entra ID, work and school accounts: the tenant signs, and names a person by an id of its own (M12, M21)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from shared.domain.errors import LoginRefused
from shared.hubs.hub import Identity, not_proved
from shared.hubs.oidc import OidcProvider, id_of, text_of

if TYPE_CHECKING:
    from shared.domain.district import District

_MANY = "organizations"
_PERSONAL_ACCOUNTS = "9188040d-6c67-4c5b-b112-36a304b66dad"
"""The tenant of everybody's private accounts at Microsoft."""
_GUEST = "#EXT#"
_CONSENT_MISSING = (65001, 90093, 90094, 50105)
"""Of the organisation, of an administrator, or the assignment of the person."""


class Microsoft(OidcProvider):
    """Logins with Microsoft through a district.

    All go through the one place of all organizations, which has one set of keys and whose metadata has a template for the
    issuer. Which tenant it was, the token says: a person's subject is the tenant's issuer and ``oid``, the same for every
    application; ``sub`` would be lost with the registration of this one. Addresses and names can be anybody's (nOAuth).
    """

    provider = "microsoft"
    not_shared = frozenset({"consent_required", "interaction_required", "unauthorized_client"})

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
