"""Malformed bytes: the seeds of the fuzzer, the regression corpus, and some variations, in every test run."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from simulation.fuzz_targets import SEEDS, TARGETS, survives

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*/*"))


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: f"{path.parent.name}-{path.name[:16]}")
def test_the_regression_corpus_crashes_nothing(path: Path) -> None:
    survives(path.parent.name, path.read_bytes())


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_seeds_and_their_variations_crash_nothing(name: str) -> None:
    dice = Random(name)
    for seed in SEEDS[name]:
        survives(name, seed)
        for _ in range(40):
            body = bytearray(seed)
            for _ in range(dice.randint(1, 6)):
                start = dice.randrange(len(body) + 1)
                match dice.randrange(3):
                    case 0:
                        body[start : start + dice.randint(0, 8)] = dice.randbytes(dice.randint(0, 8))
                    case 1:
                        del body[start : start + dice.randint(1, 20)]
                    case _:
                        body[start:start] = body[max(0, start - 30) : start]
            survives(name, bytes(body))


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_no_bytes_at_all_crash_nothing(name: str) -> None:
    survives(name, b"")
