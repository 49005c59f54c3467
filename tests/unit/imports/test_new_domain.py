"""A district changes its mail domain (B11): the same people at other addresses, and nobody is mailed again or loses a link."""

from __future__ import annotations

from typing import Any

import pytest

from shared.domain.activation import ActivationState
from shared.stores.audit import AuditStore
from tests.builders import account, enrolled, key, roster, user
from tests.harness import World, decide, roll_back, text, zipped
from tests.pages_harness import PASSWORD, Website, log_in

OLD, NEW = "lakeside.example", "lakeside-schools.example"
TEACHERS = {"bob": "Bob", "cal": "Cal", "dee": "Dee"}
STUDENTS = [f"s{n}" for n in range(5)]
BOTH = {"email_domains": [OLD, NEW]}


def district(domain: str, *more: str, prefix: str = "", without: tuple[str, ...] = ()) -> dict[str, str | bytes]:
    """Three teachers and five students at this domain; under other numbers with a prefix."""
    people = [user(f"{prefix}{n}", "teacher", email=f"{n}@{domain}", given=given) for n, given in TEACHERS.items()]
    people += [user(f"{prefix}{n}", email=f"{n}@{domain}", given=f"Given{n}") for n in STUDENTS if n not in without]
    classes = "".join(enrolled(f"{prefix}{n}", "teacher") for n in TEACHERS)
    classes += "".join(enrolled(f"{prefix}{n}") for n in STUDENTS if n not in without)
    return roster(*people, *more, enrollments=classes)


@pytest.fixture
def web() -> Website:
    """Bob is matched by his address, Cal is linked, Dee has her mail."""
    world = World()
    world.register()
    world.feed(account("bob", f"bob@{OLD}", display_name="Bob Person"))
    world.upload(district(OLD))
    world.send_mail()
    made = Website(world)
    world.feed(account("cal", "cal@mail.example", display_name="Cal Person"))
    made.cognito.users["cal"] = (PASSWORD, "cal")
    page = made.visitor().open(world.address_in_mail_to(f"cal@{OLD}"))
    log_in(page.press("Log into my existing account"), "cal").press("Link my accounts")
    return made


def changed(world: World, files: dict[str, str | bytes] | None = None, **settings: Any) -> dict[str, Any]:
    """The report of a night on which the domain is another, once it was approved."""
    world.register(**(settings or BOTH))
    report = world.upload(files or district(NEW), name="next")
    if report["status"] == "held":
        decide(world, report, "approve")
    return world.latest()


@pytest.mark.parametrize("settings", [BOTH, {"email_domains": [NEW]}], ids=["both domains", "the new one alone"])
def test_a_new_mail_domain_waits_for_a_word_and_says_how_many(web: Website, settings: dict[str, Any]) -> None:
    world = web.world
    world.register(**settings)
    report = world.upload(district(NEW), name="next")
    assert (report["status"], report["reason"]["code"], report["id_changes"]) == ("held", "ids_changed", 8)
    assert "mail domain" in report["reason"]["message"]
    decide(world, report, "approve")
    world.send_mail()
    report = world.latest()
    assert (report["status"], report["users"]["removed"], report["users"]["created"]) == ("completed", 0, 0)
    assert report["activations"] == {"queued": 0, "withheld": 0}
    assert len(world.ses.sent) == 2
    (note,) = [note for note in report["notes"] if note["code"] == "domain_changed"]
    assert note["count"] == 8
    listed = world.s3.objects["reports", report["id_changes_key"]].decode("utf-8-sig").splitlines()
    assert listed[:2] == ["kind,oldSourcedId,newSourcedId,because", "teacher,bob,bob,domain"]


def test_open_mails_go_on_working_and_reminders_go_to_the_new_address(web: Website) -> None:
    world = web.world
    changed(world)
    activation = world.activations.of_user(key("dee"))
    assert activation
    assert activation.official_email == f"dee@{NEW}"
    assert "Dee Person" in web.visitor().open(world.address_in_mail_to(f"dee@{OLD}")).text
    world.pass_time(days=8)
    world.send_reminder().send(key("dee"), activation.follow_up_at or "")
    assert world.ses.sent[-1]["To"] == f"dee@{NEW}"
    assert world.address_in_mail_to(f"dee@{NEW}") == world.address_in_mail_to(f"dee@{OLD}")


def test_links_matches_and_the_trail_stay_with_their_people(web: Website) -> None:
    world = web.world
    before = [entry.fact for entry in AuditStore(world.table).of_user(key("cal"))]
    changed(world)
    linked, matched = world.links.of_user(key("cal")), world.links.of_user(key("bob"))
    assert linked
    assert matched
    assert (linked.is_linked, linked.account_id, matched.state, matched.account_id) == (True, "cal", "matched", "bob")
    assert linked.proofs
    assert linked.proofs.addresses >= {f"cal@{OLD}", f"cal@{NEW}"}
    assert [entry.fact for entry in AuditStore(world.table).of_user(key("cal"))] == before
    assert [found.sourced_id for found in world.users.by_email("lakeside", f"cal@{NEW}")] == ["cal"]
    assert world.users.by_email("lakeside", f"cal@{OLD}") == []


def test_whoever_is_matched_is_linked_by_rule_at_the_first_login_after(web: Website) -> None:
    changed(web.world, email_domains=[NEW])
    google = {"sub": "g-bob", "email": f"bob@{NEW}", "email_verified": True, "hd": NEW}
    web.visitor(**google).open("/sso/lakeside").press("Continue with Google")
    found = web.world.links.of_user(key("bob"))
    assert found
    assert (found.is_linked, found.account_id) == (True, "bob")


def test_a_match_that_is_looked_at_again_later_stays(web: Website) -> None:
    world = web.world
    changed(world)
    later = district(NEW)
    later["users.csv"] = str(later["users.csv"]).replace("Bob,Person", "Bob,Person-Lee")
    report = world.upload(later, name="later")
    assert (report["users"]["changed"], report["activations"]["queued"]) == (1, 0)
    found = world.links.of_user(key("bob"))
    assert found
    assert found.state == "matched"


def test_numbers_and_domain_may_change_in_one_night(web: Website) -> None:
    world = web.world
    report = changed(world, district(NEW, prefix="N-"))
    assert (report["status"], report["id_changes"], report["users"]["removed"]) == ("completed", 8, 0)
    assert (report["users"]["created"], report["activations"]["queued"]) == (0, 0)
    world.send_mail()
    assert len(world.ses.sent) == 2
    assert "Dee Person" in web.visitor().open(world.address_in_mail_to(f"dee@{OLD}")).text
    linked = world.links.of_user(key("N-cal"))
    assert linked
    assert linked.is_linked


def test_a_preview_of_a_new_domain_says_the_same(web: Website) -> None:
    world = web.world
    world.register(**BOTH)
    preview = world.report(world.put("previews/lakeside/next.zip", zipped(district(NEW))))
    report = world.upload(district(NEW), name="next")
    assert (preview["reason"]["code"], preview["id_changes"]) == ("ids_changed", 8)
    decide(world, report, "approve")
    for part in ("users", "matching", "activations", "notes"):
        assert preview[part] == world.latest()[part], part


def test_a_roll_back_brings_the_addresses_back_and_the_mails_go_on_working(web: Website) -> None:
    report = changed(web.world)
    roll_back(web.world, report["import_id"])
    assert "Dee Person" in web.visitor().open(web.world.address_in_mail_to(f"dee@{OLD}")).text
    web.world.send_mail()
    assert len(web.world.ses.sent) == 2


def test_whose_mail_came_back_is_mailed_at_the_new_address(web: Website) -> None:
    world = web.world
    sent = world.activations.of_user(key("dee"))
    assert sent
    world.activations.mark_feedback(sent, ActivationState.BOUNCED, sent.message_id or "", now=world.now)
    world.register(**BOTH)
    preview = world.report(world.put("previews/lakeside/next.zip", zipped(district(NEW))))
    report = changed(world)
    assert preview["activations"] == report["activations"] == {"queued": 1, "withheld": 0}
    world.send_mail()
    assert world.ses.sent[-1]["To"] == f"dee@{NEW}"
    assert "Dee" in text(world.ses.sent[-1])


def test_a_handful_of_addresses_in_another_domain_is_applied_without_a_word(web: Website) -> None:
    files = district(OLD)
    files["users.csv"] = str(files["users.csv"]).replace(f"dee@{OLD}", f"dee@{NEW}")
    world = web.world
    world.register(**BOTH)
    report = world.upload(files, name="next")
    assert (report["status"], report["activations"]["queued"], report["id_changes"]) == ("completed", 0, 1)


@pytest.mark.parametrize(
    "address", [f"d.person@{NEW}", "dee@elsewhere.example"], ids=["another name before the @", "a stranger's domain"]
)
def test_an_address_that_is_another_is_mailed_as_before(web: Website, address: str) -> None:
    files = district(OLD)
    files["users.csv"] = str(files["users.csv"]).replace(f"dee@{OLD}", address)
    world = web.world
    world.register(**BOTH)
    report = world.upload(files, name="next")
    assert (report["activations"]["queued"], "id_changes" in report) == (1, False)


def test_steps_that_run_again_after_a_new_domain_change_nothing(web: Website) -> None:
    world = web.world
    changed(world)
    items = {pair: item for pair, item in world.table.items.items() if pair[1] in ("LINK", "ACTIVATION", "ROSTER")}
    report = changed(world, district(NEW))
    assert report["status"] == "unchanged"
    assert {pair: world.table.items[pair] for pair in items} == items


# Accounts that come with an address in the domain before.


@pytest.mark.parametrize(
    ("settings", "line", "matched"),
    [
        (BOTH, account("dora", f"dee@{OLD}", display_name="Dee Person"), "dora"),
        (BOTH, account("dora", f"dee@{OLD}", display_name="Dee Person", verified=False), None),
        (BOTH, account("dora", f"dee@{OLD}", display_name="Zoe Quill"), None),
        ({"email_domains": [NEW]}, account("dora", f"dee@{OLD}", display_name="Dee Person"), None),
    ],
    ids=["the district's still", "never verified", "another family name", "nobody's any more"],
)
def test_an_account_in_the_domain_before_is_matched_while_it_is_kept(
    web: Website, settings: dict[str, Any], line: dict[str, Any], matched: str | None
) -> None:
    world = web.world
    changed(world, **settings)
    world.feed(line, name="later")
    found = world.links.of_user(key("dee"))
    assert (found.account_id if found else None) == matched


def test_a_match_by_the_domain_before_lasts_as_long_as_the_account_has_it(web: Website) -> None:
    # Given an account that came with the address in the domain before
    world = web.world
    changed(world)
    line = account("dora", f"dee@{OLD}", display_name="Dee Person")
    world.feed(line, name="later")
    # When the roster looks at the person again, then the match stays
    later = district(NEW)
    later["users.csv"] = str(later["users.csv"]).replace("Dee,Person", "Dee,Person-Lee")
    world.upload(later, name="later")
    assert world.links.of_user(key("dee"))
    # When the account has another address, then it is nobody's match
    world.feed({**line, "email": "dora@mail.example"}, name="later")
    assert world.links.of_user(key("dee")) is None


def test_an_address_that_somebody_else_has_by_now_matches_who_has_it(web: Website) -> None:
    world = web.world
    changed(world)
    world.upload(district(NEW, user("d2", "teacher", email=f"dee@{OLD}", given="Dinah")), name="next2")
    for address in (f"dee@{NEW}", f"dee@{OLD}"):
        world.feed(account("dora", address, display_name="Dinah Person"), name="later")
    assert world.links.of_user(key("dee")) is None
