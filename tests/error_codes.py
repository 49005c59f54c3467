"""Every error code of the service, read from the source, its list in docs/errors.md, and the page of a report's codes.

``python -m tests.error_codes`` (``make errors``) brings the list up to date: it adds a row for a code that is new, with the
message that the source gives it, takes out rows whose code is nowhere in the source any more, and keeps what people wrote.
It writes docs/report-codes.md anew: what a report says of each of its codes, in every language (shared/runtime/report_words.py).
"""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from enum import StrEnum
from functools import cache
from pathlib import Path

from shared.runtime import report_words
from shared.runtime.i18n import own_name
from shared.runtime.languages import languages
from shared.runtime.report_words import ACCOUNTS, NOTES, PLACES, REASONS, ROWS, Words, general

ROOT = Path(__file__).parents[1]
LIST = ROOT / "docs/errors.md"
REPORT_PAGE = ROOT / "docs/report-codes.md"
_TABLES = Path(report_words.__file__)


class Section(StrEnum):
    """The headings of docs/errors.md."""

    UPLOADS = "Uploads: the reason of a report"
    ROWS = "Rows that are rejected"
    NOTES = "Notes of a report"
    ACCOUNTS = "Lines of the accounts feed"
    PEOPLE = "People who are not mailed, or are stuck"
    PAGES = "Pages and commands"
    INSIDE = "Inside: logs and retries"


_OF_ERRORS = {
    "UploadRejected": Section.UPLOADS,
    "InvalidSettings": Section.UPLOADS,
    "UnknownDistrict": Section.UPLOADS,
    "FetchFailed": Section.UPLOADS,
    "PullChanged": Section.UPLOADS,
    "TryLater": Section.UPLOADS,
    "TooLarge": Section.UPLOADS,
    "Reject": Section.ROWS,
    "_reject_width": Section.ROWS,
    "rejected": Section.ROWS,
    "Note": Section.NOTES,
    "tell": Section.NOTES,
    "AccountTooLarge": Section.ACCOUNTS,
    "CatalogueFull": Section.ACCOUNTS,
    "LineReject": Section.ACCOUNTS,
    "withhold": Section.PEOPLE,
    "RefusedTransition": Section.PAGES,
    "Throttled": Section.PAGES,
    "LoginRefused": Section.PAGES,
    "ForbiddenOrigin": Section.PAGES,
    "NoSuchClass": Section.PAGES,
    "MailRefused": Section.INSIDE,
    "OutcomeUnknown": Section.INSIDE,
    "Conflict": Section.INSIDE,
    "conflicts": Section.INSIDE,
}
"""The section of a code by what it is given to."""

_ENUMS = {"StuckCode": Section.PEOPLE, "Why": Section.INSIDE}
"""Enumerations whose values are codes."""

COMPOSED = {
    (Section.UPLOADS, "too_many_removed"),
    (Section.UPLOADS, "too_many_changed"),
    (Section.NOTES, "activation_waits"),
    (Section.NOTES, "enrollment_removals_put_off"),
    (Section.NOTES, "removals_put_off"),
    (Section.NOTES, "shared_address"),
    (Section.NOTES, "teacher_without_email"),
    (Section.NOTES, "waits_for_role"),
    (Section.PEOPLE, "activation_waits"),
    (Section.PEOPLE, "shared_address"),
    (Section.PEOPLE, "teacher_without_email"),
}
"""Codes that the source puts together, or hands over in a variable: no reading of one call finds them."""

type Codes = dict[tuple[Section, str], str]
"""The message that the source gives a code, by section and code; empty where it gives none."""

_SHOWN = re.compile(r'(?:problem|code) == "([a-z_]+)"')
"""Where a page shows something else for a code."""
_CODE = re.compile(r"[a-z][a-z_]+")
_ROW = re.compile(r"\| `([a-z_]+)` \| (.*) \| (.*) \|")


def in_source() -> Codes:
    """All codes that shared/ and functions/ can give."""
    codes: Codes = dict.fromkeys(COMPOSED, "")
    for folder in ("shared", "functions"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for section, code, message in _of_module(path):
                codes[section, code] = codes.get((section, code)) or message
    for page in sorted((ROOT / "functions/pages").rglob("*.html")):
        for code in _SHOWN.findall(page.read_text()):
            codes.setdefault((Section.PAGES, code), "")
    return codes


def is_in_source(code: str) -> bool:
    """Whether any module or page has this code as a text, or it is one that is put together."""
    return any(code == composed for _, composed in COMPOSED) or f'"{code}"' in _whole_source()


@cache
def _whole_source() -> str:
    folders = (ROOT / "shared", ROOT / "functions")
    return "".join(
        p.read_text()
        for folder in folders
        for ending in ("py", "html")
        for p in folder.rglob(f"*.{ending}")
        if p != _TABLES
    )


def _of_module(path: Path) -> Iterator[tuple[Section, str, str]]:
    tree = ast.parse(path.read_text())
    names = _texts_by_name(tree)
    is_feed = "accounts_feed" in path.parts
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name in _ENUMS:
            for value in (line.value for line in node.body if isinstance(line, ast.Assign)):
                yield from ((_ENUMS[node.name], code, "") for code in _texts(value, names))
        elif isinstance(node, ast.Dict):
            fields = {key.value: value for key, value in zip(node.keys, node.values, strict=True)
                      if isinstance(key, ast.Constant)}  # fmt: skip
            if "code" in fields and "message" in fields:
                section = Section.ACCOUNTS if is_feed else Section.UPLOADS
                message = _message(fields["message"])
                yield from ((section, code, message) for code in _texts(fields["code"], names))
        elif isinstance(node, ast.Call):
            yield from _of_call(node, names)


def _of_call(call: ast.Call, names: dict[str, list[str]]) -> Iterator[tuple[Section, str, str]]:
    name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    if name == "page" and "code" in given:
        yield from ((Section.PAGES, code, "") for code in _texts(given["code"], names))
    place = {"Reject": 3, "LineReject": 2, "withhold": 1}.get(name, 0)
    if name in _OF_ERRORS and len(call.args) > place:
        message = _message(call.args[place + 1]) if len(call.args) > place + 1 else ""
        yield from ((_OF_ERRORS[name], code, message) for code in _texts(call.args[place], names))


def _texts(node: ast.expr, names: dict[str, list[str]]) -> list[str]:
    """The codes that an expression can be, as far as the module itself says them."""
    match node:
        case ast.Constant(value=str(text)):
            return [text] if _CODE.fullmatch(text) else []
        case ast.IfExp(body=first, orelse=second):
            return _texts(first, names) + _texts(second, names)
        case ast.Name(id=name):
            return names.get(name, [])
    return []


def _texts_by_name(tree: ast.Module) -> dict[str, list[str]]:
    """The codes that a constant, or a variable ``code`` beside a ``message``, is set to."""
    found: dict[str, list[str]] = defaultdict(list)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Assign):
            continue
        match node.targets[0]:
            case ast.Name(id=name) if name.isupper() or name.startswith("_"):
                found[name] += _texts(node.value, {})
            case ast.Tuple(elts=[ast.Name(id="code"), *_]):
                pairs = [node.value.body, node.value.orelse] if isinstance(node.value, ast.IfExp) else [node.value]
                for pair in pairs:
                    found["code"] += _texts(pair.elts[0], {}) if isinstance(pair, ast.Tuple) else []
    return found


def _message(node: ast.expr) -> str:
    """The text, with … for what is filled in."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(_message(part) if isinstance(part, ast.Constant) else "…" for part in parts)
    return ""


def in_list() -> dict[tuple[Section, str], tuple[str, str]]:
    """What docs/errors.md says of each code: what it means, and what to do."""
    rows = {}
    section = None
    for line in LIST.read_text().splitlines():
        if line.startswith("## "):
            section = Section(line.removeprefix("## "))
        elif section and (row := _ROW.fullmatch(line)):
            code, meaning, advice = row.groups()
            rows[section, code] = (meaning, advice)
    return rows


def updated() -> str:
    """The text of docs/errors.md with a row for each code there is."""
    rows = in_list()
    kept = {place: "" for place in rows if is_in_source(place[1])}
    codes = kept | in_source()
    lines: list[str] = []
    section = None
    for line in LIST.read_text().splitlines():
        if line.startswith("## "):
            section = Section(line.removeprefix("## "))
        if section and _ROW.fullmatch(line):
            continue
        lines.append(line)
        if section and line.startswith("|---"):
            for code in sorted(code for of, code in codes if of is section):
                meaning, advice = rows.get((section, code), (codes[section, code].replace("|", "\\|"), ""))
                lines.append(f"| `{code}` | {meaning} | {advice} |")
    return "\n".join(lines) + "\n"


IN_REPORTS: dict[Section, dict[str, Words]] = {
    Section.UPLOADS: REASONS,
    Section.ROWS: ROWS,
    Section.NOTES: NOTES,
    Section.ACCOUNTS: ACCOUNTS,
}
"""The sections whose codes a data manager meets, with their words."""

_INTRODUCTION = """\
# Codes of a report

What the report of an upload says of each code, in every language there is. The report and `rejects.csv` say it in the language of
the district (`locale` in [district.json](district-settings.md)) with files, columns and numbers in the place of "…". Their `help`
leads to a page with these words, `/help/{code}`. `make errors` writes this page from `shared/runtime/report_words.py`. All other
codes are in the [list of codes](errors.md).
"""


def report_page() -> str:
    """The text of docs/report-codes.md: a heading for each code, by which a report leads to it."""
    parts = [_INTRODUCTION]
    for code in sorted({code for words in IN_REPORTS.values() for code in words}):
        parts.append(f"\n## {code}\n")
        for place, words in PLACES.items():
            if code in words:
                parts.append(f"\n{place}:\n\n")
                parts += [f"- {own_name(each)}: {general(words[code], each)}\n" for each in languages()]
    return "".join(parts)


def main() -> int:
    REPORT_PAGE.write_text(report_page())
    text = updated()
    if text != LIST.read_text():
        LIST.write_text(text)
        sys.stdout.write(f"{LIST.relative_to(ROOT)} has changed; say of each new code what it means, and what to do.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
