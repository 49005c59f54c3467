"""Ways into an account, and which of them may be trusted after a link (docs/security.md, pre-hijacked accounts).

Somebody may have put their own login beside the owner's long before the owner came. So an outside login that the owner
did not show at the link has to be confirmed once: by another login of the same account, in the same browser.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection


def outside(issuer: str, subject: str) -> str:
    """An outside login by its issuer and subject, as it is noted: a hash, nothing that could be used."""
    return hashlib.sha256(f"{issuer}#{subject}".encode()).hexdigest()[:32]


def is_trusted(way: str | None, shown: Collection[str] | None) -> bool:
    """Whether a login by this way may be let in. ``way`` is None for a password and for a district's login;
    ``shown`` are the outside logins that were shown since the account was linked, None before that."""
    return way is None or shown is None or way in shown
