"""On a small phone nothing that must be pressed is below the first screen (docs/stop-watch.md)."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from shared.runtime.languages import languages
from tests.stop_watch import HEIGHT, WIDTH, on_phone, walked

pytestmark = pytest.mark.slow


def test_all_that_must_be_pressed_is_on_the_first_screen(chromium: Browser) -> None:
    context = chromium.new_context(viewport={"width": WIDTH, "height": HEIGHT})
    phone = context.new_page()

    below = [
        (name, language, step)
        for name, walk in walked().items()
        for language in languages()
        for step, seen in enumerate(walk.seen, 1)
        if seen.pressed is not None and on_phone(seen, phone, language)[1] > HEIGHT
    ]

    context.close()
    assert below == []
