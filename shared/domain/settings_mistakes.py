"""What can be wrong with a settings file: each mistake once, with how to write it instead, so that reports can translate it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

BETWEEN = "; "
"""Stands between two mistakes of one message."""
_LONGEST_PLACE = 80


def _(text: str) -> str:
    """Mark a text for the catalogue of translations."""
    return text


class Mistake(StrEnum):
    """A mistake of a setting, as a template with ``%(name)s`` for what is filled in."""

    ANYBODYS = _("%(domain)s is a mail provider's, where anybody can have an address; leave it out")
    ENDS_BEFORE = _('ends before it begins; write the first day under "from" and the last one under "to"')
    LONG_PAUSE = _("a pause has at most %(days)s days")
    MISSING = _("is missing; write it")
    NO_ADDRESS = _("is no email address")
    NO_ADDRESS_OF_ITS_OWN = _("is no email address; write each address as an entry of its own")
    NO_BOOLEAN = _("write true or false")
    NO_DATE = _("write a date like 2026-09-01")
    NO_DISTRICT_ID = _("must be 1 to 64 of a–z, 0–9 and -")
    NO_DOMAIN = _("write domains like school.example")
    NO_JSON = _("is no JSON; look at line %(line)s, column %(column)s")
    NO_LIST = _("write a list, in square brackets")
    NO_NUMBER = _("write a whole number")
    NO_OBJECT = _("write an object, in curly brackets")
    NO_PERCENTAGE = _("write a number")
    NO_PUBLIC_ADDRESS = _("write an address that begins with https:// and names a public host")
    NO_SETTING = _("is no setting; leave it out")
    NO_SETTING_BUT = _("is no setting; did you mean %(near)s?")
    NO_TEXT = _("write a text, in quotes")
    NO_TIME = _("write a time like 18:00")
    NO_TIME_ZONE = _("must be an IANA time zone, for example America/Chicago")
    NO_WEB_ADDRESS = _("must start with https:// or mailto:")
    NO_WEEKDAY = _("is no weekday; write for example monday or mon")
    NO_WEEKDAYS = _("must be a list of weekday names")
    NOT_AN_OBJECT = _("is no JSON object")
    NOT_ONE_OF = _("write one of these: %(words)s")
    ODD_LETTERS = _("holds letters that it may not have")
    OTHER_SECRET = _("write the name of a secret of this district's own, which begins with %(prefix)s")
    TOO_DEEP = _("is too deep; write the settings as the documentation shows them")
    TOO_LARGE = _("must be %(most)s at most")
    TOO_LONG = _("is too long; %(most)s letters are the most")
    TOO_MANY = _("has too many entries; %(most)s are the most")
    TOO_MANY_DOMAINS = _("at most %(most)s domains, shared ones among them")
    TOO_SHORT = _("is too short; %(least)s letters are the least")
    TOO_SMALL = _("must be %(least)s at least")
    UNREADABLE = _("cannot be read; write it as the documentation shows it")
    WINDOW = _('a window has "from" and "to" and nothing else')
    WRONG_NUMBER_OF = _("has not as many entries as it needs")

    def of(self, place: str, **filled_in: object) -> str:
        """What a report says of the setting at this place."""
        return f"{place}: {self % filled_in if filled_in else self.value}"


_OF_TYPES: Final[Mapping[str, Mistake]] = {
    "missing": Mistake.MISSING,
    "bool_parsing": Mistake.NO_BOOLEAN,
    "bool_type": Mistake.NO_BOOLEAN,
    "tuple_type": Mistake.NO_LIST,
    "list_type": Mistake.NO_LIST,
    "int_type": Mistake.NO_NUMBER,
    "int_parsing": Mistake.NO_NUMBER,
    "int_parsing_size": Mistake.NO_NUMBER,
    "int_from_float": Mistake.NO_NUMBER,
    "float_type": Mistake.NO_PERCENTAGE,
    "float_parsing": Mistake.NO_PERCENTAGE,
    "finite_number": Mistake.NO_PERCENTAGE,
    "model_type": Mistake.NO_OBJECT,
    "model_attributes_type": Mistake.NO_OBJECT,
    "dict_type": Mistake.NO_OBJECT,
    "string_type": Mistake.NO_TEXT,
    "string_unicode": Mistake.ODD_LETTERS,
    "string_pattern_mismatch": Mistake.ODD_LETTERS,
}


def of_errors(errors: Iterable[ErrorDetails]) -> list[str]:
    """What a report says of the errors that pydantic found, each once."""
    # Of what may be empty or have entries, pydantic says both.
    return [*dict.fromkeys(_of_error(error) for error in errors if "tuple[]" not in error["loc"])]


def _of_error(error: ErrorDetails) -> str:
    named = (str(part) for part in error["loc"])
    place = ".".join(part for part in named if "[" not in part)[:_LONGEST_PLACE] or "district.json"
    kind, found = error["type"], error.get("ctx", {})
    if kind == "value_error":
        # The validators of District raise one with the mistake as its text.
        return f"{place}: {found['error']}"
    mistake, filled_in = _with_numbers(kind, found)
    return mistake.of(place, **filled_in)


def _with_numbers(kind: str, found: Mapping[str, object]) -> tuple[Mistake, dict[str, object]]:
    match kind:
        case "greater_than_equal":
            return Mistake.TOO_SMALL, {"least": found["ge"]}
        case "less_than_equal":
            return Mistake.TOO_LARGE, {"most": found["le"]}
        case "string_too_long":
            return Mistake.TOO_LONG, {"most": found["max_length"]}
        case "string_too_short":
            return Mistake.TOO_SHORT, {"least": found["min_length"]}
        case "too_long" if found.get("max_length") is not None:
            return Mistake.TOO_MANY, {"most": found["max_length"]}
        case "too_short" | "too_long":
            return Mistake.WRONG_NUMBER_OF, {}
        case "literal_error":
            return Mistake.NOT_ONE_OF, {"words": str(found["expected"]).replace("'", "").replace(" or ", ", ")}
        case "json_invalid":
            return _no_json(str(found.get("error", "")))
    if kind.startswith(("date_", "time_")):
        return (Mistake.NO_DATE if kind.startswith("date_") else Mistake.NO_TIME), {}
    return _OF_TYPES.get(kind, Mistake.UNREADABLE), {}


def _no_json(error: str) -> tuple[Mistake, dict[str, object]]:
    place = re.search(r"line (\d+) column (\d+)", error)
    if "recursion" in error:
        return Mistake.TOO_DEEP, {}
    return (Mistake.NO_JSON, {"line": place[1], "column": place[2]}) if place else (Mistake.NOT_AN_OBJECT, {})


def mistakes_of(text: str) -> Iterator[tuple[str, str]]:
    """(place, mistake) of each mistake of a message, whose advice may hold what stands between two."""
    place, said = "", list[str]()
    for part in text.split(BETWEEN):
        begins = _PLACE.match(part)
        if begins:
            if said:
                yield place, BETWEEN.join(said)
            place, said = begins[1], [part[begins.end() :]]
        else:
            said.append(part)
    yield place, BETWEEN.join(said)


_PLACE = re.compile(r"([^\s:]{1,120}): ")
