"""Districts: their settings, and the names of their schools."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from shared.domain.district import DISTRICT_ID, District
from shared.domain.errors import Conflict, InvalidSettings, UnknownDistrict
from shared.domain.roster import School
from shared.stores.keys import (
    SCHOOLS,
    Item,
    Key,
    clever_district_key,
    digest_key,
    domain_key,
    key_of,
    pair,
    school_key,
    settings_key,
    tenant_key,
)
from shared.stores.table import ABSENT, Delete, DynamoTable, Put, Table, Write

_TRIES = 20


class DistrictStore:
    """District settings, and the names of schools."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = Table(table)

    def put(self, district: District) -> None:
        """Store the settings, and claim the domains and tenants that they name (M21); one that wants a digest is noted.

        What another district has is refused, and nothing is stored then: the first claim stands. What the district gave up
        is free again. May be run again. Raises InvalidSettings ``domain_taken`` or ``tenant_taken``.
        """
        district_id = district.district_id
        body = json.dumps(district.model_dump(mode="json"))
        for _ in range(_TRIES):
            if self._table.attempt(*self._claims(district, body)):
                break
        else:
            raise Conflict("settings_contended", "Others write the same settings again and again.")
        if district.digest is None:
            self._table.write(Delete(digest_key(district_id)))
        else:
            self._table.attempt(Put(digest_key(district_id)).when(ABSENT))

    def _claims(self, district: District, body: str) -> list[Write]:
        """All writes of a settings file, each as long as nothing has changed since it was read here."""
        district_id = district.district_id
        before = self._table.get(settings_key(district_id))
        wanted = {pair(key): (name, value) for name, value, key in _claimed_keys(district)}
        shared = {
            pair(domain_key(domain)): ("shared_email_domains", domain) for domain in district.shared_email_domains
        }
        former = {pair(key) for _, _, key in _claimed_keys(district_of(before))} if before else set()
        found = self._table.batch_get(map(key_of, {*wanted, *shared, *former}))
        for at, (name, value) in (wanted | shared).items():
            if at in found and found[at]["district_id"] != district_id:
                raise _taken(name, value)
        is_as_before = Put({**settings_key(district_id), "body": body}).when(
            "body = :before" if before else ABSENT, **({"before": before["body"]} if before else {})
        )
        claims = [
            Put({**key_of(at), "district_id": district_id}).when(
                "attribute_not_exists(PK) OR district_id = :mine", mine=district_id
            )
            for at in wanted
        ]
        given_up = [
            Delete(key_of(at)).when("district_id = :mine", mine=district_id)
            for at in former - wanted.keys()
            if at in found and found[at]["district_id"] == district_id
        ]
        return [is_as_before, *claims, *given_up]

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


def _claimed_keys(district: District) -> Iterator[tuple[str, str, Key]]:
    """Setting, value and key of everything that is to be this district's alone."""
    for domain in dict.fromkeys(district.own_domains):
        yield "email_domains", domain, domain_key(domain)
    if district.clever_district_id:
        yield "clever_district_id", district.clever_district_id, clever_district_key(district.clever_district_id)
    for kind, tenant_id in (("classlink", district.classlink_tenant_id), ("microsoft", district.microsoft_tenant_id)):
        if tenant_id:
            yield f"{kind}_tenant_id", tenant_id, tenant_key(kind, tenant_id)


def _taken(name: str, value: str) -> InvalidSettings:
    if name.endswith("email_domains"):
        return InvalidSettings(
            "domain_taken",
            f"district.json cannot be used. {name}: {value} is another district's already. Leave it out; if both districts use "
            "it, both write it under shared_email_domains.",
        )
    return InvalidSettings(
        "tenant_taken", f"district.json cannot be used. {name}: this id is another district's already. Correct it."
    )


def district_of(item: Item) -> District:
    return District.model_validate_json(item["body"])
