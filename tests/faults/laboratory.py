"""A district's week under faults: the real use cases on services in memory, a seeded clock, seeded deliveries.

Every delivery is a worker of its own: it may die, come twice, late or out of order. After each one safety is checked; when
all is at rest, the state must be that of the undisturbed run, or what is left must lie in a dead-letter queue.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from random import Random
from typing import Any

from functions.import_step.steps import Import
from shared.activation import ActivationState
from shared.errors import AccountLinkingError, RefusedTransition
from shared.link import LinkState, Proof
from shared.nudge import first_nudge_at
from shared.report import Upload
from shared.roster import RosterUserKey
from shared.stores.links import Consent
from tests.faults.chaos import Chaos, Killed, Mode
from tests.faults.services import etag
from tests.world import World, zipped

USERS = "sourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,username,userIds,givenName,familyName,email,password\n"
CLASSES = "sourcedId,status,dateLastModified,title,courseSourcedId,classType,schoolSourcedId,termSourcedIds\n"
ENROLLMENTS = "sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,userSourcedId,role\n"
CANARY = "Zxqcanary"


def person(key: str, role: str, *, given: str = "Kim", ids: str = "", domain: str = "lakeside") -> str:
    return f"{key},,,true,o1,{role},{key},{ids},{given},{CANARY},{key}@{domain}.example,{CANARY}-pw\n"


def roster(people: Iterable[str], *, classes: str = "c1,,,Algebra,k1,scheduled,o1,t1\n", enrolled: str = "") -> bytes:
    return zipped(
        {
            "manifest.csv": "propertyName,value\nmanifest.version,1.0\noneroster.version,1.1\n",
            "users.csv": USERS + "".join(people),
            "classes.csv": CLASSES + classes,
            "enrollments.csv": ENROLLMENTS + "".join(f"e{w},,,c1,o1,{w},{r}\n" for w, r in _pairs(enrolled)),
        }
    )


def _pairs(enrolled: str) -> list[tuple[str, str]]:
    return [(w, "teacher" if w.startswith("t") else "student") for w in enrolled.split()]


MONDAY = roster(
    [person("t1", "teacher"), person("t2", "teacher"), person("t3", "teacher"), person("s1", "student", ids="{Clever:c-1}"),
     person("s2", "student")],
    enrolled="t1 s1 s2",
)  # fmt: skip
TUESDAY = roster(
    [person("t1", "teacher"), person("t2", "teacher", given="Kimberly"), person("t3", "teacher"), person("t4", "teacher"),
     person("s1", "student", ids="{Clever:c-1}")],
    enrolled="t1 t2 s1",
)  # fmt: skip
WEDNESDAY = roster(
    [
        person("t1", "teacher"),
        person("t2", "teacher", given="Kimberly"),
        person("t4", "teacher"),
        ",,,,,student,,,,,,\n",
    ],
    enrolled="t1 t2",
)
"""A row cannot be read, so t3 and s1, who are missing, must stay."""
HILLSIDE = roster(
    [person("t1", "teacher", domain="hillside"), person("s1", "student", domain="hillside")], enrolled="t1 s1"
)


@dataclass(order=True)
class Delivery:
    """Something that is to be handled: when, what, and how often it was tried."""

    due: float
    order: float
    number: int
    kind: str = field(compare=False)
    body: Any = field(compare=False)
    tries: int = field(default=0, compare=False)


RETRIES = {"s3": 3, "accounts": 3, "step": 6, "fail": 11, "sqs": 6, "stream": 11, "ses": 3, "tick": 6, "visit": 8}
PAUSE = {"s3": 60, "accounts": 60, "step": 5, "fail": 10, "sqs": 360, "stream": 5, "ses": 60, "tick": 60, "visit": 600}


class Violation(AssertionError):
    """A safety or liveness rule was broken."""


class Laboratory:
    """One run. The same seed and plan give the same run, call by call."""

    def __init__(
        self,
        seed: int = 0,
        *,
        plan: dict[int, Mode] | None = None,
        rate: float = 0.0,
        most_faults: int = 0,
        duplicates: float = 0.0,
        disorder: float = 0.0,
        loosened: Callable[[str, dict[str, Any]], dict[str, Any]] | None = None,
    ) -> None:
        self.random = Random(seed)
        self.chaos = Chaos(Random(seed + 1), plan or {}, rate, most_faults, loosened=loosened)
        self.world = World(gate=self.chaos)
        self.queue: list[Delivery] = []
        self.dead: list[Delivery] = []
        self.published: list[str] = []
        self.unanswered: list[str] = []
        self._duplicates = duplicates
        self._disorder = disorder
        self._numbers = count()
        self._began = self.world.now
        self._points: dict[str, dict[str, int]] = {}
        self.world.table.listeners.append(self._changed)
        self.trace: list[str] = []
        self._prepare()

    # What happens in the week.

    def _prepare(self) -> None:
        world = self.world
        world.register()
        world.register("hillside", email_domains=["hillside.example"])
        world.put("rosters/hillside/r.zip", HILLSIDE)
        world.sqs.messages.clear()
        self._hillside = self._items_of("hillside")
        self.chaos.enabled = True
        self._began = world.now
        accounts = [
            _account("ada", "ada@mail.example", classes=[{"class_id": "own", "name": "Own", "student_account_ids": ["kid"]}]),
            _account("tom", "t3@lakeside.example"),
            {**_account("kid", "kid@mail.example"), "role": "student", "clever_id": "c-1",
             "mastery": {"a": {"points": 60, "updated_at": "2026-05-01T00:00:00Z"}}},
        ]  # fmt: skip
        later = [{**accounts[2], "mastery": {"a": {"points": 30, "updated_at": "2026-06-01T00:00:00Z"},
                                             "b": {"points": 80, "updated_at": "2026-06-01T00:00:00Z"}}}]  # fmt: skip
        self.send("accounts", accounts, after=0)
        self.send("accounts", later, after=90_000)
        self._upload("monday", MONDAY, after=60)
        self._upload("tuesday", TUESDAY, after=86_400)
        self._upload("wednesday", WEDNESDAY, after=172_800)
        self.send("visit", ("links by mail", "t1", "ada"), after=7_200)
        self.send("visit", ("links by mail", "t2", "ada"), after=90_000)
        self.send("visit", ("district login", "t3", "tom"), after=7_300)
        self.send("visit", ("district login", "s1", "kid"), after=7_400)
        self.send("visit", ("undoes", "t3", "tom"), after=100_000)
        self.send("visit", ("district login", "t3", "tom"), after=190_000)
        for day in (16, 17, 40):
            self.send("tick", "nudges", after=day * 86_400)
            self.send("tick", "nudges", after=day * 86_400 + 1)

    def _upload(self, name: str, body: bytes, *, after: float) -> None:
        key = f"rosters/lakeside/{name}.zip"
        moment = self._began + timedelta(seconds=after)
        self.world.s3.objects["rosters", key] = body
        when = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self.send("s3", Upload(key, etag(body), when, f"{int(after):016X}"), after=after)

    # Deliveries.

    def send(self, kind: str, body: Any, *, after: float | None = None, tries: int = 0) -> None:
        """Something to be handled, perhaps several times, perhaps out of order."""
        due = self._elapsed() if after is None else after
        copies = 1
        if tries == 0 and kind in ("s3", "sqs", "ses", "stream") and self._duplicates:
            copies += sum(self.random.random() < self._duplicates for _ in range(2))
        for _ in range(copies):
            late = self.random.uniform(0, 900) if self._disorder and self.random.random() < self._disorder else 0
            order = self.random.random() if self._disorder else 0
            heapq.heappush(self.queue, Delivery(due + late, order, next(self._numbers), kind, body, tries))

    def _elapsed(self) -> float:
        return (self.world.now - self._began).total_seconds()

    def run(self, *, most: int = 5_000) -> Laboratory:
        """Handle everything until all is at rest."""
        for _ in range(most):
            if not self.queue:
                break
            self._handle(heapq.heappop(self.queue))
            self._collect()
            self.check_safety()
        else:
            raise Violation("nothing comes to rest")
        self.chaos.at_rest()
        self.check_safety()
        return self

    def _handle(self, delivery: Delivery) -> None:
        self.world.now = max(self.world.now, self._began + timedelta(seconds=delivery.due))
        self.trace.append(f"{delivery.due:>9.0f}s {delivery.kind} {_short(delivery.body)} (try {delivery.tries + 1})")
        try:
            getattr(self, f"_do_{delivery.kind}")(delivery.body)
        except Killed:
            self._again(delivery, "died")
        except AccountLinkingError as failed:
            if CANARY in str(failed):
                raise Violation("an error text holds personal data") from None
            self._again(delivery, failed.code)
        except Violation:
            raise
        except Exception as failed:  # noqa: BLE001 - whatever a worker raises, its delivery comes again
            self._again(delivery, type(failed).__name__)

    def _again(self, delivery: Delivery, why: str) -> None:
        self.trace.append(f"           → {why}")
        tries = delivery.tries + 1
        if tries >= RETRIES[delivery.kind]:
            if delivery.kind == "step":
                self.send("fail", delivery.body)
            else:
                self.dead.append(delivery)
            return
        self.send(delivery.kind, delivery.body, after=self._elapsed() + PAUSE[delivery.kind], tries=tries)

    def _collect(self) -> None:
        """Hand on what the services were given: queue messages, executions, feedback of mails."""
        while self.world.sqs.messages:
            self.send("sqs", self.world.sqs.messages.pop(0))
        for name in list(self.world.states.started):
            if self.world.states.started[name]:
                one = json.loads(self.world.states.started[name])["import"]
                self.world.states.started[name] = ""
                self.send("step", {"import": one, "step": "split", "shards": [], "at": 0})
        while len(self.world.ses.sent) > self._told:
            mail = self.world.ses.sent[self._told]
            self._told += 1
            tags = {t["Name"]: t["Value"] for t in mail["EmailTags"]}
            if "activation_id" in tags:
                for state in (ActivationState.SENT, ActivationState.DELIVERED):
                    self.send("ses", (tags["activation_id"], state.value), after=self._elapsed() + 5)

    _told = 0

    def _changed(self, before: dict[str, Any] | None, after: dict[str, Any] | None) -> None:
        """The table's stream, and what is known of everybody's points."""
        if after and before is None and after["PK"].startswith("OUTBOX#"):
            self.send("stream", after["PK"])
        if after and after["SK"] == "MASTERY":
            known = self._points.setdefault(after["PK"], {})
            for skill, found in after["skills"].items():
                known[skill] = max(known.get(skill, 0), int(found["points"]))

    # Workers.

    def _do_s3(self, upload: Upload) -> None:
        self.world.arrivals().take(upload)

    def _do_accounts(self, lines: list[dict[str, Any]]) -> None:
        self.world.feed(*lines)

    def _do_step(self, task: dict[str, Any]) -> None:
        """One task of the state machine; what it answers decides the next (statemachine/import.asl.json)."""
        steps = self.world.steps()
        one = Import.from_event(task["import"])
        step, at, shards = task["step"], task["at"], task["shards"]
        if step in ("people", "classes", "apply", "match"):
            getattr(steps, step)(one, shards[at])
            if at + 1 < len(shards):
                return self.send("step", {**task, "at": at + 1})
            following = {"people": "classes", "classes": "gate", "apply": "match", "match": "finish"}[step]
            return self.send("step", {**task, "step": following, "at": 0})
        answer = getattr(steps, step)(one)
        match answer.get("next"):
            case "wait":
                self.send("step", task, after=self._elapsed() + 5)
            case "people" | "apply" | "finish" as following:
                shards = answer["shards"] or shards
                self.send("step", {**task, "step": following, "shards": shards, "at": 0})
        return None

    def _do_fail(self, task: dict[str, Any]) -> None:
        self.world.steps().fail(Import.from_event(task["import"]))
        self.dead.append(Delivery(0, 0, 0, "fail", task))

    def _do_sqs(self, message: str) -> None:
        body = json.loads(message)
        outcome = self.world.sending().send(
            RosterUserKey(body["district_id"], body["sourced_id"]), body["activation_id"]
        )
        if outcome == "unanswered":
            self.unanswered.append(body["activation_id"])

    def _do_ses(self, event: tuple[str, str]) -> None:
        activation_id, state = event
        if activation := self.world.activations.by_id(activation_id):
            self.world.activations.mark_feedback(activation, ActivationState(state), "m", now=self.world.now)

    def _do_stream(self, pk: str) -> None:
        self.published.append(pk)

    def _do_tick(self, _what: str) -> None:
        self.world.nudging().run()

    def _do_visit(self, visit: tuple[str, str, str]) -> None:
        what, sourced_id, account_id = visit
        world, user = self.world, RosterUserKey("lakeside", sourced_id)
        if what == "undoes":
            link = world.links.of_user(user)
            if link and link.state is LinkState.UNDONE:
                return
            world.links.undo(user, event_id=world.new_id(), now=world.now)
            return
        person_ = world.users.get(user)
        if person_ is None:
            raise RefusedTransition("not_yet", "The roster is not there yet.")
        activation = world.activations.of_user(user)
        if what == "links by mail":
            if activation is None or activation.state not in (ActivationState.SENT, ActivationState.DELIVERED):
                raise RefusedTransition("not_yet", "The mail is not there yet.")
            consent = Consent(user, account_id, Proof.ACTIVATION, False, activation, self._nudge_at())
        else:
            found = world.claims.find_match(person_)
            link = world.links.of_user(user)
            if link and link.state is LinkState.UNDONE:
                return
            if found.account_id != account_id:
                raise RefusedTransition("not_yet", "There is no match yet.")
            by = Proof.DISTRICT_LOGIN_GOOGLE
            consent = Consent(
                user, account_id, by, True, activation, self._nudge_at() if sourced_id[0] == "t" else None
            )
        try:
            world.links.make(consent, event_id=world.new_id(), now=world.now)
        except RefusedTransition as refused:
            if refused.code not in ("account_linked_elsewhere", "undone_by_person", "already_linked"):
                raise

    def _nudge_at(self) -> Any:
        return first_nudge_at(self.world.districts.get("lakeside"), self.world.now)

    # Rules.

    def check_safety(self) -> None:
        """What must hold after every step, whatever went wrong."""
        items = self.world.table.items
        self._check_mails()
        for (pk, sk), item in items.items():
            if sk == "LINK" and item["state"] == "linked":
                other = items.get((f"ACCOUNT#{item['account_id']}", f"LINK#{pk.split('#')[1]}"), {})
                if (other.get("state"), other.get("sourced_id")) != ("linked", pk.split("#", 2)[2]):
                    raise Violation(f"half a link: {pk}")
            elif pk.startswith("ACCOUNT#") and sk.startswith("LINK#") and item["state"] == "linked":
                other = items.get((f"USER#{sk.removeprefix('LINK#')}#{item['sourced_id']}", "LINK"), {})
                if (other.get("state"), other.get("account_id")) != ("linked", pk.removeprefix("ACCOUNT#")):
                    raise Violation(f"half a link: {pk} {sk}")
            elif sk == "MASTERY":
                for skill, points in self._points.get(pk, {}).items():
                    if int(item["skills"].get(skill, {"points": 0})["points"]) < points:
                        raise Violation(f"{pk} went down in {skill}")
        if self._items_of("hillside") != self._hillside:
            raise Violation("another district was touched")
        for kept in ("t3", "s1"):
            found = items.get((f"USER#lakeside#{kept}", "ROSTER"))
            if found and not found["active"]:
                raise Violation(f"{kept} was removed by a file with a rejected row")

    def _check_mails(self) -> None:
        seen: set[str] = set()
        for mail in self.world.ses.sent:
            tags = {t["Name"]: t["Value"] for t in mail["EmailTags"]}
            once = tags.get("activation_id") or f"nudge {mail['To']} {mail.get('day')}"
            if "activation_id" in tags and (once in seen or mail["To"] in seen):
                raise Violation("two activation mails to one person")
            seen |= {once, mail["To"]} if "activation_id" in tags else set()

    def _items_of(self, district_id: str) -> dict[tuple[str, str], str]:
        prefixes = (f"USER#{district_id}#", f"CLASS#{district_id}#", f"DISTRICT#{district_id}")
        return {k: repr(v) for k, v in self.world.table.items.items() if k[0].startswith(prefixes)}

    def projection(self) -> dict[str, Any]:
        """What must be the same at rest, without times and ids."""
        items = self.world.table.items
        kept: dict[str, Any] = {}
        for (pk, sk), item in items.items():
            if sk in ("ROSTER", "CLASS", "MEMBERS", "MASTERY", "ACCOUNT") or pk.startswith(
                ("EMAIL#", "CLEVER#", "OIDC#")
            ):
                kept[f"{pk} {sk}"] = repr(sorted(item.items()))
            elif sk == "LINK":
                kept[f"{pk} {sk}"] = (item["state"], item["account_id"], item.get("by"), int(item.get("nudges", 0)))
            elif sk == "ACTIVATION":
                kept[f"{pk} {sk}"] = (item["state"], "used_at" in item)
            elif sk == "SNAPSHOT":
                kept[f"{pk} {sk}"] = item["content"]
            elif sk == "LOCK":
                kept[f"{pk} {sk}"] = "held"
            elif sk == "LATEST":
                kept[f"{pk} {sk}"] = item["upload"]["key"]
        kept["mailed"] = sorted(m["To"] for m in self.world.ses.sent)
        latest = json.loads(self.world.s3.objects["reports", "reports/lakeside/latest.json"])
        kept["latest"] = (latest["status"], latest["upload"]["key"])
        facts = [i["detail_type"] for (pk, _), i in items.items() if pk.startswith("OUTBOX#")]
        kept["links made"] = facts.count("AccountLinked")
        unpublished = {pk for pk, _ in items if pk.startswith("OUTBOX#")} - set(self.published)
        kept["unpublished"] = len([pk for pk in unpublished if "hillside" not in items[pk, "EVENT"]["detail"]])
        return kept

    def check_liveness(self, clean: dict[str, Any]) -> None:
        """At rest the state is that of the clean run, but for what a dead-letter queue or an alarm tells of."""
        if self.dead:
            return
        found = self.projection()
        excused = {
            self.world.activations.by_id(activation_id).user.sourced_id  # type: ignore[union-attr]
            for activation_id in self.unanswered
        }
        differs = [k for k in sorted({*clean, *found}) if clean.get(k) != found.get(k)]
        for k in differs:
            if excused and (k in ("mailed", "links made") or any(f"#{who} " in f"{k} " for who in excused)):
                continue
            if excused and k.startswith(("ACCOUNT#ada", "EMAIL#", "USER#lakeside#t1", "USER#lakeside#t2")):
                continue
            raise Violation(f"{k}: {found.get(k)} instead of {clean.get(k)}")


def _account(account_id: str, email: str, **more: Any) -> dict[str, Any]:
    return {"account_id": account_id, "role": "teacher", "display_name": CANARY, "username": account_id, "email": email,
            "email_verified": True, **more}  # fmt: skip


def _short(body: Any) -> str:
    if isinstance(body, Upload):
        return body.key
    if isinstance(body, dict):
        return f"{body.get('step')} {body['import']['import_id']}" if "import" in body else ""
    return str(body)[:80]
