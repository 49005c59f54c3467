"""What the mails that invite a teacher say: the activation mail, and those that remind of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from shared.domain.activation import Activation
from shared.domain.clock import from_iso
from shared.domain.district import District
from shared.domain.roster import RosterUser
from shared.mail import messages
from shared.mail.mail_codes import MailCodes
from shared.mail.rendering import Kind, Message
from shared.runtime.settings import Brand
from shared.runtime.tokens import activation_token, stop_token
from shared.stores.districts import DistrictStore


class InvitationMails:
    """Adds the token, the short code and the names of the schools; ``subject`` is that of the activation mail."""

    def __init__(
        self,
        districts: DistrictStore,
        codes: MailCodes,
        *,
        token_key: Callable[[], bytes],
        brand: Brand,
        subject: str,
    ) -> None:
        self._codes = codes
        self._districts = districts
        self._token_key = token_key
        self._brand = brand
        self._subject = subject

    def activation(self, activation: Activation, user: RosterUser, district: District) -> Message:
        return messages.activation(
            self._brand,
            district,
            to=activation.official_email,
            name=user.display_name,
            schools=self._schools(user),
            link=self._link(activation),
            expires=_last_day(activation, district),
            activation_id=activation.activation_id,
            import_id=activation.import_id,
            subject=self._subject,
            code=self._codes.of(district, Kind.ACTIVATION),
        )

    def reminder(self, activation: Activation, user: RosterUser, district: District) -> Message:
        """Leads where the first one leads. Can be stopped in one click, as it is not the one mail that has to be."""
        return messages.reminder(
            self._brand,
            district,
            to=activation.official_email,
            name=user.display_name,
            schools=self._schools(user),
            link=self._link(activation),
            stop=f"{self._brand.web_url}/unsubscribe/{stop_token(activation.activation_id, self._token_key())}",
            expires=_last_day(activation, district),
            activation_id=activation.activation_id,
            import_id=activation.import_id,
            code=self._codes.of(district, Kind.REMINDER),
        )

    def _schools(self, user: RosterUser) -> list[str]:
        return sorted(self._districts.school_names(user.district_id, user.school_ids).values())

    def _link(self, activation: Activation) -> str:
        return f"{self._brand.web_url}/activate/{activation_token(activation, self._token_key())}"


def _last_day(activation: Activation, district: District) -> date | None:
    """The last day on which the link works, on the district's calendar."""
    return from_iso(activation.expires_at).astimezone(district.zone).date() if activation.expires_at else None
