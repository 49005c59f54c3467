"""A worker's slots to send in: leased ahead of the send rate that all workers share, and waited for."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from shared.domain import send_rate
from shared.domain.clock import Clock
from shared.domain.errors import AccountLinkingError
from shared.domain.send_rate import Held, Limits
from shared.domain.sender_reputation import Breaker
from shared.stores.send_state import SendStateStore

if TYPE_CHECKING:
    from mypy_boto3_sesv2 import SESV2Client

LATE = timedelta(milliseconds=15)
"""A slot is used at its moment or so much later; a worker that comes later takes another one. It and the delays of
a mail on its way must stay under the 30 ms that ``send_rate.SHARE`` leaves."""
WITHIN = timedelta(seconds=25)
"""How long a worker waits for its slot at most: less than its function may run."""
_TRIES = 50
BREAKERS_KNOWN_FOR = timedelta(seconds=30)
"""So long a worker goes by what it read of a district's breaker."""


@dataclass(frozen=True, slots=True)
class Sending:
    """What a slot is asked for: a mail of this district. ``is_urgent``: somebody waits for it. ``is_security_notice``: it warns
    somebody of what was done with an account, and goes out whatever has stopped."""

    district_id: str = ""
    is_urgent: bool = False
    is_security_notice: bool = False


ANY = Sending()


class MailRefused(AccountLinkingError):
    """The mail was not accepted, for certain. ``may_try_later`` when it was about the send rate or the account, not the mail.

    ``until``: when trying again makes sense, where that is known.
    """

    def __init__(self, code: str, message: str, *, may_try_later: bool, until: datetime | None = None) -> None:
        super().__init__(code, message)
        self.may_try_later = may_try_later
        self.until = until


class SendSlots:
    """The slots of one worker; its threads may take them at the same time."""

    def __init__(
        self,
        state: SendStateStore,
        read_limits: Callable[[], Limits | None],
        *,
        clock: Clock,
        sleep: Callable[[float], None],
        count: Callable[[str], None] = lambda _metric: None,
    ) -> None:
        """``read_limits`` asks the service for the account's limits; ``count`` counts a metric by its name."""
        self._state = state
        self._read_limits = read_limits
        self._clock = clock
        self._sleep = sleep
        self._count = count
        self._slots: deque[datetime] = deque()
        self._breakers: dict[str, tuple[datetime, Breaker]] = {}

    def expect(self, number: int, district_ids: Iterable[str] = ()) -> None:
        """So many mails of these districts are about to be sent: their slots are leased in one write, as far as there are any.

        Call it before threads begin to take slots.
        """
        oldest = self._clock() - LATE
        while self._slots and self._slots[0] < oldest:
            self._slots.popleft()
        if (missing := number - len(self._slots)) > 0:
            found = self._lease(missing, ANY, district_ids)
            if not isinstance(found, MailRefused):
                self._slots.extend(found)

    def take(self, sending: Sending = ANY) -> datetime:
        """A slot to send in. Raises MailRefused (``may_try_later``) when nothing may be sent soon."""
        if self._slots and (refused := self._district_refusal(sending)):
            raise refused
        oldest = self._clock() - LATE
        with suppress(IndexError):  # there is none left
            while (slot := self._slots.popleft()) < oldest:
                pass
            return slot
        found = self._lease(1, sending, (sending.district_id,) if sending.district_id else ())
        if isinstance(found, MailRefused):
            raise found
        return found[0]

    def wait(self, slot: datetime, sending: Sending = ANY) -> None:
        """Let the moment of a slot come. One that has passed in the meantime is exchanged for another."""
        while self._clock() > slot + LATE:
            slot = self.take(sending)
        if (ahead := (slot - self._clock()).total_seconds()) > 0:
            self._sleep(ahead)

    def slow_down(self) -> None:
        """The service asked to slow down: that goes for all workers."""
        self._slots.clear()
        self._count("MailThrottled")
        for _ in range(_TRIES):
            state, _ = self._state.read()
            if self._state.save(state, send_rate.slowed(state, self._clock())):
                return

    def account_refused(self) -> None:
        """The service takes no mail of this account, sender or role until a person puts that right: an alarm says so."""
        self._count("MailAccountRefused")

    def _district_refusal(self, sending: Sending) -> MailRefused | None:
        """Why a mail of this district may not use a slot that is there."""
        if not sending.district_id or sending.is_security_notice:
            return None
        known = self._breakers.get(sending.district_id)
        if known is None or known[0] < self._clock() - BREAKERS_KNOWN_FOR:
            try:
                self._remember(self._state.read((sending.district_id,))[1])
            except (ClientError, BotoCoreError):
                return _unknown_rate()
        return self._stopped(self._breakers[sending.district_id][1], is_district=True)

    def _remember(self, breakers: Mapping[str, Breaker]) -> None:
        self._breakers |= {district_id: (self._clock(), breaker) for district_id, breaker in breakers.items()}

    def _stopped(self, breaker: Breaker, *, is_district: bool = False) -> MailRefused | None:
        if not breaker.has_stopped:
            return None
        self._count("DistrictMailStopped" if is_district else "MailStopped")
        whose = " of this district" if is_district else ""
        return MailRefused(
            "sending_stopped",
            f"Sending{whose} has stopped: {breaker.reason}. A person has to resume it.",
            may_try_later=True,
            until=self._clock() + send_rate.UNTIL_ASKED_AGAIN,
        )

    def _lease(self, number: int, sending: Sending, district_ids: Iterable[str]) -> tuple[datetime, ...] | MailRefused:
        try:
            return self._try_to_lease(number, sending, tuple(dict.fromkeys(district_ids)))
        except (ClientError, BotoCoreError):
            # Where the reply to a lease was lost, a few slots stay unused: no mail went out by it.
            return _unknown_rate()

    def _try_to_lease(
        self, number: int, sending: Sending, district_ids: Sequence[str]
    ) -> tuple[datetime, ...] | MailRefused:
        for _ in range(_TRIES):
            state, breakers = self._state.read(district_ids)
            self._remember(breakers)
            if not sending.is_security_notice:
                if refused := self._stopped(breakers[""]):
                    return refused
                own = breakers.get(sending.district_id) if sending.district_id else None
                if own and (refused := self._stopped(own, is_district=True)):
                    return refused
            known = state
            if send_rate.wants_limits(state, self._clock()):
                known = send_rate.with_limits(state, self._limits(), self._clock())
            found = send_rate.lease(known, self._clock(), number, within=WITHIN, is_urgent=sending.is_urgent)
            if isinstance(found, Held):
                # What was read is kept, so that the others need not read it again.
                if known is not state:
                    self._state.save(state, known)
                return self._held(found)
            after, slots = found
            if self._state.save(state, after):
                return slots
        return MailRefused("send_rate_busy", "Too many workers want to send at once.", may_try_later=True)

    def _limits(self) -> Limits | None:
        limits = self._read_limits()
        if limits is None:
            self._count("MailLimitsUnknown")
        return limits

    def _held(self, held: Held) -> MailRefused:
        self._count(f"Mail{held.reason.value.title().replace('_', '')}")
        return MailRefused(held.reason.value, "Nothing may be sent at present.", may_try_later=True, until=held.until)


def _unknown_rate() -> MailRefused:
    return MailRefused("send_rate_unknown", "The send rate could not be read or written.", may_try_later=True)


def account_limits(ses: SESV2Client) -> Limits | None:
    """The account's limits (SES GetAccount); None when there was no answer, or none that makes sense."""
    try:
        return limits_of(ses.get_account())
    except (ClientError, BotoCoreError):
        return None


def limits_of(account: Mapping[str, Any]) -> Limits | None:
    """The response of GetAccount as limits. A daily quota of -1 means that there is none.

    >>> limits_of({"SendQuota": {"MaxSendRate": 14.0, "Max24HourSend": 50000.0, "SentLast24Hours": 12.0}})
    Limits(rate=14.0, per_day=50000, sent=12, may_send=True)
    """
    quota = account.get("SendQuota") or {}
    rate, per_day, sent = (quota.get(name) for name in ("MaxSendRate", "Max24HourSend", "SentLast24Hours"))
    if not rate or rate <= 0 or per_day is None:
        return None
    may_send = account.get("SendingEnabled", True) and account.get("EnforcementStatus") != "SHUTDOWN"
    return Limits(float(rate), None if per_day < 0 else int(per_day), math.ceil(sent or 0), bool(may_send))
