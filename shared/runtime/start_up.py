"""What a new worker does before it imports anything else, as somebody waits for it
(docs/decisions/0075-a-worker-finds-its-code-compiled.md).

The build compiles ahead what each new worker would compile (``operations/compile_ahead.py``). What it has not compiled, or for
another Python, is compiled as ever.
"""

from __future__ import annotations

import builtins
import dataclasses
import gc
import marshal
import os
from collections.abc import Mapping
from hashlib import sha256
from importlib.util import MAGIC_NUMBER
from pathlib import Path
from types import CodeType
from typing import Any

METHODS = Path(__file__).with_name("methods.bin")
"""The methods of dataclasses, compiled ahead: bytecode by the key of the text that ``dataclasses`` writes for a class."""


def begin() -> None:
    """Called before a function's first import.

    Modules stay, so to look for garbage among them finds none; it took a tenth of the time, and waits until an event is there.
    """
    if methods := compiled_ahead(METHODS):
        use_methods(marshal.loads(methods))  # noqa: S302 - written by the build, beside the code itself
    if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
        gc.disable()


def imported() -> None:
    """Called when an event is there: garbage is collected from here on, though not among what was imported."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


def use_methods(compiled: Mapping[bytes, bytes]) -> None:
    """Have ``dataclasses`` run this bytecode where it would compile a text; a text that is not there is compiled.

    Three quarters of the time in which a dataclass is made is the compiler's.
    """

    def run(text: str, names: dict[str, Any], made: dict[str, Any]) -> None:
        code = compiled.get(key_of(text))
        builtins.exec(marshal.loads(code) if code else methods_of(text), names, made)  # noqa: S102, S302 - dataclasses' own

    vars(dataclasses)["exec"] = run


def key_of(text: str) -> bytes:
    """What tells texts apart, as they are long and many."""
    return sha256(text.encode()).digest()


def methods_of(text: str) -> CodeType:
    """The text as ``dataclasses`` compiles it: under no ``__future__`` of ours."""
    return compile(text, "<string>", "exec", dont_inherit=True)


def compiled_ahead(file: Path) -> bytes | None:
    """What the build compiled into this file; None where it did not, or for another Python."""
    try:
        found = file.read_bytes()
    except FileNotFoundError:
        return None
    return found.removeprefix(MAGIC_NUMBER) if found.startswith(MAGIC_NUMBER) else None


def for_this_python(compiled: bytes) -> bytes:
    """The content of such a file."""
    return MAGIC_NUMBER + compiled
