"""Rosters and strings that others published. They are no part of this repository: they join where they are on the machine."""

from __future__ import annotations

import json
import os
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from zipfile import ZipFile

from tests.corpus.corpus import Address, Corpus, NamesOutsideLatin, RosterSet
from tests.corpus.sheet import csv_files

_BESIDE = Path(__file__).parents[3] / "shared/rosters"
_PEOPLE_AND_CLASSES = {
    "oneroster/edfi-1.0": (10, 2),
    "oneroster/edfi-1.1": (10, 2),
    "oneroster/rosterhub-1.1-en": (20, 5),
    "oneroster/rosterhub-1.1-ja": (20, 5),
    "sds/sds_v1_100users": (98, 28),
    "sds/sds_v1_25users": (24, 2),
    "sds/sds_v1_min_required": (24, 2),
    "sds/sds_v1_uk_100users": (98, 28),
    "sds/sds_v2": (29, 4),
    "sds/sds_v2.1_corrected_2022-07": (6, 2),
}
_DELTA = Path("oneroster/catalyst-1.2-delta/oneroster_test_data.zip")
_LOOSE = ("oneroster/edfi-1.1", "oneroster/rosterhub-1.1-en", "oneroster/rosterhub-1.1-ja")


def find() -> Corpus | None:
    """The corpus in the folder that ROSTER_CORPUS names, or beside the repository; ``None`` where there is none."""
    named = os.environ.get("ROSTER_CORPUS")
    folder = Path(named) if named else _BESIDE
    if not folder.is_dir():
        if named:
            raise FileNotFoundError(f"ROSTER_CORPUS names no folder: {folder}")
        return None
    sets = {
        name: RosterSet(name, csv_files(folder / name), people, classes)
        for name, (people, classes) in _PEOPLE_AND_CLASSES.items()
    }
    clever = RosterSet("clever-sandbox", csv_files(folder / "clever-sandbox"), 1093, 379, 8971 + 460, 89)
    japanese = NamesOutsideLatin(
        sets["oneroster/rosterhub-1.1-ja"].files, "user20@sample-u.ac.jp", "名20 姓20", "情報処理入門", "sample-u.ac.jp"
    )
    nasty = folder / "nasty"
    return Corpus(
        "others",
        clever=clever,
        rosters=(clever, *sets.values()),
        loose=[sets[name] for name in _LOOSE],
        outside_latin=japanese,
        csv_files=csv_files(nasty / "csv-spectrum/csvs"),
        strings=json.loads((nasty / "naughty-strings/blns/blns.json").read_text()),
        addresses=_addresses(nasty / "email-addresses/tests/tests.xml"),
        usable_address="test@iana.org",
        deltas=[RosterSet(_DELTA.parent.name, _zipped(folder / _DELTA), 1, 1)],
    )


def _zipped(path: Path) -> dict[str, bytes]:
    with ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _addresses(path: Path) -> list[Address]:
    return [
        Address(_with_controls(test.findtext("address") or ""), test.findtext("category") != "ISEMAIL_ERR")
        for test in ET.parse(path).iter("test")
    ]


def _with_controls(text: str) -> str:
    """Control characters stand there as pictures of them."""
    return re.sub("[\u2400-\u241f]", lambda found: chr(ord(found[0]) - 0x2400), text).replace("\u2421", "\x7f")
