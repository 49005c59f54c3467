"""A preview is shown, something changes, and the preview is applied: never anything but what was shown (B14).

What may come between comes in every order, before the decision and between any two steps of the import that carries it out,
and its workers die at any call. What was shown is known from a twin: another world in which the preview is applied at once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import permutations
from random import Random
from typing import Any

from shared.domain.errors import AccountLinkingError
from shared.domain.roster import RosterUserKey
from simulation.fault_injection import FaultInjector, FaultMode, Killed
from tests.builders import USERS, account, enrolled, roster, user
from tests.harness import World, decide, run_feed, run_step, zipped
from tests.state_machine import IMPORT, Position
from tests.two_accounts import link, undo

STUDENTS = [user(f"s{n}") for n in range(6)]
STAFF = [user("a1", "administrator"), user("t1", "teacher"), user("t3", "teacher")]
FIRST = roster(*STAFF, *STUDENTS[:5], enrollments=enrolled("s1"))
BEFORE = roster(*STAFF, *STUDENTS, enrollments=enrolled("s1") + enrolled("t1", "teacher"))
SHOWN = roster(
    user("a1", "administrator"), user("t1", "teacher", given="Ada"), user("t2", "teacher"), *STUDENTS[1:],
    enrollments=enrolled("s2") + enrolled("t2", "teacher"),
)  # fmt: skip
"""Takes t3 and s0 off the roster, names t1 anew, and brings t2, who is mailed from the next day on."""
ANOTHER = roster(*STAFF, user("t4", "teacher"), *STUDENTS, enrollments=enrolled("s1"))
HELD = roster(user("a1", "administrator"), user("t1", "teacher"))
NIGHT = roster(*STAFF, *STUDENTS[:5], user("s9"), enrollments=enrolled("s1"))
DELTA = {
    "manifest.csv": "propertyName,value\nmanifest.version,1.0\noneroster.version,1.1\nfile.users,delta\n",
    "users.csv": USERS + user("s1", given="Other", status="active"),
}
SETTINGS: dict[str, Any] = {"removal_threshold_count": 5, "activations_from": "2026-09-02"}
PREVIEW = "preview "
"""How the names of cases begin."""
_LOCKED_FOR = 60
_MIDNIGHT = datetime(2026, 9, 2, 5, 1, tzinfo=UTC)
"""One minute past it, where the district is."""
_MOST_STEPS = 400


@dataclass
class Town:
    """A district, what was shown of it, and the executions that are under way."""

    world: World
    shown: dict[str, Any] = field(default_factory=dict)
    another: dict[str, Any] = field(default_factory=dict)
    held: dict[str, Any] = field(default_factory=dict)
    running: list[tuple[str, Position]] = field(default_factory=list)
    uploads: int = 0

    def put(self, key: str, body: bytes) -> None:
        """An object arrives; what it starts runs beside what runs already."""
        self.world.receive_upload().receive(self.world.arrive(key, body))
        self.start()

    def start(self) -> None:
        while self.world.states.started:
            _, text = self.world.states.started.popitem()
            execution = json.loads(text)
            if "feed" in execution:
                run_feed(self.world.feed_steps(), execution["feed"])
            else:
                self.running.append((str(execution["import"].get("commit") or ""), IMPORT.start(execution)))

    def upload(self, files: Mapping[str, str | bytes]) -> None:
        self.uploads += 1
        self.put(f"rosters/lakeside/more-{self.uploads}.zip", zipped(files))

    def decide(self, report: Mapping[str, Any], action: str) -> None:
        body = json.dumps({"action": action, "by": "kim", "reason": "as meant"}).encode()
        self.put(f"decisions/lakeside/{report['import_id']}.json", body)


def _link(town: Town) -> None:
    link(town.world, "own1", RosterUserKey("lakeside", "t1"))


def _undo(town: Town) -> None:
    undo(town.world, RosterUserKey("lakeside", "t3"))


def _feed(town: Town) -> None:
    town.world.start_feed(json.dumps(account("own2", "t2@lakeside.example")).encode() + b"\n", "more")
    town.start()


def _roll_back(town: Town) -> None:
    standing = town.world.table.items["DISTRICT#lakeside", "SNAPSHOT"]
    town.decide({"import_id": standing["import_id"]}, "roll_back")


def _settings(town: Town, **settings: Any) -> None:
    body = {"name": "Lakeside", "email_domains": ["lakeside.example"], "time_zone": "America/Chicago", **settings}
    town.put("districts/lakeside/district.json", json.dumps(body).encode())


def _midnight(town: Town) -> None:
    """It is the next day: some minutes later where it was nearly that, and no import is at work for longer."""
    town.world.now = max(town.world.now + timedelta(minutes=4), _MIDNIGHT)


CHANGES: dict[str, Callable[[Town], None]] = {
    "another roster": lambda town: town.upload(NIGHT),
    "the same roster as before": lambda town: town.upload(BEFORE),
    "a delta": lambda town: town.upload(DELTA),
    "accounts": _feed,
    "a link": _link,
    "an undo": _undo,
    "settings": lambda town: _settings(town, **{**SETTINGS, "removal_threshold_count": 1}),
    "mails at once": lambda town: _settings(town, removal_threshold_count=5),
    "another preview is applied": lambda town: town.decide(town.another, "commit"),
    "a held roster is approved": lambda town: town.decide(town.held, "approve"),
    "a held roster is rejected": lambda town: town.decide(town.held, "reject"),
    "a roll back": _roll_back,
    "midnight": _midnight,
}
"""What may come between, each as people, districts and days bring it."""


@cache
def _prepared() -> Town:
    world = World()
    world.register(**SETTINGS)
    world.upload(FIRST, name="first")
    world.upload(BEFORE, name="before")
    world.feed(account("own1", "own1@mail.example"), account("own3", "own3@mail.example"))
    link(world, "own3", RosterUserKey("lakeside", "t3"))
    town = Town(world)
    town.held = world.upload(HELD, name="held")
    assert town.held["status"] == "held", town.held["status"]
    town.another = world.report(world.put("previews/lakeside/another.zip", zipped(ANOTHER)))
    town.shown = world.report(world.put("previews/lakeside/shown.zip", zipped(SHOWN)))
    assert {town.shown["status"], town.another["status"]} == {"completed"}
    return town


def _town(injector: FaultInjector | None = None) -> Town:
    prepared = _prepared()
    world = World(gate=injector, is_metered=False) if injector else World(is_metered=False)
    world.begin_like(prepared.world)
    return Town(world, prepared.shown, prepared.another, prepared.held)


type Effect = dict[tuple[str, str], tuple[object, object]]
"""What something did to each person and class: before, and after."""
_KINDS = {
    "ROSTER": ("role", "given_name", "family_name", "email", "active", "teaches", "attends", "school_ids"),
    "CLASS": ("title", "teacher_ids", "students"),
    "ACTIVATION": ("state", "email"),
    "LINK": ("state", "account_id"),
}


_DECIDED_LATER = {
    # An account that comes while it runs may be matched before its person is mailed: the feed does that to whoever waits.
    "accounts": ("ACTIVATION", "MAIL", "LINK"),
    # When a mail goes out is decided when it is sent (M8), whatever asked for it.
    "mails at once": ("MAIL",),
    "midnight": ("MAIL",),
}
"""What of people is not the preview's to say any more, once this comes after the second look at it (decision 0088)."""


def _state(world: World) -> dict[tuple[str, str], object]:
    """People and classes as they stand, and whom a mail is on its way to."""
    mailed = {(str(json.loads(body)["sourced_id"]), "MAIL"): True for body in world.sqs.messages}
    return mailed | {
        (pk, sk): tuple(str(item.get(name)) for name in _KINDS[sk])
        for (pk, sk), item in world.table.items.items()
        if sk in _KINDS and not pk.startswith("ACCOUNT#")
    }


def _add(effect: Effect, before: Mapping[tuple[str, str], object], after: Mapping[tuple[str, str], object]) -> None:
    for key in before.keys() | after.keys():
        if before.get(key) != after.get(key):
            effect[key] = (effect.get(key, (before.get(key), None))[0], after.get(key))
            if effect[key][0] == effect[key][1]:
                del effect[key]


@cache
def what_was_shown() -> Effect:
    """What the preview comes to where nothing changes."""
    town, effect = _town(), Effect.__value__()
    before = _state(town.world)
    decide(town.world, town.shown, "commit")
    _add(effect, before, _state(town.world))
    return effect


@dataclass(frozen=True, slots=True)
class Case:
    """``between`` comes before the decision, ``within`` at the step of that number after it; a call may be a worker's last."""

    between: tuple[str, ...] = ()
    within: tuple[tuple[int, str], ...] = ()
    dies_at: tuple[tuple[int, FaultMode], ...] = ()
    seed: int = -1

    @property
    def name(self) -> str:
        """As ``make faults REPLAY=`` takes it."""
        return f"{PREVIEW}{self.seed if self.seed >= 0 else ', '.join(self.between)}"

    @classmethod
    def named(cls, name: str) -> Case:
        """The case of this name: a seed, or changes in their order. Raises ValueError for anything else."""
        text = name.removeprefix(PREVIEW)
        if text.isdecimal():
            return at_random(int(text))
        changes = tuple(filter(None, text.split(", ")))
        if unknown := set(changes) - CHANGES.keys():
            raise ValueError(f"{sorted(unknown)[0]!r} is no change that comes between: {', '.join(CHANGES)}")
        return cls(changes)


def every_order(most: int) -> Iterator[Case]:
    """Every order of every choice of at most so many changes."""
    for number in range(most + 1):
        yield from (Case(between=names) for names in permutations(CHANGES, number))


def at_random(seed: int) -> Case:
    """Some before, some within, and workers that die."""
    dice = Random(f"preview {seed}")
    names = dice.sample(list(CHANGES), dice.randint(0, 4))
    cut = dice.randint(0, len(names))
    within = tuple(sorted((dice.randint(0, 14), name) for name in names[cut:]))
    dies = tuple(
        (dice.randint(1, 250), dice.choice((FaultMode.DIES_BEFORE, FaultMode.DIES_AFTER)))
        for _ in range(dice.choice((0, 1, 1, 2)))
    )
    return Case(tuple(names[:cut]), within, dies, seed)


def run(case: Case) -> str:
    """How it ended. Raises AssertionError where anything but what was shown was applied, or it never ends."""
    injector = FaultInjector(plan=dict(case.dies_at))
    town = _town(injector)
    for name in case.between:
        _change(town, name)
        _run_others(town)
    if "midnight" in [name for _, name in case.within]:
        town.world.now = max(town.world.now, _MIDNIGHT - timedelta(minutes=4))
    injector.enabled = True
    _again(lambda: town.decide(town.shown, "commit"))
    injector.enabled = False
    effect = _carry_out(town, case, injector)
    report = town.world.report_of(town.shown["import_id"])
    return _judged(case, report, effect)


def _judged(case: Case, report: Mapping[str, Any], effect: Effect) -> str:
    shown = what_was_shown()
    if report["status"] == "completed" and not report["preview"]:
        later = {kind for _, name in case.within for kind in _DECIDED_LATER.get(name, ())}
        effect = {key: did for key, did in effect.items() if key[1] not in later}
        shown = {key: did for key, did in shown.items() if key[1] not in later}
        assert effect == shown, f"{case}: applied {_told(effect, shown)}"
        return "applied as shown"
    assert not effect, f"{case}: {report['status']}, and did {_told(effect, {})}"
    reason = report.get("reason") or {}
    if reason.get("code") == "changed_since_preview":
        assert "now" in reason, f"{case}: no difference is told"
    return f"refused: {reason['code']}" if reason else f"not taken: {report['status']}"


def _told(effect: Effect, shown: Effect) -> str:
    differ = [key for key in effect.keys() | shown.keys() if effect.get(key) != shown.get(key)]
    return "; ".join(f"{key}: {effect.get(key)} instead of {shown.get(key)}" for key in sorted(differ)[:4])


def _change(town: Town, name: str) -> None:
    """A change that is refused for what came before is none: nothing can be rolled back twice."""
    try:
        CHANGES[name](town)
    except AccountLinkingError:
        town.running = [each for each in town.running if each]


def _again(work: Callable[[], object]) -> None:
    """The work, again where its worker died, as SQS and Step Functions would."""
    for _ in range(5):
        try:
            work()
        except Killed:
            continue
        return
    raise AssertionError("It died again and again.")


def _run_others(town: Town) -> None:
    """To the end of all that runs."""
    for _ in range(_MOST_STEPS):
        if not town.running:
            return
        _step(town, 0)
    raise AssertionError("Imports wait for each other for ever.")


def _step(town: Town, number: int) -> None:
    """One step of one execution, or the end of its wait."""
    name, position = town.running[number]
    if IMPORT.has_calls(position):
        steps = town.world.steps()

        def work() -> None:
            town.running[number] = (name, IMPORT.run(position, lambda call: run_step(steps, call)))

        _again(work)
    elif IMPORT.kind(position) == "Wait":
        town.world.now += timedelta(seconds=_LOCKED_FOR)
        town.running.append((name, IMPORT.after(position)))
        town.running.pop(number)
    else:
        town.running.pop(number)


def _carry_out(town: Town, case: Case, injector: FaultInjector) -> Effect:
    """Run the decision and what comes within it, in a seeded order. Return what the decision's own steps did."""
    dice, within = Random(case.seed), list(case.within)
    effect: Effect = {}
    done = 0
    for _ in range(_MOST_STEPS):
        while within and within[0][0] <= done:
            _change(town, within.pop(0)[1])
        if not town.running:
            if not within:
                return effect
            done += 1
            continue
        number = dice.randrange(len(town.running))
        is_own, before = bool(town.running[number][0]) and _is_shown(town, number), _state(town.world)
        injector.enabled = is_own
        _step(town, number)
        injector.enabled = False
        if is_own:
            _add(effect, before, _state(town.world))
        done += 1
    raise AssertionError(f"{case}: imports wait for each other for ever.")


def _is_shown(town: Town, number: int) -> bool:
    return bool(town.running[number][1].data["import"]["import_id"] == town.shown["import_id"])


def ending(case: Case) -> str:
    """How it ended, also where it must not."""
    try:
        return run(case)
    except AssertionError as violation:
        return f"violation: {violation}"
