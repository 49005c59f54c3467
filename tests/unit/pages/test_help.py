"""The codes of a report as pages: what a report gives beside a code is an address that opens for anybody (M2)."""

from __future__ import annotations

import csv
import io
import re
from collections import defaultdict
from html import unescape
from typing import Any

import httpx
import pytest

from local.web_client import WebClient
from shared.runtime.languages import translations
from shared.runtime.report_words import PLACES, codes, explained, retold
from shared.stores.reports import ReportStore
from tests.builders import roster, user
from tests.harness import WEB, World
from tests.pages_harness import Counting, Website, lakeside

NO_NAME = ",,,true,o1,student,x,,No,Id,x@lakeside.example,p\n"
LINKS = 'main a[href^="/help/"]'
CODES = sorted({code for table in PLACES.values() for code in table})


@pytest.fixture(scope="module")
def gate() -> Counting:
    return Counting()


@pytest.fixture(scope="module")
def web(gate: Counting) -> Website:
    return lakeside(gate=gate)


def ask(web: Website, address: str, **headers: str) -> httpx.Response:
    return web.send(httpx.Request("GET", address if address.startswith("http") else WEB + address, headers=headers))


def administrators_console(web: Website) -> WebClient:
    admin = web.visitor(sub="a1", email="a1@lakeside.example", email_verified=True).open("/sso/lakeside")
    return admin.press("Continue with Google").open("/console/lakeside")


def helps(value: Any) -> set[str]:
    """Every ``help`` of a report, wherever it stands."""
    if isinstance(value, dict):
        own = {value["help"]} if "help" in value else set()
        return own.union(*map(helps, value.values()))
    return set().union(*map(helps, value)) if isinstance(value, list) else set()


def with_bad_rows() -> dict[str, str | bytes]:
    return roster(*(user(f"s{n}") for n in range(30)), NO_NAME, NO_NAME)


def test_each_help_of_a_report_and_its_rejects_opens(web: Website) -> None:
    # Given a report with rejects and notes, and one with a reason
    world = World()
    world.register(locale="es")
    reports = [world.upload(with_bad_rows()), world.upload({"classes.csv": "sourcedId\n"}, name="other")]
    table = world.s3.objects["reports", reports[0]["rejects_key"]].decode("utf-8-sig")
    addresses = helps(reports) | {row["help"] for row in csv.DictReader(io.StringIO(table, newline=""))}
    assert helps(reports[1]["reason"])
    for address in addresses:
        # When it is opened by somebody without a login, then it tells of that code
        answer = ask(web, address)
        assert (answer.status_code, f"<h1>{address.rpartition('/')[2]}</h1>" in answer.text) == (200, True), address


@pytest.mark.parametrize("language", ["en", "es"])
def test_every_code_has_its_page_with_all_that_is_said_of_it(web: Website, language: str) -> None:
    for code in CODES:
        shown = unescape(ask(web, f"/help/{code}", **{"Accept-Language": language}).text)
        said = [
            text
            for each in explained(code, language)
            for text in (each.place, *each.said, each.advice)
            if text not in shown
        ]
        assert said == [], code


def test_the_list_leads_to_every_code_once_and_each_says_what_it_is(web: Website) -> None:
    answer = ask(web, "/help?lang=es")
    assert re.findall(r'href="/help/(\w+)\?lang=es"', answer.text) == CODES
    assert [said for said in codes("es").values() if said not in unescape(answer.text)] == []


def test_a_code_that_there_is_not_leads_to_the_list(web: Website) -> None:
    for address in ("/help/no_such_code", "/help/%3Cb%3E", "/help/MISSING_VALUE"):
        answer = ask(web, address)
        assert answer.status_code == 404
        assert 'href="/help"' in answer.text
        assert "no_such_code" not in answer.text
        assert answer.headers["Cache-Control"] == "no-store"


def test_a_page_of_a_code_asks_no_service_and_sets_no_cookie(web: Website, gate: Counting) -> None:
    gate.calls.clear()
    for address in ("/help", "/help/missing_value", "/help/missing_value?lang=es", "/help/none?lang=es"):
        assert "Set-Cookie" not in ask(web, address).headers, address
    assert not gate.calls


def test_a_page_of_a_code_may_be_kept_for_each_language(web: Website) -> None:
    for address in ("/help", "/help/missing_value"):
        headers = ask(web, address).headers
        assert headers["Cache-Control"] == "public, max-age=3600"
        assert headers["Vary"] == "Accept-Language, Cookie"


def test_the_chosen_language_goes_on_without_a_cookie(web: Website) -> None:
    page = web.visitor().open("/help/missing_value?lang=es")
    assert page.links()["Todos los códigos de un informe"] == "/help?lang=es"


def test_the_console_leads_from_each_code_to_its_page_by_a_name_of_its_own() -> None:
    # Given a report in which two rows have the same code
    web = lakeside()
    web.world.upload(with_bad_rows(), name="next")
    # When an administrator looks at it
    page = administrators_console(web)
    # Then each code is a link of another name, and opens
    named = [(a.attributes["href"], a.attributes.get("aria-label") or a.text()) for a in page.page.css(LINKS)]
    names = [name for _, name in named]
    assert {"missing_value, row 1", "missing_value, row 2"} < set(names)
    assert len(names) == len(set(names))
    assert {ask(web, address).status_code for address, _ in named} == {200}


@pytest.mark.parametrize(("district", "reader"), [("es", "en"), ("en", "es")])
def test_the_console_says_a_report_in_the_language_of_who_reads_it(district: str, reader: str) -> None:
    # Given a report in the district's language, with a reason, rejects and notes that fill something in
    web = lakeside()
    admin = administrators_console(web)
    web.world.register(locale=district)
    files = roster(*(user(f"n{n}", given="Ada") for n in range(30)), NO_NAME)
    files["users.csv"] = (
        str(files["users.csv"])
        .replace("email,", "email,kana,", 1)
        .replace("@lakeside.example,", "@lakeside.example,k,")
    )
    report = web.world.upload(files, name="next")
    # When an administrator reads another language
    page = admin.open(f"/console/lakeside?lang={reader}")
    shown = [(span.attributes["lang"], span.text()) for span in page.page.css("main span[lang]")]
    # Then each sentence is what a report in that language would say
    said = [*([report["reason"]] if "reason" in report else []), *report["rejects"], *report["notes"]]
    web.world.register(locale=reader)
    other = web.world.upload({**files, "users.csv": files["users.csv"] + "\n"}, name="other")
    same = [*([other["reason"]] if "reason" in other else []), *other["rejects"], *other["notes"]]
    assert [each["code"] for each in same] == [each["code"] for each in said]
    assert shown == [(reader, each["message"]) for each in same]
    assert len(shown) > 2


@pytest.mark.parametrize("said_in", ["en", "es"])
def test_every_sentence_of_a_report_is_told_in_the_other_language(said_in: str) -> None:
    """With what is filled in, and what to do."""
    other = {"en": "es", "es": "en"}[said_in]
    values = defaultdict(lambda: "7", what="name: 7")
    for code, words in ((code, words) for table in PLACES.values() for code, words in table.items()):
        for said in words.said:
            both = [
                " ".join(filter(None, (translate(said) % values, words.advice and translate(words.advice))))
                for translate in (translations(each).gettext for each in (said_in, other))
            ]
            assert retold(code, both[0], said_in, other) == both[1]


def test_the_console_shows_a_report_whose_help_is_a_place_in_the_repository() -> None:
    web = lakeside()
    web.world.reports = ReportStore(web.world.table, web.world.s3, "reports", "")
    report = web.world.upload(with_bad_rows(), name="before")
    assert helps(report) >= {"docs/report-codes.md#missing_value"}
    assert administrators_console(web).page.css_first('a[href="/help/missing_value"]')
