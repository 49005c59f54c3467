"""Register a district, or change its settings: check the file here, put it where the service reads it, await its word."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path

from operations.arguments import filled
from operations.stack import Stack
from shared.domain.district import DISTRICT_ID, District
from shared.domain.district_file import parse_district
from shared.domain.errors import InvalidSettings
from shared.stores.districts import DistrictStore

SECONDS = 60
_PAUSE = 1


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--district", required=True, type=filled, metavar="DISTRICT_ID", help="the district's id")
    parser.add_argument(
        "--file", required=True, type=Path, metavar="district.json", help="its settings (docs/district-settings.md)"
    )


def question(arguments: Namespace) -> str:
    return f"register the district {arguments.district}, or change its settings"


def run(stack: Stack, arguments: Namespace) -> int:
    """Raises InvalidSettings when the settings cannot be used."""
    if not DISTRICT_ID.fullmatch(arguments.district):
        raise InvalidSettings("invalid_district", "A district's id is 1 to 64 of a–z, 0–9 and -.")
    try:
        body = arguments.file.read_bytes()
    except OSError as error:
        raise InvalidSettings("invalid_district", f"{arguments.file} cannot be read: {error.strerror}.") from None
    wanted = parse_district(arguments.district, body)
    before = _refusals(stack, arguments.district)
    stack.s3().put_object(
        Bucket=stack.outputs["RosterBucketName"], Key=f"districts/{arguments.district}/district.json", Body=body
    )
    return _await_word(stack, wanted, before, sleep=time.sleep)


def _await_word(stack: Stack, wanted: District, before: set[str], *, sleep: Callable[[float], None]) -> int:
    """Print what came of it. Return 1 when the service refused the settings, or said nothing in time."""
    districts, district_id = DistrictStore(stack.table()), wanted.district_id
    for _ in range(SECONDS // _PAUSE):
        if districts.find(district_id) == wanted:
            sys.stdout.write(
                f"{district_id} is registered: {wanted.name}. Rosters go to {_roster_place(stack, district_id)}.\n"
            )
            return 0
        if refused := sorted(_refusals(stack, district_id) - before):
            sys.stdout.write(f"Refused: s3://{stack.outputs['ReportBucketName']}/{refused[0]} says why.\n")
            return 1
        sleep(_PAUSE)
    sys.stdout.write(f"Nothing was heard in {SECONDS} s. `make doctor` says whether the stack is in order.\n")
    return 1


def _roster_place(stack: Stack, district_id: str) -> str:
    return f"s3://{stack.outputs['RosterBucketName']}/rosters/{district_id}/"


def _refusals(stack: Stack, district_id: str) -> set[str]:
    """The reports on settings that could not be used."""
    pages = stack.s3().get_paginator("list_objects_v2").paginate(
        Bucket=stack.outputs["ReportBucketName"], Prefix=f"reports/{district_id}/_settings/"
    )  # fmt: skip
    return {found["Key"] for page in pages for found in page.get("Contents", ())}
