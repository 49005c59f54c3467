"""From the mail to the link, and back (M6–M18, B2, B4–B6), through the pages over a world in memory."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from functions.pages.http import DISTRICT_COOKIE
from local.web_client import NoSuchButton
from shared.domain.activation import ActivationState
from shared.domain.clock import to_iso
from shared.domain.errors import RefusedTransition
from shared.domain.link import LinkState
from shared.domain.roster import RosterUserKey
from tests.builders import account, enrolled, key, roster, user
from tests.harness import WEB, World
from tests.pages_harness import (
    CLEVER_DISTRICT,
    PASSWORD,
    Website,
    account_of,
    activated,
    earns,
    in_a_made_account,
    lakeside,
    linked_teacher,
    log_in,
    post,
    shown_of,
    state,
)


@pytest.fixture
def web() -> Website:
    return lakeside()


def test_the_mail_says_what_the_contract_says(web: Website) -> None:
    mail = next(m for m in web.world.ses.sent if m["To"] == "t1@lakeside.example")
    simple = mail["Content"]["Simple"]
    html, text = simple["Body"]["Html"]["Data"], simple["Body"]["Text"]["Data"]
    address = web.world.address_in_mail_to("t1@lakeside.example")
    assert simple["Subject"]["Data"] == "Confirm your official Khan Academy account"
    assert address.startswith(f"{WEB}/activate/")
    assert html.count(f'href="{address}"') == 1
    assert ">Confirm your account<" in html
    assert address in text
    assert "https://support.khanacademy.org" in html
    assert "https://support.khanacademy.org" in text
    assert "Ada Person" in html
    assert "Lakeside Middle" in html
    assert "Headers" not in simple, "an activation is transactional"


def test_a_mail_counts_as_opened_once_a_login_followed_its_first_button(web: Website) -> None:
    def opened() -> str | None:
        activation = web.world.activations.of_user(key("t1"))
        assert activation
        return activation.opened_at

    page = activated(web).press("Log into my existing account")
    assert opened() is None, "a scanner presses buttons, too"
    pressed_at = to_iso(web.world.now)
    web.world.pass_time(minutes=1)
    log_in(page)
    assert opened() == pressed_at
    # And it is the first time that counts
    web.world.pass_time(minutes=5)
    log_in(activated(web).press("Log into my existing account"))
    assert opened() == pressed_at


def test_a_district_login_of_somebody_else_opens_nobodys_mail(web: Website) -> None:
    page = activated(web).press("I don't have an account yet")
    assert page.path == "/sso/lakeside"
    page = web.visitor(sub="google-t2", email="t2@lakeside.example", email_verified=True).open(
        web.world.address_in_mail_to("t1@lakeside.example")
    )
    page.press("I don't have an account yet").press("Continue with Google")
    activation = web.world.activations.of_user(key("t1"))
    assert activation
    assert activation.opened_at is None


def test_there_is_one_mail_however_often_it_is_asked_for(web: Website) -> None:
    for _ in range(3):
        activation = web.world.activations.of_user(key("t1"))
        assert activation is not None
        web.world.send_activation().send(key("t1"), activation.activation_id)
    assert sorted(m["To"] for m in web.world.ses.sent) == ["t1@lakeside.example", "t2@lakeside.example"]


def test_a_teacher_links_and_sees_both_kinds_of_class(web: Website) -> None:
    page = activated(web)
    assert page.path == "/activate", "the token has left the address"
    for wanted in ("Ada Person", "Lakeside Middle", "Lakeside Schools"):
        assert wanted in page.text
    page.press("Log into my existing account")
    log_in(page)
    assert page.path == "/link"
    for wanted in ("Ada Person", "t…@lakeside.example", "Period 3", "Algebra"):
        assert wanted in page.text
    page.press("Link my accounts")
    assert page.path == "/home"
    for wanted in ("District classes", "Previous classes", "Period 3", "Algebra"):
        assert wanted in page.text
    activation = web.world.activations.of_user(key("t1"))
    assert activation is not None
    assert activation.used_at is not None
    assert activation.opened_at is not None
    events = [i["detail_type"] for k, i in web.world.table.items.items() if k[0].startswith("OUTBOX#")]
    assert "AccountLinked" in events


def test_with_google_the_account_is_found_by_subject_and_never_by_address(web: Website) -> None:
    page = web.visitor(sub="google-ada", email="whatever@mail.example", email_verified=True)
    page.open(web.world.address_in_mail_to("t1@lakeside.example")).press("Log into my existing account")
    page.press("Continue with Google")
    assert page.path == "/link"
    stranger = web.visitor(sub="another", email="ada@mail.example", email_verified=True)
    stranger.open("/login").press("Continue with Google")
    assert (stranger.status, "We can't find a Khan Academy account" in stranger.text) == (401, True)


def test_a_wrong_password_and_an_unknown_name_get_the_same_answer_and_calls(web: Website) -> None:
    answers, calls = [], []
    for name in ("ada", "nobody", "ada@mail.example", "nobody@mail.example"):
        page = web.visitor().open("/login")
        before = dict(web.world.table.meter.requests)
        web.cognito.calls.clear()
        log_in(page, name, "wrong")
        assert page.status == 401
        assert page.response is not None
        answers.append(page.response.text.replace(name, "NAME").split("<main")[1])
        after = web.world.table.meter.requests
        calls.append(({k: after[k] - before.get(k, 0) for k in after}, tuple(web.cognito.calls)))
    assert len(set(answers)) == 1
    assert calls[0] == calls[1]
    assert calls[2] == calls[3]


def test_scanners_change_nothing_and_the_link_is_still_good_afterwards(web: Website) -> None:
    """B6: HEAD, 50 GETs, forms without a login."""
    address = web.world.address_in_mail_to("t1@lakeside.example")
    before = state(web)
    robot = web.visitor()
    for _ in range(50):
        robot.open(address)
    for button in ("Log into my existing account", "I don't have an account yet"):
        robot.open(address).press(button)
    robot.http.post(f"{WEB}/link")
    robot.http.post(f"{WEB}/account/new")
    robot.http.head(address)
    assert state(web) == before
    assert linked_teacher(web).path == "/home"


def test_a_used_link_an_unknown_one_and_an_expired_one_each_say_how_to_go_on(web: Website) -> None:
    address = web.world.address_in_mail_to("t1@lakeside.example")
    linked_teacher(web)
    assert "You already confirmed your account" in web.visitor().open(address).text
    forged = address[:-4] + ("AAAA" if not address.endswith("AAAA") else "BBBB")
    page = web.visitor().open(forged)
    assert page.status == 410
    assert "Send me a new link" in page.text
    other = web.world.address_in_mail_to("t2@lakeside.example")
    web.world.pass_time(days=31)
    page = web.visitor().open(other)
    assert (page.status, "This link has expired" in page.text) == (410, True)
    assert "Go to the login" in page.links()


def test_the_link_dies_with_an_address_that_is_no_longer_the_official_one(web: Website) -> None:
    address = web.world.address_in_mail_to("t1@lakeside.example")
    web.world.upload(
        roster(user("t1", "teacher", email="new@lakeside.example"), user("t2", "teacher"), user("s1"), user("s2"), user("s9"),
               user("a1", "administrator")), name="next",
    )  # fmt: skip
    assert web.visitor().open(address).status == 410


def test_nobody_links_with_anothers_mail_to_an_account_that_is_linked_already(web: Website) -> None:
    linked_teacher(web)
    page = log_in(activated(web, "t2").press("Log into my existing account"))
    assert (page.status, "already linked to someone else" in page.text) == (409, True)
    shown = {"account_id": "ada", "sourced_id": "t2", "person": shown_of(web, "t2")}
    assert post(page, "/link", **shown).status_code == 409
    assert web.world.links.of_user(key("t2")) is None


def test_this_is_not_me_joins_nothing_and_logs_out(web: Website) -> None:
    page = log_in(activated(web).press("Log into my existing account")).press("This isn't me")
    assert "Nothing was linked" in page.text
    assert web.world.links.of_user(key("t1")) is None
    assert page.open("/home").path == "/login"


def test_two_presses_at_once_make_one_link(web: Website) -> None:
    first = log_in(activated(web).press("Log into my existing account"))
    second = log_in(activated(web).press("Log into my existing account"))
    first.press("Link my accounts")
    second.press("Link my accounts")
    assert (first.path, second.path) == ("/home", "/home")
    assert (
        sum(
            k[0].startswith("OUTBOX#") and i["detail_type"] == "AccountLinked" for k, i in web.world.table.items.items()
        )
        == 1
    )


def test_a_matched_student_is_linked_at_the_first_district_login_unasked(web: Website) -> None:
    page = web.visitor(sub="zoe-at-google", email="s9@lakeside.example", email_verified=True)
    page.open("/sso/lakeside").press("Continue with Google")
    assert page.path == "/home"
    assert "Your accounts are linked" in page.text
    link = web.world.links.of_user(key("s9"))
    assert link is not None
    assert (link.state, link.account_id, link.by_rule) == (LinkState.LINKED, "zoe", True)


def test_an_unmatched_student_chooses_the_existing_account_and_keeps_points(web: Website) -> None:
    """M12, M14, M15."""
    teacher = linked_teacher(web)
    page = web.visitor(sub="cid-1", district=CLEVER_DISTRICT).open("/sso/lakeside").press("Continue with Clever")
    assert page.path == "/welcome"
    page.press("Log into my existing account")
    log_in(page, "kid")
    page.press("Link my accounts")
    assert page.path == "/home"
    teacher.open(teacher.open("/home").links()["Algebra"]).press("Create goal", title="Equations", skills="a, b")
    teacher.press("New assignment").press("Create assignment", title="Quiz", content="quiz")
    text = page.open("/home").text
    assert text.count("Equations: 50 %") == 2, "the same percentage in the old class and in the new one"
    assert "Quiz: no score yet" in text
    assert "Quiz: 70" in text


def test_a_student_without_an_account_gets_one_that_the_next_login_finds(web: Website) -> None:
    claims = {"sub": "cid-2", "district": CLEVER_DISTRICT}
    page = web.visitor(**claims).open("/sso/lakeside").press("Continue with Clever")
    page.press("I don't have an account yet")
    assert (page.path, "Your account is ready" in page.text) == ("/home", True)
    again = web.visitor(**claims).open("/sso/lakeside").press("Continue with Clever")
    assert again.path == "/home"
    events = {i["detail_type"] for k, i in web.world.table.items.items() if k[0].startswith("OUTBOX#")}
    assert {"AccountCreated", "AccountLinked"} <= events


def test_who_finds_the_older_account_later_has_both_in_one(web: Website) -> None:
    """M16: both sides have activity, and nobody goes down."""
    teacher = linked_teacher(web)
    teacher.open(teacher.open("/home").links()["Algebra"]).press("Create goal", title="Equations", skills="a, b")
    page = in_a_made_account(web)
    earns(web, account_of(web, "s1"), b=50)
    assert "Equations: 25 %" in page.open("/home").text
    page.press("I have an older account")
    assert page.path == "/login"

    log_in(page, "kid")

    assert page.path == "/link"
    for wanted in ("Your school login already has progress in 2 skills", "In 1 skill this account goes up", "Period 3"):
        assert wanted in page.text
    page.press("Link my accounts")
    assert (page.path, account_of(web, "s1")) == ("/home", "kid")
    assert page.text.count("Equations: 75 %") == 2, "in the old class and in the new one"
    assert "Quiz: 70" in page.text


def test_the_district_login_leads_to_the_older_account_and_back_after_an_undo(web: Website) -> None:
    page = in_a_made_account(web)
    made, other_device = account_of(web, "s1"), web.visitor(sub="cid-1", district=CLEVER_DISTRICT)
    other_device.open("/sso/lakeside").press("Continue with Clever")
    assert "Period 3" not in other_device.text
    web.world.pass_time(seconds=1)
    log_in(page.press("I have an older account"), "kid").press("Link my accounts")
    assert other_device.open("/home").path == "/login", "sessions of the account that was joined end"
    other_device.open("/sso/lakeside").press("Continue with Clever")
    assert "Period 3" in other_device.text

    page.press("Undo the link with Lakeside Schools").press("Undo the link")

    assert "no longer linked" in page.text
    assert "Algebra" not in page.text
    web.visitor(sub="cid-1", district=CLEVER_DISTRICT).open("/sso/lakeside").press("Continue with Clever")
    assert account_of(web, "s1") == made


def test_a_session_of_a_joined_account_is_one_of_the_account_it_joined(web: Website) -> None:
    """Google knows the made account by its own subject; `Continue with Google` leads to the older one all the same."""
    google = {"sub": "g-s2", "email": "s2@lakeside.example", "email_verified": True}
    page = web.visitor(**google).open("/sso/lakeside").press("Continue with Google")
    log_in(page.press("I don't have an account yet").press("I have an older account"), "kid").press("Link my accounts")

    home = web.visitor(**google).open("/login").press("Continue with Google")

    assert (home.path, "Period 3" in home.text, "Algebra" in home.text) == ("/home", True, False)


def test_only_what_was_shown_is_joined(web: Website) -> None:
    """The account was made on another device after this page was shown: it is shown first."""
    page = web.visitor(sub="cid-1", district=CLEVER_DISTRICT).open("/sso/lakeside").press("Continue with Clever")
    log_in(page.press("Log into my existing account"), "kid")
    assert "Your school login already has progress" not in page.text
    in_a_made_account(web)
    made = account_of(web, "s1")

    page.press("Link my accounts")

    assert (page.path, "Your school login already has progress" in page.text, account_of(web, "s1")) == (
        "/link",
        True,
        made,
    )


def test_an_account_of_ones_own_offers_nothing_to_join(web: Website) -> None:
    page = web.visitor(sub="cid-1", district=CLEVER_DISTRICT).open("/sso/lakeside").press("Continue with Clever")
    log_in(page.press("Log into my existing account"), "kid").press("Link my accounts")

    assert "I have an older account" not in page.open("/home").text
    assert page.open("/link").path == "/home"


def test_who_turns_back_on_the_way_to_the_older_account_finds_the_made_one(web: Website) -> None:
    page = in_a_made_account(web).press("I have an older account").open("/welcome")

    page.press("I don't have an account yet")

    assert (page.path, "Algebra" in page.text) == ("/home", True)
    assert sum(k[1] == "ACCOUNT" and k[0].startswith("ACCOUNT#") for k in web.world.table.items) == 4


@pytest.mark.parametrize(
    ("provider", "claims", "code"),
    [
        ("Clever", {"sub": "cid-1", "district": "another-district"}, "That's not your school account"),
        ("Clever", {"sub": "nobody", "district": CLEVER_DISTRICT}, "Your school's list does not have you yet"),
        (
            "Google",
            {"sub": "g", "email": "s1@lakeside.example", "email_verified": False},
            "Your school's list does not have you yet",
        ),
        (
            "Google",
            {"sub": "g", "email": "s1@elsewhere.example", "email_verified": True},
            "That's not your school account",
        ),
        (
            "Google",
            {"sub": "g", "email": "nobody@lakeside.example", "email_verified": True},
            "Your school's list does not have you yet",
        ),
    ],
)
def test_a_district_login_proves_only_who_is_on_that_districts_roster(
    web: Website, provider: str, claims: dict[str, Any], code: str
) -> None:
    page = web.visitor(**claims).open("/sso/lakeside").press(f"Continue with {provider}")
    assert (page.status, code in page.text) == (403, True)


def test_an_issuers_answer_counts_only_in_the_browser_that_asked_and_once(web: Website) -> None:
    attacker = web.visitor(sub="cid-1", district=CLEVER_DISTRICT).open("/sso/lakeside").press("Continue with Clever")
    callback = next(str(r.request.url) for name, r in web.responses if name.startswith("GET /callback") if r.request)
    assert attacker.path == "/welcome"
    victim = web.visitor()
    assert victim.open(callback).status == 403
    before = state(web)
    assert attacker.open(callback).path == "/welcome", "a refresh shows the session that the answer began"
    assert state(web) == before
    attacker.http.cookies.clear()
    assert attacker.open(callback).status == 403


def test_a_teacher_with_a_mail_and_no_account_gets_one_after_a_district_login(web: Website) -> None:
    page = web.visitor(sub="g-t1", email="t1@lakeside.example", email_verified=True)
    page.open(web.world.address_in_mail_to("t1@lakeside.example")).press("I don't have an account yet")
    assert page.path == "/sso/lakeside"
    page.press("Continue with Google")
    assert page.path == "/home"
    activation = web.world.activations.of_user(key("t1"))
    assert activation is not None
    assert activation.used_at is not None


def test_undo_gives_each_side_back_and_no_rule_links_the_pair_again(web: Website) -> None:
    """B2."""
    page = web.visitor(sub="zoe-at-google", email="s9@lakeside.example", email_verified=True)
    page.open("/sso/lakeside").press("Continue with Google").press("Undo the link with Lakeside Schools").press(
        "Undo the link"
    )
    assert "no longer linked" in page.text
    assert "Algebra" not in page.text
    web.visitor(sub="zoe-at-google", email="s9@lakeside.example", email_verified=True).open("/sso/lakeside").press(
        "Continue with Google"
    )
    link = web.world.links.of_user(key("s9"))
    assert link is not None
    assert link.state is LinkState.UNDONE


def test_a_link_can_be_undone_for_thirty_days(web: Website) -> None:
    page = linked_teacher(web)
    web.world.pass_time(days=30, seconds=1)
    log_in(page.open("/login"))
    assert post(page, "/link/undo").status_code == 409
    link = web.world.links.of_user(key("t1"))
    assert link is not None
    assert link.state is LinkState.LINKED


def test_a_teacher_who_leaves_the_roster_loses_only_the_district_classes(web: Website) -> None:
    """M5, M8."""
    page = linked_teacher(web)
    web.world.upload(
        roster(user("t2", "teacher"), user("s1"), user("s2"), user("s9"), user("a1", "administrator")), name="without"
    )
    text = page.open("/home").text
    assert "Algebra" not in text
    assert "Period 3" in text
    web.world.upload(
        roster(user("t1", "teacher"), user("t2", "teacher"), user("s1"), user("s2"), user("s9"), user("a1", "administrator"),
               enrollments=enrolled("t1", "teacher")), name="back",
    )  # fmt: skip
    assert "Algebra" in page.open("/home").text
    web.world.send_mail()
    assert [m["To"] for m in web.world.ses.sent].count("t1@lakeside.example") == 1


def test_a_class_can_be_deleted_and_restored_by_its_teacher_alone(web: Website) -> None:
    """M17."""
    teacher = linked_teacher(web)
    kid = log_in(web.visitor().open("/login"), "kid")
    with pytest.raises(NoSuchButton):
        kid.open("/classes/own/settings").press("Delete class")
    assert kid.http.post(f"{WEB}/classes/own/delete").status_code == 404
    teacher.open("/classes/own/settings").press("Delete class")
    assert "Period 3" not in kid.open("/home").text
    web.world.pass_time(days=29)
    log_in(teacher.open("/login")).open("/classes/own/settings").press("Restore class")
    assert "Period 3" in log_in(kid.open("/login"), "kid").open("/home").text
    teacher.open("/classes/own/settings").press("Delete class")
    web.world.pass_time(days=31)
    with pytest.raises(NoSuchButton):
        log_in(teacher.open("/login")).open("/classes/own/settings").press("Restore class")


def test_a_teacher_sees_the_goals_and_scores_of_a_class_from_before(web: Website) -> None:
    assert "Equations Quiz Kim 50 % 70" in linked_teacher(web).open("/classes/own").text


def test_a_nudge_comes_once_when_due_and_stops_in_one_click_or_at_the_end(web: Website) -> None:
    """M17, B4."""
    teacher = linked_teacher(web)
    web.world.pass_time(days=13)
    assert web.world.send_nudge().run() == {}
    web.world.pass_time(days=2)
    sent = len(web.world.ses.sent)
    results = [dict(web.world.send_nudge().run()) for _ in range(3)]
    assert results[0] in ({"sent": 1}, {"postponed": 1})
    if results[0] == {"postponed": 1}:
        web.world.pass_time(days=3)
        assert web.world.send_nudge().run() == {"sent": 1}
    assert len(web.world.ses.sent) == sent + 1
    nudge = web.world.ses.sent[-1]["Content"]["Simple"]
    assert "Period 3" in nudge["Body"]["Text"]["Data"]
    headers = {h["Name"]: h["Value"] for h in nudge["Headers"]}
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    stop = headers["List-Unsubscribe"].strip("<>")
    web.visitor().open(stop)
    assert web.world.nudges.due_at(key("t1")) is not None, "opening the address stops nothing"
    assert teacher.http.post(stop, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    web.world.pass_time(days=60)
    assert web.world.send_nudge().run() == {}


def test_pages_carry_their_security_headers_on_every_answer(web: Website) -> None:
    linked_teacher(web)
    web.visitor().open("/nothing-here")
    web.visitor().open("/console/lakeside")
    assert len(web.responses) > 8
    for name, answer in web.responses:
        if "/authorize" in name:
            continue
        policy = answer.headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in policy, name
        assert "default-src 'none'" in policy
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "max-age" in answer.headers["Strict-Transport-Security"]
        for cookie in answer.headers.get_list("set-cookie"):
            assert cookie.startswith("__Host-"), cookie
            assert all(flag in cookie for flag in ("Path=/", "HttpOnly", "Secure", "SameSite=Lax"))


def test_a_form_from_another_site_is_refused(web: Website) -> None:
    page = log_in(activated(web).press("Log into my existing account"))
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        assert page.http.post(f"{WEB}/link", headers=headers).status_code == 403
    assert web.world.links.of_user(key("t1")) is None


def test_too_many_tries_are_told_when_to_return_and_no_success_resets_them(web: Website) -> None:
    page = web.visitor()
    for n in range(10):
        log_in(page.open("/login"), "Ada" if n % 2 else "ada", "wrong")
    log_in(page.open("/login"), "ADA")
    assert page.status == 429
    assert page.response is not None
    assert int(page.response.headers["Retry-After"]) > 0


def test_a_table_dump_opens_nothing(web: Website) -> None:
    page = linked_teacher(web)
    address = web.world.address_in_mail_to("t2@lakeside.example")
    dump = repr(web.world.table.items)
    assert address.rsplit("/", 1)[1] not in dump
    for cookie in page.http.cookies.jar:
        assert cookie.value is not None
        if cookie.name == DISTRICT_COOKIE:
            continue  # It opens nothing.
        assert cookie.value not in dump


def test_feedback_of_ses_ends_in_the_right_state_in_any_order(web: Website) -> None:
    store = web.world.activations
    activation = store.of_user(key("t1"))
    assert activation is not None
    store.mark_feedback(activation, ActivationState.DELIVERED, "m", now=web.world.now)
    store.mark_feedback(activation, ActivationState.SENT, "m", now=web.world.now)
    now = store.of_user(key("t1"))
    assert now is not None
    assert now.state is ActivationState.DELIVERED


def test_another_mail_can_be_asked_for_and_the_one_before_it_is_dead(web: Website) -> None:
    world = web.world
    before = world.address_in_mail_to("t1@lakeside.example")
    world.resend_activation().resend(key("t1"))
    with pytest.raises(RefusedTransition, match="waits for its mail"):
        world.resend_activation().resend(key("t1"))
    world.send_mail()
    assert world.address_in_mail_to("t1@lakeside.example") != before
    assert web.visitor().open(before).status == 410
    assert linked_teacher(web).path == "/home"
    with pytest.raises(RefusedTransition, match="no activation"):
        world.resend_activation().resend(key("s1"))


def test_of_two_requests_for_another_mail_at_once_one_counts() -> None:
    """The second one had read the activation before the first one took its place."""
    world = World()
    world.register()
    world.upload(roster(user("t1", "teacher")))
    world.send_mail()
    teacher = RosterUserKey("lakeside", "t1")
    sent = world.activations.of_user(teacher)
    assert sent is not None
    world.activations.renew(sent, "first", sent.official_email, now=world.now, valid_for=timedelta(days=30))
    with pytest.raises(RefusedTransition):
        world.activations.renew(sent, "second", sent.official_email, now=world.now, valid_for=timedelta(days=30))


def test_an_account_that_the_platform_has_not_told_of_is_no_dead_end(web: Website) -> None:
    web.cognito.users["newcomer"] = (PASSWORD, "newcomer")
    page = log_in(web.visitor().open("/login"), "newcomer")
    assert "account" in page.text
    assert page.press("Try another account").path == "/login"


def test_candidates_are_named_to_the_person_alone_and_proved_by_a_login(web: Website) -> None:
    """M7: two accounts hold the address; neither is linked by rule, and the person is reminded of both."""
    for name, year in (("samantha", "2021"), ("sam", "2024")):
        web.world.feed(
            account(name, "s2@lakeside.example", role="student", verified=False, created_at=f"{year}-09-01T00:00:00Z")
        )
        web.cognito.users[name] = (PASSWORD, name)

    page = web.visitor(sub="cid-2", district=CLEVER_DISTRICT).open("/sso/lakeside").press("Continue with Clever")

    assert page.path == "/welcome"
    assert "s…m (s…@lakeside.example), since 2024 s…a (s…@lakeside.example), since 2021" in page.text
    assert "samantha" not in page.text
    linked = log_in(page.press("Log into my existing account"), "samantha").press("Link my accounts")
    assert "Your accounts are linked" in linked.text


def test_a_teacher_whose_login_fails_is_reminded_of_accounts_with_that_address(web: Website) -> None:
    web.world.feed(account("ada-at-school", "t1@lakeside.example", verified=False))
    page = log_in(activated(web).press("Log into my existing account"), "ada", "wrong")
    assert page.status == 401
    assert "a…l (t…@lakeside.example)" in page.text
    assert "One of these accounts" not in log_in(web.visitor().open("/login"), "ada", "wrong").text


def test_a_link_keeps_the_browser_logged_in_whatever_the_clock_does_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """The session that begins with a link is not one of those that end with it."""

    def later(world: World) -> Any:
        world.pass_time(milliseconds=1)
        return world.now

    monkeypatch.setattr(World, "clock", later)
    web = lakeside()
    assert "Algebra" in linked_teacher(web).text
    page = web.visitor(sub="cid-2", district=CLEVER_DISTRICT).open("/sso/lakeside").press("Continue with Clever")
    assert page.press("I don't have an account yet").path == "/home"
