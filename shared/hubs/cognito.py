"""Amazon Cognito: the password login, its second factor, and a new password (M10)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError, ParamValidationError

from shared.domain.errors import LoginRefused, Throttled, busy

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient
    from mypy_boto3_cognito_idp.literals import ChallengeNameTypeType
    from mypy_boto3_cognito_idp.type_defs import (
        AdminInitiateAuthResponseTypeDef,
        AdminRespondToAuthChallengeResponseTypeDef,
    )

_REFUSED = {
    "NotAuthorizedException",
    "UserNotFoundException",
    "UserNotConfirmedException",
    "PasswordResetRequiredException",
    "InvalidParameterException",
    "UserLambdaValidationException",
    "UnexpectedLambdaException",
    "InvalidLambdaResponseException",
    "InvalidPasswordException",
    "PasswordHistoryPolicyViolationException",
    "CodeMismatchException",
    "ExpiredCodeException",
    "CodeDeliveryFailureException",
}


OPERATORS = "operators"
"""The group of the platform's operators."""
_SECOND_FACTORS = frozenset({"SOFTWARE_TOKEN_MFA", "SMS_MFA"})
"""A code by mail is none: whoever reads the mailbox sets a new password, too."""


_RESPONSES: dict[ChallengeNameTypeType, str] = {
    "SOFTWARE_TOKEN_MFA": "SOFTWARE_TOKEN_MFA_CODE",
    "SMS_MFA": "SMS_MFA_CODE",
    "EMAIL_OTP": "EMAIL_OTP_CODE",
    "NEW_PASSWORD_REQUIRED": "NEW_PASSWORD",
}
"""The response that each of the challenges that a page can pass on asks for."""


def refused() -> LoginRefused:
    """One error for every way in which a login can fail (ASVS 6.3.8)."""
    return LoginRefused("login_refused", "The username or the password is not right.")


@dataclass(frozen=True, slots=True)
class Challenge:
    """What Cognito asks for beside the password. ``session`` is Cognito's own, good for one login and a few minutes."""

    name: ChallengeNameTypeType
    username: str
    session: str
    second_factor: bool = False
    """Whether a second factor was shown before, in this login."""

    @property
    def wants_a_new_password(self) -> bool:
        """Whether others chose the password; else a code of the second factor is asked for."""
        return self.name == "NEW_PASSWORD_REQUIRED"


@dataclass(frozen=True, slots=True)
class Entered:
    """Whom a password, with what was asked for beside it, lets in: an account, or an operator of the platform."""

    account_id: str | None
    operator: str | None = None
    """The operator's username: an operator enters the console, and no account."""


class PasswordLogin:
    """Passwords are checked by Cognito and never kept. Every call raises LoginRefused or Throttled."""

    def __init__(self, cognito: CognitoIdentityProviderClient, user_pool_id: str, client_id: str) -> None:
        self._cognito = cognito
        self._pool = user_pool_id
        self._client = client_id

    def log_in(self, username: str, password: str) -> Entered | Challenge:
        """Whom this username and password let in, or what is asked for beside them."""
        with _refusals():
            answer = self._cognito.admin_initiate_auth(
                UserPoolId=self._pool,
                ClientId=self._client,
                AuthFlow="ADMIN_USER_PASSWORD_AUTH",
                AuthParameters={"USERNAME": username, "PASSWORD": password},
            )
        return _outcome(answer, username, second_factor=False)

    def answer_challenge(self, challenge: Challenge, response: str) -> Entered | Challenge:
        """Whom it lets in, once the code or the new password is right; Cognito may ask for more than one thing."""
        with _refusals():
            answer = self._cognito.admin_respond_to_auth_challenge(
                UserPoolId=self._pool,
                ClientId=self._client,
                ChallengeName=challenge.name,
                Session=challenge.session,
                ChallengeResponses={"USERNAME": challenge.username, _RESPONSES[challenge.name]: response},
            )
        second_factor = challenge.second_factor or challenge.name in _SECOND_FACTORS
        return _outcome(answer, challenge.username, second_factor=second_factor)

    def send_code(self, username: str) -> None:
        """A code for a new password goes to the account's verified address; nobody learns whether there is one.

        Raises Throttled where more people ask than Cognito takes: that says nothing of any of them.
        """
        try:
            with suppress(LoginRefused), _refusals():
                self._cognito.forgot_password(ClientId=self._client, Username=username)
        except Throttled as full:
            if full.code == "busy":
                raise

    def set_password(self, username: str, code: str, password: str) -> None:
        """A new password, for whoever has the code."""
        with _refusals():
            self._cognito.confirm_forgot_password(
                ClientId=self._client, Username=username, ConfirmationCode=code, Password=password
            )


def _outcome(
    answer: AdminInitiateAuthResponseTypeDef | AdminRespondToAuthChallengeResponseTypeDef,
    username: str,
    *,
    second_factor: bool,
) -> Entered | Challenge:
    """Raises LoginRefused; an operator without a second factor is let in nowhere."""
    if answer.get("ChallengeName") in _RESPONSES:
        return Challenge(answer["ChallengeName"], username, answer["Session"], second_factor)
    if "AuthenticationResult" not in answer:
        raise refused()
    from joserfc import jws  # where a token is opened, and nowhere before

    # The token comes from Cognito itself, over its own API: there is no signature left to check.
    claims = json.loads(jws.extract_compact(answer["AuthenticationResult"]["IdToken"].encode()).payload)
    account_id = claims.get("custom:account_id")
    if OPERATORS in claims.get("cognito:groups", ()):
        if not second_factor:
            raise LoginRefused("second_factor_needed", "Operators log in with a second factor. Set one up first.")
        return Entered(account_id, operator=str(claims.get("cognito:username") or username))
    if not account_id:
        raise refused()
    return Entered(str(account_id))


@contextmanager
def _refusals() -> Iterator[None]:
    """Raise what Cognito refuses as our own errors; neither the request nor Cognito's reason goes into them."""
    try:
        yield
    except ParamValidationError:
        raise refused() from None
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in _REFUSED:
            raise refused() from None
        if code == "TooManyRequestsException":
            # More people log in at this moment than the pool takes: it is nobody's fault.
            raise busy() from None
        if code in ("LimitExceededException", "TooManyFailedAttemptsException"):
            raise Throttled("too_many_tries", "There were too many tries. Wait a little.", retry_after=60) from None
        raise
