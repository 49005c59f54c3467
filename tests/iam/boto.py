"""The guard before every client of boto3 (on moto, or anywhere else)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from tests.iam.deployed import stack
from tests.iam.guard import GUARD, missing_or_forbidden

_SERVICES = {"sesv2": "ses", "stepfunctions": "states"}
"""Clients whose actions begin otherwise."""


@contextmanager
def as_role_of(function: str) -> Iterator[None]:
    """Every call of a client is made as this function, by its logical id."""
    make = vars(BaseClient)["_make_api_call"]

    def guarded(client: Any, operation: str, request: dict[str, Any]) -> Any:
        service = client.meta.service_model.service_name
        GUARD.check(_SERVICES.get(service, service), operation, request)
        try:
            return make(client, operation, request)
        except ClientError as error:
            is_missing = error.response["Error"]["Code"] == "NoSuchKey"
            if is_missing and not GUARD.tells_missing(request["Bucket"]):
                raise missing_or_forbidden() from None
            raise

    role = stack().of_type("AWS::Lambda::Function")[function]["Role"].rpartition("/")[2]
    with GUARD.acting(role), pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", guarded)
        yield
