"""The counts of a district's funnel, kept by the table's stream (docs/decisions/0094-the-funnel-is-counted-by-the-stream.md).

Each change that is counted is noted once, in a set, in the minute and second in which it was made: to note it again changes
nothing, in whatever batch it comes and in whatever order. What a minute changed is the sum of its sets, written anew whenever
one of them grew; of two sums that are written at once the one of more changes stands. So no change counts twice, none is lost,
and no write waits for another one.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

from shared.domain.funnel import STANDING, CountKey, Counts, Running, Standing
from shared.stores.keys import (
    DAYS,
    MINUTES,
    Item,
    counted_changes_key,
    counted_changes_pk,
    counts_pk,
    day_counts_key,
    day_of_sk,
    minute_counts_key,
    minute_of_sk,
    standing_counts_key,
)
from shared.stores.table import ABSENT, DynamoTable, Put, Table, Update

_MINUTE = "%Y-%m-%dT%H:%M"
_PARTS = 8
"""Over so many partitions the changes of a minute are spread, by school."""
_SLICES = 2
"""Into so many items the changes of a second and a part are spread."""
_KEPT = timedelta(days=3)
"""For so long changes are kept to tell repeats; the stream brings none that is older than a day."""
_OPEN = timedelta(hours=26)
"""For so long after its end a day is open: a record comes within a day, or is given up."""
_FOLDED_AFTER = timedelta(hours=52)
"""The oldest minute that is not in what stands yet may be so old: by then a day that ended is over for good."""
_DAYS_KEPT = timedelta(days=400)
_ID = 8
"""Letters of a record's id in a note (48 bits): it has to differ from the ids of a second that say the same of the same school."""
_SAID = re.compile(r"([+-])([^+-]+)")
_MOST_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class Change:
    """What one record of the stream changes. ``at`` is when it was made; ``event_id`` is the record's own."""

    event_id: str
    district_id: str
    at: datetime
    numbers: Mapping[CountKey, int]


@dataclass(frozen=True, slots=True)
class Counted:
    """How many stand at each place, and as of when: the last change that was counted (ISO 8601, UTC; empty: none yet)."""

    counts: Counts
    as_of: str
    is_whole: bool
    """Whether everybody was counted from the beginning; a district of an earlier version is counted by ``make recount``."""
    days: Mapping[date, Counts]
    """What stood at the end of each day on which something changed, without schools, the oldest first; today's as it is now."""


class CountStore:
    """``COUNTS#district`` and ``COUNTED#…``: the only writer of both."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = Table(table)

    def begin(self, district_id: str) -> None:
        """A new district: from now on everything of it is counted. May be run again."""
        self._table.attempt(Put({**standing_counts_key(district_id), "counts": _packed({})}).when(ABSENT))

    def add(self, changes: Iterable[Change]) -> None:
        """Count these changes, each once, however often and in whatever company it comes."""
        noted: dict[tuple[str, str, int], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        expires: dict[str, int] = {}
        for change in changes:
            minute, second = f"{change.at:{_MINUTE}}", f"{change.at:%S}"
            event = _event(change.event_id)
            expires[minute] = int((change.at + _KEPT).timestamp())
            for who, said in _said(change.numbers).items():
                place = (change.district_id, minute, zlib.crc32(who[1:].encode()) % _PARTS)
                noted[place][f"{second}#{zlib.crc32(event.encode()) % _SLICES}"].add(f"{event}{who}{said}")
        for (district_id, minute, part), seconds in noted.items():
            for second, found in seconds.items():
                update = Update(counted_changes_key(district_id, minute, part, second))
                for some in _slices(sorted(found)):
                    self._table.write(update.add(changes=some).set(ttl=expires[minute]))
            self._sum_up(district_id, minute, part)

    def _sum_up(self, district_id: str, minute: str, part: int) -> None:
        """Write what the minute changed. Whoever adds last reads everything, and nobody's sum of fewer changes stands over it."""
        total: Counter[CountKey] = Counter()
        noted = 0
        for item in self._table.query(counted_changes_pk(district_id, minute, part)):
            for change in item["changes"]:
                _add(total, change)
                noted += 1
        put = Put({**minute_counts_key(district_id, minute, part), "counts": _packed(total), "noted": noted})
        self._table.attempt(put.when("attribute_not_exists(PK) OR noted < :noted", noted=noted))

    def of_district(self, district_id: str, zone: tzinfo = UTC) -> Counted:
        """The counts as they stand, in one read for a district of a million people; days are those of the ``zone``."""
        running, as_of, is_whole, until = Running(), "", False, ""
        days: dict[date, Counts] = {}
        # The sort keys have what stands first, then the days, then the minutes.
        for item in self._table.query(counts_pk(district_id), consistent=False):
            sk = str(item["SK"])
            if sk.startswith(DAYS):
                days[date.fromisoformat(day_of_sk(sk))] = _counts_of(item)
            elif sk.startswith(MINUTES):
                minute = minute_of_sk(sk)
                if minute >= until:
                    running.add(_counts_of(item))
                    days[_day(minute, zone)] = running.of_district
                    as_of = max(as_of, minute)
            else:
                running.add(_counts_of(item))
                is_whole, until, as_of = True, str(item.get("until", "")), str(item.get("last", ""))
        return Counted(running.counts, f"{as_of}:00.000Z" if as_of else "", is_whole, days)

    def correct(self, district_id: str, difference: Counts, at: datetime) -> None:
        """Add what a recount found to be missing, and take away what is too much; from then on the counts are whole."""
        if difference.numbers:
            key = minute_counts_key(district_id, f"{at:{_MINUTE}}", f"recount-{at:%S.%f}")
            self._table.write(Put({**key, "counts": _packed(difference.numbers), "noted": 0}))
        self.begin(district_id)

    def is_to_be_folded(self, district_id: str, now: datetime) -> bool:
        """Whether minutes lie there that belong to days which are over for good; the first of them says it."""
        oldest = self._table.page(counts_pk(district_id), MINUTES, most=1).items
        return bool(oldest) and minute_of_sk(oldest[0]["SK"]) < f"{now - _FOLDED_AFTER:{_MINUTE}}"

    def fold(self, district_id: str, zone: tzinfo, now: datetime) -> None:
        """Take the minutes of the days that are over for good into what stands, and note what stood at the end of each.

        May be run again, and by two at once: what stands says up to which minute it is.
        """
        midnight = (now - _OPEN).astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
        until = f"{midnight.astimezone(UTC):{_MINUTE}}"
        standing = self._table.get(standing_counts_key(district_id))
        if standing is None:
            return
        before, last, running = str(standing.get("until", "")), str(standing.get("last", "")), Running()
        running.add(_counts_of(standing))
        minutes = list(self._table.query(counts_pk(district_id), between=(MINUTES, f"{MINUTES}{until}")))
        days: dict[date, Item] = {}
        for item in minutes:
            minute = minute_of_sk(item["SK"])
            if minute >= before:
                running.add(_counts_of(item))
                day, last = _day(minute, zone), minute
                ttl = int((now + _DAYS_KEPT).timestamp())
                counts = _packed(running.of_district.numbers)
                days[day] = {**day_counts_key(district_id, day.isoformat()), "counts": counts, "ttl": ttl}
        if until > before and days:
            self._table.write_many(days.values())
            put = Put(
                {
                    **standing_counts_key(district_id),
                    "counts": _packed(running.counts.numbers),
                    "until": until,
                    "last": last,
                }
            )
            is_same = (
                put.when("#until = :before", before=before) if before else put.when("attribute_not_exists(#until)")
            )
            if not self._table.attempt(is_same):
                return
        self._table.write_many(deletes=[item for item in minutes if minute_of_sk(item["SK"]) < max(until, before)])


def at_of(seconds: float) -> datetime:
    """The moment of a record, which the stream tells in seconds since 1970."""
    return datetime.fromtimestamp(int(seconds), UTC)


def _day(minute: str, zone: tzinfo) -> date:
    """On which day of a district a minute was."""
    return datetime.fromisoformat(f"{minute}+00:00").astimezone(zone).date()


def _event(event_id: str) -> str:
    """A record's id, in a few letters."""
    return base64.urlsafe_b64encode(hashlib.sha256(event_id.encode()).digest())[:_ID].decode()


def _said(numbers: Mapping[CountKey, int]) -> dict[Standing, str]:
    """What a change adds and takes away, one of each, by whom it counts: ``+m-r``."""
    said: dict[Standing, str] = defaultdict(str)
    for key, number in sorted(numbers.items()):
        said[key[:STANDING]] += f"{'+' if number > 0 else '-'}{key[STANDING:]}"
    return said


def _add(total: Counter[CountKey], change: str) -> None:
    """Add what a note says: the id of its record, whom it counts, and what is added and taken away."""
    who = change[_ID : _ID + STANDING]
    for sign, what in _SAID.findall(change[_ID + STANDING :]):
        total[f"{who}{what}"] += 1 if sign == "+" else -1


def _slices(found: list[str]) -> Iterator[set[str]]:
    for start in range(0, len(found), _MOST_AT_ONCE):
        yield set(found[start : start + _MOST_AT_ONCE])


def _packed(numbers: Mapping[CountKey, int]) -> bytes:
    return zlib.compress(json.dumps({key: n for key, n in numbers.items() if n}, sort_keys=True).encode(), 9)


def _counts_of(item: Item) -> Counts:
    # boto3's own table wraps bytes, which the table of the functions and that of the tests do not.
    packed = item["counts"]
    return Counts(json.loads(zlib.decompress(bytes(packed))))
