"""The trail is sealed by the hour, whatever comes late, twice or breaks off, and what was done to it is found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from shared.domain.clock import to_iso
from shared.domain.trail_check import Kind, Verdict, verify
from shared.domain.trail_seal import Head, Line, digest_of
from shared.stores.district_data import DistrictData, is_of
from shared.stores.keys import PLATFORM, is_entry, pair
from shared.stores.restored_table import RestoredTable
from shared.stores.seals import SealFiles, SheetStore
from shared.stores.trail import OFFBOARD, TrailStore
from shared.stores.trail_evidence import TrailEvidence
from shared.use_cases.seal_trail import SealTrail, Written
from tests.builders import account, key, roster, user
from tests.fakes.dynamodb import Effect, MemoryTable
from tests.harness import World
from tests.two_accounts import link, undo


class Died(BaseException):
    """A worker is gone in the middle of its work."""


class Sealed:
    """A world whose trail is sealed: what the table takes comes by the stream when a test says so."""

    def __init__(self) -> None:
        self.dies_at = -1
        self.world = World(gate=self._gate)
        self.trail = TrailStore(self.world.table)
        self.seals = SealFiles(self.world.s3, "snapshots")
        self._told: dict[tuple[str, str], str] = {}

    def _gate(self, _service: str, _operation: str, _request: dict[str, Any], effect: Effect) -> dict[str, Any]:
        self.dies_at -= 1
        if self.dies_at == 1:
            raise Died
        done = effect()
        if self.dies_at == 0:
            raise Died
        return done

    def worker(self) -> SealTrail:
        return SealTrail(SheetStore(self.world.table), self.seals, self.world.clock)

    def written(self) -> list[Written]:
        """What the stream has of entries since the last time."""
        now = to_iso(self.world.now)
        entries = {each: item for each, item in self.world.table.items.items() if is_entry(*each)}
        new = [Written(dict(item), now) for each, item in entries.items() if self._told.get(each) != digest_of(item)]
        self._told = {each: digest_of(item) for each, item in entries.items()}
        return new

    def hour(self) -> None:
        """An hour in which everything is collected and sealed."""
        self.worker().collect(self.written())
        self.world.pass_time(hours=1, minutes=25)
        self.worker().seal()

    def note(self, action: str, district: str = "lakeside") -> None:
        self.trail.note(district, to_iso(self.world.now), self.world.new_id(), action=action, by="kim", reason="asked")

    def fact(self, number: str) -> None:
        """An entry beside a person."""
        at = to_iso(self.world.now)
        entry = {"PK": f"USER#lakeside#{number}", "SK": f"AUDIT#{at}#1", "fact": "linked", "actor": "person"}
        self.world.table.put_item(Item={**entry, "account_id": number, "ttl": 2_000_000_000})

    @property
    def items(self) -> dict[tuple[str, str], Any]:
        return self.world.table.items

    def entry(self) -> tuple[str, str]:
        return min(each for each in self.items if is_entry(*each))

    def put_beside(self, item: dict[str, Any]) -> None:
        """Past the stream, a bit later than it was."""
        moved = {**item, "SK": item["SK"] + "x"}
        self.items[pair(moved)] = moved

    def sheet(self) -> tuple[str, str]:
        return min(each for each in self.items if each[0].startswith("SEALED#"))

    def sheets(self) -> SheetStore:
        return SheetStore(self.world.table)

    def until_done(self, work: Callable[[], object]) -> int:
        """The work, again where its worker died. Return how often it did."""
        for died in range(9):
            try:
                work()
            except Died:
                continue
            return died
        raise AssertionError("It never ends.")

    def kinds(self, district: str = "lakeside") -> list[Kind]:
        return [each.kind for each in self.verdict(district).findings]

    def verdict(self, district: str = "lakeside") -> Verdict:
        trails = TrailEvidence(self.world.table, self.seals).read()
        return verify(trails[district], self.world.now)


@pytest.fixture
def sealed() -> Sealed:
    return Sealed()


def test_entries_of_both_kinds_are_sealed_by_the_hour(sealed: Sealed) -> None:
    sealed.note("approve")
    sealed.fact("t1")
    sealed.hour()
    sealed.note("mail")
    sealed.hour()
    verdict = sealed.verdict()
    assert (verdict.findings, verdict.counts) == ([], {"sealed": 3})
    assert [(seal.number, len(seal.sheets)) for seal in sealed.seals.all("lakeside")] == [(1, 1), (2, 1)]
    assert sealed.sheets().head("lakeside") == sealed.seals.all("lakeside")[-1].head


def test_an_hour_without_entries_has_no_seal(sealed: Sealed) -> None:
    sealed.note("approve")
    for _ in range(3):
        sealed.hour()
    assert (len(sealed.seals.all("lakeside")), sealed.worker().seal()) == (1, {"districts": 0, "seals": 0, "sheets": 0})


def test_each_district_has_seals_of_its_own(sealed: Sealed) -> None:
    sealed.note("approve")
    sealed.note("reject", "hilltop")
    sealed.hour()
    assert sealed.seals.districts() == {"lakeside", "hilltop"}
    assert not sealed.kinds("lakeside") + sealed.kinds("hilltop")


TAMPERED: dict[Kind, Callable[[Sealed], object]] = {
    Kind.REMOVED: lambda s: s.items.pop(s.entry()),
    Kind.CHANGED: lambda s: s.items[s.entry()].update(by="somebody else"),
    Kind.ADDED: lambda s: s.put_beside({**s.items[s.entry()], "by": "x"}),
    Kind.MOVED: lambda s: s.put_beside(s.items.pop(s.entry())),
    Kind.SHEET_REMOVED: lambda s: s.items.pop(s.sheet()),
    Kind.SHEET_CHANGED: lambda s: s.items[s.sheet()].update(lines="[]"),
    Kind.SEAL_REMOVED: lambda s: s.world.s3.objects.pop(("snapshots", "trail-seals/lakeside/00000001.json")),
    Kind.SEAL_CHANGED: lambda s: s.world.s3.objects.update(
        {("snapshots", "trail-seals/lakeside/00000002.json"): b"{}"}
    ),
    Kind.CUT: lambda s: s.world.s3.objects.pop(("snapshots", "trail-seals/lakeside/00000003.json")),
}


@pytest.mark.parametrize("kind", TAMPERED)
def test_what_was_done_to_a_trail_is_found_and_still_after_the_next_seal(sealed: Sealed, kind: Kind) -> None:
    for _ in range(3):
        sealed.note("approve")
        sealed.hour()
    TAMPERED[kind](sealed)
    assert kind in sealed.kinds()
    sealed.world.pass_time(hours=5)
    sealed.note("approve")
    sealed.worker().collect(sealed.written()[-1:])
    sealed.world.pass_time(hours=2)
    sealed.worker().seal()
    assert sealed.kinds()


def test_batches_that_come_again_late_or_in_halves_change_nothing(sealed: Sealed) -> None:
    for n in range(6):
        sealed.note(f"approve {n}")
    batch = sealed.written()
    sealed.worker().collect(batch[:3])
    sealed.worker().collect(batch)
    sealed.world.pass_time(hours=2)
    sealed.worker().seal()
    sealed.worker().collect(batch)
    sealed.worker().collect(batch[4:])
    sealed.world.pass_time(hours=2)
    sealed.worker().seal()
    verdict = sealed.verdict()
    assert (verdict.findings, verdict.counts) == ([], {"sealed": 6})


def test_two_workers_that_seal_at_once_make_one_chain(sealed: Sealed) -> None:
    sealed.note("approve")
    sealed.hour()
    sealed.note("reject")
    sealed.worker().collect(sealed.written())
    sealed.world.pass_time(hours=2)
    # One of them read what there is before the other one sealed.
    late = sealed.worker()
    newest = late._newest

    def meanwhile(district_id: str) -> Any:
        found = newest(district_id)
        late._newest = newest  # type: ignore[method-assign]
        sealed.worker().seal()
        return found

    late._newest = meanwhile  # type: ignore[method-assign]
    late.seal()
    assert ([seal.number for seal in sealed.seals.all("lakeside")], sealed.kinds()) == ([1, 2], [])


@pytest.mark.deep
def test_a_worker_that_dies_at_any_call_breaks_no_chain() -> None:
    died = 0
    for n in range(2, 60):
        sealed = Sealed()
        sealed.note("approve")
        sealed.hour()
        sealed.note("reject")
        sealed.fact("t1")
        batch = sealed.written()
        sealed.dies_at = n
        died += sealed.until_done(lambda s=sealed, b=batch: s.worker().collect(b))
        sealed.world.pass_time(hours=2)
        died += sealed.until_done(lambda s=sealed: s.worker().seal())
        is_over = sealed.dies_at > 1
        sealed.dies_at = -1
        verdict = sealed.verdict()
        assert (verdict.findings, verdict.counts["sealed"]) == ([], 3), n
        if is_over:
            break
    assert (died > 10, is_over) == (True, True)


def test_a_link_costs_one_more_write_unit_and_a_district_one_an_hour(sealed: Sealed) -> None:
    worker = sealed.worker()
    for n in range(10):
        sealed.fact(f"t{n}")
    batch = sealed.written()
    meter = sealed.world.table.meter
    before = sum(meter.write_units.values())
    for each in batch:
        worker.collect([each])
    assert sum(meter.write_units.values()) - before == len(batch) + 1
    # Together they cost less.
    worker.collect(batch)
    assert sum(meter.write_units.values()) - before == len(batch) + 1 + 2


def test_a_person_who_is_erased_leaves_hashes(sealed: Sealed) -> None:
    sealed.fact("t1")
    sealed.fact("t2")
    sealed.hour()

    def is_gone(line: Line) -> bool:
        return line.pk == "USER#lakeside#t1"

    said = sealed.sheets().said_of("lakeside", is_gone)
    sealed.trail.note(
        "lakeside", to_iso(sealed.world.now), "e", action="delete_person", by="kim", reason="asked", erased=said
    )
    assert sealed.sheets().erase("lakeside", is_gone) == 1
    del sealed.items[next(each for each in sealed.items if each[0] == "USER#lakeside#t1")]
    sealed.hour()
    verdict = sealed.verdict()
    assert (verdict.findings, verdict.counts) == ([], {"sealed": 2, "erased": 1})
    assert not any("#t1" in str(item) for item in sealed.items.values())


def test_a_tampered_number_in_the_table_ends_no_sealing(sealed: Sealed) -> None:
    sealed.note("approve")
    sealed.hour()
    sealed.sheets().note_head("lakeside", Head(7, "f" * 64), "2026-09-01T15")
    sealed.note("reject")
    sealed.hour()
    assert [seal.number for seal in sealed.seals.all("lakeside")] == [1, 8]
    assert sealed.kinds() == [Kind.SEAL_REMOVED]


def test_a_table_that_was_restored_gets_its_trail_back(sealed: Sealed) -> None:
    sealed.note("approve")
    sealed.hour()
    then = MemoryTable()
    then.take_over(sealed.world.table)
    sealed.fact("t1")
    sealed.hour()
    sealed.note("reject")
    sealed.worker().collect(sealed.written())
    restored = TrailEvidence(then, sealed.seals)
    assert not verify(restored.read()["lakeside"], sealed.world.now).holds
    RestoredTable(sealed.world.table, then).carry_over()
    verdict = verify(restored.read()["lakeside"], sealed.world.now)
    assert (verdict.findings, verdict.counts) == ([], {"sealed": 2, "not yet sealed": 1})


def test_a_district_that_left_takes_its_trail_along(sealed: Sealed) -> None:
    world = sealed.world
    sealed.note("approve")
    sealed.hour()
    sealed.trail.note(PLATFORM, to_iso(world.now), "o", action=OFFBOARD, by="kim", reason="ended", about="lakeside")
    gone = [item for item in world.table.items.values() if is_of(item, "lakeside")]
    assert DistrictData(world.table).delete(gone) == 3
    sealed.hour()
    assert not sealed.kinds("lakeside") + sealed.kinds(PLATFORM)
    sealed.note("settings")
    sealed.hour()
    assert (sealed.kinds(), [seal.number for seal in sealed.seals.all("lakeside")]) == ([], [1, 2])


def test_an_import_writes_no_entry_and_so_nothing_to_seal(sealed: Sealed) -> None:
    world = sealed.world
    world.register()
    world.feed(account("own", "t1@lakeside.example"))
    assert world.upload(roster(user("t1", "teacher"), user("t2", "teacher"), user("s1")))["matching"]["matched"] == 1
    assert sealed.written() == []


def test_entries_that_follow_people_to_new_numbers_are_never_accused(sealed: Sealed) -> None:
    """Numbers change, change places, and come to somebody else; links are undone and made again meanwhile."""
    world = sealed.world
    world.register()
    world.feed(*(account(f"own{n}", f"own{n}@mail.example") for n in (1, 2, 3)))
    ids = "kind,oldSourcedId,newSourcedId\n"

    def upload(numbers: dict[str, str], id_map: str = "", *, name: str) -> dict[str, Any]:
        people = [
            user(numbers[who], "teacher", email=f"{who}@lakeside.example", given=who.title())
            for who in ("ann", "bob", "cay")
        ]
        more = {"id_map.csv": ids + id_map} if id_map else {}
        return world.upload({**roster(*people), **more}, name=name)

    upload({"ann": "1", "bob": "2", "cay": "3"}, name="first")
    for n in (1, 2, 3):
        link(world, f"own{n}", key(str(n)))
    sealed.hour()
    # To other numbers, then two of them change places
    upload({"ann": "11", "bob": "12", "cay": "3"}, "teacher,1,11\nteacher,2,12\n", name="second")
    undo(world, key("12"))
    sealed.hour()
    moved = upload({"ann": "12", "bob": "11", "cay": "3"}, "teacher,11,12\nteacher,12,11\n", name="third")
    assert (moved["status"], moved["id_changes"]) == ("completed", 2)
    sealed.hour()
    # And back to the first one
    upload({"ann": "1", "bob": "11", "cay": "3"}, "teacher,12,1\n", name="fourth")
    link(world, "own2", key("11"))
    sealed.hour()
    verdict = sealed.verdict()
    assert (verdict.findings, verdict.counts["followed"] > 3) == ([], True)
    # What is taken away now is missed all the same
    gone = next(each for each in sealed.items if each[0] == "USER#lakeside#1" and each[1].startswith("AUDIT#"))
    del sealed.items[gone]
    assert sealed.kinds()
