"""Clients of AWS, made on first use and kept for the life of a worker. Endpoints and region come from the environment."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


@cache
def client(service: str, *, retries: bool = True) -> Any:
    """Return the client of a service. Without ``retries`` each call is made once.

    A presigned address of S3 needs ``s3v4``: newer regions refuse the older signature.
    """
    signature = "s3v4" if service == "s3" else None
    config = Config(
        retries={"mode": "standard", "total_max_attempts": 6 if retries else 1},
        connect_timeout=5,
        read_timeout=20,
        max_pool_connections=16,
        signature_version=signature,
    )
    return boto3.client(service, config=config)  # type: ignore[call-overload]


@cache
def table(name: str) -> Table:
    """Return the one table (docs/decisions/0001-one-table.md)."""
    config = Config(retries={"mode": "standard", "max_attempts": 8}, connect_timeout=5, max_pool_connections=16)
    return boto3.resource("dynamodb", config=config).Table(name)
