"""One form for an email address, so that equal addresses are equal texts and look-alikes never are (docs/security.md)."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from itertools import repeat
from operator import contains

_LONGEST = 254
_LONGEST_LOCAL = 64
_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9]|-(?!-)){0,61}(?<!-)"
_PLAIN = re.compile(rf"[A-Za-z0-9_+]+(?:[-.][A-Za-z0-9_+]+)*@(?:{_LABEL}\.)+[A-Za-z]{{2,63}}")
"""The form of nearly all addresses. The library agrees about these, and takes fifty times as long."""
_PLAIN_LOCALS = re.compile(r"(?:[A-Za-z0-9_+]++(?:[-.][A-Za-z0-9_+]++)*+\n)++")
"""Lines of what stands before the ``@`` in that form."""


def normalise(raw: str | None) -> str | None:
    """Return the address in the form that is stored and compared; None if it cannot be matched.

    Only ASCII addresses take part in matching, and only A–Z are folded: Unicode case folding maps letters such as
    ``ſ`` or the Kelvin sign onto ASCII ones, which once let a look-alike take over an account (CVE-2019-19844).
    """
    text = (raw or "").strip()
    if not text or len(text) > _LONGEST or not text.isascii():
        return None
    if _PLAIN.fullmatch(text) and len(text.partition("@")[0]) <= _LONGEST_LOCAL:
        return text.lower()
    # The few that are not plain; the library is slow to import.
    from email_validator import EmailNotValidError, validate_email

    try:
        validate_email(text, check_deliverability=False, globally_deliverable=False, allow_smtputf8=False)
    except EmailNotValidError:
        return None
    return text.lower() if "." in domain_of(text) else None


def normalise_all(raw: Sequence[str]) -> list[str | None]:
    """What ``normalise`` returns for each of these; where all of them are plain, they are looked at together.

    >>> normalise_all(["Ada@Lakeside.example", "", "a b"])
    ['ada@lakeside.example', None, None]
    """
    if not any(raw):
        return [None] * len(raw)
    parts = "@".join(raw).split("@")
    locals_, domains = parts[::2], parts[1::2]
    if (
        len(parts) == 2 * len(raw)
        and all(map(contains, raw, repeat("@")))
        and max(map(len, raw)) <= _LONGEST
        and max(map(len, locals_)) <= _LONGEST_LOCAL
        and all(_PLAIN.fullmatch(f"a@{domain}") for domain in set(domains))
        and _PLAIN_LOCALS.fullmatch("\n".join(locals_) + "\n")
    ):
        return list(map(str.lower, raw))
    return list(map(normalise, raw))


def domain_of(address: str) -> str:
    """The part after the ``@`` of a normalised address."""
    return address.rpartition("@")[2]


def has_only_another_domain(before: str | None, now: str | None, domains: Collection[str]) -> bool:
    """Whether two normalised addresses are different and equal before the ``@``, and both domains are among these."""
    if before is None or now is None or before == now:
        return False
    (local, _, then), (same, _, since) = before.rpartition("@"), now.rpartition("@")
    return local == same and then in domains and since in domains
