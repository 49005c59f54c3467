"""How many browsers went to a hub for a district, and how many came back: a hub that turns people away tells nobody here."""

from __future__ import annotations

from dataclasses import dataclass

_SEVERAL = 3
"""Browsers: one person who gives up is no sign of anything."""
_SHARE_PERCENT = 10
"""Of many who begin, a few always change their mind."""


@dataclass(frozen=True, slots=True)
class Returns:
    """Browsers of some days, for one hub and district. A browser that tries again before it came back is one."""

    begun: int = 0
    returned: int = 0

    @property
    def missing(self) -> int:
        """How many did not come back. One that comes back with several errors counts with each of them."""
        return max(0, self.begun - self.returned)

    @property
    def is_trouble(self) -> bool:
        """Whether so many are missing that somebody has to look at the hub's settings."""
        return self.missing >= _SEVERAL and self.missing * 100 >= self.begun * _SHARE_PERCENT
