"""Only a proof opens an account: the ways in that a roster's word, a number or an old trust once opened (M6, M19, M20).

Hilltop is a district that means harm: it has its own Clever and its own domain, and writes into its roster what it likes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from local.web_client import WebClient
from shared.domain.federated_identity import identity_hash
from shared.domain.link import LinkState
from shared.domain.roster import RosterUserKey
from shared.stores.nudges import NudgeStore
from shared.stores.sessions import has_to_be_confirmed
from tests.builders import account, enrolled, key, roster, user
from tests.harness import decide, text, zipped
from tests.pages_harness import (
    CLEVER_DISTRICT,
    PASSWORD,
    Website,
    activated,
    in_a_made_account,
    lakeside,
    linked_teacher,
    log_in,
    shown_of,
)

HILLTOP, HILLTOP_CLEVER = "hilltop", "clever-hilltop"
PRIVATE = ("Period 3",)


@pytest.fixture
def web() -> Website:
    """Lakeside, and Hilltop beside it."""
    made = lakeside()
    made.world.register(
        HILLTOP, name="Hilltop Schools", email_domains=["hilltop.example"], clever_district_id=HILLTOP_CLEVER
    )
    return made


def person(
    number: str, role: str = "student", *, email: str = "", clever: str = "", given: str = "Ada", family: str = "Person"
) -> str:
    ids = f"{{Clever:{clever}}}" if clever else ""
    return f"{number},,,true,o1,{role},{number},{ids},{given},{family},{email},secret\n"


def hostile(web: Website, *people: str, name: str = "roster") -> dict[str, Any]:
    return web.world.upload(roster(*people, classes=""), HILLTOP, name)


def lakesides(web: Website, *people: str, name: str = "next") -> dict[str, Any]:
    return web.world.upload(roster(*people, enrollments=enrolled("t1", "teacher")), name=name)


def by_clever(web: Website, sub: str, district: str = HILLTOP, **claims: Any) -> WebClient:
    clever = {HILLTOP: HILLTOP_CLEVER, "lakeside": CLEVER_DISTRICT}[district]
    visitor = web.visitor(sub=sub, district=clever, **claims)
    return visitor.open(f"/sso/{district}").press("Continue with Clever")


def by_google(web: Website, sub: str, email: str, district: str = "lakeside", *, verified: bool = True) -> WebClient:
    visitor = web.visitor(sub=sub, email=email, email_verified=verified)
    return visitor.open(f"/sso/{district}").press("Continue with Google")


def first_by_google(web: Website, sub: str) -> WebClient:
    """Whoever has the mailbox that is made of the number 1001."""
    return by_google(web, sub, "1001@lakeside.example")


def is_kept_out(web: Website, stranger: WebClient, account_id: str) -> None:
    """Neither a session in the account nor a link to it that the rule made."""
    texts = [stranger.text, *(stranger.open(path).text for path in ("/home", "/link", "/cleaning", "/classes/own"))]
    assert not [word for word in PRIVATE if any(word in text for text in texts)]
    assert not [link for link in web.world.links.of_account(account_id) if link.by_rule]


def linked(web: Website, number: str, district: str = "lakeside") -> str | None:
    link = web.world.links.of_user(RosterUserKey(district, number))
    return link.account_id if link and link.state is LinkState.LINKED else None


# Twelve ways in.


def test_a_foreign_address_on_a_roster_opens_no_account_by_its_clever(web: Website) -> None:
    report = hostile(web, person("x1", "teacher", email="ada@mail.example", clever="evil"))
    assert report["matching"] == {"matched": 0, "ambiguous": 0, "unmatched_teachers": 1, "unmatched_students": 0}
    stranger = by_clever(web, "evil")
    assert stranger.path == "/welcome"
    assert "a…" not in stranger.text, "no candidate is named, either"
    is_kept_out(web, stranger, "ada")


def test_a_foreign_clever_id_in_a_column_opens_no_account_by_google(web: Website) -> None:
    web.world.feed(account("kid2", "kid2@mail.example", role="student", clever_id="victims"))
    hostile(web, person("x1", email="evil@hilltop.example", clever="victims"))
    stranger = by_google(web, "g-evil", "evil@hilltop.example", HILLTOP)
    assert stranger.path == "/welcome"
    is_kept_out(web, stranger, "kid2")
    assert linked(web, "x1", HILLTOP) is None


def test_an_address_of_the_districts_own_that_was_given_on_is_asked_about(web: Website) -> None:
    web.world.feed(account("bea", "b@lakeside.example", display_name="Bea"))
    lakesides(
        web, person("t8", "teacher", email="b@lakeside.example", given="Bea", family="Moss"), user("t1", "teacher")
    )
    people = [
        person("t8", "teacher", email="bea.moss@lakeside.example", given="Bea", family="Moss"),
        person("t9", "teacher", email="b@lakeside.example", given="Bob", family="Stone"),
        user("t1", "teacher"),
    ]
    report = lakesides(web, *people, name="given on")
    assert report["matching"]["matched"] == 0
    stranger = by_google(web, "g-bob", "b@lakeside.example")
    assert stranger.path == "/welcome"
    is_kept_out(web, stranger, "bea")


def test_a_graduates_address_opens_no_account_of_the_graduate(web: Website) -> None:
    """The address of Zoe, who left, is Zed's now; her account's name has no family name that could contradict."""
    web.world.feed({"account_id": "zoe", "display_name": "zoe"})
    everybody = [user("t1", "teacher"), user("t2", "teacher"), user("s1"), user("s2")]
    lakesides(web, *everybody, name="without zoe")
    lakesides(web, *everybody, person("s77", email="s9@lakeside.example", given="Zed", family="Young"), name="zed")
    stranger = by_google(web, "g-zed", "s9@lakeside.example")
    assert stranger.path == "/welcome"
    is_kept_out(web, stranger, "zoe")


def test_after_an_undo_no_rule_links_the_pair_whatever_number_the_row_has(web: Website) -> None:
    by_google(web, "g-zoe", "s9@lakeside.example").press("Undo the link with Lakeside Schools").press("Undo the link")
    people = [user("t1", "teacher"), user("t2", "teacher"), user("s1"), user("s2")]
    lakesides(web, *people, person("s900", email="s9@lakeside.example", given="Zoe"), name="renumbered")
    again = by_google(web, "g-zoe", "s9@lakeside.example")
    assert again.path == "/welcome"
    assert linked(web, "s900") is None


def test_a_renamed_row_does_not_open_the_account_of_its_link(web: Website) -> None:
    """The district gives Ada's linked number a name, an address and a Clever id of its choice."""
    linked_teacher(web)
    lakesides(
        web,
        person("t1", "teacher", email="eve@lakeside.example", clever="evil", given="Eve", family="Snow"),
        name="renamed",
    )
    for stranger in (by_clever(web, "evil", "lakeside"), by_google(web, "g-eve", "eve@lakeside.example")):
        assert "Ada" not in stranger.text
        is_kept_out(web, stranger, "ada")


@pytest.mark.parametrize("changed", [{"clever": "evil"}, {"email": "other@lakeside.example", "clever": "evil"}])
def test_another_way_in_at_a_linked_row_is_confirmed_by_a_login_to_the_account(
    web: Website, changed: dict[str, Any]
) -> None:
    linked_teacher(web)
    lakesides(web, person("t1", "teacher", **{"email": "t1@lakeside.example", **changed}), name="changed")
    stranger = by_clever(web, "evil", "lakeside")
    assert stranger.path == "/welcome"
    assert "I don't have an account yet" not in stranger.text
    stranger.http.post("https://link.example/account/new")
    is_kept_out(web, stranger, "ada")
    assert linked(web, "t1") == "ada", "the owner's link stands"


def test_a_student_row_opens_no_teachers_account_and_its_address_is_told(web: Website) -> None:
    web.world.feed(account("ada", "ada@lakeside.example", display_name="Ada Person"))
    lakesides(web, user("t1", "teacher"), person("s50", email="ada@lakeside.example", clever="evil"))
    stranger = by_clever(web, "evil", "lakeside")
    assert stranger.path == "/welcome"
    is_kept_out(web, stranger, "ada")
    log_in(stranger.open("/login"))
    assert (stranger.status, "Your school lists you as a student" in stranger.text) == (409, True)
    assert linked(web, "s50") is None


def test_an_administrators_row_opens_no_account(web: Website) -> None:
    hostile(web, person("x1", "administrator", email="ada@mail.example", clever="evil"))
    stranger = by_clever(web, "evil")
    assert stranger.path == f"/console/{HILLTOP}"
    is_kept_out(web, stranger, "ada")


def test_a_second_district_opens_no_account_by_the_address_of_the_first(web: Website) -> None:
    by_google(web, "g-zoe", "s9@lakeside.example")
    report = hostile(web, person("x1", "teacher", email="s9@lakeside.example", clever="evil", given="Zoe"))
    assert report["matching"]["matched"] == report["matching"]["ambiguous"] == 0
    stranger = by_clever(web, "evil")
    assert stranger.path == "/welcome"
    is_kept_out(web, stranger, "ada")
    assert linked(web, "x1", HILLTOP) is None


def test_a_shared_domain_links_by_what_an_issuer_verified_not_by_the_roster(web: Website) -> None:
    web.world.register(
        HILLTOP, name="Hilltop Schools", email_domains=["hilltop.example"], clever_district_id=HILLTOP_CLEVER,
        shared_email_domains=["county.example"],
    )  # fmt: skip
    web.world.feed(account("una", "una@county.example", display_name="Una"))
    report = hostile(web, person("x1", "teacher", email="una@county.example", clever="evil"))
    assert report["matching"]["matched"] == 0
    is_kept_out(web, by_clever(web, "evil"), "una")
    assert by_google(web, "g-una", "una@county.example", HILLTOP).path == "/home"
    assert linked(web, "x1", HILLTOP) == "una"


def test_a_preview_tells_nobody_whether_an_address_elsewhere_has_an_account(web: Website) -> None:
    known, unknown = (
        web.world.report(
            web.world.put(f"previews/{HILLTOP}/{n}.zip", zipped(roster(person("x1", "teacher", email=e), classes="")))
        )["matching"]
        for n, e in enumerate(("ada@mail.example", "nobody@mail.example"))
    )
    assert known == unknown


@pytest.mark.parametrize("claims", [{"email_verified": True}, {"email_verified": False}, {}])
def test_an_issuer_that_verifies_nothing_proves_no_address(web: Website, claims: dict[str, Any]) -> None:
    """Clever's address claim proves no account, whatever it says of itself."""
    web.world.feed(account("kim", "kim@mail.example", display_name="Kim"))
    hostile(web, person("x1", "teacher", email="kim@mail.example", clever="evil"))
    stranger = by_clever(web, "evil", email="kim@mail.example", **claims)
    assert stranger.path == "/welcome"
    is_kept_out(web, stranger, "kim")


def test_two_addresses_swapped_in_the_sheet_leave_each_teacher_her_own_account(web: Website) -> None:
    for number in ("t1", "t2"):
        by_google(web, f"g-{number}", f"{number}@lakeside.example").press("I don't have an account yet")
    own = {number: linked(web, number) for number in ("t1", "t2")}
    lakesides(
        web,
        person("t1", "teacher", email="t2@lakeside.example", given="Ada"),
        person("t2", "teacher", email="t1@lakeside.example", given="Kim"),
        name="swapped",
    )
    for number in ("t1", "t2"):
        page = by_google(web, f"g-{number}", f"{number}@lakeside.example")
        assert page.path == "/home"
        assert ("Algebra" in page.text) is (number == "t1")
    assert own == {number: linked(web, number) for number in ("t1", "t2")}


# What a number is not.


def test_a_number_that_is_now_somebody_elses_ends_the_link_and_mails_them(web: Website) -> None:
    linked_teacher(web)
    web.world.notify_of_links()
    lakesides(web, user("t2", "teacher"), user("s1"), user("s2"), user("s9"), user("a1", "administrator"), name="gone")
    report = lakesides(
        web, person("t1", "teacher", email="bob@lakeside.example", given="Bob", family="Stone"), name="bob"
    )
    assert "number_of_another" in {note["code"] for note in report["notes"]}
    assert linked(web, "t1") is None
    web.world.send_mail()
    assert "bob@lakeside.example" in {mail["To"] for mail in web.world.ses.sent}
    bob = by_google(web, "g-bob", "bob@lakeside.example")
    assert (bob.path, "Ada" in bob.text) == ("/welcome", False)
    web.world.ses.sent.clear()
    web.world.notify_of_links()
    assert {mail["To"] for mail in web.world.ses.sent} == {"ada@mail.example"}
    assert "Bob" not in text(web.world.ses.sent[0])


def test_a_number_of_another_overnight_without_addresses_is_known_by_the_name(web: Website) -> None:
    people = [user("t1", "teacher"), user("t2", "teacher")]
    lakesides(web, *people, person("s1", clever="a", given="Ana", family="Reis"), name="ana")
    by_clever(web, "a", "lakeside").press("I don't have an account yet")
    made = linked(web, "s1")
    lakesides(web, *people, person("s1", clever="b", given="Omar", family="Haddad"), name="omar")
    omar = by_clever(web, "b", "lakeside")
    assert (omar.path, linked(web, "s1")) == ("/welcome", None)
    omar.press("I don't have an account yet")
    assert linked(web, "s1") not in (None, made)


def test_a_link_that_ended_by_mistake_is_taken_back_by_its_own_login(web: Website) -> None:
    people = [user("t1", "teacher"), user("t2", "teacher")]
    ana = person("s1", clever="a", given="Ana", family="Reis")
    lakesides(web, *people, ana, name="ana")
    by_clever(web, "a", "lakeside").press("I don't have an account yet")
    made = linked(web, "s1")
    lakesides(web, *people, person("s1", clever="b", given="Omar", family="Haddad"), name="slip")
    assert linked(web, "s1") is None
    lakesides(web, *people, ana, name="put right")
    assert by_clever(web, "a", "lakeside").path == "/home"
    assert linked(web, "s1") == made


# The same person under another number.


def test_a_linked_student_under_another_number_keeps_account_and_points(web: Website) -> None:
    by_google(web, "g-zoe", "s9@lakeside.example")
    people = [user("t1", "teacher"), user("t2", "teacher"), user("s1"), user("s2")]
    lakesides(web, *people, person("z-new", email="s9@lakeside.example", given="Zoe"), name="renumbered")
    page = by_google(web, "g-zoe", "s9@lakeside.example")
    assert page.path == "/home"
    assert (linked(web, "z-new"), linked(web, "s9")) == ("zoe", None)
    moved = [
        i
        for (pk, _), i in web.world.table.items.items()
        if pk.startswith("OUTBOX#") and i["detail_type"] == "LinkMoved"
    ]
    assert len(moved) == 1
    assert web.world.notify_of_links() == 0, "it is the same link"


def test_a_linked_teacher_under_another_number_is_not_mailed_again(web: Website) -> None:
    linked_teacher(web)
    mails = len(web.world.ses.sent)
    people = [user("t2", "teacher"), user("s1"), user("s2"), user("s9", given="Zoe"), user("a1", "administrator")]
    report = lakesides(web, person("t1-new", "teacher", email="t1@lakeside.example"), *people, name="renumbered")
    web.world.send_mail()
    assert len(web.world.ses.sent) == mails
    assert report["users"]["removed"] == 0
    page = by_google(web, "g-ada-at-school", "t1@lakeside.example")
    assert page.path == "/home"
    assert "Period 3" in page.text
    assert linked(web, "t1-new") == "ada"
    assert NudgeStore(web.world.table).of_user(key("t1-new")).sent == 0


def test_who_proves_the_account_of_a_number_that_was_left_links_it_anew(web: Website) -> None:
    """Once it answered: this account is linked to another person of this district."""
    kid = by_clever(web, "cid-1", "lakeside").press("Log into my existing account")
    log_in(kid, "kid").press("Link my accounts")
    people = [user("t1", "teacher"), user("t2", "teacher"), user("s2"), user("s9")]
    lakesides(web, *people, person("k-new", clever="cid-new", given="Kid"), name="renumbered")
    page = by_clever(web, "cid-new", "lakeside").press("Log into my existing account")
    log_in(page, "kid").press("Link my accounts")
    assert (page.path, linked(web, "k-new")) == ("/home", "kid")
    assert by_clever(web, "cid-new", "lakeside").path == "/home"


# What is confirmed once.


def test_a_new_login_at_a_linked_row_works_once_confirmed_and_is_told(web: Website) -> None:
    linked_teacher(web)
    web.world.notify_of_links()
    web.world.ses.sent.clear()
    lakesides(web, person("t1", "teacher", email="t1@lakeside.example", clever="c-new"), name="changed")
    ada = by_clever(web, "c-new", "lakeside").press("Log into my existing account")
    log_in(ada)
    assert ada.path == "/link"
    assert "the login of Lakeside Schools opens this account" in ada.text
    assert "Login used in this browser: Clever." in ada.text
    ada.press("Link my accounts")
    assert ada.path == "/home"
    web.world.notify_of_links()
    assert {mail["To"] for mail in web.world.ses.sent} == {"ada@mail.example", "t1@lakeside.example"}
    assert by_clever(web, "c-new", "lakeside").path == "/home"


def test_a_new_login_that_the_rule_adopts_is_told_to_the_accounts_own_address(web: Website) -> None:
    linked_teacher(web)
    web.world.notify_of_links()
    web.world.ses.sent.clear()
    web.world.pass_time(days=40)
    assert by_google(web, "g-school", "t1@lakeside.example").path == "/home"
    assert web.world.notify_of_links() == 1
    (mail,) = web.world.ses.sent
    assert mail["To"] == "ada@mail.example"
    assert "another login of your school opens this account" in text(mail)
    address = next(word for word in text(mail).split() if "/notice/" in word)
    web.visitor().open(address).press("Undo the link", email="ada@mail.example")
    assert linked(web, "t1") is None, "for 30 days from now"


def test_a_login_that_the_link_knows_is_not_told_again(web: Website) -> None:
    linked_teacher(web)
    for _ in range(2):
        by_google(web, "g-school", "t1@lakeside.example")
        web.world.pass_time(minutes=1)
    web.world.notify_of_links()
    assert [mail["To"] for mail in web.world.ses.sent].count("ada@mail.example") == 2, "the link, and one new login"


def test_a_notice_that_is_out_undoes_the_link_after_a_login_was_adopted(web: Website) -> None:
    linked_teacher(web)
    web.world.notify_of_links()
    mail = next(mail for mail in web.world.ses.sent if mail["To"] == "ada@mail.example")
    address = next(word for word in text(mail).split() if "/notice/" in word)
    web.world.pass_time(minutes=1)
    by_google(web, "g-school", "t1@lakeside.example")
    web.visitor().open(address).press("Undo the link", email="ada@mail.example")
    assert linked(web, "t1") is None


def test_a_new_login_that_a_moved_link_follows_is_told_too(web: Website) -> None:
    linked_teacher(web)
    web.world.notify_of_links()
    web.world.ses.sent.clear()
    people = [user("t2", "teacher"), user("s1"), user("s2"), user("s9"), user("a1", "administrator")]
    lakesides(web, person("t1-new", "teacher", email="t1@lakeside.example"), *people, name="renumbered")
    by_google(web, "g-school", "t1@lakeside.example")
    assert linked(web, "t1-new") == "ada"
    web.world.notify_of_links()
    assert [mail["To"] for mail in web.world.ses.sent] == ["ada@mail.example"]


def test_two_logins_at_once_both_stay_proofs_of_the_link(web: Website) -> None:
    linked_teacher(web)
    seen = web.world.links.of_user(key("t1"))
    assert seen is not None
    assert seen.proofs is not None
    first, second = (
        replace(seen.proofs, identities=frozenset({("https://clever.com", hashed)})) for hashed in ("one", "two")
    )
    assert web.world.links.note_proofs(seen, first)
    assert not web.world.links.note_proofs(seen, second), "it was not read with the first one"


def test_a_google_that_a_linked_row_confirms_is_named_with_its_address(web: Website) -> None:
    linked_teacher(web)
    by_google(web, "g-first", "t1@lakeside.example")
    other = by_google(web, "g-other", "t1@lakeside.example").press("Log into my existing account")
    assert "Google, t…@lakeside.example" in log_in(other).text


def test_a_clever_id_that_a_linked_row_gets_later_has_to_be_confirmed(web: Website) -> None:
    by_google(web, "g-zoe", "s9@lakeside.example")
    lakesides(web, user("t1", "teacher"), person("s9", email="s9@lakeside.example", clever="evil", given="Zoe"))
    assert by_clever(web, "evil", "lakeside").path == "/welcome"
    assert linked(web, "s9") == "zoe"


def test_an_owner_on_a_shared_computer_confirms_no_strangers_login_unasked(web: Website) -> None:
    linked_teacher(web)
    lakesides(web, person("t1", "teacher", email="t1@lakeside.example", clever="evil"), name="changed")
    shared = by_clever(web, "evil", "lakeside")
    log_in(shared.open("/login"))
    assert by_clever(web, "evil", "lakeside").path == "/welcome", "nobody pressed a button that says so"


def test_an_account_that_the_district_alone_opens_follows_its_row(web: Website) -> None:
    in_a_made_account(web)
    made = linked(web, "s1")
    people = [user("t1", "teacher"), user("t2", "teacher"), user("s2"), user("s9")]
    lakesides(web, *people, person("s1", email="s1@lakeside.example", clever="cid-new", given="Kid"), name="changed")
    assert by_clever(web, "cid-new", "lakeside").path == "/home"
    assert linked(web, "s1") == made


def test_an_account_follows_no_row_that_got_another_teachers_address(web: Website) -> None:
    by_google(web, "g-t1", "t1@lakeside.example").press("I don't have an account yet")
    lakesides(
        web,
        person("t1", "teacher", email="t2@lakeside.example", given="Ada"),
        person("t2", "teacher", email="t1@lakeside.example", given="Kim"),
        name="swapped",
    )
    assert by_google(web, "g-t2", "t2@lakeside.example").path == "/welcome", "her account is the first one's"
    assert by_google(web, "g-t1", "t1@lakeside.example").path == "/home"


def test_an_account_follows_no_row_that_got_an_address_of_another_row(web: Website) -> None:
    """The link was made at an address that nobody has any more."""
    by_google(web, "g-t1", "t1@lakeside.example").press("I don't have an account yet")
    for name, addresses in {"renamed": ("ada", "kim"), "swapped": ("kim", "ada")}.items():
        first, second = (f"{address}@lakeside.example" for address in addresses)
        people = (
            person("t1", "teacher", email=first, given="Ada"),
            person("t2", "teacher", email=second, given="Kim"),
        )
        report = lakesides(web, *people, name=name)
        if report["status"] == "held":
            decide(web.world, report, "approve")
    assert by_google(web, "g-kim", "kim@lakeside.example").path == "/welcome"


def test_an_account_follows_no_row_that_got_another_students_clever_id(web: Website) -> None:
    in_a_made_account(web)
    lakesides(web, user("t1", "teacher"), person("s1", clever="cid-2", given="Kid"), person("s2", clever="cid-1"))
    assert by_clever(web, "cid-2", "lakeside").path == "/welcome"
    assert by_clever(web, "cid-1", "lakeside").path == "/home"


def test_a_link_of_the_version_before_counts_for_its_first_login_that_fits(web: Website) -> None:
    linked_teacher(web)
    item = web.world.table.items["USER#lakeside#t1", "LINK"]
    item.pop("proofs")
    assert by_google(web, "g-ada", "t1@lakeside.example").path == "/home"
    link = web.world.links.of_user(key("t1"))
    assert link is not None
    assert link.proofs is not None
    assert link.proofs.identities
    assert web.world.notify_of_links() == 2, "the link itself, and no login"


# Addresses and trust.


def test_an_account_that_a_clever_login_made_has_no_verified_address(web: Website) -> None:
    """Lakeside's pupil row has Hilltop's teacher's address by a slip."""
    slip = "teacher@hilltop.example"
    lakesides(web, user("t1", "teacher"), person("s40", email=slip, clever="pupil", given="Pip"))
    by_clever(web, "pupil", "lakeside").press("I don't have an account yet")
    made = web.world.accounts.get(linked(web, "s40") or "")
    assert made is not None
    assert (made.email, made.email_verified) == (slip, False)
    report = hostile(web, person("x1", "teacher", email=slip, given="Tia"))
    web.world.send_mail()
    assert report["matching"]["matched"] == 0
    assert slip in {mail["To"] for mail in web.world.ses.sent}, "she is mailed"
    tia = by_google(web, "g-tia", slip, HILLTOP)
    assert tia.path == "/welcome"


def test_an_account_made_by_a_google_login_has_the_address_google_verified(web: Website) -> None:
    by_google(web, "g-s2", "s2@lakeside.example").press("I don't have an account yet")
    made = web.world.accounts.get(linked(web, "s2") or "")
    assert made is not None
    assert made.email_verified


def test_a_login_trusted_at_an_undone_link_is_not_trusted_at_the_next_one(web: Website) -> None:
    claims = {"sub": "google-ada", "email": "ada@mail.example", "email_verified": True}
    page = web.visitor(**claims).open(web.world.address_in_mail_to("t1@lakeside.example"))
    page.press("Log into my existing account").press("Continue with Google").press("Link my accounts")
    page.press("Undo the link with Lakeside Schools").press("Undo the link")
    web.world.pass_time(minutes=1)
    anew = by_google(web, "g-school", "t1@lakeside.example").press("Log into my existing account")
    log_in(anew).press("Link my accounts")
    assert linked(web, "t1") == "ada"
    later = web.visitor(**claims).open("/login").press("Continue with Google")
    assert "Confirm that this is you" in later.open("/home").text


def test_a_google_that_a_stranger_left_waiting_is_not_confirmed_later(web: Website) -> None:
    linked_teacher(web)
    claims = {"sub": "google-ada", "email": "eve@mail.example", "email_verified": True}
    shared = web.visitor(**claims).open("/login").press("Continue with Google")
    assert "Confirm that this is you" in shared.text
    web.world.pass_time(minutes=11)
    log_in(shared.open("/login"))
    later = web.visitor(**claims).open("/login").press("Continue with Google")
    assert "Confirm that this is you" in later.open("/home").text


# What M6 promises, where it should.


@pytest.mark.parametrize("way", ["google", "clever"])
def test_a_first_login_in_a_district_with_its_own_domain_has_nothing_to_do(web: Website, way: str) -> None:
    web.world.feed(account("tom", "t2@lakeside.example", display_name="Tom Person"))
    people = [user("t1", "teacher"), person("t2", "teacher", email="t2@lakeside.example", clever="c-tom", given="Tom")]
    lakesides(web, *people)
    first = by_google(web, "g-tom", "t2@lakeside.example") if way == "google" else by_clever(web, "c-tom", "lakeside")
    assert (first.path, linked(web, "t2")) == ("/home", "tom")
    for page in (by_google(web, "g-tom", "t2@lakeside.example"), by_clever(web, "c-tom", "lakeside")):
        assert page.path == "/home"


def test_the_subject_of_the_login_is_the_accounts_own_wherever_its_address_is(web: Website) -> None:
    web.world.feed(account("tom", "tom@mail.example", clever_id="c-tom"))
    lakesides(web, user("t1", "teacher"), person("t2", "teacher", email="t2@lakeside.example", clever="c-tom"))
    assert by_clever(web, "c-tom", "lakeside").path == "/home"
    assert linked(web, "t2") == "tom"


def test_a_teacher_who_linked_by_the_mail_is_known_at_the_districts_login(web: Website) -> None:
    log_in(activated(web).press("Log into my existing account")).press("Link my accounts")
    assert by_google(web, "g-any", "t1@lakeside.example").path == "/home"


# Numbers that are used again.


def approved(web: Website, report: dict[str, Any]) -> None:
    if report["status"] == "held":
        decide(web.world, report, "approve")


OTHERS = (user("t2", "teacher"), user("s2"), user("s9", given="Zoe"), user("a1", "administrator"))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(
            {"email": "ana@lakeside.example", "given": "Ana", "family": "Reis"},
            {"email": "omar@lakeside.example", "clever": "c-omar", "given": "Omar", "family": "Reis"},
            id="a brother who comes by the other hub",
        ),
        pytest.param(
            {"clever": "c-ana", "given": "Ana", "family": "Reis"},
            {"clever": "c-omar", "given": "Ana", "family": "Lopez"},
            id="somebody of the same given name",
        ),
        pytest.param(
            {"email": "1001@lakeside.example", "given": "Ana", "family": "Reis"},
            {"email": "1001@lakeside.example", "clever": "c-omar", "given": "Omar", "family": "Haddad"},
            id="somebody whose address is made of the number",
        ),
        pytest.param(
            {"clever": "c-ana", "given": "Ana", "family": "O'Neill"},
            {"clever": "c-omar", "given": "Omar", "family": "O'Brien"},
            id="somebody whose name has the same particle",
        ),
    ],
)
def test_an_account_that_was_made_here_follows_no_other_person(
    web: Website, before: dict[str, str], after: dict[str, str]
) -> None:
    lakesides(web, user("t1", "teacher"), *OTHERS, person("s7", **before), name="ana")
    first = by_clever(web, "c-ana", "lakeside") if "clever" in before else by_google(web, "g-ana", before["email"])
    first.press("I don't have an account yet")
    made = linked(web, "s7")
    approved(web, lakesides(web, user("t1", "teacher"), *OTHERS, person("s7", **after), name="omar"))
    omar = by_clever(web, "c-omar", "lakeside")
    assert omar.path == "/welcome"
    omar.press("I don't have an account yet")
    assert linked(web, "s7") not in (None, made)


def test_a_number_and_its_address_used_again_open_no_account_by_that_address(web: Website) -> None:
    lakesides(
        web,
        user("t1", "teacher"),
        person("s7", email="1001@lakeside.example", clever="c-ana", given="Ana", family="Reis"),
        name="ana",
    )
    by_clever(web, "c-ana", "lakeside").press("I don't have an account yet")
    made = linked(web, "s7")
    lakesides(
        web,
        user("t1", "teacher"),
        person("s7", email="1001@lakeside.example", given="Omar", family="Haddad"),
        name="omar",
    )
    omar = by_google(web, "g-omar", "1001@lakeside.example")
    assert omar.path == "/welcome"
    assert web.world.links.of_account(made or "") == []


def test_a_namesake_at_a_number_and_its_address_is_asked_not_let_in(web: Website) -> None:
    first = {"email": "1001@lakeside.example", "clever": "c-ana", "given": "Ana", "family": "Reis"}
    lakesides(web, user("t1", "teacher"), person("s7", **first), name="ana")
    by_clever(web, "c-ana", "lakeside").press("I don't have an account yet")
    lakesides(
        web, user("t1", "teacher"), person("s7", **{**first, "clever": "c-2", "family": "Lopez"}), name="namesake"
    )
    for namesake in (by_google(web, "g-2", "1001@lakeside.example"), by_clever(web, "c-2", "lakeside")):
        assert namesake.path == "/welcome"
        namesake.http.post("https://link.example/account/new")
    assert by_clever(web, "c-2", "lakeside").path == "/welcome"


@pytest.mark.parametrize("way", ["clever", "google"], ids="made by {}".format)
@pytest.mark.parametrize(
    "other",
    [{"given": "Omar", "family": "Reis"}, {"given": "Omar", "family": "Haddad"}],
    ids=["a brother", "a stranger"],
)
def test_who_had_a_row_between_is_asked_at_the_first_ones_account(
    web: Website, way: str, other: dict[str, str]
) -> None:
    """The roster of last year comes again: the row is Ana's, and the mailbox is Omar's still."""
    ana = person("s7", email="1001@lakeside.example", clever="c-ana", given="Ana", family="Reis")
    omar = person("s7", email="1001@lakeside.example", clever="c-omar", **other)
    lakesides(web, user("t1", "teacher"), ana, name="ana")
    known = {"clever": lambda: by_clever(web, "c-ana", "lakeside"), "google": lambda: first_by_google(web, "g-ana")}[
        way
    ]
    known().press("I don't have an account yet")
    made = linked(web, "s7")
    lakesides(web, user("t1", "teacher"), omar, name="omar")
    lakesides(web, user("t1", "teacher"), ana, name="ana again")
    stranger = first_by_google(web, "g-omar")
    assert stranger.path == "/welcome"
    stranger.http.post("https://link.example/account/new")
    assert first_by_google(web, "g-omar").path == "/welcome"
    assert (known().path, linked(web, "s7")) == ("/home", made), "Ana is known by the login that made it"


def test_who_had_a_number_between_gets_no_link_that_moves_with_its_mailbox(web: Website) -> None:
    """Ana comes again under another number, with the mailbox that somebody else had in between."""
    of_ana = {"email": "1001@lakeside.example", "clever": "c-ana", "given": "Ana", "family": "Reis"}
    lakesides(web, user("t1", "teacher"), person("s7", **of_ana), name="ana")
    by_clever(web, "c-ana", "lakeside").press("I don't have an account yet")
    made = linked(web, "s7")
    omar = person("s7", email="1001@lakeside.example", given="Omar", family="Haddad")
    lakesides(web, user("t1", "teacher"), omar, name="omar")
    approved(web, lakesides(web, user("t1", "teacher"), person("s8", **of_ana), name="ana again"))
    assert first_by_google(web, "g-omar").path == "/welcome"
    assert by_clever(web, "c-ana", "lakeside").path == "/home"
    assert linked(web, "s8") == made


def test_a_login_that_the_link_does_not_know_joins_nothing(web: Website) -> None:
    """Two addresses were swapped in the sheet: the second teacher is at the row of the first one's account."""
    by_google(web, "g-t1", "t1@lakeside.example").press("I don't have an account yet")
    made = linked(web, "t1")
    lakesides(
        web,
        person("t1", "teacher", email="t2@lakeside.example", given="Ada"),
        person("t2", "teacher", email="t1@lakeside.example", given="Kim"),
        name="swapped",
    )
    second = by_google(web, "g-t2", "t2@lakeside.example")
    log_in(second.open("/login"))
    assert second.status == 409
    second.http.post(
        "https://link.example/link", data={"account_id": "ada", "sourced_id": "t1", "made_account_id": made or ""}
    )
    assert linked(web, "t1") == made


@pytest.mark.parametrize("subject", ["g-of-the-link", "g-new"])
def test_a_link_of_a_teacher_follows_no_row_of_a_student(web: Website, subject: str) -> None:
    ada = by_google(web, "g-of-the-link", "t1@lakeside.example").press("Log into my existing account")
    log_in(ada).press("Link my accounts")
    lakesides(web, *OTHERS, name="without her")
    lakesides(web, *OTHERS, person("s50", email="t1@lakeside.example", given="Ada"), name="a student")
    assert by_google(web, subject, "t1@lakeside.example").path == "/welcome"
    assert linked(web, "s50") is None


def test_a_student_takes_no_ended_link_of_a_teacher_back(web: Website) -> None:
    ada = by_google(web, "g-ada", "t1@lakeside.example").press("Log into my existing account")
    log_in(ada).press("Link my accounts")
    approved(
        web, lakesides(web, *OTHERS, person("t1", "teacher", email="x@lakeside.example", given="Bob", family="Stone"))
    )
    assert linked(web, "t1") is None
    approved(web, lakesides(web, *OTHERS, person("t1", email="t1@lakeside.example", given="Ada"), name="a student"))
    assert by_google(web, "g-ada", "t1@lakeside.example").path == "/welcome"
    assert linked(web, "t1") is None


def test_an_account_named_by_title_and_family_name_is_no_other_teachers(web: Website) -> None:
    web.world.feed(account("moss", "m@lakeside.example", display_name="Ms. Moss"))
    lakesides(
        web, user("t1", "teacher"), person("t8", "teacher", email="m@lakeside.example", given="Bob", family="Stone")
    )
    assert by_google(web, "g-bob", "m@lakeside.example").path == "/welcome"


# After an undo.


def test_who_undid_a_link_to_an_account_that_only_clever_opens_makes_it_anew(web: Website) -> None:
    """No password opens it: without this there is only another, empty account."""
    student = in_a_made_account(web)
    made = linked(web, "s1")
    student.open("/home").press("Undo the link with Lakeside Schools").press("Undo the link")
    web.world.pass_time(minutes=1)
    back = by_clever(web, "cid-1", "lakeside")
    assert back.path == "/link"
    back.press("Link my accounts")
    assert (back.path, linked(web, "s1")) == ("/home", made)


def test_an_account_made_on_a_rosters_word_takes_no_address_from_the_login(web: Website) -> None:
    """Una never verified hers; a hostile row with it makes an account, which has no password."""
    web.world.feed(account("una", "una@mail.example", verified=False))
    web.cognito.users["una"] = (PASSWORD, "una")
    hostile(web, person("x1", "teacher", email="una@mail.example", clever="evil"))
    by_clever(web, "evil").press("I don't have an account yet")
    assert log_in(web.visitor().open("/login"), "una@mail.example").path == "/home"


# What a login proved, and whose row it is now.


def test_a_session_of_a_number_is_over_when_the_number_is_another_persons(web: Website) -> None:
    lakesides(web, user("t1", "teacher"), person("s7", clever="ana", given="Ana", family="Reis"), name="ana")
    ana = by_clever(web, "ana", "lakeside")
    lakesides(web, user("t1", "teacher"), person("s7", clever="omar", given="Omar", family="Haddad"), name="omar")
    ana.http.post("https://link.example/account/new")
    assert linked(web, "s7") is None


def test_the_console_closes_when_the_number_is_another_administrators(web: Website) -> None:
    lakesides(web, user("t1", "teacher"), person("a7", "administrator", clever="ann", given="Ann"), name="ann")
    ann = by_clever(web, "ann", "lakeside")
    assert ann.path == "/console/lakeside"
    lakesides(web, user("t1", "teacher"), person("a7", "administrator", clever="bob", given="Bob"), name="bob")
    assert ann.open("/console/lakeside").status == 403


def test_a_form_of_one_district_links_no_equal_number_of_another(web: Website) -> None:
    """Two tabs of one browser: the second one logged in through the other district since."""
    hostile(web, person("t2", "teacher", clever="7", given="Kim"))
    claims = {"sub": "7", "email": "t2@lakeside.example", "email_verified": True, "district": HILLTOP_CLEVER}
    tabs = web.visitor(**claims).open("/sso/lakeside").press("Continue with Google")
    assert log_in(tabs.press("Log into my existing account")).path == "/link"
    shown = {"account_id": "ada", "sourced_id": "t2", "person": shown_of(web, "t2")}
    tabs.open(f"/sso/{HILLTOP}").press("Continue with Clever")
    assert log_in(tabs.open("/login")).path == "/link"
    tabs.http.post("https://link.example/link", data=shown)
    assert (linked(web, "t2", HILLTOP), linked(web, "t2")) == (None, None)


def test_a_form_that_showed_another_name_links_nothing(web: Website) -> None:
    page = log_in(activated(web).press("Log into my existing account"))
    shown = {"account_id": "ada", "sourced_id": "t1", "person": shown_of(web, "t1")}
    lakesides(web, person("t1", "teacher", email="t1@lakeside.example", given="Bob", family="Stone"), *OTHERS)
    page.http.post("https://link.example/link", data=shown)
    assert linked(web, "t1") is None


@pytest.mark.parametrize("verified", [True, False])
def test_a_parents_clever_with_the_childs_address_is_not_the_child(web: Website, verified: bool) -> None:
    claims = {
        "email": "s2@lakeside.example",
        "email_verified": verified,
        "given_name": "Petra",
        "family_name": "Parent",
    }
    page = by_clever(web, "a parent", "lakeside", **claims)
    assert (page.status, page.path) == (403, "/callback/clever")


# A slip in one row.


def test_a_linked_teachers_address_in_a_pupils_row_shuts_nobody_out(web: Website) -> None:
    by_google(web, "g-t1", "t1@lakeside.example").press("I don't have an account yet")
    made = linked(web, "t1")
    slip = person("s50", email="t1@lakeside.example", given="Pip", family="Small")
    lakesides(web, user("t1", "teacher", given="Ada"), *OTHERS, slip, name="slip")
    assert by_google(web, "g-t1", "t1@lakeside.example").path == "/home"
    assert by_google(web, "g-pip", "t1@lakeside.example").status == 403
    assert (linked(web, "t1"), linked(web, "s50")) == (made, None)


def test_a_linked_students_clever_id_in_another_row_shuts_nobody_out(web: Website) -> None:
    in_a_made_account(web)
    slip = person("s51", clever="cid-1", given="Pip", family="Small")
    lakesides(web, user("t1", "teacher"), *OTHERS, user("s1", ids="{Clever:cid-1}", given="Kid"), slip, name="slip")
    assert by_clever(web, "cid-1", "lakeside").path == "/home"


def test_who_teaches_and_administers_has_one_clever_login(web: Website) -> None:
    both = {"email": "t1@lakeside.example", "clever": "both", "given": "Ada"}
    lakesides(web, person("t1", "teacher", **both), person("a7", "administrator", **both))
    page = by_clever(web, "both", "lakeside")
    assert page.path == "/welcome"
    assert page.open("/console/lakeside").status == 200


def test_a_login_that_was_not_shown_at_the_link_has_to_be_confirmed() -> None:
    subject = ("https://accounts.google.com", "g-ada")
    shown = {"shown": {identity_hash(*subject): 1}}
    assert not has_to_be_confirmed(subject, None), "the account was never linked"
    assert has_to_be_confirmed(subject, {"shown": {}})
    assert not has_to_be_confirmed(subject, shown)


def test_a_link_that_moves_is_a_newer_version_of_itself(web: Website) -> None:
    linked_teacher(web)
    (link,) = web.world.links.of_account("ada")
    assert link.proofs
    moved = web.world.links.move(link, key("t2"), link.proofs, event_id="e", now=web.world.now)
    assert moved
    assert moved.version == link.version + 1 == web.world.links.of_account("ada")[0].version
