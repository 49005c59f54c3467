"""The map of ways: every page in each of its states, and where one gets from there in one press and in two.

``python -m tests.ways`` (``make ways``) writes docs/ways.md anew. The states are those of ``tests/browser/every_page.py``; what can
be pressed is read from each page as it is answered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from selectolax.lexbor import LexborHTMLParser

from tests.browser.every_page import Riverbend, Shown, every_state

MAP = Path(__file__).parents[1] / "docs/ways.md"
MOST_NAMED = 8
"""So many ways of a page are named in the map."""
MOST_PRESSES = 2
FURTHER = 99
"""Stands for more presses than two."""
_ANSWERED_BY = {"/": "/home", "/logout": "/login", "/login/another": "/login", "/account/older": "/login"}
"""Where what has no page of its own leads."""


class Goal(StrEnum):
    """What has to be near from everywhere."""

    HOME = "home"
    DISTRICT = "district login"
    SUPPORT = "support"


@dataclass(frozen=True, slots=True)
class Way:
    """A link or a button: its name, and the address that it leads to."""

    name: str
    address: str

    @property
    def path(self) -> str:
        return self.address.partition("?")[0].partition("#")[0]

    def reaches(self, goal: Goal) -> bool:
        match goal:
            case Goal.HOME:
                return self.path in ("/home", "/")
            case Goal.DISTRICT:
                return self.path == "/sso" or self.path.startswith("/sso/")
            case Goal.SUPPORT:
                return self.address.startswith(("https://", "mailto:"))


@dataclass(frozen=True, slots=True)
class Place:
    """A page in one of its states."""

    state: str
    template: str
    path: str
    """Where it is shown; empty for what is shown in the place of another page."""
    status: int
    ways: tuple[Way, ...]

    @property
    def is_logged_in(self) -> bool:
        return any(way.path == "/logout" for way in self.ways)


@dataclass(frozen=True, slots=True)
class MapOfWays:
    """All places, and how far each goal is from each of them."""

    places: tuple[Place, ...]

    def presses(self, place: Place, goal: Goal) -> int:
        """1 or 2, else ``FURTHER``."""
        if any(way.reaches(goal) for way in place.ways):
            return 1
        nexts = (self._behind(way) for way in place.ways)
        return 2 if any(way.reaches(goal) for next_place in nexts if next_place for way in next_place.ways) else FURTHER

    def _behind(self, way: Way) -> Place | None:
        """The page that a way leads to; None for one outside, or one that stands in no state's address."""
        path = _ANSWERED_BY.get(way.path, way.path)
        return next((place for place in self.places if place.path == path and place.status == 200), None)


def map_of_ways(language: str = "en", states: Iterable[tuple[str, Shown]] | None = None) -> MapOfWays:
    return MapOfWays(tuple(_place(state, shown, language) for state, shown in states or every_shown()))


def every_shown() -> Iterator[tuple[str, Shown]]:
    """Each state as it is answered, walked to from the same beginning."""
    begun = Riverbend()
    for state, walk in every_state():
        riverbend = Riverbend(begun)
        walk(riverbend)
        yield state, riverbend.shown


def _place(state: str, shown: Shown, language: str) -> Place:
    answer = shown.answer(language)
    path = shown.request.path if shown.request.headers else ""
    return Place(state, str(shown.reply.template), path, answer.status_code, tuple(_ways(str(answer.body))))


def _ways(html: str) -> Iterator[Way]:
    page = LexborHTMLParser(html)
    for link in page.css("a[href]"):
        if not (address := link.attributes["href"] or "").startswith("#"):
            yield Way(_name(link.attributes.get("aria-label") or link.text()), address)
    for form in page.css("form"):
        for button in form.css("button"):
            action = button.attributes.get("formaction") or form.attributes.get("action") or ""
            yield Way(_name(button.text()), action)


def _name(text: str) -> str:
    return " ".join(text.split())


def written(found: MapOfWays) -> str:
    """The document."""
    far = {goal: [found.presses(place, goal) for place in found.places] for goal in Goal}
    lines = [
        "# The map of ways",
        "",
        "Every page that a person can meet, in each of its states, with what can be pressed there, and how many presses it is from",
        "there to home, to the district's login and to support: at most two, from everywhere, in each language",
        "(`tests/unit/pages/test_map_of_ways.py`). `make ways` writes it from the pages as they are answered. Home leads who is",
        "not logged in to the login, and after that to the page that was asked for.",
        "",
        f"{len(found.places)} states, {sum(len(place.ways) for place in found.places)} ways. "
        + " ".join(f"{goal.value.capitalize()}: {_counts(far[goal])}." for goal in Goal),
        "",
        *_by_situation(found),
        "",
        "| state | page | ways on | home | district login | support |",
        "|---|---|---|---|---|---|",
    ]
    for place in found.places:
        presses = " | ".join(str(found.presses(place, goal)) for goal in Goal)
        lines.append(f"| `{place.state}` | `{place.template}` | {_named(place)} | {presses} |")
    return "\n".join([*lines, ""])


_SITUATIONS: dict[str, Callable[[Place], bool]] = {
    "not logged in": lambda place: not place.is_logged_in,
    "logged in": lambda place: place.is_logged_in,
    "linked": lambda place: place.is_logged_in and place.state.startswith(("home", "class", "cleaning", "link-undo")),
    "undone": lambda place: "undone" in place.state or place.state.startswith("notice"),
    "refused": lambda place: place.state.startswith("link-refused") or place.status == 403 or "refused" in place.state,
    "expired, used or broken link": lambda place: "-gone-" in place.state or place.state.endswith("broken"),
    "another district, or none": lambda place: any(
        part in place.state
        for part in ("other_d", "unknown_district", "not_on_roster", "provider_not_used", "sso-find")
    ),
    "busy, or broken": lambda place: place.status in (409, 429, 500),
}


def _by_situation(found: MapOfWays) -> Iterator[str]:
    yield "| situation | states | home | district login | support |"
    yield "|---|---|---|---|---|"
    for situation, is_in in _SITUATIONS.items():
        places = [place for place in found.places if is_in(place)]
        counts = " | ".join(_counts([found.presses(place, goal) for place in places]) for goal in Goal)
        yield f"| {situation} | {len(places)} | {counts} |"


def _counts(presses: list[int]) -> str:
    return ", ".join(f"{presses.count(n)} in {n}" for n in sorted(set(presses)))


def _named(place: Place) -> str:
    names = list(dict.fromkeys(way.name for way in place.ways if "lang=" not in way.address and way.name))
    rest = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return " · ".join(name.replace("|", "\\|") for name in names[:MOST_NAMED]) + rest


if __name__ == "__main__":
    MAP.write_text(written(map_of_ways()), encoding="utf-8")
