"""``make doctor``: every check, in the order in which a person would mend what is wrong."""

from __future__ import annotations

import json
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from operations.doctor import funnel, logins, mail, running, sources, trail
from operations.doctor.dns import DnsUnreachable
from operations.doctor.facts import Facts
from operations.doctor.finding import Finding, State, not_applicable, wrong
from operations.doctor.preview import preview
from operations.stack import Stack
from operations.version import version

_MARKS = {State.IN_ORDER: "✓", State.WRONG: "✗", State.NOT_APPLICABLE: "–"}


@dataclass(frozen=True, slots=True)
class Check:
    """``not_local`` says why a check does not apply to the local stack; empty where it does."""

    name: str
    look: Callable[[Facts], Finding]
    not_local: str = ""


_NOT_LOOKED = (ClientError, BotoCoreError, KeyError, ValueError)
_NO_DNS = "the local stack's sender is in no DNS"
CHECKS = (
    Check("stack", running.stack),
    Check("clock", running.clock),
    Check("architecture", running.architecture),
    Check("versions", running.versions),
    Check("concurrency", running.concurrency),
    Check("backups", running.backups, "the local table lives as long as the local stack"),
    Check("pages", running.pages),
    Check("token secret", logins.token_secret),
    Check("hub clients", logins.hub_clients),
    Check("hub returns", logins.hub_returns),
    Check("counts", funnel.counts),
    Check("sources", sources.sources),
    Check("sender", mail.sender),
    Check("dkim", mail.dkim, _NO_DNS),
    Check("mail from", mail.mail_from, _NO_DNS),
    Check("dmarc", mail.dmarc, _NO_DNS),
    Check("sandbox", mail.sandbox),
    Check("send quota", mail.send_quota),
    Check("schedules", running.schedules),
    Check("dead letters", running.dead_letters),
    Check("audit", trail.audit),
    Check("alarms", running.alarms),
    Check("alarm mail", running.alarm_mail, "nobody is on call for a local stack"),
    Check("alarm key", running.alarm_key, "the emulator asks for no key"),
    Check("preview", preview),
)


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON, and nothing else")
    parser.add_argument(
        "--district", metavar="DISTRICT_ID", help="try this district's source, step by step, and nothing else"
    )


def run(stack: Stack, arguments: Namespace) -> int:
    """Print what each check found; return 0 only if all is in order, or does not apply."""
    facts = Facts(stack, sleep=time.sleep, version=version())
    found: dict[str, Finding] = {}
    for name, finding in examine(facts) if not arguments.district else of_source(facts, arguments.district):
        found[name] = finding
        if not arguments.json:
            sys.stdout.write(line(name, finding))
            sys.stdout.flush()
    if arguments.json:
        sys.stdout.write(json.dumps(as_json(stack, found), indent=1, ensure_ascii=False) + "\n")
    return 1 if is_wrong(found) else 0


def examine(facts: Facts, checks: tuple[Check, ...] = CHECKS) -> Iterator[tuple[str, Finding]]:
    """Each check's name, and what it found."""
    for check in checks:
        yield check.name, _looked(check, facts)


def of_source(facts: Facts, district_id: str) -> Iterator[tuple[str, Finding]]:
    """Each step of a fetch of this district, and what it found; the last one is the first that is wrong."""
    try:
        yield from sources.steps(facts, district_id)
    except _NOT_LOOKED as error:
        yield "source", _could_not_look(error)


def line(name: str, finding: Finding) -> str:
    """What a person reads of a check: a line, and what to do below it."""
    todo = f"{'':18}→ {finding.todo}\n" if finding.todo else ""
    return f"{_MARKS[finding.state]} {name:<15} {finding.found}\n{todo}"


def as_json(stack: Stack, found: dict[str, Finding]) -> dict[str, object]:
    checks = [
        {"name": name, "state": finding.state.value, "found": finding.found, "todo": finding.todo}
        for name, finding in found.items()
    ]
    return {
        "stack": stack.name,
        "account": stack.account,
        "region": stack.region,
        "in_order": not is_wrong(found),
        "checks": checks,
    }


def is_wrong(found: dict[str, Finding]) -> bool:
    return any(finding.state is State.WRONG for finding in found.values())


def _looked(check: Check, facts: Facts) -> Finding:
    if check.not_local and facts.stack.is_local:
        return not_applicable(check.not_local)
    try:
        return check.look(facts)
    except DnsUnreachable as error:
        return wrong(f"No name server answered about {error.name}", "Is this machine online? Ask again.")
    except _NOT_LOOKED as error:
        return _could_not_look(error)


def _could_not_look(error: Exception) -> Finding:
    return wrong(
        f"This could not be looked at: {error}",
        "Use credentials that may read the stack, and `make deploy` an older stack.",
    )
