"""What several kinds of test share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def corpus() -> Path:
    """Real rosters, written by others; they are not part of this project."""
    folder = Path(os.environ.get("ROSTER_CORPUS", ROOT.parent / "shared/rosters"))
    if not folder.is_dir():
        pytest.skip("the corpus of real rosters is not here; ROSTER_CORPUS says where it is")
    return folder


def roster_files(folder: Path) -> dict[str, bytes]:
    """The CSV files of a set."""
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.csv"))}
