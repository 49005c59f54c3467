"""Each quirk of sources, and many at once: the true roster is applied, or nothing and words. Nobody is removed by any (B10)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.doubles.classlink_rosters import ClassLinkRosters
from local.doubles.clever_rosters import CleverRosters
from local.doubles.oneroster import OneRoster
from local.doubles.roster_server import Quirks, WithinProcess
from shared.hubs.clever_rosters import CleverApi
from shared.hubs.oneroster_api import OneRosterApi
from tests import tree
from tests.builders import enrolled, roster, user
from tests.depth import depth
from tests.fetching import CLASSLINK, CLEVER, OAUTH1, ONEROSTER, TENANT, FetchWorld, with_double

PEOPLE = [f"s{n:02}" for n in range(23)]
PAGE = 5


def as_bytes(files: Mapping[str, str | bytes]) -> dict[str, bytes]:
    return {name: body.encode() if isinstance(body, str) else body for name, body in files.items()}


def one_roster(extra: int = 0) -> dict[str, bytes]:
    people = [*PEOPLE, *(f"x{n}" for n in range(extra))]
    rows = [user("t1", "teacher"), user("t2", "teacher"), *(user(each) for each in people)]
    places = enrolled("t1", "teacher") + "".join(map(enrolled, people))
    return as_bytes(roster(*rows, enrollments=places))


def clever() -> dict[str, bytes]:
    students = "".join(f"h1,{each},Person,Kim,{each}@lakeside.example\n" for each in PEOPLE)
    return as_bytes(
        {
            "schools.csv": "School_id,School_name,School_number\nh1,Lakeside Middle,1\n",
            "students.csv": f"School_id,Student_id,Last_name,First_name,Student_email\n{students}",
            "teachers.csv": "School_id,Teacher_id,Last_name,First_name,Teacher_email\nh1,t1,Person,Ada,t1@lakeside.example\n",
            "sections.csv": "School_id,Section_id,Teacher_id,Name,Term_name\nh1,c1,t1,Algebra,Y1\n",
            "enrollments.csv": "School_id,Section_id,Student_id\n" + "".join(f"h1,c1,{each}\n" for each in PEOPLE),
        }
    )


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """The district is small, and has several pages all the same."""
    for api in (OneRosterApi, CleverApi):
        monkeypatch.setattr(api, "page_size", PAGE)
    monkeypatch.setattr("shared.hubs.classlink_rosters.ClassLinkApi.page_size", PAGE)


def people(world: FetchWorld) -> dict[str, tuple[Any, ...]]:
    """Who stands, with names, address and classes."""
    return {
        pk: (
            item["given_name"],
            item.get("email"),
            tuple(item.get("attends") or ()),
            item.get("enabled"),
            item["active"],
        )
        for (pk, sk), item in world.table.items.items()
        if sk == "ROSTER"
    }


def source_of(files: Mapping[str, bytes], kind: str, quirks: Quirks) -> tuple[Any, Mapping[str, Any]]:
    match kind:
        case "classlink":
            return ClassLinkRosters(OneRoster(files, quirks=quirks, auth="bearer", clamp=PAGE), TENANT), CLASSLINK
        case "oauth1":
            return OneRoster(files, quirks=quirks, auth="oauth1"), {**ONEROSTER, "auth": OAUTH1}
    return OneRoster(files, quirks=quirks, clamp=PAGE - 2 if 5 in quirks else 10_000), ONEROSTER


def fetched(kind: str, quirks: Quirks) -> tuple[FetchWorld, dict[str, Any]]:
    """A district that stood before, fetched from a source with these quirks."""
    double, source = source_of(one_roster(), kind, quirks)
    world = with_double(double, source)
    world.upload(one_roster())
    if isinstance(double, OneRoster):
        double.clock = world.clock
    return world, world.fetch()


TRUE: dict[str, dict[str, tuple[Any, ...]]] = {}


def true_people(world: FetchWorld) -> dict[str, tuple[Any, ...]]:
    if not TRUE:
        double, source = source_of(one_roster(), "oneroster", Quirks())
        other = with_double(double, source)
        other.fetch()
        TRUE["all"] = people(other)
    return TRUE["all"]


GOES_ON = (4, 5, 6, 8, 9, 10, 11, 13, 15, 16, 18, 20, 21, 22, 23, 24, 26, 28, 29, 33, 34, 35, 36, 37)
"""Quirks with which the true roster comes."""
FAILS = {
    1: "fetch_no_envelope", 2: "fetch_no_envelope", 3: "fetch_no_envelope", 7: "fetch_page_missing",
    14: "fetch_login_refused", 19: "fetch_no_envelope",
}  # fmt: skip


VARIED = (12, 15, 34, 35)
"""Quirks whose kind is drawn by the seed."""


@pytest.mark.parametrize(
    ("number", "seed"), [(n, seed) for n in GOES_ON for seed in ((0, 1, 2) if n in VARIED else (0,))]
)
def test_a_quirk_that_costs_patience_costs_nobody_anything(number: int, seed: int) -> None:
    world, report = fetched("oneroster", Quirks(frozenset({number}), at=3, seed=seed))

    assert report["status"] in ("completed", "unchanged"), report["reason"]
    assert report["users"]["removed"] == report["enrollments"]["removed"] == 0
    assert people(world) == true_people(world)
    kept = b"".join(world.s3.objects.values())
    assert b"canary" not in kept


@pytest.mark.parametrize(("number", "code"), FAILS.items())
def test_a_quirk_that_hides_rows_applies_nothing_and_says_so(number: int, code: str) -> None:
    world, report = fetched("oneroster", Quirks(frozenset({number}), at=3))

    assert (report["status"], report["reason"]["code"]) == ("failed", code)
    assert all(report[kind] == dict.fromkeys(report[kind], 0) for kind in ("users", "classes", "enrollments"))
    assert people(world) == true_people(world)
    assert not [key for bucket, key in world.s3.objects if bucket == "rosters" and "fetched-" in key]


@pytest.mark.parametrize(("seed", "status"), [(0, "unchanged"), (1, "unchanged"), (2, "unchanged"), (3, "failed")])
def test_a_next_link_may_be_relative_or_http_and_never_of_another_host(seed: int, status: str) -> None:
    world, report = fetched("oneroster", Quirks(frozenset({12}), seed=seed))

    assert report["status"] in ({"completed", "unchanged"} if status == "unchanged" else {"failed"})
    assert status == "unchanged" or report["reason"]["code"] == "fetch_foreign_address"
    assert people(world) == true_people(world)
    assert not [each for each in world.within.asked if "elsewhere" in each.address]


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("offset", [0, -400, 400])
def test_signed_requests_are_taken_with_either_hash_and_a_clock_that_is_off(seed: int, offset: int) -> None:
    """44: more than five minutes off is refused; the source's own clock says by how much."""
    double, source = source_of(one_roster(), "oauth1", Quirks(seed=seed))
    world = with_double(double, source)
    from datetime import timedelta

    double.clock = lambda: world.clock() + timedelta(seconds=offset)

    assert world.fetch()["status"] == "completed"
    assert people(world) == true_people(world)


@pytest.mark.parametrize("number", [13, 43, 11])
def test_classlinks_bearer_list_and_revision_may_change(number: int) -> None:
    world, report = fetched("classlink", Quirks(frozenset({number}), at=2))
    assert report["status"] in ("completed", "unchanged"), report["reason"]
    assert people(world) == true_people(world)


def test_a_district_that_is_switched_off_at_classlink_keeps_its_people() -> None:
    world, report = fetched("classlink", Quirks(frozenset({14}), at=2))
    assert (report["status"], report["reason"]["code"]) == ("failed", "fetch_switched_off")
    assert people(world) == true_people(world)


@pytest.mark.parametrize("number", [15, 16, 38, 39, 41])
def test_clevers_quirks_change_nobody(number: int) -> None:
    world = with_double(CleverRosters(clever(), TENANT), CLEVER)
    assert world.fetch()["status"] == "completed"
    before = people(world)

    world.web = WithinProcess(CleverRosters(clever(), TENANT, Quirks(frozenset({number}), at=2)))
    report = world.fetch()

    assert report["status"] in ("completed", "unchanged"), report["reason"]
    assert report["users"]["removed"] == report["enrollments"]["removed"] == 0
    assert people(world) == before


def test_a_district_that_is_paused_at_clever_keeps_its_people() -> None:
    world = with_double(CleverRosters(clever(), TENANT), CLEVER)
    world.fetch()
    before = people(world)
    world.web = WithinProcess(CleverRosters(clever(), TENANT, Quirks(frozenset({42}))))
    report = world.fetch()
    assert (report["status"], report["reason"]["code"]) == ("failed", "fetch_paused")
    assert people(world) == before


ODD_IDS = ("a/b", "a%2Fb", "a|b", "a b", "007", "7", "Ab", "aB")


def test_ids_with_any_letters_are_people_of_their_own() -> None:
    """30: slashes, percent signs, bars, blanks, leading zeros, case."""
    rows = [user(each, email=f"p{n}@lakeside.example", given=f"Kim{n}") for n, each in enumerate(ODD_IDS)]
    files = as_bytes(roster(*rows, enrollments="".join(map(enrolled, ODD_IDS))))
    world = with_double(OneRoster(files), ONEROSTER)
    assert world.fetch()["users"]["created"] == len(ODD_IDS)
    assert {pk.rpartition("#")[2] for pk in people(world)} == set(ODD_IDS)


def test_the_page_of_fetching_tells_each_quirk_and_its_outcome() -> None:
    table = tree.texts()["docs/fetching.md"].partition("## Quirks")[2]
    rows = re.findall(r"^\| (\d+) \| [^|]+ \| ([^|]+) \|$", table, re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, 45))
    assert {outcome.partition(":")[0] for _, outcome in rows} <= {"read", "refused", "waited for", "not asked for"}
    refused = {int(number) for number, outcome in rows if outcome.startswith("refused")}
    assert set(FAILS) <= refused
    assert not refused & set(GOES_ON)


BENIGN_AND_BAD = st.frozensets(st.sampled_from([*GOES_ON, *FAILS, 12, 17, 27]), min_size=1, max_size=6)


@pytest.mark.deep
@settings(max_examples=depth(20, 300), deadline=None)
@given(
    on=BENIGN_AND_BAD,
    at=st.integers(0, 20),
    seed=st.integers(0, 11),
    kind=st.sampled_from(["oneroster", "classlink", "oauth1"]),
)
def test_with_any_quirks_at_once_the_true_roster_comes_or_nothing_and_words(
    on: frozenset[int], at: int, seed: int, kind: str
) -> None:
    for api in (OneRosterApi, CleverApi):
        assert api.page_size == PAGE
    world, report = fetched(kind, Quirks(on, at=at, seed=seed))

    assert people(world) == true_people(world)
    assert report["users"]["removed"] == report["enrollments"]["removed"] == 0
    if report["status"] == "failed":
        assert report["reason"]["code"].startswith("fetch_")
        assert report["reason"]["message"]
    else:
        assert report["status"] in ("completed", "unchanged")
    assert b"canary" not in b"".join(world.s3.objects.values())
