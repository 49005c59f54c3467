"""docs/aws-behaviour.md names, for each behaviour of AWS that counts, a test that is there."""

from __future__ import annotations

import re

from tests.tree import ROOT

PAGE = (ROOT / "docs" / "aws-behaviour.md").read_text()
ROWS = re.findall(r"^\| (.+?) \| (.+?) \| `([\w/]+\.py)`: (.+?) \|$", PAGE, re.MULTILINE)


def test_every_behaviour_has_a_source_and_a_test_that_is_there() -> None:
    without = [row for row in PAGE.splitlines() if row.startswith("| ") and row.count("|") == 4 and "`: " not in row]
    assert [
        row
        for row in without
        if not row.startswith(("| what AWS does", "| engine", "| `tests/fakes`", "| moto", "| the local"))
    ] == []
    for behaviour, source, path, name in ROWS:
        assert '"' in source, behaviour
        words = re.sub(r"\W+", "_", name)
        assert f"def test_{words}(" in (ROOT / path).read_text(), f"{path}: {name}"


def test_the_page_has_all_services_that_correctness_leans_on() -> None:
    assert len(ROWS) >= 20
