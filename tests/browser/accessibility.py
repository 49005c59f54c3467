"""What axe says of a page in a browser."""

from __future__ import annotations

from pathlib import Path

import axe_playwright_python
from playwright.sync_api import BrowserContext, Page

_AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text(encoding="utf-8")


def bring_axe(context: BrowserContext) -> None:
    """Have axe on each page that this browser opens from now on; cheaper than bringing it to each."""
    context.add_init_script(_AXE)


def violations(page: Page, *without: str, only: str | None = None) -> list[str]:
    """What axe finds, each as its rule and the element; ``without`` some of its rules, or by one rule ``only``."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(_AXE)
    rules = {rule: {"enabled": False} for rule in without} | {"target-size": {"enabled": True}}
    found = page.evaluate(
        "options => axe.run(document, {resultTypes: ['violations'], iframes: false, ...options})",
        {"runOnly": [only]} if only else {"rules": rules},
    )
    return [f"{one['id']}: {node['html'][:120]}" for one in found["violations"] for node in one["nodes"]]
