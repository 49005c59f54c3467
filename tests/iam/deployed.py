"""The roles that CloudFormation makes of template.yaml: SAM's transform, every name resolved as in one deployed stack."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from tests.account import ACCOUNT, PSEUDO_PARAMETERS, REGION
from tests.cloudformation import holds, transform_of
from tests.iam.policy import Statement, UnknownPolicy

_ROOT = Path(__file__).parents[2]
_CACHE = _ROOT / ".local" / "transformed.json"
"""Of the template that stands; SAM's translator takes seconds to be imported, in each process of a test run."""
_CHOSEN = {"PlatformLoginUrl": "https://platform.example/login"}
"""Parameters that bring in all there can be."""
_ARNS = {
    "AWS::DynamoDB::Table": "dynamodb:{place}:table/{name}",
    "AWS::SQS::Queue": "sqs:{place}:{name}",
    "AWS::SNS::Topic": "sns:{place}:{name}",
    "AWS::SecretsManager::Secret": "secretsmanager:{place}:secret:{name}",
    "AWS::Cognito::UserPool": "cognito-idp:{place}:userpool/{name}",
    "AWS::Lambda::Function": "lambda:{place}:function:{name}",
    "AWS::StepFunctions::StateMachine": "states:{place}:stateMachine:{name}",
    "AWS::Events::Rule": "events:{place}:rule/{name}",
    "AWS::IAM::Role": "iam::{account}:role/{name}",
    "AWS::S3::Bucket": "s3:::{name}",
    "AWS::Logs::LogGroup": "logs:{place}:log-group:{name}:*",
    "AWS::KMS::Key": "kms:{place}:key/{name}",
}
_NAMES = {"AWS::S3::Bucket": "BucketName", "AWS::Logs::LogGroup": "LogGroupName", "AWS::SES::ConfigurationSet": "Name"}
_NAMES |= {"AWS::StepFunctions::StateMachine": "StateMachineName"}
"""Properties by which a resource is called otherwise than by its logical id."""
_REF_IS_ARN = ("AWS::SecretsManager::Secret", "AWS::SNS::Topic", "AWS::StepFunctions::StateMachine")


def arn(service: str, rest: str) -> str:
    """The ARN of something in the stack's account and region."""
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}"


@cache
def stack() -> DeployedStack:
    """The template that stands, deployed."""
    return DeployedStack(transformed())


@cache
def transformed() -> dict[str, Any]:
    """The template after SAM's transform."""
    digest = hashlib.sha256((_ROOT / "template.yaml").read_bytes()).hexdigest()
    if _CACHE.exists():
        kept: dict[str, Any] = json.loads(_CACHE.read_text())
        if kept["of"] == digest:
            found: dict[str, Any] = kept["template"]
            return found
    # Imported here, because linters of templates take seconds to be imported, too.
    from tests.template import TEMPLATE

    made = transform_of(TEMPLATE)
    if _CACHE.parent.is_dir():
        new = _CACHE.with_suffix(f".{os.getpid()}")
        new.write_text(json.dumps({"of": digest, "template": made}))
        new.replace(_CACHE)
    return made


class DeployedStack:
    """The stack ``account-linking`` in an account of nobody's, with every parameter's default."""

    def __init__(self, template: Mapping[str, Any]) -> None:
        self.resources: dict[str, Any] = template["Resources"]
        self._conditions = template.get("Conditions", {})
        defaults = {name: one.get("Default", "") for name, one in template["Parameters"].items()}
        self._parameters = {**defaults, **_CHOSEN, **PSEUDO_PARAMETERS}

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        """The properties of all resources of a type, with every name resolved, by logical id."""
        return {
            name: self.resolved(one.get("Properties", {}))
            for name, one in self.resources.items()
            if one["Type"] == kind and ("Condition" not in one or self._holds(one["Condition"]))
        }

    @cached_property
    def roles(self) -> dict[str, tuple[Statement, ...]]:
        """What each role may do, by its logical id. Raises UnknownPolicy where the evaluator cannot say."""
        return {name: tuple(_statements(role)) for name, role in self.of_type("AWS::IAM::Role").items()}

    @cached_property
    def role_of_folder(self) -> dict[str, str]:
        """The role of the function whose handler lies in a folder of ``functions``."""
        functions = self.of_type("AWS::Lambda::Function").values()
        return {one["Handler"].split(".")[1]: one["Role"].rpartition("/")[2] for one in functions}

    def resolved(self, value: Any) -> Any:
        """A part of the template with its references resolved."""
        match value:
            case {"Ref": "AWS::NoValue"}:
                return None
            case {"Ref": name}:
                return self._ref(name)
            case {"Fn::GetAtt": [name, attribute]}:
                return self._attribute(name, attribute)
            case {"Fn::Sub": str(text)}:
                return self._substituted(text)
            case {"Fn::Sub": [text, names]}:
                for name, one in names.items():
                    text = text.replace(f"${{{name}}}", str(self.resolved(one)))
                return self._substituted(text)
            case {"Fn::Join": [between, parts]}:
                return between.join(self.resolved(part) for part in parts)
            case {"Fn::If": [condition, then, otherwise]}:
                return self.resolved(then if self._holds(condition) else otherwise)
            case dict():
                made = {name: self.resolved(one) for name, one in value.items()}
                return {name: one for name, one in made.items() if one is not None}
            case list():
                return [one for one in map(self.resolved, value) if one is not None]
        return value

    def _substituted(self, text: str) -> str:
        parts = text.split("${")
        return parts[0] + "".join(self._named(part.partition("}")[0]) + part.partition("}")[2] for part in parts[1:])

    def _named(self, name: str) -> str:
        logical, _, attribute = name.partition(".")
        return str(self._attribute(logical, attribute) if attribute else self._ref(logical))

    def _ref(self, name: str) -> Any:
        if name in self._parameters:
            return self._parameters[name]
        kind = self.resources[name]["Type"]
        if kind == "AWS::Lambda::Alias":
            properties = self.resolved(self.resources[name]["Properties"])
            return f"{arn('lambda', f'function:{properties["FunctionName"]}')}:{properties['Name']}"
        if kind == "AWS::Lambda::Version":
            properties = self.resolved(self.resources[name]["Properties"])
            return f"{arn('lambda', f'function:{properties["FunctionName"]}')}:1"
        return self._attribute(name, "Arn") if kind in _REF_IS_ARN else self._name(name)

    def _name(self, name: str) -> str:
        resource = self.resources[name]
        given = resource.get("Properties", {}).get(_NAMES.get(resource["Type"], ""))
        return str(self.resolved(given)) if given else name

    def _attribute(self, name: str, attribute: str) -> str:
        kind = self.resources[name]["Type"]
        if attribute in ("Arn", "TopicArn") and kind in _ARNS:
            place = f"{REGION}:{ACCOUNT}"
            return "arn:aws:" + _ARNS[kind].format(place=place, account=ACCOUNT, name=self._name(name))
        if attribute == "StreamArn":
            return arn("dynamodb", f"table/{name}/stream/2026")
        return f"{name}.{attribute}"

    def _holds(self, condition: Any) -> bool:
        return holds(condition, self._conditions, self.resolved)


def _statements(role: Mapping[str, Any]) -> Iterator[Statement]:
    if role.get("ManagedPolicyArns") or role.get("PermissionsBoundary"):
        raise UnknownPolicy("a managed policy or a boundary: its text is not in the template")
    for policy in role.get("Policies", ()):
        yield from map(Statement.read, _listed(policy["PolicyDocument"]["Statement"]))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
