"""In which language a page or a mail speaks."""

from __future__ import annotations

import pytest

from shared.runtime.i18n import language_accepted
from shared.runtime.languages import language_for


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("es", "es"),
        ("es-MX,es;q=0.9,en;q=0.8", "es"),
        ("en;q=0.5, ES;q=0.7", "es"),
        ("en,es", "en"),
        ("fr-CA, es;q=0.3", "es"),
        ("en;q=none, es;q=0.1", "es"),
        ("fr", None),
        ("", None),
        (None, None),
    ],
)
def test_a_browser_is_spoken_to_in_the_language_that_it_likes_best(header: str | None, language: str | None) -> None:
    assert language_accepted(header) == language


@pytest.mark.parametrize(
    ("wanted", "language"),
    [(("es-MX",), "es"), (("es_MX",), "es"), (("fr", "es"), "es"), ((None, "EN"), "en"), (("fr",), "en"), ((), "en")],
)
def test_the_first_language_that_there_is_counts_else_english(wanted: tuple[str | None, ...], language: str) -> None:
    assert language_for(*wanted) == language
