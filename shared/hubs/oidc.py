"""Who somebody is, as others prove it: a password that Cognito checks, and Google and Clever by OIDC."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlencode

import requests
from botocore.exceptions import ClientError, ParamValidationError
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from shared.domain.clock import Clock
from shared.domain.errors import LoginRefused, Throttled

type Provider = Literal["google", "clever"]

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
_ANSWERS = {
    "SOFTWARE_TOKEN_MFA": "SOFTWARE_TOKEN_MFA_CODE",
    "SMS_MFA": "SMS_MFA_CODE",
    "EMAIL_OTP": "EMAIL_OTP_CODE",
    "NEW_PASSWORD_REQUIRED": "NEW_PASSWORD",
}
"""What is answered to each of the challenges that a page can pass on."""
_TIMEOUT = 5
_CLOCK_SKEW = 60


def refused() -> LoginRefused:
    """One answer for every way in which a login can fail (ASVS 6.3.8)."""
    return LoginRefused("login_refused", "The username or the password is not right.")


@dataclass(frozen=True, slots=True)
class Challenge:
    """What Cognito asks for beside the password. ``session`` is Cognito's own, good for one login and a few minutes."""

    name: str
    username: str
    session: str

    @property
    def wants_a_new_password(self) -> bool:
        """Whether others chose the password; else a code of the second factor is asked for."""
        return self.name == "NEW_PASSWORD_REQUIRED"


class PasswordLogin:
    """Passwords are checked by Cognito and never kept. Every call raises LoginRefused or Throttled."""

    def __init__(self, cognito: Any, user_pool_id: str, client_id: str) -> None:
        self._cognito = cognito
        self._pool = user_pool_id
        self._client = client_id

    def log_in(self, username: str, password: str) -> str | Challenge:
        """The account that this username and password log into, or what is asked for beside them."""
        with _refusals():
            answer = self._cognito.admin_initiate_auth(
                UserPoolId=self._pool,
                ClientId=self._client,
                AuthFlow="ADMIN_USER_PASSWORD_AUTH",
                AuthParameters={"USERNAME": username, "PASSWORD": password},
            )
        return _outcome(answer, username)

    def go_on(self, challenge: Challenge, said: str) -> str | Challenge:
        """The account, once the code or the new password is right; there may be more than one question."""
        with _refusals():
            answer = self._cognito.admin_respond_to_auth_challenge(
                UserPoolId=self._pool,
                ClientId=self._client,
                ChallengeName=challenge.name,
                Session=challenge.session,
                ChallengeResponses={"USERNAME": challenge.username, _ANSWERS[challenge.name]: said},
            )
        return _outcome(answer, challenge.username)

    def send_code(self, username: str) -> None:
        """A code for a new password goes to the account's verified address; nobody learns whether there is one."""
        with suppress(LoginRefused, Throttled), _refusals():
            self._cognito.forgot_password(ClientId=self._client, Username=username)

    def set_password(self, username: str, code: str, password: str) -> None:
        """A new password, for whoever has the code."""
        with _refusals():
            self._cognito.confirm_forgot_password(
                ClientId=self._client, Username=username, ConfirmationCode=code, Password=password
            )


def _outcome(answer: dict[str, Any], username: str) -> str | Challenge:
    if answer.get("ChallengeName") in _ANSWERS:
        return Challenge(answer["ChallengeName"], username, answer["Session"])
    if "AuthenticationResult" not in answer:
        raise refused()
    # The token comes from Cognito itself, over its own API: there is no signature left to check.
    said = json.loads(jws.extract_compact(answer["AuthenticationResult"]["IdToken"].encode()).payload)
    if not (account_id := said.get("custom:account_id")):
        raise refused()
    return str(account_id)


@contextmanager
def _refusals() -> Iterator[None]:
    """Inside, what Cognito refuses is raised in our words; what it was asked, and why it refused, is told to nobody."""
    try:
        yield
    except ParamValidationError:
        raise refused() from None
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in _REFUSED:
            raise refused() from None
        if code in ("TooManyRequestsException", "LimitExceededException", "TooManyFailedAttemptsException"):
            raise Throttled("too_many_tries", "There were too many tries. Wait a little.", retry_after=60) from None
        raise


@dataclass(frozen=True, slots=True)
class Identity:
    """What an issuer says of a person, after its signature, audience, nonce and times were checked."""

    issuer: str
    subject: str
    email: str | None
    email_verified: bool
    name: str
    claims: dict[str, Any]


class OidcProvider:
    """One OIDC issuer: discovery, authorization code with PKCE, signed id tokens (OpenID Connect Core 1.0 §3.1)."""

    def __init__(
        self,
        issuer: str,
        client_id: str,
        client_secret: Callable[[], str],
        redirect_uri: str,
        clock: Clock,
        session: requests.Session | None = None,
    ) -> None:
        self.issuer = issuer
        self._client_id = client_id
        self._client_secret = client_secret
        self._redirect_uri = redirect_uri
        self._clock = clock
        self._http = session or requests.Session()
        self._metadata: dict[str, Any] | None = None
        self._keys: KeySet | None = None

    def authorization_url(
        self, *, state: str, nonce: str, verifier: str, more: dict[str, str | None] | None = None
    ) -> str:
        """Where the browser goes to log in. Raises LoginRefused when the issuer cannot be reached."""
        query = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": self._redirect_uri,
            "scope": "openid email profile",
            "state": state,
            "nonce": nonce,
            "code_challenge_method": "S256",
            "code_challenge": _challenge(verifier),
        }
        query |= {name: value for name, value in (more or {}).items() if value}
        return f"{self._discover()['authorization_endpoint']}?{urlencode(query)}"

    def identity(self, *, code: str, nonce: str, verifier: str) -> Identity:
        """Who answered. Raises LoginRefused when anything about the answer is not as it must be."""
        try:
            answer = self._http.post(
                self._discover()["token_endpoint"],
                data={
                    "grant_type": "authorization_code",
                    "code": code,
                    "redirect_uri": self._redirect_uri,
                    "code_verifier": verifier,
                    "client_id": self._client_id,
                    "client_secret": self._client_secret(),
                },
                timeout=_TIMEOUT,
                allow_redirects=False,
            )
            token = _object(answer).get("id_token") if answer.status_code == 200 else None
        except (requests.RequestException, ValueError):
            raise _unreachable() from None
        if not isinstance(token, str):
            raise _not_proved()
        return self._checked(token, nonce)

    def _checked(self, token: str, nonce: str) -> Identity:
        try:
            decoded = jwt.decode(token, self._key_set(), algorithms=["RS256", "ES256"])
            rules = jwt.JWTClaimsRegistry(
                now=lambda: int(self._clock().timestamp()),
                leeway=_CLOCK_SKEW,
                iss={"essential": True, "value": self.issuer},
                aud={"essential": True, "value": self._client_id},
                exp={"essential": True},
                sub={"essential": True},
                nonce={"essential": True, "value": nonce},
            )
            rules.validate(decoded.claims)
        except (JoseError, ValueError, KeyError, TypeError):
            raise _not_proved() from None
        claims = dict(decoded.claims)
        return Identity(
            self.issuer,
            str(claims["sub"]),
            _text(claims.get("email")),
            claims.get("email_verified") is True,
            _text(claims.get("name")) or "",
            claims,
        )

    def _key_set(self) -> KeySet:
        if self._keys is None:
            self._keys = KeySet.import_key_set(self._get(self._discover()["jwks_uri"]))  # type: ignore[arg-type]
        return self._keys

    def _discover(self) -> dict[str, Any]:
        if self._metadata is None:
            metadata = self._get(f"{self.issuer}/.well-known/openid-configuration")
            needed = ("authorization_endpoint", "token_endpoint", "jwks_uri")
            if metadata.get("issuer") != self.issuer or not all(isinstance(metadata.get(name), str) for name in needed):
                raise _not_proved()
            self._metadata = metadata
        return self._metadata

    def _get(self, url: str) -> dict[str, Any]:
        try:
            answer = self._http.get(url, timeout=_TIMEOUT, allow_redirects=False)
            answer.raise_for_status()
            return _object(answer)
        except (requests.RequestException, ValueError):
            raise _unreachable() from None


def _object(answer: requests.Response) -> dict[str, Any]:
    """A JSON object, and nothing else. Raises ValueError."""
    found = answer.json()
    if not isinstance(found, dict):
        raise ValueError("no JSON object")
    return found


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _challenge(verifier: str) -> str:
    """The S256 challenge of a PKCE verifier (RFC 7636 §4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def subject_key(identity: Identity) -> tuple[str, str]:
    """An outside identity is issuer and subject, never an email (CVE-2023-3128)."""
    return identity.issuer, identity.subject


def _unreachable() -> LoginRefused:
    return LoginRefused("issuer_unreachable", "The login service did not answer. Try again in a minute.")


def _not_proved() -> LoginRefused:
    return LoginRefused("not_proved", "The login could not be confirmed. Start it again.")
