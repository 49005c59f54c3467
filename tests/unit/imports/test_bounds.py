"""Work is bounded before it begins, and one poison value costs itself alone (docs/security.md).

Time is counted in characters that are looked at, so that a slow machine changes nothing.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any, Self
from uuid import UUID

import pytest

from functions.accounts_feed.account_line import LONGEST_LINE as LONGEST_FEED_LINE
from functions.import_step import archive, csv_table, partition, records, rows_by_person, unusable_rows
from functions.import_step.formats import oneroster
from shared.domain.account import SkillMastery
from shared.domain.roster import DistrictClass
from shared.stores import account_batches, district_classes
from shared.stores import accounts as account_store
from shared.stores.district_classes import DistrictClassStore
from shared.stores.uploads import lines_of
from tests.builders import ENROLLMENTS, account, enrolled, key, roster, user
from tests.fakes.dynamodb import MemoryTable, Meter
from tests.harness import World

KILOBYTE, MEGABYTES = 1 << 10, 8 << 20
SIZES = (KILOBYTE, 64 * KILOBYTE, MEGABYTES)


@pytest.fixture
def world() -> World:
    found = World()
    found.register()
    return found


def rejects(report: dict[str, Any]) -> list[tuple[str, int, str | None, str]]:
    return [(r["file"], r["line"], r["column"], r["code"]) for r in report["rejects"]]


class Counted(str):
    """A text that counts the characters that are looked at."""

    looked_at = 0

    def _look(self) -> None:
        Counted.looked_at += len(self) + 1

    def split(self, *arguments: Any) -> list[Any]:  # type: ignore[override]
        self._look()
        return [Counted(part) for part in super().split(*arguments)]

    def partition(self, mark: str) -> tuple[Self, Self, Self]:  # type: ignore[override]
        self._look()
        return tuple(map(type(self), super().partition(mark)))  # type: ignore[return-value]

    def rpartition(self, mark: str) -> tuple[Self, Self, Self]:  # type: ignore[override]
        self._look()
        return tuple(map(type(self), super().rpartition(mark)))  # type: ignore[return-value]


@pytest.mark.parametrize("piece", ["{ ", "{a:", "{:", " :", "{Clever:x}", "}", "{{", "{Clever: \t"])
def test_ids_of_a_user_are_found_in_one_pass(piece: str) -> None:
    for size in (KILOBYTE, 8 * KILOBYTE, 64 * KILOBYTE):
        Counted.looked_at = 0
        oneroster._clever_ids(Counted(piece * (size // len(piece))))
        assert Counted.looked_at <= 6 * size


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{Clever:58da},{LDAP:12}", ("58da",)),
        ("{ clever : 58da } {CLEVER:58db}{Clever:58da}", ("58da", "58db")),
        ("{Clever:}{:x}{Clever}Clever:x", ()),
        ("{{Clever:a:b}}{Clever:c", ("a:b",)),
    ],
)
def test_ids_of_a_user_are_read_as_they_are_written(text: str, found: tuple[str, ...]) -> None:
    assert oneroster._clever_ids(text) == found


@pytest.mark.parametrize("line", ["x" * 900_000 + "\n", "a\n", "a\r\n", "\n", "a\r", '"a",b\n'])
def test_lines_of_a_table_are_found_in_one_pass(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at = 0
    find = csv_table._end_of_lines

    def counting(text: bytes) -> int:
        nonlocal looked_at
        looked_at += len(text)
        return find(text)

    monkeypatch.setattr(csv_table, "_end_of_lines", counting)
    body = line * (MEGABYTES // max(16, len(line)))
    lines = csv_table._Lines(csv_table._in_utf_8(io.BytesIO(body.encode()), "utf-8", "strict"), "strict", ",")
    read = 0
    while lines.are_left():
        lines.begin()
        read += sum(1 for _ in zip(range(lines.ready(512)), lines, strict=False))
    assert read == body.count(line)
    assert looked_at <= 1.1 * len(body)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_line_end_that_two_blocks_share_is_one(end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_table, "_BLOCK", 3)
    body = io.BytesIO(end.join(["ab", "c", "", "defghij", "k"]).encode())
    lines = csv_table._Lines(csv_table._in_utf_8(body, "utf-8", "strict"), "strict", ",")
    found = []
    while lines.are_left():
        found.append(next(lines).rstrip("\r\n"))
    assert found == ["ab", "c", "", "defghij", "k"]


class CountedBytes(bytes):
    """A chunk that counts the bytes that are looked at."""

    looked_at = 0

    def splitlines(self, keepends: bool = False) -> list[bytes]:
        CountedBytes.looked_at += len(self)
        return super().splitlines(keepends)


def test_lines_of_the_feed_are_found_in_one_pass() -> None:
    for size in SIZES:
        CountedBytes.looked_at = 0
        chunks = [CountedBytes(b"x" * KILOBYTE)] * (size // KILOBYTE)
        (line,) = lines_of(chunks, LONGEST_FEED_LINE)
        assert len(line) == min(size, LONGEST_FEED_LINE + 1)
        assert CountedBytes.looked_at == size


@pytest.mark.parametrize("cut", [1, 2, 3, 50])
def test_lines_of_the_feed_are_the_same_however_they_come(cut: int) -> None:
    body = b"ab\r\nc\n\n\rdefgh\r\r\ni"
    chunks = [body[start : start + cut] for start in range(0, len(body), cut)]
    assert list(lines_of(chunks, 100)) == body.splitlines()
    assert [len(line) for line in lines_of(chunks, 3)] == [min(4, len(line)) for line in body.splitlines()]


def test_a_header_of_very_many_columns_is_refused(world: World) -> None:
    files = roster(user("s1"))
    files["users.csv"] = ",".join(f"c{n}" for n in range(csv_table.MOST_COLUMNS + 1)) + "\nx\n"
    report = world.upload(files)
    assert rejects(report) == [("users.csv", 1, None, "too_many_columns")]


def test_a_record_of_very_many_lines_is_refused_where_it_begins(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_table, "_MOST_AT_ONCE", 2_000)
    report = world.upload(roster(user("s1"), '"s2",' + '"\n",' * 1_000))
    assert rejects(report) == [("users.csv", 3, None, "line_too_long")]


def test_a_line_of_more_than_a_mebibyte_is_refused(world: World) -> None:
    report = world.upload(roster(user("s1"), "s2" + "," * (1_050_000 + csv_table._BLOCK)))
    assert rejects(report) == [("users.csv", 3, None, "line_too_long")]
    report = world.upload(roster(user("s1"), "s2" + "," * 900_000), name="shorter")
    assert "line_too_long" not in [code for *_, code in rejects(report)]


def test_an_upload_of_very_many_loose_files_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MOST_LOOSE_FILES", 5)
    for n in range(6):
        world.s3.put_object(Bucket="rosters", Key=f"rosters/lakeside/a/{n}.csv", Body=b"x")
    report = world.report(world.put("rosters/lakeside/a/_complete", b""))
    assert report["reason"]["code"] == "too_many_files"


def test_titles_that_do_not_fit_are_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition, "MOST_OF_REFERENCES", 2_000)
    files = roster(user("s1"))
    files["courses.csv"] = "sourcedId,title\n" + "".join(f"k{n},Algebra\n" for n in range(20))
    assert [code for *_, code in rejects(world.upload(files))] == ["too_many_rows"]


@pytest.mark.parametrize(
    ("row", "column"),
    [
        (user("s2", ids="{Clever:" + "x" * 3_000 + "}"), "userIds"),
        (user("s2", ids="{Clever:" + "😀" * 64 + "}"), "userIds"),
        (user("😀" * 255, email="s2@lakeside.example"), "sourcedId"),
        (user("s2").replace(",o1,", f",{'o' * 256},"), "orgSourcedIds"),
        (user("s2", ids='"' + ",".join(f"{{Clever:{n}}}" for n in range(21)) + '"'), "userIds"),
    ],
    ids=["Clever id", "Clever id of letters of four bytes", "number", "school", "many Clever ids"],
)
def test_a_value_that_fits_into_no_key_rejects_its_row_alone(world: World, row: str, column: str) -> None:
    report = world.upload(roster(user("s1"), row, user("s3")))
    assert report["status"] == "completed"
    assert rejects(report) == [("users.csv", 3, column, "bad_id")]
    assert report["users"]["created"] == 2


def test_the_longest_ids_that_are_taken_fit_into_every_key(world: World) -> None:
    longest = "😀" * 200
    report = world.upload(
        roster(user(longest, "teacher", email="t1@lakeside.example"), enrollments=enrolled(longest, "teacher"))
    )
    assert (report["status"], report["rejects"]) == ("completed", [])
    world.send_mail()
    assert len(world.ses.sent) == 1


def test_of_somebody_in_very_many_classes_the_first_ones_count(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for where in (unusable_rows, rows_by_person):
        monkeypatch.setattr(where, "LONG_TEXT", 20)
    monkeypatch.setattr(unusable_rows, "MOST_OF_CLASSES", 30)
    names = [f"c{n}" for n in range(8)]
    classes = "".join(f"{name},,,Algebra,k1,scheduled,o1,t1\n" for name in names)
    enrollments = "".join(enrolled("t1", "teacher", name) for name in names) + enrolled("s1")
    report = world.upload(roster(user("t1", "teacher"), user("s1"), classes=classes, enrollments=enrollments))
    assert rejects(report) == [("enrollments.csv", line, "userSourcedId", "too_many_classes") for line in (7, 8, 9)]
    assert report["enrollments"]["created"] == 6
    teacher = world.users.get(key("t1"))
    assert teacher
    assert teacher.teaches == tuple(names[:5])


def test_several_deltas_give_nobody_more_classes_than_fit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a bound of five classes, when each of three deltas adds two …"""
    monkeypatch.setattr(unusable_rows, "MOST_OF_CLASSES", 30)
    names = [f"c{n}" for n in range(6)]
    classes = "".join(f"{name},,,Algebra,k1,scheduled,o1,t1\n" for name in names)
    world.upload(roster(user("t1", "teacher"), user("s1"), classes=classes))
    manifest = "propertyName,value\nmanifest.version,1.0\noneroster.version,1.1\nfile.enrollments,delta\n"
    reports = []
    for night in range(3):
        rows = "".join(enrolled("s1", class_id=name) for name in names[2 * night : 2 * night + 2])
        files = {"manifest.csv": manifest, "enrollments.csv": ENROLLMENTS + rows}
        reports.append(world.upload(files, name=f"delta-{night}"))
    assert [len(report["rejects"]) for report in reports] == [0, 0, 1]
    assert rejects(reports[2]) == [("enrollments.csv", 3, "userSourcedId", "too_many_classes")]
    student = world.users.get(key("s1"))
    assert student
    assert student.attends == tuple(names[:5])
    gone = enrolled("s1", class_id="c0").replace(",,", ",tobedeleted,", 1)
    files = {"manifest.csv": manifest, "enrollments.csv": ENROLLMENTS + gone + enrolled("s1", class_id="c5")}
    assert world.upload(files, name="instead")["rejects"] == []


def test_somebody_with_very_many_schools_keeps_the_first_ones(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "MOST_SCHOOLS", 2)
    rows = [user("t1", "teacher").replace(",o1,", f",o{n},") for n in range(4)]
    report = world.upload(roster(*rows))
    assert [(line, code) for _, line, _, code in rejects(report)] == [(4, "too_many_schools"), (5, "too_many_schools")]


def a_class(size: int, length: int = 36) -> DistrictClass:
    people = tuple(f"{n:0{length}}" for n in range(size))
    return DistrictClass("lakeside", "c1", "Assembly", student_ids=people)


def chunks(table: MemoryTable) -> list[str]:
    return sorted(sk for _, sk in table.items if sk.startswith("MEMBERS"))


@pytest.mark.parametrize(("size", "length"), [(12_000, 36), (1_201, 800), (400, 800), (1, 1), (0, 1)])
def test_a_class_of_any_size_is_kept_and_read_whole(size: int, length: int) -> None:
    table = MemoryTable()
    store = DistrictClassStore(table)
    store.write("lakeside", [(a_class(size, length), True)])
    found = store.get("lakeside", "c1")
    assert found
    assert (found.student_ids, found.size) == (a_class(size, length).student_ids, size)


def test_a_class_that_the_version_before_wrote_is_read_whole() -> None:
    table = MemoryTable()
    store = DistrictClassStore(table)
    whole = a_class(1_000)
    (first,) = store.items(replace(whole, student_ids=()))
    table.put_item(Item={name: value for name, value in first.items() if name != "students"} | {"size": 1_000})
    table.put_item(Item={"PK": first["PK"], "SK": "MEMBERS", "student_ids": list(whole.student_ids)})
    found = store.get("lakeside", "c1")
    assert found
    assert found.student_ids == whole.student_ids


def test_a_class_of_thirty_takes_one_write_unit_and_its_students_are_in_it() -> None:
    table = MemoryTable()
    table.meter = Meter()
    people = tuple(str(UUID(int=Random(n).getrandbits(128))) for n in range(30))
    store = DistrictClassStore(table)
    assert store.write("lakeside", [(replace(a_class(0), student_ids=people), True)]) == 1
    assert (sum(table.meter.write_units.values()), chunks(table)) == (1, [])
    found = store.get("lakeside", "c1")
    assert found
    assert found.student_ids == people


def test_earlier_members_go_when_their_class_is_written_or_removed() -> None:
    table = MemoryTable()
    store = DistrictClassStore(table)
    for class_id in ("c1", "c2"):
        table.put_item(Item={"PK": f"CLASS#lakeside#{class_id}", "SK": "MEMBERS", "student_ids": ["s1"]})
    renamed = replace(a_class(2), title="Renamed")
    store.write("lakeside", [(renamed, False)], ["c2"], stood=lambda _class_id: 2)
    assert chunks(table) == []
    found = store.get("lakeside", "c1")
    assert found
    assert (found.title, found.student_ids) == ("Renamed", renamed.student_ids)


def test_of_a_class_that_shrinks_or_goes_nothing_is_left(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(district_classes, "CHUNK", 2)
    monkeypatch.setattr(district_classes, "PACKED", 0)
    people = [f"s{n}" for n in range(5)]
    rows = [user(name) for name in people]

    def with_members(*names: str) -> list[str]:
        world.upload(roster(*rows, enrollments="".join(map(enrolled, names))))
        return chunks(world.table)

    assert with_members(*people) == ["MEMBERS", "MEMBERS#1", "MEMBERS#2"]
    assert with_members(*people[:3]) == ["MEMBERS", "MEMBERS#1"]
    assert with_members(*people[1:]) == ["MEMBERS", "MEMBERS#1"]
    found = DistrictClassStore(world.table).get("lakeside", "c1")
    assert found
    assert found.student_ids == tuple(people[1:])
    assert with_members(people[0]) == ["MEMBERS"]
    monkeypatch.setattr(district_classes, "PACKED", 3_000)
    assert with_members(people[1]) == []


def skills(number: int, points: int = 50) -> dict[str, Any]:
    return {f"skill-{n:05}": {"points": points, "updated_at": "2026-05-01T10:00:00Z"} for n in range(number)}


def test_an_account_of_six_thousand_skills_is_kept_whole(world: World) -> None:
    report = world.feed(account("a1", "ada@mail.example", mastery=skills(6_000)), account("a2", "bo@mail.example"))
    assert (report["created"], report["rejected"]) == (2, 0)
    assert len(world.accounts.mastery("a1")) == 6_000
    report = world.feed(account("a1", "ada@mail.example", mastery=skills(7_000, 60)))
    assert report["changed"] == 1
    assert set(world.accounts.mastery("a1").values()) == {SkillMastery(60, "2026-05-01T10:00:00Z")}
    assert len(world.accounts.masteries(["a1", "a2"])["a1"]) == 7_000


def test_skills_of_two_moments_are_never_mixed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account_store, "CHUNK", 200)
    monkeypatch.setattr(account_batches, "WRITE_UNIT", 200)
    world.feed(account("a1", "ada@mail.example", mastery=skills(10)))
    read = world.accounts._table.batch_get
    reads = 0

    def read_between_two_writes(keys: Any, *, consistent: bool = True) -> Any:
        nonlocal reads
        found = read(keys, consistent=consistent)
        reads += 1
        if reads == 1:
            world.feed(account("a1", "ada@mail.example", mastery=skills(10, 90)))
        return found

    monkeypatch.setattr(world.accounts._table, "batch_get", read_between_two_writes)
    assert {m.points for m in world.accounts.mastery("a1").values()} == {90}


def too_much() -> Iterator[tuple[str, dict[str, Any]]]:
    people = [f"{n:036}" for n in range(12_000)]
    yield "skills", {"mastery": {f"{n:0200}": {"points": 1, "updated_at": "2026"} for n in range(15_000)}}
    yield "class", {"classes": [{"class_id": "k", "name": "K", "student_account_ids": people}]}
    scores = {"assignment_id": "w", "title": "W", "scores": dict.fromkeys(people, 1)}
    yield "scores", {"classes": [{"class_id": "k", "name": "K", "assignments": [scores]}]}
    yield "name", {"display_name": "x" * 500_000}
    yield "username", {"username": "x" * 1_001}
    yield "Clever id", {"clever_id": "x" * 3_000}
    yield "key", {"classes": [{"class_id": "😀" * 200, "name": "K"}]}
    yield "line", {"classes": [], "note": "x" * LONGEST_FEED_LINE}


@pytest.mark.parametrize("more", [more for _, more in too_much()], ids=[name for name, _ in too_much()])
def test_a_line_of_the_feed_that_cannot_be_kept_costs_itself_alone(world: World, more: dict[str, Any]) -> None:
    report = world.feed(
        account("a1", "ada@mail.example"), account("a2", "bo@mail.example", **more), account("a3", "cy@mail.example")
    )
    assert (report["read"], report["created"], report["rejected"]) == (3, 2, 1)
    assert [reject["line"] for reject in report["rejects"]] == [2]
    assert world.accounts.get("a3")


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, '{"account_id": "\\ud800"}', "9" * 10_000])
def test_a_line_that_is_hard_to_read_costs_itself_alone(world: World, text: str) -> None:
    good = json.dumps(account("a1", "ada@mail.example")).encode()
    report = world.feed_lines([text.encode(), good])
    assert (report["created"], [reject["line"] for reject in report["rejects"]]) == (1, [1])
