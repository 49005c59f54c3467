"""Federated identities of an account, and which of them are trusted after a link (docs/security.md, pre-hijacked accounts).

Somebody may have added their own login to the account long before its owner came. So a federated identity that was not shown
at the link has to be confirmed once: by another login to the same account, in the same browser.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass

type FederatedIdentity = tuple[str, str]
"""Issuer and subject of a login that opens an account without its password; an address never is one."""

_BARE = ("accounts.google.com",)
"""Issuers whose older tokens leave the scheme out."""
_MANY_TENANTS = "/organizations/"
_MICROSOFT = "https://login.microsoftonline.com/organizations/v2.0"


@dataclass(frozen=True, slots=True)
class Issuers:
    """The issuers of the four hubs as this stack knows them. A stack whose hubs are doubles has other ones than the true."""

    google: str = "https://accounts.google.com"
    clever: str = "https://clever.com"
    classlink: str = "https://launchpad.classlink.com"
    microsoft: str = _MICROSOFT
    """That of all tenants; each tenant's own has its id in place of ``organizations``."""

    def own(self, named: str) -> str:
        """How this stack knows an issuer that a feed names, in whatever spelling, by the hub's true name or its own."""
        named = f"https://{named}" if named.lower() in _BARE else named
        scheme, _, rest = named.rstrip("/").partition("://")
        host, slash, path = rest.partition("/")
        issuer = f"{scheme.lower()}://{host.lower()}{slash}{path}"
        known = {"https://accounts.google.com": self.google, "https://clever.com": self.clever}
        known["https://launchpad.classlink.com"] = self.classlink
        before, _, after = _MICROSOFT.partition(_MANY_TENANTS)
        if issuer.startswith(f"{before}/") and issuer.endswith(f"/{after}"):
            tenant = issuer[len(before) + 1 : -len(after) - 1]
            return self.microsoft.replace(_MANY_TENANTS, f"/{tenant}/")
        return known.get(issuer, issuer)


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
