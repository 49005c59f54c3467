"""Names in a district of several files of people: sorted once by the import, and found with one read of a part (B7)."""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.import_step import shards
from functions.import_step.plan import Import
from shared.domain.person_name import name_words
from shared.stores import people_search, sorted_names
from shared.stores.import_files import ImportFiles
from shared.stores.import_state import ImportStateStore
from shared.stores.people_search import MOST_SHARDS, PeopleFound, PeopleSearch
from shared.stores.sorted_names import NamePlaces, name_lines
from tests.builders import roster, user
from tests.harness import World, roll_back, run_step, zipped
from tests.pages_harness import Counting, Website
from tests.state_machine import IMPORT

D = "lakeside"
NAMES_FILE = f"snapshots/{D}/now/names.jsonl"
LETTERS = st.text("abcñéßøж金'- ", min_size=1, max_size=7)


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few people are as many as a million: places lie close together, and little is read."""
    monkeypatch.setattr(sorted_names, "_BLOCK", 1)
    monkeypatch.setattr(people_search, "_MOST_FOR_A_SLIP", 400)
    monkeypatch.setattr(people_search, "_MOST_READ", 2_000)


def applied(*people: tuple[str, str], number: int = 4, world: World | None = None) -> World:
    """A world whose roster of these people (given and family name) was applied in so many files, and whose names were sorted."""
    world = world or World()
    for shard in range(number):
        lines = [
            json.dumps([f"p{n}", "student", given, family, None, None, [], [f"o{n % 2}"], []], ensure_ascii=False)
            for n, (given, family) in enumerate(people)
            if n % number == shard
        ]
        key = f"snapshots/{D}/now/people-{shard}.jsonl"
        world.s3.objects["snapshots", key] = "".join(f"{line}\n" for line in lines).encode()
    item = {"PK": f"DISTRICT#{D}", "SK": "SNAPSHOT", "snapshot_id": "now", "shards": number, "content": ""}
    world.table.items[item["PK"], item["SK"]] = {**item, "standing": {}, "read": {}}
    sort_names(world)
    return world


def sort_names(world: World) -> None:
    event = {"import_id": "now", "district_id": D, "upload": {"key": "", "etag": "", "event_time": "", "sequencer": ""}}
    world.steps().run("names", Import.from_event(event))


def search(world: World, name: str, *, school: str = "", most: int = 50) -> PeopleFound:
    files = ImportFiles(world.s3, "snapshots")
    finder = PeopleSearch(ImportStateStore(world.table), files)
    return finder.by_name(D, name, most, lambda person: school in ("", *person.school_ids))


def names_in(world: World, name: str, **how: Any) -> list[str]:
    return [person.name for person in search(world, name, **how).people]


def without_names(world: World) -> None:
    """As the version before left a district."""
    del world.table.items[f"DISTRICT#{D}", "NAMES"]


@given(people=st.lists(st.tuples(LETTERS, LETTERS), max_size=25), query=LETTERS)
def test_sorted_names_find_whom_the_files_of_people_find(people: list[tuple[str, str]], query: str) -> None:
    """All who begin so, whatever is read; those with a slip where the part that is read has them; and nobody else."""
    narrowed = patch.multiple(people_search, _MOST_FOR_A_SLIP=300)
    with patch.object(sorted_names, "_BLOCK", 80), narrowed:
        world = applied(*people, number=2)
        sorted_finds = {person.key for person in search(world, query, most=99).people}
    without_names(world)
    files_find = search(world, query, most=99).people
    words = name_words(query)
    exact = {
        person.key
        for person in files_find
        if all(any(word.startswith(each) for word in name_words(person.name)) for each in words)
    }
    assert exact <= sorted_finds <= {person.key for person in files_find}


CROWD = [(f"Mar{letter}{other}", "Garcia") for letter in "aceiklopst" for other in "abehno"]


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("zoe", ["Zoë Núñez"]),
        ("nunez zo", ["Zoë Núñez"]),
        ("ZOË GARCÍA", []),
        ("Nunex", ["Zoë Núñez"]),
        ("Xunez", []),
        ("garcia sylv", ["Sylvester Garcia"]),
        ("Жан", ["Жанна 金"]),
        ("金", ["Жанна 金"]),
        ("o'ne", ["Ann O'Neill"]),
        ("", []),
        ("123", []),
    ],
)
def test_one_read_finds_accents_scripts_several_words_and_a_slip(query: str, found: list[str]) -> None:
    people = [("Zoë", "Núñez"), ("Жанна", "金"), ("Ann", "O'Neill"), ("Sylvester", "Garcia"), ("Nunzia", "Xavier")]
    others = [("Nu" + letter, "Garcia") for letter in "abcdefghiklm"]
    world = applied(*people, *others, *CROWD)
    assert names_in(world, query) == found


@pytest.mark.usefixtures("narrow")
def test_where_more_may_fit_than_are_read_it_is_said() -> None:
    world = applied(*CROWD)
    assert search(world, "garcia").has_more
    assert search(world, "ma", most=5).has_more
    found = search(world, "marka")
    assert (found.has_more, found.begins_right) == (False, True)
    assert found.people[0].name == "Marka Garcia"


def test_a_schools_administrator_finds_its_people_behind_many_others() -> None:
    world = applied(*[("Kim", f"Other{chr(97 + n % 26)}") for n in range(200)])
    assert len(names_in(world, "kim", school="o1", most=100)) == 100
    assert {person.school_ids for person in search(world, "kim", school="o1").people} == {("o1",)}


def test_who_is_called_so_comes_before_who_is_but_for_a_letter() -> None:
    world = applied(("Ann", "Hoppes"), ("Zoe", "Hopper"), ("Bo", "Hoppers"))
    assert names_in(world, "hopper") == ["Bo Hoppers", "Zoe Hopper", "Ann Hoppes"]


def test_words_are_in_order_however_they_are_spread_over_the_files() -> None:
    words = [f"{a}{b}{c}" for a in "mñж" for b in "bac'" for c in "зeéda"]
    world = applied(*[(word, words[-n]) for n, word in enumerate(words)], *[("Kim", "金")] * 300, number=8)
    found = [(line.word, line.person_id) for line in name_lines(world.s3.objects["snapshots", NAMES_FILE])]
    assert found == sorted(found)
    assert len({person_id for _, person_id in found}) == len(words) + 300


def test_places_of_a_million_people_lie_in_a_small_item() -> None:
    letters = "abcdefghijklmnopqrstuvwxyz"
    beginnings = sorted(f"{a}{b}{a}{b}{c}{a}{b}{c}" for a in letters for b in letters for c in letters[:4])
    offsets = [n * 65_600 for n in range(len(beginnings))]
    places = NamePlaces(beginnings, offsets, offsets[-1] + 65_000)
    packed = places.packed()
    assert len(beginnings) * 65_600 > 170_000_000
    assert len(packed) < 32_000
    assert NamePlaces.unpacked(packed) == places
    start, length = places.of("kim")
    assert length < 3 * 65_600
    assert start < places.size


# In the pages.


def website(gate: Counting, number: int) -> Website:
    """A district whose people of the table and of the files are the same few, in as many files as a million has."""
    world = World(gate=gate)
    world.register()
    world.upload(roster(user("d1", "districtAdministrator", given="Dana"), user("p1", "principal", given="Pat")))
    applied(("Ada", "Person"), ("Grace", "Hopper"), ("Zoë", "Person"), number=number, world=world)
    return Website(world, gate=gate)


def found_on_page(web: Website, query: str, who: str = "d1") -> Any:
    page = web.visitor(sub=f"google-{who}", email=f"{who}@lakeside.example", email_verified=True)
    page = page.open("/sso/lakeside").press("Continue with Google").open("/console/lakeside/people")
    return page, lambda: page.press("Search", query=query)


@pytest.mark.parametrize("query", ["zoe", "zoe person", "Zoé Person", "Hoppr"])
def test_a_search_by_name_among_a_million_costs_four_calls(query: str) -> None:
    gate = Counting()
    web = website(gate, 64)
    _, press = found_on_page(web, query)
    gate.calls.clear()
    page = press()
    assert len(page.page.css("li.card a")) == 1
    assert gate.calls.total() <= 4, gate.calls


def test_a_search_that_the_version_before_left_without_names_is_as_it_was() -> None:
    gate = Counting()
    web = website(gate, 64)
    without_names(web.world)
    _, press = found_on_page(web, "zoe")
    assert "search by number or by the whole address" in press().text
    applied(("Zoë", "Person"), number=MOST_SHARDS, world=web.world)
    assert len(press().page.css("li.card a")) == 1
    del web.world.s3.objects["snapshots", NAMES_FILE]
    assert len(press().page.css("li.card a")) == 1, "a file that is gone"


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize(
    ("language", "slip", "more"),
    [
        ("en", "not in the first letters of a name", "Type more letters, or another part of the name"),
        ("es", "no en las primeras letras", "Escriba más letras u otra parte del nombre"),
    ],
)
def test_the_page_says_what_is_forgiven_and_when_to_type_more(language: str, slip: str, more: str) -> None:
    web = website(Counting(), 64)
    applied(*CROWD, number=64, world=web.world)
    page, _ = found_on_page(web, "")
    page = page.open(f"/console/lakeside/people?lang={language}")
    button = page.page.css_first("form.search button").text()
    assert slip in page.press(button, query="marka").text
    page = page.open(f"/console/lakeside/people?lang={language}")
    assert more in page.press(button, query="garcia").text


# In an import.


TWELVE = ["Anna", "Boris", "Clara", "Dagmar", "Egon", "Fatima", "Gustav", "Helen", "Igor", "Judith", "Klaus", "Lena"]


def grown(monkeypatch: pytest.MonkeyPatch, gate: Any = None) -> World:
    monkeypatch.setattr(shards, "PEOPLE_PER_SHARD", 1)
    world = World(gate=gate) if gate else World()
    world.register(removal_threshold_count=1_000, removal_threshold_percent=100)
    world.upload(roster(*(user(f"s{n}", given=given) for n, given in enumerate(TWELVE))), name="first")
    return world


def names_files(world: World) -> set[str]:
    return {key for _, key in world.s3.objects if key.endswith("/names.jsonl")}


def test_imports_that_are_applied_sort_names_and_others_write_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    world = grown(monkeypatch)
    assert names_in(world, "boris") == ["Boris Person"]
    files, item = names_files(world), world.table.items[f"DISTRICT#{D}", "NAMES"]
    people = [user(f"s{n}", given=given) for n, given in enumerate(TWELVE)]
    world.upload(roster(*people), name="same")
    world.put(f"previews/{D}/one.zip", zipped(roster(*people, user("new", given="Newcomer"))))
    assert (names_files(world), world.table.items[f"DISTRICT#{D}", "NAMES"]) == (files, item)
    report = world.upload(roster(*people, user("new", given="Newcomer")), name="second")
    assert names_in(world, "newcomer") == ["Newcomer Person"]
    roll_back(world, report["import_id"])
    assert (names_in(world, "newcomer"), names_in(world, "boris")) == ([], ["Boris Person"])


def test_a_district_of_one_file_of_people_is_searched_in_it() -> None:
    world = World()
    world.register()
    world.upload(roster(user("s1")))
    assert not names_files(world)
    assert (f"DISTRICT#{D}", "NAMES") not in world.table.items


class Crash(Exception):
    """The function ends in the midst of a call."""


@pytest.mark.parametrize("is_after", [False, True])
def test_names_that_are_not_sorted_to_the_end_do_no_harm(monkeypatch: pytest.MonkeyPatch, is_after: bool) -> None:
    """Given a crash at any call of the step, before or after it was made; then the import is well, and again it is done."""
    left: list[int] = []

    def gate(_service: str, _operation: str, _request: Any, effect: Any) -> Any:
        if left:
            left[0] -= 1
            if left[0] < 0:
                if is_after:
                    effect()
                raise Crash
        return effect()

    world = grown(monkeypatch, gate)
    report = {key: body for key, body in world.s3.objects.items() if key[0] == "reports"}
    crashes = 0
    while True:
        without_names(world)
        left[:] = [crashes]
        try:
            sort_names(world)
        except Crash:
            left.clear()
            assert search(world, "boris").is_too_large or names_in(world, "boris") == ["Boris Person"]
            sort_names(world)
        else:
            break
        assert names_in(world, "boris") == ["Boris Person"]
        crashes += 1
    assert crashes >= world.table.items[f"DISTRICT#{D}", "SNAPSHOT"]["shards"] + 3, (
        "each file, the sorted one, two of the table"
    )
    assert {key: body for key, body in world.s3.objects.items() if key[0] == "reports"} == report


def test_an_import_is_well_though_its_names_cannot_be_sorted(monkeypatch: pytest.MonkeyPatch) -> None:
    world = grown(monkeypatch)
    steps, seen = world.steps(), []
    world.receive_upload().receive(world.arrive(f"rosters/{D}/next.zip", zipped(roster(user("s0"), user("s1")))))
    (started,) = world.states.started.values()
    position = IMPORT.start(json.loads(started))
    while IMPORT.has_calls(position):
        seen.append(position.state)
        if position.state == "Names":
            position = IMPORT.after_error(position)
        else:
            position = IMPORT.run(position, lambda call: run_step(steps, call))
    assert seen[-3:] == ["Finish", "Names", "NoNames"]
    assert IMPORT.kind(position) == "Succeed"
    assert position.data["answer"]["status"] == "completed"
    assert names_in(world, "boris") == ["Boris Person"], "the names of what stood before are looked in until then"


def test_names_of_a_snapshot_that_stands_no_more_are_not_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    world = grown(monkeypatch)
    before = world.table.items[f"DISTRICT#{D}", "NAMES"]
    assert not ImportStateStore(world.table).note_names(D, "earlier", b"")
    assert world.table.items[f"DISTRICT#{D}", "NAMES"] == before


def test_who_is_deleted_is_in_no_names_and_all_others_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorted_names, "_BLOCK", 1)
    world = grown(monkeypatch)
    ImportFiles(world.s3, "snapshots").forget_person(D, "s3")
    found = names_in(world, "person")
    assert len(found) == 11
    assert "Dagmar Person" not in found
    assert names_in(world, "egon") == ["Egon Person"]
