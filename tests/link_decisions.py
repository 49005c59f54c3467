"""All combinations of proof, roster, account and history, and what is decided of each: printed into docs/link-decisions.md."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from shared.domain.matching import AccountSide, Decision, LoginProof, RosterSide, decide
from shared.domain.roster import Role

TABLE = Path(__file__).parents[1] / "docs/link-decisions.md"
OWN_DOMAINS = ("school.example",)
OWN, ELSEWHERE = "ada@school.example", "ada@mail.example"
ISSUER, SUBJECT = "https://issuer.example", "ada"
IDENTITY = frozenset({(ISSUER, SUBJECT)})

PROOFS = {
    "none: an import": None,
    "a login without an address": LoginProof(ISSUER, SUBJECT),
    "a login whose issuer verified the official address": LoginProof(ISSUER, SUBJECT, "official"),
}
ADDRESSES = {"in a domain of its own": OWN, "elsewhere": ELSEWHERE, "not there": None}
ACCOUNTS = {
    "is opened by the login": AccountSide("a", "Ada Lovelace", subjects=IDENTITY),
    "has the subject, not shown at its link": AccountSide("a", subjects=IDENTITY, unconfirmed=IDENTITY),
    "verified the address": AccountSide("a", "Ada Lovelace", "official", True),
    "verified it, has another family name": AccountSide("a", "Ada Byron", "official", True),
    "verified it, has another subject of the issuer": AccountSide(
        "a", "Ada", "official", True, frozenset({(ISSUER, "other")})
    ),
    "never verified the address": AccountSide("a", "Ada", "official", False),
    "is named by an id in a column alone": AccountSide("a", "Ada"),
}
HISTORIES = (
    "nothing",
    "undone here",
    "linked to another here",
    "address was another's",
    "address is shared",
    "teaches, row is a student's",
)


@dataclass(frozen=True, slots=True)
class Case:
    """One combination, by the names of its parts."""

    proof: str
    address: str
    account: str
    history: str
    role: Role = Role.TEACHER

    def sides(self) -> tuple[RosterSide, AccountSide, LoginProof | None]:
        address, login = ADDRESSES[self.address], PROOFS[self.proof]
        account = ACCOUNTS[self.account]
        if account.email:
            account = replace(
                account, email=address, email_is_verified=account.email_is_verified and address is not None
            )
        if login and login.verified_email:
            login = replace(login, verified_email=address)
        person = RosterSide(
            self.role,
            "Lovelace",
            address,
            address_is_shared=self.history == "address is shared",
            address_was_anothers=self.history == "address was another's",
            address_is_proven=login is not None and login.verified_email is not None,
        )
        account = replace(
            account,
            is_undone=self.history == "undone here",
            is_linked_elsewhere=self.history == "linked to another here",
        )
        if self.history == "teaches, row is a student's":
            person, account = replace(person, role=Role.STUDENT), replace(account, teaches=True)
        return person, account, login

    def decision(self) -> Decision:
        person, account, login = self.sides()
        return decide(person, [account], OWN_DOMAINS, login)


def cases() -> Iterator[Case]:
    return (Case(*parts) for parts in product(PROOFS, ADDRESSES, ACCOUNTS, HISTORIES, Role))


def outcome(decision: Decision) -> str:
    if decision.account_id:
        return "**link**"
    return "offer" if decision.candidates else "–"


def table() -> str:
    """The document: a table for each proof and address."""
    parts = [
        "# Link decisions\n\n"
        "Printed by `make link-decisions` from `shared/domain/matching.py` (M6, M7, M20).\n\n"
        "- *Link*: without a question; at an import: matched, and not mailed.\n"
        "- *Offer*: the person proves the account by a login to it.\n"
        "- *–*: nothing is said of it.\n\n"
        "Grounds, and what contradicts them, are in the [rules](rules.md#m6-what-links-without-a-question).\n"
    ]
    for proof, address in product(PROOFS, ADDRESSES):
        parts.append(f"\n## Proof: {proof}. Official address: {address}\n\n")
        parts.append(f"| the account | {' | '.join(HISTORIES)} |\n|---|{'---|' * len(HISTORIES)}\n")
        for account in ACCOUNTS:
            cells = (outcome(Case(proof, address, account, history).decision()) for history in HISTORIES)
            parts.append(f"| {account} | {' | '.join(cells)} |\n")
    return "".join(parts)


if __name__ == "__main__":
    TABLE.write_text(table())
