"""Whether and whom to mail is a function of what is true now: what it rests on leads back to those it concerns (M7, M8)."""

from __future__ import annotations

from typing import Any

import pytest

from shared.domain.activation import ActivationState
from shared.domain.link import LinkState
from tests.builders import account, key, roster, user
from tests.harness import World, zipped
from tests.pages_harness import Website

OFFICE = "office@lakeside.example"


@pytest.fixture
def world() -> World:
    found = World()
    found.register()
    return found


def mailed(world: World) -> list[str]:
    """Who has been mailed once the scheduler ran and its queue was read."""
    world.queue_due_activations().run()
    world.send_mail()
    return sorted(mail["To"] for mail in world.ses.sent)


def notes(report: dict[str, Any]) -> dict[str, int | None]:
    return {note["code"]: note.get("count") for note in report["notes"]}


def preview(world: World, files: dict[str, str | bytes]) -> dict[str, Any]:
    return world.report(world.put("previews/lakeside/next.zip", zipped(files)))


# The address of the row.


def test_a_corrected_address_of_an_invited_teacher_is_mailed_and_noted(world: World) -> None:
    # Given a teacher who was mailed at a wrong address
    world.upload(roster(user("t1", "teacher", email="t-one@lakeside.example")))
    assert mailed(world) == ["t-one@lakeside.example"]
    wrong = world.address_in_mail_to("t-one@lakeside.example")
    # When the district corrects it
    corrected = roster(user("t1", "teacher"))
    foreseen = preview(world, corrected)
    report = world.upload(corrected, name="corrected")
    # Then the right one is mailed, and the mail before leads nowhere
    assert (report["activations"], notes(report)["address_corrected"]) == ({"queued": 1, "withheld": 0}, 1)
    assert (foreseen["activations"], foreseen["notes"]) == (report["activations"], report["notes"])
    assert mailed(world) == ["t-one@lakeside.example", "t1@lakeside.example"]
    assert world.address_in_mail_to("t1@lakeside.example") != wrong


def test_a_corrected_address_after_the_link_mails_nobody(world: World) -> None:
    world.upload(roster(user("t1", "teacher")))
    mailed(world)
    activation = world.activations.of_user(key("t1"))
    assert activation
    world.table.items["USER#lakeside#t1", "ACTIVATION"]["used_at"] = "2026-09-02T00:00:00.000Z"
    report = world.upload(roster(user("t1", "teacher", email="ada@lakeside.example")), name="corrected")
    assert report["activations"] == {"queued": 0, "withheld": 0}
    assert mailed(world) == ["t1@lakeside.example"]


def test_a_preview_mails_as_few_as_the_import_when_a_teacher_returns(world: World) -> None:
    # Given a teacher who was mailed, and left
    both, without = roster(user("t1", "teacher"), user("s1")), roster(user("s1"))
    world.upload(both)
    mailed(world)
    world.upload(without, name="without")
    # When
    foreseen, report = preview(world, both), world.upload(both, name="again")
    # Then
    assert foreseen["activations"] == report["activations"] == {"queued": 0, "withheld": 0}
    assert foreseen["notes"] == report["notes"]


# An address that two people share.


@pytest.mark.parametrize("by", ["left", "another address"])
def test_a_shared_address_that_is_corrected_mails_who_keeps_it(world: World, by: str) -> None:
    # Given two teachers with one address
    world.upload(
        roster(user("t1", "teacher", email=OFFICE), user("t2", "teacher", email=OFFICE, given="Bo"), user("s1"))
    )
    assert mailed(world) == []
    # When one of them leaves, or gets an own address
    others = [user("s1")] if by == "left" else [user("s1"), user("t2", "teacher", given="Bo")]
    corrected = roster(user("t1", "teacher", email=OFFICE), *others)
    foreseen = preview(world, corrected)
    report = world.upload(corrected, name="corrected")
    # Then the other one is mailed, too
    assert mailed(world) == sorted([OFFICE, *(["t2@lakeside.example"] if by != "left" else [])])
    assert notes(report)["looked_at_again"] == 1
    assert foreseen["notes"] == report["notes"]
    assert foreseen["activations"] == report["activations"]
    assert report["matching"]["unmatched_teachers"] == (by != "left"), "only those who changed are counted"


def test_an_address_that_is_shared_by_the_time_of_the_mail_is_not_mailed(world: World) -> None:
    # Given a mail that waits for its day
    world.register(activations_from="2026-09-10")
    world.upload(roster(user("t1", "teacher", email=OFFICE)))
    # When somebody else gets the address
    world.upload(
        roster(user("t1", "teacher", email=OFFICE), user("t2", "teacher", email=OFFICE, given="Bo")), name="two"
    )
    world.pass_time(days=20)
    # Then neither is mailed, and the first is when it is an own one again
    assert mailed(world) == []
    world.upload(roster(user("t1", "teacher", email=OFFICE), user("t2", "teacher", given="Bo")), name="corrected")
    assert mailed(world) == [OFFICE, "t2@lakeside.example"]


# The account.


def test_an_account_whose_address_changes_is_no_match_any_more(world: World) -> None:
    # Given a teacher who is matched by an account's address
    world.feed(account("ada", "t1@lakeside.example"))
    world.upload(roster(user("t1", "teacher")))
    assert mailed(world) == []
    # When the account gets another one
    world.feed(account("ada", "ada@mail.example"))
    # Then the teacher is mailed
    assert mailed(world) == ["t1@lakeside.example"]
    assert world.links.of_user(key("t1")) is None


def test_an_account_that_loses_its_verification_is_no_match_any_more(world: World) -> None:
    world.feed(account("ada", "t1@lakeside.example"))
    world.upload(roster(user("t1", "teacher")))
    world.feed(account("ada", "t1@lakeside.example", verified=False))
    assert mailed(world) == ["t1@lakeside.example"]


def test_a_second_account_that_verified_the_address_makes_it_ambiguous(world: World) -> None:
    world.feed(account("ada", "t1@lakeside.example"))
    world.upload(roster(user("t1", "teacher")))
    world.feed(account("ada-2", "t1@lakeside.example"))
    assert mailed(world) == ["t1@lakeside.example"]


def test_a_second_account_that_goes_away_makes_a_match_and_no_mail(world: World) -> None:
    # Given two accounts on one address, and a mail that waits
    world.register(activations_from="2026-09-10")
    world.feed(account("ada", "t1@lakeside.example"), account("ada-2", "t1@lakeside.example"))
    world.upload(roster(user("t1", "teacher")))
    # When one of them gets an address of its own
    world.feed(account("ada-2", "other@mail.example"))
    world.pass_time(days=20)
    # Then
    link = world.links.of_user(key("t1"))
    assert link
    assert (link.state, link.account_id) == (LinkState.MATCHED, "ada")
    assert mailed(world) == []


def test_who_was_mailed_once_is_not_mailed_for_an_account_that_changes(world: World) -> None:
    world.upload(roster(user("t1", "teacher")))
    assert mailed(world) == ["t1@lakeside.example"]
    world.feed(account("ada", "t1@lakeside.example"))
    world.feed(account("ada", "ada@mail.example"))
    assert mailed(world) == ["t1@lakeside.example"]


def test_who_undid_a_link_is_not_mailed_when_the_account_changes(world: World) -> None:
    # Given a teacher whom the rule linked at a login, and who undid it
    web = Website(world)
    world.feed(account("ada", "t1@lakeside.example", display_name="Ada Person"))
    world.upload(roster(user("t1", "teacher", given="Ada")))
    visitor = web.visitor(sub="g-t1", email="t1@lakeside.example", email_verified=True)
    visitor.open("/sso/lakeside").press("Continue with Google").press("Undo the link with Lakeside Schools").press(
        "Undo the link"
    )
    link = world.links.of_user(key("t1"))
    assert link
    assert link.was_undone
    # When something of the account changes
    world.pass_time(minutes=1)
    world.feed(account("ada", "t1@lakeside.example", display_name="Ada Person", clever_id="c-9"))
    # Then nobody is mailed unasked
    assert mailed(world) == []


def test_settings_that_make_a_match_withdraw_the_mail_that_waits(world: World) -> None:
    """The domain was not the district's when the roster came."""
    # Given
    world.register(activations_from="2026-09-10", email_domains=["old.example"])
    world.feed(account("ada", "t1@lakeside.example"))
    world.upload(roster(user("t1", "teacher")))
    # When
    world.register()
    # Then
    assert mailed(world) == []
    activation = world.activations.of_user(key("t1"))
    assert activation
    assert activation.state is ActivationState.WITHDRAWN


def test_an_account_costs_the_same_in_a_district_of_any_size(world: World) -> None:
    world.upload(roster(*(user(f"t{n}", "teacher") for n in range(200))))
    world.feed(account("ada", "t1@lakeside.example"))
    before = world.table.meter.read_units
    world.feed(account("ada", "ada@mail.example"))
    assert world.table.meter.read_units - before < 40, "of which a file takes 15, however small"


# Who is disabled.


def disabled(*rows: str) -> dict[str, str | bytes]:
    return roster(*(row.replace(",true,o1,teacher", ",false,o1,teacher") for row in rows))


def test_a_disabled_teacher_is_mailed_once_enabled(world: World) -> None:
    foreseen = preview(world, disabled(user("t1", "teacher")))
    report = world.upload(disabled(user("t1", "teacher")))
    assert (report["users"]["created"], report["activations"]["queued"]) == (1, 0)
    assert foreseen["activations"] == report["activations"]
    assert mailed(world) == []
    world.upload(roster(user("t1", "teacher")), name="enabled")
    assert mailed(world) == ["t1@lakeside.example"]


def test_a_teacher_who_is_disabled_while_the_mail_waits_is_not_mailed(world: World) -> None:
    world.register(activations_from="2026-09-10")
    world.upload(roster(user("t1", "teacher"), user("s1")))
    world.upload(disabled(user("t1", "teacher"), user("s1")), name="disabled")
    world.pass_time(days=20)
    assert mailed(world) == []
    world.upload(roster(user("t1", "teacher"), user("s1")), name="enabled")
    assert mailed(world) == ["t1@lakeside.example"]
