"""What it costs to look up who holds an address: as much for the n-th who shares it as for anybody (M6, M7, B8)."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from shared.domain.matching import LoginProof, Outcome
from shared.domain.report import Report, Status, Upload
from shared.domain.roster import Role, RosterUser, RosterUserKey
from shared.stores.activation_queue import ActivationQueue
from shared.stores.keys import account_pk, clever_pk, email_pk
from shared.stores.table import Request
from shared.stores.waiting import WaitingStore
from shared.use_cases.match_and_invite import MatchAndInvite
from shared.use_cases.match_counts import WITHHELD_SHOWN, MatchCounts
from tests.builders import account, enrolled, roster, user
from tests.fakes.dynamodb import Effect
from tests.harness import World, zipped

OFFICE = "office@lakeside.example"
OWN = ("lakeside.example",)


@pytest.fixture
def world() -> World:
    made = World()
    made.register()
    return made


def holder(sourced_id: str = "s1", district_id: str = "lakeside", *, address: str = OFFICE) -> RosterUser:
    return RosterUser(district_id, sourced_id, Role.TEACHER, "Kim", "Person", official_email=address)


def hold(world: World, *users: RosterUser) -> None:
    """Note these people as holders, without an import."""
    by_district: dict[str, list[RosterUser]] = {}
    for each in users:
        by_district.setdefault(each.district_id, []).append(each)
    for district_id, people in by_district.items():
        holdings = [(identifier, each.key) for each in people for identifier in world.users.identifiers_of(each)]
        world.users.holders.write(district_id, holdings, is_first=True)


def hold_with_accounts(world: World, *accounts: str, proven: bool = True, address: str = OFFICE) -> None:
    for account_id in accounts:
        world.table.put_item(Item={"PK": email_pk(address), "SK": account_pk(account_id), "proven": proven})


def cost(world: World, person: RosterUser) -> tuple[float, int]:
    """Read units and requests of one look-up."""
    meter = world.table.meter
    units, requests = meter.read_units, sum(meter.requests.values())
    world.identifiers.find_match(person, OWN)
    return meter.read_units - units, sum(meter.requests.values()) - requests


def cost_of_import(people: int, address: str | None, role: str) -> float:
    world = World()
    world.register()
    before = world.table.meter.read_units
    world.upload(roster(*(user(f"p{n}", role, email=address) for n in range(people))))
    return world.table.meter.read_units - before


def test_an_ordinary_person_costs_two_requests_and_two_read_units(world: World) -> None:
    hold(world, holder())
    hold_with_accounts(world, "squatter", proven=False)
    assert cost(world, holder()) == (2, 2)


def test_an_account_that_verified_the_address_costs_one_more_request(world: World) -> None:
    """docs/decisions: only a proof opens an account."""
    hold(world, holder())
    hold_with_accounts(world, "ada")
    assert cost(world, holder()) == (3.5, 3)


def test_everybody_who_shares_an_address_costs_no_more_than_an_ordinary_person(world: World) -> None:
    hold(world, *(holder(f"s{n}") for n in range(2000)))
    assert cost(world, holder("s0")) == (2, 2)
    assert cost(world, holder("s1999")) == (2, 2)


def test_an_address_that_many_districts_share_costs_two_requests(world: World) -> None:
    hold(world, *(holder(district_id=f"d{n}") for n in range(2000)), holder())
    assert cost(world, holder()) == (2, 2)


@pytest.mark.parametrize("role", ["teacher", "student"])
def test_an_import_of_people_who_share_an_address_reads_no_more_than_others(role: str) -> None:
    assert cost_of_import(300, OFFICE, role) == cost_of_import(300, None, role)
    fewer, more = cost_of_import(100, OFFICE, role), cost_of_import(300, OFFICE, role)
    assert more < 3.1 * fewer


def test_a_clever_id_that_many_people_name_is_not_read_with_all_of_them(world: World) -> None:
    people = [RosterUser("lakeside", f"s{n}", Role.STUDENT, "Kim", "P", clever_ids=("cid",)) for n in range(500)]
    hold(world, *people)
    world.table.put_item(Item={"PK": clever_pk("cid"), "SK": account_pk("ada"), "proven": True})
    assert cost(world, people[0]) == (1, 1)
    assert world.identifiers.find_match(people[0], OWN).candidates == ("ada",)


def writes_of_links(world: World, *rows: str) -> tuple[int, int]:
    """Write units and requests of deletions that an import of these people spends on links."""
    meter = world.table.meter
    units, requests = meter.write_units.get("LINK", 0), meter.requests.get("DeleteItem", 0)
    world.upload(roster(*rows))
    # Of the import itself: its progress and its lock.
    return meter.write_units.get("LINK", 0) - units, meter.requests.get("DeleteItem", 0) - requests - 2


def test_a_first_import_deletes_no_link_that_never_was(world: World) -> None:
    """A third of its writes once did (B8)."""
    people = [user(f"p{n}", "teacher" if n % 16 == 0 else "student") for n in range(100)]
    assert writes_of_links(world, *people) == (0, 0)


def test_a_match_that_the_rule_no_longer_finds_is_still_taken_back(world: World) -> None:
    # Given somebody matched by an address, beside others without a match
    world.feed(account("ada", "t1@lakeside.example"))
    world.upload(roster(user("t1", "teacher"), user("s1"), user("s2")))
    # When the address changes
    spent = writes_of_links(world, user("t1", "teacher", email="other@lakeside.example"), user("s1"), user("s2"))
    # Then that match alone is deleted
    assert spent == (1, 1)
    assert world.links.of_user(RosterUserKey("lakeside", "t1")) is None


def test_who_is_looked_at_for_a_match_costs_a_look_up_and_no_more() -> None:
    # Given a district of people without accounts
    world = World()
    world.register()
    meter = world.table.meter
    requests = dict(meter.requests)
    # When they come
    world.upload(roster(*(user(f"s{n}") for n in range(100))))
    # Then each is one query for the address; what is noted of them is looked up a hundred in a request
    assert meter.requests["Query"] - requests.get("Query", 0) <= 100 + 10
    assert meter.requests["GetItem"] - requests.get("GetItem", 0) < 30


def test_a_match_that_a_feed_noted_meanwhile_is_decided_anew_and_stays() -> None:
    # Given an account that comes after somebody was looked at, and before the shard's earlier matches are taken back
    looks = []

    def gate(_service: str, operation: str, request: Request, effect: Effect) -> Request:
        if operation == "BatchGetItem" and "'SK': 'LINK'" in str(request) and "s1" in str(request):
            looks.append(request)
            if len(looks) == 2:
                hold_with_accounts(world, "kim", address="s1@lakeside.example")
                world.links.record_match(RosterUserKey("lakeside", "s1"), "kim")
        return effect()

    world = World(gate=gate)
    world.register()
    # When
    world.upload(roster(user("s1"), user("s2")))
    # Then
    link = world.links.of_user(RosterUserKey("lakeside", "s1"))
    assert link is not None
    assert link.account_id == "kim"


# The rule is the one that reads everything.


@pytest.mark.parametrize("accounts", [0, 1, 2, 7, 8, 9, 30])
@pytest.mark.parametrize("districts_before", [0, 1, 7, 8, 9, 30])
@pytest.mark.parametrize("others", [0, 1, 2, 20])
def test_the_look_up_of_an_address_sees_every_holder_and_whether_it_is_shared(
    world: World, accounts: int, districts_before: int, others: int
) -> None:
    # Given people of districts that sort before and after, and others of this district on both sides of this person
    me = holder("m")
    hold(world, me, *(holder(district_id=f"a{n}") for n in range(districts_before)), holder(district_id="lakeside-2"))
    hold(world, *(holder(f"{'a' if n % 2 else 'z'}{n}") for n in range(others)))
    names = [f"account-{n:02}" for n in range(accounts)]
    hold_with_accounts(world, *names)
    # When
    found = world.identifiers.find_match(me, OWN)
    # Then
    assert found.address_is_shared is (others > 0)
    if others or accounts > 1:
        assert (found.outcome, found.candidates) == (Outcome.AMBIGUOUS, tuple(names))
    else:
        assert found.outcome is (Outcome.MATCHED if accounts else Outcome.UNMATCHED)


def test_a_proven_account_is_found_among_many_that_never_verified_the_address(world: World) -> None:
    hold(world, holder())
    hold_with_accounts(world, *(f"squatter-{n:03}" for n in range(200)), proven=False)
    hold_with_accounts(world, "zz-owner")
    assert world.identifiers.find_match(holder(), OWN).account_id == "zz-owner"


def test_a_preview_goes_by_the_upload_and_not_by_former_holders_of_an_address(world: World) -> None:
    # Given
    world.feed(account("ada", OFFICE))
    world.upload(roster(user("t1", "teacher"), user("old", "teacher", email=OFFICE), user("s1")))
    changed = roster(user("t1", "teacher"), user("new", "teacher", email=OFFICE), user("s1"))
    # When
    preview = world.report(world.put("previews/lakeside/next.zip", zipped(changed)))
    # Then
    assert preview["matching"] == world.upload(changed, name="next")["matching"]


# Who is not mailed.


def matched(world: World, *people: RosterUser) -> MatchCounts:
    """What the match says of people who have just come."""
    hold(world, *people)
    queue = ActivationQueue(world.sqs, "queue").request
    matcher = MatchAndInvite(
        world.identifiers, world.links, world.activations, queue, WaitingStore(world.table),
        clock=world.clock, new_id=world.new_id, at_once=1,
    )  # fmt: skip
    result, _ = matcher.run(world.districts.get("lakeside"), people)
    return result


def test_teachers_who_are_not_mailed_are_listed_by_id_with_the_reason(world: World) -> None:
    without = RosterUser("lakeside", "t0", Role.TEACHER, "Kim", "Person")
    student = RosterUser("lakeside", "s1", Role.STUDENT, "Kim", "Person", official_email=OFFICE)
    result = matched(world, without, holder("t1"), holder("t2"), student, holder("t3", address="t3@lakeside.example"))
    assert result.withheld_people == [
        {"sourced_id": "t0", "code": "teacher_without_email"},
        {"sourced_id": "t1", "code": "shared_address"},
        {"sourced_id": "t2", "code": "shared_address"},
    ]
    assert (result.withheld, result.queued) == (3, 1)


def test_teachers_whose_mail_waits_are_listed_each_time_they_are_looked_at(world: World) -> None:
    world.register(activations_from="2027-01-15")
    listed = [{"sourced_id": "t1", "code": "activation_waits"}]
    assert [matched(world, holder("t1")).withheld_people for _ in range(2)] == [listed, listed]


def test_the_list_is_short_however_many_there_are(world: World) -> None:
    parts = [
        matched(world, *(RosterUser("lakeside", f"{part}-{n}", Role.TEACHER, "", "") for n in range(70)))
        for part in "ab"
    ]
    result = parts[0] + parts[1]
    assert (result.withheld, len(result.withheld_people)) == (140, WITHHELD_SHOWN)
    assert result.withheld_people[:70] == parts[0].withheld_people
    assert MatchCounts(**asdict(result)) == result


def test_a_report_has_the_list_only_where_somebody_is_on_it() -> None:
    report = Report("i", "lakeside", Upload("k", "e", "2026"), Status.COMPLETED, "2026", "2026")
    assert "withheld" not in report.to_json()
    report.withheld = [{"sourced_id": "t0", "code": "teacher_without_email"}]
    assert report.to_json()["withheld"] == report.withheld


def test_an_address_that_an_issuer_verified_finds_its_account(world: World) -> None:
    """M6 (b): a login known by its subject, at a row without an address."""
    world.feed(account("kim", "kim@lakeside.example", display_name="Kim Person"))
    login = LoginProof("google", "g-kim", "kim@lakeside.example")
    row = RosterUser("lakeside", "s1", Role.STUDENT, "Kim", "Person")
    assert world.identifiers.find_match(row, OWN, login=login).account_id == "kim"
    assert world.identifiers.find_match(row, OWN, login=replace(login, verified_email=None)).account_id is None


def test_classes_are_read_for_half_a_unit_each(world: World) -> None:
    world.upload(roster(user("t1", "teacher"), enrollments=enrolled("t1", "teacher")))
    before = world.table.meter.read_units
    assert world.classes.get_many("lakeside", ["c1"])
    assert world.table.meter.read_units - before == 0.5
