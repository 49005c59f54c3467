"""How fast one worker writes to a table whose rate nobody tells, and which other workers write to (B8).

A table takes so many writes a second in all, and hands the rest back. A worker that goes on as fast as it can has most of its
writes refused, and the pages' with them. So each finds its own share: it writes faster until something is refused, stays just
below what was taken then, and from time to time tries a little more.
"""

from __future__ import annotations

from collections.abc import Callable

START = 250.0
"""Writes a second of a worker that knows nothing yet: eight of them are half of what a new on-demand table takes."""
SLOWEST, FASTEST = 25.0, 5_000.0
"""Writes a second, at least and at most."""
_WINDOW = 0.5
"""Seconds over which it is counted what was taken."""
_BELOW = 0.93
"""What was taken when something was refused, times this, is the rate that is kept."""
_FIRST_STEP, _SMALLEST_STEP = 0.25, 0.01
"""By which share the rate grows: until the first refusal, and when it is tried again after one."""
_SHORTEST_HOLD, _LONGEST_HOLD = 4.0, 16.0
"""Seconds that a rate is kept before more is tried."""


class WritePace:
    """Says how long to wait before each batch; it is told what became of it. ``clock`` returns seconds that never go back.

    For one worker, which sends one batch after the other.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.rate = START
        """Writes a second that this worker allows itself."""
        self._next = self._began = clock()
        self._taken = 0
        self._is_refused = False
        self._step = _FIRST_STEP
        self._hold = 0.0
        self._holds_until = self._began
        self._kept = self.rate

    def wait(self, writes: int) -> float:
        """Seconds to wait before so many writes are sent."""
        now = self._clock()
        at = max(self._next, now)
        self._next = at + writes / self.rate
        return at - now

    def sent(self, taken: int, refused: int) -> None:
        """So many of the writes that were just sent were taken, and so many handed back."""
        now = self._clock()
        self._taken += taken
        self._is_refused = self._is_refused or refused > 0
        elapsed = now - self._began
        if elapsed < _WINDOW:
            return
        measured = self._taken / elapsed
        if self._is_refused:
            self._slow_down(measured, now)
        elif now >= self._holds_until and measured >= 0.8 * self.rate:
            self._speed_up(now)
        self._began, self._taken, self._is_refused = now, 0, False

    def _slow_down(self, measured: float, now: float) -> None:
        """Just below what was taken; where more had only been tried, below what was kept until then."""
        below = min(measured, self.rate) if self._step == _FIRST_STEP else min(max(measured, self._kept), self.rate)
        self.rate = self._kept = max(SLOWEST, below * _BELOW)
        self._step = _SMALLEST_STEP
        self._hold = min(max(2 * self._hold, _SHORTEST_HOLD), _LONGEST_HOLD)
        self._holds_until = now + self._hold

    def _speed_up(self, now: float) -> None:
        """A little more, and twice as much more the next time, as long as nothing is refused."""
        self._kept = self.rate
        self.rate = min(FASTEST, self.rate * (1 + self._step))
        self._step = min(2 * self._step, _FIRST_STEP)
        self._hold /= 2
        self._holds_until = now + (self._hold if self._hold > _WINDOW else 0.0)
