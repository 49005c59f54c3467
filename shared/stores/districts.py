"""Districts, their schools and classes, and what is made in their classes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from shared.domain.district import DISTRICT_ID, District
from shared.domain.errors import Conflict, UnknownDistrict
from shared.domain.roster import School
from shared.stores.digests import digest_key
from shared.stores.keys import Item, Key, district_pk
from shared.stores.table import conflicts, get_many, write_many


class DistrictStore:
    """District settings, and the names of schools."""

    def __init__(self, table: Any) -> None:
        self._table = table

    def put(self, district: District) -> None:
        """Store the settings; a Clever district id leads back to its district, and one that wants a digest is noted."""
        settings = district.model_dump(mode="json")
        self._table.put_item(Item={**settings_key(district.district_id), "body": json.dumps(settings)})
        if district.clever_district_id:
            self._table.put_item(
                Item={
                    "PK": f"CLEVER_DISTRICT#{district.clever_district_id}",
                    "SK": "DISTRICT",
                    "district_id": district.district_id,
                }
            )

        if district.digest is None:
            self._table.delete_item(Key=digest_key(district.district_id))
            return
        with suppress(Conflict), conflicts("noted", "This district is noted already."):
            self._table.put_item(Item=digest_key(district.district_id), ConditionExpression="attribute_not_exists(PK)")

    def find(self, district_id: str) -> District | None:
        if not DISTRICT_ID.fullmatch(district_id):
            return None
        item = self._table.get_item(Key=settings_key(district_id), ConsistentRead=True).get("Item")
        return district_of(item) if item else None

    def get(self, district_id: str) -> District:
        """Raises UnknownDistrict."""
        if district := self.find(district_id):
            return district
        raise UnknownDistrict(
            "unknown_district",
            "This district is not registered. Put its settings at districts/{district_id}/district.json.",
        )

    def by_clever_district(self, clever_district_id: str) -> str | None:
        """The district whose Clever id this is."""
        key = {"PK": f"CLEVER_DISTRICT#{clever_district_id}", "SK": "DISTRICT"}
        item = self._table.get_item(Key=key).get("Item")
        return str(item["district_id"]) if item else None

    def put_schools(self, schools: Iterable[School]) -> None:
        write_many(
            self._table,
            ({"PK": district_pk(s.district_id), "SK": f"SCHOOL#{s.sourced_id}", "name": s.name} for s in schools),
        )

    def school_names(self, district_id: str, school_ids: Iterable[str]) -> dict[str, str]:
        """The names of these schools by sourcedId, as far as they are known."""
        keys = [school_key(district_id, school_id) for school_id in school_ids]
        return {sk.removeprefix("SCHOOL#"): str(item["name"]) for (_, sk), item in get_many(self._table, keys).items()}


def district_of(item: Item) -> District:
    return District.model_validate_json(item["body"])


def school_key(district_id: str, school_id: str) -> Key:
    return {"PK": district_pk(district_id), "SK": f"SCHOOL#{school_id}"}


def settings_key(district_id: str) -> Key:
    return {"PK": district_pk(district_id), "SK": "SETTINGS"}
