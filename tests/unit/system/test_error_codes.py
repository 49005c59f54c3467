"""docs/errors.md lists every error code of the source, with what it means and what to do."""

from __future__ import annotations

import pytest

from tests import error_codes
from tests.error_codes import LIST, Section, in_list, in_source, is_in_source, updated


def test_the_list_is_as_make_errors_would_write_it() -> None:
    assert LIST.read_text() == updated(), "run `make errors`"


def test_every_code_of_the_source_is_listed() -> None:
    assert in_source().keys() <= in_list().keys()


def test_every_listed_code_is_in_the_source_and_explained() -> None:
    rows = in_list()
    assert [code for _, code in rows if not is_in_source(code)] == []
    assert [code for (_, code), texts in rows.items() if not all(text.strip() for text in texts)] == []


def test_every_section_has_codes() -> None:
    assert {section for section, _ in in_source()} == set(Section)


def test_a_new_code_gets_a_row_with_its_message(monkeypatch: pytest.MonkeyPatch) -> None:
    known = in_source()
    new = (Section.NOTES, "moon_is_full")
    monkeypatch.setattr(error_codes, "in_source", lambda: known | {new: "The moon is full."})
    assert "| `moon_is_full` | The moon is full. |  |" in updated()
