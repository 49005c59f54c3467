"""A class on its first day: who waits, who chooses, who is linked, and who needs their teacher's help (B12)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from shared.domain.clock import from_iso
from shared.domain.roster import RosterUser, RosterUserKey

if TYPE_CHECKING:
    from shared.domain.link import Link
    from shared.domain.vouching import ClassCode  # Names are compared with libraries that no login waits for.

CHOOSING_FOR = timedelta(minutes=15)
"""So long after the district login a student is taken to be at the question still."""
HELP_FOR = timedelta(hours=1)
"""So long what went wrong is shown: a lesson later it says nothing of the class that is here."""
TRIES_BEFORE_HELP = 2
"""A first wrong code or password is a slip."""


class DayState(StrEnum):
    """Where a student of the class is now, those first who need the teacher."""

    HELP = "help"
    CHOOSING = "choosing"
    """Logged in through the district, and at the question now."""
    WAITING = "waiting"
    """Nobody has come with this student's district login."""
    LINKED = "linked"


class Moment(StrEnum):
    """What happened to a student last."""

    CHOOSING = "choosing"
    NEW_LOGIN = "new_login"
    """The link does not know this district login: the student logs into the account once (M19)."""
    LEFT = "left"
    """Another district login took this one's place in the browser before anything was chosen."""
    CODE_WRONG = "code_wrong"
    NOT_CONFIRMED = "not_confirmed"
    """Typed a code, and no teacher said which account is theirs."""
    ACCOUNT_PROTECTED = "account_protected"
    """Typed a code for an account that only its own address or login opens."""
    LOGIN_WRONG = "login_refused"
    NO_ACCOUNT_WITH_GOOGLE = "no_account_with_google"
    TOO_MANY_TRIES = "too_many_tries"
    NAME_DIFFERS = "name_differs"
    LINKED_ELSEWHERE = "account_linked_elsewhere"
    ACCOUNT_TEACHES = "account_teaches"
    REFUSED = "refused"
    """Anything else that stopped the link."""

    @classmethod
    def of(cls, code: str) -> Moment:
        """By the code of a refusal."""
        return cls(code) if code in cls else cls.REFUSED


_SLIPS = frozenset({Moment.CODE_WRONG, Moment.LOGIN_WRONG})


@dataclass(frozen=True, slots=True)
class DayNote:
    """What happened to a student last, how often in a row something was wrong, and when (ISO 8601, UTC)."""

    student: RosterUserKey
    moment: Moment
    tries: int
    at: str

    def state(self, now: datetime) -> DayState:
        """What it says of the student at this moment; what is long past says nothing."""
        age = now - from_iso(self.at)
        is_slip = self.moment in _SLIPS and self.tries < TRIES_BEFORE_HELP
        if self.moment is Moment.CHOOSING or is_slip:
            return DayState.CHOOSING if age < CHOOSING_FOR else DayState.WAITING
        return DayState.HELP if age < HELP_FOR else DayState.WAITING


@dataclass(frozen=True, slots=True)
class DayRow:
    """A student on the board; ``note`` says why help is needed."""

    user: RosterUser
    state: DayState
    note: DayNote | None = None


@dataclass(frozen=True, slots=True)
class Board:
    """A class as it stands: its students, those first who need help, and the code that is on the board now."""

    rows: Sequence[DayRow]
    code: ClassCode | None

    @property
    def counts(self) -> Counter[DayState]:
        return Counter(row.state for row in self.rows)

    @property
    def is_live(self) -> bool:
        """Whether something is about to change: a code is good, or somebody is choosing."""
        return self.code is not None or self.counts[DayState.CHOOSING] > 0


def board_of(
    students: Sequence[RosterUser],
    links: Mapping[RosterUserKey, Link],
    notes: Mapping[RosterUserKey, DayNote],
    code: ClassCode | None,
    now: datetime,
) -> Board:
    """The board, within each state in the order of ``students``."""
    rows = [_row(one, links.get(one.key), notes.get(one.key), now) for one in students]
    return Board(sorted(rows, key=lambda row: _ORDER.index(row.state)), code)


_ORDER = tuple(DayState)


def _row(user: RosterUser, link: Link | None, note: DayNote | None, now: datetime) -> DayRow:
    if link and link.is_linked and not (note and _is_unknown(note, link)):
        return DayRow(user, DayState.LINKED)
    state = note.state(now) if note else DayState.WAITING
    if state is DayState.WAITING and link and link.is_linked:
        state = DayState.LINKED
    return DayRow(user, state, note if state is DayState.HELP else None)


def _is_unknown(note: DayNote, link: Link) -> bool:
    """Whether the login that this note is of is one that the link still does not know."""
    return note.moment is Moment.NEW_LOGIN and link.undoable_from < note.at
