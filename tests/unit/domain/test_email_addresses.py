"""Which texts are addresses, and in which form they are compared (M6)."""

from __future__ import annotations

import pytest

from shared.domain.email_address import normalise


@pytest.mark.parametrize(
    "text", [None, "", "  ", "ada", "ada@", "@school.example", "ada@school", "ada@[10.0.0.1]", '"ada"@school.example']
)
def test_what_is_no_address_is_none(text: str | None) -> None:
    assert normalise(text) is None


def test_addresses_are_compared_in_small_letters() -> None:
    assert normalise(" Ada.Lovelace@School.EXAMPLE ") == "ada.lovelace@school.example"


def test_letters_that_look_like_others_take_no_part_in_matching() -> None:
    assert normalise("mi\N{KELVIN SIGN}e@school.example") is None
    assert normalise("\N{LATIN SMALL LETTER LONG S}am@school.example") is None


def test_an_address_has_at_most_254_characters() -> None:
    longest = "ada@" + ".".join(["x" * 61] * 4) + ".io"
    assert len(longest) == 254
    assert normalise(longest) == longest
    assert normalise("b" + longest) is None
