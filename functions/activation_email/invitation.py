"""The mails that invite a teacher: the first one, and those that remind of it."""

from __future__ import annotations

from collections.abc import Callable

from shared.domain.activation import Activation
from shared.domain.clock import from_iso
from shared.domain.district import District
from shared.domain.roster import RosterUser
from shared.mail.rendering import SUBJECTS, Kind, Message, build, translated
from shared.runtime.i18n import language_for
from shared.runtime.settings import Brand
from shared.runtime.tokens import activation_token, stop_token
from shared.stores.districts import DistrictStore


class InvitationMails:
    """Builds them; ``subject`` is that of the first one."""

    def __init__(self, districts: DistrictStore, *, token_key: Callable[[], bytes], brand: Brand, subject: str) -> None:
        self._districts = districts
        self._token_key = token_key
        self._brand = brand
        self._subject = subject

    def first(self, activation: Activation, user: RosterUser, district: District) -> Message:
        tags = {"activation_id": activation.activation_id}
        return self._build(Kind.ACTIVATION, self._subject, activation, user, district, tags)

    def reminder(self, activation: Activation, user: RosterUser, district: District) -> Message:
        """Leads where the first one leads. Can be stopped in one click, as it is not the one mail that has to be."""
        stop = f"{self._brand.web_url}/unsubscribe/{stop_token(activation.activation_id, self._token_key())}"
        tags = {"reminder_of": activation.activation_id}
        return self._build(Kind.REMINDER, SUBJECTS[Kind.REMINDER], activation, user, district, tags, stop)

    def _build(
        self,
        kind: Kind,
        subject: str,
        activation: Activation,
        user: RosterUser,
        district: District,
        tags: dict[str, str],
        stop: str = "",
    ) -> Message:
        schools = self._districts.school_names(district.district_id, user.school_ids)
        language = language_for(district.locale)
        return build(
            kind,
            language,
            to=activation.official_email,
            subject=translated(language, subject, brand=self._brand.brand_name),
            brand=self._brand,
            stop=stop,
            tags=tags,
            name=user.display_name,
            district=district.name,
            schools=sorted(schools.values()),
            address=f"{self._brand.web_url}/activate/{activation_token(activation, self._token_key())}",
            support_url=district.support_url or self._brand.support_url,
            expires=from_iso(activation.expires_at).astimezone(district.zone).date() if activation.expires_at else None,
        )
