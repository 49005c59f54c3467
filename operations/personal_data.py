"""Show, or delete, all that is held about a person: by the account of the platform, or by the roster of a district."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentError, ArgumentParser, Namespace
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass, field
from decimal import Decimal

from operations.arguments import add_roster_user, filled, roster_user_of
from operations.stack import Stack
from operations.trail import Noted, note
from shared.domain.clock import to_iso, utc_now
from shared.domain.roster import RosterUserKey
from shared.domain.trail_seal import EntryKey, Line, key_hash
from shared.stores.accounts import AccountStore
from shared.stores.district_data import kind_of
from shared.stores.import_files import ImportFiles
from shared.stores.keys import PLATFORM, Item, pair, user_of_pk
from shared.stores.personal_data import PersonalData
from shared.stores.receipts import Side, is_side
from shared.stores.seals import SheetStore


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--account", type=filled, metavar="ACCOUNT_ID", help="the platform's account; or else both of:")
    add_roster_user(parser, required=False)


def check(arguments: Namespace) -> None:
    """Raises ArgumentError unless the person is named in exactly one of the two ways."""
    by_roster = bool(arguments.district) + bool(arguments.person)
    if by_roster == 1 or bool(arguments.account) == bool(by_roster):
        raise ArgumentError(None, "name the person by --account, or by --district and --person")


def question(arguments: Namespace) -> str:
    person = f"account {arguments.account}" if arguments.account else f"{arguments.person} of {arguments.district}"
    return f"delete all that is held about {person}, for good"


def run_export(stack: Stack, arguments: Namespace) -> int:
    sys.stdout.write(export(_personal_data(stack), _person(arguments)) + "\n")
    return 0


def run_delete(stack: Stack, arguments: Namespace) -> int:
    """Print what was deleted, by kind and without an id: the evidence. Return 1 where something is left."""
    person = _person(arguments)
    data = _personal_data(stack)
    before = held_by(data, person)
    sheets = SheetStore(stack.table())
    for district_id, goes in entries_that_go(data, person).items():
        said = [*map(key_hash, goes.keys), *sheets.said_of(district_id, goes.names)]
        note(stack, "delete-person", arguments, Noted(district_id, erased=said))
        sheets.erase(district_id, goes.names)
    number = delete(data, person)
    sys.stdout.write(f"{to_iso(utc_now())} {stack}\n{number} items are deleted.\n{_listed(before)}")
    if isinstance(person, RosterUserKey):
        files = ImportFiles(stack.s3(), stack.outputs["SnapshotBucketName"])
        lines = files.forget_person(person.district_id, person.person_id)
        sys.stdout.write(f"{lines} lines of snapshots are deleted.\n")
    left = data.existing(before)
    sys.stdout.write(
        f"This is left, run it again:\n{_listed(left)}" if left else "Looked for again: nothing is left.\n"
    )
    return 1 if left else 0


@dataclass(slots=True)
class EntriesThatGo:
    """The entries of one district's trail that are deleted with a person, and where they may have been before."""

    keys: set[EntryKey] = field(default_factory=set)
    pks: set[str] = field(default_factory=set)

    def names(self, line: Line) -> bool:
        """Whether a line is about one of them, under this number or one before."""
        return line.pk in self.pks and any(line.sk == sk for _, sk in self.keys)


def entries_that_go(data: PersonalData, person: str | RosterUserKey) -> dict[str, EntriesThatGo]:
    """What ``delete`` takes out of trails, by the district; the person's own district is always among them.

    The trail says of it by hashes alone: a note of who was deleted would be about the person again.
    """
    goes: dict[str, EntriesThatGo] = defaultdict(EntriesThatGo)
    if isinstance(person, RosterUserKey):
        keys = data.entries_of_user(person)
        goes[person.district_id].pks |= data.partitions_of(person)
    else:
        accounts, _ = data.person_of_account(person)
        keys = [key for account_id in accounts for key in data.entries_of_account(account_id)]
        goes[PLATFORM].pks |= set()
    for key in keys:
        user = user_of_pk(key["PK"])
        goes[user.district_id].keys.add(pair(key))
        goes[user.district_id].pks |= data.partitions_of(user)
    return goes


def held_by(data: PersonalData, person: str | RosterUserKey) -> list[Item]:
    """Every item that ``delete`` takes away: of the account with those that are joined, or of the roster user."""
    if isinstance(person, RosterUserKey):
        return data.held((), (person,))["items"]
    accounts, _ = data.person_of_account(person)
    return data.held(accounts, ())["items"]


def export(data: PersonalData, person: str | RosterUserKey) -> str:
    """All that is held, as JSON: of an account (by its id) and who is linked to it, or of a roster user and the account."""
    accounts, users = (
        data.person_of_user(person) if isinstance(person, RosterUserKey) else data.person_of_account(person)
    )
    held = data.held(accounts, users)
    held["items"] = [_readable(item) for item in held["items"]]
    return json.dumps(held, indent=1, sort_keys=True, default=_plain, ensure_ascii=False)


def _readable(item: Item) -> Item:
    """An item with its receipt as what it says: points by hashes of skills, and figures of classes."""
    if not (is_side(item) and (before := Side(item).before)):
        return item
    told = asdict(before)
    told["skills"] = [{"hash": hashed, "points": points} for hashed, points in before.points_by_hash]
    return {**item, "receipt": told}


def delete(data: PersonalData, person: str | RosterUserKey) -> int:
    """Delete the account with those that are joined with it, or the roster user; return the number of items deleted."""
    if isinstance(person, RosterUserKey):
        return data.delete_user(person)
    accounts, _ = data.person_of_account(person)
    return sum(data.delete_account(joined) for joined in reversed(accounts))


def _listed(items: list[Item]) -> str:
    kinds = Counter(map(kind_of, items))
    return "".join(f"{number:>9,}  {kind}\n" for kind, number in sorted(kinds.items()))


def _person(arguments: Namespace) -> str | RosterUserKey:
    return arguments.account or roster_user_of(arguments)


def _personal_data(stack: Stack) -> PersonalData:
    pages = stack.functions().get_function_configuration(FunctionName=stack.outputs["PagesFunctionName"])
    table = stack.table()
    return PersonalData(table, AccountStore(table, pages["Environment"]["Variables"]["GOOGLE_ISSUER"]))


def _plain(value: object) -> object:
    """DynamoDB's numbers and sets."""
    return int(value) if isinstance(value, Decimal) else sorted(value) if isinstance(value, set) else str(value)
