"""The steps of one import, in the order in which they run. Up to the gate nothing but working files is written; every
step may be run again."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from functions.import_step.import_context import ImportContext
from functions.import_step.plan import DONE, Import, StepResult

if TYPE_CHECKING:
    from functions.import_step.steps.apply import Apply
    from functions.import_step.steps.compare import Compare
    from functions.import_step.steps.finish import Finish
    from functions.import_step.steps.gate import SafetyCheck
    from functions.import_step.steps.ingest import Ingest
    from functions.import_step.steps.roll_back import RollBack
    from functions.import_step.steps.sort_names import SortNames

type WholeStep = Callable[[Import], StepResult]
type ShardStep = Callable[[Import, int], StepResult]


class ImportSteps:
    """All steps by name, as statemachine/import.asl.json calls them; a roll-back has some of its own.

    A step is imported where it runs: a map of many shards begins many workers at once, each for one of them.
    """

    def __init__(self, context: ImportContext) -> None:
        self._context = context
        self._whole: dict[str, WholeStep] = {
            "open": lambda import_: self._ingest.ingest(import_),
            "admit": lambda import_: self._ingest.validate(import_),
            "gate": lambda import_: self._safety_check.check(import_),
            "finish": lambda import_: self._finish.finish(import_),
            "fail": lambda import_: self._finish.fail(import_),
            "names": lambda import_: self._sort_names.sort(import_),
            "no_names": lambda _: DONE,
        }
        self._of_a_shard: dict[str, ShardStep] = {
            "split": lambda import_, shard: self._ingest.split(import_, shard),
            "people": lambda import_, shard: self._compare.people(import_, shard),
            "classes": lambda import_, shard: self._compare.classes(import_, shard),
            "apply": lambda import_, shard: self._apply.apply(import_, shard),
            "members": lambda import_, shard: self._apply.members(import_, shard),
            "match": lambda import_, shard: self._apply.match(import_, shard),
        }
        self._whole_of_roll_back: dict[str, WholeStep] = {
            **self._whole,
            "open": lambda import_: self._roll_back.open(import_),
            "gate": lambda import_: self._roll_back.go_on(import_),
            "finish": lambda import_: self._roll_back.finish(import_),
        }
        self._shard_of_roll_back: dict[str, ShardStep] = {
            **self._of_a_shard,
            "people": lambda import_, shard: self._roll_back.people(import_, shard),
            "classes": lambda import_, shard: self._roll_back.classes(import_, shard),
        }

    @cached_property
    def _ingest(self) -> Ingest:
        from functions.import_step.steps.ingest import Ingest

        return Ingest(self._context)

    @cached_property
    def _compare(self) -> Compare:
        from functions.import_step.steps.compare import Compare

        return Compare(self._context)

    @cached_property
    def _safety_check(self) -> SafetyCheck:
        from functions.import_step.steps.gate import SafetyCheck

        return SafetyCheck(self._context)

    @cached_property
    def _apply(self) -> Apply:
        from functions.import_step.steps.apply import Apply

        return Apply(self._context)

    @cached_property
    def _finish(self) -> Finish:
        from functions.import_step.steps.finish import Finish

        return Finish(self._context)

    @cached_property
    def _roll_back(self) -> RollBack:
        from functions.import_step.steps.roll_back import RollBack

        return RollBack(self._context)

    @cached_property
    def _sort_names(self) -> SortNames:
        from functions.import_step.steps.sort_names import SortNames

        return SortNames(self._context)

    def run(self, step: str, import_: Import, shard: int | None = None) -> StepResult:
        """Carry out a step; in a map it is of one shard, or of one part of the upload."""
        if shard is None:
            return (self._whole_of_roll_back if import_.roll_back else self._whole)[step](import_)
        return (self._shard_of_roll_back if import_.roll_back else self._of_a_shard)[step](import_, shard)
