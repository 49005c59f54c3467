"""M6 and M7: what the rule says of the holders on a roster user's address and Clever ids."""

import pytest

from shared.domain.matching import Holder, Outcome, match


def test_one_account_that_verified_the_official_address_is_the_match() -> None:
    found = match([Holder("ada", proven=True)])
    assert (found.outcome, found.account_id) == (Outcome.MATCHED, "ada")


def test_an_unverified_address_is_offered_and_never_linked_by_rule() -> None:
    found = match([Holder("squatter", proven=False)])
    assert (found.outcome, found.account_id, found.candidates) == (Outcome.AMBIGUOUS, None, ("squatter",))


def test_two_proven_accounts_are_ambiguous_and_both_are_offered() -> None:
    found = match([Holder("by-email", proven=True), Holder("by-clever", proven=True)])
    assert (found.outcome, found.candidates) == (Outcome.AMBIGUOUS, ("by-clever", "by-email"))


def test_the_same_account_by_email_and_by_clever_id_is_one_account() -> None:
    assert match([Holder("ada", proven=True), Holder("ada", proven=True)]).account_id == "ada"


def test_a_stranger_who_signs_up_with_the_address_cannot_switch_matching_off() -> None:
    assert match([Holder("ada", proven=True), Holder("stranger", proven=False)]).account_id == "ada"


def test_nobody_claims_the_address() -> None:
    assert match([]).outcome is Outcome.UNMATCHED


@pytest.mark.parametrize("holders", [[], [Holder("ada", proven=True)], [Holder("ada", proven=False)]])
def test_an_address_that_two_people_of_the_roster_share_is_matched_to_nobody(holders: list[Holder]) -> None:
    found = match(holders, address_is_shared=True)
    assert (found.outcome, found.account_id) == (Outcome.AMBIGUOUS, None)
