"""The journey in a browser, by accessible names alone (M9–M17)."""

from __future__ import annotations

from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from local.demo_steps import Journey
from local.sample_district import DISTRICT_ID, PASSWORD, SKILLS, SampleDistrict
from local.stack import LocalStack
from local.web_client import WebClient
from tests.browser.steps import log_in, press, sign_in_with_clever


def table_items(stack: LocalStack) -> dict[tuple[str, str], str]:
    table = stack.resource("dynamodb").Table(stack.outputs["TableName"])
    found, start = {}, {}
    while True:
        answer = table.scan(**start)
        found |= {(i["PK"], i["SK"]): repr(sorted(i.items(), key=str)) for i in answer["Items"]}
        if "LastEvaluatedKey" not in answer:
            return {k: v for k, v in found.items() if not k[0].startswith("LIMIT#")}
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def test_opening_the_mails_address_by_get_and_head_changes_nothing(
    stack: LocalStack, journey: Journey, sample: SampleDistrict
) -> None:
    """B6: scanners open links, and some press what they find without a login."""
    address = journey.activation_address(sample.teacher.official_email)
    before = table_items(stack)
    for method in ("GET", "HEAD") * 10:
        with urlopen(Request(address, method=method)) as answer:
            assert answer.status == 200
    with WebClient(stack.web_url) as robot:
        robot.open(address).press("Log into my existing account")
        robot.open(address).press("I don't have an account yet")
    assert table_items(stack) == before


def test_a_teacher_confirms_with_a_password_and_sees_both_kinds_of_class(
    page: Page, journey: Journey, sample: SampleDistrict
) -> None:
    teacher = sample.teacher
    page.goto(journey.activation_address(teacher.official_email))
    assert "/activate/" not in page.url
    expect(page.get_by_role("heading", name="Your official Khan Academy account")).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text(teacher.name)
    expect(page.get_by_role("main")).to_contain_text("Riverbend Middle School")
    expect(page.get_by_role("main")).to_contain_text("Riverbend Unified School District")
    press(page, "Log into my existing account")

    log_in(page, teacher.username or "", "not the password")
    problem = page.get_by_role("alert").inner_text()
    log_in(page, "nobody_of_this_name", PASSWORD)
    assert page.get_by_role("alert").inner_text() == problem, "the page tells which part was wrong"

    log_in(page, teacher.username or "", PASSWORD)
    expect(page.get_by_role("main")).to_contain_text("Period 3 Algebra")
    expect(page.get_by_role("main")).to_contain_text("Algebra 1 – 1")
    press(page, "Link my accounts")
    expect(page.get_by_role("heading", name="District classes")).to_be_visible()
    expect(page.get_by_role("heading", name="Previous classes")).to_be_visible()
    expect(page.get_by_role("link", name="Period 3 Algebra")).to_be_visible()
    expect(page.get_by_role("link", name="Algebra 1 – 1")).to_be_visible()

    page.goto(journey.activation_address(teacher.official_email))
    expect(page.get_by_role("heading", name="You already confirmed your account")).to_be_visible()


def test_a_teacher_confirms_with_google(page: Page, journey: Journey, sample: SampleDistrict) -> None:
    teacher = sample.google_teacher
    page.goto(journey.activation_address(teacher.official_email))
    press(page, "Log into my existing account")
    press(page, "Continue with Google")
    page.get_by_label("Email", exact=True).fill(teacher.google_email or "")
    press(page, "Sign in")
    press(page, "Link my accounts")
    expect(page.get_by_role("heading", name="District classes")).to_be_visible()


def test_a_google_account_that_nobody_uses_here_is_told_so(page: Page, stack: LocalStack) -> None:
    page.goto(f"{stack.web_url}/login")
    press(page, "Continue with Google")
    page.get_by_label("Email", exact=True).fill("stranger@mail.example")
    press(page, "Sign in")
    expect(page.get_by_role("alert")).to_contain_text("We can't find a Khan Academy account")


@pytest.mark.usefixtures("journey")
def test_a_students_first_login_links_by_itself_or_by_choice(
    chromium: Browser, stack: LocalStack, sample: SampleDistrict
) -> None:
    """M6 and M12: matched is linked without a question; unmatched meets the choice."""
    context = chromium.new_context()
    page = context.new_page()
    sign_in_with_clever(page, stack, sample.matched_student.clever_id or "")
    expect(page.get_by_role("status")).to_contain_text("Your accounts are linked")
    expect(page.get_by_role("link", name="Period 3 Algebra")).to_be_visible()
    expect(page.get_by_role("link", name="Algebra 1 – 1")).to_be_visible()
    context.close()

    context = chromium.new_context()
    page = context.new_page()
    sign_in_with_clever(page, stack, sample.choosing_student.clever_id or "")
    press(page, "Log into my existing account")
    log_in(page, sample.choosing_student.username or "", PASSWORD)
    press(page, "Link my accounts")
    expect(page.get_by_role("status")).to_contain_text("Your accounts are linked")
    expect(page.get_by_role("link", name="Algebra 1 – 1")).to_be_visible()
    context.close()


@pytest.mark.usefixtures("journey")
def test_a_student_without_an_account_gets_one(page: Page, stack: LocalStack, sample: SampleDistrict) -> None:
    student = next(row for row in sample.tables["users.csv"][1:] if row[0] == "s0100")
    sign_in_with_clever(page, stack, student[5].removeprefix("{Clever:").removesuffix("}"))
    press(page, "I don't have an account yet")
    expect(page.get_by_role("status")).to_contain_text("Your account is ready")


@pytest.mark.usefixtures("journey")
def test_clever_starts_a_login_from_its_portal_without_a_state(
    page: Page, stack: LocalStack, sample: SampleDistrict
) -> None:
    student = next(row for row in sample.tables["users.csv"][1:] if row[0] == "s0101")
    page.goto(f"{stack.web_url}/callback/clever?code=of-the-portal&scope=openid")
    page.get_by_label("Clever id").fill(student[5].removeprefix("{Clever:").removesuffix("}"))
    press(page, "Sign in")
    expect(page.get_by_role("button", name="I don't have an account yet")).to_be_visible()


def test_goals_keep_their_points_assignments_start_anew_and_classes_go(
    chromium: Browser, stack: LocalStack, sample: SampleDistrict
) -> None:
    """M14, M15, M17, on the links that the tests above made."""
    teacher_context, student_context = chromium.new_context(), chromium.new_context()
    teacher, student = teacher_context.new_page(), student_context.new_page()
    teacher.goto(f"{stack.web_url}/login")
    log_in(teacher, sample.teacher.username or "", PASSWORD)
    sign_in_with_clever(student, stack, sample.choosing_student.clever_id or "")

    teacher.get_by_role("link", name="Algebra 1 – 1").click()
    press(teacher, "New goal")
    teacher.get_by_label("Title", exact=True).fill("Equations, again")
    teacher.get_by_label("Skills", exact=True).fill(", ".join(SKILLS[:6]))
    press(teacher, "Create goal")
    press(teacher, "New assignment")
    teacher.get_by_label("Title", exact=True).fill("Slope quiz, again")
    press(teacher, "Create assignment")

    student.reload()
    expect(student.get_by_text("Equations, again: 50 %")).to_be_visible()
    expect(student.get_by_text("Slope quiz, again: no score yet")).to_be_visible()
    expect(student.get_by_text("Slope quiz: 70")).to_be_visible()

    teacher.goto(f"{stack.web_url}/classes/own-algebra")
    press(teacher, "Recreate what is checked")
    expect(teacher.get_by_text("See it in Algebra 1 – 1")).to_have_count(2)
    student.reload()
    in_the_new_class = student.get_by_role("listitem").filter(has=student.get_by_role("link", name="Algebra 1 – 1"))
    expect(in_the_new_class.get_by_text("Linear equations: 50 %")).to_be_visible()
    expect(in_the_new_class.get_by_text("Slope quiz: no score yet")).to_be_visible()

    teacher.goto(f"{stack.web_url}/classes/own-algebra")
    teacher.get_by_role("link", name="Settings").click()
    with teacher.expect_download() as download:
        press(teacher, "Download class data")
    assert download.value.path().read_bytes()[:2] == b"PK"
    press(teacher, "Delete class")
    student.reload()
    expect(student.get_by_role("link", name="Period 3 Algebra")).to_have_count(0)
    press(teacher, "Restore class")
    student.reload()
    expect(student.get_by_role("link", name="Period 3 Algebra")).to_be_visible()
    teacher_context.close()
    student_context.close()


@pytest.mark.usefixtures("journey")
def test_an_administrator_sees_the_own_districts_console_and_no_other(
    page: Page, stack: LocalStack, sample: SampleDistrict
) -> None:
    page.goto(f"{stack.web_url}/console/{DISTRICT_ID}")
    press(page, "Continue with Google")
    page.get_by_label("Email", exact=True).fill(sample.administrator.official_email)
    press(page, "Sign in")
    expect(page.get_by_role("heading", name="Newest upload")).to_be_visible()
    page.goto(f"{stack.web_url}/console/elsewhere")
    expect(page.get_by_role("heading", name="This page is for administrators")).to_be_visible()


def test_every_accessible_name_stands_once_on_a_page(context: BrowserContext, stack: LocalStack) -> None:
    page = context.new_page()
    for address in ("/login", f"/sso/{DISTRICT_ID}", "/activate", "/nothing-here"):
        page.goto(stack.web_url + address)
        names = [
            (element.get_attribute("aria-label") or element.inner_text()).strip()
            for element in page.locator("h1, h2, button, a, label").all()
        ]
        assert len(names) == len(set(names)), address


def test_pages_come_in_spanish_too(chromium: Browser, stack: LocalStack) -> None:
    context = chromium.new_context(locale="es-MX")
    page = context.new_page()
    page.goto(f"{stack.web_url}/login")
    expect(page.get_by_role("button", name="Continuar con Google")).to_be_visible()
    page.get_by_role("link", name="English").click()
    expect(page.get_by_role("button", name="Continue with Google")).to_be_visible()
    context.close()
