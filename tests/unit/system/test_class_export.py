"""Class data to take along (B4): what is in the zip, who may have it, and that no spreadsheet runs any of it."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from benchmarks.class_export import measured
from functions.class_export.class_files import StudentData, folder_names, write_class
from functions.class_export.export_classes import Outcome
from local.web_client import NoSuchButton, WebClient
from shared.domain.account import Assignment, Goal, SkillMastery
from shared.domain.clock import to_iso
from shared.domain.skill_catalogue import SkillCatalogue
from shared.stores.class_exports import ClassExport, ClassExportStore, ExportedClass
from shared.use_cases.class_contents import Taught
from tests.builders import account, enrolled, roster, user
from tests.depth import depth
from tests.harness import WEB, unzipped
from tests.pages_harness import Website, lakeside, linked_teacher, log_in

FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    '=HYPERLINK("https://evil.example")',
    "＝1+1",
    "＠A1",
]
STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


@pytest.fixture
def web() -> Website:
    return lakeside()


def saved(web: Website, teacher: WebClient) -> dict[str, str]:
    """The files, once the worker has made what was asked for on this page."""
    web.world.make_exports()
    assert teacher.response is not None
    teacher.open(str(teacher.response.url))
    teacher.open(teacher.links()["Save the file"])
    assert teacher.response is not None
    return unzipped(teacher.response.content)


def test_the_page_looks_again_by_itself_until_the_class_can_be_downloaded(web: Website) -> None:
    teacher = linked_teacher(web).open("/classes/own/settings").press("Download class data")
    assert "Your file is being made" in teacher.text
    assert teacher.response is not None
    assert teacher.response.headers["Refresh"] == "2"
    page = str(teacher.response.url)

    web.world.make_exports()
    teacher.open(page)
    file = teacher.links()["Save the file"]
    assert teacher.response is not None
    assert teacher.response.headers["Refresh"] == f"0; url={file}"
    teacher.open(file)
    assert teacher.response is not None
    assert str(teacher.response.url).startswith("https://files.example/exports/exports/")
    assert "X-Amz-Expires=300" in str(teacher.response.url)
    teacher.open(page)
    assert teacher.response is not None
    assert "Refresh" not in teacher.response.headers, "what was fetched is not fetched again by itself"
    assert teacher.press("Delete class").path == "/classes/own/settings"


def test_skills_are_named_in_the_zip_where_the_platform_names_them(web: Website) -> None:
    web.world.learn_skills({"skill_id": "a", "title": "Slope"})
    files = saved(web, linked_teacher(web).open("/classes/own/settings").press("Download class data"))

    assert [row[1] for row in rows(files["mastery.csv"])[1:]] == ["Slope"]
    assert [row[1] for row in rows(files["goals.csv"])[1:]] == ["Slope; b"]


def test_the_zip_holds_students_mastery_goals_assignments_and_a_summary(web: Website) -> None:
    teacher = linked_teacher(web).open("/classes/own/settings").press("Download class data")
    files = saved(web, teacher)

    assert sorted(files) == ["assignments.csv", "goals.csv", "mastery.csv", "students.csv", "summary.html"]
    assert rows(files["students.csv"]) == [["Student", "Equations", "Quiz"], ["Kim", "50", "70"]]
    assert rows(files["mastery.csv"])[1:] == [["Kim", "a", "100", "2026-05-01"]]
    assert rows(files["goals.csv"])[1:] == [["Equations", "a b", "Kim", "50"]]
    assert rows(files["assignments.csv"])[1:] == [["Quiz", "quiz", "", "Kim", "70"]]
    summary = LexborHTMLParser(files["summary.html"])
    assert [cell.text() for cell in summary.css("td")] == ["50 %", "70"]


def test_the_csv_files_begin_with_the_mark_that_spreadsheets_know_utf_8_by(web: Website) -> None:
    teacher = linked_teacher(web).open("/classes/own/settings").press("Download class data")
    saved(web, teacher)
    assert teacher.response is not None
    with zipfile.ZipFile(io.BytesIO(teacher.response.content)) as archive:
        for name in archive.namelist():
            assert archive.read(name).startswith(b"\xef\xbb\xbf") is name.endswith(".csv")


def test_a_district_class_is_downloaded_too_and_in_the_language_of_its_teacher(web: Website) -> None:
    teacher = linked_teacher(web).open("/home?lang=es").open("/classes/c1/settings?district=lakeside")
    teacher.press("Descargar los datos de la clase")
    web.world.make_exports()
    assert teacher.response is not None
    teacher.open(str(teacher.response.url))
    teacher.open(teacher.links()["Guardar el archivo"])
    assert teacher.response is not None
    files = unzipped(teacher.response.content)
    assert sorted(name for name, *_ in rows(files["students.csv"])) == ["Estudiante", "Kid Person", "Zoe Person"]


def test_nobody_else_has_a_file_and_nobody_has_it_on_the_day_after(web: Website) -> None:
    teacher = linked_teacher(web).open("/classes/own/settings").press("Download class data")
    web.world.make_exports()
    assert teacher.response is not None
    file = teacher.open(str(teacher.response.url)).links()["Save the file"]

    assert web.visitor().open(file).path == "/login"
    kid = log_in(web.visitor().open("/login"), "kid")
    assert kid.open(file).status == 404
    with pytest.raises(NoSuchButton):
        kid.open("/classes/own/settings").press("Download class data")
    assert kid.http.post(f"{WEB}/classes/own/download").status_code == 404
    web.world.pass_time(hours=25)
    assert log_in(teacher.open("/login")).open(file).status == 404


def made_export(web: Website, *classes: ExportedClass) -> tuple[WebClient, str]:
    """A linked teacher, and the address of a file that was made for her."""
    teacher = linked_teacher(web)
    export = asked(web, *classes, export_id="0" * 32)
    web.world.export_requests.messages.clear()
    web.world.export_classes().make("ada", export.export_id)
    return teacher, f"/downloads/{export.export_id}"


DISTRICT_CLASS, OWN_CLASS = ExportedClass("c1", "lakeside"), ExportedClass("own")


def test_an_export_of_a_district_class_ends_with_the_link_that_it_was_made_for(web: Website) -> None:
    teacher, file = made_export(web, DISTRICT_CLASS)
    assert teacher.open(file).status == 200
    teacher.open("/home").press("Undo the link with Lakeside Schools").press("Undo the link")
    web.world.pass_time(hours=1)
    again = log_in(web.visitor().open("/login"))
    assert again.open(file).status == 404


def test_an_export_with_a_district_class_among_others_ends_with_the_link(web: Website) -> None:
    teacher, file = made_export(web, OWN_CLASS, DISTRICT_CLASS)
    teacher.open("/home").press("Undo the link with Lakeside Schools").press("Undo the link")
    assert log_in(web.visitor().open("/login")).open(file).status == 404


def test_an_export_of_an_own_class_stays_with_its_owner_after_the_undo(web: Website) -> None:
    teacher, file = made_export(web, OWN_CLASS)
    teacher.open("/home").press("Undo the link with Lakeside Schools").press("Undo the link")
    assert log_in(web.visitor().open("/login")).open(file).status == 200


def test_an_export_of_a_class_that_somebody_else_teaches_by_now_is_not_fetched(web: Website) -> None:
    teacher, file = made_export(web, DISTRICT_CLASS)
    people = [user("t1", "teacher", given="Ada"), user("t2", "teacher"), user("s1", ids="{Clever:cid-1}", given="Kid")]
    web.world.upload(roster(*people, enrollments=enrolled("t2", "teacher") + enrolled("s1")))
    assert teacher.open(file).status == 404


def asked(web: Website, *classes: ExportedClass, export_id: str = "one") -> ClassExport:
    export = ClassExport("ada", export_id, classes, "en", to_iso(web.world.now))
    web.world.exports.ask(export, web.world.now)
    return export


def test_a_request_that_comes_twice_makes_one_file(web: Website) -> None:
    asked(web, ExportedClass("own"))
    assert web.world.export_classes().make("ada", "one") is Outcome.MADE
    web.world.s3.objects.clear()
    assert web.world.export_classes().make("ada", "one") is Outcome.NOT_WANTED
    assert not web.world.s3.objects


def test_an_export_that_is_gone_is_not_written_again(web: Website) -> None:
    """Its time was over, or its account was deleted, while somebody had it in hand."""
    asked(web, ExportedClass("own"))
    store = ClassExportStore(web.world.table)
    export = store.get("ada", "one", web.world.now)
    assert export is not None
    del web.world.table.items["ACCOUNT#ada", "EXPORT#one"]

    store.settle(export, web.world.now, is_made=True)

    assert ("ACCOUNT#ada", "EXPORT#one") not in web.world.table.items


@pytest.mark.parametrize(
    "named", [ExportedClass("own-of-another"), ExportedClass("c1", "lakeside"), ExportedClass("c1", "valley")]
)
def test_a_class_that_the_account_does_not_teach_is_in_no_file(web: Website, named: ExportedClass) -> None:
    """The worker looks for itself: here nobody has linked the account."""
    asked(web, named)
    assert web.world.export_classes().make("ada", "one") is Outcome.FAILED
    assert not [key for bucket, key in web.world.s3.objects if bucket == "exports"]


def test_several_classes_lie_in_a_folder_each(web: Website) -> None:
    again = {"class_id": "again", "name": "Period 3", "student_account_ids": ["kid"]}
    web.world.feed(account("ada", "ada@mail.example", google_sub="google-ada", classes=[again]))
    asked(web, ExportedClass("own"), ExportedClass("again"), ExportedClass("gone"))
    web.world.export_classes().make("ada", "one")
    packed = web.world.s3.objects["exports", "exports/one.zip"]
    files = unzipped(packed)
    assert {name.split("/")[0] for name in files} == {"Period 3", "Period 3 2"}
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        summary = archive.getinfo("Period 3/summary.html")
    assert summary.compress_size < summary.file_size


@pytest.mark.parametrize(
    ("names", "folders"),
    [
        (["../../etc/passwd", "C:\\x", "", "a/b"], ["etc passwd", "C x", "class", "a b"]),
        (["Math", "math", "MATH"], ["Math", "math 2", "MATH 3"]),
        (["数学 三年级", "Ñandú – 1"], ["数学 三年级", "Ñandú 1"]),
    ],
)
def test_a_folder_is_named_by_what_every_file_system_takes(names: list[str], folders: list[str]) -> None:
    assert list(folder_names(names)) == folders


@settings(max_examples=depth(20, 200))
@given(name=st.one_of(st.sampled_from(FORMULAS), st.text(max_size=40)))
def test_no_cell_of_any_file_is_a_formula_and_no_name_is_markup(
    name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    name = name.replace("\x00", "")
    folder = tmp_path_factory.mktemp("class")
    taught = Taught(name, (Goal("g", name, (name,)),), (Assignment("w", name, name, {"kid": 7}, name),))
    students = [StudentData(name, "kid", {name: SkillMastery(50, name)})]

    files = write_class(folder, taught, students, "en", "Khan Academy", SkillCatalogue())

    for file in files:
        if file.suffix == ".csv":
            table = rows(file.read_bytes().decode("utf-8-sig", "surrogatepass"))
            assert len(table) == 2
            assert not [cell for row in table for cell in row if cell.startswith(STARTS)]
            assert any(name in cell for cell in table[1])
    tags = [
        node.tag for node in LexborHTMLParser(Path(folder / "summary.html").read_text(encoding="utf-8")).css("body *")
    ]
    assert (
        tags == ["h1", "p", "table", "thead", "tr", "th", "th", "th", "br", "tbody", "tr", "th", "td", "td"] or not name
    )


@pytest.mark.slow
def test_a_class_of_two_thousand_students_is_exported_in_256_mb() -> None:
    """In a process of its own; the memory of the simulated table counts as well. The seconds are told by the bench."""
    large = measured(2_000)
    assert large.peak < 256 * 2**20
    assert large.peak - large.before < 64 * 2**20


def test_an_export_that_is_not_made_stops_asking_after_a_while(web: Website) -> None:
    teacher = linked_teacher(web).open("/classes/own/settings").press("Download class data")
    web.world.pass_time(minutes=11)
    assert teacher.response is not None
    teacher.open(str(teacher.response.url))
    assert "Your file is being made" in teacher.text
    assert "Refresh" not in teacher.response.headers


def test_downloads_are_limited(web: Website) -> None:
    teacher = linked_teacher(web)
    for _ in range(60):
        teacher.open("/classes/own/settings").press("Download class data")
    assert teacher.open("/classes/own/settings").press("Download class data").status == 429
