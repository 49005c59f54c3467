"""All combinations of proof, roster, account and history against what must hold of each (M6, M7, M20)."""

from __future__ import annotations

from shared.domain.email_address import domain_of
from shared.domain.matching import Grounds, Outcome
from shared.domain.roster import Role
from tests.link_decisions import OWN_DOMAINS, TABLE, Case, cases, table


def proves(case: Case) -> bool:
    """Whether the login, or an address that is the district's own, proves the account; written apart from the rule."""
    person, account, login = case.sides()
    if login and login.identity in account.subjects and login.identity not in account.unconfirmed:
        return True
    address = account.email
    is_verified_here = address is not None and account.email_is_verified and domain_of(address) in OWN_DOMAINS
    return is_verified_here and address in (person.official_email, login.verified_email if login else None)


def test_what_is_linked_by_rule_is_proved_and_nothing_else_is() -> None:
    linked = [case for case in cases() if case.decision().account_id]
    assert linked
    for case in linked:
        assert proves(case), case


def test_an_import_links_by_the_roster_address_alone() -> None:
    for case in (case for case in cases() if case.sides()[2] is None):
        decision = case.decision()
        assert decision.grounds in (None, Grounds.ROSTER_ADDRESS), case
        if case.address == "elsewhere":
            is_shared = case.history == "address is shared"
            assert decision.outcome is (Outcome.AMBIGUOUS if is_shared else Outcome.UNMATCHED), case
            assert not decision.candidates, case


def test_what_a_person_undid_or_another_one_has_is_never_linked_by_rule() -> None:
    for case in cases():
        if case.history in ("undone here", "linked to another here"):
            assert case.decision().account_id is None, case


def test_a_students_row_never_reaches_an_account_with_classes_of_its_own() -> None:
    for case in cases():
        if case.history.startswith("teaches"):
            decision = case.decision()
            assert (decision.account_id, decision.candidates) == (None, ()), case


def test_what_contradicts_an_address_does_not_contradict_the_logins_subject() -> None:
    for case in cases():
        if case.account == "is opened by the login" and case.sides()[2]:
            expected = case.history in ("nothing", "address was another's", "address is shared")
            assert (case.decision().account_id is not None) is expected, case
        if case.account.startswith("verified it,") and case.history == "nothing" and case.sides()[2]:
            assert case.decision().account_id is None, case


def test_the_role_alone_changes_nothing() -> None:
    for case in (case for case in cases() if case.role is Role.TEACHER):
        student = Case(case.proof, case.address, case.account, case.history, Role.STUDENT)
        assert student.decision() == case.decision(), case


def test_the_printed_table_is_current() -> None:
    assert TABLE.read_text() == table(), "run `make link-decisions`"
