"""The environment variables of each function: one model per function, read once, checked as a whole."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Annotated, Self

from msgspec import Meta, Struct, ValidationError, convert
from msgspec.structs import fields

from shared.domain.errors import InvalidSettings


class Settings(Struct, frozen=True, kw_only=True):
    """Base of all settings: a field ``table_name`` is read from ``TABLE_NAME``; one that is empty is as one that is absent."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Raises InvalidSettings that names every variable that is missing or wrong."""
        given = {name: environment[name.upper()] for name in cls.__struct_fields__ if environment.get(name.upper())}
        try:
            return convert(given, cls)
        except ValidationError:
            wrong = ", ".join(name.upper() for name in _wrong(cls, given))
            raise InvalidSettings(
                "invalid_environment", f"These environment variables are missing or wrong: {wrong}."
            ) from None


def _wrong(settings: type[Settings], given: Mapping[str, str]) -> Iterator[str]:
    for field in fields(settings):
        if field.name not in given:
            if field.required:
                yield field.name
            continue
        try:
            convert(given[field.name], field.type)
        except ValidationError:
            yield field.name


class Brand(Settings, frozen=True, kw_only=True):
    """How the platform presents itself; the defaults are Khan Academy's (M8)."""

    brand_name: str = "Khan Academy"
    support_url: str = "https://support.khanacademy.org"
    web_url: str
    brand_colour: Annotated[str, Meta(pattern=r"^#[0-9a-fA-F]{6}\Z")] = "#1865f2"
    brand_logo_url: Annotated[str, Meta(pattern=r"^(https://[^\s\"'<>]+)?\Z")] = ""
    postal_address: str = "Khan Academy, PO Box 1630, Mountain View, CA 94042, USA"


class ImportStepSettings(Settings, frozen=True, kw_only=True):
    table_name: str
    roster_bucket: str
    report_bucket: str
    snapshot_bucket: str
    activation_queue_url: str
    web_url: str = ""
    """The origin of the pages, for the addresses in reports; empty where it is not known."""
    aws_lambda_function_version: str = ""
    """The published version of the code, which Lambda sets; empty where there is none."""


class RosterImportSettings(Settings, frozen=True, kw_only=True):
    table_name: str
    roster_bucket: str
    report_bucket: str
    import_state_machine_arn: str
    web_url: str = ""
    """As of ``ImportStepSettings``."""


class RosterFetchSettings(Settings, frozen=True, kw_only=True):
    table_name: str
    roster_bucket: str
    report_bucket: str
    snapshot_bucket: str
    roster_fetch_state_machine_arn: str
    source_secrets: str
    """The prefix of the names of all sources' secrets: ``{stack}/sources/``."""
    local_sources: str = ""
    """``true`` on a local stack, whose sources may be on loopback."""
    web_url: str = ""
    """As of ``ImportStepSettings``."""


class AccountsFeedSettings(Settings, frozen=True, kw_only=True):
    table_name: str
    roster_bucket: str
    report_bucket: str
    snapshot_bucket: str
    accounts_feed_state_machine_arn: str
    google_issuer: str
    clever_issuer: str = "https://clever.com"
    classlink_issuer: str = "https://launchpad.classlink.com"
    microsoft_issuer: str = "https://login.microsoftonline.com/organizations/v2.0"
    web_url: str = ""


class MailSettings(Brand, frozen=True, kw_only=True):
    """What every function that sends mail needs."""

    table_name: str
    sender: str
    configuration_set: str


_ACTIVATION_SUBJECT = "Confirm your official %(brand)s account"


class ActivationEmailSettings(MailSettings, frozen=True, kw_only=True):
    token_secret_arn: str
    activation_subject: str = _ACTIVATION_SUBJECT


class ActivationScheduleSettings(MailSettings, frozen=True, kw_only=True):
    activation_queue_url: str
    activation_subject: str = _ACTIVATION_SUBJECT


class MailFeedbackSettings(Settings, frozen=True, kw_only=True):
    table_name: str
    configuration_set: str


class HeldImportMailSettings(MailSettings, frozen=True, kw_only=True):
    pass


class LinkNoticeSettings(MailSettings, frozen=True, kw_only=True):
    token_secret_arn: str
    google_issuer: str


class CleanupNudgesSettings(MailSettings, frozen=True, kw_only=True):
    token_secret_arn: str
    google_issuer: str


class CleanupDigestSettings(MailSettings, frozen=True, kw_only=True):
    pass


class ImportPausesSettings(MailSettings, frozen=True, kw_only=True):
    import_state_machine_arn: str
    report_bucket: str


class ReceiptCheckSettings(Settings, frozen=True, kw_only=True):
    table_name: str


class EventPublisherSettings(Settings, frozen=True, kw_only=True):
    event_bus_name: str = "default"
    stack_arn: str


class TableStreamSettings(Settings, frozen=True, kw_only=True):
    table_name: str
    snapshot_bucket: str


class UserMigrationSettings(Settings, frozen=True, kw_only=True):
    """Plain HTTP is allowed for this machine alone. An address with a user in it is refused: it may look like this machine."""

    table_name: str
    google_issuer: str
    platform_login_url: Annotated[
        str, Meta(pattern=r"^(https://[^\s@/]+|http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?)(/[^\s@]*)?\Z")
    ]
    platform_login_secret_arn: str


class ClassExportSettings(Settings, frozen=True, kw_only=True):
    table_name: str
    export_bucket: str
    google_issuer: str
    brand_name: str = "Khan Academy"


class PagesSettings(Brand, frozen=True, kw_only=True):
    table_name: str
    export_bucket: str
    export_queue_url: str
    token_secret_arn: str
    oidc_secret_arn: str
    sender: str = ""
    activation_subject: str = _ACTIVATION_SUBJECT
    report_bucket: str
    roster_bucket: str
    import_state_machine_arn: str
    snapshot_bucket: str
    activation_queue_url: str
    link_notice_queue_url: str
    user_pool_id: str
    user_pool_client_id: str
    google_issuer: str
    google_client_id: str
    clever_issuer: str
    clever_client_id: str
    classlink_issuer: str = "https://launchpad.classlink.com"
    classlink_client_id: str = "not-set"
    microsoft_issuer: str = "https://login.microsoftonline.com/organizations/v2.0"
    microsoft_client_id: str = "not-set"
    password_help_url: Annotated[str, Meta(pattern=r"^(https://\S+)?\Z")] = ""
