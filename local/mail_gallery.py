"""A gallery of every kind of mail, in each language, part and width, from sample data; `make local` shows it at /gallery."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

from shared.mail.rendering import SUBJECTS, Kind, Message, build, translated
from shared.runtime.i18n import language_for, languages
from shared.runtime.settings import Brand

WEB = "https://accounts.riverbend.example"
DISTRICT = "Riverbend Unified School District"
PHONE, DESKTOP = 360, 1280

_TOKEN = "kq2VbX0cQm7nJd4sTfGy1uHaLw9eRz5oPi8xNv3BtEs"
_INVITATION = {
    "name": "Marisol Ortega-Whitfield",
    "district": DISTRICT,
    "schools": ["Riverbend Middle School"],
    "address": f"{WEB}/activate/{_TOKEN}",
    "expires": date(2026, 12, 24),
}


_LINK_NOTICE = {
    "name": "Marisol Ortega-Whitfield",
    "district": DISTRICT,
    "official_email": "m…a@riverbend.example",
    "account_name": "Marisol O.",
    "username": "m…2",
    "email": "m…1@mail.example",
    "day": date(2026, 11, 24),
    "time": "10:04",
}


def _previous(name: str, students: int, *, moved: int, into: str) -> dict[str, Any]:
    return {"name": name, "students": students, "goals": 3, "assignments": 1, "moved": moved, "into": into}


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
            _previous("Period 3 Algebra", 28, moved=26, into="Algebra 1 – 3"),
            _previous("Period 5 Algebra (2025)", 31, moved=29, into="Algebra 1 – 5, Algebra 1 – 6"),
        ],
        "asked": [_previous("Math club & tournament prep", 12, moved=5, into="Algebra 1 – 3")],
        "address": f"{WEB}/cleaning",
        "stop": f"{WEB}/unsubscribe/{_TOKEN}",
    },
    Kind.DIGEST: {
        "district": DISTRICT,
        "classes": 68,
        "teachers": 41,
        "schools": [
            {"name": "Riverbend Middle School", "classes": 41, "percent": 100},
            {"name": "Sycamore Street Elementary", "classes": 19, "percent": 46},
            {"name": "", "classes": 2, "percent": 4},
        ],
        "others": 6,
        "address": f"{WEB}/console/riverbend",
    },
    Kind.LINKED: {**_LINK_NOTICE, "proof": "activation", "address": f"{WEB}/notice/{_TOKEN}"},
    Kind.UNDONE: {**_LINK_NOTICE, "proof": "", "address": f"{WEB}/home"},
    Kind.HELD_IMPORT: {
        "district": DISTRICT,
        "upload": "rosters/riverbend/nightly-2026-11-24.zip",
        "reason": "412 of 3,180 people are missing from this roster, more than the 10 % that may go without a question.",
        "address": f"{WEB}/console/riverbend",
        "district_id": "riverbend",
        "import_id": "20261124T031502Z-7f3a",
    },
}
"""The values of each kind of mail, for the sample district."""


def sample(kind: Kind, language: str, brand: Brand | None = None, **values: Any) -> Message:
    """A mail of this kind as a teacher or a contact of the sample district would get it; ``values`` replace some of its own."""
    brand = brand or Brand(web_url=WEB)
    given = {"support_url": brand.support_url, **VALUES[kind], **values}
    subject = translated(language, SUBJECTS[kind], brand=brand.brand_name, district=DISTRICT)
    return build(kind, language, to="m.ortega@riverbend.example", subject=subject, brand=brand, **given)


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
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True)
    return environment.get_template("gallery.html").render(mails=mails, phone=PHONE, desktop=DESKTOP)
