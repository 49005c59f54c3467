"""From the nudge to the last class in a browser (M17, B4): download, tick, delete two classes, and one comes back."""

from __future__ import annotations

import zipfile

from playwright.sync_api import Browser, Page, expect

from local.demo_steps import Journey
from local.proxy import sent_mail
from local.sample_district import PASSWORD, SampleDistrict
from local.stack import LocalStack
from local.web_client import WebClient
from tests.browser.steps import log_in, press, sign_in_with_clever

OLD = ("Period 3 Algebra", "Math Club")


def linked_teacher(stack: LocalStack, journey: Journey, sample: SampleDistrict) -> None:
    """The teacher has linked, whichever test came before."""
    with WebClient(stack.web_url) as teacher:
        teacher.open(journey.activation_address(sample.teacher.official_email))
        if "Log into my existing account" in teacher.text:
            teacher.press("Log into my existing account")
            teacher.press("Log in", username_or_email=sample.teacher.username or "", password=PASSWORD)
            teacher.press("Link my accounts")


def address_of_the_nudge(stack: LocalStack, journey: Journey, sample: SampleDistrict) -> str:
    assert journey.nudge()
    to = sample.teacher.official_email
    mail = next(m for m in sent_mail(stack.endpoint_url) if m["to"] == to and "previous" in m["subject"])
    return next(word for word in mail["text"].split() if word.endswith("/cleaning"))


def names_stand_once(page: Page) -> None:
    names = [
        (element.get_attribute("aria-label") or element.inner_text()).strip()
        for element in page.locator("h1, h2, button, a, label").all()
    ]
    assert len(names) == len(set(names)), names


def test_a_nudge_leads_to_a_page_that_downloads_deletes_and_restores_classes(
    chromium: Browser, stack: LocalStack, journey: Journey, sample: SampleDistrict
) -> None:
    linked_teacher(stack, journey, sample)
    student = chromium.new_context(java_script_enabled=False).new_page()
    sign_in_with_clever(student, stack, sample.matched_student.clever_id or "")
    for name in OLD:
        expect(student.get_by_role("link", name=name)).to_be_visible()
    teacher = chromium.new_context(java_script_enabled=False, accept_downloads=True).new_page()

    teacher.goto(address_of_the_nudge(stack, journey, sample))
    log_in(teacher, sample.teacher.username or "", PASSWORD)
    expect(teacher.get_by_role("heading", name="Download and clean up")).to_be_visible()
    names_stand_once(teacher)
    for name in OLD:
        teacher.get_by_label(name, exact=True).check()
    with teacher.expect_download(timeout=60_000) as download:
        press(teacher, "Download class data")
    files = zipfile.ZipFile(download.value.path()).namelist()
    assert {file.split("/")[0] for file in files} == set(OLD)

    teacher.goto(f"{stack.web_url}/cleaning")
    expect(teacher.get_by_text("✓ Downloaded")).to_have_count(2)
    for name in OLD:
        teacher.get_by_label(name, exact=True).check()
    press(teacher, "Delete classes")
    expect(teacher.get_by_role("status")).to_contain_text("Deleted:")
    names_stand_once(teacher)
    student.goto(f"{stack.web_url}/home")
    for name in OLD:
        expect(student.get_by_role("link", name=name)).to_have_count(0)

    for name in OLD:
        teacher.get_by_label(name, exact=True).check()
    press(teacher, "Restore classes")
    expect(teacher.get_by_role("status")).to_contain_text("Restored.")
    student.goto(f"{stack.web_url}/home")
    for name in OLD:
        expect(student.get_by_role("link", name=name)).to_be_visible()
    teacher.context.close()
    student.context.close()
