"""The steps of one import, in the order in which they run. Up to the gate nothing but working files is written; every
step may be run again."""

from __future__ import annotations

from collections.abc import Callable

from functions.import_step.import_context import ImportContext
from functions.import_step.plan import Import, StepResult
from functions.import_step.steps.apply import Apply
from functions.import_step.steps.compare import Compare
from functions.import_step.steps.finish import Finish
from functions.import_step.steps.gate import SafetyCheck
from functions.import_step.steps.ingest import Ingest
from functions.import_step.steps.roll_back import RollBack

type WholeStep = Callable[[Import], StepResult]
type ShardStep = Callable[[Import, int], StepResult]


class ImportSteps:
    """All steps by name, as statemachine/import.asl.json calls them; a roll-back has some of its own."""

    def __init__(self, context: ImportContext) -> None:
        ingest, compare, apply = Ingest(context), Compare(context), Apply(context)
        finish, roll_back = Finish(context), RollBack(context)
        self._whole: dict[str, WholeStep] = {
            "open": ingest.ingest,
            "admit": ingest.validate,
            "gate": SafetyCheck(context).check,
            "finish": finish.finish,
            "fail": finish.fail,
        }
        self._of_a_shard: dict[str, ShardStep] = {
            "split": ingest.split,
            "people": compare.people,
            "classes": compare.classes,
            "apply": apply.apply,
            "members": apply.members,
            "match": apply.match,
        }
        self._whole_of_roll_back: dict[str, WholeStep] = {
            **self._whole,
            "open": roll_back.open,
            "gate": roll_back.go_on,
            "finish": roll_back.finish,
        }
        self._shard_of_roll_back: dict[str, ShardStep] = {
            **self._of_a_shard,
            "people": roll_back.people,
            "classes": roll_back.classes,
        }

    def run(self, step: str, import_: Import, shard: int | None = None) -> StepResult:
        """Carry out a step; in a map it is of one shard, or of one part of the upload."""
        if shard is None:
            return (self._whole_of_roll_back if import_.roll_back else self._whole)[step](import_)
        return (self._shard_of_roll_back if import_.roll_back else self._of_a_shard)[step](import_, shard)
