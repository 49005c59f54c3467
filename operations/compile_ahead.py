"""What the build compiles ahead, so that no new worker has to (docs/decisions/0075-a-worker-finds-its-code-compiled.md).

``python -m operations.compile_ahead FOLDER`` writes it below FOLDER, each file where the artifacts have it.
"""

from __future__ import annotations

import builtins
import dataclasses
import marshal
import os
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import Any

ROOT = Path(__file__).parents[1]
TEMPLATES = ("functions/class_export", "functions/pages", "shared/mail/templates")
"""Folders of templates, as those who render them name them."""
_IN_LAMBDA = Path("/var/task")
_AS_EVER = 2
"""The format of marshal in which equal code is equal bytes, whatever else the process holds."""


def main() -> int:
    (folder,) = map(Path, sys.argv[1:])
    compiled = {folder / place: content for place, content in [*_methods(), *_templates()]}
    for file, content in compiled.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_suffix(f".{os.getpid()}")  # another build may read the file meanwhile
        draft.write_bytes(content)
        draft.replace(file)
    for file in folder.rglob("*.bin"):
        if file not in compiled:
            file.unlink()
    return 0


def _methods() -> Iterator[tuple[Path, bytes]]:
    """The methods of all dataclasses, which are seen while every module of ours is imported: none may be imported yet."""
    texts: set[str] = set()

    def noted(text: str, names: dict[str, Any], made: dict[str, Any]) -> None:
        texts.add(text)
        builtins.exec(compile(text, "<string>", "exec", dont_inherit=True), names, made)  # noqa: S102 - dataclasses' own

    vars(dataclasses)["exec"] = noted
    for package in ("shared", "functions"):
        for module in walk_packages([str(ROOT / package)], f"{package}."):
            import_module(module.name)
    from shared.runtime.start_up import METHODS, for_this_python, key_of, methods_of

    methods = {key_of(text): marshal.dumps(methods_of(text), _AS_EVER) for text in sorted(texts)}
    yield METHODS.relative_to(ROOT), for_this_python(marshal.dumps(methods, _AS_EVER))


def _templates() -> Iterator[tuple[Path, bytes]]:
    from shared.runtime.i18n import CompiledAhead, environment

    for folder in TEMPLATES:
        templates = environment(ROOT / folder, "en")
        for name in templates.list_templates(("css", "html", "txt")):
            source = (ROOT / folder / name).read_text()
            code = templates.compile(source, name, str(_IN_LAMBDA / folder / name))
            yield CompiledAhead.place(Path(folder) / name), CompiledAhead.content(source, marshal.dumps(code, _AS_EVER))


if __name__ == "__main__":
    sys.exit(main())
