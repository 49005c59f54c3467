"""Which stack a command is about."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import boto3

from local.stack import CREDENTIALS, REGION, STACK_NAME, running_stack


@dataclass(frozen=True, slots=True)
class Deployed:
    """A stack: its outputs, and how to make clients for it."""

    outputs: dict[str, str]
    endpoint_url: str | None = None

    def client(self, service: str) -> Any:
        return self._session().client(service, endpoint_url=self.endpoint_url)

    def table(self) -> Any:
        return self._session().resource("dynamodb", endpoint_url=self.endpoint_url).Table(self.outputs["TableName"])

    @staticmethod
    def _session() -> Any:
        return boto3.Session(region_name=os.environ.get("AWS_DEFAULT_REGION", REGION))


def deployed() -> Deployed:
    """The local stack when it is up; else the one on AWS that STACK_NAME names."""
    if stack := running_stack():
        os.environ.update(CREDENTIALS)
        return Deployed(stack["outputs"], stack["endpoint_url"])
    aws = Deployed({})
    found = aws.client("cloudformation").describe_stacks(StackName=os.environ.get("STACK_NAME", STACK_NAME))
    return Deployed({o["OutputKey"]: o["OutputValue"] for o in found["Stacks"][0]["Outputs"]})
