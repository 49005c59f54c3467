"""docs/permissions.md: what each role may do, and which test shows that it has to.

python -m tests.iam.page
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.account import ACCOUNT, REGION, STACK
from tests.iam.deployed import stack
from tests.iam.proof import UNUSED, platform_uses, recorded, used_grants

PAGE = Path(__file__).parents[2] / "docs" / "permissions.md"
_HEAD = """\
# Permissions

Every function has a role of its own in `template.yaml`. This page lists what the roles of the transformed template allow, and
for each permission a test in which the function uses it, or which part of AWS does in its name. `make permissions` writes it.

- Nothing is missing: while any test runs, the services in memory and moto refuse what the role of the function under test
  does not allow, in the words of AWS (`tests/iam/guard.py`). S3 says 403 instead of 404 where the role may not list the bucket.
- Nothing is unused: a permission without a use or a reason fails `tests/unit/system/test_permissions.py`, and a run of all
  tests fails where none of them uses it any more.
- `tests/iam/policy.py` decides as IAM does. A policy that says more than it knows is refused, not guessed.

"Keys" are the first part of the table's keys (`dynamodb:LeadingKeys`), or the sender of a mail.
"""


def text() -> str:
    """The whole page."""
    return _HEAD + "".join(f"\n## {role.removesuffix('Role')}\n\n{_table(role)}" for role in sorted(stack().roles))


def _table(role: str) -> str:
    rows = "".join(f"| {' | '.join(row)} |\n" for row in _rows(role))
    return f"| permission | on | keys | used by |\n|---|---|---|---|\n{rows}"


def _rows(role: str) -> Iterator[tuple[str, str, str, str]]:
    by_row: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for grant, use in used_grants([*recorded(), *platform_uses()]).items():
        if grant.role == role:
            by_row[grant.action, _short(grant.resource), _shown(use.test)].append(grant.pattern)
    for grant, reason in UNUSED.items():
        if grant.role == role:
            by_row[grant.action, _short(grant.resource), f"not seen in a test: {reason}"].append(grant.pattern)
    for (action, resource, used_by), patterns in sorted(by_row.items()):
        keys = ", ".join(f"`{pattern}`" for pattern in sorted(filter(None, patterns)))
        yield f"`{action}`", f"`{resource}`", keys, used_by


def _shown(test: str) -> str:
    if test.startswith("("):
        return f"AWS {test}"
    path, _, name = test.partition("::")
    return f"{path.rpartition('/')[2]}: {name.removeprefix('test_').replace('_', ' ')}"


def _short(resource: str) -> str:
    if resource == "*":
        return resource
    name = resource.split(":", 5)[5].removeprefix(f"{STACK}-").replace(f"-{ACCOUNT}-{REGION}", "")
    return f"{resource.split(':')[2]} {name.rpartition('table/')[2] if ':dynamodb:' in resource else name}"


if __name__ == "__main__":
    PAGE.write_text(text())
