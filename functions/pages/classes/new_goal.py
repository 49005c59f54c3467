"""The form of a new goal: skills are ticked, or typed by name or id, and found without a script."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from functions.pages.classes.recreate_work import MOST_SKILLS
from functions.pages.dependencies import Services
from shared.domain.account import Account, Goal
from shared.domain.skill_catalogue import Picked, SkillCatalogue

LONGEST_TITLE = 200
_TICK = "skill-"
_MOST_OLD = 40
_MOST_FOUND = 30
_MOST_OTHERS = 60
"""So many skills of a kind are offered to be ticked: a page stays small."""
_LONGEST_FIELD = 20_000
"""Characters that are read of what was typed."""
_MOST_TYPED = 1_000
_MOST_IN_AN_ADDRESS = 3_000
"""Characters of what was filled in, as far as it travels in an address."""


@dataclass(frozen=True, slots=True)
class SkillChoice:
    """A skill that can be ticked; no other one on the page has its name."""

    skill_id: str
    name: str
    is_ticked: bool


@dataclass(frozen=True, slots=True)
class GoalForm:
    """The form as it is shown: what was filled in, and the skills to tick, found ones first, then those of old classes."""

    title: str
    unknown: tuple[str, ...]
    found: list[SkillChoice]
    old: list[SkillChoice]
    others: list[SkillChoice]
    has_catalogue: bool

    @property
    def has_choices(self) -> bool:
        return bool(self.found or self.old or self.others)


class NewGoal:
    """For the teacher of a district class."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def form(self, account: Account, filled_in: Mapping[str, str]) -> GoalForm:
        """The form with what was filled in before; what was typed is ticked where it is known, and looked for where not."""
        catalogue, old_ids = self._services.skills.catalogue(), self._old_skills(account)
        picked = catalogue.read(filled_in.get("skills", "")[:_MOST_TYPED], set(old_ids).__contains__)
        ticked = dict.fromkeys((*_ticked(filled_in), *picked.skill_ids))
        near = [skill.skill_id for text in picked.unknown for skill in catalogue.search(text, most=_MOST_FOUND)]
        found = list(dict.fromkeys((*(s for s in ticked if s not in old_ids), *near)))[: MOST_SKILLS + _MOST_FOUND]
        old = [skill for skill in old_ids if skill not in found][:_MOST_OLD]
        others = _others(catalogue, old_ids, {*found, *old})
        names = catalogue.names((*found, *old, *others))

        def choices(skill_ids: Iterable[str]) -> list[SkillChoice]:
            return [SkillChoice(skill, names[skill], skill in ticked) for skill in skill_ids]

        unknown = tuple(text for text in picked.unknown if not catalogue.search(text, most=1))
        title = filled_in.get("title", "").strip()[:LONGEST_TITLE]
        return GoalForm(title, unknown, choices(found), choices(old), choices(others), bool(catalogue))

    def read(self, account: Account, form: Mapping[str, str], members: Callable[[], list[str]]) -> Goal | str:
        """The goal that the form asks for; else what is wrong: ``goal``, or ``unknown_skills`` where a name is not known.

        ``members`` are the accounts of the class' students: what they have points in is a skill, whatever the catalogue says.
        """
        title = form.get("title", "").strip()[:LONGEST_TITLE]
        picked = self._picked(account, form.get("skills", "")[:_LONGEST_FIELD], members)
        skills = tuple(dict.fromkeys((*_ticked(form), *picked.skill_ids)))
        if picked.unknown:
            return "unknown_skills"
        return Goal(self._services.new_id(), title, skills) if title and 0 < len(skills) <= MOST_SKILLS else "goal"

    def _picked(self, account: Account, typed: str, members: Callable[[], list[str]]) -> Picked:
        catalogue = self._services.skills.catalogue()

        @cache
        def known() -> set[str]:
            earned = self._services.accounts.masteries(members()).values()
            return {*self._old_skills(account), *(skill for mastery in earned for skill in mastery)}

        return catalogue.read(typed, lambda word: word in known())

    def _old_skills(self, account: Account) -> list[str]:
        """The skills of the goals that this teacher made before."""
        owned = self._services.accounts.classes.owned(*self._services.accounts.family(account))
        return list(dict.fromkeys(skill for taught in owned for goal in taught.goals for skill in goal.skill_ids))


def to_fill_in(form: Mapping[str, str]) -> dict[str, str]:
    """What was filled in, as a query from which ``NewGoal.form`` shows it again."""
    kept = {name: form.get(name, "")[:_MOST_TYPED] for name in ("title", "skills") if form.get(name, "").strip()}
    left = _MOST_IN_AN_ADDRESS - sum(map(len, kept.values()))
    for skill in _ticked(form):
        left -= len(_TICK) + len(skill) + len("=on&")
        if left < 0:
            break
        kept[_TICK + skill] = "on"
    return kept


def _ticked(form: Mapping[str, str]) -> list[str]:
    return [name.removeprefix(_TICK) for name in form if name.startswith(_TICK) and name != _TICK]


def _others(catalogue: SkillCatalogue, old: list[str], shown: set[str]) -> list[str]:
    """Further skills: those of the subjects of the old ones first; of a large catalogue no others."""
    subjects = {skill.subject for each in old if (skill := catalogue.skills.get(each)) and skill.subject}
    rest = [skill for skill in catalogue.skills.values() if skill.skill_id not in shown]
    near = [skill for skill in rest if skill.subject in subjects]
    wanted = rest if len(rest) <= _MOST_OTHERS else near
    ordered = sorted(wanted, key=lambda skill: (skill.subject not in subjects, skill.title.casefold()))
    return [skill.skill_id for skill in ordered[:_MOST_OTHERS]]
