"""The functions of template.yaml on moto: their environment resolved, their handlers called as Lambda calls them."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import boto3
import pytest
from moto import mock_aws
from moto.sesv2.responses import SESV2Response

from shared.mail.ses import rate_limited_mailer
from shared.runtime import aws
from shared.runtime.observability import logger
from tests.account import ACCOUNT, PSEUDO_PARAMETERS, REGION, STACK
from tests.cloudformation import holds
from tests.harness import World
from tests.iam.boto import as_role_of
from tests.template import RESOURCES, TEMPLATE

API = "a1b2c3d4e5"
WEB = f"https://{API}.execute-api.{REGION}.amazonaws.com"
EVENTS = Path(__file__).parents[1] / "events"
_PSEUDO = {**PSEUDO_PARAMETERS, "AWS::NoValue": None, "HttpApi": API}
_SES_ACCOUNT = {
    "ProductionAccessEnabled": True,
    "SendingEnabled": True,
    "SendQuota": {"Max24HourSend": 50000.0, "MaxSendRate": 14.0, "SentLast24Hours": 0.0},
}
_BUCKETS = {
    "rosters": "RosterBucket",
    "reports": "ReportBucket",
    "snapshots": "SnapshotBucket",
    "exports": "ExportBucket",
}
"""The buckets of the harness, by their names there."""
_ROLE = f"arn:aws:iam::{ACCOUNT}:role/states"
_UNUSED_MACHINE = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 1, "End": True}}}

_HUB_SECRETS = {"google": "g", "clever": "c", "classlink": "l", "microsoft": "m"}


def event(name: str) -> dict[str, Any]:
    """A file of events/, as AWS would send it."""
    found: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return found


@dataclass(frozen=True)
class Context:
    """What Lambda hands over beside the event."""

    function_name: str
    memory_limit_in_mb: int = 512
    aws_request_id: str = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"

    @property
    def invoked_function_arn(self) -> str:
        return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        return 300_000


@dataclass
class Deployment:
    """An account in which the stack is deployed; ``now`` is the moment at which its functions run."""

    now: datetime
    _ids: dict[str, Any] = field(default_factory=dict)
    """What Ref gives, by logical id."""
    _clients: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._ids |= _PSEUDO | {name: one.get("Default") for name, one in TEMPLATE["Parameters"].items()}
        for name, resource in RESOURCES.items():  # functions know these by a name that they put together
            if resource["Type"] in ("AWS::S3::Bucket", "AWS::Serverless::StateMachine"):
                self.id_of(name)

    def id_of(self, name: str) -> str:
        """What the template's ``!Ref`` gives for a resource or a parameter. A resource is made when it is first asked for."""
        return str(self._ref(name))

    def _ref(self, name: str) -> Any:
        if name not in self._ids:
            resource = RESOURCES[name]
            make = getattr(self, f"_make_{resource['Type'].removeprefix('AWS::').replace('::', '_').lower()}")
            self._ids[name] = make(name, resource["Properties"])
        return self._ids[name]

    def _client(self, service: str) -> Any:
        """One for all that a test puts and looks at: to make one takes longer than most of what it is asked."""
        if service not in self._clients:
            self._clients[service] = boto3.client(service)  # type: ignore[call-overload]
        return self._clients[service]

    @cached_property
    def table(self) -> Any:
        return boto3.resource("dynamodb").Table(self.id_of("Table"))

    def item(self, pk: str, sk: str) -> dict[str, Any] | None:
        found: dict[str, Any] | None = self.table.get_item(Key={"PK": pk, "SK": sk}).get("Item")
        return found

    def begin_with(self, world: World) -> None:
        """Take over the items and objects of a world that lived in memory."""
        for (bucket, key), body in world.s3.objects.items():
            self.put(_BUCKETS[bucket], key, body)
        with self.table.batch_writer() as batch:
            for item in world.table.items.values():
                batch.put_item(Item=item)

    def put(self, bucket: str, key: str, body: bytes) -> None:
        self._client("s3").put_object(Bucket=self.id_of(bucket), Key=key, Body=body)

    def object(self, bucket: str, key: str) -> bytes:
        body: bytes = self._client("s3").get_object(Bucket=self.id_of(bucket), Key=key)["Body"].read()
        return body

    def keys(self, bucket: str) -> list[str]:
        found = self._client("s3").list_objects_v2(Bucket=self.id_of(bucket))
        return [one["Key"] for one in found.get("Contents", [])]

    def messages(self, queue: str) -> list[dict[str, Any]]:
        got = self._client("sqs").receive_message(QueueUrl=self.id_of(queue), MaxNumberOfMessages=10)
        return [json.loads(message["Body"]) for message in got.get("Messages", [])]

    def invoke(self, function: str, payload: dict[str, Any]) -> Any:
        """Call the function's handler with the environment that the template gives it, as a worker that has just begun."""
        properties = RESOURCES[function]["Properties"]
        module = importlib.import_module(properties["Handler"].rpartition(".")[0])
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.environment(function).items():
                patch.setenv(name, value)
            for wired in _wired_modules(module):
                if hasattr(wired, "utc_now"):
                    patch.setattr(wired, "utc_now", lambda: self.now)
            defaults = cast(dict[str, object], rate_limited_mailer.__kwdefaults__)
            patch.setitem(defaults, "sleep", self._pass_time)
            _forget(module)
            logger.remove_keys(["function_request_id"])
            try:
                with as_role_of(function):
                    result = module.lambda_handler(payload, Context(function))
            finally:
                _forget(module)
        assert logger.get_current_keys().get("function_request_id") == Context.aws_request_id, (
            "log lines name the request"
        )
        return result

    def _pass_time(self, seconds: float) -> None:
        """Nobody really sleeps."""
        self.now += timedelta(seconds=seconds)

    def environment(self, function: str) -> dict[str, str]:
        """The variables of a function, those of all functions among them."""
        shared = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
        own = RESOURCES[function]["Properties"].get("Environment", {}).get("Variables", {})
        values = {name: self._value(value) for name, value in (shared | own).items()}
        return {name: str(value) for name, value in values.items() if value is not None}

    def _value(self, value: Any) -> Any:
        match value:
            case {"Ref": name}:
                return self._ref(name)
            case {"Fn::Sub": str(text)}:
                for name, known in self._ids.items():
                    text = text.replace(f"${{{name}}}", str(known))
                return text
            case {"Fn::GetAtt": [name, "Arn"]}:
                return f"arn:aws:{name}"
            case {"Fn::If": [condition, then, otherwise]}:
                return self._value(then if self._holds(condition) else otherwise)
            case _:
                return value

    def _holds(self, condition: Any) -> bool:
        return holds(condition, TEMPLATE["Conditions"], self._value)

    # A method for each kind of resource that functions use, named after its type.

    def _make_dynamodb_table(self, name: str, properties: dict[str, Any]) -> str:
        given = {key: properties[key] for key in ("BillingMode", "AttributeDefinitions", "KeySchema")}
        self._client("dynamodb").create_table(TableName=f"{STACK}-{name}", **given)
        return f"{STACK}-{name}"

    def _make_s3_bucket(self, _name: str, properties: dict[str, Any]) -> str:
        bucket = str(self._value(properties["BucketName"]))
        self._client("s3").create_bucket(Bucket=bucket)
        return bucket

    def _make_sqs_queue(self, name: str, _properties: dict[str, Any]) -> str:
        return self._client("sqs").create_queue(QueueName=f"{STACK}-{name}")["QueueUrl"]

    def _make_secretsmanager_secret(self, name: str, _properties: dict[str, Any]) -> str:
        body = (
            json.dumps({f"{hub}_client_secret": value for hub, value in _HUB_SECRETS.items()})
            if name == "OidcSecret"
            else name * 8
        )
        return self._client("secretsmanager").create_secret(Name=name, SecretString=body)["ARN"]

    def _make_serverless_statemachine(self, _name: str, properties: dict[str, Any]) -> str:
        states = self._client("stepfunctions")
        made = states.create_state_machine(
            name=str(self._value(properties["Name"])), definition=json.dumps(_UNUSED_MACHINE), roleArn=_ROLE
        )
        return made["stateMachineArn"]

    def _make_cognito_userpool(self, name: str, properties: dict[str, Any]) -> str:
        pools = self._client("cognito-idp")
        made = pools.create_user_pool(
            PoolName=name, Schema=properties["Schema"], Policies=properties["Policies"],
            UsernameConfiguration=properties["UsernameConfiguration"],
        )  # fmt: skip
        return made["UserPool"]["Id"]

    def _make_cognito_userpoolclient(self, name: str, properties: dict[str, Any]) -> str:
        made = self._client("cognito-idp").create_user_pool_client(
            UserPoolId=self.id_of("UserPool"), ClientName=name, ExplicitAuthFlows=properties["ExplicitAuthFlows"]
        )
        return str(made["UserPoolClient"]["ClientId"])

    def _make_ses_configurationset(self, _name: str, properties: dict[str, Any]) -> str:
        name = str(self._value(properties["Name"]))
        ses = self._client("sesv2")
        ses.create_configuration_set(ConfigurationSetName=name)
        ses.create_email_identity(EmailIdentity=self.id_of("SenderEmail"))
        return name


def _wired_modules(handler: ModuleType) -> Iterator[ModuleType]:
    """The handler, and what it leaves its wiring to."""
    yield handler
    yield from (
        one for one in vars(handler).values() if isinstance(one, ModuleType) and one.__name__.startswith("functions.")
    )
    if handler.__name__.startswith("functions.pages."):
        yield importlib.import_module("functions.pages.bootstrap")


def _forget(handler: ModuleType) -> None:
    """As in a new worker: nothing that was wired or read before is kept."""
    for module in (*_wired_modules(handler), aws):
        for one in vars(module).values():
            if hasattr(one, "cache_clear"):
                one.cache_clear()


@contextmanager
def deployed(now: datetime) -> Iterator[Deployment]:
    """The stack in an account of nobody's."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_REGION"):
            patch.delenv(name, raising=False)
        for name, value in {
            "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION,
        }.items():  # fmt: skip
            patch.setenv(name, value)
        # Moto has no GetAccount; what it would give decides how fast mails go out.
        patch.setattr(SESV2Response, "get_account", lambda _self: json.dumps(_SES_ACCOUNT), raising=False)
        with mock_aws():
            yield Deployment(now)
