"""Whole rosters, and what is none, on the local stack (M1, M2, M4, M8)."""

from __future__ import annotations

import json
import sys
from time import monotonic, sleep
from typing import Any

import pytest

from local.demo_steps import Journey, until
from local.sample_district import SampleDistrict, zipped
from local.stack import LocalStack
from local.web_client import WebClient
from tests.corpus.corpus import Corpus, RosterSet


@pytest.fixture
def uploads(stack: LocalStack, sample: SampleDistrict, journey: Journey) -> Journey:
    """Comes after the sample district, which counts every mail that was sent until then."""
    return Journey(stack, sample)


def register(uploads: Journey, district_id: str, **settings: Any) -> None:
    body = {
        "name": f"District {district_id}",
        "email_domains": [f"{district_id}.example.org"],
        "time_zone": "America/New_York",
        **settings,
    }
    uploads.put(f"districts/{district_id}/district.json", json.dumps(body).encode())


def people_and_classes(stack: LocalStack, district_id: str) -> dict[tuple[str, str], str]:
    table = stack.resource("dynamodb").Table(stack.outputs["TableName"])
    items, start = [], {}
    while True:
        answer = table.scan(**start)
        items += answer["Items"]
        if "LastEvaluatedKey" not in answer:
            break
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
    prefixes = tuple(f"{kind}#{district_id}#" for kind in ("USER", "STUDENT", "TEACHER", "STAFF", "CLASS"))
    return {(i["PK"], i["SK"]): repr(sorted(i.items(), key=str)) for i in items if i["PK"].startswith(prefixes)}


def test_a_clever_district_is_read_and_its_teachers_are_mailed_once(
    uploads: Journey, stack: LocalStack, corpus: Corpus, capsys: pytest.CaptureFixture[str]
) -> None:
    district_id = f"clever-{corpus.name}"
    register(uploads, district_id)
    clever = corpus.clever
    roster = zipped(dict(clever.files))
    others = len(uploads.activation_mails())
    began = monotonic()
    uploads.put(f"rosters/{district_id}/roster.zip", roster)
    report = uploads.latest(f"rosters/{district_id}/roster.zip")
    with capsys.disabled():
        sys.stdout.write(
            f"\n{clever.name}, {clever.people:,} people: completed {monotonic() - began:.1f} s after the upload began\n"
        )
    assert report["status"] == "completed"
    assert (report["users"]["read"], report["classes"]["read"]) == (clever.people, clever.classes)
    assert report["activations"] == {"queued": clever.invited, "withheld": 0}
    assert clever.invited
    expected = others + clever.invited
    until(lambda: len(uploads.activation_mails()) >= expected, seconds=60, name="the activation mails")
    assert monotonic() - began < 60
    sleep(2)
    mails = uploads.activation_mails()
    assert len({m["to"] for m in mails}) == len(mails) == expected

    before = people_and_classes(stack, district_id)
    uploads.put(f"rosters/{district_id}/again.zip", roster)
    again = uploads.latest(f"rosters/{district_id}/again.zip")
    assert again["status"] == "unchanged"
    assert again["users"]["unchanged"] == again["users"]["read"] == clever.people
    sleep(2)
    assert len(uploads.activation_mails()) == expected
    assert people_and_classes(stack, district_id) == before


@pytest.mark.loose
def test_one_roster_sets_are_completed_as_loose_files(uploads: Journey, roster_set: RosterSet) -> None:
    district_id = roster_set.name.replace(".", "-").replace("/", "-")
    register(uploads, district_id)
    for file, body in roster_set.files.items():
        uploads.put(f"rosters/{district_id}/first/{file}", body)
    uploads.put(f"rosters/{district_id}/first/_complete", b"")
    report = uploads.latest(f"rosters/{district_id}/first/_complete")
    assert report["status"] == "completed"
    assert report["format"] == {"name": "oneroster", "version": "1.1", "mode": "bulk"}
    assert report["rejects"] == []


def test_japanese_names_are_whole_in_the_pages(uploads: Journey, stack: LocalStack, corpus: Corpus) -> None:
    names = corpus.outside_latin
    district_id = f"japan-{corpus.name}"
    register(uploads, district_id, email_domains=[names.domain])
    uploads.put(f"rosters/{district_id}/r.zip", zipped(dict(names.files)))
    assert uploads.latest(f"rosters/{district_id}/r.zip")["status"] == "completed"
    with WebClient(stack.web_url) as student:
        student.open(f"/sso/{district_id}").press("Continue with Google").press("Sign in", email=names.student)
        assert names.shown_name in student.text
        student.press("I don't have an account yet")
        assert names.shown_class in student.text


GOOD = {
    "users.csv": "sourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,username,userIds,givenName,familyName,email\n"
    "u1,,,true,o1,teacher,ada,,Ada,Park,ada@example.org\n",
    "classes.csv": "sourcedId,status,dateLastModified,title,courseSourcedId,classType,schoolSourcedId,termSourcedIds\n"
    "c1,,,Algebra,k1,scheduled,o1,t1\n",
    "enrollments.csv": "sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,userSourcedId,role\n"
    "e1,,,c1,o1,u1,teacher\n",
}
BROKEN: dict[str, tuple[bytes, str, str | None, int | None, str | None]] = {
    "pdf.zip": (b"%PDF-1.7\n1 0 obj", "not_a_zip", "pdf.zip", None, None),
    "empty.zip": (zipped({}), "no_csv_files", "empty.zip", None, None),
    "header-only.zip": (
        zipped({**GOOD, "users.csv": GOOD["users.csv"].splitlines(keepends=True)[0]}), "no_rows", "users.csv", 1, None,
    ),
    "no-column.zip": (
        zipped({**GOOD, "users.csv": GOOD["users.csv"].replace("familyName", "surname")}),
        "missing_column", "users.csv", 1, "familyName",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name == "no-column.zip" else pytest.mark.slow) for name in sorted(BROKEN)]
)
def test_an_upload_that_is_no_roster_is_rejected_and_changes_nothing(
    uploads: Journey, stack: LocalStack, name: str
) -> None:
    body, code, file, line, column = BROKEN[name]
    district_id = f"broken-{name.split('.')[0]}"
    register(uploads, district_id)
    uploads.put(f"rosters/{district_id}/good.zip", zipped(GOOD))
    assert uploads.latest(f"rosters/{district_id}/good.zip")["status"] == "completed"
    before = people_and_classes(stack, district_id)

    uploads.put(f"rosters/{district_id}/{name}", body)
    report = uploads.latest(f"rosters/{district_id}/{name}")
    assert (report["status"], report["reason"]["code"]) == ("rejected", code)
    (reject,) = report["rejects"]
    assert (reject["file"], reject["line"], reject["column"]) == (file, line, column)
    assert reject["message"].rstrip(".").count(".") >= 1, "the message says what happened and what to do"
    after = people_and_classes(stack, district_id)
    assert {k: v for k, v in after.items() if k[1] != "ACTIVATION"} == {
        k: v for k, v in before.items() if k[1] != "ACTIVATION"
    }


def test_an_unknown_district_is_told_how_to_register(uploads: Journey) -> None:
    uploads.put("rosters/nobody-knows/r.zip", zipped(GOOD))
    report = uploads.latest("rosters/nobody-knows/r.zip")
    assert (report["status"], report["reason"]["code"]) == ("rejected", "unknown_district")
    assert "districts/nobody-knows/district.json" in report["reason"]["message"]
