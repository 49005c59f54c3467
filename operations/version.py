"""Which version of the code this working copy is."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent


def version() -> str:
    """The commit, with ``-changed`` where files differ from it; empty where this is no git repository."""
    command = ["git", "describe", "--always", "--dirty=-changed", "--abbrev=12", "--exclude=*"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 (fixed words)
    except OSError:
        return ""
    return done.stdout.strip()
