"""What people on call do is written down before it is done: who, when, why (B7). See ``verify-audit`` for the seals of it."""

from __future__ import annotations

import getpass
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import dataclass

from operations.arguments import filled
from operations.stack import Stack
from shared.domain.clock import new_id, to_iso, utc_now
from shared.domain.roster import RosterUserKey
from shared.stores.keys import PLATFORM
from shared.stores.trail import TrailStore

_WHY = "Asked for on the command line"


@dataclass(frozen=True, slots=True)
class Noted:
    """In whose trail a command is noted, and what it is about."""

    district_id: str = PLATFORM
    person: str = ""
    about: str = ""
    erased: Sequence[str] = ()


def add_arguments(parser: ArgumentParser) -> None:
    """Who and why, for the trail; a command may want them itself."""
    wanted = {action.dest for action in parser._actions}
    if "by" not in wanted:
        parser.add_argument(
            "--by", type=filled, metavar="NAME", help="who wants it (default: whose credentials these are)"
        )
    if "reason" not in wanted:
        parser.add_argument("--reason", type=filled, metavar="WHY", help="why; both are written into the trail")


def of_arguments(arguments: Namespace) -> Noted:
    """In the trail of the district that is named, about the person who is; else in the platform's."""
    district_id = getattr(arguments, "district", "") or PLATFORM
    number, kind = getattr(arguments, "person", ""), getattr(arguments, "kind", "")
    person = RosterUserKey(district_id, number, kind).person_id if number else ""
    about = getattr(arguments, "account", "") or getattr(arguments, "secret", "") or ""
    return Noted(district_id, person, about)


def note(stack: Stack, command: str, arguments: Namespace, noted: Noted) -> None:
    """Write the entry. May be run again, as another entry."""
    TrailStore(stack.table()).note(
        noted.district_id,
        to_iso(utc_now()),
        new_id(),
        action=command.replace("-", "_"),
        by=getattr(arguments, "by", None) or who(stack),
        reason=getattr(arguments, "reason", None) or _WHY,
        person=noted.person,
        about=noted.about,
        erased=noted.erased,
    )


def who(stack: Stack) -> str:
    """Whose credentials these are; on the local stack, who is at the machine."""
    if stack.is_local:
        try:
            return f"local:{getpass.getuser()}"
        except (OSError, KeyError):  # a machine that knows no such user
            return "local"
    return str(stack.client("sts").get_caller_identity()["Arn"])
