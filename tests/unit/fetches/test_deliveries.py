"""Files that come one by one by SFTP: whole sets become uploads, and a set that is not whole removes nobody (B10)."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.delivery import DeliveredFile, Known, Reader, fingerprint, look, named_files
from tests.builders import enrolled, roster, user
from tests.depth import depth
from tests.fakes.aws import etag
from tests.fetching import FetchWorld

PLACE = "deliveries/lakeside"
BEFORE = ("s1", "s2", "s3")
AFTER = (*BEFORE, "s4")


def files_of(people: Iterable[str]) -> dict[str, bytes]:
    people = list(people)
    made = roster(user("t1", "teacher"), *map(user, people), enrollments="".join(map(enrolled, people)))
    return {name: body.encode() if isinstance(body, str) else body for name, body in made.items()}


class Deliveries:
    """A district that sends its roster by SFTP."""

    def __init__(self) -> None:
        self.world = FetchWorld(is_metered=False)
        self.world.register()

    def put(self, name: str, body: bytes) -> None:
        self.world.pass_time(seconds=2)
        self.world.s3.put_object(Bucket="rosters", Key=f"{PLACE}/{name}", Body=body)
        self.world.deliveries().note(f"{PLACE}/{name}")
        self.world.take_fetched()

    def rename(self, name: str, to: str) -> None:
        self.put(to, self.world.s3.objects["rosters", f"{PLACE}/{name}"])
        self.delete(name)

    def delete(self, name: str) -> None:
        self.world.s3.objects.pop(("rosters", f"{PLACE}/{name}"), None)

    def send(self, files: Mapping[str, bytes]) -> None:
        for name, body in files.items():
            self.put(name, body)

    def wait(self, **time: float) -> None:
        self.world.look_at_deliveries(**time)

    @property
    def people(self) -> set[str]:
        return self.world.people_who_stand()

    @property
    def uploads(self) -> set[str]:
        keys = {key for bucket, key in self.world.s3.objects if bucket == "rosters" and key.startswith("rosters/")}
        return {key for key in keys if key.endswith(("/_complete", ".zip"))}

    @property
    def latest(self) -> dict[str, Any]:
        return self.world.latest()


@pytest.fixture
def district() -> Deliveries:
    """A district whose first delivery was taken."""
    made = Deliveries()
    made.send(files_of(BEFORE))
    made.wait(hours=1)
    assert made.people == {"t1", *BEFORE}
    made.wait(hours=23)
    return made


def test_files_that_lie_still_are_an_upload_once(district: Deliveries) -> None:
    district.send(files_of(AFTER))
    district.wait(minutes=15)
    assert len(district.uploads) == 1
    district.wait(hours=1)
    assert (district.latest["status"], district.latest["users"]["created"]) == ("completed", 1)
    assert "/delivered-" in district.latest["upload"]["key"]
    district.wait(hours=30)
    assert len(district.uploads) == 2
    # A folder where nothing waits is looked at no more.
    assert list(district.world.deliveries()._store.waiting()) == []


def test_a_word_behind_the_last_file_is_enough(district: Deliveries) -> None:
    district.send(files_of(AFTER))
    district.put("_complete", b"")
    assert district.people == {"t1", *AFTER}


def test_a_word_before_the_last_file_is_none(district: Deliveries) -> None:
    """A client that sends by name sends ``_complete`` before ``users.csv``."""
    files = files_of(AFTER)
    names = sorted(files)
    district.send({"_complete": b"", **{name: files[name] for name in names[:2]}})
    district.wait(minutes=15)
    district.send({name: files[name] for name in names[2:]})
    district.wait(minutes=15)
    assert len(district.uploads) == 1
    district.wait(hours=1)
    assert district.people == {"t1", *AFTER}


def test_a_manifest_whose_files_came_need_not_lie_still_for_long(district: Deliveries) -> None:
    named = "propertyName,value\nmanifest.version,1.0\noneroster.version,1.1\nfile.demographics,absent\n"
    files = {name: body for name, body in files_of(AFTER).items() if name != "manifest.csv"}
    manifest = named + "".join(f"file.{name.removesuffix('.csv')},bulk\n" for name in files)
    district.send({"manifest.csv": manifest.encode(), **files})
    district.wait(minutes=30)
    assert district.people == {"t1", *AFTER}


@pytest.mark.parametrize("name", ["users.csv", "enrollments.csv", "classes.csv"])
def test_a_set_that_lacks_a_file_is_told_and_removes_nobody(district: Deliveries, name: str) -> None:
    """The other files are those of the night, and the one that lies there is of the night before."""
    files = files_of(("s1",))
    district.send({each: body for each, body in files.items() if each != name})
    district.wait(hours=30)
    assert district.people == {"t1", *BEFORE}
    reason = district.latest["reason"]
    assert (district.latest["status"], reason["code"]) == ("failed", "delivery_incomplete")
    assert reason["message"].startswith(f"The last delivery came without {name}.")
    assert district.latest["users"] == dict.fromkeys(district.latest["users"], 0)
    # When the whole set comes the next night, it is taken.
    district.send(files_of(AFTER))
    district.wait(hours=1)
    assert district.people == {"t1", *AFTER}


def test_a_file_of_another_night_is_none_of_this_set(district: Deliveries) -> None:
    files = files_of(AFTER)
    late = {"users.csv": files["users.csv"]}
    district.send(late)
    district.wait(hours=24)
    district.send({name: body for name, body in files.items() if name not in late})
    district.wait(hours=3)
    assert district.people == {"t1", *BEFORE}
    assert "came without users.csv" in district.latest["reason"]["message"]


def test_a_temporary_name_holds_the_set_until_it_is_renamed(district: Deliveries) -> None:
    files = files_of(AFTER)
    for name, body in files.items():
        district.put(f"{name}.filepart", body)
        if name != "users.csv":
            district.rename(f"{name}.filepart", name)
    district.wait(hours=3)
    assert district.people == {"t1", *BEFORE}
    assert "users.csv.filepart did not come whole" in district.latest["reason"]["message"]
    district.rename("users.csv.filepart", "users.csv")
    district.wait(hours=1)
    assert district.people == {"t1", *AFTER}


def test_a_temporary_file_that_was_left_behind_holds_nothing_for_good(district: Deliveries) -> None:
    district.put("users.csv.part", b"sourcedId")
    district.wait(hours=27)
    district.send(files_of(AFTER))
    district.wait(hours=1)
    assert district.people == {"t1", *AFTER}


def test_what_a_desktop_leaves_beside_files_holds_nothing(district: Deliveries) -> None:
    for name, body in files_of(AFTER).items():
        district.put(f"._{name}", b"Mac OS X")
        district.put(name, body)
    district.put(".DS_Store", b"Bud1")
    district.wait(hours=1)
    assert district.people == {"t1", *AFTER}


def test_a_file_of_no_bytes_is_one_that_was_just_opened(district: Deliveries) -> None:
    files = files_of(AFTER)
    district.send({**files, "users.csv": b""})
    district.wait(hours=1)
    assert district.people == {"t1", *BEFORE}
    district.put("users.csv", files["users.csv"])
    district.wait(hours=1)
    assert district.people == {"t1", *AFTER}


def test_a_connection_that_ends_within_a_file_is_told_by_aws_transfer(district: Deliveries) -> None:
    """The file ends with a line, so nothing else tells."""
    files = files_of(AFTER)
    cut = b"".join(files["users.csv"].splitlines(keepends=True)[:2])
    district.send({**files, "users.csv": cut})
    told = district.world.deliveries().note_broken(f"/rosters/{PLACE}/users.csv", f'"{etag(cut)}"')
    assert told == "lakeside"
    district.wait(hours=3)
    assert district.people == {"t1", *BEFORE}
    assert "users.csv did not come whole" in district.latest["reason"]["message"]
    district.send(files)
    district.wait(hours=1)
    assert district.people == {"t1", *AFTER}


def test_a_file_that_ends_within_a_line_is_held(district: Deliveries) -> None:
    files = files_of(AFTER)
    district.send({**files, "users.csv": files["users.csv"][:-9]})
    district.wait(hours=3)
    assert district.people == {"t1", *BEFORE}
    assert "users.csv ends in the middle of a line" in district.latest["reason"]["message"]


def test_a_sender_who_leaves_a_file_out_for_good_says_so(district: Deliveries) -> None:
    files = files_of(AFTER)
    district.send({name: body for name, body in files.items() if name != "orgs.csv"})
    district.put("_complete", b"")
    # What the import makes of it is its own matter; the file of the night before is not put to it.
    (upload,) = [key for key in district.uploads if key.endswith("_complete") and key > min(district.uploads)]
    assert ("rosters", upload.replace("_complete", "orgs.csv")) not in district.world.s3.objects


def test_zips_are_uploads_of_their_own_in_the_order_in_which_they_came(district: Deliveries) -> None:
    for name, people in (("b.zip", ("s1", "s2", "s3", "s5")), ("a.zip", AFTER)):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as opened:
            for each, body in files_of(people).items():
                opened.writestr(each, body)
        district.put(name, packed.getvalue())
    district.wait(minutes=45)
    assert district.people >= {"t1", *AFTER}
    assert len(district.uploads) == 3
    district.wait(hours=2)
    assert len(district.uploads) == 3


def test_what_is_told_is_told_once_and_in_the_districts_language() -> None:
    district = Deliveries()
    district.world.register(locale="es")
    district.send({"users.csv": b""})
    district.wait(hours=3)
    told = district.world.s3.objects["reports", "reports/lakeside/latest.json"]
    assert district.latest["reason"]["message"].startswith("users.csv no llegó completo")
    district.wait(hours=3)
    assert district.world.s3.objects["reports", "reports/lakeside/latest.json"] == told


def test_a_key_without_a_district_tells_operators(district: Deliveries) -> None:
    before = district.world.alarms
    assert district.world.deliveries().note("deliveries/UPPER/users.csv") is None
    assert district.world.alarms == before + 1
    assert district.world.deliveries().note_broken("/rosters/elsewhere/users.csv", "") is None


def test_a_folder_with_too_many_files_is_told() -> None:
    at = datetime(2026, 9, 1, tzinfo=UTC)
    files = [DeliveredFile(f"{n}.csv", 1, "e", at) for n in range(501)]
    found = look(files, Known(seen=fingerprint(files)), at + timedelta(hours=3), Reader(lambda _: "", lambda _: b"\n"))
    assert found.problem is not None
    assert "more files" in found.problem.message


def test_a_folder_is_still_where_two_looks_saw_the_same() -> None:
    """What was deleted or renamed in between leaves no date."""
    at = datetime(2026, 9, 1, tzinfo=UTC)
    files, reader = [DeliveredFile("users.csv", 1, "e", at)], Reader(lambda _: "", lambda _: b"\n")
    assert look(files, Known(), at + timedelta(hours=1), reader).ready == ()
    seen = Known(seen=fingerprint(files))
    assert look(files, seen, at + timedelta(minutes=29), reader).ready == ()
    assert len(look(files, seen, at + timedelta(minutes=30), reader).ready) == 1


def test_a_manifest_names_the_files_that_have_to_come() -> None:
    assert named_files("propertyName,value\nfile.users,bulk\nfile.orgs,absent\n") == {"users.csv", "manifest.csv"}
    assert named_files("no manifest at all") is None


WAYS = ("at once", "renamed", "opened first")


def steps_of(files: Mapping[str, bytes], ways: Mapping[str, str]) -> list[tuple[str, ...]]:
    """What happens to the bucket, in order."""
    steps: list[tuple[str, ...]] = []
    for name in files:
        match ways[name]:
            case "renamed":
                steps += [("put", f"{name}.part", name), ("rename", f"{name}.part", name)]
            case "opened first":
                steps += [("empty", name), ("put", name, name)]
            case _:
                steps.append(("put", name, name))
    return steps


@pytest.mark.deep
@settings(max_examples=depth(8, 40), deadline=None)
@given(data=st.data())
def test_a_delivery_that_ends_anywhere_removes_nobody(data: st.DataObject) -> None:
    """Any order, any way of putting a file, an end after any step or within a file; then the next night's whole delivery."""
    district = Deliveries()
    district.send(files_of(BEFORE))
    district.wait(hours=24)
    files = files_of(AFTER)
    order = data.draw(st.permutations(sorted(files)))
    ways = {name: data.draw(st.sampled_from(WAYS)) for name in order}
    steps = steps_of({name: files[name] for name in order}, ways)
    end = data.draw(st.integers(0, len(steps)))
    for step in steps[:end]:
        do(district, step, files)
    if end < len(steps) and steps[end][0] == "put" and data.draw(st.booleans()):
        _, name, of = steps[end]
        body = files[of][: data.draw(st.integers(1, len(files[of])))]
        district.put(name, body)
        district.world.deliveries().note_broken(f"/rosters/{PLACE}/{name}", etag(body))
    district.wait(hours=data.draw(st.sampled_from([1, 3, 20])))
    assert district.people in ({"t1", *BEFORE}, {"t1", *AFTER})
    district.wait(hours=24)

    later = files_of((*AFTER, "s5"))
    for name in list(later):
        district.delete(f"{name}.part")
    district.send(later)
    district.wait(hours=2)
    assert district.people == {"t1", *AFTER, "s5"}
    assert district.latest["status"] == "completed"


def do(district: Deliveries, step: tuple[str, ...], files: Mapping[str, bytes]) -> None:
    match step[0]:
        case "put":
            district.put(step[1], files[step[2]])
        case "rename":
            district.rename(step[1], step[2])
        case _:
            district.put(step[1], b"")
