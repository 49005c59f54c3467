"""``make pairs``: how exact pairing by names (B13) and suggestions in a class (B12) are, where the truth is known."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import suggestions
from benchmarks.named_classes import NOISE, NamedTeacher, teacher
from shared.domain.name_likeness import Doubt
from shared.domain.pairing import words_of
from shared.domain.pairing_by_names import NamedClass, NamePair, Strength, pair_by_names

_PAGE, _PLOT = Path("docs/pairs.md"), Path("docs/images/pairs.svg")
_SUGGESTED_PLOT = Path("docs/images/suggestions.svg")
_TEACHERS, _CLASSES = 300, 300
"""Of each noise and overlap: pairs of a teacher's classes, and suggestions in one class."""
OVERLAPS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)


@dataclass
class Exactness:
    """What came of the teachers of one noise and overlap."""

    noise: str
    overlap: float
    true: int = 0
    """Old classes that go on in a district class."""
    offered: int = 0
    right: int = 0
    asked: int = 0
    asked_right: int = 0

    @property
    def precision(self) -> float:
        return self.right / self.offered if self.offered else 1.0

    @property
    def recall(self) -> float:
        return self.right / self.true if self.true else 1.0

    def add(self, made: NamedTeacher, pairs: Sequence[NamePair]) -> None:
        self.true += len(made.truth)
        for each in pairs:
            is_right = each.into in made.truth.get(each.old, ())
            if each.strength is Strength.STRONG:
                self.offered += 1
                self.right += is_right
            else:
                self.asked += 1
                self.asked_right += is_right


def paired(made: NamedTeacher) -> list[NamePair]:
    """What pairing says of this teacher's classes."""
    old, new = (
        [NamedClass(words_of(title), students) for title, students in classes] for classes in (made.old, made.new)
    )
    return pair_by_names(old, new, made.accounts, made.people)


def measured(
    teachers: int, noises: Sequence[str] = tuple(NOISE), overlaps: Sequence[float] = OVERLAPS
) -> list[Exactness]:
    """So many teachers of each noise and overlap."""
    found = []
    for noise in noises:
        for overlap in overlaps:
            one = Exactness(noise, overlap)
            for seed in range(teachers):
                made = teacher(seed, noise, overlap)
                one.add(made, paired(made))
            found.append(one)
    return found


def table(found: Sequence[Exactness]) -> Iterator[str]:
    """As docs/pairs.md has it."""
    yield "| noise | stayed | classes that go on | offered | of these right | found | asked besides | of these right |\n"
    yield "|---|---|---|---|---|---|---|---|\n"
    for each in found:
        yield (
            f"| {each.noise} | {each.overlap:.0%} | {each.true:,} | {each.offered:,} | {each.precision:.2%} | {each.recall:.1%} | "
            f"{each.asked:,} | {each.asked_right:,} |\n"
        )


def milliseconds(teachers: int = 50) -> float:
    """Of one teacher's classes, on average."""
    made = [teacher(seed, "much", 0.7) for seed in range(teachers)]
    paired(made[0])
    began = time.process_time()
    for each in made:
        paired(each)
    return (time.process_time() - began) * 1000 / teachers


_WIDTH, _HEIGHT, _LEFT, _TOP = 640, 300, 50, 20
_COLOURS = {"none": "#0b8457", "some": "#1b6ef3", "much": "#e05d00"}


type Lines = dict[str, list[tuple[float, float]]]
"""By what is written beside a line: its points (part of the students who stayed, part that was found)."""


def plot(lines: Lines) -> str:
    """How much is found, by how many of the students stayed."""
    overlaps = sorted({x for points in lines.values() for x, _ in points})
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
    ]
    for share in (0, 25, 50, 75, 95, 100):
        y = _y(share / 100)
        parts += [
            f'<path d="M{_LEFT} {y}H{_WIDTH - 130}" stroke="#ccc"/>',
            f'<text x="{_LEFT - 8}" y="{y + 4}" text-anchor="end">{share} %</text>',
        ]
    parts += [f'<text x="{_x(each)}" y="{_HEIGHT - 22}" text-anchor="middle">{each:.0%}</text>' for each in overlaps]
    parts.append(f'<text x="{_LEFT}" y="{_HEIGHT - 5}">students who stayed</text>')
    for number, (title, points) in enumerate(lines.items(), 1):
        colour = _COLOURS[title.split(",")[0]]
        line = " ".join(f"{_x(x)},{_y(y)}" for x, y in points)
        dashes = ' stroke-dasharray="5 3"' if "," in title else ""
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>')
        parts.append(f'<text x="{_WIDTH - 120}" y="{_TOP + 20 * number}" fill="{colour}">noise: {title}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _x(overlap: float) -> float:
    return round(_LEFT + 20 + (overlap - OVERLAPS[0]) / (1 - OVERLAPS[0]) * (_WIDTH - 220), 1)


def _y(share: float) -> float:
    return round(_TOP + (1 - share) * (_HEIGHT - 70), 1)


def main() -> int:
    """Bring the tables and plots of docs/pairs.md in step with what is measured."""
    found, suggested = measured(_TEACHERS), suggestions.measured(_CLASSES)
    _write("table", table(found))
    _write("suggestions", suggestions.table(suggested))
    _write("reasons", suggestions.reasons(suggested))
    _PLOT.parent.mkdir(parents=True, exist_ok=True)
    pairs: Lines = {noise: [(each.overlap, each.recall) for each in found if each.noise == noise] for noise in NOISE}
    _PLOT.write_text(plot(pairs), encoding="utf-8")
    lines: Lines = {}
    for noise in NOISE:
        cells = [each for each in suggested if each.noise == noise]
        lines[f"{noise}, all"] = [(each.overlap, each.found(None, *Doubt)) for each in cells]
        lines[noise] = [(each.overlap, each.found(None)) for each in cells]
    _SUGGESTED_PLOT.write_text(plot(lines), encoding="utf-8")
    sys.stdout.write(f"{milliseconds():.1f} ms for a teacher's classes\n")
    return 0


def _write(name: str, lines: Iterator[str]) -> None:
    """Put a table between its marks in the document, and print it."""
    rows = "".join(lines)
    sys.stdout.write(f"{rows}\n")
    head, rest = _PAGE.read_text(encoding="utf-8").split(f"<!-- {name} -->\n", 1)
    tail = rest.split("<!-- end -->\n", 1)[1]
    _PAGE.write_text(f"{head}<!-- {name} -->\n{rows}<!-- end -->\n{tail}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
