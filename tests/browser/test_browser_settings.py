"""The journey with the keyboard alone, without JavaScript, and by an impatient finger (WCAG 2.2: 2.1.1, 2.4.1, 2.4.3, 2.4.7)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from local.demo_steps import Journey, until
from local.sample_district import DISTRICT_ID, PASSWORD, SKILLS, Protagonist, SampleDistrict
from local.stack import LocalStack
from tests.browser.steps import log_in, press

pytestmark = pytest.mark.slow

_FOCUSED = """() => {
  const one = document.activeElement, at = one.getBoundingClientRect(), style = getComputedStyle(one)
  return {
    name: (one.labels?.[0] ?? one).innerText.trim() || one.ariaLabel,
    isVisible: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2
      && at.left >= 0 && at.top >= 0 && at.right <= innerWidth && at.bottom <= innerHeight,
    place: [Math.round(at.top + scrollY), Math.round(at.left)],
    isInMain: one.closest('main') !== null,
  }
}"""


class Newcomers:
    """People of the sample district whom no other test links, each with an account, a password and a class of their own."""

    def __init__(self, journey: Journey, stack: LocalStack, sample: SampleDistrict) -> None:
        self._rows = {row[0]: row for row in sample.tables["users.csv"][1:]}
        self.student = self._person("s0120")
        self.by_keyboard, self.without_script, self.impatient = map(self._person, ("t0010", "t0011", "t0012"))
        everybody = [self.student, self.by_keyboard, self.without_script, self.impatient]
        cognito, pool = stack.client("cognito-idp"), stack.outputs["UserPoolId"]
        for one in everybody:
            account = [{"Name": "custom:account_id", "Value": one.account_id}]
            cognito.admin_create_user(
                UserPoolId=pool, Username=one.username, MessageAction="SUPPRESS", UserAttributes=account
            )
            cognito.admin_set_user_password(UserPoolId=pool, Username=one.username, Password=PASSWORD, Permanent=True)
        lines = [json.dumps(self._account(one, sample)).encode() for one in everybody]
        journey.put("accounts/newcomers.jsonl", b"\n".join(lines))
        report = until(
            lambda: journey.report("reports/_accounts/newcomers/report.json"), seconds=60, name="the newcomers' report"
        )
        assert report["created"] == len(everybody)

    def _person(self, sourced_id: str) -> Protagonist:
        row = self._rows[sourced_id]
        clever_id = row[5].removeprefix("{Clever:").removesuffix("}")
        name = f"{row[6]} {row[7]}"
        return Protagonist(sourced_id, name, row[10], f"acc-new-{sourced_id}", f"new_{sourced_id}", clever_id)

    def _account(self, one: Protagonist, sample: SampleDistrict) -> dict[str, Any]:
        like = sample.choosing_student if one is self.student else sample.teacher
        line = next(line for line in sample.accounts if line["account_id"] == like.account_id)
        email = None if one is self.student else f"{one.username}@mail.example"
        members = [self.student.account_id] if one is self.by_keyboard else []
        goal = {"goal_id": "g", "title": "Linear equations", "skill_ids": list(SKILLS[:6])}
        own_class = {
            "class_id": f"own-{one.sourced_id}", "name": "Period 5 Algebra", "created_at": "2025-08-20T14:00:00Z",
            "last_activity_at": "2026-05-28T16:00:00Z", "student_account_ids": members, "goals": [goal],
            "assignments": [],
        }  # fmt: skip
        return line | {
            "account_id": one.account_id, "display_name": one.name, "username": one.username, "email": email,
            "classes": [] if one is self.student else [own_class],
        }  # fmt: skip


@pytest.fixture(scope="module")
def newcomers(journey: Journey, stack: LocalStack, sample: SampleDistrict) -> Newcomers:
    return Newcomers(journey, stack, sample)


class Keyboard:
    """Somebody without a mouse: Tab, Shift+Tab, Enter, Space, and letters into fields."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def tab_to(self, name: str) -> None:
        """On from where the focus is; each stop on the way is seen, and lies after the one before."""
        last: list[int] = []
        for _ in range(40):
            self.page.keyboard.press("Tab")
            focused = self.page.evaluate(_FOCUSED)
            assert focused["isVisible"], focused
            if focused["name"] == "Skip to content":
                continue
            assert focused["place"] >= last, f"{focused} comes after {last}"
            last = focused["place"]
            if focused["name"] == name:
                return
        pytest.fail(f"Tab does not reach {name!r} on {self.page.url}")

    def press(self, name: str, key: str = "Enter") -> None:
        self.tab_to(name)
        with self.page.expect_event("load"):
            self.page.keyboard.press(key)

    def fill(self, name: str, text: str) -> None:
        self.tab_to(name)
        self.page.keyboard.type(text)

    def log_in(self, who: Protagonist) -> None:
        expect(self.page.get_by_label("Password", exact=True)).to_be_visible()
        self.fill("Username or email", who.username or "")
        self.fill("Password", PASSWORD)
        self.press("Log in", "Space")


def test_a_teacher_links_and_cleans_up_with_the_keyboard_alone(
    page: Page, journey: Journey, newcomers: Newcomers
) -> None:
    teacher, keyboard = newcomers.by_keyboard, Keyboard(page)
    page.goto(journey.activation_address(teacher.official_email))
    keyboard.press("Log into my existing account")
    keyboard.log_in(teacher)
    expect(page.get_by_role("heading", name="Are both of these you?")).to_be_visible()
    keyboard.tab_to("This isn't me")
    page.keyboard.press("Shift+Tab")
    assert page.evaluate(_FOCUSED)["name"] == "Link my accounts"
    page.keyboard.press("Space")
    expect(page.get_by_role("status")).to_contain_text("Your accounts are linked")
    expect(page.get_by_role("heading", name="District classes")).to_be_visible()

    keyboard.press("Period 5 Algebra")
    keyboard.press("Settings")
    keyboard.press("Delete class")
    keyboard.press("Restore class", "Space")
    expect(page.get_by_role("button", name="Delete class")).to_be_visible()


def test_a_student_chooses_and_links_with_the_keyboard_alone(
    page: Page, stack: LocalStack, newcomers: Newcomers
) -> None:
    student, keyboard = newcomers.student, Keyboard(page)
    page.goto(f"{stack.web_url}/sso/{DISTRICT_ID}")
    keyboard.press("Continue with Clever")
    page.get_by_label("Clever id").press_sequentially(student.clever_id or "")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Welcome to Khan Academy")).to_be_visible()
    keyboard.press("Log into my existing account")
    keyboard.log_in(student)
    expect(page.get_by_role("heading", name="Are both of these you?")).to_be_visible()
    keyboard.press("Link my accounts")
    expect(page.get_by_role("link", name="Period 5 Algebra")).to_be_visible()
    expect(page.get_by_text("Linear equations: 50 %")).to_be_visible()


def test_the_first_tab_leads_past_the_head_of_a_page(page: Page, stack: LocalStack) -> None:
    page.goto(f"{stack.web_url}/login")
    page.keyboard.press("Tab")
    skip = page.evaluate(_FOCUSED)
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    first = page.evaluate(_FOCUSED)
    assert (skip["name"], skip["isVisible"], first["isInMain"]) == ("Skip to content", True, True)


def test_a_teacher_links_without_javascript(chromium: Browser, journey: Journey, newcomers: Newcomers) -> None:
    teacher = newcomers.without_script
    page = chromium.new_page(java_script_enabled=False, locale="en-US")
    page.goto(journey.activation_address(teacher.official_email))
    press(page, "Log into my existing account")
    log_in(page, teacher.username or "", PASSWORD)
    press(page, "Link my accounts")
    expect(page.get_by_role("status")).to_contain_text("Your accounts are linked")
    page.get_by_role("link", name="Period 5 Algebra").click()
    expect(page.get_by_role("heading", name="Students")).to_be_visible()
    page.close()


def test_a_double_click_links_once_and_ends_at_home(page: Page, journey: Journey, newcomers: Newcomers) -> None:
    teacher = newcomers.impatient
    page.goto(journey.activation_address(teacher.official_email))
    press(page, "Log into my existing account")
    log_in(page, teacher.username or "", PASSWORD)
    page.get_by_role("button", name="Link my accounts", exact=True).dblclick()
    expect(page.get_by_role("status")).to_contain_text("Your accounts are linked")
    expect(page.get_by_role("heading", name="District classes")).to_be_visible()
    expect(page.get_by_role("button", name="Undo the link with Riverbend Unified School District")).to_have_count(1)
