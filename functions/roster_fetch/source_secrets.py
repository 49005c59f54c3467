"""Reads the secrets of sources. A fetch reads its own anew, so that one that was set a moment ago counts."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient


def source_secrets(client: SecretsManagerClient) -> Callable[[str], Mapping[str, str] | None]:
    """Return what reads a secret by its name: None where it is not there, or no JSON object."""

    def read(name: str) -> Mapping[str, str] | None:
        try:
            found = json.loads(client.get_secret_value(SecretId=name)["SecretString"])
        except (client.exceptions.ResourceNotFoundException, client.exceptions.InvalidRequestException):
            return None
        except (KeyError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    return read
