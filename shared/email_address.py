"""One form for an email address, so that equal addresses are equal texts and look-alikes never are (security.md)."""

from __future__ import annotations

from email_validator import EmailNotValidError, validate_email

_LONGEST = 254


def normalise(raw: str | None) -> str | None:
    """The address in the one form that is stored and compared; None where it is no address that can be matched.

    Only ASCII addresses take part in matching, and only A–Z are folded: Unicode case folding maps letters such as
    ``ſ`` or the Kelvin sign onto ASCII ones, which once let a look-alike take over an account (CVE-2019-19844).

    >>> normalise(" Ada.Lovelace@School.EXAMPLE ")
    'ada.lovelace@school.example'
    >>> normalise("miKe@school.example")  # the K is the Kelvin sign
    >>> normalise("nobody")
    """
    text = (raw or "").strip()
    if not text or len(text) > _LONGEST or not text.isascii():
        return None
    try:
        validate_email(text, check_deliverability=False, globally_deliverable=False, allow_smtputf8=False)
    except EmailNotValidError:
        return None
    local, _, domain = text.rpartition("@")
    if "." not in domain or domain.startswith("[") or local.startswith('"'):
        return None
    return text.lower()


def domain_of(address: str) -> str:
    """The part after the ``@`` of a normalised address."""
    return address.rpartition("@")[2]


def masked(address: str) -> str:
    """An address as shown to somebody who has not proved it: first letter and domain.

    >>> masked("ada.lovelace@school.example")
    'a•••@school.example'
    """
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}•••@{domain}"
