"""Clients of AWS, made on first use and kept for the life of a worker. Endpoints and region come from the environment."""

from __future__ import annotations

import gzip
import os
from collections.abc import Mapping
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, cast, overload

import botocore
import msgspec
from botocore.config import Config
from botocore.loaders import JSONFileLoader, Loader
from botocore.session import Session

from shared.runtime.dynamodb import plain_table
from shared.runtime.throttling import says_too_much

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sesv2 import SESV2Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient


SERVICES = ("cognito-idp", "dynamodb", "events", "s3", "secretsmanager", "sesv2", "sqs", "stepfunctions")
"""What is called of AWS."""
_CALLER = f"account-linking Botocore/{botocore.__version__}"
"""Who calls, in AWS' own logs. botocore would put together a longer text twice for each call: an eighth of what a call takes."""

PATIENT, MOST_PATIENT = 6, 9
"""Tries of a call that nobody waits for: those of a throttled one wait 16 seconds in all on the mean, or 46."""
FOR_A_PERSON = 2
"""Tries of a call that a person waits for. With more of them a page of a full service would outlast its function, and hold a
worker that others need; so it says soon when to come back (docs/decisions/0118-a-full-page-is-a-quick-one.md)."""
SOON = 0.1
"""Seconds until the second of these, where the first was refused as too much: the SDK would wait up to one."""


@overload
def client(service: Literal["cognito-idp"], *, tries: int = ...) -> CognitoIdentityProviderClient: ...
@overload
def client(service: Literal["events"], *, tries: int = ...) -> EventBridgeClient: ...
@overload
def client(service: Literal["s3"], *, tries: int = ...) -> S3Client: ...
@overload
def client(service: Literal["secretsmanager"], *, tries: int = ...) -> SecretsManagerClient: ...
@overload
def client(service: Literal["sesv2"], *, tries: int = ...) -> SESV2Client: ...
@overload
def client(service: Literal["sqs"], *, tries: int = ...) -> SQSClient: ...
@overload
def client(service: Literal["stepfunctions"], *, tries: int = ...) -> SFNClient: ...
@cache
def client(service: str, *, tries: int = PATIENT) -> object:
    """Return the client of a service, which is made when it is first used. Each call is made ``tries`` times at most.

    A presigned address of S3 needs ``s3v4``, the bucket in the host and the region's own endpoint: outside us-east-1 the
    browser would else be sent on to a host for which the signature does not count. An emulator has no such hosts.
    """
    addressing: Literal["path", "virtual"] = "path" if os.environ.get("AWS_ENDPOINT_URL") else "virtual"
    settings = {
        "retries": {"mode": "standard", "total_max_attempts": tries},
        "connect_timeout": 5,
        "read_timeout": 20,
        "max_pool_connections": 16,
        "signature_version": "s3v4" if service == "s3" else None,
        "s3": {"addressing_style": addressing, "us_east_1_regional_endpoint": "regional"},
    }
    return _OnFirstUse(service, settings)


@cache
def table(name: str, *, tries: int = MOST_PATIENT) -> Table:
    """Return the one table (docs/decisions/0001-one-table.md). Each call is made ``tries`` times at most."""
    settings = {
        "retries": {"mode": "standard", "total_max_attempts": tries},
        "connect_timeout": 5,
        "read_timeout": 10,
        "max_pool_connections": 16,
        # What the table sends is made of DynamoDB's own types (``dynamodb.typed``), and DynamoDB looks at it once more.
        "parameter_validation": False,
    }
    on_first_use = _OnFirstUse("dynamodb", settings)
    return plain_table(name, lambda: cast("DynamoDBClient", on_first_use.made()))


_making = Lock()
"""Sessions are not made for several threads."""


class _OnFirstUse:
    """A client that is made when anything of it is asked for: most requests want one or two of those that a function has."""

    def __init__(self, service: str, settings: Mapping[str, Any]) -> None:
        self._service = service
        self._settings = settings
        self._made: Any = None

    def made(self) -> object:
        """The client itself."""
        if self._made is None:
            with _making:
                if self._made is None:
                    config = Config(user_agent=_CALLER, **self._settings)
                    self._made = session().create_client(self._service, config=config)
                    if self._settings["retries"]["total_max_attempts"] == FOR_A_PERSON:
                        service = self._made.meta.service_model.service_id.hyphenize()
                        self._made.meta.events.register_first(f"needs-retry.{service}", _again_soon)
        return self._made

    def __getattr__(self, name: str) -> object:
        return getattr(self.made(), name)


def _again_soon(
    *, attempts: int, response: tuple[object, Mapping[str, Any]] | None, **_of_the_call: object
) -> float | None:
    """Seconds until a call is made again; None where botocore decides."""
    is_refused = response is not None and says_too_much(response[1])
    return SOON if is_refused and attempts < FOR_A_PERSON else None


@cache
def session() -> Session:
    """What all clients share: credentials, and descriptions of services that were read once.

    It is botocore's, as boto3's would import its resources and its transfers of files first.
    """
    made = Session()
    made.register_component("data_loader", _Descriptions(file_loader=_JsonFiles()))
    made.register("creating-client-class.s3", _with_uploads)
    return made


class _Descriptions(Loader):
    """botocore's descriptions of services, of which botocore would first look through those of all that AWS has."""

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 - there are all kinds of these
        return list(SERVICES)


class _JsonFiles(JSONFileLoader):
    """Reads them with the library that is fast at it; they are hundreds of kilobytes."""

    def load_file(self, file_path: str) -> dict[str, Any] | None:
        for ending, opened in ((".json", open), (".json.gz", gzip.open)):
            try:
                with opened(file_path + ending, "rb") as file:
                    described: dict[str, Any] = msgspec.json.decode(file.read())
                    return described
            except FileNotFoundError:
                continue
        return None


def _with_uploads(**creating: Any) -> None:
    """Give clients of S3 boto3's upload of files, imported where a file is uploaded."""

    def upload_file(s3: S3Client, *given: Any, **named: Any) -> None:
        from boto3.s3.inject import upload_file as upload

        upload(s3, *given, **named)

    creating["class_attributes"]["upload_file"] = upload_file
