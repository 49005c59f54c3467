"""The undo from the notice's mail (B2): for whoever owns the address, for 30 days, and by no robot."""

from __future__ import annotations

from datetime import timedelta

import pytest

from local.web_client import WebClient
from shared.domain.clock import from_iso
from shared.domain.link import Link, LinkState, Proof
from shared.stores.audit import Actor, AuditStore
from shared.stores.links import Consent
from tests.builders import account, key
from tests.harness import OFFICIAL, OWN, WEB, text
from tests.pages_harness import PASSWORD, Website, lakeside, linked_teacher, state

BUTTON = "Undo the link"


@pytest.fixture
def web() -> Website:
    return linked_and_told()


def linked_and_told() -> Website:
    """Lakeside where Ada is linked, and both of her addresses were told."""
    made = lakeside()
    linked_teacher(made)
    made.world.notify_of_links()
    return made


def address_in_notice_to(web: Website, address: str) -> str:
    mail = next(mail for mail in reversed(web.world.ses.sent) if mail["To"] == address and "/notice/" in text(mail))
    return next(word for word in text(mail).split() if "/notice/" in word)


def arrived(web: Website, address: str = OFFICIAL) -> WebClient:
    return web.visitor().open(address_in_notice_to(web, address))


def link_of(web: Website) -> Link:
    link = web.world.links.of_user(key("t1"))
    assert link is not None
    return link


def facts(web: Website) -> dict[tuple[str, str], object]:
    """All that is stored but for the counters of limits."""
    return {pair: item for pair, item in state(web).items() if not pair[0].startswith("LIMIT#")}


def test_the_button_leads_to_a_page_without_the_token_that_names_the_link(web: Website) -> None:
    page = arrived(web)

    assert (page.path, page.status) == ("/notice", 200)
    for shown in ("Ada Person", "t…@lakeside.example", "Lakeside Schools", "a…a@mail.example", "September 1, 2026"):
        assert shown in page.text
    assert OFFICIAL not in page.text
    assert OWN not in page.text


@pytest.mark.parametrize("address", [OFFICIAL, OWN])
def test_whoever_types_the_address_that_the_notice_came_to_undoes_the_link(web: Website, address: str) -> None:
    page = arrived(web, address).press(BUTTON, email=f" {address.upper()} ")

    assert "If we sent our email to that address" in page.text
    assert link_of(web).state is LinkState.UNDONE
    assert web.world.links.of_account("ada") == []
    assert AuditStore(web.world.table).of_user(key("t1"))[-1].actor is Actor.NOTICE
    assert web.world.notify_of_links() == 2, "both are told of the undo"


def test_with_the_undo_every_session_of_the_account_ends(web: Website) -> None:
    home = lakeside_home(web)
    web.world.pass_time(minutes=1)

    arrived(web).press(BUTTON, email=OFFICIAL)

    assert home.open("/home").path == "/login"


def lakeside_home(web: Website) -> WebClient:
    """Somebody who is logged into the account."""
    home = web.visitor().open("/login").press("Log in", username_or_email="ada", password=PASSWORD)
    assert home.path == "/home"
    return home


@pytest.mark.parametrize("typed", ["", "somebody@else.example", OWN, "t1@lakeside.example, x@evil.example"])
def test_another_address_gets_the_same_answer_and_undoes_nothing(web: Website, typed: str) -> None:
    right = lakeside()
    linked_teacher(right)
    right.world.notify_of_links()
    page = arrived(web)
    before = facts(web)

    answer = page.press(BUTTON, email=typed)

    assert facts(web) == before
    assert answer.text == arrived(right).press(BUTTON, email=OFFICIAL).text
    assert answer.status == 200


def test_a_robot_that_opens_and_presses_everything_changes_nothing(web: Website) -> None:
    before = facts(web)
    address = address_in_notice_to(web, OFFICIAL)
    robot = web.visitor()

    for _ in range(50):
        robot.http.get(address)
        robot.http.head(address)
        robot.http.post(address)
        robot.http.post(f"{WEB}/notice/undo", data={"email": "robot@scanner.example"})
        robot.http.post(f"{WEB}/notice/undo")

    assert facts(web) == before
    assert link_of(web).is_linked


def test_a_robot_does_not_use_up_the_tries_of_the_owner(web: Website) -> None:
    robot = arrived(web)
    for _ in range(20):
        robot.http.post(f"{WEB}/notice/undo", data={"email": "robot@scanner.example"})

    owner = arrived(web)
    web.source_ip = "192.0.2.77"
    owner.press(BUTTON, email=OFFICIAL)

    assert not link_of(web).is_linked


def test_from_anywhere_an_address_is_guessed_fifty_times_a_day_at_most(web: Website) -> None:
    page = arrived(web)
    for n in range(50):
        web.source_ip = f"192.0.2.{n}"
        page.http.post(f"{WEB}/notice/undo", data={"email": f"guess-{n}@lakeside.example"})

    web.source_ip = "192.0.2.77"
    assert page.http.post(f"{WEB}/notice/undo", data={"email": OFFICIAL}).status_code == 429


def test_from_one_place_an_address_is_guessed_five_times_a_day_at_most(web: Website) -> None:
    page = arrived(web)
    for n in range(5):
        page.http.post(f"{WEB}/notice/undo", data={"email": f"guess-{n}@lakeside.example"})

    refused = page.http.post(f"{WEB}/notice/undo", data={"email": OFFICIAL})

    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 0
    assert link_of(web).is_linked


def test_after_the_undo_the_address_is_dead_also_when_the_pair_is_linked_again(web: Website) -> None:
    address = address_in_notice_to(web, OFFICIAL)
    web.visitor().open(address).press(BUTTON, email=OFFICIAL)
    assert web.visitor().open(address).status == 410

    web.world.pass_time(minutes=1)
    consent = Consent(key("t1"), "ada", Proof.DISTRICT_LOGIN_GOOGLE)
    web.world.links.make(consent, present=link_of(web), event_id=web.world.new_id(), now=web.world.now)

    assert web.visitor().open(address).status == 410
    assert link_of(web).is_linked


def test_it_works_for_thirty_days(web: Website) -> None:
    web.world.now = from_iso(link_of(web).linked_at or "") + timedelta(days=30)
    page = arrived(web)
    assert page.status == 200
    web.world.pass_time(seconds=1)

    assert page.press(BUTTON, email=OFFICIAL).status == 410
    assert arrived(web).status == 410
    assert link_of(web).is_linked


def test_a_notice_leads_to_its_link_also_once_it_moved_to_another_number(web: Website) -> None:
    link = link_of(web)
    assert link.proofs
    assert web.world.links.move(link, key("t2"), link.proofs, event_id="moved", now=web.world.now)

    page = arrived(web, OWN).press(BUTTON, email=OWN)

    assert "If we sent our email to that address" in page.text
    assert web.world.links.of_account("ada") == []
    moved = web.world.links.of_user(key("t2"))
    assert moved
    assert moved.state is LinkState.UNDONE


def test_a_notice_that_is_mailed_after_a_move_works_too(web: Website) -> None:
    link = link_of(web)
    assert link.proofs
    adopts = Proof.DISTRICT_LOGIN_GOOGLE
    assert web.world.links.move(
        link, key("t2"), link.proofs, event_id=web.world.new_id(), now=web.world.now, adopts=adopts
    )
    assert web.world.notify_of_links()

    arrived(web, OWN).press(BUTTON, email=OWN)

    assert web.world.links.of_account("ada") == []


def test_an_address_that_the_account_no_longer_has_undoes_nothing(web: Website) -> None:
    address = address_in_notice_to(web, OWN)
    web.world.feed(account("ada", "other@mail.example", google_sub="google-ada"))

    assert web.visitor().open(address).status == 410


@pytest.mark.parametrize(
    "gone", [("ACCOUNT#ada", "ACCOUNT"), ("USER#lakeside#t1", "LINK"), ("DISTRICT#lakeside", "SETTINGS")]
)
def test_the_address_of_a_notice_about_something_that_is_gone_is_dead(web: Website, gone: tuple[str, str]) -> None:
    address = address_in_notice_to(web, OFFICIAL)
    del web.world.table.items[gone]
    assert web.visitor().open(address).status == 410


def test_a_forged_token_is_none(web: Website) -> None:
    address = address_in_notice_to(web, OFFICIAL)
    head, _, mac = address.rpartition(".")

    assert web.visitor().open(f"{head}.{mac[::-1]}").status == 410
    assert web.visitor().open(address.replace("-official.", "-own.")).status == 410
    assert web.visitor().open(f"{WEB}/notice/{'0' * 32}-own.{mac}").status == 404
    assert web.visitor().open(f"{WEB}/notice/half").status == 404
    activation = next(word for mail in web.world.ses.sent for word in text(mail).split() if "/activate/" in word)
    assert web.visitor().open(activation.replace("/activate/", "/notice/")).status == 404


def test_guesses_of_tokens_are_limited_and_the_true_one_still_opens(web: Website) -> None:
    guesses = [web.visitor().open(f"{WEB}/notice/guess-{n}").status for n in range(301)]

    assert (guesses[0], guesses[-1]) == (404, 429)
    assert arrived(web).status == 200


def test_without_the_cookie_the_page_says_how_to_go_on(web: Website) -> None:
    page = web.visitor().open("/notice")

    assert page.status == 200
    assert "press the button in our email" in page.text


def test_the_table_holds_nothing_that_opens_the_page(web: Website) -> None:
    token = address_in_notice_to(web, OFFICIAL).rpartition("/")[2]

    assert token.rpartition(".")[2] not in repr(web.world.table.items)
