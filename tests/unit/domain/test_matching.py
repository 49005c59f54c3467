"""M6, M7, M20: what the rule says of an account, whatever points to it."""

import pytest

from shared.domain.matching import (
    AccountSide,
    Grounds,
    LinkProofs,
    LoginProof,
    Objection,
    Outcome,
    Person,
    Recognition,
    RosterSide,
    decide,
    may_consent,
    recognise,
)
from shared.domain.roster import Role

OFFICIAL = "ada@lakeside.example"
OWN = ("lakeside.example",)
ADA = RosterSide(Role.TEACHER, "Lovelace", OFFICIAL)
GOOGLE = LoginProof("https://accounts.google.com", "g-ada", OFFICIAL)
CLEVER = LoginProof("https://clever.com", "c-ada")


def account(account_id: str = "ada", email: str | None = OFFICIAL, *, verified: bool = True) -> AccountSide:
    return AccountSide(account_id, "Ada Lovelace", email, verified)


def test_one_account_that_verified_the_official_address_is_the_match() -> None:
    found = decide(ADA, [account()], OWN)
    assert (found.outcome, found.account_id, found.grounds) == (Outcome.MATCHED, "ada", Grounds.ROSTER_ADDRESS)


def test_an_address_outside_of_the_districts_domains_is_never_matched() -> None:
    person = RosterSide(Role.TEACHER, "Lovelace", "ada@mail.example")
    accounts = [account(email="ada@mail.example"), account("b", "ada@mail.example", verified=False), AccountSide("c")]
    assert decide(person, accounts, OWN).outcome is Outcome.UNMATCHED


def test_an_outside_address_is_a_candidate_only_for_whoever_proved_it() -> None:
    person = RosterSide(Role.TEACHER, "Lovelace", "ada@mail.example")
    proved = RosterSide(Role.TEACHER, "Lovelace", "ada@mail.example", address_is_proven=True)
    accounts = [account(email="ada@mail.example")]
    assert decide(person, accounts, OWN, CLEVER).candidates == ()
    found = decide(proved, accounts, OWN, CLEVER)
    assert (found.account_id, found.candidates) == (None, ("ada",))


def test_an_unverified_address_is_offered_and_never_linked_by_rule() -> None:
    found = decide(ADA, [account("squatter", verified=False)], OWN)
    assert (found.outcome, found.account_id, found.candidates) == (Outcome.AMBIGUOUS, None, ("squatter",))


def test_a_clever_id_that_only_a_column_names_is_a_candidate() -> None:
    for login in (None, GOOGLE):
        found = decide(ADA, [AccountSide("ada", subjects=frozenset({("https://clever.com", "other")}))], OWN, login)
        assert (found.account_id, found.candidates) == (None, ("ada",))


def test_two_proven_accounts_are_ambiguous_and_both_are_offered() -> None:
    by_subject = AccountSide("by-subject", subjects=frozenset({CLEVER.identity}))
    found = decide(ADA, [account("by-email"), by_subject], OWN, CLEVER)
    assert (found.outcome, found.candidates) == (Outcome.AMBIGUOUS, ("by-email", "by-subject"))
    assert found.objections == {Objection.SEVERAL_ACCOUNTS}


def test_a_stranger_who_signs_up_with_the_address_cannot_switch_matching_off() -> None:
    assert decide(ADA, [account(), account("stranger", verified=False)], OWN).account_id == "ada"


def test_nobody_claims_the_address() -> None:
    assert decide(ADA, [], OWN).outcome is Outcome.UNMATCHED


@pytest.mark.parametrize("accounts", [[], [account()], [account(verified=False)]])
def test_an_address_that_two_people_of_the_roster_share_is_matched_to_nobody(accounts: list[AccountSide]) -> None:
    shared = RosterSide(Role.TEACHER, "Lovelace", OFFICIAL, address_is_shared=True)
    found = decide(shared, accounts, OWN)
    assert (found.outcome, found.account_id) == (Outcome.AMBIGUOUS, None)


def test_the_subject_of_this_login_is_grounds_wherever_its_address_is() -> None:
    person = RosterSide(Role.STUDENT, "Lovelace")
    own = AccountSide("ada", "Somebody Else", "ada@mail.example", True, frozenset({CLEVER.identity}))
    assert decide(person, [own], (), CLEVER).grounds is Grounds.SUBJECT


def test_a_subject_that_was_not_shown_at_the_link_is_no_grounds() -> None:
    """Somebody else may have put it there (Sudhodanan and Paverd, trojan identifier)."""
    identity = frozenset({CLEVER.identity})
    found = decide(ADA, [AccountSide("ada", subjects=identity, unconfirmed=identity)], OWN, CLEVER)
    assert (found.account_id, found.candidates) == (None, ("ada",))


@pytest.mark.parametrize("login", [None, GOOGLE, CLEVER])
@pytest.mark.parametrize(
    ("side", "objection"),
    [
        (AccountSide("ada", "Kim Byron", OFFICIAL, True), Objection.ANOTHER_FAMILY_NAME),
        (AccountSide("ada", "Ada", OFFICIAL, True, is_undone=True), Objection.UNDONE),
        (AccountSide("ada", "Ada", OFFICIAL, True, is_linked_elsewhere=True), Objection.LINKED_ELSEWHERE),
    ],
)
def test_what_speaks_against_an_address_keeps_the_rule_from_linking(
    login: LoginProof | None, side: AccountSide, objection: Objection
) -> None:
    found = decide(ADA, [side], OWN, login)
    assert found.account_id is None
    assert objection in found.objections


def test_another_subject_of_the_same_issuer_speaks_against_an_address() -> None:
    other = AccountSide("ada", "Ada", OFFICIAL, True, frozenset({(GOOGLE.issuer, "g-other")}))
    assert decide(ADA, [other], OWN, GOOGLE).objections == {Objection.ANOTHER_SUBJECT}
    assert decide(ADA, [other], OWN, CLEVER).account_id == "ada"


def test_an_address_that_somebody_else_had_before_is_asked_about() -> None:
    recycled = RosterSide(Role.TEACHER, "Lovelace", OFFICIAL, address_was_anothers=True)
    for login in (None, GOOGLE, CLEVER):
        assert decide(recycled, [account()], OWN, login).candidates == ("ada",)


@pytest.mark.parametrize("shown", ["Ada", "ada77", "A. Lovelace", "Dr. LOVELACE Ada", "Ada Lovelace-King", ""])
def test_a_display_name_with_this_family_name_or_none_contradicts_nothing(shown: str) -> None:
    assert decide(ADA, [AccountSide("ada", shown, OFFICIAL, True)], OWN).account_id == "ada"


def test_a_student_never_gets_an_account_that_owns_classes_with_students() -> None:
    student = RosterSide(Role.STUDENT, "Lovelace", OFFICIAL)
    teaches = AccountSide("ada", "Ada", OFFICIAL, True, frozenset({CLEVER.identity}), teaches=True)
    assert decide(student, [teaches], OWN, CLEVER).outcome is Outcome.UNMATCHED
    assert may_consent(student, teaches) is Objection.TEACHES
    assert may_consent(ADA, account()) is None


def test_a_new_given_name_at_the_same_address_ends_no_link() -> None:
    """A name that was corrected, and a second login of one issuer: it is asked, and nothing is taken away (M19)."""
    before = Person("Ada", "Lovelace", OFFICIAL)
    proofs = LinkProofs(before, frozenset({(GOOGLE.issuer, "hash-of-another")}), frozenset({OFFICIAL}))
    now = Person("Augusta", "Lovelace", OFFICIAL)
    found = recognise(proofs, GOOGLE, "hash", now, "Ada Lovelace", grounds=None, follows=False)
    assert found is Recognition.CONFIRM
