"""The console: where a district's administrators see how its imports stand (B7). Nobody else's district is shown."""

from __future__ import annotations

import json
from collections.abc import Callable

from functions.pages.linking import Linking
from functions.pages.services import Services
from functions.pages.web import Reply, Request, page, see_other
from shared.errors import LoginRefused
from shared.roster import Role


class Console:
    """Reads the latest report; ``read_latest`` answers its JSON, or None."""

    def __init__(self, services: Services, linking: Linking, read_latest: Callable[[str], str | None]) -> None:
        self._s = services
        self._linking = linking
        self._read_latest = read_latest

    def show(self, request: Request, district_id: str) -> Reply:
        session = self._linking.session(request)
        if session is None or session.user is None:
            return see_other(f"/sso/{district_id}")
        user = self._s.users.get(session.user)
        is_administrator = user is not None and user.active and user.role is Role.ADMINISTRATOR
        if not is_administrator or session.user.district_id != district_id:
            raise LoginRefused("not_an_administrator", "This page is for administrators of this district.")
        district = self._s.districts.get(district_id)
        latest = self._read_latest(district_id)
        return page(
            "console",
            locale=district.locale,
            district=district.name,
            support_url=district.support_url,
            report=json.loads(latest) if latest else None,
            at_work=self._s.progress.at_work(district_id),
        )
