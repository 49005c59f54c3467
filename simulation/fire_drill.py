"""``make drill ROSTER=path ACCOUNTS=path``: the fire drill on files alone, with the product in memory and no stack (B14)."""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from operations.drill import packed
from operations.forecast_table import tell
from shared.domain.district import is_anybodys
from shared.domain.email_address import domain_of, normalise
from shared.domain.forecast import forecast
from shared.domain.send_rate import Limits
from tests.harness import World

DISTRICT = "drill"


def main() -> int:
    parser = argparse.ArgumentParser(prog="make drill", description=__doc__)
    parser.add_argument("--roster", type=Path, required=True, help="a zip, or a folder of CSV files")
    parser.add_argument("--accounts", type=Path, required=True, help="lines of the accounts feed; may be empty")
    parser.add_argument("--settings", type=Path, help="district.json; without it the roster's own mail domain is taken")
    parser.add_argument("--rate", type=float, help="mails a second of the mail service's account")
    parser.add_argument("--per-day", type=int, help="mails a day")
    arguments = parser.parse_args()
    roster = packed(arguments.roster)
    settings = json.loads(arguments.settings.read_text("utf-8-sig")) if arguments.settings else assumed(roster)
    world = World(is_metered=False)
    world.now = datetime.now(UTC)
    world.put(f"districts/{DISTRICT}/district.json", json.dumps(settings).encode())
    if world.districts.find(DISTRICT) is None:
        sys.stderr.write("The settings cannot be used: see docs/district-settings.md.\n")
        return 1
    with arguments.accounts.open("rb") as lines:
        world.feed_lines(line.rstrip(b"\n") for line in lines)
    report = world.report(world.put(f"previews/{DISTRICT}/drill.zip", roster))
    found = world.reports.forecast(DISTRICT, report["import_id"])
    if found is None:
        sys.stderr.write(f"The roster is {report['status']}: {report.get('reason', {}).get('message', 'nobody new')}\n")
        return 1
    limits = Limits(arguments.rate or 1.0, arguments.per_day) if arguments.rate or arguments.per_day else None
    district = world.districts.get(DISTRICT)
    tell(forecast(found, district, limits, world.now), district)
    return 0


def assumed(roster: bytes) -> dict[str, Any]:
    """Settings for a district of which there are none: its own domain is the one that most addresses of the roster have."""
    domains = Counter(domain for domain in _domains(roster) if not is_anybodys(domain))
    own = [domain for domain, _ in domains.most_common(1)]
    sys.stderr.write(f"No settings were given: {', '.join(own) or 'no domain'} is taken for the district's own.\n")
    return {"name": "Drill", "email_domains": own, "time_zone": "America/New_York"}


def _domains(roster: bytes) -> Iterator[str]:
    """The domain of each address in any column of any file."""
    with zipfile.ZipFile(io.BytesIO(roster)) as archive:
        for name in archive.namelist():
            if name.endswith(".csv"):
                text = archive.read(name).decode("utf-8-sig", "replace")
                cells = (cell for row in csv.reader(io.StringIO(text)) for cell in row if "@" in cell)
                yield from (domain_of(address) for cell in cells if (address := normalise(cell)))


if __name__ == "__main__":
    sys.exit(main())
