"""What people read is plain: at the grade of an eleven-year-old, and with one word for each thing (docs/words.md)."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po

from shared.runtime.languages import languages
from tests.readability import measure, measure_all, syllables_of_english, syllables_of_spanish
from tests.tree import ROOT

GRADE = 6.0
ALONE = {"en": 6.0, "es": 7.0}
"""Of one text of ``LONG`` words or more; a formula says little of fewer."""
LONG = 10
OF_STAFF = re.compile(
    r"functions/pages/(?:console|help)/|held_import|pause|digest|first_mails|first_wave|source_failed"
)
"""What district staff read, who know what a roster is."""
_OPTIONS: Mapping[str, str] = {"trimmed": "true", "newstyle_gettext": "true"}


class Text(NamedTuple):
    """A text of a page or a mail, in each language."""

    template: str
    said: dict[str, str]


@cache
def texts() -> tuple[Text, ...]:
    with (ROOT / "shared/locale/es/LC_MESSAGES/messages.po").open("rb") as file:
        spanish = read_po(file, locale="es")
    found = []
    for folder in ("functions", "shared/mail/templates"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".html", ".txt"):
                for _, message, *_rest in extract_from_file("jinja2", path, options=_OPTIONS):
                    first, many = (message, message) if isinstance(message, str) else (message[0], message[1])
                    message_of = spanish.get(first)
                    assert message_of is not None, f"run `make texts`: {first}"
                    translated = message_of.string if isinstance(message_of.string, str) else message_of.string[-1]
                    found.append(Text(path.relative_to(ROOT).as_posix(), {"en": many, "es": translated}))
    return tuple(found)


def by_template() -> dict[str, list[Text]]:
    grouped = defaultdict(list)
    for text in texts():
        grouped[text.template].append(text)
    return grouped


def is_sentence(text: str) -> bool:
    """Whether it is more than a label, a heading of a few words or a button."""
    return len(text.split()) >= 4


@pytest.mark.parametrize("language", languages())
def test_each_page_and_mail_reads_at_grade_six(language: str) -> None:
    grades = {
        template: whole.grade(language)
        for template, found in by_template().items()
        if (whole := measure_all((t for text in found if is_sentence(t := text.said[language])), language)).words >= 20
    }

    assert {template: round(grade, 1) for template, grade in grades.items() if grade > GRADE} == {}
    assert len(grades) > 40


@pytest.mark.parametrize("language", languages())
def test_no_text_is_much_harder_than_its_page(language: str) -> None:
    hard = {
        said: round(found.grade(language), 1)
        for text in texts()
        if not OF_STAFF.search(text.template)
        and (found := measure(said := text.said[language], language)).words >= LONG
        and found.grade(language) > ALONE[language]
    }
    assert hard == {}


OTHER_WORDS = {
    "en": {
        r"roster\w*": "your school's list",
        r"official(?! %\(brand\)s account)": "the mail's subject alone says it",
        r"join(?:ed|s|ing)?": "link, linked",
        r"held|withheld": "on hold; not sent",
        r"tidy": "clean up",
        r"both sides|each side": "say which: your school record, your account",
        r"district edition": "%(brand)s Districts",
        r"prove[ds]?": "confirm",
        r"mails?": "email",
        r"ticks?|ticked": "check",
        r"any more": "no longer",
        r"match\w*": "own account",
        r"deltas?|applied": "changes; count",
        r"invitation": "your account, the email",
        r"(?:class|classes) from before|from before": "old classes",
        r"Write to support|ask support": "Get support, Ask for help",
        r"sign in|sign out|login in": "log in, log out",
    },
    "es": {
        r"soporte|servicio de ayuda": "ayuda",
        r"avisos?": "recordatorios, correos",
        r"[Ee]ntrar en": "Entrar a",
        r"ha funcionado": "no funcionó",
        r"[Cc]ompruebe": "Revise",
        r"enseguida": "de inmediato",
        r"puntuaci\w+": "calificación",
        r"le lleva adelante": "Use el mismo botón",
        r"ambos lados|cada lado": "su registro escolar, su cuenta",
        r"figura\w*": "está, aparece en la lista",
        r"coincidencias?": "cuenta propia",
        r"[Pp]oner orden|ordene": "limpiar",
        r"correo electrónico|e-mail": "correo",
    },
}
"""Words that people are not told, and what stands in their place."""


@pytest.mark.parametrize("language", languages())
def test_one_word_for_each_thing(language: str) -> None:
    found = {
        (said, match[0])
        for text in texts()
        if not OF_STAFF.search(text.template)
        for other in OTHER_WORDS[language]
        if (match := re.search(rf"\b(?:{other})\b", said := text.said[language]))
    }
    assert found == set()


def test_the_document_names_the_words_that_the_test_holds() -> None:
    told = Path(ROOT / "docs/words.md").read_text(encoding="utf-8")
    assert [better for words in OTHER_WORDS.values() for better in words.values() if better not in told] == []


def test_syllables_are_counted_as_they_are_spoken() -> None:
    english = {
        "account": 2,
        "district": 2,
        "assignment": 3,
        "classes": 2,
        "used": 1,
        "needed": 2,
        "people": 2,
        "table": 2,
    }
    spanish = {"cuenta": 2, "día": 2, "país": 2, "quiere": 2, "estudiante": 4, "leer": 2, "guía": 2, "habilidades": 5}

    assert {word: syllables_of_english(word) for word in english} == english
    assert {word: syllables_of_spanish(word) for word in spanish} == spanish


@pytest.mark.parametrize(
    ("language", "text", "grade"),
    [
        ("en", "The cat sat on the mat.", -1.45),
        (
            "en",
            "You get this reminder because your district gave us this address. Nothing changes until you log in.",
            5.08,
        ),
        ("es", "El gato está en la mesa.", 1.93),
    ],
)
def test_a_text_has_the_grade_that_the_formula_gives_it(language: str, text: str, grade: float) -> None:
    assert measure(text, language).grade(language) == pytest.approx(grade, abs=0.01)
