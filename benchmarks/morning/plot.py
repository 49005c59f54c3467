"""The morning as a plot: how many are in, by minute."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from benchmarks.morning.simulation import Morning, arrivals

_WIDTH, _HEIGHT = 720, 380
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 20, 40, 110
_MINUTES = 90
_COLOURS = ("#b3261e", "#e05d00", "#0b8457")


def plot(mornings: Mapping[str, Morning], people: int) -> str:
    """Lines of the share that is in, over that of those who came."""
    title = f"{people:,} students log in for the first time: the share that is in, by minute"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" font-family="sans-serif" '
        'font-size="12">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
        f'<text x="{_LEFT}" y="22" font-size="15" font-weight="bold">{escape(title)}</text>',
        *(_across(share) for share in range(0, 101, 25)),
        *(_down(minute) for minute in range(0, _MINUTES + 1, 15)),
    ]
    coming = arrivals(people)
    came = [sum(coming(second) for second in range(minute * 60)) / people for minute in range(_MINUTES + 1)]
    parts += _line(0, "who has come", came, "#5f6b7a", ' stroke-dasharray="4 4"')
    for number, (colour, (name, morning)) in enumerate(zip(_COLOURS, mornings.items(), strict=True), 1):
        parts += _line(number, name, [morning.share_in(minute * 60) for minute in range(_MINUTES + 1)], colour, "")
    return "\n".join([*parts, "</svg>", ""])


def _x(minute: float) -> float:
    return _LEFT + minute / _MINUTES * (_WIDTH - _LEFT - _RIGHT)


def _y(share: float) -> float:
    return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)


def _across(percent: int) -> str:
    at = _y(percent / 100)
    return (
        f'<line x1="{_LEFT}" y1="{at:.1f}" x2="{_WIDTH - _RIGHT}" y2="{at:.1f}" stroke="#e3e6ea"/>'
        f'<text x="{_LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{percent} %</text>'
    )


def _down(minute: int) -> str:
    at = _x(minute)
    return (
        f'<line x1="{at:.1f}" y1="{_TOP}" x2="{at:.1f}" y2="{_HEIGHT - _BOTTOM}" stroke="#e3e6ea"/>'
        f'<text x="{at:.1f}" y="{_HEIGHT - _BOTTOM + 16}" text-anchor="middle">{minute} min</text>'
    )


def _line(number: int, name: str, shares: list[float], colour: str, more: str) -> list[str]:
    points = " ".join(f"{_x(minute):.1f},{_y(share):.1f}" for minute, share in enumerate(shares))
    at = _HEIGHT - _BOTTOM + 38 + 18 * number
    return [
        f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"{more}/>',
        f'<line x1="{_LEFT}" y1="{at - 4}" x2="{_LEFT + 24}" y2="{at - 4}" stroke="{colour}" stroke-width="2"{more}/>',
        f'<text x="{_LEFT + 32}" y="{at}">{escape(name)}</text>',
    ]
