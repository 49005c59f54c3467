"""Nothing is stored of which docs/personal-data.md does not say for what, why it is needed, and for how long."""

from __future__ import annotations

import re

import pytest

from functions.import_step.class_history import ClassHistory, EarlierClass, ToldClass
from functions.import_step.records import ClassRecord, MembersRecord, PersonRecord
from tests import attributes, tree
from tests.attributes import UnlistedAttribute
from tests.fakes.dynamodb import MemoryTable

RECORDS = (PersonRecord, ClassRecord, MembersRecord, ClassHistory, ToldClass, EarlierClass)


@pytest.mark.parametrize(
    "key",
    [
        {"PK": "USER#lakeside#1", "SK": "ROSTER"},
        {"PK": "TEACHER#lakeside#1", "SK": "ROSTER"},
        {"PK": "ACCOUNT#ada", "SK": "ACCOUNT"},
        {"PK": "DUE#nudge#1", "SK": "2026-09-01#lakeside#1"},
        {"PK": "USER#lakeside#1", "SK": "DIARY"},
    ],
    ids=lambda key: f"{key['PK']} {key['SK']}",
)
def test_an_attribute_that_the_page_does_not_list_is_not_stored(key: dict[str, str]) -> None:
    table = MemoryTable()
    with pytest.raises(UnlistedAttribute, match="shoe_size of"):
        table.put_item(Item={**key, "shoe_size": 41})
    assert table.items == {}


def test_an_attribute_is_listed_for_its_own_kind_of_item_alone() -> None:
    with pytest.raises(UnlistedAttribute, match="given_name of ACCOUNT/ACCOUNT"):
        MemoryTable().update_item(
            Key={"PK": "ACCOUNT#ada", "SK": "ACCOUNT"},
            UpdateExpression="SET given_name = :name",
            ExpressionAttributeValues={":name": "Ada"},
        )


def test_what_nothing_writes_is_not_listed() -> None:
    code = "\n".join(text for path, text in tree.texts().items() if path.startswith(("shared/", "functions/")))
    named = {name for row in attributes.rows() for name in re.findall(r"`([^`]+)`", row[1]) if "{" not in name}
    assert len(named) > 150
    assert not sorted(name for name in named if not re.search(rf"\b{name}\b", code))


def test_each_attribute_has_a_purpose_a_need_and_a_time() -> None:
    table = tree.texts()[attributes.PAGE].partition("## In the table")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("|")]
    for row in rows:
        assert len(row) == 5, row
        assert all(cell.strip() for cell in row[1:]), row


def test_what_a_snapshot_holds_is_listed() -> None:
    text = tree.texts()[attributes.PAGE].partition("## In snapshots")[2].partition("\n## ")[0]
    listed = {
        record: set(re.findall(r"`(\w+)`", cell)) for record, cell in re.findall(r"^\| `(\w+)` \|([^|]+)\|", text, re.M)
    }
    assert listed == {record.__name__: set(record.__struct_fields__) for record in RECORDS}
