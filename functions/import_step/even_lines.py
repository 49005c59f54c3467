"""Lines that are alike in shape: as long as each other, with delimiters at the same places, as ids of one length make them.

Their fields are known by their places. So a field that nobody asks for, or that all lines share, becomes no object for each line.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from struct import Struct

_FEWEST = 16
"""Lines for which a look at their shape pays."""
_BLANKS = b"\t\x0b\x0c\x1c\x1d\x1e\x1f "


class EvenLines:
    """The columns of such lines."""

    def __init__(self, lines: int, fields: Sequence[bytes], places: Sequence[int], values: Sequence[bytes]) -> None:
        """``fields`` are the first line's. ``places`` say of each that it is alike in all lines (-1), or the how manieth it is
        of those that are not, and whose ``values`` follow each other line by line."""
        self._lines = lines
        self._fields = fields
        self._places = places
        self._values = values
        self._varying = len(values) // lines

    def __len__(self) -> int:
        return self._lines

    @property
    def width(self) -> int:
        """How many fields a line has."""
        return len(self._fields)

    def columns(self, indexes: Iterable[int], ids: int | None) -> tuple[list[list[str]], list[bytes]]:
        """These columns, stripped, an empty one for -1, and that of ``ids`` in UTF-8."""
        return [*map(self._column, indexes)], [] if ids is None else self._in_utf_8(ids)

    def _column(self, index: int) -> list[str]:
        if index < 0 or self._places[index] < 0:
            return [self._fields[index].decode().strip() if index >= 0 else ""] * self._lines
        return [*map(bytes.decode, self._values[self._places[index] :: self._varying])]

    def _in_utf_8(self, index: int) -> list[bytes]:
        if self._places[index] < 0:
            return [self._fields[index].decode().strip().encode()] * self._lines
        return [*self._values[self._places[index] :: self._varying]]


def even_lines(body: bytes, delimiter: bytes, inner: bytes) -> EvenLines | None:
    """The columns of whole lines without quotes; None where they are not alike in shape, or not ASCII, or where a field that
    differs from line to line has blanks around it. ``inner`` stands in no field that is taken.

    >>> lines = even_lines(b"a1,x,b7\\n" * 8 + b"a2,x,b8\\n" * 8, b",", b"\\1")
    >>> (ids, words), others = lines.columns([0, 1], 2)
    >>> ids[7:9], words[:2], others[-1]
    (['a1', 'a2'], ['x', 'x'], b'b8')
    >>> even_lines(b"a1,x,b7\\n" * 16 + b"a1,,xb7\\n", b",", b"\\1") is None
    True
    """
    length = body.index(b"\n") + 1
    lines, rest = divmod(len(body), length)
    if rest or lines < _FEWEST or not body.isascii():
        return None
    first = body[:length]
    fields = first[:-1].split(delimiter)
    if inner in first:
        return None
    places, kinds, skipped, start = list[int](), list[str](), 0, 0
    for field in fields:
        end = start + len(field)
        if not _are_alike(body, first, end, end + 1, lines):
            # No delimiter, or no end of a line, where the first line has it.
            return None
        if _are_alike(body, first, start, end, lines):
            places.append(-1)
            skipped += len(field) + 1
        elif _has_blanks_around(body, start, end, length):
            return None
        else:
            places.append(len(kinds))
            kinds.append(f"{skipped}x{len(field)}s")
            skipped = 1
        start = end + 1
    values = _unpacker("".join((*kinds, f"{skipped}x")), lines).unpack(body)
    # Then all other delimiters and line ends would be in these.
    together = b"".join(values)
    if delimiter in together or b"\n" in together or inner in together:
        return None
    return EvenLines(lines, fields, places, values)


def _are_alike(body: bytes, first: bytes, start: int, end: int, lines: int) -> bool:
    """Whether all lines have the same between these places."""
    length = len(first)
    return all(body[at::length] == first[at : at + 1] * lines for at in range(start, end))


def _has_blanks_around(body: bytes, start: int, end: int, length: int) -> bool:
    around = body[start::length] + body[end - 1 :: length]
    return len(around.translate(None, _BLANKS)) < len(around)


@lru_cache(8)
def _unpacker(of_a_line: str, lines: int) -> Struct:
    """Takes the values of so many lines out of them at once."""
    return Struct(of_a_line * lines)
