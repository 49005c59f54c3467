"""Federated identities of an account, and which of them are trusted after a link (docs/security.md, pre-hijacked accounts).

Somebody may have added their own login to the account long before its owner came. So a federated identity that was not shown
at the link has to be confirmed once: by another login to the same account, in the same browser.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection


def identity_hash(issuer: str, subject: str) -> str:
    """Return the hash by which a federated identity is noted; it opens nothing."""
    return hashlib.sha256(f"{issuer}#{subject}".encode()).hexdigest()[:32]


def row_hash(given_name: str, family_name: str, official_email: str | None) -> str:
    """Return a hash of what a roster says of a person: a session that rests on it ends where the row is changed (M19)."""
    return hashlib.sha256("\n".join((given_name, family_name, official_email or "")).encode()).hexdigest()[:32]


def answer_hash(state: str) -> str:
    """Return a hash of a login's state: by it a session knows the answer that began it."""
    return hashlib.sha256(f"answer {state}".encode()).hexdigest()[:32]


def is_trusted(federated_identity: str | None, shown: Collection[str] | None) -> bool:
    """Whether a login may enter the account without being confirmed.

    ``federated_identity`` is None for a password and for a district's login. ``shown`` are those that were shown since
    the account was linked, None before that.
    """
    return federated_identity is None or shown is None or federated_identity in shown
