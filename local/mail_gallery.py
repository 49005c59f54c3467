"""A gallery of every kind of mail, in each language, part and width, from sample data; `make local` shows it at /gallery."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from local.local_pages import local_environment
from shared.domain.district import District
from shared.domain.link import Proof
from shared.mail import messages
from shared.mail.messages import BothSides, DigestRow, NudgedClass
from shared.mail.rendering import Kind, Message
from shared.runtime.languages import language_for, languages
from shared.runtime.report_words import reason_in
from shared.runtime.settings import Brand

WEB = "https://accounts.riverbend.example"
DISTRICT = "Riverbend Unified School District"
PHONE, DESKTOP = 360, 1280

_TOKEN = "kq2VbX0cQm7nJd4sTfGy1uHaLw9eRz5oPi8xNv3BtEs"
_CODE = "H24D-R4J4"
_INVITATION = {
    "name": "Marisol Ortega-Whitfield",
    "schools": ["Riverbend Middle School"],
    "link": f"{WEB}/activate/{_TOKEN}",
    "expires": date(2026, 12, 24),
    "activation_id": "a1",
    "code": _CODE,
}
_SIDES = BothSides(
    event_id="e1",
    name="Marisol Ortega-Whitfield",
    official_email="m…a@riverbend.example",
    account_name="Marisol O.",
    username="m…2",
    email="m…1@mail.example",
    moment=datetime(2026, 11, 24, 10, 4, tzinfo=UTC),
)
MAILS: dict[Kind, Callable[..., Message]] = {
    Kind.ACTIVATION: messages.activation,
    Kind.REMINDER: messages.reminder,
    Kind.NUDGE: messages.nudge,
    Kind.DIGEST: messages.digest,
    Kind.LINKED: messages.linked,
    Kind.UNDONE: messages.undone,
    Kind.OWN_CODE: messages.own_code,
    Kind.OWN_TAKEN: messages.own_taken,
    Kind.OWN_ADDED: messages.own_added,
    Kind.HELD_IMPORT: messages.held_import,
    Kind.PAUSE: messages.pause,
    Kind.FIRST_MAILS: messages.first_mails,
    Kind.FIRST_WAVE_STOPPED: messages.first_wave_stopped,
    Kind.SOURCE_FAILED: messages.source_failed,
}
VALUES: dict[Kind, dict[str, Any]] = {
    Kind.ACTIVATION: _INVITATION,
    Kind.REMINDER: {
        **_INVITATION,
        "schools": ["Riverbend Middle School", "Sycamore Street Elementary"],
        "stop": f"{WEB}/unsubscribe/{_TOKEN}",
    },
    Kind.NUDGE: {
        "name": "Marisol Ortega-Whitfield",
        "obsolete": [
            NudgedClass("Period 3 Algebra", 28, goals=3, assignments=1, moved=26, into="Algebra 1 – 3"),
            NudgedClass(
                "Period 5 Algebra (2025)", 31, goals=3, assignments=1, moved=29, into="Algebra 1 – 5, Algebra 1 – 6"
            ),
        ],
        "asked": [
            NudgedClass("Math club & tournament prep", 12, goals=3, assignments=1, moved=5, into="Algebra 1 – 3")
        ],
        "stop": f"{WEB}/unsubscribe/{_TOKEN}",
        "code": _CODE,
    },
    Kind.DIGEST: {
        "classes": 68,
        "teachers": 41,
        "schools": [
            DigestRow("Riverbend Middle School", classes=41, percent=100),
            DigestRow("Sycamore Street Elementary", classes=19, percent=46),
            DigestRow("", classes=2, percent=4),
        ],
        "others": 6,
    },
    Kind.LINKED: {"sides": _SIDES, "proof": Proof.ACTIVATION, "link": f"{WEB}/notice/{_TOKEN}", "code": _CODE},
    Kind.UNDONE: {"sides": _SIDES, "code": _CODE},
    Kind.OWN_CODE: {"digits": "48151623", "minutes": 15, "language": ""},
    Kind.OWN_TAKEN: {"language": ""},
    Kind.OWN_ADDED: {"login": "k…d@mail.example", "event_id": "e1", "code": _CODE},
    Kind.HELD_IMPORT: {
        "upload": "rosters/riverbend/nightly-2026-11-24.zip",
        "people": "411 students and 1 teacher",
        "reason": "This upload would remove 412 of 3180 people; the district's limit is 50. Nothing was written. Approve it "
        "if this is meant, reject it if not, or upload a corrected roster.",
        "import_id": "20261124T031502Z-7f3a",
    },
    Kind.FIRST_MAILS: {
        "sender": "no-reply@accounts.riverbend.example",
        "host": "accounts.riverbend.example",
        "subject": messages.SUBJECTS[Kind.ACTIVATION],
        "begins": date(2026, 12, 1),
        "per_day": 50_000,
    },
    Kind.FIRST_WAVE_STOPPED: {},
    Kind.SOURCE_FAILED: {
        "source": "OneRoster, sis.riverbend.example",
        "good_on": date(2026, 11, 20),
        "reason": "The source refuses the client id and secret, or the token. Correct the secret, or have them renewed there.",
    },
    Kind.PAUSE: {"begins": True, "first": date(2026, 12, 19), "last": date(2027, 1, 4)},
}
"""What the mails of the sample district say."""
_DISTRICT = District(
    district_id="riverbend", name=DISTRICT, email_domains=("riverbend.example",), time_zone="America/Los_Angeles"
)


def sample(
    kind: Kind,
    language: str,
    /,
    brand: Brand | None = None,
    *,
    district: str = DISTRICT,
    support_url: str | None = None,
    **values: Any,
) -> Message:
    """A mail of this kind as a teacher or a contact of the sample district would get it; ``values`` replace some of its own."""
    settings = replace(_DISTRICT, locale=language, name=district, support_url=support_url)
    given = {**VALUES[kind], **values}
    if "reason" in given:
        code = "fetch_login_refused" if kind is Kind.SOURCE_FAILED else "too_many_removed"
        reason = {"code": code, "message": given["reason"]}
        given["reason"] = reason_in(reason, language)["message"]
    return MAILS[kind](brand or Brand(web_url=WEB), settings, to="m.ortega@riverbend.example", **given)


def mail(kind: str, language: str, *, dark: bool) -> str | None:
    """The HTML of one mail, alone; ``dark`` as a reader with dark colours sees it. None when there is no such mail."""
    if kind not in Kind or language_for(language) != language:
        return None
    page_of_mail = sample(Kind(kind), language).html
    return page_of_mail.replace("@media (prefers-color-scheme:dark)", "@media all") if dark else page_of_mail


def page() -> str:
    """The page with all of them."""
    mails = [
        {
            "id": f"{kind}-{language}",
            "title": f"{kind.replace('_', ' ').capitalize()}, {language}",
            "address": f"/gallery/{kind}/{language}",
            "language": language,
            "message": sample(kind, language),
        }
        for kind in Kind
        for language in languages()
    ]
    return local_environment().get_template("gallery.html").render(mails=mails, phone=PHONE, desktop=DESKTOP)
