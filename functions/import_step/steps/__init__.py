"""The steps of one import, in the order in which they run. Up to the gate nothing but working files is written; every
step may be run again."""

from __future__ import annotations

from collections.abc import Callable

from functions.import_step.import_context import Services, Workbench
from functions.import_step.plan import Answer, Import
from functions.import_step.steps.apply import Applying
from functions.import_step.steps.compare import Comparing
from functions.import_step.steps.ingest import Reading


class ImportSteps:
    """All steps by name, as statemachine/import.asl.json calls them."""

    def __init__(self, services: Services) -> None:
        bench = Workbench(services)
        reading, comparing, applying = Reading(bench), Comparing(bench), Applying(bench)
        self._whole: dict[str, Callable[[Import], Answer]] = {
            "open": reading.open,
            "admit": reading.admit,
            "gate": comparing.gate,
            "finish": applying.finish,
            "fail": applying.fail,
        }
        self._of_a_shard: dict[str, Callable[[Import, int], Answer]] = {
            "split": reading.split,
            "people": comparing.people,
            "classes": comparing.classes,
            "apply": applying.apply,
            "members": applying.members,
            "match": applying.match,
        }

    def run(self, step: str, one: Import, shard: int | None = None) -> Answer:
        """Carry out a step; those in the middle of a map are told which shard, or part of the upload, is theirs."""
        return self._whole[step](one) if shard is None else self._of_a_shard[step](one, shard)
