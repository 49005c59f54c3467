"""How many mails one district may have sent to one address in a day: whoever writes rosters could fill a stranger's mailbox."""

from __future__ import annotations

from datetime import timedelta

from shared.domain.clock import Clock
from shared.domain.errors import Throttled
from shared.mail.send_slots import MailRefused
from shared.stores.rate_limits import Limit, RateLimiter

MOST_A_DAY = Limit("mails_to", 5, timedelta(days=1))


class RecipientCap:
    """Counts activations, reminders and nudges per address, district and day (UTC), before a mail is claimed.

    Warnings about a link are not counted.
    """

    def __init__(self, limiter: RateLimiter, clock: Clock) -> None:
        self._limiter = limiter
        self._clock = clock

    def count(self, district_id: str, address: str) -> None:
        """One more mail is about to go out. Raises MailRefused (``may_try_later``, on the next day) beyond the cap."""
        try:
            self._limiter.hit(MOST_A_DAY, f"{district_id} {address}")
        except Throttled as full:
            until = self._clock() + timedelta(seconds=full.retry_after)
            raise MailRefused(
                "recipient_has_enough", "This address had its mails for today.", may_try_later=True, until=until
            ) from None
