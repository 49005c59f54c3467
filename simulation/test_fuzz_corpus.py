"""Bytes of strangers: the seeds of the fuzzer, what once crashed, and a little of the mutations, in every test run."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from simulation.fuzz_targets import SEEDS, TARGETS, survives

CRASHERS = sorted((Path(__file__).parent / "corpus").glob("*/*"))


@pytest.mark.parametrize("path", CRASHERS, ids=lambda path: f"{path.parent.name}-{path.name[:16]}")
def test_what_once_crashed_is_answered(path: Path) -> None:
    survives(path.parent.name, path.read_bytes())


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_seeds_and_their_neighbours_are_answered(name: str) -> None:
    dice = Random(name)
    for seed in SEEDS[name]:
        survives(name, seed)
        for _ in range(40):
            body = bytearray(seed)
            for _ in range(dice.randint(1, 6)):
                at = dice.randrange(len(body) + 1)
                match dice.randrange(3):
                    case 0:
                        body[at : at + dice.randint(0, 8)] = dice.randbytes(dice.randint(0, 8))
                    case 1:
                        del body[at : at + dice.randint(1, 20)]
                    case _:
                        body[at:at] = body[max(0, at - 30) : at]
            survives(name, bytes(body))


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_no_bytes_at_all_are_answered(name: str) -> None:
    survives(name, b"")
