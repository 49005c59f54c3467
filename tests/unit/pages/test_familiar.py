"""Spanish says tú to a child and usted to everybody else (docs/words.md)."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from babel.messages.pofile import read_po
from selectolax.lexbor import LexborHTMLParser

from tests.browser.every_page import Riverbend, every_state
from tests.tree import ROOT

FORMAL = re.compile(
    r"\b(usted|sus?|suy[ao]s?|Puede|Conserva|Recibe|Entr[eó]|Us[eó]|Elija|Pida|Vincúlel[ao]|Tenía|Inicie|Revise|le)\b"
)
FAMILIAR = re.compile(r"\b(tus?|tuy[ao]s?|Puedes|Conservas|Recibes|Entraste|Pide|Te|te|Tenías)\b")
OF_STUDENTS = ("welcome", "link-student", "link-older-account", "home-student", "home-student-new")
OF_TEACHERS = ("link", "home-teacher", "home-teacher-to-link")
LOCALE = ROOT / "shared/locale/es/LC_MESSAGES"


@pytest.fixture(scope="module")
def begun() -> Riverbend:
    return Riverbend()


def in_spanish(begun: Riverbend, state: str) -> str:
    walk: Callable[[Riverbend], object] = dict(every_state())[state]
    riverbend = Riverbend(begun)
    walk(riverbend)
    main = LexborHTMLParser(str(riverbend.shown.answer("es").body)).css_first("main")
    assert main is not None
    return " ".join(main.text(separator=" ").split())


@pytest.mark.parametrize("state", OF_STUDENTS)
def test_a_child_is_spoken_to_as_one(begun: Riverbend, state: str) -> None:
    said = in_spanish(begun, state)

    assert (FORMAL.findall(said), bool(FAMILIAR.search(said))) == ([], True), said


@pytest.mark.parametrize("state", OF_TEACHERS)
def test_a_teacher_is_not(begun: Riverbend, state: str) -> None:
    said = in_spanish(begun, state)

    assert (FAMILIAR.findall(said), bool(FORMAL.search(said))) == ([], True), said


def test_what_is_said_to_children_has_the_same_texts_and_names() -> None:
    with (LOCALE / "messages.po").open("rb") as of_all, (LOCALE / "familiar.po").open("rb") as of_children:
        every, familiar = read_po(of_all, locale="es"), read_po(of_children, locale="es")
    for message in familiar:
        if message.id:
            first = message.id if isinstance(message.id, str) else message.id[0]
            assert first in every, f"no page says {first!r}"
            forms = [message.string] if isinstance(message.string, str) else list(message.string)
            names = set(re.findall(r"%\(\w+\)s", first))
            assert [set(re.findall(r"%\(\w+\)s", form)) for form in forms] == [names] * len(forms)
