"""The address of one invitation, corrected by the district until its roster has another: for the mail alone (M6, M7)."""

from __future__ import annotations

import pytest

from functions.pages import limits
from local.web_client import WebClient
from shared.domain.activation import ActivationState
from shared.stores.rate_limits import Limit
from shared.stores.stuck_people import StuckCode
from tests.builders import account, key, roster, user
from tests.harness import World
from tests.pages_harness import PASSWORD, Website, activated, log_in, post

STAFF = [user("d1", "districtAdministrator"), user("p1", "principal", school="o2")]
ADA = user("t1", "teacher", given="Ada", email="adda@lakeside.example")
BOB = user("t2", "teacher", given="Bob")
NONE = user("t3", "teacher", given="Cleo", email="")
RIGHT = "ada@lakeside.example"


def district() -> Website:
    """Ada's address on the roster is wrong, and her mail came back; Cleo has none."""
    world = World()
    world.register()
    world.upload(roster(*STAFF, ADA, BOB, NONE))
    world.send_mail()
    web = Website(world)
    sent = world.activations.of_user(key("t1"))
    assert sent
    world.activations.mark_feedback(sent, ActivationState.BOUNCED, sent.message_id or "", now=world.now)
    return web


def person(web: Website, who: str = "t1", by: str = "d1") -> WebClient:
    page = web.visitor(sub=f"google-{by}", email=f"{by}@lakeside.example", email_verified=True)
    page = page.open("/sso/lakeside").press("Continue with Google")
    return page.open(f"/console/lakeside/people/person/{who}")


def mailed(web: Website) -> list[str]:
    before = len(web.world.ses.sent)
    web.world.send_mail()
    return [mail["To"] for mail in web.world.ses.sent[before:]]


def stuck(web: Website, who: str = "t1") -> StuckCode | None:
    return web.site.services.stuck.of(key(who))


def test_the_mail_goes_to_the_corrected_address_and_its_link_works() -> None:
    web = district()
    page = person(web).press("Correct the address", another_address_for_this_email=RIGHT.upper())
    assert f"The email goes to {RIGHT}" in page.text
    assert stuck(web) is None
    assert mailed(web) == [RIGHT]
    assert web.visitor().open(web.world.address_in_mail_to(RIGHT)).status == 200
    entries = web.site.services.trail.all("lakeside")
    assert [(entry.action, entry.by, entry.person) for entry in entries] == [("correct", "d1", "t1")]
    assert "@" not in entries[0].reason


def test_an_import_leaves_it_until_the_rosters_address_changes() -> None:
    web = district()
    person(web).press("Correct the address", another_address_for_this_email=RIGHT)
    assert mailed(web) == [RIGHT]
    renamed = user("t1", "teacher", given="Augusta Ada", email="adda@lakeside.example")
    web.world.upload(roster(*STAFF, renamed, BOB, NONE), name="renamed")
    assert mailed(web) == []
    mended = user("t1", "teacher", given="Augusta Ada", email="a.lovelace@lakeside.example")
    web.world.upload(roster(*STAFF, mended, BOB, NONE), name="mended")
    assert mailed(web) == ["a.lovelace@lakeside.example"]
    assert web.visitor().open(web.world.address_in_mail_to(RIGHT)).status == 410


def test_a_roster_that_comes_to_say_the_same_mails_nobody_again() -> None:
    web = district()
    person(web).press("Correct the address", another_address_for_this_email=RIGHT)
    assert mailed(web) == [RIGHT]
    web.world.upload(roster(*STAFF, user("t1", "teacher", given="Ada", email=RIGHT), BOB, NONE), name="m")
    assert mailed(web) == []
    assert web.visitor().open(web.world.address_in_mail_to(RIGHT)).status == 200


def test_who_has_no_address_on_the_roster_is_mailed_at_a_corrected_one() -> None:
    web = district()
    assert stuck(web, "t3") is StuckCode.NO_ADDRESS
    page = person(web, "t3").press("Correct the address", another_address_for_this_email="cleo@lakeside.example")
    assert mailed(web) == ["cleo@lakeside.example"]
    page.press("Undo")
    assert stuck(web, "t3") is StuckCode.NO_ADDRESS
    assert web.visitor().open(web.world.address_in_mail_to("cleo@lakeside.example")).status == 410
    web.world.upload(roster(*STAFF, ADA, BOB, user("t3", "teacher", given="Cleo")), name="with")
    assert mailed(web) == ["t3@lakeside.example"]


def test_a_correction_is_undone_whether_or_not_its_mail_went_out() -> None:
    for is_sent in (False, True):
        web = district()
        page = person(web).press("Correct the address", another_address_for_this_email=RIGHT)
        if is_sent:
            assert mailed(web) == [RIGHT]
        page = page.press("Undo")
        assert "The correction is taken back." in page.text
        assert RIGHT not in mailed(web)
        if is_sent:
            assert stuck(web) is StuckCode.BOUNCED
            assert web.visitor().open(web.world.address_in_mail_to(RIGHT)).status == 410
        assert post(page, "/console/lakeside/people/person/t1/take-back").status_code == 409


def test_another_mail_and_a_reminder_go_to_the_corrected_address() -> None:
    web = district()
    page = person(web).press("Correct the address", another_address_for_this_email=RIGHT)
    assert mailed(web) == [RIGHT]
    page.open(page.path).press("Send another mail")
    assert mailed(web) == [RIGHT]
    web.world.pass_time(days=8)
    web.world.queue_due_activations().run()
    assert RIGHT in mailed(web)


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ("ada@elsewhere.example", "has to lie in a domain of your district"),
        ("ada@gmail.com", "has to lie in a domain of your district"),
        ("not an address", "not an email address"),
        ("adda@lakeside.example", "the address that the roster has"),
        ("t2@lakeside.example", "Somebody else on the roster has this address"),
        ("ada@lakeside.example, eve@lakeside.example", "not an email address"),
    ],
)
def test_an_address_that_may_not_be_is_refused(typed: str, problem: str) -> None:
    web = district()
    page = person(web).press("Correct the address", another_address_for_this_email=typed)
    assert page.status == 409
    assert problem in page.text
    assert mailed(web) == []


def test_a_corrected_address_matches_nobody() -> None:
    web = district()
    person(web).press("Correct the address", another_address_for_this_email=RIGHT)
    web.world.feed(account("a1", RIGHT, email_verified=True, display_name="Ada Person"))
    renamed = user("t1", "teacher", given="Augusta Ada", email="adda@lakeside.example")
    web.world.upload(roster(*STAFF, renamed, BOB, NONE), name="renamed")
    assert web.world.links.of_user(key("t1")) is None
    assert mailed(web) == [RIGHT]


def test_a_link_by_a_corrected_mail_does_not_count_for_the_rosters_address() -> None:
    web = district()
    web.world.feed(account("a1", "ada@mail.example", display_name="Ada Person"))
    web.cognito.users = {"ada": (PASSWORD, "a1")}
    person(web).press("Correct the address", another_address_for_this_email=RIGHT)
    web.world.send_mail()
    page = web.visitor().open(web.world.address_in_mail_to(RIGHT))
    log_in(page.press("Log into my existing account"), "ada").press("Link my accounts")
    link = web.world.links.of_user(key("t1"))
    assert link
    assert link.is_linked
    assert link.proofs
    assert "adda@lakeside.example" not in link.proofs.addresses
    assert RIGHT not in link.proofs.addresses


def test_corrections_have_a_limit_of_a_day_and_schools_are_kept_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    web = district()
    other = person(web, by="p1")
    assert other.status == 404
    assert post(other, "/console/lakeside/people/person/t1/correct", address=RIGHT).status_code == 404
    monkeypatch.setattr(limits, "CORRECTION", Limit("correction", 1, limits.CORRECTION.within))
    page = person(web)
    assert post(page, "/console/lakeside/people/person/t1/correct", address="x@lakeside.example").status_code == 200
    assert post(page, "/console/lakeside/people/person/t1/correct", address=RIGHT).status_code == 429


def test_somebody_whose_mail_was_used_is_not_corrected() -> None:
    web = district()
    web.world.feed(account("b1", "bob@mail.example", display_name="Bob Person"))
    web.cognito.users = {"bob": (PASSWORD, "b1")}
    log_in(activated(web, "t2").press("Log into my existing account"), "bob").press("Link my accounts")
    page = person(web, "t2")
    assert "Another address for this email" not in page.text
    assert post(page, "/console/lakeside/people/person/t2/correct", address=RIGHT).status_code == 409
