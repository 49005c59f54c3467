"""Generates the roster files of whole districts, of a hundred people or a million, from a seed.

python -m benchmarks.districts --people 1000 --format clever --seed 7 --out FOLDER --fault ragged --zip
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from benchmarks import faults
from benchmarks.files import write_bulk, write_changed
from benchmarks.shape import FORMATS, District, Shape

__all__ = ["Shape", "main", "pack", "write", "write_delta"]

_DAY_IN_ZIP = (2026, 9, 1, 0, 0, 0)
_CHUNK = 1 << 20


def write(shape: Shape, folder: Path) -> dict[str, int]:
    """Write the roster's CSV files into the folder, with the shape's faults.

    Return what the report counts as read of each kind ("users", "classes", "enrollments") when there are no faults;
    benchmarks.faults has what to expect of a fault. Raises FileExistsError when the folder holds CSV files.
    """
    faults.check(shape.faults)
    district = District(shape)
    write_bulk(district, _free(folder))
    faults.corrupt(shape, folder)
    return district.counts()


def write_delta(shape: Shape, folder: Path) -> dict[str, int]:
    """Write the OneRoster delta that leads from a change of 0 to this shape: the changed people, as active rows.

    Return what the report counts as read of each kind. Raises ValueError where the format knows no delta, and
    FileExistsError when the folder holds CSV files.
    """
    if not shape.is_oneroster:
        raise ValueError(f"{shape.format} has no deltas")
    if shape.faults:
        raise ValueError("faults are made for whole rosters, not for a delta")
    write_changed(District(shape), _free(folder))
    return {"users": shape.changed_people, "classes": 0, "enrollments": 0}


def pack(folder: Path, target: Path) -> None:
    """Zip the CSV files of a folder; the same files give the same bytes."""
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(folder.glob("*.csv")):
            entry = zipfile.ZipInfo(path.name, _DAY_IN_ZIP)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.file_size = path.stat().st_size
            with path.open("rb") as source, archive.open(entry, "w") as packed:
                shutil.copyfileobj(source, packed, _CHUNK)


def _free(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    if present := sorted(path.name for path in folder.glob("*.csv")):
        raise FileExistsError(f"{folder} holds {present[0]} already; give a folder without CSV files")
    return folder


def main(arguments: Sequence[str] | None = None) -> int:
    """Write what the command line asks for; print the expected report as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.districts", description=__doc__.partition("\n")[0])
    parser.add_argument("--people", type=int, default=1_000, help="how many (default 1000)")
    parser.add_argument("--format", choices=FORMATS, default=FORMATS[0], help=f"default {FORMATS[0]}")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same bytes (default 1)")
    parser.add_argument("--domain", default=Shape.domain, help=f"of the official addresses (default {Shape.domain})")
    parser.add_argument("--change", type=float, default=0.0, help="share of the people with another given name")
    parser.add_argument("--fault", nargs="+", action="extend", default=[], choices=tuple(faults.FAULTS), metavar="NAME",
                        help=f"what is wrong: {', '.join(faults.FAULTS)}")  # fmt: skip
    parser.add_argument("--delta", action="store_true", help="only the changed people, as a OneRoster delta")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where the CSV files go")
    parser.add_argument("--zip", action="store_true", help="also zip them, into FOLDER.zip")
    options = parser.parse_args(arguments)
    try:
        shape = Shape(
            options.people, options.seed, options.format, tuple(options.fault), options.change, options.domain
        )
        expected: tuple[faults.Expected, ...] = ()
        if options.delta:
            counts = write_delta(shape, options.out)
        else:
            counts = write(replace(shape, faults=()), options.out)
            expected = faults.corrupt(shape, options.out)
    except (ValueError, FileExistsError) as error:
        parser.error(str(error))
    if options.zip:
        pack(options.out, options.out.with_name(f"{options.out.name}.zip"))
    result = {"read_when_clean": counts, "faults": [asdict(fault) for fault in expected]}
    sys.stdout.write(f"{json.dumps(result, indent=1)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
