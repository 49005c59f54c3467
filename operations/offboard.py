"""The end of a district's contract (docs/personal-data.md): shown first, and done when a person says so."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from collections import Counter

from operations import data_manager_role, sftp_user
from operations.arguments import filled
from operations.stack import Stack
from shared.domain.clock import new_id, utc_now
from shared.domain.district import DISTRICT_ID
from shared.domain.errors import InvalidSettings
from shared.stores.district_data import DistrictData
from shared.stores.district_files import REPORTS, SNAPSHOTS, UPLOADS, DistrictFiles
from shared.stores.districts import DistrictStore
from shared.stores.links import LinkStore
from shared.use_cases.offboard_district import ENDED, OffboardDistrict

_SECRETS = "secrets of its sources"
_ROLE = "role of its data managers"
_SFTP_USER = "user of SFTP"


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--district", required=True, type=filled, metavar="DISTRICT_ID", help="the district's id")
    parser.add_argument("--preview", action="store_true", help="show what would go, and change nothing")
    parser.add_argument("--json", action="store_true", help="print JSON, and nothing else")


def question(arguments: Namespace) -> str:
    return f"end all links of {arguments.district} and delete all of its data, for good"


def show(stack: Stack, arguments: Namespace) -> bool:
    """Print what would go. Return whether to go on. Raises InvalidSettings for an id that no district has."""
    if not DISTRICT_ID.fullmatch(arguments.district):
        raise InvalidSettings("invalid_district", "A district's id is 1 to 64 of a–z, 0–9 and -.")
    found = offboarding(stack).preview(arguments.district)
    found[_SECRETS] = len(_secrets(stack, arguments.district))
    _tell(arguments, "would_go", +found)
    return not arguments.preview


def run(stack: Stack, arguments: Namespace) -> int:
    """Do it, and print what went. Return 1 where something is left. Raises RefusedTransition."""
    gone = offboarding(stack).run(arguments.district)
    for name in _secrets(stack, arguments.district):
        stack.client("secretsmanager").delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
        gone[_SECRETS] += 1
    gone[_ROLE] = int(data_manager_role.remove(stack, arguments.district))
    gone[_SFTP_USER] = int(sftp_user.remove(stack, arguments.district))
    _tell(arguments, "went", +gone)
    left = offboarding(stack).preview(arguments.district)
    if left:
        _tell(arguments, "left", left)
        sys.stderr.write("Something came meanwhile. Run this again.\n")
    return 1 if left else 0


def offboarding(stack: Stack) -> OffboardDistrict:
    table, outputs = stack.table(), stack.outputs
    uploads = outputs["RosterBucketName"]
    places = {
        uploads: UPLOADS,
        outputs["ReportBucketName"]: REPORTS,
        outputs["SnapshotBucketName"]: SNAPSHOTS,
    }
    return OffboardDistrict(
        DistrictData(table),
        DistrictFiles(stack.s3(), places),
        DistrictStore(table),
        LinkStore(table),
        export_bucket=_export_bucket(stack),
        clock=utc_now,
        new_id=new_id,
    )


def _export_bucket(stack: Stack) -> str:
    pages = stack.functions().get_function_configuration(FunctionName=stack.outputs["PagesFunctionName"])
    return str(pages["Environment"]["Variables"]["EXPORT_BUCKET"])


def _secrets(stack: Stack, district_id: str) -> list[str]:
    prefix = f"{stack.deployed_name}/sources/{district_id}/"
    pages = stack.client("secretsmanager").get_paginator("list_secrets").paginate(
        Filters=[{"Key": "name", "Values": [prefix]}]
    )  # fmt: skip
    return [found["Name"] for page in pages for found in page["SecretList"] if found["Name"].startswith(prefix)]


def _tell(arguments: Namespace, what: str, found: Counter[str]) -> None:
    if arguments.json:
        sys.stdout.write(json.dumps({"district_id": arguments.district, what: dict(sorted(found.items()))}) + "\n")
        return
    headings = {"would_go": "This would go:", "went": "This went:", "left": "This is left:"}
    sys.stdout.write(f"{headings[what]}\n")
    for name, number in sorted(found.items()):
        sys.stdout.write(f"{number:>9,}  {name}\n")
    if not found:
        sys.stdout.write("        0  nothing\n")
    if what == "went" and found[ENDED]:
        sys.stdout.write("People keep their accounts, progress and grassroots classes.\n")
