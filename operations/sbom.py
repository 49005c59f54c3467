"""The software bill of materials of the dependency layer (CycloneDX 1.6), made of requirements/runtime.txt.

Names, versions and hashes are those that are locked; licences are read from the packages as they are installed here, which are the
same versions. boto3 is not in the layer: Lambda's runtime brings it.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

LOCKED = Path(__file__).parents[1] / "requirements/runtime.txt"
NAME = "account-linking"
_PACKAGE = re.compile(
    r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^ ;\\]+)(?P<rest>(?:.*\n)(?:[ ]+.*\n?)*)", re.MULTILINE
)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_VIA = re.compile(r"^ +#(?: via)? +([A-Za-z0-9._-]+)$", re.MULTILINE)
_SPDX = {
    "License :: OSI Approved :: Apache Software License": "Apache-2.0",
    "License :: OSI Approved :: BSD License": "BSD-3-Clause",
    "License :: OSI Approved :: ISC License (ISCL)": "ISC",
    "License :: OSI Approved :: MIT License": "MIT",
}
"""Classifiers of packages that tell their licence in no other way."""


class UnknownLicence(Exception):
    """A package does not tell its licence, or is installed in another version than the locked one."""


@dataclass(frozen=True, slots=True)
class Package:
    """A package of the layer. ``licence`` is an SPDX expression; ``needed_by`` names packages of the layer, and ``is_wanted`` says
    whether requirements/runtime.in names it."""

    name: str
    version: str
    licence: str
    hashes: tuple[str, ...]
    needed_by: tuple[str, ...]
    is_wanted: bool

    @property
    def purl(self) -> str:
        return f"pkg:pypi/{self.name}@{self.version}"


def packages(locked: str) -> list[Package]:
    """The packages of a lock file of pip. Raises UnknownLicence."""
    return [
        Package(
            found["name"],
            found["version"],
            licence_of(found["name"], found["version"]),
            tuple(_HASH.findall(found["rest"])),
            tuple(name for name in _VIA.findall(found["rest"]) if name != "via"),
            "-r requirements/runtime.in" in found["rest"],
        )
        for found in _PACKAGE.finditer(locked)
    ]


def licence_of(name: str, version: str) -> str:
    """What an installed package says of its licence, as an SPDX expression. Raises UnknownLicence."""
    try:
        told = metadata(name)
    except PackageNotFoundError:
        raise UnknownLicence(f"{name} is not installed here: run make setup") from None
    if told["Version"] != version:
        raise UnknownLicence(f"{name} is {told['Version']} here and {version} in the lock file: run make setup")
    plain = told.get("License-Expression") or told.get("License")
    if plain and re.fullmatch(r"[\w.+-]+(?: (?:OR|AND|WITH) [\w.+-]+)*", plain):
        return plain
    classifiers = told.get_all("Classifier") or []
    known = [_SPDX[classifier] for classifier in classifiers if classifier in _SPDX]
    if known:
        return known[0]
    raise UnknownLicence(f"{name} {version} tells no licence")


def bill(locked: str) -> Mapping[str, object]:
    """The bill of a lock file: the same for the same file."""
    found = packages(locked)
    direct = [package.purl for package in found if package.is_wanted]
    needs = {package.purl: [each.purl for each in found if package.name in each.needed_by] for package in found}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid5(NAMESPACE_URL, locked)}",
        "version": 1,
        "metadata": {"component": {"type": "application", "bom-ref": NAME, "name": NAME}},
        "components": [
            {
                "type": "library",
                "bom-ref": package.purl,
                "name": package.name,
                "version": package.version,
                "purl": package.purl,
                "licenses": [{"expression": package.licence}],
                "hashes": [{"alg": "SHA-256", "content": digest} for digest in package.hashes],
            }
            for package in found
        ],
        "dependencies": [
            {"ref": NAME, "dependsOn": direct},
            *({"ref": ref, "dependsOn": refs} for ref, refs in needs.items()),
        ],
    }


def main() -> int:
    """Print the bill; return the exit code."""
    try:
        made = bill(LOCKED.read_text(encoding="utf-8"))
    except UnknownLicence as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(json.dumps(made, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
