"""ClassLink: a login proves a user id and the tenant that it belongs to, by ClassLink's own interface (M12, M21)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.domain.errors import LoginRefused
from shared.hubs.hub import Binding, Identity, Number, not_proved
from shared.hubs.oidc import OidcProvider, id_of, text_of

if TYPE_CHECKING:
    from shared.domain.district import District

_ROLES = {"student": True, "teacher": False}
"""Whether a role is a student's. Others say too little: an administrator may teach."""


class ClassLink(OidcProvider):
    """Logins with ClassLink through a district.

    Only the scope ``profile`` is asked for, as ClassLink's own libraries do: whether an id token carries a nonce, and whose
    id its subject is, nobody has shown. The profile comes from ``my/info``, by the access token that our secret redeemed.
    Nonce and verifier are not sent, since nothing says that they are carried: state and cookie, which count once, bind the
    login to its browser. The SourcedId is a number of the district's records, which leads to a row: it can be another person's
    tomorrow, so no link counts for it (M19).
    """

    provider = "classlink"
    restarts = True

    def _asked(self, _binding: Binding, /) -> dict[str, str]:
        return {"scope": "profile"}

    def _hints(self, district: District | None, /) -> dict[str, str]:
        if district is not None and not district.classlink_tenant_id:
            raise LoginRefused(
                "classlink_not_set_up", "Your district has not set up ClassLink here yet. Ask your district's support."
            )
        return {}

    def _token_form(self, code: str, binding: Binding) -> dict[str, str]:
        form = super()._token_form(code, binding)
        del form["code_verifier"]
        return form

    def prove(self, code: str, binding: Binding) -> Identity:
        """As ``Hub.prove``. ClassLink says of no address that it is verified, and pupils often have none."""
        token = text_of(self._redeem(code, binding).get("access_token"))
        if not token:
            raise not_proved()
        profile = self._answer(self._profile_address(), headers={"Authorization": f"Bearer {token}"})
        subject, tenant = id_of(profile.get("UserId")), id_of(profile.get("TenantId"))
        if subject is None or tenant is None:
            raise not_proved()
        number = id_of(profile.get("SourcedId"))
        return Identity(
            self.issuer,
            subject,
            text_of(profile.get("Email")) or None,
            False,
            tenant,
            numbers=(Number(number),) if number else (),
            given_name=text_of(profile.get("FirstName")) or "",
            family_name=text_of(profile.get("LastName")) or "",
            is_student=_ROLES.get((text_of(profile.get("Role")) or "").lower()),
        )

    def _profile_address(self) -> str:
        """``my/info``, beside the address that the metadata names, which has another shape."""
        named = self._discover().userinfo_endpoint
        if named is None:
            raise not_proved()
        return f"{named.rpartition('/')[0]}/info"
