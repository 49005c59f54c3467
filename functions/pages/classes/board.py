"""The live board of a district class: who waits, chooses, is linked or needs help, for their teacher and for a projector (B12)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from urllib.parse import urlencode

from functions.pages.classes.class_page import ClassPages, OpenedClass
from functions.pages.classes.students import named_apart
from functions.pages.dependencies import Services
from functions.pages.http import NoSuchClass, Reply, Request, page
from shared.domain.class_day import Board, DayState, Moment

REFRESH_SECONDS = 10
"""Between two looks, while something is about to change and nobody stopped it (WCAG 2.2.2)."""
_WIDTH = 600
_TONES = (
    (DayState.LINKED, "drawn-good"),
    (DayState.CHOOSING, "drawn-link"),
    (DayState.HELP, "drawn-warning"),
)  # fmt: skip
"""What the meter shows, from its beginning; the rest of it are those who wait."""


class BoardPage:
    """For a teacher of the class: what they see of it changes nothing."""

    def __init__(self, services: Services, class_page: ClassPages) -> None:
        self._services = services
        self._class_page = class_page
        self._watch_class = services.watch_class()

    def show(self, request: Request, reference: str) -> Reply:
        opened = self._class_page.opened_with_table(request, reference)
        if isinstance(opened, Reply):
            return opened
        if opened.district is None:
            raise NoSuchClass("no_such_class", "This class is not there, or it is not yours.")
        district = self._services.districts.get(opened.district.district_id)
        board = self._watch_class.board(opened.district)
        chosen = {name: request.query[name] for name in ("names", "still") if request.query.get(name) == "1"}
        reply = page(
            "classes/board",
            audience=district,
            opened=opened,
            is_student=False,
            may_vouch=district.teachers_may_vouch,
            action=f"{opened.form_address}/students",
            query=f"?district={district.district_id}",
            board=board,
            code=board.code,
            counts=board.counts,
            states=DayState,
            moments=Moment,
            bars=_bars(board),
            width=_WIDTH,
            named=named_apart(row.user for row in board.rows),
            shows_names="names" not in chosen,
            is_live=board.is_live,
            is_still="still" in chosen,
            seconds=REFRESH_SECONDS,
            here_address=_address(opened, chosen),
            names_address=_address(opened, _turned(chosen, "names")),
            still_address=_address(opened, _turned(chosen, "still")),
        )
        if board.is_live and "still" not in chosen:
            reply.headers["Refresh"] = str(REFRESH_SECONDS)
        return reply


def _address(opened: OpenedClass, chosen: Mapping[str, str]) -> str:
    more = urlencode(chosen)
    return f"{opened.board_address}&{more}" if more else opened.board_address


def _turned(chosen: Mapping[str, str], name: str) -> dict[str, str]:
    """The same view with one choice turned over."""
    return {key: value for key, value in chosen.items() if key != name} if name in chosen else {**chosen, name: "1"}


def _bars(board: Board) -> list[tuple[str, float, float]]:
    """Tone, beginning and length of each part of the meter."""
    counts: Counter[DayState] = board.counts
    of_one = _WIDTH / max(1, len(board.rows))
    bars, begin = [], 0.0
    for state, tone in _TONES:
        bars.append((tone, begin, counts[state] * of_one))
        begin += counts[state] * of_one
    return [(tone, round(begin, 2), round(length, 2)) for tone, begin, length in bars if length]
