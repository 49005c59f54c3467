"""What a way costs a person: presses, words to read, and screens of a small phone.

``python -m tests.stop_watch`` (``make ways``) walks each way from the mail, or the district's login, to where it ends, and writes
docs/stop-watch.md. Words and presses are counted from the pages as they are answered; what a phone shows at once is measured in
a browser.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from selectolax.lexbor import LexborHTMLParser, LexborNode

from functions.held_import_mail.notify_held_import import NotifyHeldImport
from local.sample_district import CLEVER_DISTRICT, DISTRICT_ID, PASSWORD, Protagonist
from local.web_client import NoSuchButton, WebClient
from shared.domain.clock import to_iso
from shared.domain.roster import RosterUserKey
from shared.runtime.settings import Brand
from shared.stores.imports import ImportNotices
from shared.stores.stuck_people import StuckCode, StuckStore
from tests.browser.every_page import Riverbend, Shown
from tests.harness import WEB

if TYPE_CHECKING:
    from playwright.sync_api import Page

PAGE = Path(__file__).parents[1] / "docs/stop-watch.md"
WIDTH, HEIGHT = 360, 640
"""Of a small phone, in CSS pixels."""
_PRESSED = "a[href], button"
"""What can be pressed, in the order of the page."""
_NOT_READ = "details:not([open]) > :not(summary), style, [hidden], .skip"


@dataclass(slots=True)
class Seen:
    """A page or a mail that somebody met on the way, and what was pressed there: the how manieth of ``_PRESSED``."""

    html: str
    pressed: int | None = None
    anchor: str = ""
    shown: Shown | None = None
    """The page, to be answered in another language; None for a mail."""

    @property
    def words(self) -> int:
        page = LexborHTMLParser(self.html)
        for hidden in page.css(_NOT_READ):
            hidden.decompose()
        root = page.css_first("main") or page.body
        text = root.text(separator=" ") if root else ""
        return sum(any(letter.isalnum() for letter in word) for word in text.split())

    @property
    def question(self) -> str:
        """The button of a form that was pressed here; empty for a link."""
        if self.pressed is None:
            return ""
        node = LexborHTMLParser(self.html).css(_PRESSED)[self.pressed]
        return _text(node) if node.tag == "button" else ""

    def spoken(self, language: str) -> str:
        return str(self.shown.answer(language).body) if self.shown and language != "en" else self.html


@dataclass(slots=True)
class Walk:
    """Somebody on the way, with a browser of their own."""

    riverbend: Riverbend
    client: WebClient
    seen: list[Seen] = field(default_factory=list)

    @property
    def presses(self) -> int:
        return sum(seen.pressed is not None for seen in self.seen)

    @property
    def words(self) -> int:
        return sum(seen.words for seen in self.seen)

    def mail(self, who: Protagonist, button: str) -> None:
        """Press the button of the newest mail to somebody."""
        sent = next(mail for mail in reversed(self.riverbend.world.ses.sent) if mail["To"] == who.official_email)
        self.seen.append(Seen(sent["Content"]["Simple"]["Body"]["Html"]["Data"]))
        self.follow(button)

    def open(self, address: str) -> None:
        self._came(self.client.open(address))

    def press(self, name: str, *ticked: str, **fields: str) -> None:
        """Press a button, with its form filled in."""
        place = self._place(name)
        self.client.press(name, *ticked, **fields)
        self.seen[-1].pressed = place
        self._came(self.client)

    def follow(self, name: str) -> None:
        """Press a link."""
        place = self._place(name)
        address = LexborHTMLParser(self.seen[-1].html).css(_PRESSED)[place].attributes["href"] or ""
        self.seen[-1].pressed = place
        self._came(self.client.open(urljoin(self._address, address)), address.partition("#")[2])

    def look_again(self) -> None:
        """The page once more, after something was done elsewhere; it counts once."""
        self.seen.pop()
        self.open(self._address)

    def has(self, name: str) -> bool:
        return any(name == _text(node) for node in LexborHTMLParser(self.seen[-1].html).css(_PRESSED))

    @property
    def _address(self) -> str:
        return str(self.client.response.url) if self.client.response else ""

    def _place(self, name: str) -> int:
        found = LexborHTMLParser(self.seen[-1].html).css(_PRESSED)
        for place, node in enumerate(found):
            if name in (_text(node), node.attributes.get("aria-label")):
                return place
        raise NoSuchButton(f"no {name!r} on {self.client.path}: {self.client.text[:300]}")

    def _came(self, client: WebClient, anchor: str = "") -> None:
        assert client.response is not None
        fragment = anchor or client.response.url.fragment
        self.seen.append(Seen(client.response.text, anchor=fragment, shown=self.riverbend.shown))


def _text(node: LexborNode) -> str:
    return " ".join(node.text().split())


def _walk(riverbend: Riverbend, **signs_in_as: Any) -> Walk:
    return Walk(riverbend, riverbend.web.visitor(**signs_in_as))


def _logs_in(walk: Walk, who: Protagonist) -> None:
    walk.press("Log in", username_or_email=who.username or "", password=PASSWORD)


def _by_password(r: Riverbend) -> Walk:
    walk = _walk(r)
    walk.mail(r.sample.teacher, "Confirm your account")
    walk.press("Log into my existing account")
    _logs_in(walk, r.sample.teacher)
    walk.press("Link my accounts")
    return walk


def _by_google(r: Riverbend) -> Walk:
    who = r.sample.google_teacher
    account = next(line for line in r.sample.accounts if line["account_id"] == who.account_id)
    walk = _walk(r, sub=account["google_sub"], email=who.google_email, email_verified=True)
    walk.mail(who, "Confirm your account")
    walk.press("Log into my existing account")
    walk.press("Continue with Google")
    walk.press("Link my accounts")
    return walk


def _newcomer(r: Riverbend) -> tuple[Protagonist, Walk]:
    """A teacher who was mailed and has no account, with the school's Google account."""
    row = next(row for row in r.sample.tables["users.csv"] if row[0] == "t0008")
    who = Protagonist(row[0], row[6], row[10])
    walk = _walk(r, sub="google-school", email=who.official_email, email_verified=True)
    walk.mail(who, "Confirm your account")
    return who, walk


def _by_the_schools_google(r: Riverbend) -> Walk:
    """Somebody who takes the school's Google account for the one that is asked for."""
    _, walk = _newcomer(r)
    walk.press("Log into my existing account")
    walk.press("Continue with Google")
    if walk.has("I don't have an account yet"):
        walk.press("I don't have an account yet")
    return walk


def _without_an_account(r: Riverbend) -> Walk:
    _, walk = _newcomer(r)
    walk.press("I don't have an account yet")
    walk.press("Continue with Google")
    return walk


def _student(r: Riverbend) -> Walk:
    walk = _walk(r, sub=r.sample.choosing_student.clever_id, district=CLEVER_DISTRICT)
    walk.open(f"/sso/{DISTRICT_ID}")
    walk.press("Continue with Clever")
    return walk


def _student_with_account(r: Riverbend) -> Walk:
    walk = _student(r)
    walk.press("Log into my existing account")
    _logs_in(walk, r.sample.choosing_student)
    walk.press("Link my accounts")
    return walk


def _student_without_account(r: Riverbend) -> Walk:
    walk = _student(r)
    walk.press("I don't have an account yet")
    return walk


def _expired_link(r: Riverbend) -> Walk:
    """To the page behind the button of a new mail."""
    who, walk = r.sample.teacher, _walk(r)
    r.world.pass_time(days=100)
    walk.mail(who, "Confirm your account")
    walk.press("Send me a new link", email=who.official_email)
    r.world.send_mail()
    walk.mail(who, "Confirm your account")
    return walk


def _nudged(r: Riverbend) -> Walk:
    """From the nudge to a deleted class; the session is over by then."""
    r.student(r.sample.matched_student)
    _student_with_account(r)
    r.linked()
    for _ in range(60):
        r.world.pass_time(days=1)
        if r.world.send_nudge().run().get("sent"):
            break
    walk = _walk(r)
    walk.mail(r.sample.teacher, "Download and clean up")
    _logs_in(walk, r.sample.teacher)
    walk.press("Download class data", "Period 3 Algebra")
    r.world.make_exports()
    walk.look_again()
    page = str(walk.client.response.url) if walk.client.response else ""
    walk.follow("Save the file")
    walk.seen.pop()
    walk.open(page)
    walk.press("Delete classes", "Period 3 Algebra")
    return walk


def _recreate(r: Riverbend) -> Walk:
    """From home to the goal in the district class."""
    r.linked()
    walk = _walk(r)
    walk.client.open("/login").press("Log in", username_or_email=r.sample.teacher.username or "", password=PASSWORD)
    walk.open("/home")
    walk.follow("Period 3 Algebra")
    walk.press("Recreate what is checked", "Linear equations")
    walk.follow("See Linear equations in Algebra 1 – 1")
    return walk


def monday(r: Riverbend) -> Walk:
    """A data manager's Monday: from the email that an import waits, to the decision, and to emails to all who are stuck."""
    manager = r.sample.administrator
    r.world.register(DISTRICT_ID, **{**r.sample.settings, "contacts": [manager.official_email]})
    for number in range(8, 12):
        stuck = RosterUserKey(DISTRICT_ID, f"t{number:04d}")
        StuckStore(r.world.table).note(stuck, StuckCode.EXPIRED, to_iso(r.world.now))
    students = [row[0] for row in r.sample.tables["users.csv"] if row[0].startswith("s0")]
    gone = set(students[: len(students) // 3])
    tables = ("users", "roles", "enrollments")
    r.upload(**{name: [row for row in r.sample.tables[f"{name}.csv"] if gone.isdisjoint(row)] for name in tables})
    waits = r.world.latest(DISTRICT_ID)
    assert waits["status"] == "held"
    notices, brand = ImportNotices(r.world.table), Brand(web_url=WEB)
    NotifyHeldImport(r.world.districts, notices, r.world.mailer(), brand=brand).notify(DISTRICT_ID, waits["import_id"])
    walk = _walk(r, sub="google-admin", email=manager.official_email, email_verified=True)
    walk.mail(manager, "Review and decide")
    walk.press("Continue with Google")
    walk.press("Approve", reason="They moved away.")
    r.world.run_imports()
    walk.look_again()
    assert "applied" in walk.client.text
    walk.follow("People")
    walk.press("Send another email", "All 4 of this list")
    walk.press("Send now")
    assert "4 emails are on their way." in walk.client.text
    return walk


MOST_PRESSES_ON_MONDAY = 12
_TICKS = 1
"""On Monday, beside the presses that a walk counts."""
_WORDS_A_MINUTE = 200


def presses_on(walk: Walk) -> int:
    return walk.presses + _TICKS


def minutes_on(walk: Walk) -> int:
    return ceil(walk.words / _WORDS_A_MINUTE)


WAYS: dict[str, Callable[[Riverbend], Walk]] = {
    "teacher by password": _by_password,
    "teacher by Google": _by_google,
    "teacher by the school's Google": _by_the_schools_google,
    "teacher without an account": _without_an_account,
    "student by Clever, with an account": _student_with_account,
    "student by Clever, without one": _student_without_account,
    "expired link, to the page of a new one": _expired_link,
    "nudge to a deleted class": _nudged,
    "recreate a goal": _recreate,
}


@dataclass(frozen=True, slots=True)
class Figures:
    """What a way costs. ``screens`` are those of all its pages; ``below`` are presses that need scrolling first."""

    presses: int
    words: int
    screens: int
    below: int


BEFORE = {
    "teacher by password": Figures(4, 496, 11, 2),
    "teacher by Google": Figures(4, 481, 11, 2),
    "teacher by the school's Google": Figures(7, 543, 13, 1),
    "teacher without an account": Figures(4, 399, 8, 1),
    "student by Clever, with an account": Figures(4, 323, 9, 1),
    "student by Clever, without one": Figures(2, 167, 4, 0),
    "expired link, to the page of a new one": Figures(3, 474, 9, 2),
    "nudge to a deleted class": Figures(5, 602, 12, 2),
    "recreate a goal": Figures(4, 488, 11, 1),
}
"""The same ways at commit b0072fe, by what the buttons were called there."""


def walked() -> dict[str, Walk]:
    """Each way, walked from the same beginning."""
    begun = Riverbend()
    found = {}
    for name, way in WAYS.items():
        riverbend = Riverbend(begun)
        riverbend.world.ses.sent = list(begun.world.ses.sent)
        found[name] = way(riverbend)
    return found


def measured(walk: Walk, phone: Page) -> Figures:
    sizes = [on_phone(seen, phone) for seen in walk.seen]
    screens = sum(ceil(height / HEIGHT) for height, _ in sizes)
    return Figures(walk.presses, walk.words, screens, sum(bottom > HEIGHT for _, bottom in sizes))


def on_phone(seen: Seen, phone: Page, language: str = "en") -> tuple[float, float]:
    """How high a page is, and where what was pressed on it ends; 0 where nothing was."""
    phone.set_content(seen.spoken(language))
    height, bottom = phone.evaluate(_SIZES, [_PRESSED, seen.pressed, seen.anchor])
    return float(height), float(bottom)


_SIZES = """([selector, place, anchor]) => {
    const shown = anchor && document.getElementById(anchor)
    const start = shown ? shown.getBoundingClientRect().top : 0
    const pressed = place === null ? null : document.querySelectorAll(selector)[place]
    return [document.documentElement.scrollHeight, pressed ? pressed.getBoundingClientRect().bottom - start : 0]
}"""


def written(found: dict[str, Figures], first: Walk) -> str:
    """The document."""
    lines = [
        "# The stop-watch",
        "",
        "What each way costs a person, before (commit b0072fe) → now: presses, from the mail or the district's login to where",
        "the way ends, signing in at a hub aside; words to read, the mail's among them; screens that all its pages fill on a",
        f"phone of {WIDTH} × {HEIGHT}; and presses that need scrolling first. `make ways` measures it, and tests hold it: presses",
        "and words (`tests/unit/pages/test_stop_watch.py`), and that nothing that must be pressed is below the first screen, in",
        "each language (`tests/browser/test_stop_watch.py`).",
        "",
        "| way | presses | words | screens | below the first screen |",
        "|---|---|---|---|---|",
    ]
    for name, now in found.items():
        was = BEFORE[name]
        pairs = (
            (was.presses, now.presses),
            (was.words, now.words),
            (was.screens, now.screens),
            (was.below, now.below),
        )
        lines.append(f"| {name} | {' | '.join(f'{a} → {b}' for a, b in pairs)} |")
    lines += [
        "",
        "## A newcomer's Monday",
        "",
        "From the email that an import waits: the login, who is concerned, `Approve` with a reason, until it is applied; then all",
        f"who are stuck, and another email to each. {presses_on(first)} presses of {MOST_PRESSES_ON_MONDAY} at most;",
        f"{first.words} words to read, the email's among them: {minutes_on(first)} minutes at {_WORDS_A_MINUTE} words a minute.",
        "`tests/browser/test_console.py` walks the console's stories by keyboard alone, without JavaScript.",
    ]
    lines += [
        "",
        "## A class's first day",
        "",
        "`make classroom` walks it in a browser. A teacher looks over thirty suggestions, confirms all sure ones and three",
        "others, and shows a class code: 7 presses and 285 words, 109 seconds at this reading and three seconds a press. Then",
        "thirty children log in on ten devices that are handed on without a log out: by code, password, rule, or with a new",
        "account; one leaves in the middle. 29 linked, one waiting, none wrong, in 49 seconds on two busy cores. It fails",
        "beyond two minutes and beyond five.",
    ]
    return "\n".join([*lines, ""])


def bounds() -> dict[str, tuple[int, int]]:
    """Presses and words of each way, as the document has them."""
    rows = re.findall(r"^\| (.+?) \| \d+ → (\d+) \| \d+ → (\d+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return {name: (int(presses), int(words)) for name, presses, words in rows}


def main() -> int:
    from playwright.sync_api import sync_playwright

    from local.install_browser import NO_BROWSER
    from local.install_browser import browser as find_browser

    executable = find_browser()
    if executable is None:
        sys.exit(NO_BROWSER)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        phone = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}).new_page()
        found = {name: measured(walk, phone) for name, walk in walked().items()}
        browser.close()
    PAGE.write_text(written(found, monday(Riverbend())), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
