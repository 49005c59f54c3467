"""``make fuzz``: malformed bytes at every edge, guided by coverage (libFuzzer through atheris), bounded in number."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

FOLDER = Path(".local/fuzz")
CORPUS = Path(__file__).parent / "corpus"
SHARES = {"zip": 0.08, "csv": 0.1, "manifest": 0.1, "event": 0.17, "token": 0.25, "cookie": 0.2, "oidc": 0.1}
"""The share of executions for each target: fast ones get more."""


def fuzz_one(name: str, arguments: list[str]) -> None:
    """Fuzz one target. It runs in a process of its own, because libFuzzer ends the process."""
    import atheris

    with atheris.instrument_imports(include=["functions", "shared"]):
        from simulation.fuzz_targets import survives
    logging.disable(logging.CRITICAL)

    def execute(data: bytes) -> None:
        with contextlib.redirect_stdout(None):
            survives(name, data)

    atheris.Setup([sys.argv[0], *arguments], execute)
    atheris.Fuzz()


def fuzz_target(name: str, runs: int) -> tuple[str, int, list[Path]]:
    """Fuzz one target in a process of its own. Return its name, its executions and the inputs that crashed it."""
    from simulation.fuzz_targets import SEEDS

    inputs, crashes = FOLDER / name, FOLDER / f"{name}-crashes"
    shutil.rmtree(crashes, ignore_errors=True)
    for folder in (inputs, crashes):
        folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(SEEDS[name]):
        (inputs / f"seed-{number}").write_bytes(seed)
    command = [
        sys.executable, "-m", "simulation.fuzz", "--target", name, f"-runs={runs}", "-seed=7", "-max_len=4096", "-timeout=20",
        "-rss_limit_mb=2048", f"-artifact_prefix={crashes}/", str(inputs),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    counted = [int(n) for n in re.findall(r"^#(\d+)\s", done.stderr, re.MULTILINE)]
    found = sorted(crashes.iterdir())
    if done.returncode and not found:
        raise RuntimeError(f"{name}: {done.stderr[-2000:]}")
    (FOLDER / f"{name}.log").write_text(done.stderr)
    return name, max(counted, default=0), found


def main() -> int:
    if "--target" in sys.argv:
        position = sys.argv.index("--target")
        fuzz_one(sys.argv[position + 1], sys.argv[position + 2 :])
        return 0
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--runs", type=int, default=1_000_000, help="executions over all targets")
    parser.add_argument("--only", nargs="*", choices=sorted(SHARES), default=sorted(SHARES))
    options = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    total, bad = 0, 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        tasks = [(name, max(100, round(options.runs * SHARES[name]))) for name in options.only]
        for name, executions, found in pool.map(lambda task: fuzz_target(*task), tasks):
            total += executions
            bad += len(found)
            sys.stdout.write(f"{name:<10} {executions:>9,} executions, {len(found)} crashers\n")
            sys.stdout.flush()
            for crasher in found:
                (CORPUS / name).mkdir(parents=True, exist_ok=True)
                kept = CORPUS / name / crasher.name
                shutil.copyfile(crasher, kept)
                sys.stdout.write(f"           kept as a fixture: {kept.relative_to(Path.cwd())}\n")
    sys.stdout.write(f"{'all':<10} {total:>9,} executions, {bad} crashers\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
