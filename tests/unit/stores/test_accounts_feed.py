"""The accounts feed: what a line says is kept, what it does not say stays, and a bad line costs itself alone (M2, M7)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared.stores.keys import FEEDS, district_pk, grassroots_class_key, membership_key, pair, scores_key
from tests.builders import account, key, roster, user
from tests.harness import World

OWN = "ada@mail.example"


@pytest.fixture
def world() -> World:
    found = World()
    found.register()
    return found


def algebra(class_id: str = "c1", *, students: tuple[str, ...] = ("s1", "s2"), **more: Any) -> dict[str, Any]:
    task = {"assignment_id": "a1", "title": "Equations", "content_id": "x", "scores": {"s1": 80}}
    return {
        "class_id": class_id, "name": "Algebra", "student_account_ids": list(students), "assignments": [task], **more,
    }  # fmt: skip


# Whether an address is verified.


def test_an_address_that_is_repeated_without_a_word_stays_verified(world: World) -> None:
    world.feed(account("ada", OWN))
    line = {"account_id": "ada", "email": "Ada@mail.example", "display_name": "Ada Lovelace"}
    assert world.feed(line)["changed"] == 1
    stored = world.accounts.get("ada")
    assert stored
    assert (stored.display_name, stored.email_verified) == ("Ada Lovelace", True)


def test_another_address_is_not_verified_until_a_line_says_so(world: World) -> None:
    world.feed(account("ada", OWN))
    world.feed({"account_id": "ada", "email": "other@mail.example"})
    stored = world.accounts.get("ada")
    assert stored
    assert not stored.email_verified
    world.feed({"account_id": "ada", "email": "other@mail.example", "email_verified": True})
    stored = world.accounts.get("ada")
    assert stored
    assert stored.email_verified


def test_a_new_account_without_a_word_is_not_verified(world: World) -> None:
    world.feed({"account_id": "ada", "email": OWN})
    stored = world.accounts.get("ada")
    assert stored
    assert not stored.email_verified


# A class that moves.


def test_a_class_that_moves_to_a_colleague_has_one_owner(world: World) -> None:
    # Given a class of ada's, which she keeps
    world.feed(account("ada", OWN, classes=[algebra(), algebra("c2")]))
    world.accounts.classes.keep("ada", "c1", now=world.now)
    # When ben's line has it
    world.feed(account("ben", "ben@mail.example", classes=[algebra(students=("s2", "s3"))]))
    # Then it is ben's alone, scores, students and all
    assert [owned.class_id for owned in world.accounts.classes.owned("ada")] == ["c2"]
    (moved,) = world.accounts.classes.owned("ben", with_scores=True)
    assert (moved.class_id, moved.student_account_ids) == ("c1", ("s2", "s3"))
    assert moved.assignments[0].scores == {"s1": 80}
    items = world.table.items
    assert pair(scores_key("ada", "c1", "a1")) not in items
    assert "owner_account_id" not in items[pair(membership_key("s1", "c1"))], "who is in it no more"
    assert [each.class_id for each in world.accounts.classes.attended("s1")] == ["c2"]
    assert items[pair(membership_key("s2", "c1"))]["owner_account_id"] == "ben"
    assert items[pair(membership_key("s2", "c2"))]["owner_account_id"] == "ada", "her other class stays hers"
    assert "kept_at" not in items[pair(grassroots_class_key("ben", "c1"))], "what she decided is not his decision"


def test_a_class_that_was_deleted_here_stays_deleted_when_it_moves(world: World) -> None:
    world.feed(account("ada", OWN, classes=[algebra()]))
    world.accounts.classes.delete("ada", "c1", event={"PK": "OUTBOX#1", "SK": "EVENT"}, now=world.now)
    world.feed(account("ben", "ben@mail.example", classes=[algebra()]))
    (moved,) = world.accounts.classes.owned("ben")
    assert moved.deleted_at is not None


def test_a_class_that_moves_and_comes_back_is_the_first_owners(world: World) -> None:
    for owner in ("ada", "ben", "ada"):
        world.feed(account(owner, f"{owner}@mail.example", classes=[algebra(name=f"Algebra of {owner}")]))
        # The next line is another one than before, even where it says the same.
        world.feed({"account_id": owner, "last_login_at": f"2026-09-0{len(owner)}"})
    assert [owned.class_id for owned in world.accounts.classes.owned("ada")] == ["c1"]
    assert world.accounts.classes.owned("ben") == []


# Lines that cannot be used.


@pytest.mark.parametrize(
    "moment", ["08/20/2025", "yesterday", "", "2025-13-01", "0001-01-01T00:00:00+14:00", "2025-08-20T25:00:00Z"]
)
@pytest.mark.parametrize("column", ["last_activity_at", "created_at"])
def test_a_moment_that_is_none_rejects_the_line(world: World, column: str, moment: str) -> None:
    report = world.feed(account("ada", OWN, classes=[algebra(**{column: moment})]), account("ben", "ben@mail.example"))
    (reject,) = report["rejects"]
    assert (report["created"], report["rejected"], reject["line"]) == (1, 1, 1)
    assert reject["column"] == f"classes.{column}"
    assert "2025-08-20" in reject["message"]
    assert world.accounts.get("ada") is None


@pytest.mark.parametrize("moment", ["2025-08-20", "2025-08-20T10:00:00Z", "2025-08-20T10:00:00.123+02:00", None])
def test_a_moment_of_iso_8601_is_kept(world: World, moment: str | None) -> None:
    report = world.feed(account("ada", OWN, last_login_at=moment, classes=[algebra(last_activity_at=moment)]))
    assert (report["created"], report["rejects"]) == (1, [])


def test_a_moment_that_an_earlier_version_took_is_left_out(world: World) -> None:
    world.feed(account("ada", OWN, classes=[algebra(last_activity_at="2025-08-20")]))
    world.table.items[pair(grassroots_class_key("ada", "c1"))]["last_activity_at"] = "08/20/2025"
    (owned,) = world.accounts.classes.owned("ada")
    assert owned.last_activity_at is None


def test_a_byte_order_mark_before_the_first_line_is_no_mistake(world: World) -> None:
    lines = [json.dumps(account(name, f"{name}@mail.example")).encode() for name in ("ada", "ben")]
    report = world.feed_lines([b"\xef\xbb\xbf" + lines[0], lines[1]])
    assert (report["created"], report["rejects"]) == (2, [])
    assert world.feed_lines(lines)["unchanged"] == 2


# An account that the platform closed.


def test_a_closed_account_is_nobodys_match_any_more(world: World) -> None:
    # Given a teacher who is matched
    world.feed(account("ada", "t1@lakeside.example", clever_id="clever-1", google_sub="google-1"))
    world.upload(roster(user("t1", "teacher")))
    assert world.links.of_user(key("t1"))
    # When the platform closes the account
    world.feed({"account_id": "ada", "closed_at": "2026-09-02T10:00:00Z"})
    # Then nothing leads to it, and the teacher is mailed
    assert world.links.of_user(key("t1")) is None
    assert not [pk for pk, sk in world.table.items if pk.startswith(("EMAIL#", "CLEVER#")) and sk == "ACCOUNT#ada"]
    assert world.identifiers.account_by_subject("https://accounts.google.com", "google-1") is None
    world.queue_due_activations().run()
    world.send_mail()
    assert [mail["To"] for mail in world.ses.sent] == ["t1@lakeside.example"]


def test_an_account_that_is_opened_again_is_found_again(world: World) -> None:
    world.feed(account("ada", "t1@lakeside.example"))
    world.feed({"account_id": "ada", "closed_at": "2026-09-02T10:00:00Z"})
    world.feed({"account_id": "ada", "closed_at": None})
    world.upload(roster(user("t1", "teacher")))
    link = world.links.of_user(key("t1"))
    assert link
    assert link.account_id == "ada"


def test_the_same_file_again_writes_nothing(world: World) -> None:
    lines = [account("ada", OWN, classes=[algebra()]), account("ben", "ben@mail.example", closed_at="2026-09-01")]
    world.feed(*lines)
    before = {at: item for at, item in world.table.items.items() if at[0] != district_pk(FEEDS)}
    assert world.feed(*lines)["unchanged"] == 2
    assert {at: item for at, item in world.table.items.items() if at[0] != district_pk(FEEDS)} == before
