"""The living page of the design: accessible in both schemes, at home on a phone; and what paper gets of a page."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from local.local_pages import design_page
from local.mail_gallery import DESKTOP, PHONE
from tests.browser.accessibility import violations

FINGER = 44


@pytest.mark.slow
def test_every_part_is_accessible_in_both_schemes_and_fits_a_finger(chromium: Browser) -> None:
    page = chromium.new_page(viewport={"width": PHONE, "height": 740})
    page.set_content(design_page())
    assert violations(page) == []
    page.emulate_media(color_scheme="dark")
    assert violations(page, only="color-contrast") == []
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE
    pressed = page.locator("main :is(button, .button, .way, nav a, summary, label.tick, input:not([type=checkbox]))")
    sizes = pressed.evaluate_all("all => all.map(one => [one.getBoundingClientRect().height, one.outerHTML])")
    assert [html for height, html in sizes if height < FINGER] == []
    page.close()


@pytest.mark.slow
def test_a_table_is_a_list_on_a_phone_and_stays_a_table_for_readers(chromium: Browser) -> None:
    page = chromium.new_page(viewport={"width": PHONE, "height": 740})
    page.set_content(design_page())
    row = page.get_by_role("table", name="Tables that become lists").get_by_role("row", name="Aiko Garcia")
    assert row.get_by_role("cell").count() == 2
    assert row.locator("td").first.evaluate("one => getComputedStyle(one, '::before').content") == '"Linear equations"'
    page.set_viewport_size({"width": DESKTOP, "height": 740})
    assert row.evaluate("one => getComputedStyle(one).display") == "table-row"
    page.close()


@pytest.mark.slow
def test_paper_is_light_and_has_nothing_to_press(chromium: Browser) -> None:
    page = chromium.new_page(viewport={"width": DESKTOP, "height": 740}, color_scheme="dark")
    page.set_content(design_page())
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator("main button:visible, main .button:visible, nav:visible").count() == 0
    page.close()
