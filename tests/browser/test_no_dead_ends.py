"""Where teachers and children got stuck, were asked twice, or pressed what they should not: each as a phone shows it now."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator

import flask
import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from local.mail_gallery import PHONE
from local.web_client import WebClient
from tests.browser.hub_site import HubSite, lakeside_with_hubs, served_securely
from tests.browser.steps import log_in, press
from tests.fakes import aws
from tests.harness import WEB, World
from tests.pages_harness import CLEVER_DISTRICT, PASSWORD, account_of

pytestmark = pytest.mark.slow

HEIGHT = 640
FINGER = 44
DISTRICT, ANOTHER, HELP = "Log in with my district", "Try another account", "Ask for help"
EXISTING, NONE_YET, LINK = "Log into my existing account", "I don't have an account yet", "Link my accounts"
UNDO = "Undo the link with Lakeside Schools"
DISTRICT_CLASS = "/classes/c1?district=lakeside"
_LOWER_THAN = (
    "(links, least) => links.filter(one => one.getBoundingClientRect().height < least).map(one => one.outerHTML)"
)


class Begun:
    """What tests begin with, made once: the mails, and a teacher who linked."""

    def __init__(self, site: HubSite, mailed: World) -> None:
        self._mailed = mailed
        site.begin()
        with WebClient(site.url) as teacher:
            teacher.open(self.activation_address("t1")).press(EXISTING)
            teacher.press("Log in", username_or_email="ada", password=PASSWORD).press(LINK)
            self.cookies = {each.name: each.value or "" for each in teacher.http.cookies.jar}
        self.linked = World()
        self.linked.begin_like(site.world)

    def activation_address(self, who: str) -> str:
        return self._mailed.address_in_mail_to(f"{who}@lakeside.example").removeprefix(WEB)


class Person:
    """Somebody with a phone, at Lakeside."""

    def __init__(self, site: HubSite, begun: Begun, page: Page) -> None:
        self.site, self._begun, self.page = site, begun, page

    def open(self, address: str) -> None:
        self.page.goto(self.site.url + address)

    def press(self, button: str) -> None:
        press(self.page, button)

    def follow(self, link: str) -> None:
        self.link(link).click()

    def link(self, name: str) -> Locator:
        return self.page.get_by_role("link", name=name, exact=True)

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def sees(self, *texts: str) -> None:
        for text in texts:
            expect(self.page.locator("main")).to_contain_text(text)

    def is_at(self, path: str) -> None:
        expect(self.page).to_have_url(re.compile(re.escape(self.site.url + path) + r"(\?.*)?$"))

    def log_in(self, username: str = "ada", password: str = PASSWORD) -> None:
        log_in(self.page, username, password)

    def with_google(self, email: str) -> None:
        self.press("Continue with Google")
        self.page.get_by_label("Email", exact=True).fill(email)
        self.press("Sign in")

    def with_clever(self) -> None:
        """Kid, through the district."""
        self.open("/sso/lakeside")
        self.press("Continue with Clever")
        self.page.get_by_label("Clever id", exact=True).fill("cid-1")
        self.press("Sign in")

    def press_the_mails_button(self, who: str = "t1") -> None:
        self.open(self._begun.activation_address(who))

    def see_both_sides(self, who: str = "t1", username: str = "ada") -> None:
        self.press_the_mails_button(who)
        self.press(EXISTING)
        self.log_in(username)

    def is_linked(self) -> None:
        """The teacher, logged in."""
        self.site.world.begin_like(self._begun.linked)
        cookies = self._begun.cookies.items()
        self.page.context.add_cookies(
            [{"name": name, "value": value, "url": "https://127.0.0.1"} for name, value in cookies]
        )

    def can_go_on(self) -> None:
        """By the district, by another account, and by help, in the page itself."""
        main = self.page.locator("main")
        expect(main.get_by_role("link", name=DISTRICT)).to_be_visible()
        expect(main.get_by_role("button", name=ANOTHER)).to_be_visible()
        expect(main.get_by_role("link", name=HELP)).to_have_attribute("href", re.compile("^https://"))


@pytest.fixture(scope="module")
def mailed() -> World:
    """Lakeside with the mails that it was sent."""
    return lakeside_with_hubs()


@pytest.fixture(scope="module")
def site(mailed: World) -> Iterator[HubSite]:
    with HubSite(mailed).running() as running:
        running.web.cognito.users = {name: (PASSWORD, name) for name in ("ada", "kid", "zoe")}
        yield running


@pytest.fixture(scope="module")
def begun(site: HubSite, mailed: World) -> Begun:
    return Begun(site, mailed)


@pytest.fixture(scope="module")
def phone(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(
        viewport={"width": PHONE, "height": HEIGHT}, locale="en-US", ignore_https_errors=True
    )
    context.set_default_timeout(5_000)
    yield context.new_page()
    context.close()


@pytest.fixture
def person(site: HubSite, begun: Begun, phone: Page) -> Person:
    site.begin()
    phone.context.clear_cookies()
    return Person(site, begun, phone)


def top(one: Locator) -> float:
    box = one.bounding_box()
    assert box is not None
    return box["y"]


def bottom(one: Locator) -> float:
    box = one.bounding_box()
    assert box is not None
    return box["y"] + box["height"]


def colour(one: Locator) -> str:
    return str(one.evaluate("one => getComputedStyle(one).borderTopColor"))


# Everybody


def test_an_undo_stands_under_settings_and_is_asked_once(person: Person) -> None:
    person.is_linked()
    person.open("/home")
    assert top(person.button(UNDO)) > top(person.page.get_by_role("heading", name="Settings"))

    person.press(UNDO)
    person.sees("Undo the link with Lakeside Schools?")
    assert account_of(person.site.web, "t1") == "ada"
    person.press("Undo the link")

    person.is_at("/home")
    person.sees("no longer linked")


def test_after_an_undo_home_leads_back_to_the_link(person: Person) -> None:
    person.is_linked()
    person.open("/link/undo")
    person.press("Undo the link")

    person.open("/home")
    person.follow("Link again")

    person.is_at("/sso/lakeside")
    expect(person.button("Continue with Google")).to_be_visible()


# Teacher


def test_the_schools_google_at_the_login_leads_to_the_district_login(person: Person) -> None:
    person.open("/login")
    expect(person.link(DISTRICT)).to_be_visible()

    person.with_google("t1@lakeside.example")

    person.is_at("/welcome")
    person.sees("You logged in with Lakeside Schools.")


def test_the_schools_google_at_the_login_opens_the_linked_account(person: Person) -> None:
    person.is_linked()
    person.page.context.clear_cookies()

    person.open("/login")
    person.with_google("t1@lakeside.example")

    person.is_at("/home")
    person.sees("Algebra", "Period 3")


# Wrong account


def test_another_google_account_is_offered_the_hubs_account_chooser(person: Person) -> None:
    person.open("/login")
    person.with_google("somebody@mail.example")
    person.can_go_on()

    person.press(ANOTHER)

    expect(person.page).to_have_url(re.compile("prompt=select_account"))
    expect(person.button("Sign in")).to_be_visible()


def test_who_is_not_on_the_roster_can_go_on(person: Person) -> None:
    person.open("/sso/lakeside")
    person.with_google("nobody@lakeside.example")

    person.sees("Your school's list does not have you yet")
    person.can_go_on()


def test_who_tried_too_often_can_go_on(person: Person) -> None:
    for _ in range(10):
        httpx.post(f"{person.site.url}/login", data={"username": "ada", "password": "wrong"})

    person.open("/login")
    person.log_in()

    person.sees("Too many tries")
    person.can_go_on()


# Student


def test_a_student_on_welcome_can_log_out_and_finds_clever_again(person: Person) -> None:
    person.with_clever()
    person.is_at("/welcome")

    person.press("Log out")
    person.follow(DISTRICT)

    person.is_at("/sso/lakeside")
    expect(person.button("Continue with Clever")).to_be_visible()


def test_a_student_who_is_somebody_else_says_so_on_welcome(person: Person) -> None:
    person.with_clever()

    person.press("Not Kid Person?")

    person.sees("Nothing was linked", "You are logged out.")
    person.can_go_on()


def test_a_student_puts_the_question_away_and_is_not_asked_again(person: Person) -> None:
    person.with_clever()
    person.press(NONE_YET)
    person.press("Log out")

    person.with_clever()

    person.is_at("/home")
    assert top(person.button("I have an older account")) > top(person.page.get_by_role("heading", name="Settings"))


# Teacher without an account


def test_a_teacher_without_an_account_is_asked_once(person: Person) -> None:
    person.press_the_mails_button("t2")

    person.press(NONE_YET)
    person.with_google("t2@lakeside.example")

    person.is_at("/home")
    person.sees("Your account is ready")
    expect(person.page.locator("main")).not_to_contain_text("Your accounts are linked")


# The page with both sides


def test_both_sides_are_short_and_the_button_is_on_the_first_screen(person: Person) -> None:
    person.see_both_sides()

    for side in ("From your school", "Your Khan Academy account"):
        expect(person.page.get_by_role("region", name=side)).to_be_visible()
    assert bottom(person.button(LINK)) <= HEIGHT
    assert top(person.button(LINK)) < top(person.page.get_by_role("heading", name="What happens when you link them"))


def test_names_that_differ_and_a_students_account_are_said_in_amber(person: Person) -> None:
    person.see_both_sides(username="kid")

    warnings = person.page.locator("main .warning")

    expect(warnings).to_contain_text(["The names differ", "This is a student's account"])
    red, green, blue = map(int, re.findall(r"\d+", colour(warnings.first))[:3])
    assert red > green > blue, "amber"


def test_what_cannot_be_linked_is_refused_before_the_press(person: Person) -> None:
    person.is_linked()
    person.page.context.clear_cookies()

    person.see_both_sides("t2")

    person.sees("already linked to someone else")
    expect(person.button(LINK)).to_have_count(0)
    person.can_go_on()


# Classes


def test_a_goals_skill_is_picked_by_name_in_a_form_above_the_students(person: Person) -> None:
    person.is_linked()
    person.site.world.learn_skills({"skill_id": "a", "title": "Slope"}, {"skill_id": "b", "title": "Graphs"})
    person.open(DISTRICT_CLASS)
    assert bottom(person.button("Create goal")) < top(person.page.get_by_role("heading", name="Students"))

    person.page.get_by_label("Title").fill("Lines")
    person.page.get_by_label("Slope").check()
    person.press("Create goal")

    expect(person.page.get_by_role("row", name="Kid Person")).to_contain_text("not linked yet")
    expect(person.page.get_by_role("row", name="Kid Person")).not_to_contain_text("%")


def test_all_old_work_is_recreated_at_once_and_leads_to_the_new_goal(person: Person) -> None:
    person.is_linked()
    person.open("/classes/own")

    person.press("Recreate what is checked")
    expect(person.page).to_have_url(re.compile("#again$"))
    person.follow("See Equations in Algebra")

    expect(person.page).to_have_url(f"{person.site.url}{DISTRICT_CLASS}#students")
    expect(person.page.get_by_role("heading", name="Students")).to_be_in_viewport()
    expect(person.page.locator("td[data-label=Equations]").first).to_be_visible()


# Clean-up


def test_delete_looks_dangerous_and_warns_of_what_was_not_downloaded(person: Person) -> None:
    person.is_linked()
    person.open("/cleaning")
    danger = colour(person.button("Delete classes"))
    assert danger not in {colour(person.button(other)) for other in ("Keep these classes", "Remind me in 30 days")}
    person.sees("Not downloaded yet")

    person.page.get_by_label("Period 3").check()
    person.press("Delete classes")

    expect(person.page.get_by_role("status")).to_contain_text("Their data was not downloaded")


def test_a_delete_is_undone_in_one_press(person: Person) -> None:
    person.is_linked()
    person.open("/cleaning")
    person.page.get_by_label("Period 3").check()
    person.press("Delete classes")

    person.press("Undo")

    person.sees("Restored. Your students see these classes again.")
    person.open("/home")
    expect(person.link("Period 3")).to_be_visible()


# The zip


def test_a_zip_is_saved_by_the_names_of_class_and_day(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    world, named = person.site.world, dict[str, str]()
    upload = world.s3.upload_file

    def noted(path: str, bucket: str, key: str, *, ExtraArgs: dict[str, str]) -> None:
        named[f"{bucket}/{key}"] = ExtraArgs["ContentDisposition"]
        upload(path, bucket, key)

    monkeypatch.setattr(world.s3, "upload_file", noted)
    bucket = flask.Flask("bucket")

    @bucket.get("/<bucket>/<path:key>")
    def stored(bucket: str, key: str) -> flask.Response:
        disposition = named[f"{bucket}/{key}"]
        return flask.Response(world.s3.objects[bucket, key], headers={"Content-Disposition": disposition})

    person.is_linked()
    person.open("/classes/own/settings")
    with served_securely(bucket) as address, person.page.expect_download() as download:
        monkeypatch.setattr(aws, "PRESIGNED", address)
        person.press("Download class data")
        person.sees("Your file is being made")
        world.make_exports()
        person.page.reload()

    assert download.value.suggested_filename == "Period 3 2026-09-01.zip"
    assert {"summary.html", "students.csv"} <= set(zipfile.ZipFile(download.value.path()).namelist())


# Links


def test_a_page_asked_for_while_logged_out_is_come_back_to(person: Person) -> None:
    person.open("/classes/own/settings")
    person.is_at("/login")

    person.log_in()

    person.is_at("/classes/own/settings")
    person.follow("Khan Academy")
    person.is_at("/home")


def test_after_a_wrong_password_the_language_and_the_field_are_there(person: Person) -> None:
    person.open("/login")
    person.log_in(password="wrong")
    password = person.page.get_by_label("Password", exact=True)
    expect(password).to_be_focused()
    expect(password).to_have_accessible_description(re.compile("isn't right"))

    person.follow("Español")

    person.is_at("/login")
    expect(person.page.locator("html")).to_have_attribute("lang", "es")
    expect(person.page.get_by_label("Contraseña", exact=True)).to_be_visible()


def test_links_are_high_enough_for_a_finger(person: Person) -> None:
    person.is_linked()

    for address in ("/login", "/sso/lakeside", "/nothing-here", "/home", DISTRICT_CLASS, "/cleaning"):
        person.open(address)
        links = person.page.locator("header a, footer a, main a")
        assert links.evaluate_all(_LOWER_THAN, FINGER) == [], address


def test_a_class_leads_to_the_districts_own_support(person: Person) -> None:
    person.is_linked()
    person.site.world.register(support_url="https://help.lakeside.example/", clever_district_id=CLEVER_DISTRICT)

    person.open(DISTRICT_CLASS)

    expect(person.link("Get support")).to_have_attribute("href", "https://help.lakeside.example/")
