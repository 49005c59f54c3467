"""Walks the state machines as they are deployed (statemachine/), one state at a time."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

STATE_LIMIT = 256 * 1024
"""Bytes of the input or result of a state, and of an execution's input."""
_DEFINITIONS = Path(__file__).parent.parent / "statemachine"


class DataLimitExceeded(Exception):
    """What goes on to the next state is more than 256 KB."""


@dataclass(frozen=True)
class Position:
    """Where an execution is: the name of a state, and the input of that state."""

    state: str
    data: dict[str, Any]


class StateMachine:
    """A definition in the Amazon States Language, as far as these state machines use it."""

    def __init__(self, definition: dict[str, Any]) -> None:
        self._first: str = definition["StartAt"]
        self._states: dict[str, dict[str, Any]] = definition["States"]

    def start(self, data: dict[str, Any]) -> Position:
        """A new execution."""
        return self._settled(Position(self._first, data))

    def kind(self, position: Position) -> str:
        """The type of the state: Task, Map, Wait, Succeed or Fail; an execution never stays in a Choice."""
        return str(self._states[position.state]["Type"])

    def calls(self, position: Position) -> list[dict[str, Any]]:
        """What the function is called with in this state: once in a Task, for each item in a Map."""
        state = self._states[position.state]
        match state["Type"]:
            case "Task":
                return [_filled(state["Parameters"], position.data)]
            case "Map":
                items = _at(state["ItemsPath"], position.data)
                return [_filled(state["ItemSelector"], position.data, item) for item in items]
        return []

    def has_calls(self, position: Position) -> bool:
        """Whether the function is called in this state."""
        return self.kind(position) in ("Task", "Map")

    def run(self, position: Position, function: Callable[[dict[str, Any]], Any]) -> Position:
        """Make all calls of this state, and go on."""
        results = [function(call) for call in self.calls(position)]
        return self.after(position, results if self.kind(position) == "Map" else results[0])

    def after(self, position: Position, result: Any = None) -> Position:
        """Where the execution goes on: ``result`` is what the Task's call returned, or a list of what the Map's did.

        Raises DataLimitExceeded as Step Functions does.
        """
        state = self._states[position.state]
        data = dict(position.data)
        if "ResultPath" in state:
            data[state["ResultPath"].removeprefix("$.")] = result
        if len(json.dumps(data, default=str).encode()) > STATE_LIMIT:
            raise DataLimitExceeded(f"States.DataLimitExceeded after {position.state}")
        return self._settled(Position(state["Next"], data))

    def after_error(self, position: Position) -> Position:
        """Where it goes on when every retry has failed."""
        (catch,) = self._states[position.state]["Catch"]
        return replace(position, state=catch["Next"])

    def _settled(self, position: Position) -> Position:
        """Behind the choices that follow, and what only passes data on."""
        while (state := self._states[position.state])["Type"] in ("Choice", "Pass"):
            if state["Type"] == "Pass":
                passed = _at(state["InputPath"], position.data)
                data = {**position.data, state["ResultPath"].removeprefix("$."): passed}
                position = Position(state["Next"], data)
                continue
            chosen = (c["Next"] for c in state["Choices"] if _is_so(c, position.data))
            position = replace(position, state=next(chosen, state["Default"]))
        return position


def _is_so(rule: dict[str, Any], data: Any) -> bool:
    """Whether a rule of a choice holds. As in Step Functions, a path to nothing is a fault unless it is asked for."""
    if "And" in rule:
        return all(_is_so(each, data) for each in rule["And"])
    if "IsPresent" in rule:
        return _is_there(rule["Variable"], data) is rule["IsPresent"]
    return bool(_at(rule["Variable"], data) == rule["StringEquals"])


def _is_there(path: str, data: Any) -> bool:
    try:
        _at(path, data)
    except KeyError:
        return False
    return True


def _at(path: str, data: Any) -> Any:
    """What lies at a path such as ``$.answer.shards``."""
    for name in path.split(".")[1:]:
        data = data[name]
    return data


def _filled(template: dict[str, Any], data: dict[str, Any], item: Any = None) -> dict[str, Any]:
    """A call's input: names that end in ``.$`` have a path."""
    filled = {}
    for name, value in template.items():
        if not name.endswith(".$"):
            filled[name] = value
        else:
            filled[name.removesuffix(".$")] = item if value == "$$.Map.Item.Value" else _at(value, data)
    return filled


IMPORT = StateMachine(json.loads((_DEFINITIONS / "import.asl.json").read_text()))
"""The Import state machine."""
FEED = StateMachine(json.loads((_DEFINITIONS / "accounts-feed.asl.json").read_text()))
"""The AccountsFeed state machine."""
FETCH = StateMachine(json.loads((_DEFINITIONS / "roster-fetch.asl.json").read_text()))
"""The RosterFetch state machine."""
