"""What all senders of mail share: the send rate, the counts of what came back, and whether sending has stopped.

Keys: ``SENDING`` / ``PACE``, ``SENDING`` / ``BREAKER``, ``SENDING#date`` / ``COUNTS`` (a day's counts by hour), the same two
for each district (``BREAKER#district``, ``COUNTS#district``), and
``SENDING#message id#kind`` / ``NOTED`` (that a bounce or complaint was counted). The busiest of them is a day's counts,
with a write per accepted mail: one key takes 1,000 a second, some 70 times the rate that accounts begin with.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from shared.domain.clock import to_iso
from shared.domain.errors import Conflict, RefusedTransition
from shared.domain.send_rate import Limits, SendRateState
from shared.domain.sender_reputation import COMPLAINTS_OVER, Breaker, Counts, DeliveryEvent, hour_of, stop_reason
from shared.stores.keys import SEND_RATE, Item, Key, counted_key, pair, send_breaker_key, sent_counts_key, told_key
from shared.stores.table import ABSENT, DynamoTable, Put, Table, Update, without_none

_KEPT = timedelta(days=30)
_LETTER = {DeliveryEvent.ACCEPTED: "a", DeliveryEvent.BOUNCED: "b", DeliveryEvent.COMPLAINED: "c"}


class SendStateStore:
    """The only writer of these items. Every change is one conditional or atomic write."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = Table(table)

    # The send rate.

    def read(self, district_ids: Iterable[str] = ()) -> tuple[SendRateState, dict[str, Breaker]]:
        """The send rate, and whether sending has stopped, for all (``""``) and for these districts: one read, never an old one."""
        keys = {district_id: send_breaker_key(district_id) for district_id in ("", *district_ids)}
        found = self._table.batch_get([SEND_RATE, *keys.values()])
        breakers = {district_id: _breaker(found.get(pair(key), {})) for district_id, key in keys.items()}
        return _rate(found.get(pair(SEND_RATE), {})), breakers

    def save(self, before: SendRateState, after: SendRateState) -> bool:
        """Put ``after`` in the place of ``before``; False when another worker was faster."""
        limits = after.limits
        update = Update(SEND_RATE).set(
            version=before.version + 1,
            next_free=after.next_free,
            limits=_limits_item(limits) if limits else {},
            limits_at=after.limits_at,
            since=after.since,
            used=dict(after.used),
            pauses=after.pauses,
            paused_at=after.paused_at,
        )
        is_before = update.when("#version = :before", before=before.version) if before.version else update.when(ABSENT)
        return self._table.attempt(is_before)

    # Reputation.

    def note(
        self, kind: DeliveryEvent, message_id: str, noted_at: datetime, district_id: str = ""
    ) -> dict[str, Breaker]:
        """Count what became of a mail of this district. Return the breakers that this opened, that of all under ``""``.

        A bounce or complaint is counted once per message, however often it is reported: a marker goes with the count in one
        transaction. That a mail was accepted is just counted: a repeat, which is rare, hides less than its share.
        A repeat still looks whether sending must stop, in case the first time ended before that.
        """
        counter = f"{_LETTER[kind]}{hour_of(noted_at)[-2:]}"
        scopes = [district_id, ""] if district_id else [""]
        counts = [Update(_counts_key(noted_at, scope)).set(ttl=_ttl(noted_at)).add(**{counter: 1}) for scope in scopes]
        if kind is DeliveryEvent.ACCEPTED:
            for count in counts:
                self._table.write(count)
            return {}
        counted = counted_key(message_id, kind.value)
        was_counted = self._table.attempt(Put({**counted, "ttl": _ttl(noted_at)}).when(ABSENT), *counts)
        if not was_counted and self._table.get(counted) is None:
            raise Conflict("counted_already", "Two counted this at the same moment, and neither write was made.")
        return {scope: opened for scope in scopes if (opened := self._look(noted_at, scope))}

    def note_told(self, message_id: str, now: datetime) -> None:
        """Note that SES said what became of a reminder or a nudge. May be run again."""
        self._table.write(Put({**told_key(message_id), "ttl": _ttl(now)}))

    def told(self, message_ids: Iterable[str]) -> set[str]:
        """Those of these mails of which SES said what became of them."""
        wanted = {message_id: pair(told_key(message_id)) for message_id in message_ids}
        found = self._table.batch_get(map(told_key, wanted))
        return {message_id for message_id, at in wanted.items() if at in found}

    def breaker(self, district_id: str = "") -> Breaker:
        """Whether the mail of this district has stopped by itself; without one, that of all."""
        return _breaker(self._table.get(send_breaker_key(district_id)) or {})

    def resume(self, by: str, reason: str, now: datetime, district_id: str = "") -> Breaker:
        """Send again, because a person says so; what came back until now counts no more. Return what it was stopped for.

        It is about the mail of this district, or without one about that of all.

        Who, when and why stays in the item until the next time. Raises RefusedTransition ``not_stopped``.
        """
        before = self._hours(now, 1, district_id).get(hour_of(now), Counts())
        present = self.breaker(district_id)
        update = Update(send_breaker_key(district_id)).set(
            is_open=False,
            resumed_by=by,
            resume_reason=reason,
            resumed_at=to_iso(now),
            counts_from=hour_of(now),
            before=[before.accepted, before.bounced, before.complained],
        )
        self._table.write(
            update.when("is_open = :yes", yes=True),
            otherwise=RefusedTransition("not_stopped", "Sending has not stopped."),
        )
        return present

    def _look(self, now: datetime, district_id: str) -> Breaker | None:
        present = self.breaker(district_id)
        if present.has_stopped:
            return None
        hours = self._hours(now, COMPLAINTS_OVER.days + 1, district_id)
        reason = stop_reason(hours, present, now, of_all=not district_id)
        if reason is None:
            return None
        update = Update(send_breaker_key(district_id)).set(is_open=True, reason=reason, opened_at=to_iso(now))
        if not self._table.attempt(update.when("attribute_not_exists(PK) OR is_open = :no", no=False)):
            return None
        return self.breaker(district_id)

    def _hours(self, now: datetime, days: int, district_id: str) -> dict[str, Counts]:
        keys = [_counts_key(now - timedelta(days=ago), district_id) for ago in range(days)]
        return dict(_by_hour(self._table.batch_get(keys).values()))


def _counts_key(moment: datetime, district_id: str) -> Key:
    return sent_counts_key(hour_of(moment)[:10], district_id)


def _by_hour(items: Iterable[Item]) -> Iterable[tuple[str, Counts]]:
    for item in items:
        day = item["PK"].partition("#")[2]
        for hour in range(24):
            a, b, c = (int(item.get(f"{letter}{hour:02}", 0)) for letter in "abc")
            if a or b or c:
                yield f"{day}T{hour:02}", Counts(a, b, c)


def _ttl(moment: datetime) -> int:
    return int((moment + _KEPT).timestamp())


def _rate(item: Item) -> SendRateState:
    return SendRateState(
        int(item.get("next_free", 0)),
        _limits(item.get("limits") or {}),
        int(item.get("limits_at", 0)),
        int(item.get("since", 0)),
        {hour: int(count) for hour, count in item.get("used", {}).items()},
        int(item.get("pauses", 0)),
        int(item.get("paused_at", 0)),
        int(item.get("version", 0)),
    )


def _limits_item(limits: Limits) -> Item:
    """DynamoDB takes no binary fractions: a rate is kept as text."""
    return without_none(
        {"rate": str(limits.rate), "per_day": limits.per_day, "sent": limits.sent, "is_open": limits.may_send}
    )


def _limits(item: Item) -> Limits | None:
    if not item:
        return None
    per_day = item.get("per_day")
    return Limits(
        float(item["rate"]), None if per_day is None else int(per_day), int(item["sent"]), bool(item["is_open"])
    )


def _breaker(item: Item) -> Breaker:
    return Breaker(
        bool(item.get("is_open", False)),
        str(item.get("reason", "")),
        item.get("opened_at"),
        str(item.get("counts_from", "")),
        Counts(*(int(count) for count in item.get("before", ()))),
    )
