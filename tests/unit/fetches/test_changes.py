"""Nights that ask for what changed: nobody is removed by being left out, and what is not told is found and counted (B10)."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.doubles.classlink_rosters import ClassLinkRosters
from local.doubles.oneroster import OneRoster
from local.doubles.roster_server import Quirks, WithinProcess
from shared.domain.changes import NotByDate, check_dates
from shared.domain.clock import to_iso
from tests.builders import enrolled, roster, user
from tests.depth import depth
from tests.fetching import CLASSLINK, CLEVER, ONEROSTER, ONEROSTER_1_2, TENANT, FetchWorld, with_double

CHANGES = {**ONEROSTER, "nightly": "changes"}


def files_of(people: list[str]) -> dict[str, bytes]:
    made = roster(user("t1", "teacher"), *map(user, people), enrollments="".join(map(enrolled, people)))
    return {name: body.encode() if isinstance(body, str) else body for name, body in made.items()}


class District:
    """A source that is asked by date, and what the district did in it."""

    def __init__(self, quirks: Quirks | None = None, source: Mapping[str, Any] = CHANGES, *, off: float = 0) -> None:
        """``off``: by how many seconds the source's clock is ahead."""
        files = files_of([f"s{n}" for n in range(6)])
        self.double = OneRoster(files, quirks=quirks, auth="bearer" if source["kind"] == "classlink" else "oauth2")
        whole: Any = ClassLinkRosters(self.double, TENANT) if source["kind"] == "classlink" else self.double
        self.world: FetchWorld = with_double(whole, source)
        self.double.clock = lambda: self.world.now + timedelta(seconds=off)
        self.night()

    def rows(self, collection: str) -> list[dict[str, Any]]:
        return self.double.rows[collection]

    def touch(self, person: str, **changes: Any) -> None:
        """Change somebody, as a source that keeps to dates does."""
        for row in self.rows("users"):
            if row["sourcedId"] == person:
                row |= {**changes, "dateLastModified": self.date()}

    def date(self) -> str:
        moment = to_iso(self.double.clock())
        return moment.removesuffix("Z") if 26 in self.double.quirks else moment

    def add(self, person: str) -> None:
        self.rows("users").append({**deepcopy(self.rows("users")[1]), "sourcedId": person, "username": person})
        self.touch(person, email=f"{person}@lakeside.example", status="active")
        place = {**deepcopy(self.rows("enrollments")[0]), "sourcedId": f"e-{person}"}
        place |= {"user": {"sourcedId": person, "type": "user"}, "dateLastModified": self.date()}
        self.rows("enrollments").append(place)

    def leave_out(self, person: str) -> None:
        """Somebody is gone without a word (25)."""
        self.double.rows["users"] = [row for row in self.rows("users") if row["sourcedId"] != person]
        places = self.rows("enrollments")
        self.double.rows["enrollments"] = [row for row in places if row["user"]["sourcedId"] != person]

    def night(self) -> int:
        """The next night's fetch. Return how many requests it took."""
        self.world.within.asked.clear()
        self.world.night()
        return len(self.world.within.asked)

    def week(self) -> None:
        """Nights until everything was fetched right behind a night's changes, and its import was looked at."""
        for _ in range(7):
            self.night()
            self.behind()
        self.night()

    def behind(self) -> None:
        """What the schedule starts a quarter of an hour later."""
        self.world.pass_time(minutes=15)
        self.world.start_due()
        self.world.run_fetches()

    @property
    def state(self) -> Any:
        return self.world.fetches.state("lakeside")

    @property
    def latest(self) -> dict[str, Any]:
        return self.world.latest()

    @property
    def people(self) -> set[str]:
        return {
            pk.rpartition("#")[2]
            for (pk, sk), item in self.world.table.items.items()
            if sk == "ROSTER" and item["active"] and item.get("attends")
        }

    @property
    def true_people(self) -> set[str]:
        gone = {row["sourcedId"] for row in self.rows("users") if row["status"] == "tobedeleted"}
        return {row["user"]["sourcedId"] for row in self.rows("enrollments")} - gone


def test_a_night_is_a_delta_of_what_changed_and_removes_whom_it_names() -> None:
    district = District()
    assert district.latest["format"]["mode"] == "bulk"
    district.world.pass_time(hours=5)
    district.touch("s1", givenName="Alex")
    district.touch("s2", status="tobedeleted")
    district.add("s9")
    district.night()
    assert (district.latest["status"], district.latest["format"]["mode"]) == ("completed", "delta")
    users = district.latest["users"]
    assert (users["read"], users["created"], users["changed"], users["removed"]) == (3, 1, 1, 1)
    assert district.people == district.true_people
    assert (district.state.changes, district.state.drift) == ("kept", 0)
    assert district.latest["rejects"] == []


def test_a_night_without_a_change_writes_nothing() -> None:
    district = District()
    before = district.latest
    district.world.pass_time(hours=5)
    # A token, and an empty page for each of six collections.
    assert district.night() <= 7
    assert district.latest == before
    assert (district.state.status, district.state.changes) == ("unchanged", "kept")


def test_everything_is_fetched_each_week_and_whenever_somebody_asks() -> None:
    district = District()
    whole_at = district.state.whole_at
    district.week()
    assert district.state.whole_at > whole_at
    assert (district.state.changes, district.state.drift, district.state.checks) == ("kept", 0, "")
    # The schedule has started no more than two fetches in that night.
    district.behind()
    district.touch("s1", givenName="Alex")
    assert district.world.fetch()["format"]["mode"] == "bulk"
    assert district.latest["users"]["changed"] == 1


def test_who_is_left_out_is_found_by_the_week_and_told_and_counted() -> None:
    district = District()
    district.leave_out("s3")
    for _ in range(3):
        district.night()
        assert "s3" in district.people
    district.week()
    assert district.people == district.true_people
    # One person, and one enrollment.
    assert (district.state.changes, district.state.drift) == ("drift", 2)
    # From now on each night is whole, until an operator writes the source anew.
    district.leave_out("s4")
    district.night()
    assert district.people == district.true_people
    district.world.put_source(CHANGES)
    district.night()
    district.world.pass_time(hours=3)
    district.touch("s1", givenName="Alex")
    district.night()
    assert (district.state.changes, district.state.drift) == ("kept", 0)
    assert district.latest["format"]["mode"] == "delta"


def test_what_changes_between_the_changes_and_the_whole_is_no_drift() -> None:
    district = District()
    for _ in range(6):
        district.night()
    district.night()
    district.world.pass_time(minutes=5)
    district.touch("s1", givenName="Alex")
    district.behind()
    assert district.latest["users"]["changed"] == 1
    district.night()
    assert (district.state.changes, district.state.drift) == ("kept", 0)


@pytest.mark.parametrize(("number", "seed"), [(27, 0), (27, 1), (26, 0)])
def test_a_source_that_does_not_keep_to_dates_is_fetched_whole(number: int, seed: int) -> None:
    """27: the filter is ignored, or refused with 400; 26: dates without a zone."""
    district = District(Quirks(frozenset({number}), seed=seed))
    district.world.pass_time(hours=5)
    district.leave_out("s3")
    district.touch("s1", givenName="Alex")
    requests = district.night()
    assert district.state.changes == "refused"
    assert district.latest["format"]["mode"] == "bulk"
    assert district.people == district.true_people
    # What it costs beyond a whole fetch are the pages up to the first row that is not as asked for.
    assert requests <= 13


@pytest.mark.parametrize("off", [420, -3_600, 3_600])
def test_the_window_is_by_the_sources_own_clock(off: float) -> None:
    district = District(off=off)
    district.world.pass_time(seconds=30)
    district.touch("s1", givenName="Alex")
    district.night()
    assert (district.latest["format"]["mode"], district.latest["users"]["changed"]) == ("delta", 1)


def test_rows_of_the_last_minutes_come_twice_and_change_nothing() -> None:
    district = District()
    district.touch("s1", givenName="Alex")
    district.night()
    district.world.pass_time(days=-1, minutes=1)
    assert district.latest["users"]["changed"] == 1
    district.night()
    assert district.latest["users"]["removed"] == 0


def test_a_roster_that_came_another_way_is_followed_by_a_whole_one() -> None:
    district = District()
    district.world.upload(files_of([f"s{n}" for n in range(7)]))
    assert "s6" in district.people
    district.night()
    assert "/fetched-" in district.latest["upload"]["key"]
    assert district.people == district.true_people


def test_enrollments_go_with_people_who_are_deleted() -> None:
    """24: an active enrollment of somebody who is deleted in the same night."""
    district = District()
    district.world.pass_time(hours=5)
    district.touch("s2", status="tobedeleted")
    for row in district.rows("enrollments"):
        row["dateLastModified"] = to_iso(district.double.clock())
    district.night()
    assert district.latest["rejects"] == district.latest["notes"] == []
    assert district.people == district.true_people


def test_classlink_is_asked_by_date_where_its_revision_changed() -> None:
    district = District(Quirks(frozenset({11}), at=10_000), source={**CLASSLINK, "nightly": "changes"})
    district.world.pass_time(hours=5)
    district.touch("s1", givenName="Alex")
    district.double.revision = "9"
    district.night()
    assert (district.latest["format"]["mode"], district.latest["users"]["changed"]) == ("delta", 1)


@pytest.mark.parametrize(
    "source", [CLEVER, ONEROSTER_1_2, {**ONEROSTER, "base_url": "https://sis.example/ims/oneroster/v1p2"}]
)
def test_what_has_no_dates_or_ids_to_ask_by_is_refused(source: Mapping[str, Any]) -> None:
    world = FetchWorld(WithinProcess(OneRoster(files_of(["s1"]))), is_metered=False)
    world.register(clever_district_id=TENANT)
    taken = world.put_source({**source, "nightly": "changes"})
    assert taken.kind == "rejected"
    report = world.s3.objects["reports", f"reports/lakeside/_settings/{taken.run_id}/report.json"].decode()
    assert "nightly" in report


@pytest.mark.parametrize(
    "date", ["", "soon", "2026-09-01T02:00:00", "2026-08-31T23:59:58Z", "2026-09-01T01:59:00+02:00"]
)
def test_a_row_has_to_say_that_it_is_of_the_window(date: str) -> None:
    with pytest.raises(NotByDate):
        check_dates([date], "2026-09-01T00:00:00.000Z")


def test_a_row_in_another_zone_or_in_the_future_is_of_the_window() -> None:
    check_dates(["2026-08-31T20:00:00-05:00", "2031-01-01T00:00:00.000Z"], "2026-09-01T00:00:00.000Z")


DEEDS = ("change", "add", "delete", "leave out", "nothing")


@pytest.mark.deep
@settings(max_examples=depth(4, 15), deadline=None)
@given(data=st.data())
def test_whatever_a_district_does_nobody_is_lost_and_weeks_bring_the_truth(data: st.DataObject) -> None:
    quirks = data.draw(st.frozensets(st.sampled_from([4, 6, 8, 13, 16, 18, 26, 27, 28, 36]), max_size=3))
    district = District(Quirks(quirks, seed=data.draw(st.integers(0, 3))))
    left_out: set[str] = set()
    for n, deed in enumerate(data.draw(st.lists(st.sampled_from(DEEDS), min_size=7, max_size=9))):
        district.world.pass_time(hours=1)
        there = sorted(district.true_people - left_out)
        who = there[n % len(there)]
        match deed:
            case "change":
                district.touch(who, givenName=f"Kim{n}")
            case "add":
                district.add(f"x{n}")
            case "delete" if len(there) > 4:
                district.touch(who, status="tobedeleted")
            case "leave out" if len(there) > 4:
                district.leave_out(who)
                left_out.add(who)
        district.world.pass_time(hours=-1)
        district.night()
        if district.latest["status"] == "completed" and district.state.status != "failed":
            assert district.true_people <= district.people <= district.true_people | left_out
        district.behind()
    district.world.fetch()
    if district.latest["status"] in ("completed", "unchanged"):
        assert district.people == district.true_people
