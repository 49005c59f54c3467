"""Clients of AWS, made on first use and kept for the life of a worker. Endpoints and region come from the environment."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Literal, overload

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sesv2 import SESV2Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient


@overload
def client(service: Literal["cognito-idp"], *, retries: bool = ...) -> CognitoIdentityProviderClient: ...
@overload
def client(service: Literal["events"], *, retries: bool = ...) -> EventBridgeClient: ...
@overload
def client(service: Literal["s3"], *, retries: bool = ...) -> S3Client: ...
@overload
def client(service: Literal["secretsmanager"], *, retries: bool = ...) -> SecretsManagerClient: ...
@overload
def client(service: Literal["sesv2"], *, retries: bool = ...) -> SESV2Client: ...
@overload
def client(service: Literal["sqs"], *, retries: bool = ...) -> SQSClient: ...
@overload
def client(service: Literal["stepfunctions"], *, retries: bool = ...) -> SFNClient: ...
@cache
def client(service: str, *, retries: bool = True) -> object:
    """Return the client of a service. Without ``retries`` each call is made once.

    A presigned address of S3 needs ``s3v4``, the bucket in the host and the region's own endpoint: outside us-east-1 the
    browser would else be sent on to a host for which the signature does not count. An emulator has no such hosts.
    """
    addressing: Literal["path", "virtual"] = "path" if os.environ.get("AWS_ENDPOINT_URL") else "virtual"
    config = Config(
        retries={"mode": "standard", "total_max_attempts": 6 if retries else 1},
        connect_timeout=5,
        read_timeout=20,
        max_pool_connections=16,
        signature_version="s3v4" if service == "s3" else None,
        s3={"addressing_style": addressing, "us_east_1_regional_endpoint": "regional"},
    )
    return boto3.client(service, config=config)  # type: ignore[call-overload]


@cache
def table(name: str) -> Table:
    """Return the one table (docs/decisions/0001-one-table.md)."""
    config = Config(retries={"mode": "standard", "max_attempts": 8}, connect_timeout=5, max_pool_connections=16)
    return boto3.resource("dynamodb", config=config).Table(name)
