"""What a district's IT does at each hub before people can log in, and what to do where a hub keeps them (docs/hub-setup.md).

A hub that turns somebody away shows a page of its own and calls nobody here: these are the words for that silence. Each is a
template for ``shared/locale``; ``%(client_id)s``, ``%(callback)s``, ``%(start)s`` and ``%(tenant)s`` are this service's own facts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from shared.domain.district import AnyProvider
from shared.runtime.languages import translations


class Facts(NamedTuple):
    """What is this service's own in the words."""

    brand: str
    client_id: str
    callback: str
    """Where the hub sends the browser back."""
    start: str
    """The address of the district's login."""
    tenant: str
    """The district's id at the hub; empty where it is not set yet."""
    sender: str
    web_url: str
    support_url: str


class Trouble(NamedTuple):
    """What a person sees at the hub, what it means, and who mends it. ``code`` is for support."""

    code: str
    seen: str
    means: str
    mended_by: str


class HubWords(NamedTuple):
    """One hub. ``cause`` is why its logins most likely do not come back."""

    title: str
    cause: str
    steps: tuple[str, ...]
    troubles: tuple[Trouble, ...]


def _(text: str) -> str:
    """Mark a text for the catalogue of translations."""
    return text


_IT: Final = _("Your district's IT mends this.")
_PERSON: Final = _("You can mend this yourself.")

HUBS: Final[Mapping[AnyProvider, HubWords]] = {
    "clever": HubWords(
        "Clever",
        _("Probably this application is not shared with these people in Clever, or its launch date is still to come."),
        (
            _(
                "In Clever, as a district administrator, open Applications and then the application %(brand)s "
                "(client id %(client_id)s)."
            ),
            _("Share it with the students, teachers and administrators of every school that uses it."),
            _("Look at the launch date: before that day nobody sees the application."),
            _("The district's id at Clever has to be the one that is set here: %(tenant)s."),
        ),
        (
            Trouble(
                "clever_not_shared",
                _("Clever says that you have no access, or shows an error of its own."),
                _("The district has not shared the application with you, or it has not begun yet."),
                _IT,
            ),
            Trouble(
                "clever_wrong_person",
                _("Clever shows somebody else's name."),
                _("Somebody else is still logged into Clever on this device. Choose “Not you?”, and log in yourself."),
                _PERSON,
            ),
            Trouble(
                "clever_login",
                _("Clever does not take your password or badge."),
                _("That password or badge is Clever's or your school's, not ours."),
                _IT,
            ),
        ),
    ),
    "google": HubWords(
        "Google",
        _("Probably your Google administrator has not allowed this app for under-18s."),
        (
            _(
                "In admin.google.com, open Security, Access and data control, API controls, and there Manage "
                "third-party app access."
            ),
            _("Choose Configure new app, and look for the client id %(client_id)s."),
            _("Choose the organizational units of all students and staff, and set the access to Trusted."),
            _(
                "Confirm it for users under 18 as well: Google blocks every app for them that an administrator "
                "has not configured."
            ),
        ),
        (
            Trouble(
                "google_blocked",
                _(
                    "Google says “Access blocked: your institution's admin needs to review this app”, or "
                    "access_not_configured."
                ),
                _(
                    "The administrator has not allowed this app for you; for people under 18 that is so until "
                    "somebody allows it."
                ),
                _IT,
            ),
            Trouble(
                "google_policy",
                _("Google says admin_policy_enforced or org_internal."),
                _("A rule of your organization keeps this app out."),
                _IT,
            ),
            Trouble(
                "google_wrong_account",
                _("Google offers only a private account."),
                _("Choose “Use another account”, and log in with the account that your school gave you."),
                _PERSON,
            ),
        ),
    ),
    "classlink": HubWords(
        "ClassLink",
        _(
            "Probably this application is not assigned to these people's groups in ClassLink, or they have "
            "to open their LaunchPad first."
        ),
        (
            _(
                "In the ClassLink Management Console, open Applications and add %(brand)s (client id "
                "%(client_id)s) to the district's library."
            ),
            _("Assign it to the groups of all students and teachers who use it."),
            _(
                "Grant the application access to rosters in Roster Server, where the rosters come from there: it"
                " is a permission of its own."
            ),
            _("The district's TenantId has to be the one that is set here: %(tenant)s."),
        ),
        (
            Trouble(
                "classlink_no_page",
                _("ClassLink asks you to find your login page."),
                _(
                    "This browser has not opened your district's LaunchPad yet. Open it first, and choose our tile "
                    "there."
                ),
                _PERSON,
            ),
            Trouble(
                "classlink_not_assigned",
                _("There is no tile of ours in your LaunchPad, or ClassLink says that you have no access."),
                _("The application is not assigned to your group."),
                _IT,
            ),
        ),
    ),
    "microsoft": HubWords(
        "Microsoft",
        _(
            "Probably no administrator of your Microsoft tenant has consented to this app, or these people "
            "are not assigned to it."
        ),
        (
            _("As an administrator of the tenant, open this address once and accept: %(consent)s"),
            _("In the Entra admin center, open Enterprise applications and the one with the client id %(client_id)s."),
            _(
                "Under Properties set “Assignment required?” to No; or keep Yes, and assign the groups of all "
                "students and teachers under Users and groups."
            ),
            _(
                "Where rosters come from School Data Sync, the consent includes EduRoster.Read.All of Microsoft "
                "Graph: by it people are found by their number."
            ),
            _("The tenant's id has to be the one that is set here: %(tenant)s."),
        ),
        (
            Trouble(
                "microsoft_consent",
                _("Microsoft says “Need admin approval”, AADSTS65001, AADSTS90093 or AADSTS90094."),
                _("An administrator has to consent once for everybody."),
                _IT,
            ),
            Trouble(
                "microsoft_assignment",
                _("Microsoft says AADSTS50105."),
                _("The application is only for people who are assigned to it, and you are not."),
                _IT,
            ),
            Trouble(
                "microsoft_other_tenant",
                _("Microsoft says AADSTS50020, or that the account does not exist in this organization."),
                _(
                    "That is another organization's account, or a private one. Choose the account that your school "
                    "gave you."
                ),
                _PERSON,
            ),
            Trouble(
                "microsoft_settings",
                _("Microsoft says AADSTS650056 or AADSTS50011."),
                _("The application's own registration is not right."),
                _("The platform's support mends this."),
            ),
        ),
    ),
}

_GREETING: Final = _("Please do this once, so that our students and teachers can log into %(brand)s with %(hub)s:")
_RETURN: Final = _("Where a form asks for the redirect address: %(callback)s")
_HOME: Final = _("The address of our district's login: %(start)s")
_MAIL: Final = _(
    "Please also let email from %(sender)s (domain %(domain)s) through the filter; its links lead to %(web_url)s alone."
)
_HELP: Final = _("Questions: %(support_url)s")


def cause(provider: AnyProvider, language: str = "en") -> str:
    """Why logins with this hub most likely do not come back."""
    return translations(language).gettext(HUBS[provider].cause)


def steps(provider: AnyProvider, facts: Facts, language: str = "en") -> list[str]:
    """What the district's IT does at this hub, step by step."""
    translate = translations(language).gettext
    return [
        translate(step) % _filling(provider, facts)
        for step in HUBS[provider].steps
        if facts.tenant or "%(tenant)s" not in step
    ]


def troubles(provider: AnyProvider, language: str = "en") -> list[Trouble]:
    """What people see at this hub instead of coming back."""
    translate = translations(language).gettext
    return [Trouble(t.code, *map(translate, (t.seen, t.means, t.mended_by))) for t in HUBS[provider].troubles]


def mail_filter(facts: Facts, language: str = "en") -> str:
    """Which sender and addresses a mail filter has to let through; empty where no mail is sent."""
    return translations(language).gettext(_MAIL) % _filling("google", facts) if facts.sender else ""


def letter(provider: AnyProvider, facts: Facts, language: str = "en") -> str:
    """All of it, to be forwarded to the district's IT."""
    translate, filling = translations(language).gettext, _filling(provider, facts)
    numbered = [f"{number}. {step}" for number, step in enumerate(steps(provider, facts, language), 1)]
    rest = [translate(line) % filling for line in (_RETURN, _HOME)]
    about_mail = mail_filter(facts, language)
    ending = [*([about_mail] if about_mail else []), translate(_HELP) % filling]
    return "\n".join([translate(_GREETING) % filling, "", *numbered, "", *rest, "", *ending])


def _filling(provider: AnyProvider, facts: Facts) -> dict[str, str]:
    place = f"https://login.microsoftonline.com/{facts.tenant or 'organizations'}/adminconsent"
    consent = f"{place}?client_id={facts.client_id}&redirect_uri={facts.callback}"
    domain = facts.sender.rpartition("@")[2].rstrip(">")
    return {**facts._asdict(), "hub": HUBS[provider].title, "consent": consent, "domain": domain}
