"""Words that people write about themselves or others: what of them is repeated in a mail to somebody else."""

from __future__ import annotations

import re
import unicodedata

_UNSEEN = re.compile(r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
_DOTS = re.compile(r"[\u3002\uff0e\uff61\u2024]")
_ENDINGS = (
    "app|biz|click|co|com|dev|edu|example|gov|info|io|link|live|me|mobi|net|online|org|shop|site|store|top|us|xyz"
)
_ADDRESS = re.compile(
    rf"""
    \S\s?@\s?\S                                 # an address of mail, or a handle
    | ://| \bwww\. | \b(?:https?|mailto|tel|sms):  # a scheme
    | [^\W_][\w-]*\.(?:{_ENDINGS})\b            # a domain in whatever case: Evil.COM
    | \bxn--
    """,
    re.VERBOSE | re.IGNORECASE,
)
_DOMAIN_AS_WRITTEN = re.compile(r"[^\W_][\w-]+\.[a-z]{2,}(?:[/:?#]|$|[\s,;)])")
"""``evil.de/pay``; not ``St.Mary``."""


def carries_an_address(text: str) -> bool:
    """Whether a name holds an address of mail, a link or a domain, however it is spelt.

    ``St. Mary's``, ``St.Mary``, ``P.S. 118`` and ``J.R. Smith`` hold none.
    """
    seen = unicodedata.normalize("NFKC", _DOTS.sub(".", _UNSEEN.sub("", text)))
    return bool(_ADDRESS.search(seen) or _DOMAIN_AS_WRITTEN.search(seen))


def repeatable(name: str, instead: str = "") -> str:
    """A name for a mail; ``instead`` where it carries an address, so that nobody sends their own words by our mail."""
    return instead if carries_an_address(name) else name
