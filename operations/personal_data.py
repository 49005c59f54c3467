"""Shows, or deletes, all that is held about one person: by the account of the platform, or by the roster of a district."""

from __future__ import annotations

import json
import sys
from decimal import Decimal

from operations.stack import deployed
from shared.domain.roster import RosterUserKey
from shared.stores.accounts import AccountStore
from shared.stores.personal_data import PersonalData

USAGE = """make export-person ACCOUNT={account id}
  make export-person DISTRICT=riverbend PERSON={sourcedId}
  make delete-person ACCOUNT={account id}
  make delete-person DISTRICT=riverbend PERSON={sourcedId}"""


def export(data: PersonalData, account_id: str, user: RosterUserKey | None) -> str:
    """All that is held, as JSON: of an account and who is linked to it, or of a roster user and the account."""
    accounts, users = data.person_of_user(user) if user else data.person_of_account(account_id)
    held = data.held(accounts, users)
    return json.dumps(held, indent=1, sort_keys=True, default=_plain, ensure_ascii=False)


def delete(data: PersonalData, account_id: str, user: RosterUserKey | None) -> int:
    """The account with those that are joined with it, or the roster user; answers how many items are gone."""
    if user:
        return data.delete_user(user)
    accounts, _ = data.person_of_account(account_id)
    return sum(data.delete_account(one) for one in reversed(accounts))


def _plain(value: object) -> object:
    """DynamoDB's numbers and sets."""
    return int(value) if isinstance(value, Decimal) else sorted(value) if isinstance(value, set) else str(value)


def main(arguments: list[str]) -> int:
    what, account_id, district_id, sourced_id = (*arguments, *[""] * 4)[:4]
    user = RosterUserKey(district_id, sourced_id) if district_id and sourced_id else None
    if what not in ("export", "delete") or bool(account_id) == bool(user):
        sys.stderr.write(f"Say whom, by the account or by the roster:\n  {USAGE}\n")
        return 1
    stack = deployed()
    pages = stack.client("lambda").get_function_configuration(FunctionName=stack.outputs["PagesFunctionName"])
    table = stack.table()
    data = PersonalData(table, AccountStore(table, pages["Environment"]["Variables"]["GOOGLE_ISSUER"]))
    if what == "export":
        sys.stdout.write(export(data, account_id, user) + "\n")
    else:
        sys.stdout.write(f"{delete(data, account_id, user)} items are gone.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
