"""Secrets of Secrets Manager, read on first use and kept for five minutes, so that a rotation is noticed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from shared.domain.clock import Clock
from shared.runtime.tokens import TokenKeys

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

_KEPT_SECONDS = 300


class Secrets:
    """Reads secrets by ARN or name."""

    def __init__(self, client: SecretsManagerClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._kept: dict[str, tuple[float, str]] = {}

    def text(self, arn: str) -> str:
        now = self._clock().timestamp()
        kept = self._kept.get(arn)
        if kept is None or now - kept[0] > _KEPT_SECONDS:
            kept = (now, str(self._client.get_secret_value(SecretId=arn)["SecretString"]))
            self._kept[arn] = kept
        return kept[1]

    def token_keys(self, arn: str) -> TokenKeys:
        """The keys of tokens. Raises InvalidSettings."""
        return TokenKeys.of_secret(self.text(arn))

    def object(self, arn: str) -> dict[str, str]:
        """A secret that holds several values as a JSON object."""
        values: dict[str, str] = json.loads(self.text(arn))
        return values
