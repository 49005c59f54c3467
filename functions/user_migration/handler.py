"""Cognito's user-migration trigger: somebody logs in, or forgot a password, whom the user pool does not know yet."""

from __future__ import annotations

from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.user_migration.migrate_user import MigrateUser
from functions.user_migration.platform_login import HttpPlatformLogin
from shared.domain.clock import utc_now
from shared.domain.errors import LoginRefused
from shared.runtime import aws
from shared.runtime.observability import logger, metric, observed
from shared.runtime.secrets import Secrets
from shared.runtime.settings import UserMigrationSettings
from shared.stores.accounts import AccountStore


@cache
def migrate_user() -> MigrateUser:
    """The use case, wired to the services that the environment names."""
    settings = UserMigrationSettings.from_environment()
    secrets = Secrets(aws.client("secretsmanager", tries=aws.FOR_A_PERSON), utc_now)
    platform = HttpPlatformLogin(settings.platform_login_url, lambda: secrets.text(settings.platform_login_secret_arn))
    return MigrateUser(
        platform, AccountStore(aws.table(settings.table_name, tries=aws.FOR_A_PERSON), settings.google_issuer)
    )


@observed
def lambda_handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Return the event with the attributes of the new user. Raises LoginRefused, which Cognito passes on as one refusal."""
    request, name = event["request"], event["userName"]
    try:
        match event["triggerSource"]:
            case "UserMigration_Authentication":
                attributes = migrate_user().at_login(name, request["password"])
                event["response"] |= {"finalUserStatus": "CONFIRMED"}
            case "UserMigration_ForgotPassword":
                attributes = migrate_user().at_forgotten_password(name)
            case other:
                raise ValueError(f"{other} is no trigger of ours")
    except LoginRefused as refused:
        logger.info("refused", extra={"code": refused.code})
        if refused.code == "platform_unreachable":
            metric("PlatformLoginUnreachable")
        raise LoginRefused("login_refused", "The username or the password is not right.") from None
    event["response"] |= {"userAttributes": attributes, "messageAction": "SUPPRESS"}
    logger.info("account migrated", extra={"account_id": attributes["custom:account_id"]})
    return event
