"""A file of the accounts feed, from its arrival to its report: parts, restarts, files that come late or together (M4, M7)."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from functions.accounts_feed import feed as feed_sizes
from functions.accounts_feed import feed_steps
from functions.accounts_feed.account_line import account_line
from functions.accounts_feed.feed import fingerprint_of
from functions.accounts_feed.look_again import LookAgain
from shared.runtime.report_words import explained
from shared.stores.keys import FEEDS, account_key, district_pk, mastery_key, pair
from shared.stores.uploads import Uploads, lines_of
from tests.builders import account, key, roster, user
from tests.depth import depth
from tests.fakes.dynamodb import Effect, Gate
from tests.harness import WEB, World, run_feed, run_feed_step
from tests.state_machine import FEED

OWN = "ada@mail.example"


@pytest.fixture
def world() -> World:
    return made()


def made(**more: Any) -> World:
    world = World(**more)
    world.register()
    return world


def people(number: int = 40, **more: Any) -> list[dict[str, Any]]:
    return [account(f"a{n:03}", f"a{n:03}@mail.example", **more) for n in range(number)]


def points(*skills: str, earned: int = 50) -> dict[str, Any]:
    return {skill: {"points": earned, "updated_at": "2026-05-01T10:00:00Z"} for skill in skills}


def of_accounts(world: World) -> dict[tuple[str, str], Any]:
    """What the table has, but for what the feeds have for themselves."""
    return {at: item for at, item in world.table.items.items() if at[0] != district_pk(FEEDS)}


def units(world: World) -> int:
    own = ("FEEDS", "FEED", "LOCK", "PROGRESS")
    return sum(number for kind, number in world.table.meter.write_units.items() if kind not in own)


def in_small_parts(monkeypatch: pytest.MonkeyPatch, part: int = 500, shard: int = 1_000) -> None:
    for module in (feed_sizes, feed_steps):
        monkeypatch.setattr(module, "PART", part)
    monkeypatch.setattr(feed_sizes, "SHARD", shard)


def counts(report: dict[str, Any]) -> list[Any]:
    return [report[name] for name in ("read", "created", "changed", "unchanged", "rejected")]


# Parts and shards.


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_a_file_that_is_cut_anywhere_has_the_same_lines(world: World, ends: str) -> None:
    body = ends.join(["one", "", "three", "x" * 30, "last"]).encode()
    upload = world.arrive("accounts/a.jsonl", body)
    uploads = Uploads(world.s3, "rosters")

    def part(start: int, end: int) -> list[bytes]:
        return list(uploads.part(upload.key, 20, version_id=None, etag=upload.etag, start=start, end=end))

    for cut in range(len(body) + 1):
        assert part(0, cut) + part(cut, len(body)) == list(lines_of([body], 20)), cut


def test_a_file_in_many_parts_and_shards_is_reported_as_in_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a file with lines that cannot be used, and blank ones
    texts = [json.dumps(line).encode() for line in people()]
    texts[7], texts[20], texts[33] = b"{", b"", b'{"account_id": 5}'
    whole = made().feed_lines(texts)
    # When it is read in parts
    in_small_parts(monkeypatch)
    report = world.feed_lines(texts)
    # Then nothing differs but the time
    assert report == {**whole, "finished_at": report["finished_at"]}
    assert counts(report) == [39, 37, 0, 0, 2]
    assert [(r["line"], r["column"]) for r in report["rejects"]] == [(8, 1), (34, "account_id")]
    assert counts(world.feed_lines(texts)) == [39, 0, 0, 37, 2]


def test_a_snapshot_grows_with_the_files_and_forgets_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    few, many = people(3), people(40)
    world.feed(*few)
    in_small_parts(monkeypatch)
    assert counts(world.feed(*many)) == [40, 37, 0, 3, 0]
    before = units(world)
    assert counts(world.feed(*few, name="few")) == [3, 0, 0, 3, 0]
    assert counts(world.feed(*many)) == [40, 0, 0, 40, 0]
    assert units(world) == before


def test_the_snapshot_names_no_account(world: World) -> None:
    world.feed(account("kaid-ada", OWN))
    kept = [body for (bucket, key), body in world.s3.objects.items() if bucket == "snapshots" and "snapshots/" in key]
    assert kept
    assert not any(b"kaid" in body or b"ada" in body for body in kept)


# Cost (B8).


def test_accounts_cost_few_requests_and_one_unit_for_each_item(world: World) -> None:
    lines = [account(f"a{n}", None, mastery=points("s1", "s2", "s3")) for n in range(500)]
    assert max(len(json.dumps(line)) for line in lines) <= 700
    requests, before = sum(world.table.meter.requests.values()), units(world)
    world.feed(*lines)
    assert units(world) - before == 500
    assert (sum(world.table.meter.requests.values()) - requests) / 500 <= 0.1


def test_a_line_that_changed_costs_itself_and_no_other(world: World) -> None:
    lines = people(100)
    world.feed(*lines)
    before = units(world)
    lines[50]["display_name"] = "Ada Lovelace"
    assert counts(world.feed(*lines)) == [100, 0, 1, 99, 0]
    assert units(world) - before == 1


def test_of_a_class_what_changed_is_written(world: World) -> None:
    students = [f"s{n}" for n in range(30)]
    task = {"assignment_id": "w", "title": "W", "scores": dict.fromkeys(students, 5)}
    owned = {"class_id": "c", "name": "C", "student_account_ids": students, "assignments": [task]}
    world.feed(account("ada", OWN, classes=[owned]))
    before = units(world)
    world.feed(account("ada", OWN, classes=[{**owned, "student_account_ids": [*students[1:], "new"]}]))
    assert units(world) - before <= 4, "the class, who left and who came; not everybody else, nor the scores"


def test_only_an_address_of_a_districts_domain_is_looked_up(world: World) -> None:
    queries = world.table.meter.requests.get("Query", 0)
    world.feed(*people(30), account("own", "own@lakeside.example"))
    # One for the accounts on it, and one for the people.
    assert world.table.meter.requests.get("Query", 0) - queries == 2


# Skills within the account and apart.


def test_skills_that_outgrow_the_account_stand_apart_and_nobody_goes_down(world: World) -> None:
    world.feed(account("kid", None, mastery=points("a", earned=80)))
    assert "skills" in world.table.items[pair(account_key("kid"))]
    assert pair(mastery_key("kid")) not in world.table.items
    many = [f"skill-{n:03}" for n in range(40)]
    world.feed(account("kid", None, mastery=points("a", *many, earned=30)))
    assert "skills" not in world.table.items[pair(account_key("kid"))]
    mastery = world.accounts.mastery("kid")
    assert (mastery["a"].points, mastery["skill-000"].points, len(mastery)) == (80, 30, 41)


def test_skills_that_an_earlier_version_wrote_apart_count(world: World) -> None:
    world.table.put_item(Item={**mastery_key("kid"), "skills": points("a", "b", earned=70), "version": 3})
    world.feed(account("kid", None))
    world.feed(account("kid", None, mastery=points("a", earned=20)))
    assert {skill: m.points for skill, m in world.accounts.mastery("kid").items()} == {"a": 70, "b": 70}


# What an earlier version loaded.


def test_what_an_earlier_version_loaded_is_neither_written_nor_mailed_again(world: World) -> None:
    # Given an account as the version before left it, matched with a teacher
    line = account("ada", "t1@lakeside.example", display_name="Person t1")
    body = account_line(json.dumps(line).encode()).model_dump_json(exclude_unset=True).encode()
    world.feed(line)
    world.upload(roster(user("t1", "teacher")))
    world.table.items[pair(account_key("ada"))] |= {"fingerprint": fingerprint_of([body]), "version": 1}
    for at in [at for at in world.s3.objects if at[0] == "snapshots" and FEEDS in at[1]]:
        del world.s3.objects[at]
    before, items = units(world), of_accounts(world)
    # When its line comes again
    report = world.feed(line)
    # Then nothing is done, and the next time nothing is even read
    assert (counts(report), units(world) - before, of_accounts(world)) == ([1, 0, 0, 1, 0], 0, items)
    assert world.links.of_user(key("t1"))
    world.queue_due_activations().run()
    assert world.sqs.messages == []
    reads = world.table.meter.requests["BatchGetItem"]
    world.feed(line)
    assert world.table.meter.requests["BatchGetItem"] == reads


# Several lines about one account.


def test_of_two_lines_about_one_account_the_later_one_counts_and_it_is_told(world: World) -> None:
    lines = [
        account("ada", OWN, display_name="Ada"),
        account("ben", None),
        {"account_id": "ada", "display_name": "Eve"},
    ]
    report = world.feed(*lines)
    found = world.accounts.get("ada")
    assert found
    assert (found.display_name, found.email, counts(report)) == ("Eve", OWN, [3, 2, 1, 0, 0])
    (note,) = report["notes"]
    assert (note["code"], note["count"], note["line"]) == ("account_twice", 1, 3)
    before = units(world)
    assert counts(world.feed(*lines)) == [3, 0, 0, 3, 0]
    assert units(world) == before


# Rejects.


def test_a_line_that_is_no_json_is_told_with_its_place(world: World) -> None:
    (reject,) = world.feed_lines([b'{"account_id": "ada", "role": teacher}'])["rejects"]
    assert (reject["line"], reject["column"], reject["code"]) == (1, 32, "not_json")
    assert "character 32" in reject["message"]


def test_each_code_of_a_feed_leads_to_its_words_in_any_language(world: World) -> None:
    # Given a file with a line that is none, one with a value that is none, and an account that has two lines
    good = account("ada", OWN)
    lines = [b"no", json.dumps({**good, "account_id": 5}).encode(), *[json.dumps(good).encode()] * 2]
    report = world.feed_lines(lines)
    # When somebody reads what it gives beside each code
    told = [*report["rejects"], *report["notes"]]
    table = world.s3.objects["reports", report["rejects_key"]].decode("utf-8-sig").splitlines()
    # Then there is a page for it, which says it in Spanish, too
    assert [each["code"] for each in told] == ["not_json", "invalid_value", "account_twice"]
    assert [each["help"] for each in told] == [f"{WEB}/help/{each['code']}" for each in told]
    assert [row.rpartition(",")[2] for row in table] == ["help", *(each["help"] for each in told[:2])]
    for each in told:
        (words,) = [one for one in explained(each["code"], "es") if one.place == "Un archivo de cuentas"]
        assert words.said != explained(each["code"], "en")[-1].said


def test_rejects_beyond_the_first_hundred_are_in_a_file(world: World) -> None:
    report = world.feed_lines([b"no"] * 150)
    assert (len(report["rejects"]), report["rejected"]) == (100, 150)
    table = world.s3.objects["reports", report["rejects_key"]].decode("utf-8-sig").splitlines()
    assert (table[0], len(table), table[150].split(",")[0]) == ("line,column,code,message,help", 151, "150")


# Progress.


def test_how_far_a_feed_is_stands_beside_the_report(world: World) -> None:
    def told() -> dict[str, Any]:
        found: dict[str, Any] = json.loads(world.s3.objects["reports", "reports/_accounts/accounts/progress.json"])
        return found

    world.start_feed(json.dumps(account("ada", OWN)).encode())
    position = FEED.start(json.loads(world.states.started.popitem()[1]))
    stages = []
    while FEED.has_calls(position):
        position = FEED.run(position, lambda call: run_feed_step(world.feed_steps(), call))
        stages.append(told()["stage"])
    assert list(dict.fromkeys(stages)) == ["split", "compare", "apply", "ended"]
    assert told()["status"] == "completed"


# Events that come late, twice or together.


def test_a_file_that_was_overtaken_under_its_name_is_left_out(world: World) -> None:
    old = world.arrive("accounts/accounts.jsonl", b'{"account_id": "old"}')
    report = world.feed(account("new", OWN))
    world.take_feed(old, size=30)
    world.run_imports()
    assert world.accounts.get("old") is None
    assert world.report_of_feed() == report


def test_an_event_that_comes_twice_starts_one_feed(world: World) -> None:
    upload = world.start_feed(b"{}")
    world.take_feed(upload, size=2)
    assert len(world.states.started) == 1


def test_of_two_files_at_once_one_waits_for_the_other(world: World) -> None:
    # Given a feed that has begun
    world.start_feed(json.dumps(account("ada", OWN, display_name="First")).encode(), "first")
    first = json.loads(world.states.started.popitem()[1])["feed"]
    position = FEED.run(FEED.start({"feed": first}), lambda call: run_feed_step(world.feed_steps(), call))
    # When another file comes
    world.start_feed(json.dumps(account("ada", OWN, display_name="Second")).encode(), "second")
    second = json.loads(world.states.started.popitem()[1])["feed"]
    assert run_feed(world.feed_steps(), second) == "wait"
    # Then it is loaded when the first one has ended
    while FEED.has_calls(position):
        position = FEED.run(position, lambda call: run_feed_step(world.feed_steps(), call))
    assert run_feed(world.feed_steps(), second) == "completed"
    found = world.accounts.get("ada")
    assert found
    assert found.display_name == "Second"


def test_a_call_that_comes_again_after_its_feed_ended_writes_nothing(world: World) -> None:
    world.start_feed(json.dumps(account("ada", OWN, display_name="First")).encode(), "first")
    event = json.loads(world.states.started.popitem()[1])
    calls: list[dict[str, Any]] = []
    position = FEED.start(event)
    while FEED.has_calls(position):
        calls += FEED.calls(position)
        position = FEED.run(position, lambda call: run_feed_step(world.feed_steps(), call))
    world.feed(account("ada", OWN, display_name="Second"))
    before = of_accounts(world)
    for call in calls:
        if call["step"] in ("apply", "match", "finish"):
            run_feed_step(world.feed_steps(), call)
    assert of_accounts(world) == before


# Calls that fail.


class CallLost(Exception):
    """The function died at this call."""


def dying_at(number: int) -> Gate:
    """A gate at which one call is made, and its answer lost."""
    left = number

    def gate(_service: str, _operation: str, _request: dict[str, Any], effect: Effect) -> dict[str, Any]:
        nonlocal left
        answer = effect()
        left -= 1
        if left == 0:
            raise CallLost
        return answer

    return gate


def loaded(before: World, gate: Gate) -> tuple[World, dict[str, Any]]:
    """A world after a second file, whose steps are called again when they die."""
    world = World()
    world.begin_like(before)
    owned = {"class_id": "c", "name": "C", "student_account_ids": ["kid"]}
    lines = [
        account("ada", "new@mail.example", classes=[owned], mastery=points("a")),
        account("ben", "t2@lakeside.example", display_name="Person t2", google_sub="g1"),
        account("kid", None, mastery=points(*(f"skill-{n:03}" for n in range(40)))),
        {"account_id": 5},
    ]
    world.start_feed(b"\n".join(json.dumps(line).encode() for line in lines))
    event = json.loads(world.states.started.popitem()[1])
    world.table._gate = world.s3._gate = gate
    position = FEED.start(event)
    while FEED.has_calls(position):
        try:
            position = FEED.run(position, lambda call: run_feed_step(world.feed_steps(), call))
        except CallLost:
            continue
    return world, world.report_of_feed()


@pytest.mark.deep
def test_a_feed_that_dies_at_any_call_ends_the_same(world: World) -> None:
    world.upload(roster(user("t1", "teacher"), user("t2", "teacher")))
    world.feed(account("ada", OWN, google_sub="g1"), account("ben", "t1@lakeside.example", display_name="Person t1"))
    calls = 0

    def counting(_service: str, _operation: str, _request: dict[str, Any], effect: Effect) -> dict[str, Any]:
        nonlocal calls
        calls += 1
        return effect()

    clean, report = loaded(world, counting)
    assert counts(report) == [4, 1, 2, 0, 1]
    assert clean.identifiers.account_by_subject("https://accounts.google.com", "g1") == "ben"
    assert calls > 30
    apart = ("activation_id", "version")
    for number in range(1, calls + 1, depth(5, 1)):
        again, told = loaded(world, dying_at(number))
        assert told == report, number
        for at, item in of_accounts(clean).items():
            same = again.table.items.get(at, {})
            assert {k: v for k, v in item.items() if k not in apart} == {
                k: v for k, v in same.items() if k not in apart
            }, (
                number,
                at,
            )
        assert of_accounts(again).keys() == of_accounts(clean).keys(), number


def test_people_of_a_feed_that_died_are_looked_at_with_the_next(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a feed that wrote an account and never came to look at its holder
    world.upload(roster(user("t1", "teacher")))
    line = account("ada", "t1@lakeside.example", display_name="Person t1", google_sub="g1")
    world.start_feed(json.dumps(line).encode())
    event = json.loads(world.states.started.popitem()[1])
    with monkeypatch.context() as patch:
        patch.setattr(LookAgain, "look", lambda *_: 1 / 0)
        position = FEED.start(event)
        while FEED.has_calls(position):
            try:
                position = FEED.run(position, lambda call: run_feed_step(world.feed_steps(), call))
            except ZeroDivisionError:
                position = FEED.after_error(position)
    report = world.report_of_feed()
    assert (report["status"], report["reason"]["code"]) == ("failed", "internal_error")
    assert world.accounts.get("ada")
    assert world.links.of_user(key("t1")) is None
    # When the same file is put again, or any other
    assert counts(world.feed(line)) == [1, 0, 0, 1, 0]
    # Then the teacher is matched, and the Google id leads to the account
    assert world.links.of_user(key("t1"))
    assert world.identifiers.account_by_subject("https://accounts.google.com", "g1") == "ada"
    assert (district_pk(FEEDS), "LOCK") not in world.table.items


def test_who_lost_a_google_id_takes_it_back_with_the_same_line(world: World) -> None:
    ada, bob = (account(name, f"{name}@mail.example", google_sub="g1") for name in ("ada", "bob"))
    world.feed(ada, name="ada")
    world.feed(bob, name="bob")
    world.feed(ada, name="ada")
    assert world.identifiers.account_by_subject("https://accounts.google.com", "g1") == "ada"


def test_an_upload_knows_its_version(world: World) -> None:
    upload = world.arrive("accounts/accounts.jsonl", json.dumps(account("ada", OWN)).encode())
    world.take_feed(replace(upload, version_id="v1"), size=500)
    (event,) = world.states.started.values()
    assert json.loads(event)["feed"]["upload"]["version_id"] == "v1"
