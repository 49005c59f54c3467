"""What one check found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    IN_ORDER = "in order"
    WRONG = "wrong"
    NOT_APPLICABLE = "does not apply"


@dataclass(frozen=True, slots=True)
class Finding:
    """``found`` is what is so; ``todo`` is what to do about it, where something is wrong."""

    state: State
    found: str
    todo: str = ""


def in_order(found: str) -> Finding:
    return Finding(State.IN_ORDER, found)


def wrong(found: str, todo: str) -> Finding:
    return Finding(State.WRONG, found, todo)


def not_applicable(found: str) -> Finding:
    return Finding(State.NOT_APPLICABLE, found)
