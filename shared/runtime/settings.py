"""The environment variables of each function: one model per function, read once, checked as a whole."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.domain.errors import InvalidSettings


class Settings(BaseModel):
    """Base of all settings: a field ``table_name`` is read from ``TABLE_NAME``."""

    model_config = ConfigDict(frozen=True)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Raises InvalidSettings that names every variable that is missing or wrong."""
        try:
            return cls.model_validate(
                {name: environment[name.upper()] for name in cls.model_fields if environment.get(name.upper())}
            )
        except ValidationError as error:
            wrong = ", ".join(str(e["loc"][0]).upper() for e in error.errors() if e["loc"])
            raise InvalidSettings(
                "invalid_environment", f"These environment variables are missing or wrong: {wrong}."
            ) from None


class Brand(Settings):
    """How the platform presents itself; the defaults are Khan Academy's (M8)."""

    brand_name: str = "Khan Academy"
    support_url: str = "https://support.khanacademy.org"
    web_url: str
    brand_colour: str = Field("#1865f2", pattern=r"^#[0-9a-fA-F]{6}$")
    brand_logo_url: str = Field("", pattern=r"^(https://[^\s\"'<>]+)?$")
    postal_address: str = "Khan Academy, PO Box 1630, Mountain View, CA 94042, USA"


class ImportStepSettings(Settings):
    table_name: str
    roster_bucket: str
    report_bucket: str
    snapshot_bucket: str
    activation_queue_url: str
    web_url: str = ""
    """The origin of the pages, for the addresses in reports; empty where it is not known."""


class RosterImportSettings(Settings):
    table_name: str
    roster_bucket: str
    report_bucket: str
    import_state_machine_arn: str
    web_url: str = ""
    """As of ``ImportStepSettings``."""


class AccountsFeedSettings(Settings):
    table_name: str
    roster_bucket: str
    report_bucket: str
    snapshot_bucket: str
    accounts_feed_state_machine_arn: str
    google_issuer: str


class MailSettings(Brand):
    """What every function that sends mail needs."""

    table_name: str
    sender: str
    configuration_set: str


class ActivationEmailSettings(MailSettings):
    token_secret_arn: str
    activation_subject: str = "Confirm your official %(brand)s account"


class ActivationScheduleSettings(Settings):
    table_name: str
    activation_queue_url: str


class MailFeedbackSettings(Settings):
    table_name: str
    configuration_set: str


class HeldImportMailSettings(MailSettings):
    pass


class LinkNoticeSettings(MailSettings):
    token_secret_arn: str
    google_issuer: str


class CleanupNudgesSettings(MailSettings):
    token_secret_arn: str
    google_issuer: str


class CleanupDigestSettings(MailSettings):
    pass


class ImportPausesSettings(MailSettings):
    import_state_machine_arn: str
    report_bucket: str


class EventPublisherSettings(Settings):
    event_bus_name: str = "default"
    stack_arn: str


class UserMigrationSettings(Settings):
    """Plain HTTP is allowed for this machine alone. An address with a user in it is refused: it may look like this machine."""

    table_name: str
    google_issuer: str
    platform_login_url: str = Field(
        pattern=r"^(https://[^\s@/]+|http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?)(/[^\s@]*)?$"
    )
    platform_login_secret_arn: str


class ClassExportSettings(Settings):
    table_name: str
    export_bucket: str
    google_issuer: str
    brand_name: str = "Khan Academy"


class PagesSettings(Brand):
    table_name: str
    export_bucket: str
    export_queue_url: str
    token_secret_arn: str
    oidc_secret_arn: str
    report_bucket: str
    activation_queue_url: str
    user_pool_id: str
    user_pool_client_id: str
    google_issuer: str
    google_client_id: str
    clever_issuer: str
    clever_client_id: str
    password_help_url: str = Field("", pattern=r"^(https://\S+)?$")
