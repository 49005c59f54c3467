"""Google: it verifies addresses, and names the organisation that an account belongs to (M10, M12)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from shared.hubs.hub import Identity
from shared.hubs.oidc import OidcProvider, text_of

if TYPE_CHECKING:
    from shared.domain.district import District


class Google(OidcProvider):
    """Logins with Google, to an account of the platform or through a district."""

    provider = "google"
    not_shared = frozenset({"admin_policy_enforced", "access_not_configured", "org_internal"})

    def _hints(self, district: District | None, /) -> dict[str, str]:
        """``prompt`` asks which account it is: on a shared device, Google takes the one before silently. ``hd`` offers the
        accounts of the district's only domain; of several it could name one alone."""
        hints = {"prompt": "select_account"}
        if district is not None and len(district.email_domains) == 1:
            hints["hd"] = district.email_domains[0]
        return hints

    def _check_issuer(self, claims: Mapping[str, object]) -> None:
        """Older tokens name the issuer without its scheme."""
        if claims["iss"] not in (self.issuer, self.issuer.partition("://")[2]):
            raise ValueError("another issuer")

    def _identity(self, subject: str, claims: Mapping[str, object], /) -> Identity:
        return replace(super()._identity(subject, claims), hosted_domain=_hosted_domain(claims.get("hd")))


def _hosted_domain(value: object) -> str | None:
    """A domain in small letters. Only A–Z are folded: other letters have small forms that look like ASCII ones."""
    text = text_of(value)
    return text.lower() if text and text.isascii() else None
