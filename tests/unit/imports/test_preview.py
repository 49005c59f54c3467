"""What a preview says an import then does: the two reports differ in ``preview``, id and times alone (B1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.bad_uploads.accepted_with_notes import ACCEPTED_WITH_NOTES
from tests.bad_uploads.case import Case
from tests.bad_uploads.damaged_files import WHOLE_FILES
from tests.bad_uploads.dangerous_if_accepted import DANGEROUS_IF_ACCEPTED
from tests.bad_uploads.deltas import DELTAS
from tests.bad_uploads.rows import ROWS
from tests.builders import account, enrolled, roster, user
from tests.corpus.corpus import Corpus
from tests.depth import depth
from tests.harness import World, zipped

_OF_ITS_OWN = (
    "import_id",
    "preview",
    "started_at",
    "finished_at",
    "upload",
    "rejects_key",
    "people_key",
    "id_changes_key",
)

PEOPLE = ("t1", "t2", "t3", "s1", "s2")
ADDRESSES = (
    "t1@lakeside.example",
    "t2@lakeside.example",
    "office@lakeside.example",
    "t1@mail.example",
    "no address",
    "",
)

person = st.tuples(
    st.sampled_from(PEOPLE),
    st.sampled_from(("teacher", "teacher", "student", "administrator")),
    st.sampled_from(ADDRESSES),
    st.sampled_from(("o1", "o1", "o2")),
)
people = st.lists(person, min_size=1, max_size=6)
settings_of = st.fixed_dictionaries(
    {},
    optional={
        "activations_from": st.sampled_from(("2026-08-01", "2026-09-20")),
        "schools": st.just(["o1"]),
        "email_domains": st.just(["lakeside.example", "mail.example"]),
        "activations": st.just({"in_school_hours": True}),
    },
)
line = st.tuples(
    st.sampled_from(("ada", "ben")),
    st.sampled_from(ADDRESSES[:4]),
    st.booleans(),
    st.sampled_from(("Kim Person", "Lovelace")),
)
event = st.one_of(
    st.tuples(st.just("roster"), people),
    st.tuples(st.just("feed"), line),
    st.tuples(st.just("settings"), settings_of),
    st.tuples(st.just("mail"), st.integers(0, 20)),
)


def said(report: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in report.items() if name not in _OF_ITS_OWN}


def files(people: list[tuple[str, str, str, str]]) -> dict[str, str | bytes]:
    rows = [
        user(who, role, email=address).replace(",true,o1,", f",true,{school},") for who, role, address, school in people
    ]
    who = {key: role for key, role, *_ in people}
    members = "".join(enrolled(key, role) for key, role in who.items() if role != "administrator")
    return roster(*rows, enrollments=members)


def foreseen_and_done(world: World, upload: Mapping[str, str | bytes]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The report of a preview, and of the import of the same files right after it."""
    preview = world.report(world.put("previews/lakeside/next.zip", zipped(upload)))
    return said(preview), said(world.upload(upload, name="next"))


UPLOADS = (*WHOLE_FILES, *ROWS, *DELTAS, *ACCEPTED_WITH_NOTES, *DANGEROUS_IF_ACCEPTED)


@pytest.mark.deep
@pytest.mark.parametrize("case", UPLOADS[:: depth(15, 1)], ids=str)
def test_a_preview_of_an_upload_that_is_hard_to_read_says_the_same(case: Case) -> None:
    world = World(is_metered=False)
    world.register()
    if case.stands:
        world.upload(case.stands)
        world.send_mail()
    foreseen, done = foreseen_and_done(world, case.upload)
    assert foreseen == done


def test_a_preview_of_each_roster_of_the_corpus_says_the_same(corpus: Corpus) -> None:
    for each in corpus.rosters:
        world = World(is_metered=False)
        world.register()
        foreseen, done = foreseen_and_done(world, each.files)
        assert foreseen == done, each.name
        assert done["activations"]["queued"] or not each.invited


def test_a_preview_says_the_same_of_somebody_whose_number_and_address_change() -> None:
    world = World()
    world.register()
    for number, address in (("t1", "t1@lakeside.example"), ("t2", "t1@mail.example")):
        foreseen, done = foreseen_and_done(world, files([(number, "teacher", address, "o1")]))
        assert foreseen == done
    assert done["activations"]["queued"] == 1


def test_a_preview_foresees_that_a_joined_numbers_mail_goes_along() -> None:
    world = World()
    world.register()
    world.feed(account("ada", "t1@lakeside.example", email_verified=False))
    for addresses in (("", "t1@lakeside.example"), ("t1@lakeside.example",) * 2):
        rows = [(f"t{number}", "teacher", address, "o1") for number, address in enumerate(addresses, 1)]
        foreseen, done = foreseen_and_done(world, files(rows))
        assert foreseen == done
        world.send_mail()
    assert done["activations"]["queued"] == 0, "the person has the mail of the further number"


@pytest.mark.deep
@settings(max_examples=depth(60, 1_500))
@given(st.lists(event, min_size=2, max_size=8))
def test_a_preview_says_what_the_import_then_does(events: list[tuple[str, Any]]) -> None:
    world = World(is_metered=False)
    world.register(removal_threshold_percent=100, removal_threshold_count=1000, school_removal_threshold_percent=100)
    for kind, what in events:
        match kind:
            case "roster":
                foreseen, done = foreseen_and_done(world, files(what))
                assert foreseen == done
            case "feed":
                account_id, address, verified, name = what
                world.feed(account(account_id, address, verified=verified, display_name=name))
            case "settings":
                world.register(removal_threshold_percent=100, removal_threshold_count=1000, **what)
            case _:
                world.pass_time(hours=what)
                world.queue_due_activations().run()
                world.send_mail()
