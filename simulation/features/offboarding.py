"""The end of a district's contract: cut at any call and done again, everything of the district is gone, and accounts are kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from shared.domain.account import Account
from shared.domain.link import Proof
from shared.domain.roster import RosterUserKey
from shared.stores.account_batches import AccountBatches, AccountChange
from shared.stores.district_data import DistrictData, is_of
from shared.stores.district_files import REPORTS, SNAPSHOTS, UPLOADS, DistrictFiles
from shared.stores.links import Consent
from shared.use_cases.offboard_district import OffboardDistrict
from simulation.features.rosters import person, roster
from simulation.simulator import DAY, Feature, Simulation, Worker
from tests.harness import GOOGLE, World

_DISTRICT = "creekside"
_PLACES = {"rosters": UPLOADS, "reports": REPORTS, "snapshots": SNAPSHOTS}


def prepare(world: World) -> None:
    """Creekside, whose teacher is linked and whose student is not."""
    world.register(_DISTRICT, email_domains=["creekside.example"], clever_district_id="clever-creekside")
    rows = [person(who, email=f"{who}@creekside.example") for who in ("t1", "s1")]
    world.put(f"rosters/{_DISTRICT}/r.zip", roster(rows, enrolled="t1 s1"))
    AccountBatches(world.table, GOOGLE).write([AccountChange(Account("cara", "teacher", "Cara", "cara"))])
    consent = Consent(RosterUserKey(_DISTRICT, "t1"), "cara", Proof.DISTRICT_LOGIN_GOOGLE, nudge_at=world.now)
    world.links.make(consent, event_id=world.new_id(), now=world.now)


def _scenario(sim: Simulation) -> None:
    sim.send("offboards", _DISTRICT, after=6.1 * DAY)


def _offboards(sim: Simulation, district_id: str) -> None:
    world = sim.world
    OffboardDistrict(
        DistrictData(world.table),
        DistrictFiles(world.s3, _PLACES),
        world.districts,
        world.links,
        export_bucket="exports",
        clock=world.clock,
        new_id=world.new_id,
        at_once=1,
    ).run(district_id)


def _safety(sim: Simulation) -> Iterator[str]:
    if ("ACCOUNT#cara", "ACCOUNT") not in sim.world.table.items:
        yield "an account went with its district"


def _at_rest(sim: Simulation) -> dict[str, Any]:
    left = sorted(at for at, item in sim.world.table.items.items() if is_of(item, _DISTRICT))
    files = sorted(key for _, key in sim.world.s3.objects if f"/{_DISTRICT}/" in key)
    return {"creekside's items": left, "creekside's files": files}


OFFBOARDING = Feature(
    "offboarding",
    workers={"offboards": Worker(_offboards, 12, 60, is_parked=False)},
    scenario=_scenario,
    safety=_safety,
    at_rest=_at_rest,
)
