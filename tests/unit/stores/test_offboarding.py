"""The end of a district's contract: links end, people keep accounts and progress, and no canary of the roster is left."""

from __future__ import annotations

import inspect
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from shared.domain.errors import RefusedTransition
from shared.domain.roster import RosterUserKey
from shared.stores import keys
from shared.stores.district_data import DistrictData, is_of, kind_of
from shared.stores.district_files import REPORTS, SNAPSHOTS, UPLOADS, DistrictFiles
from shared.stores.keys import import_lock_key
from shared.use_cases.offboard_district import ENDED, OffboardDistrict
from tests.builders import CLASSES, ENROLLMENTS, USERS, account
from tests.fakes.aws import MemoryS3
from tests.fakes.dynamodb import BotoFake
from tests.harness import World
from tests.pages_harness import PASSWORD, Website, log_in

CANARY = "canary"
"""In every name, id, address and title of the roster, in any case. Clever ids have none: they are the accounts' own, too."""
PLACES = {"rosters": UPLOADS, "reports": REPORTS, "snapshots": SNAPSHOTS}


class Versions(BotoFake):
    """The objects of a world as a bucket with versions lists and deletes them; each has one."""

    def __init__(self, s3: MemoryS3, *, kept: str = "") -> None:
        self._s3 = s3
        self._kept = kept

    def get_paginator(self, name: str) -> Versions:
        assert name == "list_object_versions"
        return self

    def paginate(self, *, Bucket: str, Prefix: str) -> Iterator[dict[str, Any]]:
        keys = [key for bucket, key in self._s3.objects if bucket == Bucket and key.startswith(Prefix)]
        for start in range(0, len(keys), 2):
            yield {"Versions": [{"Key": key, "VersionId": "null"} for key in keys[start : start + 2]]}

    def delete_objects(self, *, Bucket: str, Delete: dict[str, Any]) -> dict[str, Any]:
        if self._kept:
            return {"Errors": [{"Key": self._kept, "Code": "AccessDenied"}]}
        for found in Delete["Objects"]:
            self._s3.objects.pop((Bucket, found["Key"]), None)
        return {}


def offboarding(world: World, files: Versions | None = None) -> OffboardDistrict:
    return OffboardDistrict(
        DistrictData(world.table),
        DistrictFiles(files or Versions(world.s3), PLACES),
        world.districts,
        world.links,
        export_bucket="exports",
        clock=world.clock,
        new_id=world.new_id,
        at_once=1,
    )


def row(number: str, role: str, given: str = "CanaryGiven") -> str:
    address = f"{number}@lakeside.example"
    clever_id = number.replace(CANARY, "cid")
    return f"{number},,,true,canary-org,{role},{number},{{Clever:{clever_id}}},{given},CanaryFamily,{address},\n"


def files(*rows: str) -> dict[str, str | bytes]:
    enrolled = "".join(
        f"canary-e-{n},,,canary-class,canary-org,{line.split(',')[0]},{line.split(',')[5]}\n"
        for n, line in enumerate(rows)
        if "administrator" not in line
    )
    return {
        "manifest.csv": "propertyName,value\nmanifest.version,1.0\noneroster.version,1.1\n",
        "orgs.csv": "sourcedId,status,dateLastModified,name,type\ncanary-org,,,Canary Middle,school\n",
        "users.csv": USERS + "".join(rows),
        "classes.csv": CLASSES + "canary-class,,,Canary Algebra,canary-course,scheduled,canary-org,canary-term\n",
        "enrollments.csv": ENROLLMENTS + enrolled,
    }


ROSTER = (
    row("canary-t1", "teacher"),
    row("canary-t2", "teacher"),
    row("canary-s1", "student"),
    row("canary-s2", "student"),
    row("canary-s3", "student"),
    row("canary-a1", "administrator"),
)


@pytest.fixture
def web() -> Website:
    """A district whose launch went as launches go: links by mail and by rule, mails out, a held import, a preview, a nudge."""
    world = World()
    settings = {"clever_district_id": "canary-clever-district", "contacts": ["canary-contact@lakeside.example"]}
    world.register(**settings, nudges={"first_after_days": 1, "quiet_hours": []}, digest={"weekday": "monday"})
    own = {
        "class_id": "own", "name": "Period 3", "created_at": "2025-08-20T14:00:00Z", "student_account_ids": ["kid"],
        "goals": [{"goal_id": "g", "title": "Equations", "skill_ids": ["a"]}], "assignments": [],
    }  # fmt: skip
    world.feed(
        account("ada", "ada@mail.example", classes=[own]),
        {**account("kid", "kid@mail.example", role="student"), "clever_id": "cid-s1",
         "mastery": {"a": {"points": 80, "updated_at": "2026-05-01T00:00:00Z"}}},
    )  # fmt: skip
    world.upload(files(*ROSTER))
    world.send_mail()
    web = Website(world)
    web.cognito.users = {"ada": (PASSWORD, "ada")}
    mailed = web.visitor().open(world.address_in_mail_to("canary-t1@lakeside.example"))
    log_in(mailed.press("Log into my existing account")).press("Link my accounts")
    claims = {"sub": "cid-s1", "district": "canary-clever-district"}
    web.visitor(**claims).open("/sso/lakeside").press("Continue with Clever")
    web.visitor(sub="cid-s3", district="canary-clever-district").open("/sso/lakeside").press("Continue with Clever")
    world.notify_of_links()
    world.put("previews/lakeside/canary.zip", b"no zip")
    world.put("id-maps/lakeside/canary.csv", b"kind,oldSourcedId,newSourcedId\nstudent,canary-s1,canary-s9\n")
    world.pass_time(days=3)
    world.send_nudge().run()
    world.queue_due_activations().run()
    world.upload(files(ROSTER[0]), name="canary-cut-off")
    return web


def told(world: World, where: str) -> set[str]:
    """Where a canary stands, as items and objects are written."""
    items = {f"{pk} {sk}": repr(item) for (pk, sk), item in world.table.items.items()}
    objects = {
        f"{bucket}/{key}": key + body.decode("utf-8", "replace") for (bucket, key), body in world.s3.objects.items()
    }
    return {place for place, text in {**items, **objects}.items() if where in text.lower()}


def accounts_of(world: World) -> dict[tuple[str, str], Any]:
    """What is the people's own: all beside accounts but sessions and links."""
    return {
        (pk, sk): dict(item)
        for (pk, sk), item in world.table.items.items()
        if pk.startswith("ACCOUNT#") and not sk.startswith(("LINK#", "LOGINS"))
    }


def test_no_canary_of_a_district_is_left_in_any_item_or_object(web: Website) -> None:
    world = web.world
    assert {"rosters", "reports", "snapshots"} <= {place.partition("/")[0] for place in told(world, CANARY)}

    offboarding(world).run("lakeside")

    assert told(world, CANARY) == set()
    assert told(world, "lakeside") == set()


def test_every_key_that_names_a_district_goes_with_it() -> None:
    values = {"district_id": "lakeside", RosterUserKey: RosterUserKey("lakeside", "s1"), int: 0, str: "x", bool: False}
    found = []
    for name, function in inspect.getmembers(keys, inspect.isfunction):
        parameters = inspect.get_annotations(function, eval_str=True)
        returned, kinds = parameters.pop("return", None), set(parameters.values())
        is_about_a_district = "district_id" in parameters or RosterUserKey in kinds
        if returned != keys.Key or not is_about_a_district or not kinds <= set(values):
            continue
        made = function(**{each: values.get(each, values[kind]) for each, kind in parameters.items()})
        found.append(name)
        assert is_of(made, "lakeside"), name
        assert not is_of(made, "lake"), name
    assert len(found) > 30


def test_people_keep_their_accounts_progress_and_classes(web: Website) -> None:
    before = accounts_of(web.world)
    offboarding(web.world).run("lakeside")
    assert accounts_of(web.world) == before
    assert web.world.accounts.mastery("kid")["a"].points == 80


def test_each_link_ends_with_an_event_for_the_platform_and_nobody_is_mailed(web: Website) -> None:
    world, events, mails = web.world, list[str](), len(web.world.ses.sent)
    undone = list[dict[str, Any]]()

    def note(_before: object, item: Any) -> None:
        if item and item["PK"].startswith("OUTBOX#"):
            events.append(item["detail_type"])
            undone.append(json.loads(item["detail"]))

    world.table.listeners.append(note)
    gone = offboarding(world).run("lakeside")

    assert gone[ENDED] == 2
    assert events == ["LinkUndone", "LinkUndone"]
    assert {event["account_id"] for event in undone} == {"ada", "kid"}
    for event in undone:
        world.notify_link_change().notify("LinkUndone", event)
    assert len(world.ses.sent) == mails


def test_a_preview_says_what_then_goes_and_changes_nothing(web: Website) -> None:
    world = web.world
    before = (dict(world.table.items), dict(world.s3.objects))
    foreseen = offboarding(world).preview("lakeside")
    assert (world.table.items, world.s3.objects) == before

    gone = offboarding(world).run("lakeside")

    # The settings and claims go first, by themselves; ends of links leave an event and an audit entry more.
    differ = {"SETTINGS", "DOMAIN", "CLEVER_DISTRICT", "DIGESTS", "PAUSES", "FIRST_MAILS", "OUTBOX", "AUDIT", "DUE"}
    assert {kind: n for kind, n in gone.items() if kind not in differ} == {
        kind: n for kind, n in foreseen.items() if kind not in differ
    }
    assert foreseen["ROSTER"] == 6
    assert foreseen["rosters/"] == 2
    assert not any(CANARY in kind.lower() for kind in foreseen)


def test_done_again_there_is_nothing_left_to_do(web: Website) -> None:
    offboarding(web.world).run("lakeside")
    assert offboarding(web.world).preview("lakeside") == Counter()
    assert offboarding(web.world).run("lakeside") == Counter()


def test_a_run_that_was_cut_is_finished_by_the_next(web: Website) -> None:
    world = web.world
    with pytest.raises(OSError, match="S3 kept"):
        offboarding(world, Versions(world.s3, kept="districts/lakeside/district.json")).run("lakeside")
    offboarding(world).run("lakeside")
    assert told(world, "lakeside") == set()


def test_what_was_still_under_way_finds_nobody_and_mails_nobody(web: Website) -> None:
    """Messages in queues, links in mails, cookies in browsers, and a roster that comes all the same."""
    world, visitor = web.world, web.visitor()
    world.upload(files(*ROSTER, row("canary-t9", "teacher")), name="waits")
    address = world.address_in_mail_to("canary-t2@lakeside.example")
    visitor.open(address)
    world.pass_time(days=10)
    world.queue_due_activations().run()
    mails = len(world.ses.sent)

    offboarding(world).run("lakeside")

    world.send_mail()
    world.pass_time(days=10)
    world.queue_due_activations().run()
    world.send_mail()
    for run in (world.send_nudge().run, world.send_digest().run, world.watch_pauses().run):
        run()
    assert len(world.ses.sent) == mails
    assert visitor.http.get(address).status_code < 500
    assert web.visitor().http.get("https://link.example/sso/lakeside").status_code == 404
    assert world.upload(files(*ROSTER))["reason"]["code"] == "unknown_district"
    assert {key for key in world.table.items if key[0].startswith(("USER#", "CLASS#"))} == set()


def test_its_domains_are_free_and_another_district_is_as_before(web: Website) -> None:
    world = web.world
    world.register("riverbend", email_domains=["river.example"], shared_email_domains=["both.example"])
    world.upload({**files(row("t1", "teacher"))}, "riverbend")
    theirs = {key: dict(item) for key, item in world.table.items.items() if "riverbend" in repr(item)}
    objects = {key: body for key, body in world.s3.objects.items() if "riverbend" in key[1]}

    offboarding(world).run("lakeside")

    assert {key: dict(item) for key, item in world.table.items.items() if "riverbend" in repr(item)} == theirs
    assert {key: body for key, body in world.s3.objects.items() if "riverbend" in key[1]} == objects
    world.register("newlake", email_domains=["lakeside.example"], clever_district_id="canary-clever-district")
    assert world.districts.get("newlake").own_domains == ("lakeside.example",)


def test_a_domain_that_is_shared_stays_the_others(web: Website) -> None:
    world = web.world
    for district in ("one", "two"):
        world.register(district, email_domains=[], shared_email_domains=["both.example"])
    offboarding(world).run("one")
    assert world.table.items["DOMAIN#both.example", "DISTRICT"]["shared_by"] == {"two"}


def test_a_district_whose_id_begins_alike_is_another_one(web: Website) -> None:
    world = web.world
    world.register("lakeside-2", email_domains=["two.example"])
    world.upload({**files(row("t1", "teacher"))}, "lakeside-2")
    before = {key for key, item in world.table.items.items() if "lakeside-2" in repr(item)}
    offboarding(world).run("lakeside")
    assert {key for key, item in world.table.items.items() if "lakeside-2" in repr(item)} == before


def test_while_an_import_works_nothing_is_done(web: Website) -> None:
    world = web.world
    lock = {**import_lock_key("lakeside"), "import_id": "i", "lease_until": "2030-01-01T00:00:00Z"}
    world.table.put_item(Item=lock)
    before = dict(world.table.items)
    with pytest.raises(RefusedTransition) as refused:
        offboarding(world).run("lakeside")
    assert refused.value.code == "import_under_way"
    assert world.table.items == before


def test_files_of_class_data_go_with_the_classes_that_are_in_them(web: Website) -> None:
    world = web.world
    item = {
        "PK": "ACCOUNT#ada",
        "SK": "EXPORT#e1",
        "classes": [{"class_id": "canary-class", "district_id": "lakeside"}],
    }
    own = {"PK": "ACCOUNT#ada", "SK": "EXPORT#e2", "classes": [{"class_id": "own"}]}
    for each in (item, own):
        world.table.put_item(Item={**each, "ttl": 1})
        world.s3.put_object(Bucket="exports", Key=f"exports/{each['SK'][7:]}.zip", Body=b"canary")
    offboarding(world).run("lakeside")
    assert ("exports", "exports/e1.zip") not in world.s3.objects
    assert ("exports", "exports/e2.zip") in world.s3.objects


@pytest.mark.parametrize(
    ("pk", "sk", "kind"),
    [
        ("STUDENT#d#1", "ROSTER", "ROSTER"),
        ("CLASS#d#c", "GOAL#g", "GOAL"),
        ("STUCK#d", "T1", "STUCK"),
        ("EMAIL#a@b", "USER#d#T1", "EMAIL"),
        ("DISTRICT#d", "IMPORT#1", "IMPORT"),
        ("ACCOUNT#a", "LINK#d", "LINK"),
    ],
)
def test_what_is_listed_is_a_kind_and_never_an_id(pk: str, sk: str, kind: str) -> None:
    assert kind_of({"PK": pk, "SK": sk}) == kind
