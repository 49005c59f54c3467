"""The text of rows: cells that are missing, accents in two forms, characters that nobody sees (M2)."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest

from functions.import_step.csv_table import _UNSEEN, AROUND_A_VALUE
from tests.builders import ENROLLMENTS, USERS, enrolled, key, roster, user
from tests.harness import World


@pytest.fixture
def world() -> World:
    made = World()
    made.register()
    return made


def notes(report: dict[str, Any]) -> dict[str, tuple[str | None, int | None]]:
    """File and line of each note, by its code."""
    return {note["code"]: (note.get("file"), note.get("line")) for note in report["notes"]}


def named(world: World, sourced_id: str) -> tuple[str, str]:
    found = world.users.get(key(sourced_id))
    assert found is not None
    return found.given_name, found.family_name


def test_what_may_surround_a_value_is_every_blank_and_what_nobody_sees() -> None:
    """The list is written out, as to look at every letter takes a worker that somebody waits for ten milliseconds."""
    every = map(chr, range(0x10000))
    assert {letter for letter in every if letter.isspace() or _UNSEEN.match(letter)} == set(AROUND_A_VALUE)


# Cells that are missing.


@pytest.mark.parametrize("cell", range(1, 12))
def test_a_row_with_a_cell_too_few_is_rejected_and_changes_nobody(world: World, cell: int) -> None:
    whole = "s1,,,true,o1,student,ada,,Ada,Lee,ada@lakeside.example,secret\n"
    world.upload(roster(whole, user("s2")))
    cells = whole.split(",")
    report = world.upload(roster(",".join(cells[:cell] + cells[cell + 1 :]).strip() + "\n", user("s2")), name="shifted")
    assert [(reject["code"], reject["line"]) for reject in report["rejects"]] == [("too_few_fields", 2)]
    assert named(world, "s1") == ("Ada", "Lee")


def test_a_file_whose_rows_leave_out_what_is_blank_at_their_end_is_read(world: World) -> None:
    header = USERS.strip() + ",grades,phone\n"
    rows = [f"s{n},,,true,o1,student,s{n},,Kim,Person,s{n}@lakeside.example,pw" for n in range(6)]
    full = ["s9,,,true,o1,student,s9,,Kim,Person,s9@lakeside.example,pw,9,555"]
    report = world.upload({**roster(), "users.csv": header + "\n".join(rows + full) + "\n"})
    assert (report["users"]["created"], report["rejects"]) == (7, [])


def test_a_short_row_among_rows_that_keep_their_blanks_is_rejected(world: World) -> None:
    header = USERS.strip() + ",grades,phone\n"
    rows = [f"s{n},,,true,o1,student,s{n},,Kim,Person,s{n}@lakeside.example,pw,," for n in range(6)]
    short = ["s9,,,true,o1,student,s9,,Kim,Person,s9@lakeside.example,pw"] * 2
    report = world.upload({**roster(), "users.csv": header + "\n".join(rows + short) + "\n"})
    assert [reject["line"] for reject in report["rejects"]] == [8, 9]


def test_blank_lines_and_lines_of_commas_are_no_rows(world: World) -> None:
    files = roster(user("s1"), "\n", ",,,\n", "   \n", user("s2"))
    report = world.upload(files)
    assert (report["users"]["read"], report["rejects"]) == (2, [])


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_excels_first_line_names_the_delimiter(world: World, delimiter: str) -> None:
    body = f"sep={delimiter}\n" + (USERS + user("s1")).replace(",", delimiter)
    report = world.upload({**roster(), "users.csv": body})
    assert (report["status"], report["users"]["created"]) == ("completed", 1)


# Accents.


def test_names_saved_in_another_unicode_form_are_no_changes(world: World) -> None:
    rows = [user(f"s{n}", given="José Ångström Nguyễn") for n in range(30)]
    world.upload(roster(*rows))
    again = roster(*(unicodedata.normalize("NFD", row) for row in rows))
    assert again != roster(*rows)
    report = world.upload(again)
    assert (report["status"], report["users"]["unchanged"], report["users"]["changed"]) == ("completed", 30, 0)


def test_names_that_stood_in_another_form_are_put_right_and_are_no_changes(world: World, monkeypatch: Any) -> None:
    rows = [user(f"s{n}", given=unicodedata.normalize("NFD", "José")) for n in range(30)]
    with monkeypatch.context() as before:
        before.setattr("functions.import_step.partition._name", lambda text: text)
        world.upload(roster(*rows))
    assert named(world, "s1")[0] == unicodedata.normalize("NFD", "José")
    report = world.upload(roster(*(unicodedata.normalize("NFC", row) for row in rows)))
    assert (report["status"], report["users"]["unchanged"], report["users"]["changed"]) == ("completed", 30, 0)
    assert named(world, "s1")[0] == "José"


# What nobody sees.


@pytest.mark.parametrize("unseen", ["\u200b", "\ufeff", "\u00a0", "\u2060", " \u200b ", "\u200e"])
def test_unseen_characters_around_ids_and_addresses_go(world: World, unseen: str) -> None:
    teacher = f"{unseen}t1{unseen},,,true,o1,teacher,t1,,Ada,Lee,{unseen}t1@lakeside.example{unseen},pw\n"
    report = world.upload(roster(teacher, enrollments=enrolled(f"t1{unseen}", "teacher", f"{unseen}c1")))
    assert (report["rejects"], report["activations"]["queued"]) == ([], 1)
    found = world.users.get(key("t1"))
    assert found is not None
    assert (found.official_email, found.teaches) == ("t1@lakeside.example", ("c1",))


def test_unseen_characters_within_an_address_go(world: World) -> None:
    world.upload(roster(user("t1", "teacher", email="ada.\u200blee@lake\u00adside.example")))
    found = world.users.get(key("t1"))
    assert found is not None
    assert found.official_email == "ada.lee@lakeside.example"


def test_an_address_that_cannot_be_used_is_noted_with_its_first_line(world: World) -> None:
    report = world.upload(
        roster(user("t0", "teacher"), *(user(f"t{n}", "teacher", email="ada at home") for n in (1, 2)))
    )
    assert notes(report)["email_not_usable"] == ("users.csv", 3)


def test_a_shift_in_enrollments_enrolls_nobody(world: World) -> None:
    files = {
        **roster(user("s1"), user("s2")),
        "enrollments.csv": ENROLLMENTS + "e1,,,c1,o1,s1,student\ne2,,c1,o1,s2,student\n",
    }
    report = world.upload(files)
    assert [(reject["code"], reject["line"]) for reject in report["rejects"]] == [("too_few_fields", 3)]
    assert report["enrollments"]["created"] == 1
