"""What documents, docstrings and comments point to is there."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

import pytest

from tests import tree

DOCUMENTS = [path for path in tree.texts() if path.endswith(".md")]
PYTHON = [path for path in tree.texts() if path.endswith(".py")]
PLACE = re.compile(rf"(?<![\w./{{}}*-])((?:{'|'.join(tree.FOLDERS)})/[\w./{{}}*…-]*[\w}}*])")
"""A path from the root: begins with a folder of the project. Placeholders end it."""


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_of_a_document_lead_somewhere(document: str):
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", tree.texts()[document]):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (tree.ROOT / document).parent / path if path else tree.ROOT / document
        if not file.exists() or (anchor and anchor not in tree.anchors(str(file.resolve().relative_to(tree.ROOT)))):
            broken.append(target)
    assert not broken


def test_paths_that_are_named_exist():
    missing = {
        f"{path}: {place}"
        for path in tree.texts()
        if path.endswith((".py", ".md", ".yaml", "Makefile"))
        for place in PLACE.findall(tree.prose(path))
        if not re.search(r"[{}*…]", place) and not _is_there(place.rstrip("."), path)
    }
    assert not sorted(missing)


def test_files_that_are_named_without_a_folder_exist():
    names = {PurePosixPath(path).name for path in tree.texts()}
    missing = {
        f"{path}: {name}"
        for path in tree.texts()
        if path.endswith((".py", ".md"))
        for name in re.findall(r"(?<![\w./{}*-])([\w-]+\.(?:py|md))(?![\w/])", tree.prose(path))
        if name not in names
    }
    assert not sorted(missing)


def test_modules_that_are_named_exist():
    missing = {
        f"{path}: {name}"
        for path in (*DOCUMENTS, *PYTHON)
        for name in re.findall(
            r"`((?:shared|functions|operations|local|simulation|tests)(?:\.\w+)+)`", tree.prose(path)
        )
        if not _is_defined(name)
    }
    assert not sorted(missing)


@pytest.mark.parametrize(
    "document", ["docs/security.md", "docs/threat-model.md", "docs/asvs.md", "docs/attacks.md", "docs/hubs.md"]
)
def test_tests_that_security_names_exist(document: str):
    """``test_linking.py``: *the link dies …* names every test whose name has these words."""
    missing = []
    for file, phrases in re.findall(
        r"`(?:[\w/]+/)?(test_\w+\.py)`: ((?:\*[^*]+\*(?:, | \(\w+\), )?)+)", tree.texts()[document]
    ):
        paths = [path for path in PYTHON if PurePosixPath(path).name == file]
        tests = frozenset[str]().union(*map(tree.tests_of, paths))
        for phrase in re.findall(r"\*([^*]+)\*", phrases):
            words = re.sub(r"\W+", "_", phrase.replace("’", "").lower()).strip("_")
            if not any(words in test for test in tests):
                missing.append(f"{file}: {phrase}")
    assert not sorted(missing)


def test_each_threat_has_a_guard_and_a_test():
    rows = [
        line.strip("|").split(" | ") for line in tree.texts()["docs/threat-model.md"].splitlines() if line[:1] == "|"
    ]
    threats = rows[2:]
    assert len(threats) > 30
    for row in threats:
        assert len(row) == 5, row
        assert row[3].strip(), row
        assert "test_" in row[4], row


def test_each_requirement_of_asvs_is_held_by_something_not_ours_or_open():
    text = tree.texts()["docs/asvs.md"]
    chapters = [int(number) for number in re.findall(r"^(?:## )?V(\d+) ", text, re.MULTILINE)]
    assert chapters == list(range(1, 18))
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if re.match(r"\| \d", line)]
    assert len(rows) > 100
    for row in rows:
        assert len(row) == 4, row
        assert row[2] in ("held", "not ours", "open"), row
        assert len(row[3]) > 5, row


def test_nothing_points_to_a_ticket():
    named = [path for path in PYTHON if re.search(r"\bissue #?\d", tree.prose(path), re.IGNORECASE)]
    assert not named


def _is_there(place: str, named_in: str) -> bool:
    """From the root, or from the folder of the text that names it."""
    return any((folder / place).exists() for folder in (tree.ROOT, (tree.ROOT / named_in).parent))


def _is_defined(name: str) -> bool:
    path = tree.ROOT.joinpath(*name.split("."))
    if path.is_dir() or path.with_suffix(".py").exists():
        return True
    module, _, attribute = name.rpartition(".")
    text = tree.texts().get(f"{module.replace('.', '/')}.py", "")
    return re.search(rf"^\s*(?:class |def |type )?{attribute}\b", text, re.MULTILINE) is not None


def test_decisions_are_numbered_dated_and_in_one_form():
    texts = {PurePosixPath(p).name: text for p, text in tree.texts().items() if p.startswith("docs/decisions/0")}
    index = tree.texts()["docs/decisions/README.md"]
    dates = []
    assert len({name[:4] for name in texts}) == len(texts)
    for name, text in sorted(texts.items()):
        number = int(name[:4])
        form = rf"# {number}\. (.+)\n\nDate: (\d{{4}}-\d\d-\d\d)\n\n## Context\n(?s:.+)\n## Decision\n(?s:.+)\n## Consequences\n"
        found = re.match(form, text)
        assert found, name
        assert re.fullmatch(rf"{number:04}-[a-z0-9-]+\.md", name)
        assert f"{number}. [{found[1]}]({name}), {found[2]}" in index
        dates.append(found[2])
    assert dates == sorted(dates)


def test_code_that_security_names_exists():
    rows = [line.split(" | ") for line in tree.texts()["docs/security.md"].splitlines() if line.count(" | ") == 2]
    names = {name for row in rows for name in re.findall(r"`(_?[a-z]\w*)`", row[1])}
    code = "\n".join(text for path, text in tree.texts().items() if path.startswith(("shared/", "functions/")))
    assert not sorted(name for name in names if not re.search(rf"\b{name}\b", code))


def test_documents_avoid_the_words_that_the_glossary_replaces():
    """Words with a note in brackets are right elsewhere; code in backticks keeps its names."""
    table = tree.texts()["docs/glossary.md"].partition("## Words not to use")[2]
    avoided = [word for cell in re.findall(r"^\| ([^|(]+) \|", table, re.MULTILINE) for word in cell.split(", ")]
    pattern = re.compile(rf"\b(?:{'|'.join(word for word in avoided if word not in ('not', '---'))})\b", re.IGNORECASE)
    found = {
        f"{path}: {word}"
        for path in DOCUMENTS
        if path != "docs/glossary.md"
        for word in pattern.findall(re.sub(r"`[^`]*`|\]\([^)]*\)|<[^>]*>", "", tree.texts()[path]))
    }
    assert not sorted(found)


def test_the_lists_of_the_glossary_are_in_order_and_name_nothing_twice():
    for section in tree.texts()["docs/glossary.md"].split("\n## ")[1:]:
        words = [
            word.strip("`").lower() for word in re.findall(r"^\| (.+?) \|", section, re.MULTILINE)[1:] if word != "---"
        ]
        assert words == sorted(set(words))


AWS_OWN = {"AccessDenied", "AllViewerExceptHostHeader", "CachingDisabled", "EmailConfiguration"}
"""Names that documents take from AWS, and no code of ours has."""


def test_classes_and_snake_case_names_in_documents_exist():
    code = {
        word
        for path, text in tree.texts().items()
        if not path.endswith(".md")
        for word in re.findall(r"\w+", text, re.ASCII)
    }
    missing = {
        f"{path}: {name}"
        for path in DOCUMENTS
        for name in re.findall(r"`([A-Z][a-z]+[A-Z][A-Za-z]*|[a-z]+_[a-z_]+)`", tree.texts()[path])
        if name not in AWS_OWN and name not in code
    }
    assert not sorted(missing)
