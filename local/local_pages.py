"""Pages of the local stack itself, in the product's design: mail that was sent, every kind of mail, and the design."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from shared.mail.palette import contrast, palette
from shared.runtime.i18n import environment, long_date
from shared.runtime.settings import Brand

_TEMPLATES = Path(__file__).parent / "templates"
_PAGES = Path(__file__).parent.parent / "functions" / "pages"
_BRAND = Brand(web_url="")

INKS = {
    "light": [
        ("text", "page"), ("text", "card"), ("text", "panel"), ("quiet", "page"), ("quiet", "card"), ("link", "page"),
        ("link", "card"), ("on_button", "button"), ("problem", "problem_tint"), ("warning", "warning_tint"),
        ("success", "success_tint"),
    ],
    "dark": [
        ("dark_text", "dark_page"), ("dark_text", "dark_card"), ("dark_text", "dark_panel"), ("dark_quiet", "dark_page"),
        ("dark_quiet", "dark_card"), ("link_in_the_dark", "dark_page"), ("link_in_the_dark", "dark_card"),
        ("on_button", "button"), ("dark_problem", "dark_problem_tint"), ("dark_warning", "dark_warning_tint"),
        ("dark_success", "dark_success_tint"),
    ],
}  # fmt: skip
"""What is written on what, by the names of the palette, in each scheme."""


@dataclass(frozen=True, slots=True)
class SentMail:
    """A mail that was sent from this machine; ``sent_at`` in the machine's own time."""

    to: str
    subject: str
    html: str
    text: str
    sent_at: datetime | None

    @property
    def day(self) -> str:
        """When, as people write it."""
        return f"{long_date('en', self.sent_at.date())}, {self.sent_at:%H:%M:%S}" if self.sent_at else ""


@cache
def local_environment() -> Environment:
    """Return the templates of local pages, which may use those of the product."""
    env = environment(_PAGES, "en").overlay(loader=FileSystemLoader([_TEMPLATES, _PAGES]))
    env.globals["colour"] = palette(_BRAND.brand_colour)
    return env


def mail_page(mails: list[SentMail], *, to: str = "") -> str:
    """The page of all sent mail, or of that to addresses with ``to`` in them."""
    shown = [mail for mail in mails if to.lower() in mail.to.lower()]
    return local_environment().get_template("mail.html").render(mails=shown, all=len(mails), to=to)


def design_page() -> str:
    """The living page of the design: each component as the product's own style sheet shows it (docs/design.md)."""
    made = palette(_BRAND.brand_colour)
    schemes = [
        (scheme, [(ink, getattr(made, ink), ground, getattr(made, ground)) for ink, ground in pairs])
        for scheme, pairs in INKS.items()
    ]
    return local_environment().get_template("design.html").render(schemes=schemes, contrast=contrast)
