"""A mail as it is built from templates: subject, HTML and text in one language."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shared.i18n import environment, translations

_BREAKS = re.compile(r"[\r\n\u0085\u2028\u2029\x00-\x1f\x7f]+")


@dataclass(frozen=True, slots=True)
class Message:
    """One mail. ``to`` is one stored address; ``headers`` and ``tags`` hold no personal data."""

    to: str
    subject: str
    html: str
    text: str
    headers: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


def build(
    templates: Path,
    template: str,
    language: str,
    /,
    *,
    to: str,
    subject: str,
    headers: dict[str, str] | None = None,
    tags: dict[str, str] | None = None,
    **values: Any,
) -> Message:
    """The mail that ``{template}.html`` and ``{template}.txt`` make of these values; no value can break a line of a header."""
    env = environment(templates, language)
    values = {"lang": language, "subject": one_line(subject), **values}
    return Message(
        to,
        one_line(subject),
        env.get_template(f"{template}.html").render(values),
        env.get_template(f"{template}.txt").render(values),
        {key: one_line(value) for key, value in (headers or {}).items()},
        tags or {},
    )


def translated(language: str, text: str, **values: str) -> str:
    """A short text, such as a subject, in this language."""
    return translations(language).gettext(text) % values


def one_line(text: str) -> str:
    """A text for a mail header: no line breaks, so that no value can add a header (ASVS 1.3.11)."""
    return _BREAKS.sub(" ", text).strip()
