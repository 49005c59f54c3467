"""What a mail's short code says: what that mail was and where alone its button leads, and never that a mail is real (B6).

A code is no secret, and stands for all mails of a day; so nothing here is about a person.
"""

from __future__ import annotations

from functions.pages import limits
from functions.pages.dependencies import Services
from functions.pages.http import Reply, Request, page
from shared.mail.rendering import Kind
from shared.runtime.i18n import long_date
from shared.runtime.tokens import typed_code

_BUTTON_LEADS_TO = {
    Kind.ACTIVATION: "/activate/",
    Kind.REMINDER: "/activate/",
    Kind.NUDGE: "/cleaning",
    Kind.LINKED: "/notice/",
    Kind.UNDONE: "/home",
    Kind.OWN_ADDED: "/ways-in",
}
_LONGEST = 60


class RealPage:
    """For whoever got a mail and does not trust it. Nobody logs in for it."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def show(self, request: Request) -> Reply:
        """The field for a code; with one, what the mails were that carry it. Every code that has the form of one is counted."""
        asked = request.query.get("code", "").strip()[:_LONGEST]
        if not asked:
            return page("mail_links/real", asked="", mails=None)
        code = typed_code(asked)
        if code is None:
            return page("mail_links/real", status=404, asked=asked, mails=None)
        self._services.rate_limiter.hit(limits.MAIL_CODE, request.place)
        mails = self._services.mail_codes.of(code)
        district = self._services.districts.find(mails.district_id, consistent=False) if mails else None
        if mails is None or district is None or mails.kind not in _BUTTON_LEADS_TO:
            return page("mail_links/real", status=404, asked=asked, mails=None)
        web_url = self._services.brand.web_url
        return page(
            "mail_links/real",
            audience=district,
            asked=asked,
            mails=mails,
            district=district.name,
            long_date=long_date,
            web_url=web_url,
            button=f"{web_url}{_BUTTON_LEADS_TO[Kind(mails.kind)]}",
        )
