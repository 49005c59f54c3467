"""The platform's catalogue of skills: their names, and how a teacher picks some by name."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

_LOOKS_LIKE_AN_ID = re.compile(r"[^\s]*[\d_:/.\-][^\s]*")
"""A word that no name of a skill is taken for."""


@dataclass(frozen=True, slots=True)
class Skill:
    """A skill of the platform; ``subject`` is what it belongs to, where the platform says so."""

    skill_id: str
    title: str
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Picked:
    """What somebody typed, as skills: those that were found, and the words that name none, or more than one."""

    skill_ids: tuple[str, ...]
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True)
class SkillCatalogue:
    """All skills by id; empty where the platform gave none."""

    skills: Mapping[str, Skill] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.skills)

    def title(self, skill_id: str) -> str:
        """What a page calls a skill: its title, else its id as words, for platforms make ids of titles."""
        if skill := self.skills.get(skill_id):
            return skill.title
        words = skill_id.replace("-", " ").replace("_", " ").strip()
        return words[:1].upper() + words[1:] or skill_id

    def names(self, skill_ids: Iterable[str]) -> dict[str, str]:
        """A name for each of these skills that none of the others has."""
        wanted = list(dict.fromkeys(skill_ids))
        titles = {skill_id: self.title(skill_id) for skill_id in wanted}
        bearers: dict[str, list[str]] = defaultdict(list)
        for skill_id, title in titles.items():
            bearers[title.casefold()].append(skill_id)
        return {
            skill_id: title if len(bearers[title.casefold()]) == 1 else f"{title} ({skill_id})"
            for skill_id, title in titles.items()
        }

    def read(self, typed: str, is_an_id: Callable[[str], bool] = lambda _: False) -> Picked:
        """The skills that a text names, by title or by id, with commas or blanks between them.

        A title counts before the ids that its words may be, and the longest title first, unless all of its words are known
        ids. ``is_an_id`` says of a word that the catalogue does not know whether it is an id all the same. Without a
        catalogue every word is an id.
        """
        found: list[str] = []
        unknown: list[str] = []
        for part in self._parts(typed):
            words, lost = part.split(), list[str]()
            while words:
                count, skill_id = self._next(words, is_an_id)
                if skill_id is None:
                    lost += words[:count]
                else:
                    found.append(skill_id)
                words = words[count:]
            unknown += [" ".join(lost)] if lost else []
        return Picked(tuple(dict.fromkeys(found)), tuple(dict.fromkeys(unknown)))

    def search(self, text: str, *, most: int) -> list[Skill]:
        """The skills whose title or subject has all words of a text, or the beginnings of its words; where none has, those
        that have most of them. Titles that begin with it come first."""
        wanted = _folded(text).split()
        if not wanted:
            return []
        scored = []
        for words, skill in self._words:
            hits = sum(any(each.startswith(word) for each in words) for word in wanted)
            if hits:
                scored.append((-hits, not _folded(skill.title).startswith(" ".join(wanted)), skill.title, skill))
        best = min((score[0] for score in scored), default=0)
        return [skill for hits, _, _, skill in sorted(scored, key=lambda s: s[:3]) if hits == best][:most]

    def _parts(self, typed: str) -> Iterator[str]:
        """The text between its commas; those of a title that has some itself divide nothing."""
        parts = typed.split(",")
        while parts:
            longest = min(len(parts), self._most_parts)
            count = next((n for n in range(longest, 1, -1) if _folded(" ".join(parts[:n])) in self._by_title), 1)
            yield " ".join(parts[:count])
            parts = parts[count:]

    def _next(self, words: list[str], is_an_id: Callable[[str], bool]) -> tuple[int, str | None]:
        """How many words come next as one, and the skill that they name; None where it is not known."""
        for count in range(min(len(words), self._longest), 0, -1):
            bearers = self._by_title.get(_folded(" ".join(words[:count])), ())
            if len(bearers) == 1 and not all(word in self.skills for word in words[:count]):
                return count, bearers[0]
        word = words[0]
        is_id = not self.skills or word in self.skills or _LOOKS_LIKE_AN_ID.fullmatch(word) or is_an_id(word)
        return 1, word if is_id else None

    @cached_property
    def _by_title(self) -> dict[str, list[str]]:
        bearers: dict[str, list[str]] = defaultdict(list)
        for skill in self.skills.values():
            bearers[_folded(skill.title)].append(skill.skill_id)
        return dict(bearers)

    @cached_property
    def _longest(self) -> int:
        return max((len(title.split()) for title in self._by_title), default=1)

    @cached_property
    def _most_parts(self) -> int:
        """Into how many parts commas divide a title, at most."""
        return max((skill.title.count(",") + 1 for skill in self.skills.values()), default=1)

    @cached_property
    def _words(self) -> list[tuple[list[str], Skill]]:
        return [(_folded(f"{skill.title} {skill.subject}").split(), skill) for skill in self.skills.values()]


def _folded(text: str) -> str:
    """A text without case, accents, commas and further blanks, by which names are compared."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return " ".join(plain.casefold().replace(",", " ").split())
