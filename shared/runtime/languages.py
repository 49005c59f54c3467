"""Which languages there are, and their texts. What makes pages and mails of them is in ``i18n``."""

from __future__ import annotations

from functools import cache
from gettext import GNUTranslations, NullTranslations, translation
from pathlib import Path

_LOCALE = Path(__file__).parent.parent / "locale"


def languages() -> list[str]:
    """Return English and each language that has a folder under ``shared/locale``."""
    return ["en", *sorted(folder.name for folder in _LOCALE.iterdir() if folder.is_dir())]


def language_for(*wanted: str | None) -> str:
    """Return the language of the first of these locales (``es-MX``, ``en``) that there is a translation for; else English."""
    known = languages()
    for locale in wanted:
        language = (locale or "").replace("_", "-").split("-")[0].lower()
        if language in known:
            return language
    return "en"


@cache
def translations(language: str, *, familiar: bool = False) -> NullTranslations | GNUTranslations:
    """The texts of a language; ``familiar`` as children are spoken to, where that differs (``familiar.po``: tú, not usted).

    Raises FileNotFoundError when a language's texts were not compiled.
    """
    if language == "en":
        return NullTranslations()
    formal = translation("messages", _LOCALE, [language])
    if not familiar:
        return formal
    spoken = translation("familiar", _LOCALE, [language], fallback=True)
    spoken.add_fallback(formal)
    return spoken
