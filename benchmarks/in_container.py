"""``make bench CONTAINER=1``: the same figures with the Python of Lambda's image, in a container of two processors.

Python is slower or quicker by how it was built: a million people, against ``csv.reader`` in the same Python, cost a fifth more with
one that was compiled without a profile than with one that was (docs/decisions/0119-lines-of-one-shape-are-known-by-places.md).
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig

from local.containers import IMAGE, engine_answers
from local.stack import ROOT

_FIRST = 1.5
"""The goal for reading a first import, against a pass of ``csv.reader``. A Python that was built without a profile may miss it."""
_MEMORY = 24 << 30
"""Bytes that files in memory may take at the most."""


def main() -> int:
    if not engine_answers():
        print(f"No container engine answers that has {IMAGE}, or may fetch it: nothing was measured.")
        return 2
    command = ["docker", "run", "--rm", "--network", "none", "--cpus=2", f"--shm-size={_MEMORY}"]
    command += ["--volume", f"{ROOT}:/product:ro", "--volume", f"{sysconfig.get_path('purelib')}:/packages:ro"]
    command += ["--volume", f"{(ROOT / '.local').resolve()}:/product/.local"]
    variables = {
        "PYTHONPATH": "/product:/packages", "PYTHONPYCACHEPREFIX": "/tmp/bytecode", "AWS_DEFAULT_REGION": "us-east-1",
    }  # fmt: skip
    command += [argument for name, value in variables.items() for argument in ("--env", f"{name}={value}")]
    command += ["--workdir", "/product", "--entrypoint", "python3.13", IMAGE, "-m", "benchmarks"]
    command += ["--first", str(_FIRST), *sys.argv[1:]]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
