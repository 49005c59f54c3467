"""Others change a link at the same moment: nothing of theirs is lost, and nobody tries without an end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shared.domain.errors import Conflict, RefusedTransition
from shared.domain.link import Proof
from shared.stores.links import Consent
from shared.stores.renumbering import Renumbering
from tests.builders import key
from tests.fakes.dynamodb import Effect, error
from tests.pages_harness import Website, lakeside, linked_teacher

ALWAYS = 10**6
_FURTHER = Consent(key("t2"), "ada", Proof.ACTIVATION, beside=key("t1"))


class Meanwhile:
    """The gate: before each of the next transactions somebody else is faster; with no ``act`` they just win."""

    def __init__(self) -> None:
        self.times = self.seen = 0
        self.act: Any = None

    def __call__(self, _service: str, operation: str, _request: dict[str, Any], effect: Effect) -> dict[str, Any]:
        if operation == "TransactWriteItems" and self.times:
            self.times -= 1
            self.seen += 1
            if self.act is None:
                raise error(
                    "TransactionCanceledException", operation, CancellationReasons=[{"Code": "ConditionalCheckFailed"}]
                )
            self.act()
        return effect()


@pytest.fixture
def meanwhile() -> Meanwhile:
    return Meanwhile()


@pytest.fixture
def web(meanwhile: Meanwhile) -> Website:
    return lakeside(gate=meanwhile)


def test_a_link_that_others_change_again_and_again_is_refused_by_name(web: Website, meanwhile: Meanwhile) -> None:
    meanwhile.times = ALWAYS
    consent = Consent(key("s1"), "kid", Proof.DISTRICT_LOGIN_CLEVER)
    with pytest.raises(RefusedTransition, match="again and again") as refused:
        web.world.links.make(consent, event_id="e", now=web.world.now)
    assert (refused.value.code, meanwhile.seen <= 5) == ("link_contended", True)


def test_an_undo_that_others_are_always_faster_than_is_refused_by_name(web: Website, meanwhile: Meanwhile) -> None:
    linked_teacher(web)
    meanwhile.times = ALWAYS
    with pytest.raises(RefusedTransition) as refused:
        web.world.links.undo(key("t1"), event_id="e", now=web.world.now)
    assert (refused.value.code, meanwhile.seen <= 5) == ("link_contended", True)


def test_a_move_to_a_kind_that_others_always_disturb_ends_and_comes_again(web: Website, meanwhile: Meanwhile) -> None:
    linked_teacher(web)
    meanwhile.times = ALWAYS
    with pytest.raises(Conflict):
        Renumbering(web.world.table).move([key("t1", "teacher")])
    meanwhile.times = 0
    Renumbering(web.world.table).move([key("t1", "teacher")])
    assert web.world.links.of_user(key("t1", "teacher")) is not None


def test_a_proof_that_is_noted_while_a_link_moves_to_a_kind_moves_too(web: Website, meanwhile: Meanwhile) -> None:
    linked_teacher(web)
    link = web.world.links.of_user(key("t1"))
    assert link is not None
    assert link.proofs is not None
    noted = replace(link.proofs, identities=frozenset({("https://clever.com", "at the same moment")}))

    def note() -> None:
        assert web.world.links.note_proofs(link, noted)

    meanwhile.act, meanwhile.times = note, 1
    Renumbering(web.world.table).move([key("t1", "teacher")])
    moved = web.world.links.of_user(key("t1", "teacher"))
    assert moved is not None
    assert moved.proofs == noted


def test_a_further_number_is_not_linked_once_the_first_is_undone(web: Website, meanwhile: Meanwhile) -> None:
    linked_teacher(web)
    meanwhile.act, meanwhile.times = lambda: web.world.links.undo(key("t1"), event_id="u", now=web.world.now), 1
    with pytest.raises(RefusedTransition) as refused:
        web.world.links.make(_FURTHER, event_id="f", now=web.world.now)
    assert refused.value.code == "link_contended"
    assert web.world.links.of_account("ada") == []


def test_an_undo_takes_along_a_further_number_of_that_moment(web: Website, meanwhile: Meanwhile) -> None:
    linked_teacher(web)
    meanwhile.act, meanwhile.times = lambda: web.world.links.make(_FURTHER, event_id="f", now=web.world.now), 1
    web.world.links.undo(key("t1"), event_id="u", now=web.world.now)
    assert meanwhile.seen == 1
    assert web.world.links.of_account("ada") == []
    assert [link and link.is_linked for link in map(web.world.links.of_user, (key("t1"), key("t2")))] == [False, False]


def by_rule(number: str) -> Consent:
    return Consent(key(number), "ada", Proof.DISTRICT_LOGIN_GOOGLE, by_rule=True)


def test_a_rule_takes_no_account_that_was_linked_to_another_meanwhile(web: Website) -> None:
    """M6: the rule decided for t2 before t1 confirmed."""
    linked_teacher(web)
    with pytest.raises(RefusedTransition) as refused:
        web.world.links.make(by_rule("t2"), event_id="e", now=web.world.now)
    assert refused.value.code == "account_linked_elsewhere"
    assert web.world.links.person_linked_to("ada", "lakeside") == key("t1")


def test_a_rule_takes_no_account_whose_link_was_undone_under_another_number(web: Website) -> None:
    """M6: what its person undid is not made again by a rule, whatever their number is by now."""
    linked_teacher(web)
    web.world.links.undo(key("t1"), event_id="e", now=web.world.now)
    with pytest.raises(RefusedTransition):
        web.world.links.make(by_rule("t2"), event_id="e2", now=web.world.now)
    assert web.world.links.of_user(key("t2")) is None
