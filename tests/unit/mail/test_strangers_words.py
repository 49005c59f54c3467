"""Nobody sends their own words to any address by our mail: mails to one address are capped, and names carry no address."""

from __future__ import annotations

import pytest

from shared.domain.clock import from_iso
from shared.domain.person_text import carries_an_address
from shared.mail.delivery import Outcome
from shared.mail.recipient_cap import MOST_A_DAY
from tests.builders import enrolled, key, roster, user
from tests.harness import World, text
from tests.pages_harness import lakeside, linked_teacher

VICTIM = "victim@elsewhere.example"

ADDRESSES = [
    "evil.com", "Evil.COM", "evil.de/pay", "www.evil", "https://evil", "http:evil", "Pay at evil.example now", "a@b",
    "call mailto:x", "evil．com", "evil。com", "ev\u200bil.com", "evil.\u2060com", "Ada (evil.org)", "xn--80ak6aa92e",
    "@someone on chat@home", "ｅｖｉｌ．ｃｏｍ", "x.evil.info", "tel:555", "evil․com",
]  # fmt: skip
NAMES = [
    "Ada Lovelace", "J.R. Smith", "St. Mary's", "St.Mary's School", "P.S. 118", "P.S.118", "Smith Jr.", "O'Neil, Dr. A.",
    "Ünal-Çelik", "Anna M.Schmidt", "李小龍", "Grade 3/4", "C.J.", "Mary Ann", "Period 3: Algebra", "M.Ed. Jones", "محمد",
]  # fmt: skip


@pytest.mark.parametrize("name", ADDRESSES)
def test_a_name_that_carries_an_address_is_known(name: str) -> None:
    assert carries_an_address(name)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_only_has_dots_is_a_name(name: str) -> None:
    assert not carries_an_address(name)


def invited(world: World, *, given: str = "Ada") -> None:
    """The victim is on the roster as a teacher."""
    world.upload(roster(user("t1", "teacher", email=VICTIM, given=given), enrollments=enrolled("t1", "teacher")))
    world.send_mail()


def mails_to_victim(world: World) -> list[str]:
    return [text(mail) for mail in world.ses.sent if mail["To"] == VICTIM]


def test_a_name_with_a_link_is_not_repeated_in_the_mail() -> None:
    world = World()
    world.register()
    invited(world, given="Claim your prize at evil.example")
    (mail,) = mails_to_victim(world)
    assert "evil" not in mail
    assert mail.startswith("Hello,") or "\nHello,\n" in mail


def test_a_name_without_one_is() -> None:
    world = World()
    world.register()
    invited(world)
    assert "Hello Ada" in mails_to_victim(world)[0]


def ask_again(world: World, times: int) -> None:
    """The district, or a robot at the page, asks for more mails."""
    for _ in range(times):
        world.pass_time(minutes=1)
        world.resend_activation().resend(key("t1"))
        world.send_mail()
        if world.activations.of_user(key("t1")).sent_at is None:  # type: ignore[union-attr]
            return


def test_mails_to_one_address_are_capped_by_district_and_day() -> None:
    world = World()
    world.register()
    invited(world)
    ask_again(world, 200)
    assert len(mails_to_victim(world)) == 5


def test_what_is_over_the_cap_goes_out_on_the_next_day_and_only_once() -> None:
    world = World()
    world.register()
    invited(world)
    ask_again(world, 200)
    world.pass_time(days=1)
    for _ in range(3):
        world.queue_due_activations().run()
        world.send_mail()
    assert len(mails_to_victim(world)) == 6


def use_up_the_day(world: World, address: str) -> None:
    for _ in range(MOST_A_DAY.most):
        world.recipients().count("lakeside", address)


def test_a_reminder_counts_among_the_mails_of_the_day_and_waits_for_the_next() -> None:
    world = World()
    world.register()
    invited(world)
    outcomes = []
    for is_full in (True, False):
        activation = world.activations.of_user(key("t1"))
        assert activation is not None
        due_at = activation.follow_up_at or ""
        world.now = from_iso(due_at)
        if is_full:
            use_up_the_day(world, VICTIM)
        outcomes.append(world.send_reminder().send(key("t1"), due_at))
    assert outcomes == [Outcome.REFUSED, Outcome.SENT]
    assert len(mails_to_victim(world)) == 2


def test_a_nudge_counts_among_the_mails_of_the_day_and_waits_for_the_next() -> None:
    web = lakeside()
    linked_teacher(web)
    world = web.world
    sent = len(world.ses.sent)
    counts = []
    for is_full in (True, False):
        world.now = from_iso(world.nudges.of_user(key("t1")).due_at or "")
        if is_full:
            use_up_the_day(world, "t1@lakeside.example")
        counts.append(world.send_nudge().run())
    assert [count[Outcome.SENT] for count in counts] == [0, 1]
    assert len(world.ses.sent) == sent + 1


def test_one_districts_mails_take_none_of_anothers() -> None:
    world = World()
    world.register()
    invited(world)
    ask_again(world, 200)
    world.register("valley", email_domains=["valley.example"])
    people = roster(user("t1", "teacher", email=VICTIM), enrollments=enrolled("t1", "teacher"))
    world.upload(people, "valley")
    world.send_mail()
    assert len(mails_to_victim(world)) == 6
