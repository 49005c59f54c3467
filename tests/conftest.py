"""What several kinds of test share: the corpora, the local stack, a browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from local import sample_district
from local.demo_steps import Journey
from local.install_browser import NO_BROWSER
from local.install_browser import browser as find_browser
from local.sample_district import SampleDistrict
from local.stack import LocalStack
from tests.corpus import others, own
from tests.corpus.corpus import Corpus

ROOT = Path(__file__).parent.parent
_OTHERS = others.find()
CORPORA: list[tuple[Corpus, list[pytest.MarkDecorator]]] = [(own.make(), [])]
if _OTHERS:
    CORPORA.append((_OTHERS, [pytest.mark.slow]))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for ``corpus`` or ``roster_set`` runs on the project's own, and on others' where these are."""
    if "corpus" in metafunc.fixturenames:
        metafunc.parametrize("corpus", [pytest.param(corpus, id=corpus.name, marks=marks) for corpus, marks in CORPORA])
    if "roster_set" in metafunc.fixturenames:
        sets = [
            pytest.param(roster, id=f"{corpus.name}: {roster.name}", marks=marks)
            for corpus, marks in CORPORA
            for roster in (corpus.loose if metafunc.definition.get_closest_marker("loose") else corpus.rosters)
        ]
        metafunc.parametrize("roster_set", sets)


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
        pytest.fail(NO_BROWSER)
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
