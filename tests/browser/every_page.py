"""Every page that a person can meet, in each of its states: the site in one process, walked to it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from functions.pages.bootstrap import assemble
from functions.pages.classes.class_address import class_id_of
from functions.pages.handler import HttpApi
from functions.pages.http import (
    LANGUAGE_COOKIE,
    ForbiddenOrigin,
    NoSuchClass,
    PageRenderer,
    Reply,
    Request,
    Response,
    page,
)
from functions.pages.request_context import sorry
from local import sample_district
from local.sample_district import CLEVER_DISTRICT, DISTRICT_ID, PASSWORD, SKILLS, Protagonist, as_csv
from local.web_client import WebClient
from shared.domain.activation import ActivationState
from shared.domain.class_day import Moment
from shared.domain.clock import to_iso
from shared.domain.errors import AccountLinkingError, LoginRefused, Throttled, UnknownDistrict
from shared.domain.fetching import login_refused
from shared.domain.first_wave import WaveMember
from shared.domain.own_login import OwnLogin, Way
from shared.domain.report import Report, Status, Upload
from shared.domain.roster import RosterUserKey
from shared.mail.rendering import Kind
from shared.runtime.tokens import stop_token, unsubscribe_token
from shared.stores.activations import activation_of
from shared.stores.fetches import FetchStore
from shared.stores.first_wave import FirstWaveStore
from shared.stores.import_progress import ProgressStore
from shared.stores.stuck_people import StuckCode, StuckStore
from shared.stores.table import Put
from tests.harness import TOKEN_KEY, WEB, World, zipped
from tests.pages_harness import Website, operator
from tests.stream import Stream, keep_up


class _Remembering(PageRenderer):
    """Keeps what was answered last, so that it can be answered in another language too."""

    last: tuple[Request, Reply]

    def response(self, request: Request, reply: Reply) -> Response:
        self.last = (request, reply)
        return super().response(request, reply)


@dataclass(frozen=True, slots=True)
class Shown:
    """A page at its address, in any language."""

    renderer: _Remembering
    request: Request
    reply: Reply

    def answer(self, language: str) -> Response:
        cookies = {**self.request.cookies, LANGUAGE_COOKIE: language}
        return self.renderer.response(replace(self.request, cookies=cookies), self.reply)


class Riverbend:
    """The sample district after its import, with its mails sent; each state of a page begins with one of its own."""

    def __init__(self, begun: Riverbend | None = None) -> None:
        self.sample = begun.sample if begun else sample_district.make()
        self.world = World()
        self._first = begun.world if begun else self.world
        if begun:
            self.world.begin_like(begun.world)
        else:
            self._import()
        self.web = Website(self.world)
        self.web.cognito.users = {name: (PASSWORD, account) for name, account in self.sample.logins.items()}
        self._renderer = _Remembering(
            brand_name="Khan Academy",
            brand_colour="#1865f2",
            support_url=self.world.invitations()._brand.support_url,
            form_targets=(),
        )
        self.web.site = assemble(self.web.site.services, self._renderer)

    def _import(self) -> None:
        stream = Stream(self.world.table, self.world.clock)
        self.world.register(DISTRICT_ID, **self.sample.settings)
        self.world.feed(*self.sample.accounts)
        self.upload()
        self.world.send_mail()
        keep_up(stream, self.world.table)

    def upload(self, **changed: list[list[str]]) -> None:
        tables = self.sample.tables | {f"{name}.csv": rows for name, rows in changed.items()}
        self.world.upload({name: as_csv(rows) for name, rows in tables.items()}, DISTRICT_ID)

    @property
    def shown(self) -> Shown:
        """The page that was answered last."""
        return Shown(self._renderer, *self._renderer.last)

    # Ways that several states share.

    def invited(self, who: Protagonist) -> WebClient:
        """Somebody who pressed the button of their mail."""
        return self.web.visitor().open(self._first.address_in_mail_to(who.official_email))

    def both_sides(self) -> WebClient:
        """The teacher at the page with both sides."""
        return self.log_in(self.invited(self.sample.teacher).press("Log into my existing account"))

    def log_in(self, visitor: WebClient, password: str = PASSWORD) -> WebClient:
        return visitor.press("Log in", username_or_email=self.sample.teacher.username or "", password=password)

    def linked(self) -> WebClient:
        """The teacher, linked, at home."""
        return self.both_sides().press("Link my accounts")

    def student(self, who: Protagonist) -> WebClient:
        """A student after the district login."""
        visitor = self.web.visitor(sub=who.clever_id, district=CLEVER_DISTRICT)
        return visitor.open(f"/sso/{DISTRICT_ID}").press("Continue with Clever")

    def console(self) -> WebClient:
        administrator = self.web.visitor(
            sub="google-admin", email=self.sample.administrator.official_email, email_verified=True
        )
        return administrator.open(f"/sso/{DISTRICT_ID}").press("Continue with Google").open(f"/console/{DISTRICT_ID}")

    def refused(self, error: Exception) -> None:
        """What is shown where a page could not be made."""

        def do(_request: Request) -> Reply:
            raise error

        self.answer(do)

    def told(self, reply: Reply) -> None:
        self.answer(lambda _request: reply)

    def answer(self, do: Callable[[Request], Reply]) -> None:
        HttpApi(self.web.site).answer(Request("GET", "/home", {}, {}, {}, {}, "192.0.2.1"), do)


def every_state() -> Iterator[tuple[str, Callable[[Riverbend], object]]]:
    """Each page's name, and the way to it."""
    yield "activation", lambda r: r.invited(r.sample.teacher)
    for problem in ("no_cookie", "used", "undone", "replaced", "expired", "asked", "suspended", "unknown"):
        yield f"activation-gone-{problem}", lambda r, problem=problem: r.told(sorry(problem))
    yield "login", lambda r: r.web.visitor().open("/login")
    yield "login-refused", lambda r: r.log_in(r.web.visitor().open("/login"), "not the password")
    yield "login-no-google", lambda r: r.web.visitor(sub="stranger").open("/login").press("Continue with Google")
    yield "login-candidates", _login_with_candidates
    yield "login-half-way", lambda r: r.student(r.sample.choosing_student).press("Log into my existing account")
    yield "login-confirm", lambda r: r.told(page("login/confirm"))
    yield "login-waiting", _google_that_waits
    yield "login-code", lambda r: _asked(r, "SOFTWARE_TOKEN_MFA")
    yield "login-code-refused", lambda r: _asked(r, "SOFTWARE_TOKEN_MFA").press("Log in", code="000000")
    yield "login-own-password", lambda r: _asked(r, "NEW_PASSWORD_REQUIRED")
    yield (
        "login-own-password-refused",
        lambda r: _asked(r, "NEW_PASSWORD_REQUIRED").press("Log in", new_password="short"),
    )
    yield "login-email", lambda r: r.web.visitor().open("/login/email")
    yield "login-email-refused", lambda r: r.web.visitor().open("/login/email").press("Send the code", email="me")
    yield "login-email-code", _login_by_email
    yield "login-email-code-refused", lambda r: _login_by_email(r).press("Log in", code="0000 0000")
    yield "password-forgotten", lambda r: r.web.visitor().open("/login/forgot")
    yield "password-new", _code_sent
    yield (
        "password-new-refused",
        lambda r: _code_sent(r).press("Set the new password", code="000000", new_password="short"),
    )
    yield "sso", lambda r: r.web.visitor().open(f"/sso/{DISTRICT_ID}")
    yield "sso-find", lambda r: r.web.visitor().open("/sso")
    yield "sso-find-unknown", lambda r: r.web.visitor().open("/sso").press("Go on", email="me@mail.example")
    yield "real", lambda r: r.web.visitor().open("/real")
    yield "real-known", _known_code
    yield "real-unknown", lambda r: r.web.visitor().open("/real").press("Look it up", code="CDFG-2345")
    yield "welcome", lambda r: r.student(r.sample.choosing_student)
    yield "welcome-code", lambda r: _allow_codes(r).student(r.sample.choosing_student)
    yield (
        "welcome-code-refused",
        lambda r: _allow_codes(r).student(r.sample.choosing_student).press("Join", class_code="000 000"),
    )
    yield "welcome-confirm", _new_login_at_a_linked_row
    yield "link", Riverbend.both_sides
    yield "link-confirm", _new_login_with_both_sides
    yield "link-student", _student_with_both_sides
    yield "link-older-account", _older_account
    for code in (
        "account_linked_elsewhere", "already_linked", "account_joined", "activation_dead", "proof_spent", "too_late", "not_linked",
        "account_teaches",
    ):  # fmt: skip
        yield (
            f"link-refused-{code}",
            lambda r, code=code: r.told(r.web.site.link.sorry(code, r.world.districts.get(DISTRICT_ID))),
        )
    yield "not-me", lambda r: r.both_sides().press("This isn't me")
    yield "home-teacher", Riverbend.linked
    yield "link-undo", lambda r: r.linked().press("Undo the link with Riverbend Unified School District")
    yield "receipt", lambda r: r.linked().open(f"/receipt/{DISTRICT_ID}")
    yield "home-teacher-undone", _undone
    yield "receipt-undone", lambda r: _undone(r).open(f"/receipt/{DISTRICT_ID}")
    yield "receipt-student", lambda r: _student_at_home(r).open(f"/receipt/{DISTRICT_ID}")
    yield "home-teacher-to-link", lambda r: r.both_sides().open("/home")
    yield "home-student", _student_at_home
    yield "home-student-new", _new_student
    yield "home-teacher-past", _next_year
    yield "class-past", lambda r: _past_class(r, "")
    yield "class-settings-past", lambda r: _past_class(r, "/settings")
    yield "class-own", lambda r: r.linked().open("/classes/own-algebra")
    yield "class-district", _district_class
    yield "class-district-assignment", lambda r: _district_class(r).press("New assignment")
    yield "class-district-problem", lambda r: r.linked().open("/classes/c0001?problem=goal")
    yield "class-students", lambda r: r.linked().open(_STUDENTS)
    yield "class-students-code", lambda r: _allow_codes(r).linked().open(_STUDENTS).press("Show class code")
    yield "class-board", _board
    yield "class-board-hidden", lambda r: _board(r).open(f"{_BOARD}&names=1")
    yield "ways-in", _may_add_logins
    yield "ways-in-school", lambda r: _may_add_logins(r).open("/ways-in?problem=school_account")
    yield "ways-in-own", _with_own_logins
    yield "ways-in-later", _own_logins_later
    yield "ways-in-closed", lambda r: _student_at_home(r).open("/ways-in")
    yield "ways-in-code", lambda r: _may_add_logins(r).press("Send the code", email="kid@home.example")
    yield (
        "ways-in-code-refused",
        lambda r: _may_add_logins(r).press("Send the code", email="kid@home.example").press("Add this login", code="1"),
    )
    yield "class-student", lambda r: _student_at_home(r).open("/classes/c0001")
    yield "class-settings-own", lambda r: r.linked().open("/classes/own-algebra/settings")
    yield "class-settings-district", lambda r: r.linked().open("/classes/c0001/settings")
    yield "class-settings-deleted", _deleted_class
    yield "class-settings-gone", _class_deleted_long_ago
    yield "class-settings-student", lambda r: _student_at_home(r).open("/classes/c0001/settings")
    yield "cleaning", lambda r: r.linked().open("/cleaning")
    yield "cleaning-nothing-ticked", lambda r: r.linked().open("/cleaning?done=nothing")
    yield "cleaning-file-ready", _file_ready
    yield (
        "cleaning-deleted",
        lambda r: (
            r.linked()
            .open("/cleaning")
            .press("Delete classes", "Period 3 Algebra")
            .press("Keep these classes", "Math Club")
        ),
    )
    yield "cleaning-later", lambda r: r.linked().open("/cleaning").press("Remind me in 30 days")
    yield "console", _console
    yield "console-choose", _operator
    yield "console-people", lambda r: _console(r).open(f"/console/{DISTRICT_ID}/people")
    yield "console-people-stuck", lambda r: _console(r).open(f"/console/{DISTRICT_ID}/people?stuck=bounced")
    yield "console-people-at", lambda r: r.console().open(f"/console/{DISTRICT_ID}/people?place=mailed&role=teacher")
    yield "console-people-found", lambda r: _people(r).press("Search", query=r.sample.teacher.name)
    yield "console-people-none", lambda r: _people(r).press("Search", query="nobody at all")
    yield "console-people-strangers", _strangers
    yield "console-bulk", _bulk
    yield "console-bulk-done", lambda r: _bulk(r).press("Send now")
    yield "console-person", _person_of_the_console
    yield "console-person-stuck", _person_stuck
    yield "console-person-corrected", _person_corrected
    yield "console-person-refused", _person_refused
    yield "console-settings", _settings_of_the_console
    yield "console-first-mails", lambda r: r.console().open(f"/console/{DISTRICT_ID}/first-mails")
    yield "console-first-mails-wave", _first_mails
    yield "console-first-mails-stopped", lambda r: _first_mails(r, is_stopped=True)
    yield "console-first-mails-no-reason", lambda r: _first_mails(r).press("Let all others go")
    yield "console-imports", _imports
    yield "console-imports-empty", _imports_before_any
    yield "console-upload", lambda r: r.console().open(f"/console/{DISTRICT_ID}/imports/upload")
    yield "console-checking", lambda r: r.console().open(f"/console/{DISTRICT_ID}/imports/checks/console-1")
    yield "console-held", lambda r: _import_page(r, _halved(r))
    yield "console-held-no-reason", _held_without_a_reason
    yield "console-preview", _preview
    yield "console-preview-refused", _preview_refused
    yield "console-forecast", _forecast
    yield "console-forecast-empty", lambda r: _operator(r).open(f"/console/{DISTRICT_ID}/forecast")
    yield "console-source", _source
    yield "console-source-fetching", lambda r: _source(r, status="fetching", stage="enrollments", pages=12, rows=34_000)
    yield "console-source-failed", _source_failed
    yield "console-source-none", lambda r: r.console().open(f"/console/{DISTRICT_ID}/source")
    yield "console-rejects", _import_with_rejects
    yield "console-refused", lambda r: _console_refused(r)
    yield "console-logins", _console_logins
    yield "console-paused", _console_paused
    yield "console-empty", _console_before_any_upload
    yield "help-code", lambda r: r.web.visitor().open("/help/header_only")
    yield "help-code-unknown", lambda r: r.web.visitor().open("/help/nothing-here")
    yield "help-logins", lambda r: r.web.visitor().open("/help/logins")
    yield "login-consented", lambda r: r.web.visitor().open("/callback/google?admin_consent=True")
    yield "help-codes", lambda r: r.web.visitor().open("/help")
    yield "unsubscribe-classes", lambda r: r.web.visitor().open(f"/unsubscribe/{_nudge_token(r)}")
    yield (
        "unsubscribe-classes-done",
        lambda r: r.web.visitor().open(f"/unsubscribe/{_nudge_token(r)}").press("Stop these reminders"),
    )
    yield "unsubscribe-invitation", lambda r: r.web.visitor().open(f"/unsubscribe/{stop_token('a', TOKEN_KEY)}")
    yield (
        "unsubscribe-invitation-done",
        lambda r: r.web.visitor().open(f"/unsubscribe/{stop_token('a', TOKEN_KEY)}").press("Stop these reminders"),
    )
    yield "unsubscribe-broken", lambda r: r.web.visitor().open("/unsubscribe/half-of-it")
    yield "notice", lambda r: r.web.visitor().open(_notice_address(r))
    yield (
        "notice-gone-asked",
        lambda r: (
            r.web.visitor().open(_notice_address(r)).press("Undo the link", email=r.sample.teacher.official_email)
        ),
    )
    yield "notice-gone-no_cookie", lambda r: r.web.visitor().open("/notice")
    yield "notice-gone-gone", lambda r: _notice_gone(r)
    yield "notice-gone-unknown", lambda r: r.web.visitor().open("/notice/half-of-it")
    yield "sorry-404-not_found", lambda r: r.web.visitor().open("/nothing-here")
    for error in _ERRORS:
        name = f"sorry-{_status(error)}-{getattr(error, 'code', 'internal_error')}"
        yield name, lambda r, error=error: r.refused(error)
    yield "sorry-429-too_many_tries-hours", lambda r: r.refused(Throttled("too_many_tries", "", retry_after=4 * 3600))


_STUDENTS = f"/classes/c0001/students?district={DISTRICT_ID}"


_BOARD = _STUDENTS.replace("?", "/board?")


def _login_by_email(r: Riverbend) -> WebClient:
    return r.web.visitor().open("/login/email").press("Send the code", email="kid@home.example")


def _may_add_logins(r: Riverbend) -> WebClient:
    r.world.register(DISTRICT_ID, **r.sample.settings, students_may_add_logins=True)
    return _student_at_home(r).open("/ways-in")


def _with_own_logins(r: Riverbend) -> WebClient:
    """Two own logins, the second one just added."""
    page = _may_add_logins(r)
    for name, way in (("k…d@mail.example", Way.GOOGLE), ("k…d@home.example", Way.ADDRESS)):
        r.web.site.services.own_logins.add(
            r.sample.matched_student.account_id or "", OwnLogin(way.value * 4, way, name, to_iso(r.world.now)),
            RosterUserKey(DISTRICT_ID, r.sample.matched_student.sourced_id), Put({"PK": "REAL#x", "SK": "CODE"}),
            r.world.new_id(), r.world.now,
        )  # fmt: skip
    return page.open("/ways-in?done=added")


def _own_logins_later(r: Riverbend) -> WebClient:
    page = _with_own_logins(r)
    r.world.pass_time(minutes=20)
    return page.open("/ways-in?problem=not_recent")


def _board(r: Riverbend) -> WebClient:
    """In the middle of a class's first day: a code is on the board, and several need help."""
    teacher = _allow_codes(r).linked().open(_STUDENTS).press("Show class code")
    r.student(r.sample.matched_student)
    days = r.web.site.services.class_days
    taught = r.world.classes.get(DISTRICT_ID, "c0001")
    assert taught is not None
    waiting = [row.user.key for row in r.web.site.services.watch_class().board(taught).rows if row.state == "waiting"]
    for student, code in zip(
        waiting, (Moment.ACCOUNT_PROTECTED, Moment.NOT_CONFIRMED, Moment.CODE_WRONG), strict=False
    ):
        days.arrived(student, r.world.now)
        for _ in range(3):
            days.trouble(student, code, r.world.now)
    for student in waiting[3:12]:
        days.arrived(student, r.world.now)
    return teacher.open(_BOARD)


def _allow_codes(r: Riverbend) -> Riverbend:
    r.world.register(DISTRICT_ID, **r.sample.settings, teachers_may_vouch=True)
    return r


def _known_code(r: Riverbend) -> WebClient:
    code = r.world.mail_codes.of(r.world.districts.get(DISTRICT_ID), Kind.ACTIVATION)
    return r.web.visitor().open("/real").press("Look it up", code=code)


def _undone(r: Riverbend) -> WebClient:
    return r.linked().press("Undo the link with Riverbend Unified School District").press("Undo the link")


def _file_ready(r: Riverbend) -> WebClient:
    teacher = r.linked().open("/cleaning").press("Download class data", "Period 3 Algebra")
    r.world.make_exports()
    assert teacher.response is not None
    page = str(teacher.response.url)
    teacher.open(teacher.open(page).links()["Save the file"])
    return teacher.open(page)


_ERRORS: list[Exception] = [
    NoSuchClass("no_such_class", ""),
    UnknownDistrict("unknown_district", ""),
    *(
        LoginRefused(code, "")
        for code in (
            "not_on_roster", "other_domain", "other_district", "clever_not_set_up", "provider_not_used",
            "not_an_administrator", "not_proved", "issuer_unreachable", "account_not_known",
        )
    ),
    ForbiddenOrigin("foreign_form", ""),
    Throttled("too_many_tries", "", retry_after=840),
    AccountLinkingError("changed_meanwhile", ""),
    RuntimeError("of any kind"),
]  # fmt: skip


def _status(error: Exception) -> int:
    match error:
        case Throttled():
            return 429
        case NoSuchClass() | UnknownDistrict():
            return 404
        case LoginRefused() | ForbiddenOrigin():
            return 403
        case AccountLinkingError():
            return 409
    return 500


def _google_that_waits(r: Riverbend) -> WebClient:
    """The teacher got in by the password where a Google account waits that was not shown at the link."""
    r.linked()
    account = r.world.accounts.get(r.sample.teacher.account_id or "")
    r.world.feed({"account_id": r.sample.teacher.account_id, "google_sub": "google-own"})
    assert account is not None
    browser = r.web.visitor(sub="google-own", email="joy.garcia@mail.example", email_verified=True)
    return r.log_in(browser.open("/login").press("Continue with Google").press("Log in with my password"))


def _new_login_at_a_linked_row(r: Riverbend) -> WebClient:
    """The district gave a linked student another Clever id: this login is new for the account (M19)."""
    student = r.sample.choosing_student
    _student_with_both_sides(r).press("Link my accounts")
    users = r.sample.tables["users.csv"]
    changed = [[cell.replace(student.clever_id or "", "clever-new") for cell in row] for row in users]
    r.upload(users=changed)
    return r.student(replace(student, clever_id="clever-new"))


def _new_login_with_both_sides(r: Riverbend) -> WebClient:
    student = r.sample.choosing_student
    at_login = _new_login_at_a_linked_row(r).press("Log into my existing account")
    return at_login.press("Log in", username_or_email=student.username or "", password=PASSWORD)


def _student_with_both_sides(r: Riverbend) -> WebClient:
    student = r.sample.choosing_student
    at_login = r.student(student).press("Log into my existing account")
    return at_login.press("Log in", username_or_email=student.username or "", password=PASSWORD)


def _login_with_candidates(r: Riverbend) -> WebClient:
    """An account bears the teacher's address, unverified."""
    row = next(row for row in r.sample.tables["users.csv"] if row[0] == "t0007")
    at_login = r.invited(Protagonist(row[0], row[6], row[10])).press("Log into my existing account")
    return r.log_in(at_login, "not the password")


def _asked(r: Riverbend, challenge: str) -> WebClient:
    """The user pool asks for more than the password."""
    r.web.cognito.challenges[r.sample.teacher.username or ""] = [(challenge, "the right answer")]
    return r.log_in(r.web.visitor().open("/login"))


def _code_sent(r: Riverbend) -> WebClient:
    return r.web.visitor().open("/login/forgot").press("Send me a code", username_or_email="joy_teaches_t0001")


def _new_student(r: Riverbend) -> WebClient:
    """At home in an account that was made at the district login."""
    return r.student(r.sample.choosing_student).press("I don't have an account yet")


def _older_account(r: Riverbend) -> WebClient:
    """The account that was made, and an older one that was found afterwards."""
    at_login = _new_student(r).press("I have an older account")
    return at_login.press("Log in", username_or_email=r.sample.choosing_student.username or "", password=PASSWORD)


def _district_class(r: Riverbend) -> WebClient:
    """With a goal and an assignment, and a student who has earned something."""
    _student_at_home(r)
    shown = (
        r.linked().open("/classes/c0001").press("Create goal", title="Linear equations", skills=" ".join(SKILLS[:6]))
    )
    return shown.press("New assignment").press("Create assignment", title="Slope quiz")


def _next_year(r: Riverbend) -> WebClient:
    """The teacher at home when the next school year has begun."""
    _district_class(r)
    r.world.now = datetime(2027, 8, 23, 15, tzinfo=UTC)
    header = r.sample.tables["academicSessions.csv"][0]
    term = ["term-2", "", "", "Fall 2027", "semester", "2027-08-16", "2027-12-18", "", "2028"]
    classes = [[cell.replace("term-1", "term-2") for cell in row] for row in r.sample.tables["classes.csv"]]
    r.upload(academicSessions=[header, term], classes=classes)
    return r.log_in(r.web.visitor().open("/login"))


def _past_class(r: Riverbend, part: str) -> WebClient:
    """Last year's class with a goal, or its settings."""
    page = _next_year(r)
    address = next(
        address for name, address in page.links().items() if "(Fall 2026)" in name and _is_of(address, "c0001")
    )
    path, _, query = address.partition("?")
    return page.open(f"{path}{part}?{query}")


def _is_of(address: str, class_id: str) -> bool:
    """Whether a past class has this id."""
    return class_id_of(address.partition("?")[0].rpartition("/")[2]).startswith(class_id)


def _student_at_home(r: Riverbend) -> WebClient:
    return r.student(r.sample.matched_student)


def _deleted_class(r: Riverbend) -> WebClient:
    return r.linked().open("/classes/own-club/settings").press("Delete class")


def _class_deleted_long_ago(r: Riverbend) -> WebClient:
    _deleted_class(r)
    r.world.pass_time(days=31)
    return r.log_in(r.web.visitor().open("/login")).open("/classes/own-club/settings")


def _halved(r: Riverbend) -> str:
    """An upload without half of the people, and without the administrator; answers its import id."""
    head, *users = r.sample.tables["users.csv"]
    kept = {row[0] for row in [row for row in users if not row[0].startswith("a")][: len(users) // 2]}
    left = {
        name: [rows[0], *(row for row in rows[1:] if kept.intersection(row))]
        for name, rows in r.sample.tables.items()
        if name in ("enrollments.csv", "roles.csv")
    }
    r.upload(
        users=[head, *(row for row in users if row[0] in kept)],
        **{name.removesuffix(".csv"): rows for name, rows in left.items()},
    )
    return str(r.world.latest(DISTRICT_ID)["import_id"])


def _imports(r: Riverbend) -> WebClient:
    _console(r)
    _halved(r)
    return r.console().open(f"/console/{DISTRICT_ID}/imports")


def _imports_before_any(r: Riverbend) -> WebClient:
    for key in [key for key in r.world.table.items if key[1].startswith("IMPORT#")]:
        r.world.table.delete_item(TableName=r.world.table.name, Key={"PK": key[0], "SK": key[1]})
    return r.console().open(f"/console/{DISTRICT_ID}/imports")


def _import_page(r: Riverbend, import_id: str) -> WebClient:
    return r.console().open(f"/console/{DISTRICT_ID}/imports/{import_id}")


def _held_without_a_reason(r: Riverbend) -> WebClient:
    return _import_page(r, _halved(r)).press("Approve", reason="")


def _preview(r: Riverbend) -> WebClient:
    """A roster that was sent by the console's form, with somebody new."""
    users = r.sample.tables["users.csv"]
    new = ["t0099", *users[1][1:6], "new.teacher", "", "Nora", "New", f"nora.new@{DISTRICT_ID}.example", *users[1][11:]]
    renamed = [*users[2][:7], "Renamed", *users[2][8:]]
    role = ["r-t0099", "", "", "t0099", "primary", "teacher", "", "", "school-1", ""]
    changed = {"users.csv": [*users[:2], renamed, *users[3:], new], "roles.csv": [*r.sample.tables["roles.csv"], role]}
    tables = r.sample.tables | changed
    body = zipped({name: as_csv(rows) for name, rows in tables.items()})
    taken = r.world.put(f"previews/{DISTRICT_ID}/console-1.zip", body)
    return _import_page(r, str(taken.import_id))


def _forecast(r: Riverbend) -> WebClient:
    """Of a district before its first day."""
    r.world.register("oakdale", name="Oakdale", email_domains=["oakdale.example"], identity_providers=["google"])
    accounts = ({**each, "account_id": f"o-{each['account_id']}", "classes": []} for each in r.sample.accounts)
    r.world.feed(*(_of_oakdale(each) for each in accounts), name="oakdale")
    files = {name: as_csv(rows).replace(f"@{DISTRICT_ID}.", "@oakdale.") for name, rows in r.sample.tables.items()}
    r.world.put("previews/oakdale/first-day.zip", zipped(files))
    return _operator(r).open("/console/oakdale/forecast")


def _of_oakdale(account: dict[str, Any]) -> dict[str, Any]:
    """The same account with an address of the other district."""
    email = (account["email"] or "").replace(f"@{DISTRICT_ID}.", "@oakdale.") or None
    return {**account, "email": email, "google_sub": None, "clever_id": None}


def _preview_refused(r: Riverbend) -> WebClient:
    page = _preview(r)
    r.upload(users=r.sample.tables["users.csv"][:-1])
    page.press("Apply these changes")
    r.world.run_imports()
    return page.open(page.path)


def _import_with_rejects(r: Riverbend) -> WebClient:
    _console(r)
    return _import_page(r, str(r.world.latest(DISTRICT_ID)["import_id"]))


def _people(r: Riverbend) -> WebClient:
    return r.console().open(f"/console/{DISTRICT_ID}/people")


def _strangers(r: Riverbend) -> WebClient:
    """Somebody logged in with the district's Google and is on no row."""
    domain = r.sample.teacher.official_email.partition("@")[2]
    stranger = r.web.visitor(sub="google-new", email=f"new@{domain}", email_verified=True)
    stranger.open(f"/sso/{DISTRICT_ID}").press("Continue with Google")
    return r.console().open(f"/console/{DISTRICT_ID}/people?stuck=not_on_roster")


def _bulk(r: Riverbend) -> WebClient:
    """Everybody whose link expired, and one who marked a mail as spam, are chosen."""
    _console(r)
    page = _people(r)
    labels = [" ".join(node.text().split()) for node in page.page.css("label.tick")]
    return page.press("Send another email", *labels[1:])


def _person_of_the_console(r: Riverbend) -> WebClient:
    """A teacher who is linked, and whose link was asked about."""
    r.linked()
    return r.console().open(f"/console/{DISTRICT_ID}/people/person/{r.sample.teacher.sourced_id}")


def _person_stuck(r: Riverbend) -> WebClient:
    """A teacher whose mail came back."""
    who = r.sample.teacher.sourced_id
    sent = r.world.activations.of_user(RosterUserKey(DISTRICT_ID, who))
    assert sent
    r.world.activations.mark_feedback(sent, ActivationState.BOUNCED, sent.message_id or "", now=r.world.now)
    return r.console().open(f"/console/{DISTRICT_ID}/people/person/{who}")


def _person_corrected(r: Riverbend) -> WebClient:
    address = f"another@{r.sample.teacher.official_email.partition('@')[2]}"
    return _person_stuck(r).press("Correct the address", address=address)


def _person_refused(r: Riverbend) -> WebClient:
    page = _person_of_the_console(r)
    page.press("Undo the link")
    page.http.post(f"{WEB}{page.path}/undo")
    return page


def _settings_of_the_console(r: Riverbend) -> WebClient:
    _person_of_the_console(r).press("Undo the link")
    return r.console().open(f"/console/{DISTRICT_ID}/settings")


def _first_mails(r: Riverbend, *, is_stopped: bool = False) -> WebClient:
    """A first wave of two is out, and nobody opened one."""
    r.world.register(DISTRICT_ID, **{**r.sample.settings, "first_wave": 2, "contacts": ["pat@riverbend.example"]})
    store = FirstWaveStore(r.world.table)
    sent = [activation_of(item) for (_, sk), item in r.world.table.items.items() if sk == "ACTIVATION"][:2]
    store.add((WaveMember(each.activation_id, each.user) for each in sent), r.world.now)
    if is_stopped:
        store.stop(DISTRICT_ID, r.world.now)
    return r.console().open(f"/console/{DISTRICT_ID}/first-mails")


def _operator(r: Riverbend) -> WebClient:
    """An operator of the platform after the login."""
    return operator(r.web)


def _console(r: Riverbend) -> WebClient:
    """After a night's upload with rows that could not be read; another one is at work, and people are stuck."""
    users = r.sample.tables["users.csv"]
    broken = [users[-1][0], *users[-1][1:10], "not an address", *users[-1][11:]]
    r.upload(users=[*users[:-2], broken, ["t9999", *users[1][1:6], "", "", *users[1][8:]], users[-1]])
    for number, code in enumerate(StuckCode, start=8):
        r.world.pass_time(days=1)
        StuckStore(r.world.table).note(RosterUserKey(DISTRICT_ID, f"t{number:04d}"), code, r.world.now.isoformat())
    key = f"rosters/{DISTRICT_ID}/nightly-2026-09-06.zip"
    ProgressStore(r.world.table).begin(DISTRICT_ID, "next", key, "people", parts=4, now=r.world.now, rows=2310)
    return r.console()


def _console_logins(r: Riverbend) -> WebClient:
    """Of one hub several did not come back; another has no client id."""
    returns = r.web.site.services.hub_returns
    for number in range(9):
        weight = returns.began(DISTRICT_ID, "google", str(number))
        returns.returned(DISTRICT_ID, "google", str(number), weight if number % 2 else 0)
    return _operator(r).open(f"/console/{DISTRICT_ID}/logins")


def _console_paused(r: Riverbend) -> WebClient:
    """After an upload in a pause: it says when it is applied."""
    today = r.world.now.date()
    pause = {"from": today.isoformat(), "to": (today + timedelta(days=14)).isoformat()}
    r.world.register(DISTRICT_ID, **{**r.sample.settings, "pauses": [pause]})
    r.upload(users=r.sample.tables["users.csv"][:-1])
    return r.console()


def _console_refused(r: Riverbend) -> WebClient:
    linked = r.sample.matched_teacher
    StuckStore(r.world.table).note(
        RosterUserKey(DISTRICT_ID, linked.sourced_id), StuckCode.UNANSWERED, r.world.now.isoformat()
    )
    return r.console().press(f"Send another mail to {linked.name}")


def _source(r: Riverbend, **told: str | int) -> WebClient:
    """A source whose fetches were good; or that is fetched, or failed, as it is told."""
    body = {
        "kind": "oneroster",
        "base_url": "https://sis.riverbend.example",
        "auth": {"kind": "bearer", "secret": "sis"},
    }
    fetches, now = FetchStore(r.world.table), r.world.now
    fetches.put_source(DISTRICT_ID, json.dumps(body), now + timedelta(hours=16))
    counts = {"orgs": 4, "classes": 1_210, "users": 14_300, "enrollments": 52_800}
    good = to_iso(now - timedelta(hours=8))
    fetches.note(
        DISTRICT_ID, status="completed", good_at=good, whole_at=good, ended_at=good, counts=counts, rows=68_314
    )
    if told:
        fetches.lock(DISTRICT_ID, "run", now)
        fetches.note(DISTRICT_ID, run_id="run", started_at=to_iso(now), ended_at=to_iso(now), **told)
    return r.console().open(f"/console/{DISTRICT_ID}/source")


def _source_failed(r: Riverbend) -> WebClient:
    now, failed = to_iso(r.world.now), login_refused()
    report = Report(
        import_id="run",
        district_id=DISTRICT_ID,
        upload=Upload(f"sources/{DISTRICT_ID}/source.json", "", now),
        status=Status.FAILED,
        started_at=now,
        finished_at=now,
        reason={"code": failed.code, "message": failed.message},
    )
    r.world.reports.write(report)
    return _source(r, status="failed", code=failed.code)


def _console_before_any_upload(r: Riverbend) -> WebClient:
    del r.world.s3.objects["reports", f"reports/{DISTRICT_ID}/latest.json"]
    return r.console()


def _notice_address(r: Riverbend) -> str:
    """The address in the mail that told the teacher's official address of the link."""
    r.linked()
    world = r.web.world
    world.notify_of_links()
    texts = [
        mail["Content"]["Simple"]["Body"]["Text"]["Data"]
        for mail in world.ses.sent
        if mail["To"] == r.sample.teacher.official_email
    ]
    return next(word for text in texts for word in text.split() if "/notice/" in word)


def _notice_gone(r: Riverbend) -> WebClient:
    address = _notice_address(r)
    r.web.visitor().open(address).press("Undo the link", email=r.sample.teacher.official_email)
    return r.web.visitor().open(address)


def _nudge_token(r: Riverbend) -> str:
    return unsubscribe_token(DISTRICT_ID, r.sample.teacher.account_id or "", TOKEN_KEY)
