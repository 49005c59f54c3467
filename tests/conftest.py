"""What several kinds of test share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from local import sample_district
from local.install_browser import browser as find_browser
from local.journey import Journey
from local.sample_district import SampleDistrict
from local.stack import LocalStack

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def corpus() -> Path:
    """Real rosters, written by others; they are not part of this project."""
    folder = Path(os.environ.get("ROSTER_CORPUS", ROOT.parent / "shared/rosters"))
    if not folder.is_dir():
        pytest.skip("the corpus of real rosters is not here; ROSTER_CORPUS says where it is")
    return folder


def roster_files(folder: Path) -> dict[str, bytes]:
    """The CSV files of a set."""
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.csv"))}


_FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="session")
def stack() -> Iterator[LocalStack]:
    with LocalStack(stack_file=None) as running:
        yield running


@pytest.fixture(scope="session")
def sample() -> SampleDistrict:
    return sample_district.make()


@pytest.fixture(scope="session")
def journey(stack: LocalStack, sample: SampleDistrict) -> Journey:
    """The sample district, uploaded, matched and mailed."""
    begun = Journey(stack, sample)
    begun.accounts()
    begun.roster()
    begun.mails()
    return begun


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    executable = find_browser()
    if executable is None:
        pytest.skip("no Chromium is on this machine and none could be installed")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=executable, args=_FLAGS)
        yield running
        running.close()


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """A browser of its own: no cookies of anybody else."""
    opened = chromium.new_context(locale="en-US")
    opened.set_default_timeout(15_000)
    yield opened
    opened.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()
