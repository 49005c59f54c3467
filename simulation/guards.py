"""Every guard of the product, and how to remove it. The simulation must notice (``run_plan.py`` counts).

Conditions of writes are found by running; checks in code are listed here by hand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from copy import copy
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import zip_longest
from typing import Any
from unittest import mock

from functions.accounts_feed.look_again import LookAgain
from functions.activation_email import send_activation, send_reminder
from functions.cleanup_nudges import send_nudge
from functions.import_step.plan import ImportPlan
from functions.import_step.steps import gate as safety_check
from functions.import_step.steps import ingest as reading
from shared.domain import link as link_rules
from shared.domain.activation import Activation, NotMailed, why_not_mailed
from shared.domain.link import Link
from shared.domain.matching import AccountSide, Decision, LoginProof, RosterSide, decide
from shared.domain.report import Upload
from shared.domain.roster import RosterUser, RosterUserKey
from shared.mail import ses as mailer
from shared.stores import accounts, identifier_index, imports, links, reports, table
from shared.stores.activations import ActivationStore
from shared.stores.import_state import ImportStateStore
from shared.stores.nudges import Nudges, NudgeStore
from shared.use_cases.match_by_rule import MatchByRule
from simulation.fault_injection import FaultMode
from simulation.features import FEATURES
from simulation.interleavings import interleaving
from simulation.simulator import FaultProfile, Simulation, Violation, clean_projection
from simulation.writes import conditional_writes

HEAVY_FAULTS = FaultProfile(rate=0.02, most_faults=8, duplicates=0.5, disorder=0.3, turns=0.5)
_INTERLEAVINGS = 40
type RequestEdit = Callable[[str, dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class Guard:
    """One guard. In the context ``removed`` it is not there; ``edit_request`` removes it from requests."""

    name: str
    removed: Callable[[], AbstractContextManager[Any]] = nullcontext
    edit_request: RequestEdit | None = None
    kind: str = ""
    """The kind of write (``simulation.writes``) that the guard is a condition of, or that others must be able to precede."""


# Conditions of writes.


def _conjuncts(expression: str) -> list[str]:
    """Return the parts of a condition that must all hold."""
    parts, depth, start = [], 0, 0
    for position, letter in enumerate(expression):
        depth += (letter == "(") - (letter == ")")
        if not depth and expression.startswith(" AND ", position):
            parts.append(expression[start:position])
            start = position + 5
    parts.append(expression[start:])
    return parts if " OR " not in expression or len(parts) > 1 else [expression]


def conditions(seeds: Iterable[int]) -> list[Guard]:
    """Return the conditions that these runs evaluate, each part of them a guard of its own."""
    found: dict[tuple[str, str], None] = {}

    def note(operation: str, request: dict[str, Any]) -> dict[str, Any]:
        for kind, write in conditional_writes(operation, request):
            for part in _conjuncts(str(write["ConditionExpression"])):
                found[kind, part] = None
        return request

    for seed in seeds:
        _heavy(seed, edit_request=note).run()
    return [Guard(f"{kind}: {part}", edit_request=without(kind, part), kind=kind) for kind, part in sorted(found)]


def without(kind: str, part: str) -> RequestEdit:
    def loosen(operation: str, request: dict[str, Any]) -> dict[str, Any]:
        for found, write in conditional_writes(operation, request):
            if found == kind:
                rest = [other for other in _conjuncts(str(write["ConditionExpression"])) if other != part]
                write["ConditionExpression"] = " AND ".join(rest)
                if not rest:
                    del write["ConditionExpression"]
                _drop_unused(write)
        return request

    return loosen


def _drop_unused(write: dict[str, Any]) -> None:
    """Remove names and values that no expression of a write uses: DynamoDB refuses a request that has them."""
    used = set(
        re.findall(r"[#:]\w+", " ".join(str(value) for key, value in write.items() if key.endswith("Expression")))
    )
    for key in ("ExpressionAttributeNames", "ExpressionAttributeValues"):
        if kept := {name: value for name, value in write.get(key, {}).items() if name in used}:
            write[key] = kept
        else:
            write.pop(key, None)


# Checks in code.


def _patch(target: Any, name: str, new: Any) -> Callable[[], AbstractContextManager[Any]]:
    return lambda: mock.patch.object(target, name, new)


def _any_account_matches(
    person: RosterSide,
    accounts: Iterable[AccountSide],
    own_domains: Collection[str],
    login: LoginProof | None = None,
    shared_domains: Collection[str] = (),
) -> Decision:
    """As if every account had verified what it says."""
    proven = [replace(account, email_is_verified=True) for account in accounts]
    return decide(person, proven, own_domains, login, shared_domains)


def _shared_address_matches(
    person: RosterSide,
    accounts: Iterable[AccountSide],
    own_domains: Collection[str],
    login: LoginProof | None = None,
    shared_domains: Collection[str] = (),
) -> Decision:
    return decide(replace(person, address_is_shared=False), accounts, own_domains, login, shared_domains)


def _redoes_what_was_undone(present: Link | None, *args: Any, **named: Any) -> Link:
    return _make(present, *args, **{**named, "by_rule": False})


_make = link_rules.make


@contextmanager
def _an_unknown_outcome_is_a_refusal() -> Iterator[None]:
    def refused(code: str, message: str) -> mailer.MailRefused:
        return mailer.MailRefused(code, message, may_try_later=True)

    with mock.patch.object(mailer, "OutcomeUnknown", refused):
        yield


@contextmanager
def _starts_again_each_time() -> Iterator[None]:
    """An execution per notification, instead of one per import."""
    was = imports.ImportStarter.start
    number = iter(range(10**9))

    def start(self: Any, import_id: str, *args: Any, **named: Any) -> None:
        states = self._states
        renamed = mock.Mock(
            start_execution=lambda **request: states.start_execution(
                **{**request, "name": f"{request['name']}-{next(number)}"}
            )
        )
        starter = copy(self)
        starter._states = renamed
        was(starter, import_id, *args, **named)

    with mock.patch.object(imports.ImportStarter, "start", start):
        yield


def _nobody_is_under_way(store: NudgeStore, user: RosterUserKey) -> Nudges:
    return replace(_nudges(store, user), under_way=False)


_nudges = NudgeStore.of_user


def _no_reminder_is_under_way(store: ActivationStore, user: RosterUserKey) -> Activation | None:
    found = _of_user(store, user)
    return replace(found, follow_up_under_way=False) if found else None


_of_user = ActivationStore.of_user


def _all_of(*removals: Callable[[], AbstractContextManager[Any]]) -> Callable[[], AbstractContextManager[Any]]:
    """Remove several layers at once."""

    @contextmanager
    def removed() -> Iterator[None]:
        with ExitStack() as stack:
            for removal in removals:
                stack.enter_context(removal())
            yield

    return removed


_HAS_ENDED = _patch(ImportStateStore, "has_ended", lambda *_: False)


def _links_do_not_count(user: RosterUser | None, **named: Any) -> NotMailed | None:
    return why_not_mailed(user, **{**named, "link": None})


_NEEDS_NO_MAIL = _all_of(
    _patch(send_activation, "why_not_mailed", _links_do_not_count),
    _patch(MatchByRule, "keeps_from_mail", lambda *_: None),
)
_NOT_WITHDRAWN = _patch(ActivationStore, "withdraw", lambda *_: False)

CHECKS: tuple[Guard, ...] = (
    Guard("match: only a proven claim counts (M6)", _patch(identifier_index, "decide", _any_account_matches)),
    Guard(
        "match: an address that two people share is nobody's (M7)",
        _patch(identifier_index, "decide", _shared_address_matches),
    ),
    Guard(
        "link: a rule never redoes what a person undid (M6)", _patch(links.link_rules, "make", _redoes_what_was_undone)
    ),
    Guard(
        "mastery: the higher points win (M16)", _patch(accounts.mastery_rules, "merge", lambda old, new: {**old, **new})
    ),
    Guard("gate: an import beyond the threshold is held (M3)", _patch(safety_check, "held_because", lambda *_: None)),
    Guard("people: a file with rejected rows removes nobody (M2)", _patch(ImportPlan, "may_remove", lambda *_: True)),
    Guard("import: one that has ended is not begun again", _HAS_ENDED),
    Guard("import: one execution per upload", _starts_again_each_time),
    Guard("import: neither of the two before", _all_of(_HAS_ENDED, _starts_again_each_time)),
    Guard(
        "import: an older upload is superseded before work is done",
        _patch(ImportStateStore, "newer_than", lambda *_: None),
    ),
    Guard("import: the newest valid upload is noted", _patch(ImportStateStore, "note_valid", lambda *_: True)),
    Guard(
        "import: one at a time looks at the lock", _patch(ImportStateStore, "is_locked_by_another", lambda *_: False)
    ),
    Guard("import: one at a time takes the lock", _patch(ImportStateStore, "lock", lambda *_: True)),
    Guard("import: equal contents are told (M4)", _patch(reading, "content_hash", lambda _files: str(id(object())))),
    Guard("upload: which one is newer", _patch(Upload, "is_newer_than", lambda *_: False)),
    Guard("report: the latest never goes back", _patch(reports, "upload_of", lambda _item: Upload("", "", ""))),
    Guard("mail: an answer that did not come is not a no (B5)", _an_unknown_outcome_is_a_refusal),
    Guard("mail: whoever is matched or linked needs none (M8)", _NEEDS_NO_MAIL, kind="Update USER/ACTIVATION"),
    Guard("mail: it is withdrawn from whoever is matched (M8)", _NOT_WITHDRAWN),
    Guard("mail: neither of the two before", _all_of(_NEEDS_NO_MAIL, _NOT_WITHDRAWN)),
    Guard(
        "feed: an account that comes later is matched (M7)",
        _patch(LookAgain, "_match", lambda *_: None),
    ),
    Guard("nudge: one that is under way is not sent again", _patch(NudgeStore, "of_user", _nobody_is_under_way)),
    Guard("nudge: only while classes are still about (B4)", _patch(send_nudge, "left_to_clean_up", list)),
    Guard("nudge: not in the quiet hours", _patch(send_nudge, "next_allowed", lambda _district, moment: moment)),
    Guard(
        "reminder: one that is under way is not sent again",
        _patch(ActivationStore, "of_user", _no_reminder_is_under_way),
    ),
    Guard("reminder: not in the quiet hours", _patch(send_reminder, "next_allowed", lambda _district, moment: moment)),
    Guard(
        "reminder: whoever is linked needs none", _patch(send_reminder.SendReminder, "_is_settled", lambda *_: False)
    ),
    Guard("table: only a refused condition is a conflict", _patch(table, "is_refused_condition", lambda _error: True)),
)

_SETTINGS_OF_TWO = "no run has two districts that claim the same: tests/unit/imports/test_settings.py holds it"
EXPLAINED = {
    "Update LIMIT/": "a limit is no matter of what crashes: tests/unit/pages/test_limits.py holds it",
    "Put CLEVER_DISTRICT/": _SETTINGS_OF_TWO,
    "Put DOMAIN/": _SETTINGS_OF_TWO,
    "Put ACCOUNT/LINK: attribute_not_exists(PK) OR (#state = :linked": (
        "in no run a rule and a person take one account at once: tests/unit/stores/test_links_under_contention.py holds it"
    ),
    "Put USER/LINK: attribute_not_exists(PK) OR #state = :matched": (
        "the decision looks at the link before a match is noted: tests/unit/pages/test_joining.py holds the condition"
    ),
    "Update USER/ACTIVATION: #state IN": (
        "nothing is sent by what SES tells last: tests/unit/mail/test_activation_life.py holds every order of its words"
    ),
    "Update USER/ACTIVATION: #state = :state": (
        "the look sends nothing, and a later word corrects it: tests/unit/mail/test_activation_life.py holds the condition"
    ),
    "Put DISTRICT/SETTINGS": "no run loads two settings files at once: tests/unit/imports/test_settings.py holds it",
}
"""Guards that may be missed, by how their names begin, with the reason."""


def explanation(name: str) -> str:
    """Return why this guard may be missed; empty when it may not."""
    return next((reason for start, reason in EXPLAINED.items() if name.startswith(start)), "")


def all_guards() -> list[Guard]:
    """Return all guards, in the same order in every process."""
    return [*CHECKS, *conditions(range(60))]


def catches(guard: Guard, seeds: Iterable[int], *, only_heavy_faults: bool = False) -> str | None:
    """Return the run that notices that a guard is gone, with the violation; None when no run does.

    Raises Violation when the same run also fails with the guard in place: such a run proves nothing about the guard.
    """
    for name, make_simulation in _trials(guard.kind, seeds, only_heavy_faults=only_heavy_faults):
        if violation := _violation_of(make_simulation(edit_request=guard.edit_request), guard.removed):
            if intact := _violation_of(make_simulation(), nullcontext):
                raise Violation(f"{name}, every guard in place: {intact}")
            return f"{name}: {violation}"
    return None


def _trials(
    kind: str, seeds: Iterable[int], *, only_heavy_faults: bool
) -> Iterator[tuple[str, Callable[..., Simulation]]]:
    """Yield runs under heavy faults, interleavings, and single failures of a run without other faults, in turn.

    In an interleaving every other worker goes first, before a write that the guard is about.
    """
    heavy = ((f"heavy faults {seed}", partial(_heavy, seed)) for seed in seeds)
    interleaved_seeds = range(_INTERLEAVINGS) if kind and not only_heavy_faults else ()
    interleaved = ((f"interleaving {seed}", partial(interleaving, seed, kind)) for seed in interleaved_seeds)
    single = (
        (f"{call}={mode.name}", partial(Simulation, features=FEATURES, plan={call: mode}))
        for call, mode in (() if only_heavy_faults else _single_failures())
    )
    yield from (trial for each in zip_longest(heavy, interleaved, single) for trial in each if trial)


def _heavy(seed: int, *, edit_request: RequestEdit | None = None) -> Simulation:
    return Simulation(
        seed, features=FEATURES, profile=HEAVY_FAULTS, people_race=seed % 2 == 1, edit_request=edit_request
    )


def _violation_of(sim: Simulation, removed: Callable[[], AbstractContextManager[Any]]) -> str | None:
    clean = clean_projection(FEATURES)
    try:
        with removed():
            sim.run()
            sim.check_at_rest(clean)
    except Violation as violation:
        return str(violation)
    finally:
        if sim.injector.malformed:
            raise AssertionError(f"removing a guard made a malformed request: {sim.injector.malformed[0]}")
    return None


@cache
def _single_failures() -> tuple[tuple[int, FaultMode], ...]:
    """Return the faults: a lost reply for each call to another service than table and S3, a throttle for each write."""
    calls = Simulation(features=FEATURES).run().injector.calls
    out = [(call.number, FaultMode.NO_REPLY) for call in calls if call.service not in ("dynamodb", "s3")]
    writes = ("PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems")
    return (*out, *((call.number, FaultMode.THROTTLED) for call in calls if call.operation in writes))
