"""Words about a district's first mails, for its contacts to forward: to teachers, and to the district's IT.

``%(sender)s`` and the like are this service's own facts. Each text is in the catalogue of ``shared/locale``.
"""

from __future__ import annotations

from typing import Final, NamedTuple
from urllib.parse import urlsplit

from shared.runtime.languages import translations
from shared.runtime.settings import Brand


class Facts(NamedTuple):
    """What is this service's own in the words."""

    brand: str
    sender: str
    sender_domain: str
    subject: str
    host: str
    """Where every button of a mail leads."""
    web_url: str
    support_url: str


def facts_of(brand: Brand, sender: str, subject: str, support_url: str | None) -> Facts:
    """``sender`` may be a name with an address; ``support_url`` is the district's own, where it has one."""
    address = sender.rpartition("<")[2].rstrip(">").strip()
    return Facts(
        brand.brand_name,
        address,
        address.rpartition("@")[2],
        subject,
        urlsplit(brand.web_url).hostname or "",
        brand.web_url,
        support_url or brand.support_url,
    )


def _(text: str) -> str:
    """Mark a text for the catalogue of translations."""
    return text


_TEACHERS: Final = (
    _("Hello,"),
    _("You will soon get an email from %(sender)s. Its subject is: %(subject)s."),
    _("It is real. We asked for it, so that your %(brand)s classes and the work of your students come with you."),
    _("It has one blue button. The address behind it begins with %(web_url)s/activate/."),
    _("Nothing changes until you log in. No email asks for your password."),
    _("Do you not trust an email? Do not press. Type %(web_url)s/real and the code at its end, or ask us."),
    _("Help: %(support_url)s"),
)
_IT: Final = (
    _("Hello,"),
    _("Our teachers will soon get emails from %(sender)s."),
    _("Please let mail from %(sender_domain)s through to the inbox. It is signed with DKIM and passes DMARC."),
    _("Please let our people reach %(host)s, and do not rewrite or open the links of these emails."),
    _("The subject of the first email is: %(subject)s."),
    _("Each button leads to an address that begins with %(web_url)s/. Anything else is not from us."),
    _("Help: %(support_url)s"),
)


def to_teachers(facts: Facts, language: str) -> str:
    """Words that a district sends its teachers before the first mails."""
    return _letter(_TEACHERS, facts, language)


def to_it(facts: Facts, language: str) -> str:
    """Words for whoever runs the district's mail filter."""
    return _letter(_IT, facts, language)


def _letter(lines: tuple[str, ...], facts: Facts, language: str) -> str:
    translate = translations(language).gettext
    return "\n\n".join(translate(line) % facts._asdict() for line in lines)
