"""Clever: a login says which district it is of, and verifies no address (M10, M12)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from shared.domain.district import District
from shared.domain.errors import LoginRefused
from shared.hubs.hub import Identity
from shared.hubs.oidc import OidcProvider, id_of


class Clever(OidcProvider):
    """Logins with Clever through a district."""

    provider = "clever"
    restarts = True

    def _hints(self, district: District | None, *, from_portal: bool) -> dict[str, str]:  # noqa: ARG002
        """``district_id`` spares the person the choice of a district."""
        if district is None:
            return {}
        if not district.clever_district_id:
            raise LoginRefused(
                "clever_not_set_up", "Your district has not set up Clever here yet. Ask your district's support."
            )
        return {"district_id": district.clever_district_id}

    def _identity(self, subject: str, claims: Mapping[str, object]) -> Identity:
        """Clever verifies no address, whatever its claims say: a parent's may be the child's."""
        identity = super()._identity(subject, claims)
        return replace(identity, email_verified=False, tenant=id_of(claims.get("district")))
