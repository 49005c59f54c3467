"""``make drill-check``: forecast generated districts, then let it all happen, and say how far each figure was off (B14).

What happens is the product itself: the roster is imported, mails, reminders and nudges go out through the months, and everybody
logs in at their hub. The forecast knows the roster, the accounts, the settings and the mail service's limits, and nothing else.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import filterfalse
from typing import Any, cast

from shared.domain.district import AnyProvider, District
from shared.domain.errors import LoginRefused
from shared.domain.forecast import Forecast, forecast
from shared.domain.link import Proof
from shared.domain.pairing import Verdict, pair
from shared.domain.roster import RosterUserKey
from shared.domain.send_rate import DAY, Limits
from shared.hubs.hub import Hub, Identity
from shared.mail.rendering import Kind
from shared.stores.request_context import RequestContextStore
from shared.stores.waiting import WaitingStore
from shared.use_cases.find_roster_user import FindRosterUser
from shared.use_cases.link_accounts import DistrictLoginOutcome, LinkAccounts
from simulation.drilled_district import DISTRICT, ISSUERS, OWN, DrilledDistrict, Pupil
from tests.fakes.aws import MemorySes
from tests.harness import CLEVER, GOOGLE, World, zipped

SIZES = (20, 60, 150, 400, 1_000, 5_000)
_SHARE, _PEOPLE = 0.02, 1
"""A figure may be off by so much of what happened, or by so many where that is less."""
_UNTIL_THE_LAST_NUDGE = 135
"""Days."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of one district."""

    seed: int
    size: int
    name: str
    foretold: int
    happened: int

    @property
    def off(self) -> int:
        return abs(self.foretold - self.happened)

    @property
    def holds(self) -> bool:
        return self.off <= max(_PEOPLE, math.floor(_SHARE * self.happened))


def check(seed: int, size: int) -> list[Figure]:
    """Forecast a district, let it happen, and compare."""
    made = DrilledDistrict(seed, size)
    world = World(is_metered=False)
    chance = random.Random(f"limits {seed} {size}")
    quota, rate = max(chance.choice((4, 12, 200, 50_000)), size // 50), chance.choice((1.0, 14.0))
    world.ses = LimitedSes(world, rate, quota)
    world.register(**made.settings)
    world.feed(*made.accounts)
    told = foretold(world, made, Limits(rate, quota))
    assert world.upload(made.files())["status"] == "completed"
    happened = _happened(world, made, told)
    return [Figure(seed, size, name, value, happened[name]) for name, value in _figures(told)]


def foretold(world: World, made: DrilledDistrict, limits: Limits) -> Forecast:
    """The forecast of a preview of this roster."""
    preview = world.report(world.put(f"previews/{DISTRICT}/drill.zip", zipped(made.files())))
    found = world.reports.forecast(DISTRICT, preview["import_id"])
    assert found
    return forecast(found, world.districts.get(DISTRICT), limits, world.now)


def _figures(told: Forecast) -> Iterator[tuple[str, int]]:
    for role, of in (("teachers", told.teachers), ("students", told.students)):
        yield f"{role} linked by rule", of.by_rule
        yield f"{role} linked by a login's id", of.by_id
        yield f"{role} who cannot log in", of.locked_out
        yield f"{role} who meet the choice", of.choosing
    for why, number in told.teachers.stuck.items():
        yield f"teachers without a mail: {why}", number
    yield "mails", told.mail.mails
    yield "days of mail", told.mail.number_of_days
    yield "reminders", told.reminders
    yield "nudges", told.nudges
    for verdict in Verdict:
        yield f"classes that are {verdict}", told.found.classes.get(verdict, 0)


class LimitedSes(MemorySes):
    """The mail service with an account's limits: it knows when each mail went out, and counts those of the last day."""

    def __init__(self, world: World, rate: float, per_day: int) -> None:
        super().__init__()
        self._world = world
        self.limits = rate, per_day
        self.moments: list[tuple[datetime, str]] = []
        """When each mail went out, and its kind."""

    def get_account(self) -> dict[str, Any]:
        since = self._world.now - DAY
        sent = sum(moment > since for moment, _ in self.moments)
        rate, per_day = self.limits
        self.account["SendQuota"] = {"MaxSendRate": rate, "Max24HourSend": per_day, "SentLast24Hours": sent}
        return super().get_account()

    def send_email(self, **request: Any) -> dict[str, Any]:
        answer = super().send_email(**request)
        kind = next(tag["Value"] for tag in request["EmailTags"] if tag["Name"] == "kind")
        self.moments.append((self._world.now, kind))
        return answer


def _happened(world: World, made: DrilledDistrict, told: Forecast) -> Counter[str]:
    counts: Counter[str] = Counter()
    district = world.districts.get(DISTRICT)
    for note in world.latest()["notes"]:
        if note["code"] in _WHY:
            counts[f"teachers without a mail: {_WHY[note['code']]}"] += note["count"]
    counts.update(_mails(world, district, told))
    # Those of whom nothing may be told log in last: what depends on them is not foretold.
    counts.update(_logins(world, made, district, filter(is_told, made.people)))
    counts.update(_pairs(world, made, district))
    counts["nudges"] = _nudges(world)
    counts.update(_logins(world, made, district, filterfalse(is_told, made.people)))
    return counts


_WHY = {"teacher_without_email": "no_address", "shared_address": "shared_address"}


def _logins(world: World, made: DrilledDistrict, district: District, people: Iterable[Pupil]) -> Counter[str]:
    """Each of these logs in once, at their hub."""
    counts: Counter[str] = Counter()
    links = LinkAccounts(
        world.accounts, world.identifiers, world.links, RequestContextStore(world.table, world.clock), world.users,
        google_issuer=GOOGLE, clever_issuer=CLEVER, clock=world.clock, new_id=world.new_id,
    )  # fmt: skip
    find = FindRosterUser(world.users, world.links)
    matched = {key.sourced_id: link.account_id for key, link in world.links.of_users(_keys(made)).items()}
    for person in people:
        counts[f"{person.role}s {_log_in(person, find, links, district, matched)}"] += 1
    return counts


def _log_in(
    person: Pupil, find: FindRosterUser, links: LinkAccounts, district: District, matched: Mapping[str, str]
) -> str:
    """What comes of it. Whom one hub does not let in tries the others. ``matched`` are the accounts that the import noted."""
    hubs = [person.hub, *(each for each in district.identity_providers if each != person.hub)]
    for provider in hubs:
        identity = person.identity(provider, ISSUERS[provider])
        try:
            found = find.of(identity, cast(Hub, _SaysNoMore(provider)), district)
        except LoginRefused:
            continue
        opened = links.at_district_login(found.user, Proof.of_hub(provider), district, identity, found.by)
        if opened.outcome is not DistrictLoginOutcome.LINKED_BY_RULE or not is_told(person):
            return "who meet the choice"
        is_matched = opened.account_id == matched.get(person.number)
        return "linked by rule" if is_matched else "linked by a login's id"
    return "who cannot log in"


def is_told(person: Pupil) -> bool:
    """Whether a district may be told that this person has an account: not of an address outside its own domains."""
    return not person.email or person.email.endswith(f"@{OWN}")


@dataclass(frozen=True)
class _SaysNoMore:
    """A hub that has said all that it knows."""

    provider: AnyProvider

    def look_up(self, identity: Identity) -> Identity:
        return identity


def _pairs(world: World, made: DrilledDistrict, district: District) -> Counter[str]:
    """What a nudge says of the classes of teachers who are linked, by those of whom it may be told."""
    told = {RosterUserKey(DISTRICT, person.number) for person in made.people if is_told(person)}
    links = {key: link for key, link in world.links.of_users(told).items() if link.is_linked}
    accounts = {link.account_id: key.sourced_id for key, link in links.items()}
    counts: Counter[str] = Counter()
    for key, user in world.users.get_many(links).items():
        if user.role == "teacher":
            owned = world.accounts.classes.owned(links[key].account_id)
            classes = world.classes.get_many(DISTRICT, user.teaches, with_students=True).values()
            found = pair(owned, classes, accounts, world.now.astimezone(district.zone).date())
            counts.update(f"classes that are {each.verdict}" for each in found)
    return counts


def _keys(made: DrilledDistrict) -> list[RosterUserKey]:
    return [RosterUserKey(DISTRICT, person.number) for person in made.people]


def _mails(world: World, district: District, told: Forecast) -> Counter[str]:
    """Mails go out hour by hour, then reminders day by day. Nobody presses a button.

    Once the first mails are out, the account's limits are raised, as an account's are: otherwise reminders queue up for them.
    """
    assert isinstance(world.ses, LimitedSes)
    ends = (told.mail.ends or world.now) + timedelta(hours=12)
    while world.now < ends:
        _send(world)
        if told.mail.first_wave and world.ses.moments:
            _let_the_rest_go(world)
        world.pass_time(hours=1)
    world.ses.limits = 14.0, 50_000
    _pass_days(world, district.activations.valid_days + 5)
    sent = _sent(world)
    days = {moment.astimezone(district.zone).date() for moment, kind in sent if kind == Kind.ACTIVATION}
    kinds = Counter(kind for _, kind in sent)
    return Counter({"mails": kinds[Kind.ACTIVATION], "days of mail": len(days), "reminders": kinds[Kind.REMINDER]})


def _let_the_rest_go(world: World) -> None:
    """A person says go, once the first wave is out."""
    waiting = WaitingStore(world.table)
    if waiting.first_wave.release(DISTRICT, "kim", world.now):
        waiting.look_now(DISTRICT, world.now)


def _nudges(world: World) -> int:
    """How many nudges go out where nobody cleans up."""
    _pass_days(world, _UNTIL_THE_LAST_NUDGE)
    return sum(kind == Kind.NUDGE for _, kind in _sent(world))


def _sent(world: World) -> list[tuple[datetime, str]]:
    assert isinstance(world.ses, LimitedSes)
    return world.ses.moments


def _pass_days(world: World, days: int) -> None:
    world.now = world.now.replace(hour=17) + timedelta(days=1)
    for _ in range(days):
        _send(world)
        world.pass_time(days=1)


def _send(world: World) -> None:
    world.queue_due_activations().run()
    world.send_mail()
    world.send_nudge().run()


def table(figures: Sequence[Figure]) -> Iterator[str]:
    """How far each figure was off, over all districts."""
    names = dict.fromkeys(figure.name for figure in figures)
    width = max(map(len, names), default=0)
    yield f"{'figure':<{width}} {'districts':>9} {'foretold':>9} {'happened':>9} {'most off':>9} {'missed':>7}\n"
    for name in names:
        of = [figure for figure in figures if figure.name == name]
        yield (
            f"{name:<{width}} {len(of):>9} {sum(f.foretold for f in of):>9} {sum(f.happened for f in of):>9} "
            f"{max(f.off for f in of):>9} {sum(not f.holds for f in of):>7}\n"
        )


def main() -> int:
    parser = argparse.ArgumentParser(prog="make drill-check", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="of each size but the largest, which has one")
    parser.add_argument("--first", type=int, default=0)
    arguments = parser.parse_args()
    figures: list[Figure] = []
    for size in SIZES:
        for seed in range(arguments.first, arguments.first + (1 if size == SIZES[-1] else arguments.seeds)):
            figures += check(seed, size)
    sys.stdout.writelines(table(figures))
    missed = [figure for figure in figures if not figure.holds]
    for figure in missed:
        sys.stdout.write(f"missed: {json.dumps(asdict(figure))}\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
