"""A double of ClassLink's Roster Server: the list of districts, and the proxy to each one's OneRoster server."""

from __future__ import annotations

from dataclasses import replace

from local.doubles.oneroster import OneRoster
from local.doubles.roster_server import Asked, json_of
from shared.hubs.public_web import Answer

PARTNER_TOKEN = "partner-token"  # nosec


class ClassLinkRosters:
    """The proxy before one district's server; another district that is listed, too, is of somebody else."""

    def __init__(self, server: OneRoster, tenant_id: str, application_id: str = "abc%3D") -> None:
        """``server`` takes bearers. ``application_id`` is escaped already, as it comes from ClassLink."""
        self._server = server
        self._tenant_id = tenant_id
        self._application_id = application_id
        self.is_on = True

    def answer(self, asked: Asked) -> Answer:
        if asked.path == "/applications":
            return self._applications(asked)
        prefix = f"/{self._application_id}"
        if not asked.path.startswith(f"{prefix}/"):
            return json_of({"status": 0}, 404)
        answer = self._server.answer(replace(asked, path=asked.path.removeprefix(prefix)))
        return replace(answer, headers={"x-perm-rev": self._server.revision, **answer.headers})

    def _applications(self, asked: Asked) -> Answer:
        if asked.headers.get("authorization") != f"Bearer {PARTNER_TOKEN}":
            return json_of({"status": 0}, 401)
        listed = [self._application(f"tenant-{n}", f"other{n}%3D", "bearer-of-others") for n in range(3)]
        listed.append(self._application(self._tenant_id, self._application_id, self._server.tokens[-1]))
        if 14 in self._server.quirks and self._server.asked_for_rows >= self._server.quirks.at:
            listed[-1]["enabled"] = "false"
        # The second page has the district (43).
        page = 2 if 43 in self._server.quirks else int(asked.query.get("limit", "100"))
        offset = int(asked.query.get("offset", "0"))
        return json_of({"status": 1, "applications": listed[offset : offset + page]})

    def _application(self, tenant_id: str, application_id: str, bearer: str) -> dict[str, object]:
        return {
            "id": 9,
            "application_id": "look-alike",
            "oneroster_application_id": application_id,
            "tenant_id": tenant_id,
            "name": "A district",
            "bearer": bearer,
            "enabled": str(self.is_on).lower(),
            "tenant_status": "Active",
        }
