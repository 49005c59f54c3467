"""The console's stories in a browser: by keyboard alone, without JavaScript, in each language (B1, B2, B7, B14)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.message import Message
from itertools import count

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from local.doubles.oneroster import OneRoster
from local.doubles.roster_server import Asked, WithinProcess
from local.web_client import WebClient
from shared.hubs.oneroster_api import OneRosterApi
from shared.hubs.public_web import Answer
from shared.runtime.languages import languages, translations
from shared.stores.stuck_people import StuckCode
from tests.browser.hub_site import HubSite
from tests.builders import account, key, roster, user
from tests.fakes.aws import PRESIGNED
from tests.fetching import ONEROSTER, FetchWorld
from tests.harness import World, zipped

pytestmark = pytest.mark.slow

STUDENTS = [user(f"s{n}", given=f"Student{n}") for n in range(40)]
TEACHERS = [user(f"t{n}", "teacher", given=f"Teacher{n}") for n in range(3)]
HEAD = [user("d1", "districtAdministrator", given="Dana"), *TEACHERS]
MOST_TABS = 80
"""Presses of the tab key until something has the focus; a page of many people has more."""


class Manager:
    """A district's data manager at a keyboard, whose browser runs no script."""

    def __init__(self, site: HubSite, page: Page, language: str) -> None:
        self.site, self.page, self.world = site, page, site.world
        self._said = translations(language)

    def said(self, text: str, number: int | None = None, **values: object) -> str:
        """A text of the pages in the language of the browser."""
        if number is None:
            return self._said.gettext(text) % values
        one, many = text.split("|")
        return self._said.ngettext(one, many, number) % {"count": number, **values}

    def open(self, path: str) -> None:
        self.page.goto(f"{self.site.url}/console/lakeside{path}")

    def _reach(self, found: Locator) -> None:
        """Tab to it."""
        for _ in range(MOST_TABS):
            if found.evaluate("one => one === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"the tab key does not lead to {found}")

    def press(self, button: str) -> None:
        self._reach(self.page.get_by_role("button", name=self.said(button), exact=True))
        self.page.keyboard.press("Enter")

    def follow(self, link: str | re.Pattern[str]) -> None:
        name = self.said(link) if isinstance(link, str) else link
        self._reach(self.page.get_by_role("link", name=name, exact=isinstance(link, str)))
        self.page.keyboard.press("Enter")

    def tick(self, label: str) -> None:
        self._reach(self.page.get_by_label(label, exact=True))
        self.page.keyboard.press("Space")

    def fill(self, label: str, text: str) -> None:
        self._reach(self.page.get_by_label(self.said(label), exact=True))
        self.page.keyboard.type(text)

    def sees(self, text: str, number: int | None = None, **values: object) -> None:
        expect(self.page.locator("main")).to_contain_text(self.said(text, number, **values))

    def runs(self, meanwhile: str) -> None:
        """What was decided is said to be under way, and is done."""
        self.sees(meanwhile)
        self.world.run_imports()
        self.page.goto(self.page.url)

    def mailed(self) -> list[str]:
        before = len(self.world.ses.sent)
        self.world.send_mail()
        return sorted(mail["To"].partition("@")[0] for mail in self.world.ses.sent[before:])


class Begun:
    """The district as every story begins, and the cookies of who is logged in: made once."""

    def __init__(self, site: HubSite) -> None:
        self.site = site
        site.begin()
        with WebClient(site.url) as manager:
            manager.open("/sso/lakeside").press("Continue with Google").press("Sign in", email="d1@lakeside.example")
            self.cookies = {each.name: each.value or "" for each in manager.http.cookies.jar}
        self.world = World()
        self.world.begin_like(site.world)
        self.minutes = count(1)


@pytest.fixture(scope="module")
def begun() -> Iterator[Begun]:
    world = FetchWorld()
    world.register(removal_threshold_count=5)
    world.feed(account("ada", "ada@mail.example"))
    world.upload(roster(*HEAD, *STUDENTS))
    world.send_mail()
    with HubSite(world).running() as site:
        yield Begun(site)


@pytest.fixture(scope="module", params=languages())
def browser_of(request: pytest.FixtureRequest, chromium: Browser, begun: Begun) -> Iterator[tuple[Page, str]]:
    context = chromium.new_context(java_script_enabled=False, viewport={"width": 1280, "height": 900})
    context.set_default_timeout(10_000)
    cookies = {**begun.cookies, "__Host-language": request.param}.items()
    context.add_cookies([{"name": name, "value": value, "url": "https://127.0.0.1"} for name, value in cookies])
    yield context.new_page(), request.param
    context.close()


@pytest.fixture
def manager(browser_of: tuple[Page, str], begun: Begun) -> Manager:
    begun.site.world.begin_like(begun.world)
    # Uploads of another moment are other imports.
    begun.site.world.pass_time(minutes=next(begun.minutes))
    return Manager(begun.site, *browser_of)


def sent_form(route: Route) -> dict[str, Message]:
    """The fields of a form with a file, as S3 is sent them."""
    head = f"Content-Type: {route.request.headers['content-type']}\r\n\r\n".encode()
    parts = message_from_bytes(head + (route.request.post_data_buffer or b"")).get_payload()
    return {str(part.get_param("name", header="content-disposition")): part for part in parts}  # type: ignore[union-attr]


def s3_of(manager: Manager) -> Callable[[Route], None]:
    """What S3 does with the form: it takes the file, and sends the browser back."""

    def answer(route: Route) -> None:
        fields = sent_form(route)
        body = fields["file"].get_payload(decode=True)
        assert isinstance(body, bytes)
        manager.world.put(str(fields["key"].get_payload()), body)
        route.fulfill(status=303, headers={"Location": str(fields["success_action_redirect"].get_payload())})

    return answer


def test_a_roster_is_uploaded_checked_and_applied(manager: Manager) -> None:
    manager.page.route(f"{PRESIGNED}/**", s3_of(manager))
    manager.open("/imports")
    manager.press("Upload a roster")
    file = {
        "name": "roster.zip",
        "mimeType": "application/zip",
        "buffer": zipped(roster(*HEAD, *STUDENTS, user("s98"))),
    }
    manager.page.get_by_label(manager.said("Roster"), exact=True).set_input_files(file)  # type: ignore[arg-type]
    manager.press("Check")
    manager.sees("is new")
    manager.press("Apply these changes")
    manager.runs("It is being applied.")
    manager.sees("Applied")
    assert manager.world.latest()["users"]["created"] == 1


def halved(manager: Manager) -> str:
    held = manager.world.upload(roster(*HEAD, *STUDENTS[:25]), name="halved")
    assert held["status"] == "held"
    return str(held["import_id"])


def test_a_held_import_is_approved_with_a_reason_and_rolled_back(manager: Manager) -> None:
    import_id = halved(manager)
    manager.open("")
    manager.follow("Review and decide")
    manager.fill("Reason", "They moved away.")
    manager.press("Approve")
    manager.runs("Approved. It is being applied.")
    assert manager.world.report_of(import_id)["status"] == "completed"
    manager.follow("Imports")
    manager.fill("Reason", "The wrong file.")
    manager.press("Roll back")
    manager.runs("It is being rolled back.")
    assert manager.world.report_of(import_id)["reason"]["code"] == "rolled_back"


def test_a_held_import_is_rejected(manager: Manager) -> None:
    import_id = halved(manager)
    manager.open("/imports")
    manager.fill("Reason", "Half is missing.")
    manager.press("Reject")
    manager.sees("not applied")
    assert manager.world.report_of(import_id)["status"] == "rejected"


def test_somebody_is_found_and_the_mail_is_withdrawn_and_sent_again(manager: Manager) -> None:
    manager.open("/people")
    manager.fill("Name, address or number", "Teacher1")
    manager.press("Search")
    manager.follow(re.compile("Teacher1"))
    manager.press("Withdraw the mail")
    manager.sees("The email is withdrawn: its link does not work any more.")
    manager.press("Undo")
    manager.sees("An email is on its way.")
    assert manager.mailed() == ["t1"]


def test_people_who_are_stuck_are_mailed_together_and_it_is_undone(manager: Manager) -> None:
    for number in range(3):
        manager.site.web.site.services.stuck.note(key(f"t{number}"), StuckCode.EXPIRED, "2026-09-01T00:00:00Z")
    manager.open("/people")
    manager.tick(manager.said("All %(count)s of this list", count=3))
    manager.press("Send another email")
    manager.press("Send now")
    manager.sees("%(count)s email is on its way.|%(count)s emails are on their way.", 3)
    manager.press("Undo")
    manager.sees("Undone for %(count)s person.|Undone for %(count)s people.", 3)
    assert manager.mailed() == []


def test_the_address_of_an_invitation_is_corrected(manager: Manager) -> None:
    manager.open("/people/person/t2")
    manager.fill("Another address for this email", "two@lakeside.example")
    manager.press("Correct the address")
    manager.sees("The email goes to the corrected address.")
    assert manager.mailed() == ["two"]


def test_settings_and_logins_are_read(manager: Manager) -> None:
    manager.open("/people")
    manager.follow("Settings")
    manager.sees("Your own email domains")
    manager.follow("Logins and your IT")
    manager.sees("Client id")


class Watched(OneRoster):
    """A source at whose second page of people somebody looks at the console."""

    def __init__(self, *people: str, look: Callable[[], None]) -> None:
        made = roster(*HEAD, *STUDENTS, *map(user, people))
        super().__init__({name: body.encode() if isinstance(body, str) else body for name, body in made.items()})
        self._look = look

    def answer(self, asked: Asked) -> Answer:
        if asked.path.endswith("/users") and asked.query.get("offset", "0") != "0":
            look, self._look = self._look, lambda: None
            look()
        return super().answer(asked)


def begin_to_fetch(manager: Manager) -> None:
    """S3 tells of what was asked for, and it is fetched and read."""
    world = manager.world
    assert isinstance(world, FetchWorld)
    (key,) = [key for bucket, key in world.s3.objects if bucket == "rosters" and key.startswith("fetches/")]
    world.receive_source().receive(world.arrive(key, b"{}"))
    del world.s3.objects["rosters", key]
    world.run_fetches()


def test_a_source_is_fetched_watched_and_its_trouble_is_told(manager: Manager, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a source that an operator set up, with somebody new
    world = manager.world
    assert isinstance(world, FetchWorld)
    monkeypatch.setattr(OneRosterApi, "page_size", 20)
    seen = list[str]()

    def look() -> None:
        manager.page.goto(manager.page.url)
        manager.sees("This page goes on by itself. Nothing changes until all of it is here.")
        seen.append(manager.page.get_by_role("status").inner_text())
        assert manager.page.get_by_role("progressbar", name=manager.said("Rows fetched")).count() == 1

    world.web = WithinProcess(Watched("s98", look=look))
    world.put_source(ONEROSTER)
    # When it is looked at, and fetched by the keyboard
    manager.open("/imports")
    manager.sees("From %(title)s, at %(host)s", title="OneRoster", host="sis.example")
    manager.sees("No fetch was good yet.")
    manager.press("Fetch now")
    manager.sees("Your fetch begins in a moment.")
    begin_to_fetch(manager)
    # Then it was seen how far it was, and the report is a link away
    people = manager.said("people")
    assert seen == [
        manager.said("Fetching now: %(stage)s. Page %(page)s, %(rows)s rows so far.", stage=people, page=3, rows=22)
    ]
    manager.page.goto(manager.page.url)
    manager.sees("All is well.")
    manager.follow("See its report")
    manager.sees("applied")
    assert world.latest()["users"]["created"] == 1
    # When the source lets nobody in any more
    monkeypatch.setattr(world, "secrets", {})
    world.pass_time(minutes=5)
    manager.open("/source")
    manager.press("Fetch now")
    manager.sees("Your fetch begins in a moment.")
    begin_to_fetch(manager)
    # Then the overview says so first, and its page says what is wrong, and that nobody is removed
    manager.open("")
    manager.sees("Your roster could not be fetched")
    manager.follow("See what is wrong")
    manager.sees("Nobody is removed.")
    manager.sees("Who mends it: support, with you. Tell them the code.")
    expect(manager.page.get_by_role("link", name="fetch_secret")).to_be_visible()
    assert world.latest()["users"]["removed"] == 0
