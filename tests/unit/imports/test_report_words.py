"""A report says each code in a sentence that a data manager acts on, in the district's language (M2).

A new code of a report falls here until shared/runtime/report_words.py has its sentence and every language its translation.
"""

from __future__ import annotations

import csv
import io
import json
import re
from typing import Any

import pytest

from shared.domain.settings_mistakes import Mistake
from shared.runtime.csv_safety import safe_cell
from shared.runtime.languages import languages, translations
from shared.runtime.report_words import Words, reason_in
from shared.stores.reports import ReportStore
from tests.builders import roster, user
from tests.error_codes import IN_REPORTS, REPORT_PAGE, Section, in_list, in_source, report_page
from tests.harness import WEB, World, decide

NEVER_IN_A_REPORT = {"invalid_environment", "invalid_token_keys"}
"""They stop a function before there is a report."""
DECISIONS = {"decision_unsigned", "not_a_preview", "not_held", "not_the_latest", "unknown_import"}
"""Of commands, too: the list of codes has them there."""
ADVICE = re.compile(
    r"(?:^|[.;:] )(?:A decision is|Add|Approve|Change|Choose|Close|Complete|Correct|Double|Export|Fill|Give|Have|Leave|Look|"
    r"No import|Nothing|It is tried again|Only the import|Put|Rename|Save|Send|Set|Shorten|Split|Upload|Uploads that wait|Write|"
    r"Zip|The upload was checked|It counts)\b"
)
TOLD_ALONE = {"internal_error", "invalid_district", "invalid_source", "rejected_by_person", "rolled_back", "superseded"}
"""Nobody has to act, or what to do is filled in, for each key."""
NO_NAME = ",,,true,o1,student,x,,No,Id,x@lakeside.example,p\n"


def every() -> list[tuple[str, Words]]:
    return [(code, words) for table in IN_REPORTS.values() for code, words in table.items()]


def sentences(words: Words) -> list[str]:
    return [*words.said, *filter(None, (words.advice,))]


def said_of(section: Section, code: str) -> tuple[str, ...]:
    words = IN_REPORTS[section].get(code)
    return words.said if words else ()


@pytest.mark.parametrize("section", IN_REPORTS)
def test_every_code_of_a_report_has_its_sentence_in_report_words(section: Section) -> None:
    codes = {code for of, code in in_source().keys() | in_list().keys() if of is section} - NEVER_IN_A_REPORT
    assert sorted(codes - IN_REPORTS[section].keys()) == [], "add it to shared/runtime/report_words.py"
    assert sorted(IN_REPORTS[section].keys() - codes - DECISIONS) == [], "the code is gone: take its sentence out"


@pytest.mark.parametrize("language", [each for each in languages() if each != "en"])
def test_every_sentence_of_a_report_is_translated_with_its_places(language: str) -> None:
    translate = translations(language).gettext
    texts = {text for _, words in every() for text in sentences(words)}
    assert sorted(text for text in texts if translate(text) == text) == [], "`make texts`, and translate it"
    places = re.compile(r"%\(\w+\)s")
    assert sorted(t for t in texts if not set(places.findall(translate(t))) <= set(places.findall(t))) == []


NAMES = {
    "claim", "codec", "column", "columns", "day", "district", "file", "first", "grade", "ids", "key", "name", "names", "school",
    "second", "stem", "value", "year",
}  # fmt: skip
"""What is filled in as it stands in any language: a name, a day."""
SENTENCES = {"what", "because"}
"""What is filled in and is translated itself (``_filled_in``)."""


def test_what_is_filled_into_a_sentence_is_a_number_a_name_or_is_translated() -> None:
    """A part of a sentence that is filled in stays English: write a sentence for each."""
    filled_in = {name for _, words in every() for said in words.said for name in re.findall(r"%\((\w+)\)s", said)}
    others = filled_in - NAMES - SENTENCES
    assert {
        name
        for name in others
        if not re.search(r"number|stood|left|came|most|limit|fields|schools|line|learnt|readdressed", name)
    } == set()


@pytest.mark.parametrize("language", [each for each in languages() if each != "en"])
def test_every_mistake_of_a_settings_file_is_translated(language: str) -> None:
    translate = translations(language).gettext
    assert [each.value for each in Mistake if translate(each.value) == each.value] == [], (
        "`make texts`, and translate it"
    )


WRONG_SETTINGS: tuple[dict[str, Any], ...] = (
    {"activation_from": "2026-09-15", "zzzz": 1},
    {"email_domains": ["https://lakeside.example", "gmail.com"], "contacts": ["a@b.example, c@b.example", "x"]},
    {"email_domains": [f"d{n}.example" for n in range(31)]},
    {"pauses": [{"from": "2027-01-04", "to": "2026-12-19"}, {"from": "2027-01-01", "to": "2027-12-01"}]},
    {"pauses": [{"from": "2027-01-04", "why": "x"}]},
    {"time_zone": "Chicago", "support_url": "help", "name": "", "first_wave": 0, "teachers_may_vouch": "maybe"},
    {
        "name": 5,
        "contacts": "a@b.example",
        "nudges": [],
        "removal_threshold_count": 1.5,
        "removal_threshold_percent": 101,
    },
    {"identity_providers": ["okta"], "activations_from": "1/9/2026", "removal_threshold_percent": "few"},
    {"nudges": {"quiet_hours": ["18:00"], "school_days": ["someday"], "repeat_after_days": [1, 2, 3, 4]}},
    {"nudges": {"quiet_hours": ["six", "seven"], "school_days": 5, "first_after_days": -1}},
    {"clever_district_id": "x" * 300, "name": "x" * 300, "classlink_tenant_id": "\x01"},
)


@pytest.mark.parametrize("wrong", WRONG_SETTINGS)
def test_no_mistake_of_a_settings_file_is_said_in_english_to_others(world: World, wrong: dict[str, Any]) -> None:
    settings = {"name": "Lakeside", "email_domains": ["lakeside.example"], "time_zone": "America/Chicago", **wrong}
    taken = world.put("districts/lakeside/district.json", json.dumps(settings).encode())
    message = world.report(taken)["reason"]["message"].removeprefix(
        "No se puede usar district.json. Corrija lo siguiente: "
    )
    english = {each.value for each in Mistake} | {"Input should", "String should", "valid", "Value error"}
    words = {
        re.sub(r"%\(\w+\)s", ".*", re.escape(text).replace(r"%\(", "%(").replace(r"\)s", ")s")) for text in english
    }
    assert not [text for text in words if re.search(rf": {text}|^{text}", message)], message
    assert all(place in message for place in wrong), message


@pytest.mark.parametrize("body", [b"{", b"[]", b"[" * 50_000, b'{"name": "\\ud800"}', b"\xff"])
def test_a_settings_file_that_is_none_is_told_in_the_language_of_the_district(world: World, body: bytes) -> None:
    message = world.report(world.put("districts/lakeside/district.json", body))["reason"]["message"]
    assert re.search(r"district\.json: (no es|escriba|tiene|no se puede|contiene)|: contiene", message), message


def test_a_rollover_is_told_without_a_word_of_english(world: World) -> None:
    world.register(locale="es", removal_threshold_percent=10, school_year_starts="2026-10-01")
    world.pass_time(days=40)
    message = world.upload(roster(*(user(f"n{n}") for n in range(40))), name="next")["reason"]["message"]
    assert message.startswith("Esta carga empieza un nuevo año escolar: se van 60 de 60 personas y 40 son nuevas; ")
    assert "Esta carga retiraría a 60 de 60 personas; el límite del distrito es 50. No se cambió nada." in message
    assert not re.search(r"\b(leave|are new|would|limit|enrollments|classes)\b", message)


def test_every_sentence_of_a_report_says_what_to_do() -> None:
    without = [
        (code, said)
        for code, words in every()
        for said in words.said
        if code not in TOLD_ALONE and not ADVICE.search(f"{said} {words.advice}")
    ]
    assert without == []


def test_every_message_in_the_source_is_a_sentence_that_is_translated() -> None:
    """Also with what is filled in: no number or name of a message is lost in another language."""
    lost = [
        (code, message)
        for (section, code), message in in_source().items()
        if section in IN_REPORTS and message and code not in NEVER_IN_A_REPORT
        if not any(re.fullmatch(".*".join(map(re.escape, message.split("…"))), said) for said in said_of(section, code))
    ]
    assert lost == [], "add the sentence to the code in shared/runtime/report_words.py"


def test_the_page_of_codes_is_as_make_errors_would_write_it() -> None:
    assert REPORT_PAGE.read_text() == report_page(), "run `make errors`"


@pytest.fixture
def world() -> World:
    """A district whose people read Spanish."""
    made = World()
    made.register(locale="es-MX", contacts=["pat@lakeside.example"])
    made.upload(roster(*(user(f"s{n}") for n in range(60))))
    return made


def with_a_bad_row() -> dict[str, str | bytes]:
    return roster(*(user(f"s{n}") for n in range(60)), NO_NAME)


def rejects(world: World, report: dict[str, Any]) -> list[dict[str, str]]:
    body = world.s3.objects["reports", report["rejects_key"]]
    return list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline="")))


def test_a_reject_is_said_in_the_language_of_the_district(world: World) -> None:
    # When
    report = world.upload(with_a_bad_row())
    # Then
    (reject,) = report["rejects"]
    assert (report["language"], reject["message"]) == ("es", "La fila no tiene sourcedId. Complétela.")
    assert rejects(world, report)[0]["message"] == reject["message"]


def test_a_reject_leads_to_the_page_of_its_code(world: World) -> None:
    report = world.upload(with_a_bad_row())
    (reject,) = report["rejects"]
    assert reject["help"] == f"{WEB}/help/missing_value" == rejects(world, report)[0]["help"]


def test_a_reason_leads_to_the_page_of_its_code_also_after_a_decision(world: World) -> None:
    held = world.upload(roster(user("s1")))
    assert held["reason"]["help"] == f"{WEB}/help/{held['reason']['code']}"
    decide(world, held, "reject")
    decided = json.loads(world.s3.objects["reports", f"reports/lakeside/{held['import_id']}/report.json"])
    assert decided["reason"]["help"] == f"{WEB}/help/rejected_by_person"


def test_where_the_pages_are_is_not_known_a_code_leads_to_the_repository(world: World) -> None:
    world.reports = ReportStore(world.table, world.s3, "reports", "")
    address, _, code = world.upload(with_a_bad_row())["rejects"][0]["help"].partition("#")
    assert (address, code) == ("docs/report-codes.md", "missing_value")
    assert f"\n## {code}\n" in REPORT_PAGE.read_text()


def test_a_note_says_what_to_do_in_the_language_of_the_district(world: World) -> None:
    report = world.upload(roster(*(user(f"s{n}") for n in range(59)), NO_NAME))
    told = {note["code"]: note["message"] for note in report["notes"]}
    assert told["removals_put_off"] == (
        "Se conservaron las personas que faltan, porque se rechazaron filas del archivo. "
        "Corrija las filas rechazadas; la próxima carga retira lo que falta."
    )


def test_a_held_import_says_its_numbers_in_the_language_of_the_district(world: World) -> None:
    report = world.upload(roster(user("s1")))
    assert report["status"] == "held"
    assert "59 de 60 estudiantes" in report["reason"]["message"]
    assert report["reason"]["help"].endswith(report["reason"]["code"])


def test_a_rejected_upload_says_why_in_the_language_of_the_district(world: World) -> None:
    report = world.upload({"classes.csv": "sourcedId\n", "enrollments.csv": "sourcedId\n"})
    assert (report["status"], report["language"]) == ("rejected", "es")
    assert report["reason"]["message"] == report["rejects"][0]["message"]
    assert re.search("Añád|Exporte|Cargue", report["reason"]["message"])


def test_a_slip_in_the_settings_is_told_in_the_language_of_the_district(world: World) -> None:
    taken = world.put("districts/lakeside/district.json", b'{"name": ""}')
    message = world.report(taken)["reason"]["message"]
    assert message.startswith("No se puede usar district.json. Corrija lo siguiente: ")


def test_a_message_that_no_sentence_fits_is_kept_behind_the_codes_own() -> None:
    """As those of an import that an earlier version began."""
    reason = reason_in({"code": "encrypted", "message": "The zip has 3 locks."}, "es")
    assert reason["message"] == "El zip está cifrado. Cárguelo sin contraseña. (The zip has 3 locks.)"


@pytest.mark.parametrize(("length", "kept"), [(32_767, 32_767), (40_000, 32_767)])
def test_no_cell_is_longer_than_a_spreadsheet_takes(length: int, kept: int) -> None:
    assert safe_cell("x" * length) == "x" * kept


def test_a_long_cell_is_not_cut_within_a_letter() -> None:
    cell = safe_cell("=" + "😀" * 20_000)
    assert cell == "'=" + "😀" * 16_382
