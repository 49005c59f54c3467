"""Imports that an earlier version began: each step reads what that version wrote, and writes the same bytes.

``earlier_version.json.gz`` was recorded once: a district's uploads, step by step, with everything that each step wrote. Among
them are a first import, one whose rows name nobody, a preview, one that was held and approved, its roll-back, a delta, and
uploads that were rejected.
"""

from __future__ import annotations

import base64
import csv
import gzip
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from msgspec.json import Decoder

from functions.import_step import encoding, plan, shards
from functions.import_step.plan import Import
from functions.import_step.records import PersonRecord, packed
from functions.import_step.shards import EarlierEnrollments, EnrollmentsBlock, PackedPeople, written_blocks
from functions.import_step.steps import ingest
from shared.domain import import_safety
from shared.stores.district_class_item import unpacked_ids
from tests.harness import World, unzipped

RECORDED = Path(__file__).parent / "earlier_version.json.gz"


CHANGED = ("people", "classes", "school_year", "proposals")
"""What tells of a working file where the rows of each shard lie; the school year, which is found later; and ids that seemed to
have changed, which are followed since."""


PEOPLE_LEFT_OUT = "Enrollments of people who were left out were not read."


@dataclass
class State:
    """What a district's buckets, table and queue held at one moment."""

    now: str = ""
    ids: int = 0
    objects: dict[tuple[str, str], bytes] = field(default_factory=dict)
    items: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)

    def after(self, entry: dict[str, Any]) -> State:
        """What they held after the step that this entry is of."""
        objects = {(bucket_and_key(name)): body_of(body) for name, body in entry["objects"].items()}
        items = {pk_and_sk(name): value_of(item) for name, item in entry["items"].items()}
        gone = {pk_and_sk(name) for name in entry["gone"]}
        kept = {key: item for key, item in self.items.items() if key not in gone}
        messages = self.messages + entry["messages"]
        return State(entry["now"], entry["ids"], {**self.objects, **objects}, {**kept, **items}, messages)

    def world(self) -> World:
        """A world that holds this."""
        world = World()
        world.now, world._ids = datetime.fromisoformat(self.now), self.ids
        world.s3.objects, world.sqs.messages = dict(self.objects), list(self.messages)
        for item in self.items.values():
            world.table.put_item(Item=item)
        return world


def bucket_and_key(name: str) -> tuple[str, str]:
    bucket, _, key = name.partition("/")
    return bucket, key


def pk_and_sk(name: str) -> tuple[str, str]:
    pk, _, sk = name.partition("|")
    return pk, sk


def body_of(body: str | dict[str, str]) -> bytes:
    return body.encode() if isinstance(body, str) else base64.b64decode(body["base64"])


def value_of(value: Any) -> Any:
    """An item's value; numbers are ``{"N": text}``."""
    match value:
        case {"N": number}:
            return Decimal(number)
        case dict():
            return {name: value_of(inner) for name, inner in value.items()}
        case list():
            return [value_of(inner) for inner in value]
    return value


def recorded() -> Iterator[tuple[State, dict[str, Any]]]:
    """Each step, and what stood before it."""
    state = State()
    for entry in json.loads(gzip.decompress(RECORDED.read_bytes())):
        if entry["step"]:
            yield state, entry
        state = state.after(entry)


def assert_same(objects: dict[tuple[str, str], bytes], expected: dict[tuple[str, str], bytes]) -> None:
    """The same objects; a working file of one JSON object may say more, a line may have columns that are new, who moves
    between classes is in no order, and whoever has another name is matched anew since. Courses, terms, people without a role,
    addresses that were given up, who is gone and came, past classes, and the people of a held import have files of their own
    since, and rows of classes name course and terms."""
    since = re.compile(
        "/(holdings|pairable|references|aside|given-up|strangers|sharers|teachers-moved|history|past|places)-|/people.csv$"
    )
    assert {key for key in objects if not since.search(key[1])} == expected.keys()
    for (bucket, key), body in expected.items():
        name = key.rpartition("/")[2]
        if name.startswith("match-result"):
            counted, before = (json.loads(each)["matching"] for each in (objects[bucket, key], body))
            assert all(counted[count] >= before[count] for count in before if count != "withheld_people"), key
        elif name.startswith("classes-part-"):
            assert ids_of_classes(objects[bucket, key]) == ids_of_classes(body), key
        elif name.endswith(".json"):
            report, before = (facts_of(json.loads(each)) for each in (objects[bucket, key], body))
            assert says(report, before), key
        elif name.endswith(".jsonl") and body.startswith(b"{") and body.count(b"\n") <= 1:
            assert says(json.loads(objects[bucket, key]), json.loads(body)), key
        elif name.startswith("people-part-") and "extents" not in name:
            assert lines_say(blocks_of(objects[bucket, key]), body), key
        elif name.startswith("moves-") and "extents" not in name:
            assert moves(objects[bucket, key]) == moves(body), key
        elif name.startswith(("people-", "classes-", "identities-")) and "extents" not in name:
            assert lines_say(without_who_stays(objects[bucket, key]), body), key
        elif name == "rejects.csv":
            # Rows have columns that are new at their end.
            rows, others = (list(csv.reader(io.StringIO(each.decode()))) for each in (objects[bucket, key], body))
            assert [row[: len(other)] for row, other in zip(rows, others, strict=True)] == others, key
        elif not name.startswith("identities-"):
            assert objects[bucket, key] == body, key


def ids_of_classes(body: bytes) -> list[tuple[list[str], list[int]]]:
    """The class and the line of each row, block by block."""
    return [([row[0] for row in rows], lines) for _, _, _, rows, lines, *_ in map(json.loads, body.splitlines())]


def facts_of(report: dict[str, Any]) -> dict[str, Any]:
    """A report without what is gone since, and with the code alone of a reason."""
    reason = report.get("reason")
    return {**report, "proposals": None, "reason": reason["code"] if isinstance(reason, dict) else reason}


def says_words(message: str, expected: str) -> bool:
    """Whether a message begins with these words: what to do is said behind them since."""
    return message.startswith(expected)


def says_all(notes: Any, expected: Any) -> bool:
    """Whether each expected note is among these, in whatever order; but for ids that seemed to have changed, and enrollments of
    people who were left out: a role that does nothing is told where its row is read."""
    told = [one for one in expected if one["code"] != "sourced_id_changed" and one["message"] != PEOPLE_LEFT_OUT]
    return all(any(says(note, one) for note in notes) for one in told)


def says(document: Any, expected: Any) -> bool:
    """Whether a JSON document says all that is expected; it may say more, also where a note said nothing. What changes with
    how rows are written is left aside."""
    if expected is None:
        return True
    if isinstance(expected, dict):
        named = {name: value for name, value in expected.items() if name not in CHANGED or isinstance(value, dict)}
        return all(name in document and _SAYS.get(name, says)(document[name], value) for name, value in named.items())
    if isinstance(expected, list):
        return len(document) == len(expected) and all(map(says, document, expected))
    return bool(document == expected)


_SAYS: dict[str, Callable[[Any, Any], bool]] = {"notes": says_all, "message": says_words}


def lines_say(body: bytes, expected: bytes) -> bool:
    """Whether lines begin with the columns that are expected; a change is a line of two records."""
    lines, others = (list(map(json.loads, lines.splitlines())) for lines in (body, expected))
    return len(lines) == len(others) and all(map(begins, lines, others))


def blocks_of(body: bytes) -> bytes:
    """Rows of an upload's people, one block a line, however they are packed."""
    return b"".join(packed(_rows_of(block)) for block in written_blocks(body))


def _rows_of(block: Any) -> Any:
    match block:
        case PackedPeople():
            return block.block()
        case EnrollmentsBlock():
            head = block.file, block.user_column, block.class_column, block.role, block.removed
            return ["rows", *head, [*block.rows()]]
        case _:
            return block


def begins(line: Any, expected: Any) -> bool:
    if isinstance(expected, list) and expected[:1] == ["e"]:
        return enrolled(line) == enrolled(expected)
    if not (isinstance(line, list) and isinstance(expected, list) and len(line) >= len(expected)):
        return bool(line == expected)
    return all(map(begins, line, expected))


def enrolled(block: list[Any]) -> tuple[list[Any], list[tuple[str, str, int]]]:
    """What enrollments have in common, and person, class and line of each; rows of one person that follow each other are one text
    since."""
    tag, *head = block[:6]
    rows = EarlierEnrollments(*block[1:]).block().rows() if tag == "e" else map(tuple, block[6])
    return head, list(rows)


def without_who_stays(body: bytes) -> bytes:
    """Without the lines of those who stay and have another address, which an earlier version did not note."""
    return b"".join(
        line for line in body.splitlines(keepends=True) if b'"lost"' not in line and b'"looked_at"' not in line
    )


def moves(body: bytes) -> list[tuple[Any, ...]]:
    return [(*kind_and_way, sorted(text.split("\n"))) for *kind_and_way, text in map(json.loads, body.splitlines())]


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sizes that were recorded with: several shards, and several parts of an upload."""
    monkeypatch.setattr(shards, "PEOPLE_PER_SHARD", 7)
    monkeypatch.setattr(plan, "PIECE", 300)
    monkeypatch.setattr(ingest, "scan", partial(encoding.scan, piece=300))


def by_step() -> dict[str, list[tuple[State, dict[str, Any]]]]:
    found: dict[str, list[tuple[State, dict[str, Any]]]] = {}
    for before, entry in recorded():
        found.setdefault(entry["step"], []).append((before, entry))
    return found


_SINCE = (
    ("SETTINGS", "claims"),
    ("ACTIVATION", "import_id"),
    ("ACTIVATION", "stands_as"),
    ("LINK", "stands_as"),
    ("IMPORT", "users"),
    ("IMPORT", "queued"),
    ("IMPORT", "losses"),
    *(("PROGRESS", f"since_{stage}") for stage in ("split", "people", "classes", "apply", "members", "match")),
)
"""Attributes that the version before did not write."""


def without_claims(items: Mapping[tuple[str, str], dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    """The items without the claims of the settings, which are made at the first step since there are any (M21), without the page to
    which a reason leads since, without those who share an address, who are noted as stuck since, without the import that an
    activation names since, without the note that the work of classes is listed since, and without the records of previews. Of what
    is the newest upload, a delta is among those that wait in order since."""
    return {
        key: newest_of(item)
        if key[1] == "NEWEST"
        else {
            name: without_help(value) for name, value in item.items() if (key[1].partition("#")[0], name) not in _SINCE
        }
        for key, item in items.items()
        if not key[0].startswith(("DOMAIN#", "CLEVER_DISTRICT#", "STUCK#"))
        and key[1] != "WORK_LISTS"
        and not (key[1].startswith("IMPORT#") and item["preview"])
    }


def newest_of(item: dict[str, Any]) -> dict[str, Any]:
    """The newest upload, whole or a delta: which import it is of, and how often that changed."""
    newest = item["deltas"][-1] if item.get("deltas") else item
    return {"import_id": newest["import_id"], "upload": newest["upload"], "version": item["version"]}


def without_help(value: Any) -> Any:
    is_reason = isinstance(value, dict) and {"code", "message", "help"} == value.keys()
    return {"code": value["code"], "message": value["message"]} if is_reason else value


STEPS = by_step()


@pytest.mark.parametrize("step", STEPS)
def test_a_step_goes_on_from_what_an_earlier_version_wrote(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # It held an import for one id of somebody else.
    monkeypatch.setattr(import_safety, "_FEWEST_REUSED", 1)
    for before, entry in STEPS[step]:
        world, expected = before.world(), before.after(entry)
        answer = world.steps().run(step, Import.from_event(entry["import"]), entry["shard"])
        new = {key: item for key, item in world.table.items.items() if "FORMER#" in key[1] and key not in before.items}
        if step in ("apply", "members"):
            # Who had an address before is noted since, a class has its students, and who holds an address is written by a later
            # step: a count of writes that were made counts others.
            del answer["writes"], entry["answer"]["writes"]
        if answer.get("next") == "split" and entry["import"]["upload"]["key"].endswith(".zip"):
            # One worker reads many parts of a zip since.
            assert answer.pop("shards") == entry["answer"].pop("shards")[:1]
        if step == "finish" and answer.get("next") == "names":
            # Names are sorted since, by a step of its own.
            del answer["next"]
        assert answer == entry["answer"], entry["import"]
        assert_same(world.s3.objects, expected.objects)
        found, told = without_claims(world.table.items), without_claims(expected.items)
        assert classes_of(found) == classes_of(told)
        assert without_holders(found) == without_holders(told) | new
        assert world.sqs.messages == expected.messages


def classes_of(items: Mapping[tuple[str, str], dict[str, Any]]) -> dict[str, tuple[dict[str, Any], list[str]]]:
    """Each class with its students, wherever these stand."""
    return {
        pk: (
            {name: value for name, value in item.items() if name != "students"},
            unpacked_ids(item["students"])
            if "students" in item
            else list(items.get((pk, "MEMBERS"), {}).get("student_ids", ())),
        )
        for (pk, sk), item in items.items()
        if sk == "CLASS"
    }


def without_holders(items: Mapping[tuple[str, str], dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    """The items without classes, and without those that say who of a roster holds an address or a Clever id."""
    return {
        (pk, sk): item
        for (pk, sk), item in items.items()
        if sk not in ("CLASS", "MEMBERS") and not (sk.startswith("USER#") and pk.startswith(("EMAIL#", "CLEVER#")))
    }


def test_the_recording_has_every_step() -> None:
    steps = {"open", "split", "admit", "people", "classes", "gate", "apply", "members", "match", "finish"}
    assert set(STEPS) == steps


def test_the_next_night_after_an_earlier_version_removes_and_mails_nobody() -> None:
    """Its table and its snapshot, with mails that are out, and the roster that stands with a line more of nothing."""
    # Given
    *_, (before, entry) = recorded()
    state = before.after(entry)
    world = state.world()
    world._sequencers = 100
    files = unzipped(state.objects["rosters", "rosters/lakeside/second-same.zip"])
    people, messages = roster_of(world), list(world.sqs.messages)
    kept = {
        key: item for key, item in world.table.items.items() if key[1].startswith(("LINK", "ACTIVATION", "ACCOUNT"))
    }
    # When
    report = world.upload({**files, "users.csv": files["users.csv"] + "\n\n"}, name="next-night")
    # Then
    assert report["status"] == "completed", report.get("reason")
    assert [report[kind][count] for kind in ("users", "classes") for count in ("created", "changed", "removed")] == [
        0
    ] * 6
    assert report["activations"]["queued"] == 0
    assert (roster_of(world), world.sqs.messages) == (people, messages)
    assert kept, "mails are out"
    assert {key: world.table.items[key] for key in kept} == kept


def roster_of(world: World) -> dict[tuple[str, str], dict[str, Any]]:
    return {key: dict(item) for key, item in world.table.items.items() if key[1] in ("ROSTER", "CLASS")}


class WiderRecord(PersonRecord, array_like=True):
    """A person's record with a column that earlier versions did not know."""

    grade: str = ""


def test_a_new_column_at_the_end_of_a_record_leaves_old_lines_readable() -> None:
    line = b'["s1","student","Kim","Lee",null,"s1",[],["o1"],[["student",["c1"]]]]'
    old = Decoder(PersonRecord).decode(line)
    wider = Decoder(WiderRecord).decode(line)
    assert (wider.grade, wider.enrollments) == ("", old.enrollments)
    assert begins(json.loads(packed(wider)), json.loads(line))
    assert packed(wider).endswith(b',""]\n')
    assert Decoder(PersonRecord).decode(packed(wider)) == old
