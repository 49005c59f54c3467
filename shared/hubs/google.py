"""Google: it verifies addresses, and names the organisation that an account belongs to (M10, M12)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from shared.domain.district import District
from shared.hubs.hub import Identity
from shared.hubs.oidc import OidcProvider, text_of


class Google(OidcProvider):
    """Logins with Google, to an account of the platform or through a district."""

    provider = "google"

    def _hints(self, district: District | None, *, from_portal: bool) -> dict[str, str]:  # noqa: ARG002
        """``hd`` offers the accounts of the district's only domain; of several it could name one alone."""
        if district is None or len(district.email_domains) != 1:
            return {}
        return {"hd": district.email_domains[0]}

    def _identity(self, subject: str, claims: Mapping[str, object]) -> Identity:
        return replace(super()._identity(subject, claims), hosted_domain=_hosted_domain(claims.get("hd")))


def _hosted_domain(value: object) -> str | None:
    """A domain in small letters. Only A–Z are folded: other letters have small forms that look like ASCII ones."""
    text = text_of(value)
    return text.lower() if text and text.isascii() else None
