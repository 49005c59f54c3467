"""``make deploy``: build and deploy for one architecture, the first time and every time, and say what is left to do.

Each parameter of ``template.yaml`` is a variable: ``GoogleClientId`` is GOOGLE_CLIENT_ID. What is not given stays as it
is deployed. Exit codes: 0 deployed; 1 AWS or the build refused; 2 something is missing, and nothing was done.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from cfnlint.decode import cfn_yaml

from operations.doctor.command import CHECKS, examine, line
from operations.doctor.facts import Facts
from operations.doctor.finding import State
from operations.doctor.preview import DISTRICT, preview
from operations.stack import Stack, session, stack_on_aws
from operations.version import ROOT, version

DEPLOYED, REFUSED, MISSING = 0, 1, 2
BUILT = ROOT / ".aws-sam/build"
SAM = ROOT / ".local/sam-env/bin/sam"
_OWN = ("Version", "EndpointUrl", "Emulator")
"""Parameters that this command sets, or that only functions in a container need."""
_PROTECTION = "DeletionProtection"
"""Off while the first deployment can still fail half-way, and on from the second on."""
_ASKED = {
    "ALARM_EMAIL": "Address that alarms are mailed to",
    "DOMAIN_NAME": "Domain of your own for the pages, such as link.example.org; empty: the address that AWS gives them",
    "CERTIFICATE_ARN": "ARN of its certificate in ACM; empty: none",
    "GOOGLE_CLIENT_ID": "Client id at Google; empty: none yet",
    "CLEVER_CLIENT_ID": "Client id at Clever; empty: none yet",
    "CLASSLINK_CLIENT_ID": "Client id at ClassLink; empty: none yet",
    "MICROSOFT_CLIENT_ID": "Client id at Microsoft; empty: none yet",
}
"""Asked for on a terminal at the first deployment, and not needed."""

type Ask = Callable[[str], str]
type Run = Callable[[Sequence[str], Mapping[str, str]], int]


class SettingMissing(Exception):
    """Something that a deployment needs was not given. The message names all of it."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """What is to be deployed. Of ``parameters`` those that are not here stay as they are deployed."""

    stack: str
    architecture: str
    parameters: Mapping[str, str]
    bucket: str = ""
    """Where the code goes; empty: a bucket that SAM makes for this account and region."""


def variable_of(parameter: str) -> str:
    """``GoogleClientId`` → ``GOOGLE_CLIENT_ID``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", parameter).upper()


def template_parameters(template: Path = ROOT / "template.yaml") -> tuple[str, ...]:
    return tuple(cfn_yaml.load(str(template))["Parameters"])


def gathered(
    environment: Mapping[str, str],
    known: Sequence[str],
    deployed: Callable[[str], Mapping[str, str] | None],
    ask: Ask | None,
    missing: Sequence[str] = (),
) -> Deployment:
    """What the environment, the deployed stack and a person say together; ``missing`` is what is missing besides.

    ``deployed`` returns the parameters of a stack, or None; ``ask`` is None where there is nobody to ask. Raises
    SettingMissing.
    """
    variables = {variable_of(name): name for name in known if name not in _OWN}
    given = {name: environment[variable] for variable, name in variables.items() if environment.get(variable)}
    stack = environment.get("STACK", "") or (ask("Name of the stack") if ask else "")
    standing = deployed(stack) if stack else None
    given |= _sender(environment, variables, ask if standing is None else None)
    missing = [*missing, *([] if stack else ["STACK={name of the stack}"])]
    if standing is None and not _sends_as(given):
        missing.append("SENDER_DOMAIN={domain that mails are sent from}, or SENDER_EMAIL={one address}")
    if standing is None and ask:
        given |= {
            variables[variable]: said
            for variable, question in _ASKED.items()
            if variable in variables and variables[variable] not in given and (said := ask(question))
        }
    both = {**(standing or {}), **given}
    if bool(both.get("DomainName")) != bool(both.get("CertificateArn")):
        missing.append("DOMAIN_NAME={domain of the pages} and CERTIFICATE_ARN={its certificate}, which go together")
    if missing:
        raise SettingMissing("Missing: " + "; ".join(missing))
    architecture = environment.get("ARCHITECTURE") or (standing or {}).get("Architecture") or "arm64"
    own = {"Version": version(), "Emulator": "true" if environment.get("AWS_ENDPOINT_URL") else "false"}
    if standing is not None and _PROTECTION not in given:
        own[_PROTECTION] = "true"
    own = {name: value for name, value in own.items() if name in known}
    return Deployment(
        stack, architecture, {**given, **own, "Architecture": architecture}, environment.get("S3_BUCKET", "")
    )


def _sender(environment: Mapping[str, str], variables: Mapping[str, str], ask: Ask | None) -> dict[str, str]:
    """The domain or the address to send from, whichever was said; each takes the place of the other."""
    domain, address = environment.get("SENDER_DOMAIN", ""), environment.get("SENDER_EMAIL", "")
    if not domain and not address and ask:
        said = ask("Domain that mails are sent from, or one address of it")
        domain, address = ("", said) if "@" in said else (said, "")
    if not domain:
        return {"SenderEmail": address, "SenderDomain": ""} if address else {}
    return {"SenderDomain": domain} if "SENDER_DOMAIN" in variables else {"SenderEmail": f"no-reply@{domain}"}


def _sends_as(parameters: Mapping[str, str]) -> str:
    """The domain or the address that SES has to verify."""
    return parameters.get("SenderDomain") or parameters.get("SenderEmail") or ""


def with_sender_that_exists(deployment: Deployment, standing: Mapping[str, str], ses: Any) -> Deployment:
    """Use a sender as it is that SES knows by hand or by another stack: a second identity of its name cannot be made."""
    name = _sends_as(deployment.parameters)
    if not name or name == _sends_as(standing) or "SenderExists" in deployment.parameters:
        return deployment
    try:
        ses.get_email_identity(EmailIdentity=name)
        exists = "true"
    except ClientError as error:
        if error.response["Error"]["Code"] != "NotFoundException":
            raise
        exists = "false"
    return replace(deployment, parameters={**deployment.parameters, "SenderExists": exists})


def commands(deployment: Deployment, region: str, *, confirm: bool) -> Iterator[list[str]]:
    """What SAM is called with: the build, then the deployment of what was built."""
    architecture = f"Architecture={deployment.architecture}"
    yield [
        *(str(SAM), "build", "--build-in-source", "--template-file", str(ROOT / "template.yaml")),
        *("--build-dir", str(BUILT), "--parameter-overrides", architecture),
    ]
    yield [
        *(str(SAM), "deploy", "--template-file", str(BUILT / "template.yaml"), "--stack-name", deployment.stack),
        *(["--s3-bucket", deployment.bucket] if deployment.bucket else ["--resolve-s3"]),
        *(
            "--s3-prefix",
            deployment.stack,
            "--capabilities",
            "CAPABILITY_IAM",
            "CAPABILITY_NAMED_IAM",
            "--region",
            region,
        ),
        *("--no-fail-on-empty-changeset", "--no-progressbar"),
        "--confirm-changeset" if confirm else "--no-confirm-changeset",
        *("--parameter-overrides", *(f"{name}={_quoted(value)}" for name, value in deployment.parameters.items())),
    ]


def _quoted(value: str) -> str:
    """As SAM reads values: within quotes, in which a quote or a backslash is escaped."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def next_steps(facts: Facts) -> Iterator[str]:
    """What a person has to do before people can be invited. A preview is left for the end."""
    url = facts.stack.outputs["WebUrl"]
    yield f"Pages: {url}. Callback addresses: {url}/callback/google and {url}/callback/clever."
    number = 0
    for name, finding in examine(facts, tuple(check for check in CHECKS if check.look is not preview)):
        if finding.state is State.WRONG:
            number += 1
            yield f"{number}. {line(name, finding)[2:].rstrip()}"
    if not _has_districts(facts):
        number += 1
        register = f"make register-district STACK={facts.stack.name} DISTRICT={{id}} FILE={{district.json}}"
        yield f"{number}. Register the first district: {register}"
    yield f"{number + 1}. See that all is in order: make doctor STACK={facts.stack.name}"


def _has_districts(facts: Facts) -> bool:
    bucket = facts.stack.outputs["RosterBucketName"]
    listed = facts.client("s3").list_objects_v2(Bucket=bucket, Prefix="districts/", MaxKeys=10)
    return any(f"/{DISTRICT}/" not in found["Key"] for found in listed.get("Contents", ()))


def deploy(deployment: Deployment, region: str, run: Run, *, confirm: bool) -> int:
    """Build and deploy. Return SAM's exit code where it failed, else 0."""
    environment = {**os.environ, "ARCHITECTURE": deployment.architecture, "SAM_CLI_TELEMETRY": "0"}
    for command in commands(deployment, region, confirm=confirm):
        if code := run(command, environment):
            return code
    return 0


def main() -> int:
    is_terminal = sys.stdin.isatty()
    try:
        aws = session()
        region = aws.region_name or ""
        deployment = gathered(
            os.environ,
            template_parameters(),
            (lambda name: _deployed(aws, name)) if region else (lambda _name: None),
            _ask if is_terminal else None,
            () if region else ["AWS_REGION={region that the stack is to be in}"],
        )
        who = aws.client("sts").get_caller_identity()
        standing = _deployed(aws, deployment.stack) or {}
        deployment = with_sender_that_exists(deployment, standing, aws.client("sesv2"))
    except SettingMissing as error:
        sys.stderr.write(f"{error}\nNothing was done. README, Deploy it, says more.\n")
        return MISSING
    except (BotoCoreError, ClientError) as error:
        sys.stderr.write(
            f"AWS cannot be asked: {error}\nAWS_PROFILE and AWS_REGION say who asks, and where. Nothing was done.\n"
        )
        return MISSING
    sys.stderr.write(f"Stack: {deployment.stack} (account {who['Account']}, region {region})\n")
    for name, value in deployment.parameters.items():
        sys.stderr.write(f"  {name} = {value}\n")
    if code := deploy(deployment, region, _run, confirm=is_terminal and not os.environ.get("YES")):
        return REFUSED if code else DEPLOYED
    stack = stack_on_aws(deployment.stack)
    sys.stdout.write(f"\nDeployed: {stack}\n\nNext:\n")
    for step in next_steps(_facts(stack)):
        sys.stdout.write(f"{step}\n")
    return DEPLOYED


def _facts(stack: Stack) -> Facts:
    return Facts(stack, sleep=time.sleep, version=version())


def _deployed(aws: boto3.Session, name: str) -> Mapping[str, str] | None:
    """The parameters of a stack that was deployed; None where there is none, or where the first try failed."""
    try:
        (stack,) = aws.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        return None
    if stack["StackStatus"] == "REVIEW_IN_PROGRESS":
        return None
    if stack["StackStatus"] == "ROLLBACK_COMPLETE":
        raise SettingMissing(
            f"The first deployment of {name} failed, and nothing of it stands: aws cloudformation describe-stack-events says "
            f"why. Mend it, then `aws cloudformation delete-stack --stack-name {name}`, and deploy again."
        )
    return {p["ParameterKey"]: p.get("ParameterValue", "") for p in stack.get("Parameters", ())}


def _ask(question: str) -> str:
    sys.stderr.write(f"{question}: ")
    sys.stderr.flush()
    return sys.stdin.readline().strip()


def _run(command: Sequence[str], environment: Mapping[str, str]) -> int:
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode  # noqa: S603 (SAM's own)


if __name__ == "__main__":
    sys.exit(main())
