"""Sends one activation mail: takes it, builds it, sends it once, and notes what came of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from shared.activation import Activation, ActivationState
from shared.activation_token import make_token
from shared.clock import Clock, from_iso, to_iso
from shared.district import District
from shared.errors import OutcomeUnknown, RefusedTransition
from shared.i18n import language_for
from shared.link import LinkState
from shared.mail.mailer import Mailer, MailRefused
from shared.mail.message import Message, build, translated
from shared.roster import Role, RosterUser, RosterUserKey
from shared.settings import Brand
from shared.stores.activations import ActivationStore
from shared.stores.districts import DistrictStore
from shared.stores.links import LinkStore
from shared.stores.roster_users import RosterUserStore

TEMPLATES = Path(__file__).parent / "templates"
LEASE = timedelta(minutes=10)


class Outcome(StrEnum):
    """What became of a request to mail."""

    SENT = "sent"
    NOT_PENDING = "not_pending"
    NOT_NEEDED = "not_needed"
    UNANSWERED = "unanswered"


class ActivationSending:
    """Any number of requests for one activation, at any time, lead to at most one accepted mail."""

    def __init__(
        self,
        activations: ActivationStore,
        users: RosterUserStore,
        links: LinkStore,
        districts: DistrictStore,
        mailer: Mailer,
        *,
        token_key: Callable[[], bytes],
        brand: Brand,
        subject: str,
        clock: Clock,
    ) -> None:
        self._activations = activations
        self._users = users
        self._links = links
        self._districts = districts
        self._mailer = mailer
        self._token_key = token_key
        self._brand = brand
        self._subject = subject
        self._clock = clock

    def send(self, user_key: RosterUserKey, activation_id: str) -> Outcome:
        """Raises MailRefused when SES said no, OutcomeUnknown while it is open what it did: the request is to come again.

        Whoever comes while the mail is under way waits for the lease to pass. By then SES' own event has settled what
        became of it (``mail_feedback``); where none came, the outcome is UNANSWERED and a person is told.
        """
        activation = self._activations.of_user(user_key)
        if not activation or activation.activation_id != activation_id:
            return Outcome.NOT_PENDING
        if activation.state is ActivationState.SENDING:
            if (activation.lease_until or "") > to_iso(self._clock()):
                raise OutcomeUnknown("still_sending", "It is not known yet whether this mail went out.")
            return Outcome.UNANSWERED
        if activation.state is not ActivationState.PENDING:
            return Outcome.NOT_PENDING
        user = self._users.get(user_key)
        if user is None or not user.active:
            return Outcome.NOT_NEEDED
        if (
            user.role is not Role.TEACHER
            or user.official_email != activation.official_email
            or self._needs_no_mail(user_key)
        ):
            self._activations.withdraw(activation)
            return Outcome.NOT_NEEDED
        message = self._message(activation, user, self._districts.get(user_key.district_id))
        try:
            self._activations.begin_sending(activation, now=self._clock(), lease=LEASE)
        except RefusedTransition:
            return self.send(user_key, activation_id)
        # From here on the mail may have gone out: only SES' answer or its tagged event may say that it did not.
        try:
            message_id = self._mailer.send(message)
        except MailRefused:
            self._activations.give_back(activation)
            raise
        self._activations.mark_sent(activation, message_id, now=self._clock())
        return Outcome.SENT

    def _needs_no_mail(self, user_key: RosterUserKey) -> bool:
        link = self._links.of_user(user_key)
        return link is not None and link.state in (LinkState.MATCHED, LinkState.LINKED)

    def _message(self, activation: Activation, user: RosterUser, district: District) -> Message:
        schools = self._districts.school_names(district.district_id, user.school_ids)
        language = language_for(district.locale)
        return build(
            TEMPLATES,
            "activation",
            language,
            to=activation.official_email,
            subject=translated(language, self._subject, brand=self._brand.brand_name),
            tags={"activation_id": activation.activation_id, "kind": "activation"},
            brand=self._brand.brand_name,
            name=user.display_name,
            district=district.name,
            schools=sorted(schools.values()),
            address=f"{self._brand.web_url}/activate/{make_token(activation, self._token_key())}",
            support_url=district.support_url or self._brand.support_url,
            expires=from_iso(activation.expires_at).astimezone(district.zone).date() if activation.expires_at else None,
        )
