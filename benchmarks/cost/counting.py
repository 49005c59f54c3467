"""Counts what each thing that people do uses, by doing it: the product's own code on services in memory, every call seen."""

from __future__ import annotations

import io
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import tests.harness
from benchmarks.districts import Shape, write
from functions.import_step import shards
from shared.mail.rendering import Kind
from tests.builders import account
from tests.fakes.dynamodb import Effect, MemoryTable
from tests.harness import CONFIGURATION_SET, World
from tests.pages_harness import (
    CLEVER_DISTRICT,
    Website,
    in_a_made_account,
    lakeside,
    linked_teacher,
    many_have_logged_in,
)

type Used = Counter[str]
"""How much of what: ``write units``, ``read units``, ``dynamodb Query`` …, ``invoke pages``, ``mails``, ``page bytes``."""

_FEW, _MANY = 300, 900
"""People of the two imports between which a person's own share is told from the import's."""
_CHANGED = 0.02
"""The share that changes in a night; more would be held (M3)."""
_SHARDS = (1, 4, 8)
"""Numbers of shards that are imported, between which a shard's share, and a pair of shards', are told."""


@dataclass(frozen=True)
class Activity:
    """What one of something uses: a roster row, a night, a mail, a link, a login. ``function`` is whose calls they are."""

    name: str
    function: str
    used: Mapping[str, float]


@dataclass(frozen=True)
class Import:
    """What an import uses beside its people: ``fixed + shard × shards + pair × shards²``."""

    fixed: Mapping[str, float]
    shard: Mapping[str, float]
    pair: Mapping[str, float]

    def of(self, number: int) -> dict[str, float]:
        """With this many shards."""
        names = {*self.fixed, *self.shard, *self.pair}
        return {
            name: max(
                0.0,
                self.fixed.get(name, 0) + number * self.shard.get(name, 0) + number**2 * self.pair.get(name, 0),
            )
            for name in names
        }


@dataclass(frozen=True)
class Counted:
    """Everything that was counted."""

    row: Activity
    """A person of a first import."""
    changed_row: Activity
    """A person who changed, in a later night."""
    first_import: Import
    changed_night: Import
    unchanged_night: Activity
    feed_line: Activity
    mail: Activity
    reminder: Activity
    feedback: Activity
    rule_link: Activity
    password_link: Activity
    google_link: Activity
    login: Activity
    event: Activity
    notice: Activity
    nudge: Activity
    day: tuple[Activity, ...]
    """A day's schedules, where nothing is due."""
    hottest: Mapping[str, float]
    """Of the writes of a first import, the share of each kind of partition that takes the most."""


class Meter:
    """The gate under all services of a world, and what was counted there."""

    def __init__(self) -> None:
        self.calls: Used = Counter()
        self.table: MemoryTable | None = None
        self.partitions: Counter[str] = Counter()

    def __call__(self, service: str, operation: str, request: dict[str, Any], effect: Effect) -> dict[str, Any]:
        self.calls[f"{service} {operation}"] += 1
        self._note(service, operation, request)
        return effect()

    def _note(self, service: str, operation: str, request: Mapping[str, Any]) -> None:
        if (service, operation) == ("ses", "SendEmail"):
            self.calls["mails"] += 1
        if operation == "BatchWriteItem":
            for writes in request["RequestItems"].values():
                for one in writes:
                    ((_, body),) = one.items()
                    self.partitions[str(body.get("Item", body.get("Key"))["PK"])] += 1
        elif operation in ("PutItem", "UpdateItem", "DeleteItem"):
            self.partitions[str((request.get("Item") or request["Key"])["PK"])] += 1
        elif operation == "TransactWriteItems":
            for one in request["TransactItems"]:
                ((_, body),) = one.items()
                self.partitions[str((body.get("Item") or body["Key"])["PK"])] += 2

    def so_far(self) -> Used:
        found = Counter(self.calls)
        if self.table is not None:
            found["write units"] = sum(self.table.meter.write_units.values())
            found["read units"] = self.table.meter.read_units  # type: ignore[assignment]  # halves of units
        return found


def counted() -> Counted:
    """Count everything. The same code counts the same; what it writes as metrics meanwhile is nobody's."""
    with redirect_stdout(io.StringIO()):
        return _counted()


def _counted() -> Counted:
    few, many = (imported(people, 1) for people in (_FEW, _MANY))
    row = _share(few[0], many[0], _MANY - _FEW)
    changed = _share(few[2], many[2], round((_MANY - _FEW) * _CHANGED))
    sharded = [imported(_FEW, number) for number in _SHARDS]
    return Counted(
        row=Activity("a person of a first import", "import_step", row),
        changed_row=Activity("a person who changed", "import_step", changed),
        first_import=_by_shards([_less(found[0], row, _FEW) for found in sharded]),
        changed_night=_by_shards([_less(found[2], changed, round(_FEW * _CHANGED)) for found in sharded]),
        unchanged_night=Activity("a night without a change", "import_step", few[1]),
        feed_line=_feed_line(),
        **_mails(),
        **_pages(),
        nudge=_nudge(),
        day=_day(),
        hottest=_hottest(),
    )


def _world() -> tuple[World, Meter]:
    meter = Meter()
    world = World(gate=meter)
    meter.table = world.table
    world.register(email_domains=[Shape.domain], clever_district_id=CLEVER_DISTRICT)
    return world, meter


def _files(people: int, change: float = 0.0) -> dict[str, str | bytes]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "roster"
        write(Shape(people, change=change), folder)
        return {path.name: path.read_bytes() for path in sorted(folder.glob("*.csv"))}


def imported(people: int, number: int) -> tuple[Used, Used, Used]:
    """What a first import, the same again, and a night with a few changed use, with so many shards."""
    world, meter = _world()
    found = []
    with _in_shards(people, number), _steps_seen(meter):
        for change in (0.0, 0.0, _CHANGED):
            before = meter.so_far()
            report = world.upload(_files(people, change))
            assert report["status"] in ("completed", "unchanged"), report
            found.append(_difference(meter.so_far(), before))
    first, same, changed = found
    return first, same, changed


@contextmanager
def _in_shards(people: int, number: int) -> Iterator[None]:
    """Have so many people imported in so many shards, as a large district is."""

    def fixed(_upload: object, _before: int | None) -> int:
        return number

    with patch.object(shards, "shards_for", fixed), patch("functions.import_step.steps.ingest.shards_for", fixed):
        yield


@contextmanager
def _steps_seen(meter: Meter) -> Iterator[None]:
    """Count each step as an invocation, and its transitions: its own and, in a map, that of the child."""
    run = tests.harness.run_step

    def counting(steps: Any, call: dict[str, Any]) -> Any:
        meter.calls["invoke import_step"] += 1
        meter.calls["transitions"] += 2
        return run(steps, call)

    with patch.object(tests.harness, "run_step", counting):
        yield


def _feed_line() -> Activity:
    found = []
    for number in (50, 250):
        world, meter = _world()
        before = meter.so_far()
        world.feed(*(account(f"a{n}", f"a{n}@mail.example", role="student") for n in range(number)))
        found.append(_difference(meter.so_far(), before))
    return Activity("an account of the feed", "accounts_feed", _share(found[0], found[1], 200))


_MAILED = 40


def _mails() -> dict[str, Activity]:
    """An activation mail, a reminder, and what SES reports of each."""
    world, meter = _world()
    world.upload(_files(_MAILED * 16))
    mailed = len(world.sqs.messages)
    # The code of a day's mails is one write of a worker, however many mails carry it.
    world.mail_codes.of(world.districts.get("lakeside"), Kind.ACTIVATION)
    first = _seen(meter, world.send_mail)
    mails = [
        {"eventType": kind, "mail": {"messageId": sent["MessageId"], "tags": _tags(sent)}}
        for sent in world.ses.sent
        for kind in ("Send", "Delivery")
    ]
    feedback = _seen(meter, lambda: [world.record_feedback().record(mail) for mail in mails])
    world.pass_time(days=8)
    sent_before = len(world.ses.sent)

    def remind() -> None:
        world.queue_due_activations().run()
        world.send_mail()

    reminders = _seen(meter, remind)
    number = len(world.ses.sent) - sent_before
    assert number, "no reminder was due"
    return {
        "mail": Activity("an activation mail", "activation_email", _each(first, mailed)),
        "reminder": Activity("a reminder", "activation_email", _each(reminders, number)),
        "feedback": Activity("a report of SES", "mail_feedback", _each(feedback, len(mails))),
    }


def _tags(sent: Mapping[str, Any]) -> dict[str, list[str]]:
    tags = {tag["Name"]: [tag["Value"]] for tag in sent.get("EmailTags", ())}
    return {**tags, "ses:configuration-set": [CONFIGURATION_SET]}


def _pages() -> dict[str, Activity]:
    """Links by rule, by password and with Google; a login again; what follows a link."""
    meter = Meter()
    web = lakeside(gate=meter)
    meter.table = web.world.table
    many_have_logged_in(web)

    def seen(name: str, do: Callable[[], object]) -> Activity:
        asked, sent = len(web.responses), sum(len(answer.content) for _, answer in web.responses)
        used = _seen(meter, do)
        ours = [answer for _, answer in web.responses[asked:] if str(answer.headers.get("strict-transport-security"))]
        used["invoke pages"] = used["requests"] = len(ours)
        used["page bytes"] = sum(len(answer.content) for _, answer in web.responses) - sent
        return Activity(name, "pages", used)

    password = seen("a link by mail and password", lambda: linked_teacher(web))
    rule = seen("a link by rule, at a district login", lambda: _district_login(web, "s9"))
    again = seen("a district login again", lambda: _district_login(web, "s9"))
    google = seen("a link by a district login and a choice", lambda: in_a_made_account(web))
    events = [item for (pk, _), item in web.world.table.items.items() if pk.startswith("OUTBOX#")]
    told = _seen(meter, lambda: [web.world.publish_events().publish(item) for item in events])
    notices = _seen(meter, web.world.notify_of_links)
    return {
        "password_link": password,
        "rule_link": rule,
        "google_link": google,
        "login": again,
        "event": Activity("an event for the platform", "event_publisher", _each(told, max(1, len(events)))),
        "notice": Activity("a notice of a link", "link_notice", _each(notices, max(1, int(notices["mails"])))),
    }


def _district_login(web: Website, who: str) -> None:
    claims = {"sub": f"google-{who}", "email": f"{who}@lakeside.example", "email_verified": True}
    web.visitor(**claims).open("/sso/lakeside").press("Continue with Google")


def _nudge() -> Activity:
    meter = Meter()
    web = lakeside(gate=meter)
    meter.table = web.world.table
    linked_teacher(web)
    web.world.pass_time(days=20)
    sent = len(web.world.ses.sent)
    used = _seen(meter, lambda: web.world.send_nudge().run())
    assert len(web.world.ses.sent) > sent, "no nudge was due"
    return Activity("a nudge", "cleanup_nudges", used)


def _day() -> tuple[Activity, ...]:
    """The schedules of a day that find nothing to do, by how often the template has them fire."""
    world, meter = _world()
    runs: dict[str, tuple[int, Callable[[], object]]] = {
        "activation_schedule": (96, lambda: world.queue_due_activations().run()),
        "cleanup_nudges": (96, lambda: world.send_nudge().run()),
        "import_pauses": (96, lambda: (world.watch_pauses().run(), world.watch_sources().run())),
        "cleanup_digest": (24, lambda: world.send_digest().run()),
    }
    found = []
    for function, (times, run) in runs.items():
        used = Counter({name: value * times for name, value in _seen(meter, run).items()})
        used[f"invoke {function}"] = used["events"] = times
        found.append(Activity(f"a day of {function}", function, used))
    return tuple(found)


def _hottest() -> dict[str, float]:
    """Which share of all writes of a first import goes to the partitions that get most, by kind of partition.

    A partition of one person or class is never one of them: what counts are those that a district or everybody shares.
    """
    world, meter = _world()
    meter.partitions.clear()
    # Mails go out later, at the pace of SES.
    world.upload(_files(_MANY))
    total = sum(meter.partitions.values())
    shared = Counter[str]()
    for partition, writes in meter.partitions.items():
        kind = partition.partition("#")[0]
        if kind not in ("USER", "STUDENT", "TEACHER", "STAFF", "CLASS", "EMAIL", "ACTIVATION"):
            shared[kind] = max(shared[kind], writes)
    return {kind: writes / total for kind, writes in sorted(shared.items())}


def _seen(meter: Meter, do: Callable[[], object]) -> Used:
    before = meter.so_far()
    do()
    return _difference(meter.so_far(), before)


def _difference(after: Used, before: Used) -> Used:
    return Counter({name: value - before[name] for name, value in after.items() if value != before[name]})


def _share(few: Used, many: Used, more: int) -> dict[str, float]:
    """What each of those who came on top uses."""
    return {name: (many[name] - few[name]) / more for name in sorted({*few, *many}) if many[name] != few[name]}


def _each(used: Used, number: int) -> dict[str, float]:
    return {name: value / number for name, value in sorted(used.items())}


def _less(used: Used, each: Mapping[str, float], people: int) -> dict[str, float]:
    """What is left without the people's own share."""
    return {name: used[name] - people * each.get(name, 0.0) for name in {*used, *each}}


def _by_shards(found: list[dict[str, float]]) -> Import:
    """The parabola through what three imports with 1, 4 and 8 shards used."""
    fixed, shard, pair = dict[str, float](), dict[str, float](), dict[str, float]()
    a, b, c = _SHARDS
    for name in sorted({name for used in found for name in used}):
        x, y, z = (used.get(name, 0.0) for used in found)
        first, second = (y - x) / (b - a), (z - y) / (c - b)
        pair[name] = (second - first) / (c - a)
        shard[name] = first - pair[name] * (a + b)
        fixed[name] = x - shard[name] * a - pair[name] * a * a
    return Import(fixed, shard, pair)
