"""The login of somebody's district, for whoever does not know its address: found by the school's mail domain."""

from __future__ import annotations

from functions.pages import limits
from functions.pages.dependencies import Services
from functions.pages.http import Reply, Request, page, see_other
from shared.domain.email_address import domain_of, normalise


class FindDistrictPages:
    """Whose domain it is, is no secret; who is on a roster is not looked at."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def show(self, _request: Request) -> Reply:
        return page("login/find_district", problem=False)

    def find(self, request: Request) -> Reply:
        """On to the login of the district whose own domain the address has."""
        self._services.rate_limiter.hit(limits.FIND_DISTRICT, request.place)
        address = normalise(request.form.get("email", ""))
        district_id = self._services.districts.by_domain(domain_of(address)) if address else None
        if district_id is None:
            return page("login/find_district", status=404, problem=True)
        return see_other(f"/sso/{district_id}")
