"""The fire drill: what a roster will come to before anything has happened (B14): links, mails, who is stuck, days, cost.

What an import, or a preview, finds of each person is counted (``forecast_tally``). Everything else follows from these counts, the
settings and the mail service's limits, at the moment when somebody looks.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from shared.domain.activation import Activation, starts_at, valid_for
from shared.domain.clock import to_iso
from shared.domain.district import AnyProvider, District
from shared.domain.forecast_tally import Address, Found, Mailing, Standing, Tally
from shared.domain.nudge import nudge_after
from shared.domain.reminder import follow_up_at
from shared.domain.roster import Role, RosterUserKey
from shared.domain.school_calendar import closes_at, moment_of, next_allowed
from shared.domain.send_rate import CAUTIOUS, DAY, SHARE, Limits, reserve_of

HALF_AN_HOUR = timedelta(minutes=30)
"""Within so long everybody of a school is at the login, on its first morning (docs/morning.md)."""
PEAK = 1.5
"""How much more than the mean comes in the middle of it."""
LOGIN_TAKES = timedelta(seconds=45)
"""From the hub's page to the first page after the login, as a class does it."""
_FIRST_DAYS_SHOWN = 60
COST: Mapping[str, float] = {
    "import": 0.000_73,
    "person": 0.000_001_3,
    "mail": 0.000_117,
    "reminder": 0.000_121,
    "nudge": 0.000_125,
    "login": 0.000_028,
    "link": 0.000_056,
}
"""Dollars of one more of each, counted from the running code (docs/cost.md); a test holds them against that. Whoever proves an
account by a password at the user pool costs Cognito's price besides."""
_OPEN = ("by_id", "ambiguous", "unmatched")
"""Standings of whoever has something to prove."""


@dataclass(frozen=True, slots=True)
class OfRole:
    """What becomes of the teachers, or of the students. ``people = linked + by_rule + to_prove``."""

    people: int
    linked: int
    """Linked before."""
    by_rule: int
    """Linked at the first login, without a question."""
    by_id: int
    """The same by the id of that login, where it is with the hub that they used before; of those ``to_prove``."""
    to_prove: int
    """Who meet the choice: log into the account that they have, or have a new one."""
    ambiguous: int
    """Those of them for whom an account is offered."""
    mailed: int
    waiting: int
    """Of the mailed: whose mail waits for the district's day or hours."""
    pilot: int
    mailed_before: int
    choosing: int
    """Who meet the choice at a first login, of those ``to_prove``: they get in, and no id of theirs opens an account."""
    locked_out: int
    """Who cannot log in: no hub of the district's would know them by what the roster says."""
    stuck: Mapping[str, int]
    """Who does not get on without a correction, by why: ``no_address``, ``shared_address``, ``outside_domain``. Of teachers, who
    get no mail; of students, who are ``locked_out``."""
    outside: int
    """Who has an address outside the district's domains: mailed all the same, with a note."""


@dataclass(frozen=True, slots=True)
class MailDay:
    """How many first mails go out on a day of the district's own calendar."""

    day: date
    mails: int


@dataclass(frozen=True, slots=True)
class MailPlan:
    """When the activation mails go out, at the mail service's rate and quota and in the district's hours."""

    mails: int
    first_wave: int
    """How many go first; the rest once one of them was opened, or a person says go. 0 where all go at once."""
    starts: datetime | None
    ends: datetime | None
    """When the last is sent, as far as no other district sends at the same time; None where there is none, or not within a year."""
    days: tuple[MailDay, ...]
    """The first days on which mails go out."""
    number_of_days: int
    rate: float
    """Mails per second."""
    per_day: int | None
    is_assumed: bool
    """Whether the limits are those of a new account, because the mail service was not asked yet."""


@dataclass(frozen=True, slots=True)
class Morning:
    """A first morning on which all students who can log in do so within half an hour."""

    students: int
    a_minute: int
    """In the busiest minute."""
    at_once: int
    """Between the first page and the last at the busiest moment."""
    choosing: int
    """Who meet the choice."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """All of it."""

    found: Found
    teachers: OfRole
    students: OfRole
    mail: MailPlan
    reminders: int
    """At most: where nobody presses the button."""
    nudges: int
    """At most, over all rounds: where nobody cleans up."""
    morning: Morning
    dollars: Mapping[str, float]
    """What it costs besides what the stack costs anyway, by what it is for."""

    def to_json(self) -> dict[str, Any]:
        """As ``make drill`` writes it."""
        body = asdict(self)
        body["mail"]["days"] = [{"day": each.day.isoformat(), "mails": each.mails} for each in self.mail.days]
        for name in ("starts", "ends"):
            moment = body["mail"][name]
            body["mail"][name] = moment.isoformat() if moment else None
        return body


def forecast(found: Found, district: District, limits: Limits | None, now: datetime) -> Forecast:
    """What will happen, as the settings and the mail service's ``limits`` are now; None where they are not known."""
    teachers = _of_role(found.tally, Role.TEACHER, district)
    students = _of_role(found.tally, Role.STUDENT, district)
    mail = mail_plan(district, teachers.mailed, limits, now)
    reminders = teachers.mailed * _reminders(district, mail.starts or now)
    nudges = found.nudged * _nudges(district, now)
    people = teachers.people + students.people
    dollars = {
        "import": COST["import"] + COST["person"] * people,
        "mails": COST["mail"] * teachers.mailed + COST["reminder"] * reminders + COST["nudge"] * nudges,
        "logins": COST["login"] * people + COST["link"] * (people - teachers.linked - students.linked),
    }
    return Forecast(found, teachers, students, mail, reminders, nudges, _morning(students), dollars)


@dataclass(frozen=True, slots=True)
class _Kinds:
    """The kinds of people of one role in a tally."""

    numbers: Mapping[tuple[str, ...], int]

    @classmethod
    def of(cls, tally: Tally, role: Role) -> _Kinds:
        split = ((key.split("/"), number) for key, number in tally.items())
        return cls({tuple(said): number for (of, *said), number in split if of == role})

    def count(self, *, standing: Iterable[str] = (), address: Iterable[str] = (), mailing: Iterable[str] = ()) -> int:
        """How many there are with one of these words each; any word where none is given."""
        wanted = tuple(frozenset(words) for words in (standing, address, mailing))
        return sum(
            number
            for said, number in self.numbers.items()
            if all(not words or word in words for word, words in zip(said, wanted, strict=True))
        )


def _of_role(tally: Tally, role: Role, district: District) -> OfRole:
    kinds = _Kinds.of(tally, role)
    no_good = [address for address in Address if not any(_lets_in(hub, address) for hub in district.identity_providers)]
    locked_out = kinds.count(standing=_OPEN, address=no_good) if no_good else 0
    to_prove, by_id = kinds.count(standing=_OPEN), kinds.count(standing=[Standing.BY_ID])
    return OfRole(
        people=kinds.count(),
        linked=kinds.count(standing=[Standing.LINKED]),
        by_rule=kinds.count(standing=[Standing.BY_RULE]),
        by_id=by_id,
        to_prove=to_prove,
        ambiguous=kinds.count(standing=[Standing.AMBIGUOUS, Standing.BY_ID]),
        mailed=kinds.count(mailing=[Mailing.GOES, Mailing.WAITS]),
        waiting=kinds.count(mailing=[Mailing.WAITS]),
        pilot=kinds.count(mailing=[Mailing.PILOT]),
        mailed_before=kinds.count(mailing=[Mailing.BEFORE]),
        choosing=to_prove - by_id - locked_out,
        locked_out=locked_out,
        stuck=_stuck(kinds, role, no_good),
        outside=kinds.count(address=[Address.OUTSIDE]),
    )


def _stuck(kinds: _Kinds, role: Role, no_good: Collection[Address]) -> dict[str, int]:
    """Teachers without an address of their own get no mail; students are never mailed, and are stuck where they cannot log in."""
    why = {"no_address": Address.NONE, "shared_address": Address.SHARED}
    if role is Role.STUDENT:
        why["outside_domain"] = Address.OUTSIDE
    return {
        name: kinds.count(standing=_OPEN, address=[address])
        for name, address in why.items()
        if role is Role.TEACHER or address in no_good
    }


def _lets_in(hub: AnyProvider, address: Address) -> bool:
    """Whether a login there leads to somebody with such an address: Google knows people by nothing else, Microsoft also by their
    numbers, though at an address of the district's; Clever and ClassLink know numbers."""
    if hub == "google":
        return address in (Address.OWN, Address.SHARED_DOMAIN)
    return hub != "microsoft" or address is not Address.OUTSIDE


def _reminders(district: District, sent_at: datetime) -> int:
    """How many reminders a mail of this moment has at most, while its link works."""
    expires_at = to_iso(sent_at + valid_for(district))
    activation = Activation("", RosterUserKey(district.district_id, ""), "", expires_at=expires_at)
    due = follow_up_at(district, activation, sent_at)
    while due and to_iso(due) < expires_at:
        activation = replace(activation, reminders=activation.reminders + 1)
        due = follow_up_at(district, activation, due)
    return activation.reminders


def _nudges(district: District, linked_at: datetime) -> int:
    """How many nudges a teacher has at most who cleans nothing up."""
    sent, due = 0, nudge_after(district, 0, linked_at)
    while due:
        sent += 1
        due = nudge_after(district, sent, due)
    return sent


def _morning(students: OfRole) -> Morning:
    people = students.people - students.locked_out
    a_minute = PEAK * people / (HALF_AN_HOUR / timedelta(minutes=1))
    at_once = a_minute * (LOGIN_TAKES / timedelta(minutes=1))
    return Morning(people, math.ceil(a_minute), math.ceil(at_once), students.choosing)


def mail_plan(district: District, mails: int, limits: Limits | None, now: datetime) -> MailPlan:
    """When so many activation mails go out."""
    known = limits or CAUTIOUS
    wave = district.first_wave if district.first_wave is not None and district.first_wave < mails else 0
    sent: Counter[date] = Counter()
    starts, ends = None, None
    for first, last, number in _stretches(district, mails, known, now):
        starts = starts or first
        ends = last
        sent[first.astimezone(district.zone).date()] += number
    is_all = sum(sent.values()) == mails
    days = tuple(MailDay(day, number) for day, number in sorted(sent.items()))
    return MailPlan(
        mails,
        wave,
        starts,
        ends if is_all else None,
        days[:_FIRST_DAYS_SHOWN],
        len(days),
        known.rate,
        known.per_day,
        limits is None,
    )


def _stretches(
    district: District, mails: int, limits: Limits, now: datetime
) -> Iterator[tuple[datetime, datetime, int]]:
    """From when until when how many mails are sent without a break: until the school's hours or the day's quota end."""
    a_second = limits.rate * SHARE
    moment, left = starts_at(district, now), mails
    quota = mails if limits.per_day is None else limits.per_day - reserve_of(limits.per_day)
    room = quota - (limits.sent if moment < now + DAY else 0)
    last_day = now + timedelta(days=366)
    if quota < 1 or a_second <= 0 or not limits.may_send:
        return
    renews = moment + DAY
    while left:
        if district.activations.in_school_hours:
            moment = next_allowed(district, moment)
        if moment >= last_day:
            return
        if moment >= renews:
            renews, room = moment + DAY, quota
        if room < 1:
            moment = renews
            continue
        ends = min(_closes(district, moment), renews)
        number = min(left, room, max(1, math.floor((ends - moment).total_seconds() * a_second)))
        done = moment + timedelta(seconds=(number - 1) / a_second)
        yield moment, done, number
        left, room = left - number, room - number
        moment = ends


def _closes(district: District, moment: datetime) -> datetime:
    """When sending that goes on at this moment ends: with the school's hours, else with the district's day."""
    if district.activations.in_school_hours:
        return closes_at(district, moment)
    return moment_of(district, moment.astimezone(district.zone).date() + timedelta(days=1))
