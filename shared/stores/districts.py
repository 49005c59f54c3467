"""Districts: their settings, and the names of their schools."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from msgspec import convert, to_builtins

from shared.domain.district import DISTRICT_ID, MOST_DOMAINS, AnyProvider, District
from shared.domain.errors import Conflict, InvalidSettings, UnknownDistrict
from shared.domain.roster import School
from shared.stores.keys import (
    SCHOOLS,
    Item,
    Key,
    clever_district_key,
    digest_key,
    district_pk,
    domain_key,
    first_mails_due_key,
    first_mails_key,
    key_of,
    pair,
    pauses_key,
    school_key,
    settings_key,
    snapshot_key,
    tenant_key,
)
from shared.stores.table import ABSENT, Delete, DynamoTable, Put, Table, Update, Write

_TRIES = 20
_WRITTEN, _LEAVES_UNSET = "written", 2
"""Marks settings in which a threshold that the district did not set is null."""
_FORMER_DEFAULTS = {
    "removal_threshold_percent": 10,
    "removal_threshold_count": 50,
    "school_removal_threshold_percent": 50,
}
"""What an earlier version wrote where the district had set nothing."""


class DistrictStore:
    """District settings, and the names of schools."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = Table(table)

    def put(self, district: District) -> None:
        """Store the settings, and claim the domains and tenants that they name (M21); one that wants a digest is noted.

        Settings that ask for a first wave, or for one of another size, begin it; one that an earlier version loaded and that is
        loaded as it was goes on without one.

        What another district has is refused, and nothing is stored then: the first claim stands. What the district gave up
        is free again. May be run again. Raises InvalidSettings ``domain_taken`` or ``tenant_taken``.
        """
        district_id = district.district_id
        body = json.dumps({**to_builtins(district), _WRITTEN: _LEAVES_UNSET})
        for _ in range(_TRIES):
            if self._table.attempt(*self._claims(district, body)):
                break
        else:
            raise Conflict("settings_contended", "Others write the same settings again and again.")
        if district.pauses:
            self._table.attempt(Put(pauses_key(district_id)).when(ABSENT))
        if district.contacts:
            self._note_first_mails(district_id)
        if district.digest is None:
            self._table.write(Delete(digest_key(district_id)))
        else:
            self._table.attempt(Put(digest_key(district_id)).when(ABSENT))

    def _note_first_mails(self, district_id: str) -> None:
        """The contacts are to be told what comes before the first mails, once. Of a district with a roster the mails may be out."""
        if "heads_up_at" in (self._table.get(first_mails_key(district_id)) or {}):
            return
        is_in_midway = self._table.get(snapshot_key(district_id)) is not None
        self._table.attempt(Put({**first_mails_due_key(district_id), "is_in_midway": is_in_midway}).when(ABSENT))

    def forget(self, district_id: str) -> None:
        """Take a district off: its domains and tenants are free, and nothing begins for it any more. May be run again."""
        item = self._table.get(settings_key(district_id))
        if item:
            keys = [key_of(at) for at in dict.fromkeys(map(pair, _keys_of(_as_written(item))))]
            for at, found in self._table.batch_get(keys).items():
                for write in _give_up(key_of(at), found, district_id):
                    self._table.attempt(write)
        noted = (settings_key, pauses_key, digest_key, first_mails_due_key)
        self._table.write_many(deletes=[key_at(district_id) for key_at in noted])

    def _claims(self, district: District, body: str) -> list[Write]:
        """All writes of a settings file, each as long as nothing has changed since it was read here."""
        district_id = district.district_id
        before = self._table.get(settings_key(district_id))
        own = {pair(key): (name, value) for name, value, key in _claimed_keys(district)}
        shared = {pair(domain_key(domain)): domain for domain in district.shared_email_domains}
        former = set(map(pair, _keys_of(_as_written(before)))) if before else set()
        found = self._table.batch_get(map(key_of, {*own, *shared, *former}))
        for at, (name, value) in own.items():
            if reason := _why_not_own(name, value, found.get(at), district_id):
                raise reason
        for at, domain in shared.items():
            if reason := _why_not_shared(domain, found.get(at), district_id):
                raise reason
        settings = {**settings_key(district_id), "body": body, "claims": True}
        is_as_before = Put({**settings, "former_domains": _former_domains(before, district)}).when(
            "body = :before" if before else ABSENT, **({"before": before["body"]} if before else {})
        )
        given_up = [
            write
            for at in former - own.keys() - shared.keys()
            if at in found
            for write in _give_up(key_of(at), found[at], district_id)
        ]
        return [
            is_as_before,
            *_first_wave(district, _as_written(before) if before else None),
            *(_own(key_of(at), district_id) for at in own),
            *(_share(key_of(at), district_id) for at in shared),
            *given_up,
        ]

    def claimed(self, district_id: str) -> tuple[District | None, tuple[InvalidSettings, ...]]:
        """The settings, and what they name that is another district's.

        Those that were stored before there were claims, or before shared domains were noted, claim now what is free. What is
        another's is left out of the settings, here and everywhere, until they are loaded anew; why is returned once, with the
        claims that were refused just now.
        """
        if not DISTRICT_ID.fullmatch(district_id):
            return None, ()
        item = self._table.get(settings_key(district_id))
        if item is None or item.get("claims"):
            return district_of(item) if item else None, ()
        district, refused = _as_written(item), list[tuple[str, InvalidSettings]]()
        for name, value, key in _claimed_keys(district):
            if not self._table.attempt(_own(key, district_id)):
                reason = _why_not_own(name, value, self._table.get(key), district_id)
                refused += [(value, reason)] if reason else []
        for domain in district.shared_email_domains:
            key = domain_key(domain)
            if not self._table.attempt(_share(key, district_id)):
                reason = _why_not_shared(domain, self._table.get(key), district_id)
                refused += [(domain, reason)] if reason else []
        disputed = [value for value, _ in refused] or None
        noted = Update(settings_key(district_id)).set(claims=True, disputed=disputed)
        self._table.attempt(noted.when("body = :body", body=item["body"]))
        return district_of({**item, "disputed": disputed}), tuple(reason for _, reason in refused)

    def disputed(self, district_id: str) -> tuple[str, ...]:
        """What the settings name that is another district's (M21)."""
        return tuple((self._table.get(settings_key(district_id)) or {}).get("disputed") or ())

    def domains(self, district_id: str) -> list[str]:
        """The mail domains that are the district's, its own and shared ones, and those that were (B11); sorted."""
        item = self._table.get(settings_key(district_id))
        return sorted({*district_of(item).login_domains, *item.get("former_domains", ())}) if item else []

    def find(self, district_id: str, *, consistent: bool = True) -> District | None:
        if not DISTRICT_ID.fullmatch(district_id):
            return None
        item = self._table.get(settings_key(district_id), consistent=consistent)
        return district_of(item) if item else None

    def get(self, district_id: str, *, consistent: bool = True) -> District:
        """Raises UnknownDistrict. All logins of a district read this one item: where a moment ago will do, it is half a unit."""
        if district := self.find(district_id, consistent=consistent):
            return district
        raise unknown_district()

    def by_tenant(self, provider: AnyProvider, tenant: str) -> str | None:
        """The district whose id at a hub this is."""
        key = clever_district_key(tenant) if provider == "clever" else tenant_key(provider, tenant)
        item = self._table.get(key, consistent=False)
        return str(item["district_id"]) if item else None

    def by_domain(self, domain: str) -> str | None:
        """The district whose own mail domain this is; None for one that several share, or nobody has."""
        item = self._table.get(domain_key(domain), consistent=False)
        return str(item["district_id"]) if item and "district_id" in item else None

    def claimed_domains(self, domains: Iterable[str]) -> dict[str, str]:
        """Those of these domains that are one district's alone, and whose (M21)."""
        keys = {domain: domain_key(domain) for domain in domains}
        found = self._table.batch_get(keys.values(), consistent=False)
        claims = {domain: found.get(pair(key), {}) for domain, key in keys.items()}
        return {domain: str(item["district_id"]) for domain, item in claims.items() if "district_id" in item}

    def put_schools(self, schools: Iterable[School]) -> None:
        self._table.write_many({**school_key(s.district_id, s.sourced_id), "name": s.name} for s in schools)

    def schools(self, district_id: str) -> dict[str, str]:
        """The names of all schools of a district, by sourcedId: one read of 7,000 of them."""
        items = self._table.query(district_pk(district_id), SCHOOLS, consistent=False)
        return {str(item["SK"]).removeprefix(SCHOOLS): str(item["name"]) for item in items}

    def school_names(self, district_id: str, school_ids: Iterable[str]) -> dict[str, str]:
        """The names of these schools by sourcedId, as far as they are known."""
        found = self._table.batch_get((school_key(district_id, school) for school in school_ids), consistent=False)
        return {sk.removeprefix(SCHOOLS): str(item["name"]) for (_, sk), item in found.items()}


def _first_wave(district: District, before: District | None) -> Iterator[Write]:
    """That the district asks for a first wave, or for one of another size than it did."""
    if district.first_wave and (before is None or before.first_wave != district.first_wave):
        from shared.stores.first_wave import wanted  # few districts have one

        yield wanted(district.district_id, district.first_wave)


def unknown_district() -> UnknownDistrict:
    return UnknownDistrict(
        "unknown_district",
        "This district is not registered. Put its settings at districts/{district_id}/district.json.",
    )


def _claimed_keys(district: District) -> Iterator[tuple[str, str, Key]]:
    """Setting, value and key of everything that is to be this district's alone."""
    for domain in dict.fromkeys(district.own_domains):
        yield "email_domains", domain, domain_key(domain)
    if district.clever_district_id:
        yield "clever_district_id", district.clever_district_id, clever_district_key(district.clever_district_id)
    for kind, tenant_id in (("classlink", district.classlink_tenant_id), ("microsoft", district.microsoft_tenant_id)):
        if tenant_id:
            yield f"{kind}_tenant_id", tenant_id, tenant_key(kind, tenant_id)


def _keys_of(district: District) -> Iterator[Key]:
    """Every item that the claims of these settings stand in."""
    yield from (key for _, _, key in _claimed_keys(district))
    yield from map(domain_key, district.shared_email_domains)


def _former_domains(before: Item | None, district: District) -> list[str] | None:
    """The domains that earlier settings named and these do not; None for none."""
    if before is None:
        return None
    named = [*district_of(before).login_domains, *before.get("former_domains", ())]
    return [domain for domain in dict.fromkeys(named) if domain not in district.login_domains][:MOST_DOMAINS] or None


def _own(key: Key, district_id: str) -> Put:
    """Claim for this district alone: nobody else has it, or shares it."""
    put = Put({**key, "district_id": district_id})
    put = put.when("(attribute_not_exists(district_id) OR district_id = :mine)", mine=district_id)
    return put.when("(attribute_not_exists(shared_by) OR shared_by = :alone)", alone={district_id})


def _share(key: Key, district_id: str) -> Update:
    """Share with others: no district has it alone."""
    update = Update(key).add(shared_by={district_id}).remove("district_id")
    return update.when("attribute_not_exists(district_id) OR district_id = :mine", mine=district_id)


def _give_up(key: Key, item: Item, district_id: str) -> Iterator[Write]:
    """What this district claims or shares no more is free, as far as it was this one's."""
    if item.get("district_id") == district_id:
        yield Delete(key).when("district_id = :mine", mine=district_id)
    elif item.get("shared_by") == {district_id}:
        yield Delete(key).when("shared_by = :alone", alone={district_id})
    elif district_id in item.get("shared_by", ()):
        yield Update(key).discard(shared_by={district_id})


def _why_not_own(name: str, value: str, item: Item | None, district_id: str) -> InvalidSettings | None:
    if item is None:
        return None
    if item.get("district_id") not in (None, district_id):
        return _taken(name, value)
    if set(item.get("shared_by", ())) - {district_id}:
        return InvalidSettings(
            "domain_taken",
            f"district.json cannot be used. {name}: {value} is a domain that other districts share. Write it under "
            "shared_email_domains.",
        )
    return None


def _why_not_shared(domain: str, item: Item | None, district_id: str) -> InvalidSettings | None:
    is_taken = item is not None and item.get("district_id") not in (None, district_id)
    return _taken("shared_email_domains", domain) if is_taken else None


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
    """The settings, without what turned out to be another district's."""
    district, disputed = _as_written(item), item.get("disputed") or ()
    return district.without(disputed) if disputed else district


def _as_written(item: Item) -> District:
    body = json.loads(item["body"])
    if _WRITTEN not in body:
        body = {name: value for name, value in body.items() if _FORMER_DEFAULTS.get(name) != value}
    return convert(body, District)
