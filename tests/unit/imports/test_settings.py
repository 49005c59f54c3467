"""Settings and decisions: what is wrong is answered beside the reports, and what one district has is no other's (M21)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.json import encode

from shared.domain.district_file import parse_district
from shared.stores.keys import clever_district_key, domain_key, pair, settings_key, tenant_key
from tests.builders import roster, user
from tests.harness import World
from tests.pages_harness import lakeside


@pytest.fixture
def world() -> World:
    found = World()
    found.register(clever_district_id="clever-lakeside")
    return found


def settings(**more: Any) -> dict[str, Any]:
    return {"name": "Valley", "email_domains": ["valley.example"], "time_zone": "America/Chicago", **more}


def put(world: World, district_id: str = "valley", **more: Any) -> dict[str, Any] | None:
    """Put the settings of a district. Return the report on them, if there is one."""
    taken = world.put(f"districts/{district_id}/district.json", json.dumps(settings(**more)).encode())
    return world.report(taken) if taken.import_id else None


def refused(report: dict[str, Any] | None) -> str:
    assert report
    assert report["status"] == "rejected"
    return str(report["reason"]["code"])


def holder(world: World, key: dict[str, str]) -> str | None:
    item = world.table.items.get(pair(key))
    return item.get("district_id") if item else None


@pytest.mark.parametrize(
    ("claim", "code"),
    [
        ({"email_domains": ["lakeside.example"]}, "domain_taken"),
        ({"email_domains": ["valley.example", "@LAKESIDE.example "]}, "domain_taken"),
        ({"shared_email_domains": ["lakeside.example"]}, "domain_taken"),
        ({"clever_district_id": "clever-lakeside"}, "tenant_taken"),
    ],
)
def test_what_a_district_has_is_no_other_districts(world: World, claim: dict[str, Any], code: str) -> None:
    assert refused(put(world, **claim)) == code
    assert world.alarms == 1, "the operators hear of it"
    assert world.districts.find("valley") is None
    assert holder(world, domain_key("lakeside.example")) == "lakeside"
    assert world.districts.by_tenant("clever", "clever-lakeside") == "lakeside"


@pytest.mark.parametrize("kind", ["classlink", "microsoft"])
def test_a_tenant_of_any_hub_is_one_districts(world: World, kind: str) -> None:
    put(world, **{f"{kind}_tenant_id": "tenant-1"})
    again = put(world, "hillside", email_domains=["hillside.example"], **{f"{kind}_tenant_id": "tenant-1"})
    assert refused(again) == "tenant_taken"
    assert holder(world, tenant_key(kind, "tenant-1")) == "valley"


def test_what_a_district_gives_up_is_free_again(world: World) -> None:
    world.register(email_domains=["lake.example"], clever_district_id=None)
    assert put(world, email_domains=["lakeside.example"], clever_district_id="clever-lakeside") is None
    assert holder(world, domain_key("lakeside.example")) == "valley"
    assert holder(world, clever_district_key("clever-lakeside")) == "valley"
    world.register(email_domains=["lake.example"], clever_district_id=None)
    assert holder(world, domain_key("lakeside.example")) == "valley", "nobody gives up what is another's"


def test_a_subdomain_is_a_domain_of_its_own(world: World) -> None:
    assert put(world, email_domains=["valley.lakeside.example"]) is None


def test_a_refused_claim_changes_nothing_of_what_stood(world: World) -> None:
    put(world)
    before = dict(world.table.items)
    assert refused(put(world, name="Other", email_domains=["new.example", "lakeside.example"])) == "domain_taken"
    assert {
        key: item for key, item in world.table.items.items() if key[0].startswith(("DOMAIN", "DISTRICT#valley"))
    } == {key: item for key, item in before.items() if key[0].startswith(("DOMAIN", "DISTRICT#valley"))}


def test_settings_of_the_version_before_are_claimed_when_they_are_loaded_again(world: World) -> None:
    del world.table.items[pair(domain_key("lakeside.example"))]
    world.register()
    assert holder(world, domain_key("lakeside.example")) == "lakeside"


def before_claims(world: World, district_id: str = "lakeside", **more: Any) -> None:
    """Settings as a version without claims stored them."""
    body = encode(parse_district(district_id, json.dumps(settings(**more)).encode())).decode()
    world.table.items[pair(settings_key(district_id))] = {**settings_key(district_id), "body": body}
    for at in [at for at in world.table.items if at[0].startswith(("DOMAIN#", "CLEVER_DISTRICT#", "TENANT#"))]:
        if world.table.items[at].get("district_id") == district_id:
            del world.table.items[at]


def test_settings_of_before_there_were_claims_are_claimed_by_the_next_import(world: World) -> None:
    before_claims(
        world, email_domains=["lakeside.example"], clever_district_id="c1", shared_email_domains=["county.example"]
    )
    world.upload(roster(user("t1", "teacher")))
    assert holder(world, domain_key("lakeside.example")) == "lakeside"
    assert world.districts.by_tenant("clever", "c1") == "lakeside"
    assert refused(put(world, email_domains=["lakeside.example"])) == "domain_taken"
    assert refused(put(world, email_domains=["county.example"])) == "domain_taken"


def test_settings_of_before_there_were_claims_are_claimed_by_the_next_login() -> None:
    web = lakeside()
    before_claims(web.world, email_domains=["lakeside.example"])
    visitor = web.visitor(sub="g-zoe", email="s9@lakeside.example", email_verified=True)
    assert visitor.open("/sso/lakeside").press("Continue with Google").path == "/home"
    assert holder(web.world, domain_key("lakeside.example")) == "lakeside"


def test_what_another_claimed_meanwhile_is_not_the_older_ones_and_is_shown(world: World) -> None:
    before_claims(world, email_domains=["lakeside.example", "lake.example"], clever_district_id="c1")
    assert put(world, email_domains=["lakeside.example"], clever_district_id="c1") is None
    world.alarms = 0
    report = world.upload(roster(user("t1", "teacher")))
    assert [note["code"] for note in report["notes"]].count("claim_disputed") == 2
    assert world.alarms == 1, "the operators hear of it once"
    stored = world.districts.get("lakeside")
    assert (stored.own_domains, stored.login_domains, stored.clever_district_id) == (
        ("lake.example",), ("lake.example",), None,
    )  # fmt: skip
    assert (holder(world, domain_key("lakeside.example")), world.districts.by_tenant("clever", "c1")) == ("valley",) * 2
    world.register(email_domains=["lake.example"])
    report = world.upload(roster(user("t1", "teacher"), user("t2", "teacher")), name="next")
    assert "claim_disputed" not in {note["code"] for note in report["notes"]}


def test_what_another_shares_is_not_claimed_by_settings_of_before(world: World) -> None:
    before_claims(world, email_domains=["county.example"])
    assert put(world, shared_email_domains=["county.example"]) is None
    report = world.upload(roster(user("t1", "teacher")))
    assert "claim_disputed" in {note["code"] for note in report["notes"]}
    assert world.districts.get("lakeside").own_domains == ()
    assert put(world, "hillside", email_domains=["hillside.example"], shared_email_domains=["county.example"]) is None


def test_a_domain_that_others_share_is_no_districts_own_in_either_order(world: World) -> None:
    assert put(world, shared_email_domains=["county.example"]) is None
    report = put(world, "hillside", email_domains=["county.example"])
    assert refused(report) == "domain_taken"
    assert report
    assert "Write it under shared_email_domains" in report["reason"]["message"]
    assert put(world, "hillside", email_domains=["hillside.example"], shared_email_domains=["county.example"]) is None
    assert put(world, shared_email_domains=[]) is None
    assert refused(put(world, "lakeside", email_domains=["county.example"])) == "domain_taken", (
        "hillside shares it still"
    )
    assert put(world, "hillside", email_domains=["hillside.example"]) is None
    assert put(world, "lakeside", email_domains=["county.example"]) is None, "nobody shares it any more"
    assert refused(put(world, shared_email_domains=["county.example"])) == "domain_taken"


def test_a_district_alone_may_own_what_it_shared_and_share_what_it_owned(world: World) -> None:
    assert put(world, shared_email_domains=["county.example"]) is None
    assert put(world, email_domains=["county.example"]) is None
    assert holder(world, domain_key("county.example")) == "valley"
    assert put(world, shared_email_domains=["county.example"]) is None
    assert holder(world, domain_key("county.example")) is None
    assert put(world, "hillside", email_domains=["hillside.example"], shared_email_domains=["county.example"]) is None


def test_a_shared_domain_is_nobodys_own_and_good_for_logins(world: World) -> None:
    assert put(world, shared_email_domains=["county.example"]) is None
    assert put(world, "hillside", email_domains=["county.example"], shared_email_domains=["county.example"]) is None
    hillside = world.districts.get("hillside")
    assert (hillside.own_domains, hillside.login_domains) == ((), ("county.example",))
    assert holder(world, domain_key("county.example")) is None


@pytest.mark.parametrize(
    "domain",
    [
        "gmail.com",
        "GMAIL.com",
        "outlook.com",
        "yahoo.com",
        "icloud.com",
        "gmx.de",
        "hey.com",
        "tutanota.de",
        "onmicrosoft.com",
    ],
)
@pytest.mark.parametrize("name", ["email_domains", "shared_email_domains"])
def test_a_domain_that_anybody_can_join_is_no_districts(world: World, name: str, domain: str) -> None:
    assert refused(put(world, **{name: [domain]})) == "invalid_district"


def test_a_mail_providers_domain_of_an_older_district_matches_nobody_any_more(world: World) -> None:
    item = world.table.items[pair(settings_key("lakeside"))]
    item["body"] = json.dumps({**json.loads(item["body"]), "email_domains": ["gmail.com", "lakeside.example"]})
    assert world.districts.get("lakeside").own_domains == ("lakeside.example",)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"email_domain": ["x.example"]}, "did you mean email_domains?"),
        ({"nudges": {"school_day": ["mon"]}}, "nudges.school_day: is no setting; did you mean school_days?"),
        ({"zzzz": 1}, "zzzz: is no setting; leave it out"),
        ({"contacts": ["pat, not an address"]}, "contacts.0: is no email address"),
        ({"contacts": ["a@b.example, c@b.example"]}, "write each address as an entry of its own"),
        ({"contacts": "a@b.example"}, "contacts: write a list"),
        ({"activation_from": "2026-09-15"}, "activation_from: is no setting; did you mean activations_from?"),
        ({"email_domains": ["https://lakeside.example"]}, "email_domains: write domains like school.example"),
        ({"nudges": {"holidays": [{"from": "2027-01-04", "to": "2026-12-19"}]}}, "nudges.holidays.0: ends before"),
        ({"nudges": {"terms": [{"from": "2027-01-04", "to": "2026-12-19"}]}}, "nudges.terms.0: ends before"),
        ({"additions_only": [{"from": "2027-01-04", "to": "2026-12-19"}]}, "additions_only.0: ends before"),
        ({"pauses": [{"from": "2027-01-04", "to": "2026-12-19"}]}, "pauses.0: ends before it begins"),
        ({"pauses": [{"from": "2027-01-01", "to": "2027-05-01"}]}, "pauses.0: a pause has at most 120 days"),
        ({"pauses": [{"from": "2027-01-01", "until": "2027-02-01"}]}, 'pauses.0: a window has "from" and "to"'),
        ({"nudges": {"holidays": [{"from": "2026-12-19", "to": "2027-01-04", "why": "x"}]}}, "nudges.holidays.0"),
        ({"digest": {"to": ["a@b.example", "x"]}}, "digest.to.1"),
        ({"email_domains": [f"d{n}.example" for n in range(31)]}, "at most 30 domains"),
        ({"email_domains": ["no domain"]}, "write domains like"),
        ({"clever_district_id": "x" * 3_000}, "clever_district_id"),
        ({"removal_threshold_count": 10**5}, ""),
        ({"name": "x" * 400_000}, "longer than 64000 bytes"),
    ],
)
def test_a_slip_in_the_settings_is_named(world: World, wrong: dict[str, Any], said: str) -> None:
    report = put(world, **wrong)
    if not said:
        assert report is None
        return
    assert refused(report) == "invalid_district"
    assert report
    assert said in report["reason"]["message"]
    assert len(report["reason"]["message"]) < 4_000


@pytest.mark.parametrize(
    "body", [b"[" * 50_000, b'{"a":' * 10_000, b'{"name": "\\ud800"}', b"\xff", b"9" * 9_999, b"{}"]
)
def test_settings_that_are_hard_to_read_are_answered_like_others(world: World, body: bytes) -> None:
    assert refused(world.report(world.put("districts/lakeside/district.json", body))) == "invalid_district"
    assert world.districts.get("lakeside").name == "Lakeside Schools"


def test_a_byte_order_mark_before_the_settings_is_no_mistake(world: World) -> None:
    body = b"\xef\xbb\xbf" + json.dumps(settings()).encode()
    assert world.put("districts/valley/district.json", body).import_id is None
    assert world.districts.get("valley").name == "Valley"


@pytest.mark.parametrize("slip", ["settings", "decision"])
def test_a_slip_does_not_hide_an_import_that_is_held(world: World, slip: str) -> None:
    # Given a held import
    world.upload(roster(*(user(f"s{n}") for n in range(40))))
    held = world.upload(roster(user("s0")), name="short")
    assert held["status"] == "held"
    # When a settings file or a decision has a slip
    if slip == "settings":
        taken = world.put("districts/lakeside/district.json", b'{"activation_from": "2026-09-15"}')
    else:
        taken = world.put(f"decisions/lakeside/{held['import_id']}.json", b'{"action": "aprove", "by": "kim"}')
    # Then it is answered elsewhere, and what is held can still be decided
    assert world.report(taken)["status"] == "rejected"
    assert world.latest() == held
    world.put(
        f"decisions/lakeside/{held['import_id']}.json",
        b'\xef\xbb\xbf{"action": "approve", "by": "kim", "reason": "meant"}',
    )
    assert world.latest()["status"] == "completed"


def test_every_setting_of_the_contract_is_taken() -> None:
    district = parse_district(
        "valley",
        json.dumps(
            settings(
                locale="en",
                support_url="https://help.example",
                identity_providers=["clever", "classlink", "google", "microsoft"],
                removal_threshold_percent=10,
                removal_threshold_count=50,
                pauses=[{"from": "2026-12-19", "to": "2027-01-04"}],
                shared_email_domains=["county.example"],
                activations_from="2026-09-01",
                first_wave=20,
                schools=["o1"],
                contacts=["pat@valley.example"],
                clever_district_id="c",
                classlink_tenant_id="l",
                microsoft_tenant_id="m",
                teachers_may_vouch=False,
                nudges={
                    "first_after_days": 14,
                    "repeat_after_days": [14, 30, 60],
                    "quiet_hours": ["18:00", "07:00"],
                    "school_days": ["mon"],
                    "holidays": ["2026-12-25"],
                },
            )
        ).encode(),
    )
    assert district.identity_providers == ("clever", "classlink", "google", "microsoft")


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 10_000,
        b'{"action": "approve", "by": ' + b'{"a":' * 5_000 + b"1" + b"}" * 5_000 + b"}",
        b'{"action": {"approve": 1}}',
        b'{"action": "approve", "reason": "' + b"x" * 16_000 + b'"}',
    ],
    ids=["nested", "nested reason", "odd action", "long"],
)
def test_a_decision_that_is_hard_to_read_is_answered_beside_the_reports(world: World, body: bytes) -> None:
    report = world.upload(roster(user("s1")))
    taken = world.put(f"decisions/lakeside/{report['import_id']}.json", body)
    assert refused(world.report(taken)) == "invalid_decision"
    assert world.latest() == report, "the latest report of an upload stays"


def test_half_a_letter_in_a_decision_is_no_reason_to_fail(world: World) -> None:
    held = roster(*(user(f"s{n}") for n in range(30)))
    world.upload(held)
    report = world.upload(roster(user("s0")), name="cut-off")
    assert report["status"] == "held"
    world.put(f"decisions/lakeside/{report['import_id']}.json", b'{"action": "reject", "by": "\\ud800", "reason": "r"}')
    assert world.latest()["status"] == "rejected"
