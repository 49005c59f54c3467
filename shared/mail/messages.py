"""The mails there are: one function for each. Its arguments are what its templates need, and nothing else.

All take the brand and the district, which give the language, the support address and the names that every mail has. ``to`` is
one stored address; ``link`` is where the button leads, and ``code`` the mail's short code (``shared.mail.mail_codes``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Literal

from shared.domain.district import District
from shared.domain.link import Proof
from shared.domain.person_text import repeatable
from shared.mail.plain_text import plain, shown_key
from shared.mail.rendering import DISTRICT_TAG, Kind, Message, build, translated
from shared.runtime.languages import language_for
from shared.runtime.settings import Brand

_NOT_REPEATED = "…"
"""For a name that carries an address."""
SUBJECTS = {
    Kind.ACTIVATION: "Confirm your official %(brand)s account",
    Kind.REMINDER: "Reminder: confirm your official %(brand)s account",
    Kind.NUDGE: "Your previous %(brand)s classes are still open",
    Kind.HELD_IMPORT: "Action needed: your roster upload is on hold",
    Kind.PAUSE: "Rosters of %(district)s pause from tomorrow",
    Kind.FIRST_MAILS: "Soon your teachers get emails from %(brand)s",
    Kind.FIRST_WAVE_STOPPED: "Action needed: nobody opened the first emails",
    Kind.SOURCE_FAILED: "The roster of %(district)s did not come for two nights",
    Kind.DIGEST: "Old classes are still open in %(district)s",
    Kind.LINKED: "Your %(brand)s accounts were linked",
    Kind.UNDONE: "Your %(brand)s accounts are no longer linked",
    Kind.OWN_CODE: "Your code for %(brand)s",
    Kind.OWN_TAKEN: "This email opens a %(brand)s account already",
    Kind.OWN_ADDED: "A new login was added to your %(brand)s account",
}
"""What each mail is called; the headings of the templates say the same, and are what gets translated."""


def activation(
    brand: Brand,
    district: District,
    *,
    to: str,
    name: str,
    schools: Sequence[str],
    link: str,
    expires: date | None,
    activation_id: str,
    import_id: str | None = None,
    subject: str = SUBJECTS[Kind.ACTIVATION],
    code: str = "",
) -> Message:
    """Asks a teacher to confirm the official account (M8). ``expires`` is the last day of the link, None for none."""
    tags = {"activation_id": activation_id, **_of_import(import_id)}
    return _build(
        Kind.ACTIVATION, brand, district, to=to, subject=subject, link=link, tags=tags, code=code,
        name=repeatable(name), schools=[school for school in schools if repeatable(school)], expires=expires,
    )  # fmt: skip


def reminder(
    brand: Brand,
    district: District,
    *,
    to: str,
    name: str,
    schools: Sequence[str],
    link: str,
    stop: str,
    expires: date | None,
    activation_id: str,
    import_id: str | None = None,
    code: str = "",
) -> Message:
    """Reminds of an activation mail and leads where it leads. ``stop`` ends the reminders in one click (RFC 8058)."""
    tags = {"reminder_of": activation_id, **_of_import(import_id)}
    return _build(
        Kind.REMINDER, brand, district, to=to, link=link, stop=stop, tags=tags, code=code,
        name=repeatable(name), schools=[school for school in schools if repeatable(school)], expires=expires,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class NudgedClass:
    """A grassroots class in a nudge: what is in it, how many of its students moved, and into which district classes.

    ``moved`` is 0 where it was paired by its name.
    """

    name: str
    students: int
    goals: int
    assignments: int
    moved: int
    into: str

    def repeatable(self) -> NudgedClass:
        """The class, without a name that carries an address."""
        return replace(self, name=repeatable(self.name, _NOT_REPEATED), into=repeatable(self.into, _NOT_REPEATED))


def nudge(
    brand: Brand,
    district: District,
    *,
    to: str,
    name: str,
    obsolete: Sequence[NudgedClass],
    asked: Sequence[NudgedClass],
    stop: str,
    code: str = "",
) -> Message:
    """Names the grassroots classes that are obsolete, and those to ask about (M17, B4). ``stop`` ends the nudges (RFC 8058)."""
    return _build(
        Kind.NUDGE, brand, district, to=to, link=f"{brand.web_url}/cleaning", stop=stop, code=code,
        name=repeatable(name), obsolete=[each.repeatable() for each in obsolete],
        asked=[each.repeatable() for each in asked],
    )  # fmt: skip


def held_import(
    brand: Brand, district: District, *, to: str, upload: str, reason: str, import_id: str, people: str = ""
) -> Message:
    """Says that an import waits for a person, and why (M3). ``upload`` is the key of what was uploaded; ``people`` says who
    would be removed, by role."""
    return _build(
        Kind.HELD_IMPORT, brand, district, to=to,
        link=f"{brand.web_url}/console/{district.district_id}/imports/{import_id}",
        upload=shown_key(upload), reason=reason, people=people, import_id=import_id, district_id=district.district_id,
    )  # fmt: skip


APPLIED_AGAIN = "Uploads for %(district)s count again tomorrow"
"""The subject of the mail before a pause ends."""


def pause(brand: Brand, district: District, *, to: str, begins: bool, first: date, last: date) -> Message:
    """Says that a pause begins tomorrow, or that this is its last day."""
    return _build(
        Kind.PAUSE, brand, district, to=to, link=f"{brand.web_url}/console/{district.district_id}",
        subject=None if begins else APPLIED_AGAIN, begins=begins, first=first, last=last,
    )  # fmt: skip


def first_mails(
    brand: Brand,
    district: District,
    *,
    to: str,
    sender: str,
    host: str,
    subject: str,
    begins: date | None,
    per_day: int | None,
) -> Message:
    """Says what mails come to a district's teachers, and what to allow before. ``subject`` is that of the activation
    mail, ``begins`` a day that lies ahead, ``host`` where all buttons lead, ``per_day`` how many may go out in all."""
    language = language_for(district.locale)
    return _build(
        Kind.FIRST_MAILS, brand, district, to=to, link=f"{brand.web_url}/console/{district.district_id}/first-mails",
        sender=sender, domain=sender.rpartition("@")[2], host=host, begins=begins, per_day=per_day,
        size=district.first_wave, first_subject=translated(language, subject, brand=brand.brand_name),
    )  # fmt: skip


def first_wave_stopped(brand: Brand, district: District, *, to: str) -> Message:
    """Says that nobody opened the first wave, that the rest wait, and what to look at."""
    return _build(
        Kind.FIRST_WAVE_STOPPED, brand, district, to=to,
        link=f"{brand.web_url}/console/{district.district_id}/first-mails",
    )  # fmt: skip


def source_failed(
    brand: Brand, district: District, *, to: str, source: str, good_on: date | None, reason: str
) -> Message:
    """Says that the roster could not be fetched, and why (B10). ``source`` names where it comes from; ``good_on`` is the day
    on which that was good last."""
    return _build(
        Kind.SOURCE_FAILED, brand, district, to=to, link=f"{brand.web_url}/console/{district.district_id}/source",
        source=source, good_on=good_on, reason=reason,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class DigestRow:
    """A school in a digest, empty for those of no school; ``percent`` is the length of its bar."""

    name: str
    classes: int
    percent: int


def digest(
    brand: Brand,
    district: District,
    *,
    to: str,
    schools: Sequence[DigestRow],
    others: int,
    classes: int,
    teachers: int,
) -> Message:
    """How many grassroots classes are left, by school (M17). ``others`` are the classes of schools without a row."""
    return _build(
        Kind.DIGEST, brand, district, to=to, link=f"{brand.web_url}/console/{district.district_id}",
        schools=[replace(row, name=repeatable(row.name, _NOT_REPEATED)) for row in schools],
        others=others, classes=classes, teachers=teachers,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class BothSides:
    """The two sides of a link in its notices, masked, and the moment of the change in the district's time zone.

    ``event_id`` is the change's event; SES hands it back with what becomes of the mail.
    """

    event_id: str
    name: str
    official_email: str
    account_name: str
    username: str
    email: str
    moment: datetime


def linked(
    brand: Brand,
    district: District,
    *,
    to: str,
    sides: BothSides,
    proof: Proof | Literal["rule", "adopted", "made"] | None,
    link: str,
    code: str = "",
) -> Message:
    """Says that two accounts were linked, and how it was proved; ``link`` leads to the undo (B2)."""
    return _notice(Kind.LINKED, brand, district, to=to, sides=sides, proof=proof or "", link=link, code=code)


def undone(brand: Brand, district: District, *, to: str, sides: BothSides, code: str = "") -> Message:
    """Says that the link of two accounts was undone (B2)."""
    return _notice(Kind.UNDONE, brand, district, to=to, sides=sides, proof="", link=f"{brand.web_url}/home", code=code)


def _notice(
    kind: Kind, brand: Brand, district: District, *, to: str, sides: BothSides, proof: str, link: str, code: str
) -> Message:
    """``district_login`` is the way to link again, which the mail about an undo names."""
    return _build(
        kind, brand, district, to=to, link=link, tags={"notice_of": sides.event_id}, code=code,
        name=repeatable(sides.name), official_email=sides.official_email, account_name=repeatable(sides.account_name),
        username=sides.username,
        email=sides.email, proof=proof, district_login=f"{brand.web_url}/sso/{district.district_id}",
        day=sides.moment.date(), time=f"{sides.moment:%H:%M}",
    )  # fmt: skip


def own_code(brand: Brand, district: District | None, *, to: str, digits: str, minutes: int, language: str) -> Message:
    """The code by which somebody proves this address, to add it to an account or to log in. ``district`` is None where the
    account is of none."""
    return _build(
        Kind.OWN_CODE, brand, district, to=to, link=f"{brand.web_url}/login", language=language,
        digits=f"{digits[:4]} {digits[4:]}", minutes=minutes,
    )  # fmt: skip


def own_taken(brand: Brand, district: District | None, *, to: str, language: str) -> Message:
    """Says to the holder of an address that somebody wanted to add it to another account; it has no code."""
    return _build(Kind.OWN_TAKEN, brand, district, to=to, link=f"{brand.web_url}/login", language=language)


def own_added(brand: Brand, district: District, *, to: str, login: str, event_id: str, code: str = "") -> Message:
    """Says that a login was added to an account. ``login`` is its address, masked."""
    return _build(
        Kind.OWN_ADDED, brand, district, to=to, link=f"{brand.web_url}/ways-in", login=login,
        tags={"notice_of": event_id}, code=code,
    )  # fmt: skip


def _of_import(import_id: str | None) -> dict[str, str]:
    """The tag by which SES' events about a mail name the import that invited its person, where one did."""
    return {"import_id": import_id} if import_id else {}


def _build(
    kind: Kind,
    brand: Brand,
    district: District | None,
    *,
    to: str,
    link: str,
    subject: str | None = None,
    stop: str = "",
    tags: dict[str, str] | None = None,
    code: str = "",
    language: str = "",
    **values: Any,
) -> Message:
    language = language_for(language or (district.locale if district else None))
    name = district.name if district else ""
    subject = subject or SUBJECTS[kind]
    return build(
        kind,
        language,
        to=to,
        subject=translated(language, subject, brand=brand.brand_name, district=plain(name)),
        brand=brand,
        stop=stop,
        tags={**(tags or {}), **({DISTRICT_TAG: district.district_id} if district else {})},
        district=name,
        address=link,
        code=code,
        real=f"{brand.web_url}/real",
        support_url=(district.support_url if district else None) or brand.support_url,
        **values,
    )
