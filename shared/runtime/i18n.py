"""Languages: texts are written in English in the templates and translated by gettext; a third language is one file."""

from __future__ import annotations

import marshal
from datetime import date
from functools import cache
from hashlib import sha256
from pathlib import Path

from jinja2 import BytecodeCache, Environment, FileSystemLoader, StrictUndefined, select_autoescape
from jinja2.bccache import Bucket

from shared.runtime.languages import languages, translations
from shared.runtime.start_up import compiled_ahead, for_this_python

_RIGHT_TO_LEFT = {"ar", "dv", "fa", "he", "ku", "ps", "sd", "ug", "ur", "yi"}


def language_accepted(header: str | None) -> str | None:
    """Return the best language of an ``Accept-Language`` header that there is a translation for, or None."""
    known = languages()
    choices = []
    for part in (header or "").split(",")[:20]:
        tag, _, quality = part.strip().partition(";q=")
        language = tag.split("-")[0].lower()
        if language in known:
            try:
                choices.append((float(quality or 1), language))
            except ValueError:
                continue
    return max(choices, key=lambda choice: choice[0])[1] if choices else None


def direction(language: str) -> str:
    """Return the direction of a language, for HTML's ``dir``."""
    return "rtl" if language in _RIGHT_TO_LEFT else "ltr"


def own_name(language: str) -> str:
    """Return the name of a language in itself: its translation of the word "English"."""
    _ = translations(language).gettext
    return _("English")


def long_date(language: str, day: date) -> str:
    """Return a day with its month as a word, in the order of this language."""
    _ = translations(language).gettext
    months = [
        _("January"), _("February"), _("March"), _("April"), _("May"), _("June"),
        _("July"), _("August"), _("September"), _("October"), _("November"), _("December"),
    ]  # fmt: skip
    return _("%(month)s %(day)s, %(year)s") % {"month": months[day.month - 1], "day": day.day, "year": day.year}


@cache
def environment(templates: Path, language: str, *, familiar: bool = False) -> Environment:
    """Return the templates of one language, ``familiar`` as children are spoken to. Values are escaped; a missing value is an
    error."""
    env = Environment(
        loader=FileSystemLoader(templates),
        bytecode_cache=CompiledAhead(),
        autoescape=select_autoescape(disabled_extensions=("txt",), default=True),
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    env.install_gettext_translations(translations(language, familiar=familiar), newstyle=True)  # type: ignore[attr-defined]
    return env


class CompiledAhead(BytecodeCache):
    """The code of templates, which the build wrote beside them; a template that is another one by now is compiled."""

    @staticmethod
    def place(template: Path) -> Path:
        """The file of the code of this template."""
        return template.with_name(f"{template.name}.bin")

    @staticmethod
    def content(source: str, code: bytes) -> bytes:
        """What is in that file, for this source and its marshalled code."""
        return for_this_python(sha256(source.encode()).hexdigest().encode() + code)

    def get_cache_key(self, name: str, filename: str | None = None) -> str:
        return filename or name

    def get_source_checksum(self, source: str) -> str:
        return sha256(source.encode()).hexdigest()

    def load_bytecode(self, bucket: Bucket) -> None:
        ahead = compiled_ahead(self.place(Path(bucket.key)))
        of_this_source = bucket.checksum.encode()
        if ahead and ahead.startswith(of_this_source):
            bucket.code = marshal.loads(ahead[len(of_this_source) :])  # noqa: S302 - written by the build, beside the template

    def dump_bytecode(self, bucket: Bucket) -> None:
        """What was compiled here is kept by the environment; Lambda's disk is read-only."""
