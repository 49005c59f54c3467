"""A cookie's name is compared byte for byte: only a browser that follows the rules of ``__Host-`` can have set ours."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from functions.pages.http import SESSION_COOKIE, Request

BLANKS = [chr(code) for code in range(sys.maxunicode + 1) if chr(code).isspace() and chr(code) not in " \t"]
INVISIBLE = ["\u200b", "\u2060", "\ufeff", "\u00ad", "\x00", "\x7f"]


def cookies(*pairs: str, header: str = "") -> dict[str, str]:
    event: dict[str, Any] = {
        "requestContext": {"http": {"method": "GET"}},
        "headers": {"cookie": header} if header else {},
        "cookies": list(pairs),
    }
    return dict(Request.from_event(event).cookies)


@pytest.mark.parametrize("blank", [*BLANKS, *INVISIBLE], ids=lambda blank: f"U+{ord(blank):04X}")
@pytest.mark.parametrize("form", ["{blank}{name}", "{name}{blank}", "{blank}{name}{blank}"])
def test_a_name_with_a_unicode_blank_is_another_name(blank: str, form: str) -> None:
    pair = form.format(blank=blank, name=SESSION_COOKIE) + "=evil"
    assert SESSION_COOKIE not in cookies(pair)
    assert SESSION_COOKIE not in cookies(header=f"a=b; {pair}")


@pytest.mark.parametrize(
    "name", ["__host-session", "__HOST-SESSION", "__Host-Session", "__Host‐session", "__Hoſt-session"]
)
def test_a_name_in_another_case_or_with_look_alikes_is_another_name(name: str) -> None:
    assert SESSION_COOKIE not in cookies(f"{name}=evil", header=f"{name}=evil")


@pytest.mark.parametrize(
    "pair", ["=__Host-session=evil", SESSION_COOKIE, '"__Host-session"=evil', "%5F_Host-session=evil"]
)
def test_what_is_no_pair_of_that_name_is_no_cookie_of_that_name(pair: str) -> None:
    assert SESSION_COOKIE not in cookies(pair, header=pair)


def test_the_first_of_a_name_counts_wherever_it_stands() -> None:
    assert cookies("__Host-session=first", "__Host-session=last")[SESSION_COOKIE] == "first"
    assert cookies(header="__Host-session=first; __Host-session=last")[SESSION_COOKIE] == "first"
    assert cookies("__Host-session=first", header="__Host-session=last")[SESSION_COOKIE] == "first"


def test_blank_and_tab_between_cookies_are_no_part_of_a_name() -> None:
    assert cookies(header="a=b;\t__Host-session=mine ;c=d") == {"a": "b", SESSION_COOKIE: "mine", "c": "d"}
