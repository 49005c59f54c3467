"""Which stack a command is about: named, found, and described before anything is done to it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_sqs.client import SQSClient
    from mypy_boto3_stepfunctions.client import SFNClient

LOCAL = "local"
"""The name that means the local stack."""
LOCAL_STACK_FILE = Path(__file__).parent.parent / ".local/stack.json"
"""Written by ``make local`` and ``make demo`` while they run."""


class StackNotFound(Exception):
    """No stack was named, or none of that name is there. The message tells a person what to do."""


@dataclass(frozen=True, slots=True)
class Stack:
    """A deployed stack: where it is, its outputs, and clients for it."""

    name: str
    account: str
    region: str
    outputs: Mapping[str, str]
    session: boto3.Session
    endpoint_url: str | None = None
    """Where an emulator answers; None on AWS."""

    @property
    def is_local(self) -> bool:
        return self.endpoint_url is not None

    def __str__(self) -> str:
        place = f"account {self.account}, region {self.region}"
        return f"{self.name} ({place}, {self.endpoint_url})" if self.is_local else f"{self.name} ({place})"

    @property
    def deployed_name(self) -> str:
        """What CloudFormation calls the stack."""
        return self.outputs["ImportStateMachineArn"].split(":")[6].removesuffix("-import")

    @property
    def partition(self) -> str:
        """``aws``, or what stands for it in ARNs of other partitions."""
        return self.outputs["ImportStateMachineArn"].split(":")[1]

    def client(self, service: str) -> Any:
        """A client of any service; untyped, as the stubs of few are among the tools."""
        make: Any = self.session.client
        return make(service, endpoint_url=self.endpoint_url)

    def s3(self) -> S3Client:
        return self.session.client("s3", endpoint_url=self.endpoint_url)

    def sqs(self) -> SQSClient:
        return self.session.client("sqs", endpoint_url=self.endpoint_url)

    def step_functions(self) -> SFNClient:
        return self.session.client("stepfunctions", endpoint_url=self.endpoint_url)

    def dynamodb(self) -> DynamoDBClient:
        return self.session.client("dynamodb", endpoint_url=self.endpoint_url)

    def functions(self) -> Any:
        """Lambda's client."""
        return self.client("lambda")

    def table(self) -> Table:
        return self.session.resource("dynamodb", endpoint_url=self.endpoint_url).Table(self.outputs["TableName"])


def named_stack(name: str | None, environment: Mapping[str, str] = os.environ) -> Stack:
    """The stack of this name; else the one that STACK or STACK_NAME names; else the local one, if it runs.

    A name always wins over a local stack that happens to run. Raises StackNotFound.
    """
    name = name or environment.get("STACK") or environment.get("STACK_NAME")
    if name and name != LOCAL:
        return stack_on_aws(name)
    if running := _running_local_stack():
        return local_stack(running)
    if name:
        raise StackNotFound("The local stack does not run. Start it with `make local`, or name a stack on AWS.")
    raise StackNotFound("Name the stack: --stack NAME (make: STACK=NAME), or start the local one with `make local`.")


def local_stack(running: Mapping[str, Any]) -> Stack:
    """The stack that ``.local/stack.json`` describes. It takes any credentials."""
    outputs: dict[str, str] = running["outputs"]
    region: str = running["region"]
    aws = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=region)  # noqa: S106 (no secret: the emulator takes any)
    account = outputs["ImportStateMachineArn"].split(":")[4]
    return Stack(LOCAL, account, region, outputs, aws, running["endpoint_url"])


def stack_on_aws(name: str) -> Stack:
    """A stack in the account and region that AWS' own settings (profile, region, credentials) lead to.

    Raises StackNotFound.
    """
    aws = session()
    try:
        found = aws.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        raise StackNotFound(
            f"There is no stack {name} in this account and region ({aws.region_name}). "
            "AWS_PROFILE and AWS_REGION choose others."
        ) from error
    _, _, _, region, account, _ = found["StackId"].split(":", 5)
    outputs = {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}
    return Stack(name, account, region, outputs, aws, os.environ.get("AWS_ENDPOINT_URL") or None)


def session() -> boto3.Session:
    """The account and region that AWS' own settings lead to."""
    return boto3.Session(region_name=os.environ.get("AWS_REGION"))  # boto3 itself reads AWS_DEFAULT_REGION alone


def _running_local_stack() -> dict[str, Any] | None:
    """What ``.local/stack.json`` says, if the process that wrote it still runs."""
    try:
        found: dict[str, Any] = json.loads(LOCAL_STACK_FILE.read_text())
        os.kill(int(found["pid"]), 0)
    except (OSError, ValueError, KeyError):
        return None
    return found
