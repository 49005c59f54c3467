"""Plots as SVG, drawn without a library: cost against people, what a month consists of, how near the limits are."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from html import escape

from benchmarks.cost.counting import Counted
from benchmarks.cost.limits import limits
from benchmarks.cost.model import LOGINS, MONTHS, month

_WIDTH, _HEIGHT = 720, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 190, 40, 50
_LINES = 8
"""Lines of the price file that a plot shows: the dearest at the largest size."""
_TYPE = 'font-family="sans-serif" font-size="12"'
_COLOURS = (
    "#1b6ef3",
    "#e05d00",
    "#0b8457",
    "#9b3fb5",
    "#b3261e",
    "#5f6b7a",
    "#c29b00",
    "#007c91",
    "#7a4b2a",
    "#3d3d9e",
)


def plots(counts: Counted, sizes: Sequence[int]) -> dict[str, str]:
    """Each plot by the name of its file."""
    return {
        "months.svg": _months(counts, sizes),
        **{f"{kind}.svg": _lines_of_a_month(counts, sizes, kind) for kind in MONTHS},
        "limits.svg": _limits(counts, sizes),
    }


def _months(counts: Counted, sizes: Sequence[int]) -> str:
    series = {
        f"{kind}, {'passwords in the pool' if logins == 'pool' else 'logins at the hubs'}": [
            month(counts, size, kind, logins).total for size in sizes
        ]
        for kind in MONTHS
        for logins in LOGINS
    }
    return _drawing("Dollars a month, by people", sizes, series, "$")


def _lines_of_a_month(counts: Counted, sizes: Sequence[int], kind: str) -> str:
    months = [month(counts, size, kind, "pool") for size in sizes]
    dearest = sorted(months[-1].dollars, key=lambda line: -months[-1].dollars[line])[:_LINES]
    series = {line: [of.dollars[line] for of in months] for line in sorted(dearest)}
    return _drawing(f"A {kind} month by line, passwords in the pool", sizes, series, "$")


def _limits(counts: Counted, sizes: Sequence[int]) -> str:
    found = [list(limits(counts, size)) for size in sizes]
    series = {first.name: [of[place].share * 100 for of in found] for place, first in enumerate(found[0])}
    return _drawing("Share of each limit that a launch uses", sizes, series, "%")


def _drawing(title: str, sizes: Sequence[int], series: dict[str, list[float]], unit: str) -> str:
    """Both axes are logarithmic; below the lowest line of the grid nothing is drawn."""
    top = math.ceil(math.log10(max(max(values) for values in series.values())))
    bottom = max(-2, top - 6)
    left, right = math.log10(sizes[0]), math.log10(sizes[-1])

    def x(size: float) -> float:
        return _LEFT + (math.log10(size) - left) / (right - left) * (_WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        at = math.log10(max(value, 10**bottom))
        return _HEIGHT - _BOTTOM - (at - bottom) / (top - bottom) * (_HEIGHT - _TOP - _BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" {_TYPE}>',
        f"<title>{escape(title)}</title>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
        f'<text x="{_LEFT}" y="22" font-size="15" font-weight="bold">{escape(title)}</text>',
        *_grid(sizes, range(bottom, top + 1), x, y, unit),
    ]
    ends = _apart(sorted((y(values[-1]), name) for name, values in series.items()))
    for colour, (name, values) in zip(_COLOURS * 2, series.items(), strict=False):
        points = " ".join(f"{x(size):.1f},{y(value):.1f}" for size, value in zip(sizes, values, strict=True))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        label = f'<text x="{_WIDTH - _RIGHT + 8}" y="{ends[name] + 4:.1f}" fill="{colour}" font-size="11">'
        parts.append(f"{label}{escape(name.partition(': ')[2] or name)}</text>")
    return "\n".join([*parts, "</svg>", ""])


def _grid(
    sizes: Sequence[int], powers: range, x: Callable[[float], float], y: Callable[[float], float], unit: str
) -> Iterator[str]:
    for size in sizes:
        yield f'<line x1="{x(size):.1f}" y1="{_TOP}" x2="{x(size):.1f}" y2="{_HEIGHT - _BOTTOM}" stroke="#e3e6ea"/>'
        yield f'<text x="{x(size):.1f}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="middle">{size:,}</text>'
    for power in powers:
        at = y(10.0**power)
        shown = f"{10**power:,}" if power >= 0 else f"{10.0**power:g}"
        label = f"{unit}{shown}" if unit == "$" else f"{shown} {unit}"
        yield f'<line x1="{_LEFT}" y1="{at:.1f}" x2="{_WIDTH - _RIGHT}" y2="{at:.1f}" stroke="#e3e6ea"/>'
        yield f'<text x="{_LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{label}</text>'
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    yield f'<text x="{middle:.1f}" y="{_HEIGHT - 12}" text-anchor="middle">people</text>'


def _apart(ends: Sequence[tuple[float, str]]) -> dict[str, float]:
    """Where the names of lines stand, so that none covers another."""
    found, last = dict[str, float](), -math.inf
    for at, name in ends:
        last = max(at, last + 14)
        found[name] = last
    over = max(0.0, last - (_HEIGHT - _BOTTOM))
    return {name: at - over for name, at in found.items()}
