"""What the functions carry in their layer is told: each package with version, licence and hashes."""

from __future__ import annotations

import json
import re
from importlib.metadata import version
from typing import Any

import pytest

from operations import sbom

LOCKED = sbom.LOCKED.read_text(encoding="utf-8")
PERMISSIVE = {"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "PSF-2.0", "Unlicense"}
EXCEPTIONS = {"certifi": "MPL-2.0"}
"""Copyleft by file, and the files are used as they are."""


@pytest.fixture(scope="module")
def bill() -> Any:
    return json.loads(json.dumps(sbom.bill(LOCKED)))


def test_each_runtime_package_is_listed_with_version_licence_and_hashes(bill: Any) -> None:
    locked = dict(re.findall(r"^([a-z][\w.-]*)==([\w.]+)", LOCKED, re.MULTILINE))

    listed = {each["name"]: each for each in bill["components"]}

    assert len(locked) > 20
    assert {name: each["version"] for name, each in listed.items()} == locked
    for name, each in listed.items():
        assert each["licenses"][0]["expression"], name
        assert each["purl"] == f"pkg:pypi/{name}@{locked[name]}"
    assert sum(len(each["hashes"]) for each in listed.values()) == LOCKED.count("--hash=sha256:")


def test_each_package_is_there_because_of_another_or_of_this_service(bill: Any) -> None:
    refs = {each["bom-ref"] for each in bill["components"]}
    needs = {each["ref"]: set(each["dependsOn"]) for each in bill["dependencies"]}
    wanted = set(re.findall(r"^[a-z][\w.-]*$", sbom.LOCKED.with_suffix(".in").read_text(), re.MULTILINE))

    assert needs.keys() == refs | {sbom.NAME}
    assert {ref.removeprefix("pkg:pypi/").partition("@")[0] for ref in needs[sbom.NAME]} == wanted
    assert set[str]().union(*needs.values()) == refs


def test_the_same_lock_file_gives_the_same_bill(bill: Any) -> None:
    assert bill == sbom.bill(LOCKED)
    assert bill["serialNumber"] != sbom.bill(LOCKED + "\n")["serialNumber"]


def test_every_licence_of_the_layer_is_permissive() -> None:
    others = {
        package.name: package.licence
        for package in sbom.packages(LOCKED)
        if not PERMISSIVE & set(re.split(r" OR ", package.licence))
    }
    assert others == EXCEPTIONS


def test_a_package_in_another_version_than_the_locked_one_is_refused() -> None:
    with pytest.raises(sbom.UnknownLicence, match=rf"jinja2 is {re.escape(version('jinja2'))} here and 1\.0"):
        sbom.packages("jinja2==1.0 \\\n    # via -r requirements/runtime.in\n")


def test_a_package_that_is_not_installed_is_refused() -> None:
    with pytest.raises(sbom.UnknownLicence, match="no-such-package is not installed"):
        sbom.packages("no-such-package==1.0 \\\n    # via jinja2\n")
