"""One person under two numbers with two addresses (two schools): both are linked with the one account (M19)."""

from __future__ import annotations

import pytest

from shared.use_cases.class_contents import ClassContents
from tests.builders import account, enrolled, key, roster, user
from tests.harness import World
from tests.pages_harness import CLEVER_DISTRICT, PASSWORD, WebClient, Website, log_in

EAST, WEST = "ada.east@lakeside.example", "ada.west@lakeside.example"
CLASSES = "c1,,,Algebra,k1,scheduled,o1,t1\nc2,,,Biology,k2,scheduled,o1,t1\n"


def district(*, west: str = "w7", given: str = "Ada", role: str = "teacher", without: tuple[str, ...] = ()) -> dict:
    people = {"e1": user("e1", role, email=EAST, given="Ada"), west: user(west, role, email=WEST, given=given)}
    named = "student" if role == "student" else "teacher"
    rows = enrolled("e1", named) + (enrolled(west, named, "c2") if west not in without else "") + enrolled("s1")
    return roster(
        *(row for number, row in people.items() if number not in without), user("s1"), classes=CLASSES, enrollments=rows
    )


@pytest.fixture
def web() -> Website:
    world = World()
    world.register()
    world.feed(account("ada", "ada@mail.example", display_name="Ada Person"))
    world.upload(district())
    world.send_mail()
    made = Website(world)
    made.cognito.users = {"ada": (PASSWORD, "ada")}
    return made


def linked(web: Website, address: str) -> WebClient:
    """Somebody opens the mail to this address, logs into Ada's account and links it."""
    page = web.visitor().open(web.world.address_in_mail_to(address))
    return log_in(page.press("Log into my existing account")).press("Link my accounts")


def links(web: Website) -> list[tuple[str, str]]:
    return [(link.user.sourced_id, link.account_id) for link in web.world.links.of_account("ada")]


def test_both_numbers_are_linked_and_the_classes_of_both_are_there(web: Website) -> None:
    linked(web, EAST)
    home = linked(web, WEST)
    assert home.path == "/home"
    assert links(web) == [("e1", "ada"), ("w7", "ada")]
    assert "Algebra" in home.text
    assert "Biology" in home.text
    assert home.text.count("Undo the link with Lakeside Schools") == 1
    assert home.open("/classes/c2?district=lakeside").status == 200


def test_the_first_nudge_is_the_only_one(web: Website) -> None:
    linked(web, EAST)
    linked(web, WEST)
    assert web.world.nudges.due_at(key("e1"))
    assert web.world.nudges.due_at(key("w7")) is None


def test_an_undo_gives_both_back_and_both_may_be_linked_again(web: Website) -> None:
    linked(web, EAST)
    home = linked(web, WEST)
    home.press("Undo the link with Lakeside Schools").press("Undo the link")
    assert links(web) == []


def test_a_namesake_with_another_given_name_does_not_get_the_account() -> None:
    world = World()
    world.register()
    world.feed(account("ada", "ada@mail.example", display_name="Ada Person"))
    world.upload(district(given="Bea"))
    world.send_mail()
    web = Website(world)
    web.cognito.users = {"ada": (PASSWORD, "ada")}
    linked(web, EAST)
    page = web.visitor().open(web.world.address_in_mail_to(WEST))
    assert log_in(page.press("Log into my existing account")).status == 409
    assert links(web) == [("e1", "ada")]


def test_new_numbers_keep_both_links(web: Website) -> None:
    linked(web, EAST)
    linked(web, WEST)
    web.world.upload(district(west="N-7"), name="next")
    assert links(web) == [("e1", "ada"), ("N-7", "ada")]
    web.world.links.undo(key("N-7"), event_id="e", now=web.world.now)
    assert links(web) == [("e1", "ada")]


def test_whoever_leaves_one_school_keeps_the_other(web: Website) -> None:
    linked(web, EAST)
    home = linked(web, WEST)
    web.world.upload(district(without=("w7",)), name="next")
    home = home.open("/home")
    assert "Algebra" in home.text
    assert "Biology" not in home.text


def test_a_login_with_google_as_either_leads_to_the_account(web: Website) -> None:
    linked(web, EAST)
    linked(web, WEST)
    for address, sub in ((EAST, "g-east"), (WEST, "g-west")):
        google = {"sub": sub, "email": address, "email_verified": True, "hd": "lakeside.example"}
        page = web.visitor(**google).open("/sso/lakeside").press("Continue with Google")
        assert page.path == "/home", address


def test_the_classes_of_both_can_be_taken_along(web: Website) -> None:
    linked(web, EAST)
    linked(web, WEST)
    world = web.world
    contents = ClassContents(world.accounts, world.links, world.users, world.classes, world.work)
    for class_id in ("c1", "c2"):
        assert contents.taught("ada", class_id, "lakeside", world.now.date())


def test_one_clever_id_under_two_numbers_lets_its_teacher_in() -> None:
    """Given two rows with one Clever id and one name, when Clever's login comes, then it is the first row, and stays so."""
    world = World()
    world.register(clever_district_id=CLEVER_DISTRICT)
    rows = [
        user(n, "teacher", email=mail, ids="{Clever:cid-9}", given="Ada") for n, mail in (("e1", EAST), ("w7", WEST))
    ]
    world.upload(roster(*rows, user("s1"), enrollments=enrolled("s1")))
    web = Website(world)
    for _ in range(2):
        page = web.visitor(sub="cid-9", district=CLEVER_DISTRICT).open("/sso/lakeside").press("Continue with Clever")
        if page.path == "/welcome":
            page = page.press("I don't have an account yet")
        assert page.path == "/home"
    assert world.links.of_user(key("e1"))


def test_one_clever_id_of_two_people_lets_nobody_in() -> None:
    world = World()
    world.register(clever_district_id=CLEVER_DISTRICT)
    rows = [user(n, "teacher", ids="{Clever:cid-9}", given=given) for n, given in (("e1", "Ada"), ("w7", "Bea"))]
    world.upload(roster(*rows, user("s1"), enrollments=enrolled("s1")))
    page = Website(world).visitor(sub="cid-9", district=CLEVER_DISTRICT)
    page = page.open("/sso/lakeside").press("Continue with Clever")
    assert page.path == "/callback/clever"


def test_a_further_number_stays_linked_when_the_first_is_somebody_elses(web: Website) -> None:
    # Given Ada, linked under two numbers
    linked(web, EAST)
    linked(web, WEST)
    due_at = web.world.nudges.due_at(key("e1"))
    # When the first one is another person's
    files = district()
    files["users.csv"] = str(files["users.csv"]).replace(f"Ada,Person,{EAST}", "Zoe,Quill,zoe@lakeside.example", 1)
    web.world.upload(files, name="next")
    # Then Ada has the other one as the only one, with its nudges, and can undo it
    assert links(web) == [("w7", "ada")]
    assert (web.world.nudges.due_at(key("e1")), web.world.nudges.due_at(key("w7"))) == (None, due_at)
    assert web.world.links.person_linked_to("ada", "lakeside") == key("w7")
    home = log_in(web.visitor().open("/login"))
    assert "Biology" in home.text
    assert "Algebra" not in home.text
    home.press("Undo the link with Lakeside Schools").press("Undo the link")
    assert links(web) == []
