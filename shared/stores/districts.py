"""Districts: their settings, and the names of their schools."""

from __future__ import annotations

import json
from collections.abc import Iterable

from shared.domain.district import DISTRICT_ID, District
from shared.domain.errors import UnknownDistrict
from shared.domain.roster import School
from shared.stores.keys import SCHOOLS, Item, clever_district_key, digest_key, school_key, settings_key
from shared.stores.table import ABSENT, Delete, DynamoTable, Put, Table


class DistrictStore:
    """District settings, and the names of schools."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = Table(table)

    def put(self, district: District) -> None:
        """Store the settings; a Clever district id leads back to its district, and one that wants a digest is noted."""
        settings = district.model_dump(mode="json")
        district_id = district.district_id
        self._table.write(Put({**settings_key(district_id), "body": json.dumps(settings)}))
        if district.clever_district_id:
            self._table.write(Put({**clever_district_key(district.clever_district_id), "district_id": district_id}))
        if district.digest is None:
            self._table.write(Delete(digest_key(district_id)))
        else:
            self._table.attempt(Put(digest_key(district_id)).when(ABSENT))

    def find(self, district_id: str) -> District | None:
        if not DISTRICT_ID.fullmatch(district_id):
            return None
        item = self._table.get(settings_key(district_id))
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
        item = self._table.get(clever_district_key(clever_district_id), consistent=False)
        return str(item["district_id"]) if item else None

    def put_schools(self, schools: Iterable[School]) -> None:
        self._table.write_many({**school_key(s.district_id, s.sourced_id), "name": s.name} for s in schools)

    def school_names(self, district_id: str, school_ids: Iterable[str]) -> dict[str, str]:
        """The names of these schools by sourcedId, as far as they are known."""
        found = self._table.batch_get((school_key(district_id, school) for school in school_ids), consistent=False)
        return {sk.removeprefix(SCHOOLS): str(item["name"]) for (_, sk), item in found.items()}


def district_of(item: Item) -> District:
    return District.model_validate_json(item["body"])
