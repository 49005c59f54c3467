"""How a mail is made of its templates: subject, HTML and text in one language. ``messages`` has a function for each mail.

Every kind of mail fills the blocks of one frame (``templates/frame.html`` and ``frame.txt``); every style stands once, in
``templates/styles.html``. See docs/decisions/0014-mails-share-one-frame.md.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field, is_dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import quote

from shared.mail.palette import palette
from shared.mail.plain_text import one_line, plain
from shared.runtime.languages import translations
from shared.runtime.settings import Brand

TEMPLATES = Path(__file__).parent / "templates"

_ADDRESSES = {"address", "support_url", "district_login", "real"}
_COPIED = {"import_id", "district_id", "upload", "code", "sender", "domain", "host", "first_subject"}
"""Ids and codes of ours and ``shown_key``, which people copy from a mail: nothing that is not seen may stand in them."""
_NOT_IN_AN_ADDRESS = re.compile(r"[\s\x00-\x1f\x7f<>\"]")
_TOO_MANY_BREAKS = re.compile(r"\n{3,}")


class Kind(StrEnum):
    """The mails there are; each has a template of its name. A bulk mail can be stopped in one click (RFC 8058)."""

    ACTIVATION = "activation"
    REMINDER = "reminder"
    NUDGE = "nudge"
    HELD_IMPORT = "held_import"
    PAUSE = "pause"
    FIRST_MAILS = "first_mails"
    FIRST_WAVE_STOPPED = "first_wave_stopped"
    SOURCE_FAILED = "source_failed"
    DIGEST = "digest"
    LINKED = "linked"
    UNDONE = "undone"
    OWN_CODE = "own_code"
    OWN_TAKEN = "own_taken"
    OWN_ADDED = "own_added"

    @property
    def bulk(self) -> bool:
        return self in (Kind.REMINDER, Kind.NUDGE)


DISTRICT_TAG = "district"
"""The tag by which what SES reports of a mail is counted for its district."""


@dataclass(frozen=True, slots=True)
class Message:
    """One mail. ``to`` is one stored address; ``headers`` and ``tags`` hold no personal data."""

    to: str
    subject: str
    html: str
    text: str
    headers: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def district_id(self) -> str:
        """The district that the mail is of; empty if it is of none."""
        return self.tags.get(DISTRICT_TAG, "")


def build(
    kind: Kind,
    language: str,
    /,
    *,
    to: str,
    subject: str,
    brand: Brand,
    stop: str = "",
    tags: dict[str, str] | None = None,
    **values: Any,
) -> Message:
    """The mail that this kind's templates make of these values.

    ``stop`` is the address that ends a bulk mail; with it come the headers of RFC 8058 and the brand's postal address.
    All other values but addresses are taken for somebody's own words: they cannot break a line, be markup or become a link.
    Raises ValueError when a bulk mail has no ``stop`` or another mail has one, or an address is none.
    """
    if kind.bulk is not bool(stop):
        raise ValueError(f"{kind} {'needs' if kind.bulk else 'has no'} address to stop it")
    from shared.runtime.i18n import direction, environment, long_date  # with jinja2; most events make no mail

    subject = one_line(subject)
    shown = {
        **{name: _value(name, value) for name, value in values.items()},
        "lang": language,
        "dir": direction(language),
        "subject": subject,
        "brand": one_line(brand.brand_name),
        "logo": brand.brand_logo_url,
        "colour": palette(brand.brand_colour),
        "stop": _address(stop) if stop else "",
        "postal_address": one_line(brand.postal_address),
        "long_date": lambda day: long_date(language, day),
    }
    env = environment(TEMPLATES, language)
    shown["css"] = env.get_template("styles.html").make_module(shown)
    html = env.get_template(f"{kind}.html").render(shown)
    text = env.get_template(f"{kind}.txt").render(shown)
    headers = {"List-Unsubscribe": f"<{stop}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"} if stop else {}
    return Message(to, subject, html, _tidy(text), headers, {"kind": kind.value, **(tags or {})})


def translated(language: str, text: str, **values: str) -> str:
    """A short text, such as a subject, in this language."""
    return translations(language).gettext(text) % values


def _value(name: str, value: Any) -> Any:
    if name in _ADDRESSES:
        return _address(value)
    return one_line(value) if name in _COPIED else _shown(value)


def _shown(value: Any) -> Any:
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, list | tuple):
        return [_shown(each) for each in value]
    if isinstance(value, dict):
        return {name: _shown(each) for name, each in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return _shown(asdict(value))
    return value


def _address(value: str) -> str:
    if not value.startswith(("https://", "http://", "mailto:")):
        raise ValueError("an address in a mail begins with https:// or mailto:")
    return _NOT_IN_AN_ADDRESS.sub(lambda found: quote(found[0]), value)


def _tidy(text: str) -> str:
    """Paragraphs with one empty line between them, however the template's blocks fell."""
    lines = "\n".join(line.rstrip() for line in text.splitlines())
    return _TOO_MANY_BREAKS.sub("\n\n", lines).strip() + "\n"
