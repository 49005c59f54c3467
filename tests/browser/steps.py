"""What a person does in a browser: press, log in, sign in with Clever."""

from __future__ import annotations

from playwright.sync_api import Page

from local.sample_district import DISTRICT_ID
from local.stack import LocalStack


def press(page: Page, button: str) -> None:
    page.get_by_role("button", name=button, exact=True).click()


def log_in(page: Page, username: str, password: str) -> None:
    page.get_by_label("Username or email", exact=True).fill(username)
    page.get_by_label("Password", exact=True).fill(password)
    press(page, "Log in")


def sign_in_with_clever(page: Page, stack: LocalStack, clever_id: str) -> None:
    page.goto(f"{stack.web_url}/sso/{DISTRICT_ID}")
    press(page, "Continue with Clever")
    page.get_by_label("Clever id").fill(clever_id)
    press(page, "Sign in")
